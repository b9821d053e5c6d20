//! How much a peer may send of what costs us work.

use std::time::Instant;

/// So many bytes at once, and so many a second after that.
#[derive(Debug)]
pub(super) struct Allowance {
    burst_bytes: u64,
    bytes_per_second: u64,
    left: u64,
    since: Option<Instant>,
}

impl Allowance {
    pub(super) const fn new(burst_bytes: u64, bytes_per_second: u64) -> Self {
        Self {
            burst_bytes,
            bytes_per_second,
            left: burst_bytes,
            since: None,
        }
    }

    /// Whether so many bytes may still come; they are counted then.
    pub(super) fn take(&mut self, now: Instant, bytes: usize) -> bool {
        let since = *self.since.get_or_insert(now);
        let micros = now.saturating_duration_since(since).as_micros();
        let earned = micros * u128::from(self.bytes_per_second) / 1_000_000;
        // What is less than a byte is left to be earned.
        if earned > 0 {
            let earned = u64::try_from(earned).unwrap_or(u64::MAX);
            self.left = self.left.saturating_add(earned).min(self.burst_bytes);
            self.since = Some(now);
        }
        match self.left.checked_sub(bytes as u64) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;
    use std::time::Duration;

    #[test]
    fn what_was_used_up_is_earned_again_with_time() {
        let begin = start();
        let mut allowance = Allowance::new(1_000, 100);
        assert!(allowance.take(begin, 900));
        assert!(!allowance.take(begin, 200));
        assert!(allowance.take(begin, 100));
        let mut taken = 0;
        for millis in 0..10_000_u64 {
            let now = begin + Duration::from_millis(millis);
            taken += usize::from(allowance.take(now, 1));
        }
        assert!((990..=1_000).contains(&taken), "{taken}");
        let later = begin + Duration::from_secs(1_000);
        assert!(allowance.take(later, 1_000));
        assert!(!allowance.take(later, 1));
    }
}
