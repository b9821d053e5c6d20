//! Unpredictable words from a seed: tags, branches, Call-IDs, nonces, jitter.
//!
//! What it is: SHA-256 in counter mode over the 32 octets the driver drew from the system.
//! What it is not: a source of entropy; the same seed gives the same words, which tests rely on.

use sha2::{Digest, Sha256};
use std::time::Duration;

/// A stream of words nobody can guess without the seed.
#[derive(Clone)]
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    fn block(&mut self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"visavis sip random");
        hasher.update(self.seed);
        hasher.update(self.counter.to_be_bytes());
        self.counter = self.counter.wrapping_add(1);
        hasher.finalize().into()
    }

    /// A lower-case hexadecimal word of 32 characters (128 bits).
    pub(crate) fn word(&mut self) -> String {
        hex::encode(&self.block()[..16])
    }

    /// A 64-bit number.
    pub(crate) fn number(&mut self) -> u64 {
        let block = self.block();
        let mut bytes = [0_u8; 8];
        bytes.copy_from_slice(&block[..8]);
        u64::from_be_bytes(bytes)
    }

    /// A duration in `low..high`, in steps of `step`.
    pub(crate) fn between(&mut self, low: Duration, high: Duration, step: Duration) -> Duration {
        let span = high.saturating_sub(low).as_millis() / step.as_millis().max(1);
        let span = u64::try_from(span).unwrap_or(u64::MAX).max(1);
        let steps = u32::try_from(self.number() % span).unwrap_or(0);
        low + step * steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_differ_and_the_seed_repeats_them() {
        let mut one = Random::new([7; 32]);
        let mut two = Random::new([7; 32]);
        let first = one.word();
        assert_eq!(first, two.word());
        assert_ne!(first, one.word());
        assert_ne!(first, Random::new([8; 32]).word());
    }
}
