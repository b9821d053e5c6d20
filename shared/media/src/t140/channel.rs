//! Typed characters on a reliable data channel (RFC 8865 section 5): no redundancy, no numbers,
//! only a rhythm and the rate that the reader takes. A channel cannot say who wrote, so several
//! people are told apart by labels (RFC 8865 section 5.5).

use std::time::Instant;

use vrs_domain::limit::TEXT_INTERVAL;

use super::interleave::Interleaver;
use super::rate::CharacterRate;
use super::{BYTE_ORDER_MARK, MISSING_TEXT, Writer};

/// Most bytes of one message: a few words, so that it fits one datagram.
const MESSAGE_BYTES_MAX: usize = 1_000;

/// The sending half of a text channel.
pub struct ChannelSender {
    began: Instant,
    last_sent: Option<Instant>,
    feed: Interleaver,
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
            feed: Interleaver::new(now),
            rate: CharacterRate::new(cps),
            // One character has up to four bytes.
            message_bytes_max: theirs.clamp(4, MESSAGE_BYTES_MAX),
        }
    }

    /// Adds what `writer` typed (`None`: we ourselves). False if too much is waiting already;
    /// nothing was taken then, and the reader is told where something is missing.
    pub fn push(&mut self, now: Instant, writer: Option<&Writer>, text: &str) -> bool {
        let taken = self.feed.push(now, writer, text);
        if !taken {
            self.feed.overflow(now, writer);
        }
        taken
    }

    /// A writer has left.
    pub fn gone(&mut self, source: u32) {
        self.feed.gone(source);
    }

    /// The channel broke while the reader had not got everything (RFC 8865 section 5.4).
    pub fn lost(&mut self) {
        self.feed.first(MISSING_TEXT);
    }

    /// When [`Self::poll`] has something next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.feed.due()?;
        let regular = self.last_sent.map_or(self.began, |at| at + TEXT_INTERVAL);
        Some(due.max(regular).max(self.rate.free_at().unwrap_or(regular)))
    }

    /// The message due now, if any: whole characters, at most one message per 300 ms.
    pub fn poll(&mut self, now: Instant) -> Option<String> {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return None;
        }
        let room = self.rate.room(now);
        let message = self.feed.take(now, room, self.message_bytes_max);
        if message.is_empty() {
            return None;
        }
        self.rate.note(now, message.chars().count());
        self.last_sent = Some(now);
        Some(message)
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
    use vrs_domain::limit::TEXT_PENDING_BYTES_MAX;

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
        assert!(sender.push(begin, None, "h"));
        assert_eq!(sent(&mut sender, begin, 1), [(0, "h".to_owned())]);
        assert!(sender.push(begin, None, "e"));
        assert!(sender.push(begin, None, "y\u{1f44b}"));
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
        assert!(sender.push(begin, None, &"x".repeat(1_000)));
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
        assert!(sender.push(begin, None, "ü\u{1f44b}b"));
        assert!(!sender.push(begin, None, &"x".repeat(TEXT_PENDING_BYTES_MAX)));
        assert!(!sender.push(begin, None, &"x".repeat(TEXT_PENDING_BYTES_MAX)));
        let messages: Vec<String> = sent(&mut sender, begin, 2)
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(messages, ["ü", "\u{1f44b}b", "\u{fffd}"]);
    }

    #[test]
    fn r40_what_was_lost_with_the_channel_is_marked_once() {
        let begin = start();
        let mut sender = ChannelSender::new(begin, 30, 64_000);
        assert!(sender.push(begin, None, "later"));
        sender.lost();
        sender.lost();
        let first = sent(&mut sender, begin, 1).remove(0);
        assert_eq!(first.1, "\u{fffd}later");
        assert_eq!(readable(b"\xef\xbb\xbfhi\xff"), "hi\u{fffd}");
    }
}
