//! Gathers typed characters and says what to send when (RFC 4103 section 5).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use vrs_domain::limit::{TEXT_INTERVAL, TEXT_PENDING_BYTES_MAX, TEXT_REDUNDANCY};

use super::red::write_red;

/// Most bytes of new text in one packet: three generations fit one datagram.
const PRIMARY_BYTES_MAX: usize = 300;

/// What to put into the next RTP packet of the text stream.
#[derive(Clone, PartialEq, Eq)]
pub struct TextPacket {
    /// First packet after idle (RFC 4103 section 5.1).
    pub marker: bool,
    /// Milliseconds since the sender began: the RTP clock runs at 1 kHz.
    pub timestamp: u32,
    /// Payload is RED (send with its payload type), else plain T.140.
    pub red: bool,
    /// The payload itself.
    pub payload: Vec<u8>,
}

/// The sending half of a text stream.
pub struct Sender {
    began: Instant,
    red_payload_type: Option<u8>,
    pending: String,
    /// Blocks of the last packets, newest last, each with its timestamp.
    sent: VecDeque<(u32, Vec<u8>)>,
    /// Packets still owed so that the last text is repeated often enough.
    repeats_left: usize,
    last_sent: Option<Instant>,
    idle: bool,
}

impl Sender {
    /// `redundant`: the T.140 payload type inside RED, if RED was negotiated.
    #[must_use]
    pub fn new(now: Instant, redundant: Option<u8>) -> Self {
        Self {
            began: now,
            red_payload_type: redundant,
            pending: String::new(),
            sent: VecDeque::new(),
            repeats_left: 0,
            last_sent: None,
            idle: true,
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

    /// When [`Self::poll`] has something next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.pending.is_empty() && self.repeats_left == 0 {
            return None;
        }
        Some(
            self.last_sent
                .map_or(self.began, |last| last + TEXT_INTERVAL),
        )
    }

    /// The packet due now, if any: at most one per 300 ms.
    pub fn poll(&mut self, now: Instant) -> Option<TextPacket> {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return None;
        }
        let primary = self.take_primary();
        let timestamp = millis(now.saturating_duration_since(self.began));
        let has_text = !primary.is_empty();
        let payload = match self.red_payload_type {
            Some(payload_type) => {
                let redundant: Vec<(u32, &[u8])> = self
                    .sent
                    .iter()
                    .map(|(at, block)| (timestamp.wrapping_sub(*at), block.as_slice()))
                    .collect();
                write_red(payload_type, &redundant, &primary)
            }
            None => primary.clone(),
        };
        let packet = TextPacket {
            marker: self.idle,
            timestamp,
            red: self.red_payload_type.is_some(),
            payload,
        };
        self.sent.push_back((timestamp, primary));
        if self.sent.len() > TEXT_REDUNDANCY {
            self.sent.pop_front();
        }
        self.repeats_left = match (has_text, self.red_payload_type) {
            (true, Some(_)) => TEXT_REDUNDANCY,
            (true, None) => 0,
            (false, _) => self.repeats_left.saturating_sub(1),
        };
        self.idle = self.repeats_left == 0 && self.pending.is_empty();
        self.last_sent = Some(now);
        Some(packet)
    }

    /// Whole characters only, as many as fit one packet.
    fn take_primary(&mut self) -> Vec<u8> {
        let mut cut = self.pending.len().min(PRIMARY_BYTES_MAX);
        while !self.pending.is_char_boundary(cut) {
            cut -= 1;
        }
        self.pending.drain(..cut).collect::<String>().into_bytes()
    }
}

fn millis(passed: Duration) -> u32 {
    passed.as_millis() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::t140::parse_red;
    use crate::testing::start;

    #[test]
    fn r38_one_original_and_two_repeats_every_300_ms() {
        let begin = start();
        let mut sender = Sender::new(begin, Some(98));
        assert!(sender.push("hi"));
        let mut sent = Vec::new();
        for step in 0..200u64 {
            let now = begin + Duration::from_millis(step * 10);
            if let Some(packet) = sender.poll(now) {
                sent.push((step * 10, packet));
            }
        }
        let times: Vec<u64> = sent.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [0, 300, 600]);
        let markers: Vec<bool> = sent.iter().map(|(_, packet)| packet.marker).collect();
        assert_eq!(markers, [true, false, false]);
        let last = parse_red(&sent[2].1.payload).unwrap();
        assert_eq!(last.redundant[0].1, b"hi");
        assert_eq!(last.primary.1, b"");
        assert_eq!(sender.poll_timeout(), None, "silent when idle");
    }

    #[test]
    fn too_much_text_is_refused_and_long_text_is_cut_between_characters() {
        let begin = start();
        let mut sender = Sender::new(begin, None);
        assert!(!sender.push(&"x".repeat(TEXT_PENDING_BYTES_MAX + 1)));
        assert!(sender.push(&"ü".repeat(200)));
        let first = sender.poll(begin).unwrap();
        assert_eq!(
            std::str::from_utf8(&first.payload).unwrap().chars().count(),
            150
        );
        assert_eq!(sender.poll(begin), None);
        assert!(sender.poll(begin + TEXT_INTERVAL).is_some());
    }

    impl std::fmt::Debug for TextPacket {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "TextPacket({} bytes)", self.payload.len())
        }
    }
}
