//! Typed characters on a reliable data channel (RFC 8865 section 5): no redundancy, no numbers,
//! only a rhythm and the rate that the reader takes.

use std::time::Instant;

use vrs_domain::limit::{TEXT_INTERVAL, TEXT_PENDING_BYTES_MAX};

use super::rate::CharacterRate;
use super::{BYTE_ORDER_MARK, MISSING_TEXT};

/// Most bytes of one message: a few words, so that it fits one datagram.
const MESSAGE_BYTES_MAX: usize = 1_000;

/// The sending half of a text channel.
pub struct ChannelSender {
    began: Instant,
    last_sent: Option<Instant>,
    pending: String,
    rate: CharacterRate,
    message_bytes_max: usize,
}

impl ChannelSender {
    /// `cps`: characters a second that the reader takes; `message_bytes_max`: the longest message
    /// that it takes, in bytes.
    #[must_use]
    pub fn new(now: Instant, cps: u16, message_bytes_max: u32) -> Self {
        let theirs = usize::try_from(message_bytes_max).unwrap_or(usize::MAX);
        Self {
            began: now,
            last_sent: None,
            pending: String::new(),
            rate: CharacterRate::new(cps),
            // One character has up to four bytes.
            message_bytes_max: theirs.clamp(4, MESSAGE_BYTES_MAX),
        }
    }

    /// Adds typed characters. False if too much is waiting already; nothing was taken then.
    pub fn push(&mut self, text: &str) -> bool {
        if self.pending.len() + text.len() > TEXT_PENDING_BYTES_MAX {
            return false;
        }
        self.pending.push_str(text);
        true
    }

    /// The channel broke while the reader had not got everything (RFC 8865 section 5.4).
    pub fn lost(&mut self) {
        if !self.pending.starts_with(MISSING_TEXT) {
            self.pending.insert(0, MISSING_TEXT);
        }
    }

    /// When [`Self::poll`] has something next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.pending.is_empty() {
            return None;
        }
        let regular = self.last_sent.map_or(self.began, |at| at + TEXT_INTERVAL);
        Some(self.rate.free_at().map_or(regular, |at| at.max(regular)))
    }

    /// The message due now, if any: whole characters, at most one message per 300 ms.
    pub fn poll(&mut self, now: Instant) -> Option<String> {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return None;
        }
        let room = self.rate.room(now);
        let (mut cut, mut count) = (0, 0);
        for (at, c) in self.pending.char_indices().take(room) {
            let end = at + c.len_utf8();
            if end > self.message_bytes_max {
                break;
            }
            (cut, count) = (end, count + 1);
        }
        self.rate.note(now, count);
        self.last_sent = Some(now);
        Some(self.pending.drain(..cut).collect())
    }
}

/// The characters of a message: byte order marks carry nothing; bytes that are not UTF-8 are shown
/// as lost.
pub(crate) fn readable(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    text.chars().filter(|c| *c != BYTE_ORDER_MARK).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;
    use std::time::Duration;

    /// Everything that is sent within so many seconds, and when.
    fn sent(sender: &mut ChannelSender, begin: Instant, seconds: u64) -> Vec<(u64, String)> {
        let mut sent = Vec::new();
        for step in 0..seconds * 100 {
            let message = sender.poll(begin + Duration::from_millis(step * 10));
            sent.extend(message.map(|message| (step * 10, message)));
        }
        sent
    }

    #[test]
    fn r40_characters_are_gathered_for_300_ms_and_then_sent_whole() {
        let begin = start();
        let mut sender = ChannelSender::new(begin, 30, 64_000);
        assert_eq!(sender.poll_timeout(), None);
        assert!(sender.push("h"));
        assert_eq!(sent(&mut sender, begin, 1), [(0, "h".to_owned())]);
        assert!(sender.push("e"));
        assert!(sender.push("y\u{1f44b}"));
        let again = begin + Duration::from_millis(150);
        assert_eq!(sender.poll_timeout(), Some(begin + TEXT_INTERVAL));
        assert_eq!(
            sent(&mut sender, again, 1),
            [(150, "ey\u{1f44b}".to_owned())]
        );
    }

    #[test]
    fn r40_no_more_characters_are_sent_than_the_reader_takes() {
        let begin = start();
        let mut sender = ChannelSender::new(begin, 30, 64_000);
        assert!(sender.push(&"x".repeat(1_000)));
        let sent = sent(&mut sender, begin, 41);
        let within = |from: u64| -> usize {
            let window = |(at, _): &&(u64, String)| (from..from + 10_000).contains(at);
            sent.iter().filter(window).map(|(_, text)| text.len()).sum()
        };
        for (at, _) in &sent {
            assert!(within(*at) <= 300, "{at}");
        }
        assert_eq!(within(0), 300);
        assert_eq!(
            sent.iter().map(|(_, text)| text.len()).sum::<usize>(),
            1_000
        );
    }

    #[test]
    fn long_text_is_cut_between_characters_and_too_much_is_refused() {
        let begin = start();
        let mut sender = ChannelSender::new(begin, 1_000, 5);
        assert!(!sender.push(&"x".repeat(TEXT_PENDING_BYTES_MAX + 1)));
        assert!(sender.push("ü\u{1f44b}b"));
        let messages: Vec<String> = sent(&mut sender, begin, 2)
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(messages, ["ü", "\u{1f44b}b"]);
    }

    #[test]
    fn r40_what_was_lost_with_the_channel_is_marked_once() {
        let begin = start();
        let mut sender = ChannelSender::new(begin, 30, 64_000);
        assert!(sender.push("later"));
        sender.lost();
        sender.lost();
        let first = sent(&mut sender, begin, 1).remove(0);
        assert_eq!(first.1, "\u{fffd}later");
        assert_eq!(readable(b"\xef\xbb\xbfhi\xff"), "hi\u{fffd}");
    }
}
