//! When to try again after a lost or refused connection: RFC 5626 section 4.5, pure.

use std::time::Duration;

/// The wait after the first failure, before jitter.
const BASE: Duration = Duration::from_secs(1);
/// The longest wait, before jitter. RFC 5626 says 1800 s for phones on desks; somebody waits in front of this one.
const CAP: Duration = Duration::from_secs(30);

/// Counts failures and says how long to wait: `min(cap, base * 2^failures)`, of which a random
/// 50 to 100 % is taken, so that a thousand clients of a restarted server do not come at once.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    failures: u32,
    random: u64,
}

impl Backoff {
    /// The same seed gives the same waits.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            failures: 0,
            random: seed,
        }
    }

    /// The wait before the next try.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let whole = BASE.saturating_mul(factor).min(CAP);
        whole.mul_f64(0.5 + 0.5 * self.share())
    }

    /// The connection works again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// 0 to 1, by splitmix64.
    fn share(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_with_jitter_of_half() {
        for seed in 0..50 {
            let mut backoff = Backoff::new(seed);
            for failures in 0..40_u32 {
                let whole = (1_u64 << failures.min(10)).min(30) as f64;
                let wait = backoff.next_wait().as_secs_f64();
                assert!(
                    (whole / 2.0..=whole).contains(&wait),
                    "failure {failures}: {wait} of {whole}"
                );
            }
            backoff.reset();
            assert!(backoff.next_wait() <= BASE);
        }
    }

    #[test]
    fn two_clients_do_not_wait_equally_long() {
        let (mut a, mut b) = (Backoff::new(1), Backoff::new(2));
        assert_ne!(a.next_wait(), b.next_wait());
    }
}
