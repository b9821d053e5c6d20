//! Puts telephone sound in order and fills small gaps, so that what comes out is as long as what
//! was said.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A missing packet is waited for this long.
const WAIT: Duration = Duration::from_millis(40);
/// Most packets held back: 60 to 360 ms.
const HELD_MAX: usize = 6;
/// A longer gap is a pause or a new stream, and is not filled.
const FILLED_MAX: u64 = 10;

/// The playout buffer of one telephone leg.
#[derive(Debug, Default)]
pub(super) struct Playout {
    next: Option<u64>,
    held: BTreeMap<u64, Vec<i16>>,
    gap_since: Option<Instant>,
    last: Vec<i16>,
    /// Packets that were replaced by a fading repetition.
    pub(super) concealed: u64,
}

impl Playout {
    /// Takes the samples of a packet with its unwrapped sequence number.
    pub(super) fn push(&mut self, now: Instant, sequence: u64, samples: Vec<i16>) {
        let next = *self.next.get_or_insert(sequence);
        if sequence < next {
            return;
        }
        self.held.insert(sequence, samples);
        if !self.held.contains_key(&next) && self.gap_since.is_none() {
            self.gap_since = Some(now);
        }
    }

    /// Another source begins; what is held of the old one is dropped.
    pub(super) fn restart(&mut self) {
        *self = Self {
            concealed: self.concealed,
            ..Self::default()
        };
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.gap_since.map(|since| since + WAIT)
    }

    /// The next samples that are due; call again until `None`.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Vec<i16>> {
        let next = self.next?;
        if let Some(samples) = self.held.remove(&next) {
            self.next = Some(next + 1);
            self.gap_since = None;
            self.last.clone_from(&samples);
            return Some(samples);
        }
        let (&first, _) = self.held.first_key_value()?;
        let since = *self.gap_since.get_or_insert(now);
        if now < since + WAIT && self.held.len() < HELD_MAX {
            return None;
        }
        if first - next > FILLED_MAX {
            self.next = Some(first);
            return self.poll(now);
        }
        // The wait is over for the whole gap: what follows is filled at once.
        self.next = Some(next + 1);
        self.concealed += 1;
        for sample in &mut self.last {
            *sample /= 2;
        }
        Some(self.last.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn sound_comes_in_order_and_short_gaps_fade() {
        let begin = start();
        let mut playout = Playout::default();
        let mut out = Vec::new();
        let order = [10, 12, 11, 13, 16, 17, 18, 19, 20];
        for (step, sequence) in (0u64..).zip(order) {
            let now = begin + Duration::from_millis(step * 20);
            playout.push(now, sequence, vec![sequence as i16 * 100; 2]);
            while let Some(samples) = playout.poll(now) {
                out.push(samples[0]);
            }
        }
        assert_eq!(
            out,
            [
                1000, 1100, 1200, 1300, 650, 325, 1600, 1700, 1800, 1900, 2000
            ]
        );
        assert_eq!(playout.concealed, 2);
    }

    #[test]
    fn a_long_pause_is_not_filled_and_late_packets_are_dropped() {
        let begin = start();
        let mut playout = Playout::default();
        playout.push(begin, 10, vec![1]);
        assert_eq!(playout.poll(begin), Some(vec![1]));
        playout.push(begin, 500, vec![2]);
        assert_eq!(playout.poll(begin), None);
        assert_eq!(playout.poll(begin + WAIT), Some(vec![2]));
        playout.push(begin, 11, vec![3]);
        assert_eq!(playout.poll(begin + WAIT), None);
    }
}
