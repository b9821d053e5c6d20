//! Puts received text in order, each block once (RFC 4103 sections 5.3 and 5.4).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::red::parse_red;
use super::{MISSING_TEXT, readable};

/// How long a gap that redundancy cannot fill may still be filled by late packets.
pub(super) const REORDER_WAIT: Duration = Duration::from_millis(700);
/// Most blocks held back behind a gap.
const BLOCKS_HELD_MAX: usize = 64;

/// The receiving half of a text stream.
pub struct Receiver {
    payload_type: u8,
    next: Option<u64>,
    held: BTreeMap<u64, String>,
    gap_since: Option<Instant>,
}

impl Receiver {
    /// `payload_type`: that of T.140, as it appears inside RED.
    #[must_use]
    pub fn new(payload_type: u8) -> Self {
        Self {
            payload_type,
            next: None,
            held: BTreeMap::new(),
            gap_since: None,
        }
    }

    /// Takes the payload of the packet with this unwrapped sequence number.
    ///
    /// Blocks of another payload type than T.140 and packets that cannot be read are dropped.
    pub fn receive(&mut self, now: Instant, sequence: u64, red: bool, payload: &[u8]) {
        let mut blocks = Vec::with_capacity(3);
        if red {
            let Some(parsed) = parse_red(payload) else {
                return;
            };
            let generations = parsed.redundant.len() as u64;
            for (place, block) in (0..).zip(&parsed.redundant) {
                if block.payload_type == self.payload_type {
                    blocks.push((sequence.saturating_sub(generations - place), block.bytes));
                }
            }
            if parsed.primary.0 != self.payload_type {
                return;
            }
            blocks.push((sequence, parsed.primary.1));
        } else {
            blocks.push((sequence, payload));
        }
        let first = blocks.first().map_or(sequence, |(number, _)| *number);
        let next = *self.next.get_or_insert(first);
        for (number, bytes) in blocks {
            if number >= next && self.held.len() < BLOCKS_HELD_MAX {
                self.held.entry(number).or_insert_with(|| readable(bytes));
            }
        }
        let waiting = self
            .held
            .first_key_value()
            .is_some_and(|(number, _)| *number != next);
        if waiting && self.gap_since.is_none() {
            self.gap_since = Some(now);
        }
    }

    /// When [`Self::poll`] gives a gap up.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.gap_since.map(|since| since + REORDER_WAIT)
    }

    /// Text that is due, if any.
    pub fn poll(&mut self, now: Instant) -> Option<String> {
        let mut text = String::new();
        let mut moved = self.drain(&mut text);
        let given_up = self.poll_timeout().is_some_and(|due| due <= now);
        if given_up || self.held.len() >= BLOCKS_HELD_MAX {
            if let Some((&number, _)) = self.held.first_key_value() {
                text.push(MISSING_TEXT);
                self.next = Some(number);
            }
            moved = true;
            self.drain(&mut text);
        }
        if self.held.is_empty() {
            self.gap_since = None;
        } else if moved {
            self.gap_since = Some(now); // another gap begins
        }
        (!text.is_empty()).then_some(text)
    }

    fn drain(&mut self, text: &mut String) -> bool {
        let Some(next) = &mut self.next else {
            return false;
        };
        let before = *next;
        while let Some(block) = self.held.remove(next) {
            text.push_str(&block);
            *next += 1;
        }
        *next != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::t140::write_red;
    use crate::testing::start;

    #[test]
    fn reordered_and_repeated_packets_are_read_once() {
        let now = start();
        let mut receiver = Receiver::new(98);
        receiver.receive(now, 100, false, "a".as_bytes());
        receiver.receive(now, 102, false, "c".as_bytes());
        assert_eq!(receiver.poll(now).as_deref(), Some("a"));
        receiver.receive(now, 102, false, "c".as_bytes());
        receiver.receive(now, 101, false, "b".as_bytes());
        assert_eq!(receiver.poll(now).as_deref(), Some("bc"));
        receiver.receive(now, 101, false, "b".as_bytes());
        assert_eq!(receiver.poll(now), None);
        assert_eq!(receiver.poll_timeout(), None);
    }

    #[test]
    fn byte_order_marks_vanish_and_broken_utf8_is_shown() {
        let now = start();
        let mut receiver = Receiver::new(98);
        receiver.receive(now, 1, false, "\u{feff}hi".as_bytes());
        receiver.receive(now, 2, false, &[0xff]);
        assert_eq!(receiver.poll(now).as_deref(), Some("hi\u{fffd}"));
    }

    #[test]
    fn text_that_began_before_we_listened_is_taken_from_the_redundancy() {
        let now = start();
        let mut receiver = Receiver::new(98);
        let payload = write_red(98, &[(600, b"one "), (300, b"two ")], b"three");
        receiver.receive(now, 500, true, &payload);
        assert_eq!(receiver.poll(now).as_deref(), Some("one two three"));
    }
}
