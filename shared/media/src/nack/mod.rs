//! Asking for lost packets again (RFC 4585 section 6.2.1), and answering such requests: from what
//! was received from the source ([`Kept`]) and how it was sent on ([`SentLog`]).

mod kept;
mod recent;
mod sent;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub(crate) use kept::Kept;
pub(crate) use sent::{Again, Held, SentLog};

/// A gap may be plain reordering for this long before it is asked for.
const REORDER_GRACE: Duration = Duration::from_millis(10);
/// Shortest time between two requests for the same packet.
const RETRY_MIN: Duration = Duration::from_millis(40);
/// A packet is asked for at most this often.
const TRIES_MAX: u32 = 6;
/// A packet is given up after this time.
const AGE_MAX: Duration = Duration::from_millis(1_000);
/// Most packets missing at once; beyond it a key frame is the better remedy.
const MISSING_MAX: usize = 200;

#[derive(Debug, Clone, Copy)]
struct Missing {
    since: Instant,
    due: Instant,
    tries: u32,
}

/// Finds gaps in what arrives and says what to ask for when.
#[derive(Debug, Default)]
pub struct NackGenerator {
    highest: Option<u64>,
    missing: BTreeMap<u64, Missing>,
    /// Nothing is to be asked for before: most packets that come while others are missing change
    /// nothing about that.
    due: Option<Instant>,
}

impl NackGenerator {
    /// Notes the arrival of a packet (unwrapped sequence number). Says whether
    /// [`Self::poll_timeout`] is earlier than it was.
    pub fn received(&mut self, now: Instant, sequence: u64) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(sequence);
            return false;
        };
        if sequence <= highest {
            self.missing.remove(&sequence);
            return false;
        }
        self.highest = Some(sequence);
        if sequence - highest > MISSING_MAX as u64 {
            self.missing.clear(); // a jump, not a loss
            return false;
        }
        let due = now + REORDER_GRACE;
        for lost in highest + 1..sequence {
            let missing = Missing {
                since: now,
                due,
                tries: 0,
            };
            self.missing.insert(lost, missing);
        }
        while self.missing.len() > MISSING_MAX {
            self.missing.pop_first();
        }
        let is_earlier = sequence > highest + 1 && self.due.is_none_or(|before| due < before);
        if is_earlier {
            self.due = Some(due);
        }
        is_earlier
    }

    /// Nobody waits any more for packets before this one.
    pub fn forget_before(&mut self, sequence: u64) {
        self.missing = self.missing.split_off(&sequence);
    }

    /// Whether a packet with this number on the wire is missing.
    #[must_use]
    pub fn waits_for(&self, sequence: u16) -> bool {
        self.missing
            .keys()
            .any(|missing| *missing as u16 == sequence)
    }

    /// When [`Self::poll`] has to be called next; it may have nothing then.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The packets to ask for now. Each is asked for again after `rtt` (at least 40 ms), each
    /// time after half as long again, up to six times within a second.
    pub fn poll(&mut self, now: Instant, rtt: Option<Duration>) -> Vec<u64> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        let first_wait = rtt
            .map_or(RETRY_MIN * 2, |rtt| rtt + rtt / 4)
            .max(RETRY_MIN);
        let mut asked = Vec::new();
        self.missing.retain(|sequence, missing| {
            if missing.due > now {
                return true;
            }
            let age = now.saturating_duration_since(missing.since);
            if missing.tries >= TRIES_MAX || age > AGE_MAX {
                return false;
            }
            asked.push(*sequence);
            missing.due = now + first_wait * 3u32.pow(missing.tries) / 2u32.pow(missing.tries);
            missing.tries += 1;
            true
        });
        self.due = self.missing.values().map(|missing| missing.due).min();
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn r45_gaps_are_asked_for_with_growing_pauses_and_given_up() {
        let begin = start();
        let mut nack = NackGenerator::default();
        nack.received(begin, 10);
        nack.received(begin, 13);
        nack.received(begin, 12);
        let mut asked_at = Vec::new();
        for ms in 0..3_000 {
            let now = begin + Duration::from_millis(ms);
            let asked = nack.poll(now, Some(Duration::from_millis(40)));
            if !asked.is_empty() {
                assert_eq!(asked, [11]);
                asked_at.push(ms);
            }
        }
        assert_eq!(asked_at, [10, 60, 135, 248, 417, 671]);
        assert_eq!(nack.poll_timeout(), None);
    }

    #[test]
    fn r45_only_a_packet_after_a_gap_makes_it_due_earlier() {
        let (begin, ms) = (start(), Duration::from_millis);
        let mut nack = NackGenerator::default();
        assert!(!nack.received(begin, 1));
        assert!(!nack.received(begin, 2));
        assert!(nack.received(begin, 4));
        assert_eq!(nack.poll_timeout(), Some(begin + REORDER_GRACE));
        // It is due already when the next gap will be.
        assert!(!nack.received(begin + ms(5), 6));
        assert!(!nack.received(begin + ms(6), 7));
        assert!(nack.poll(begin + ms(9), None).is_empty());
        assert_eq!(nack.poll(begin + ms(10), None), [3]);
        assert_eq!(nack.poll_timeout(), Some(begin + ms(15)));
        assert!(!nack.received(begin + ms(11), 5));
        assert!(nack.poll(begin + ms(15), None).is_empty());
        // What is asked for again later waits for no new gap.
        assert!(nack.received(begin + ms(20), 9));
        assert_eq!(nack.poll_timeout(), Some(begin + ms(30)));
        assert_eq!(nack.poll(begin + ms(30), None), [8]);
        nack.received(begin + ms(31), 3);
        nack.received(begin + ms(31), 8);
        assert!(nack.poll(begin + ms(500), None).is_empty());
        assert_eq!(nack.poll_timeout(), None);
    }

    #[test]
    fn reordering_and_jumps_are_no_losses() {
        let begin = start();
        let mut nack = NackGenerator::default();
        nack.received(begin, 1);
        nack.received(begin, 3);
        nack.received(begin, 2);
        nack.received(begin, 10_000);
        assert!(nack.poll(begin + Duration::from_secs(1), None).is_empty());
    }
}
