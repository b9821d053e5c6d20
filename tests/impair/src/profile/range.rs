//! What the values of a profile may be, in memory and as they are written.

use super::{ProfileError, limits};

/// A whole number within bounds.
pub(super) struct Whole {
    pub(super) key: &'static str,
    least: u32,
    most: u32,
    unit: &'static str,
}

pub(super) const DELAY: Whole = Whole::new("delay", 0, limits::DELAY_MS_MAX, "ms");
pub(super) const JITTER: Whole = Whole::new("jitter", 0, limits::DELAY_MS_MAX, "ms");
pub(super) const HOLD_PACKETS: Whole =
    Whole::new("hold_packets", 1, limits::HOLD_PACKETS_MAX, "packets");
pub(super) const HOLD_MS: Whole = Whole::new("hold_ms", 1, limits::HOLD_MS_MAX, "ms");
pub(super) const RATE: Whole = Whole::new("rate", 1, limits::RATE_KBIT_S_MAX, "kbit/s");
pub(super) const QUEUE: Whole = Whole::new("queue", 0, limits::QUEUE_MS_MAX, "ms");

impl Whole {
    const fn new(key: &'static str, least: u32, most: u32, unit: &'static str) -> Self {
        Self {
            key,
            least,
            most,
            unit,
        }
    }

    pub(super) fn check(&self, value: u32) -> Result<(), ProfileError> {
        if (self.least..=self.most).contains(&value) {
            return Ok(());
        }
        Err(self.refuse(&value.to_string()))
    }

    /// Reads digits; the bounds are [`Whole::check`]'s.
    pub(super) fn read(&self, text: &str) -> Result<u32, ProfileError> {
        text.parse().map_err(|_| self.refuse(text))
    }

    fn refuse(&self, value: &str) -> ProfileError {
        let Self {
            key,
            least,
            most,
            unit,
        } = self;
        ProfileError::OutOfRange {
            key,
            value: value.to_owned(),
            allowed: format!("a whole number from {least} to {most}, in {unit}"),
        }
    }
}

/// Checks a probability in percent.
pub(super) fn share(key: &'static str, percent: f64) -> Result<(), ProfileError> {
    if (0.0..=100.0).contains(&percent) {
        return Ok(());
    }
    Err(refuse_share(key, &percent.to_string()))
}

/// Reads a probability in percent; the bounds are [`share`]'s.
pub(super) fn read_share(key: &'static str, text: &str) -> Result<f64, ProfileError> {
    text.parse().map_err(|_| refuse_share(key, text))
}

fn refuse_share(key: &'static str, value: &str) -> ProfileError {
    ProfileError::OutOfRange {
        key,
        value: value.to_owned(),
        allowed: "a number from 0 to 100, in percent".to_owned(),
    }
}
