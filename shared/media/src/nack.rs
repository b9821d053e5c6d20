//! Asking for lost packets again (RFC 4585 section 6.2.1), and answering such requests.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

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
/// Of what was sent, one part in so many may be sent again: a peer that asks for more has no use
/// for it, or means harm (A42).
const RESENT_PART: usize = 2;
/// Bytes that may be sent again at once.
const RESEND_BYTES_MAX: usize = 128 * 1024;
/// Packets kept for resending.
const CACHE_PACKETS_MAX: usize = 512;
/// What is older is not asked for any more: the picture is shown long since, or frozen.
const CACHE_AGE_MAX: Duration = Duration::from_millis(1_500);
/// The same packet is resent at most once in this time: duplicated requests cost nothing.
const RESEND_INTERVAL_MIN: Duration = Duration::from_millis(20);

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
}

impl NackGenerator {
    /// Notes the arrival of a packet (unwrapped sequence number).
    pub fn received(&mut self, now: Instant, sequence: u64) {
        let Some(highest) = self.highest else {
            self.highest = Some(sequence);
            return;
        };
        if sequence <= highest {
            self.missing.remove(&sequence);
            return;
        }
        self.highest = Some(sequence);
        if sequence - highest > MISSING_MAX as u64 {
            self.missing.clear(); // a jump, not a loss
            return;
        }
        for lost in highest + 1..sequence {
            self.missing.insert(
                lost,
                Missing {
                    since: now,
                    due: now + REORDER_GRACE,
                    tries: 0,
                },
            );
        }
        while self.missing.len() > MISSING_MAX {
            self.missing.pop_first();
        }
    }

    /// Nobody waits any more for packets before this one.
    pub fn forget_before(&mut self, sequence: u64) {
        self.missing = self.missing.split_off(&sequence);
    }

    /// Whether packets are missing.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.missing.is_empty()
    }

    /// When [`Self::poll`] has something next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.missing.values().map(|missing| missing.due).min()
    }

    /// The packets to ask for now. Each is asked for again after `rtt` (at least 40 ms), each
    /// time after half as long again, up to six times within a second.
    pub fn poll(&mut self, now: Instant, rtt: Option<Duration>) -> Vec<u64> {
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
        asked
    }
}

struct Cached {
    sequence: u16,
    sent: Instant,
    bytes: Vec<u8>,
    resent: Option<Instant>,
}

/// The last packets sent, as they went out (already encrypted, so that a resent packet is bit
/// for bit the first one and no SRTP nonce is used for two different plaintexts).
#[derive(Default)]
pub struct ResendCache {
    packets: VecDeque<Cached>,
    /// Bytes that may be sent again now.
    budget: usize,
}

impl ResendCache {
    /// Keeps a packet; what is older than 1.5 s or the oldest of more than 512 is forgotten, and
    /// its buffer used again.
    pub fn push(&mut self, now: Instant, sequence: u16, bytes: &[u8]) {
        let earned = bytes.len() / RESENT_PART;
        self.budget = (self.budget + earned).min(RESEND_BYTES_MAX);
        let mut buffer = Vec::new();
        while let Some(oldest) = self.packets.front() {
            let is_old = now.saturating_duration_since(oldest.sent) > CACHE_AGE_MAX;
            if !is_old && self.packets.len() < CACHE_PACKETS_MAX {
                break;
            }
            let oldest = self.packets.pop_front();
            buffer = oldest.map_or(buffer, |oldest| oldest.bytes);
        }
        buffer.clear();
        buffer.extend_from_slice(bytes);
        self.packets.push_back(Cached {
            sequence,
            sent: now,
            bytes: buffer,
            resent: None,
        });
    }

    /// The packet to send again, unless it is forgotten, was resent a moment ago, or too much was
    /// resent of late.
    pub fn resend(&mut self, now: Instant, sequence: u16) -> Option<&[u8]> {
        let cached = self
            .packets
            .iter_mut()
            .rev()
            .find(|cached| cached.sequence == sequence)?;
        let recent = |at: Instant| now.saturating_duration_since(at) < RESEND_INTERVAL_MIN;
        if cached.resent.is_some_and(recent) {
            return None;
        }
        self.budget = self.budget.checked_sub(cached.bytes.len())?;
        cached.resent = Some(now);
        Some(&cached.bytes)
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
    fn reordering_and_jumps_are_no_losses() {
        let begin = start();
        let mut nack = NackGenerator::default();
        nack.received(begin, 1);
        nack.received(begin, 3);
        nack.received(begin, 2);
        nack.received(begin, 10_000);
        assert!(nack.poll(begin + Duration::from_secs(1), None).is_empty());
    }

    #[test]
    fn sent_packets_can_be_had_again_but_not_twice_at_once() {
        let now = start();
        let mut cache = ResendCache::default();
        for n in 0..600u16 {
            cache.push(now, n, &[n as u8; 2]);
        }
        assert_eq!(cache.resend(now, 0), None, "forgotten");
        assert_eq!(cache.resend(now, 599), Some(&[599u16 as u8; 2][..]));
        assert_eq!(cache.resend(now, 599), None, "a moment ago");
        assert!(cache.resend(now + RESEND_INTERVAL_MIN, 599).is_some());
        let late = now + CACHE_AGE_MAX + Duration::from_millis(1);
        cache.push(late, 600, &[1; 2]);
        assert_eq!(
            cache.resend(late, 599),
            None,
            "nobody waits for it any more"
        );
        assert!(cache.resend(late, 600).is_some());
    }

    #[test]
    fn a42_of_what_was_sent_at_most_half_is_sent_again_however_often_it_is_asked_for() {
        const BYTES: usize = 1_200;
        let mut now = start();
        let mut cache = ResendCache::default();
        let (mut sent, mut resent) = (0, 0);
        for n in 0..2_000u16 {
            cache.push(now, n, &[0; BYTES]);
            sent += BYTES;
            now += RESEND_INTERVAL_MIN;
            for asked in n.saturating_sub(500)..=n {
                resent += cache.resend(now, asked).map_or(0, <[u8]>::len);
            }
        }
        assert!(resent <= sent / RESENT_PART, "{resent} of {sent}");
        // Who lost a few is served at once.
        let calm = now + Duration::from_secs(1);
        for n in 2_000..2_200u16 {
            cache.push(calm, n, &[0; BYTES]);
        }
        assert!((2_000..2_050).all(|n| cache.resend(calm, n).is_some()));
    }
}
