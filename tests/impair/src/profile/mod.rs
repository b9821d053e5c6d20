//! How bad one direction of a network is, and which values make sense.

mod range;
mod text;

use std::time::Duration;

use range::share;

/// The greatest values that a [`Profile`] may have.
pub mod limits {
    /// Longest fixed delay, in milliseconds.
    pub const DELAY_MS_MAX: u32 = 10_000;
    /// Highest rate, in kilobits (1,000 bits) a second; the least is 1.
    pub const RATE_KBIT_S_MAX: u32 = 1_000_000;
    /// Longest queue before a rate, in milliseconds.
    pub const QUEUE_MS_MAX: u32 = 10_000;
    /// Most datagrams that may overtake one that is held back; the least is 1.
    pub const HOLD_PACKETS_MAX: u32 = 100;
    /// Longest time for which a datagram is held back, in milliseconds; the least is 1.
    pub const HOLD_MS_MAX: u32 = 1_000;
}

/// How bad one direction of a network is; the default is a clear one.
///
/// Its written form is `key=value,...` with the keys `loss`, `burst_enter`, `burst_leave`,
/// `burst_loss`, `good_loss`, `delay`, `jitter`, `order`, `reorder`, `hold_packets`, `hold_ms`,
/// `duplicate`, `rate` and `queue`, or the one word `clear`. Shares are in percent, times in
/// milliseconds, the rate is in kilobits a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Profile {
    /// Each datagram is lost with this probability, 0 to 100.
    pub loss_percent: f64,
    /// Loss that comes in bursts.
    pub burst: Option<Burst>,
    /// How long each datagram takes.
    pub delay_ms: u32,
    /// The delay varies evenly by so much to either side; at most the delay.
    pub jitter_ms: u32,
    /// Whether jitter may let a datagram overtake an earlier one. Where it may not, a datagram
    /// waits for the earlier one: the closer they follow each other, the nearer the mean delay
    /// comes to delay and jitter together.
    pub overtaking: bool,
    /// Datagrams that are held back so that later ones overtake them, whatever `overtaking` says.
    pub reorder: Option<Reorder>,
    /// Each datagram is doubled with this probability, 0 to 100. The copy follows at once, takes
    /// its part of the rate and has jitter of its own.
    pub duplicate_percent: f64,
    /// The narrowest place.
    pub rate: Option<Rate>,
}

/// Loss after Gilbert and Elliott: a good and a bad state, each with its loss; the state may change
/// after each datagram. A stay in the bad state lasts `100 / leave_percent` datagrams on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// Probability of going from good to bad, 0 to 100 (`p` of the model).
    pub enter_percent: f64,
    /// Probability of going from bad to good, 0 to 100 (`r` of the model).
    pub leave_percent: f64,
    /// Probability of loss in the bad state, 0 to 100 (`1 - h`); 100 where it is not written.
    pub bad_loss_percent: f64,
    /// Probability of loss in the good state, 0 to 100 (`1 - k`); 0 where it is not written.
    pub good_loss_percent: f64,
}

/// Datagrams that are held back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reorder {
    /// Each datagram is held back with this probability, 0 to 100.
    pub percent: f64,
    /// For how long.
    pub hold: Hold,
}

/// For how long a datagram is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Until so many datagrams that were taken later have overtaken it, and at most for
    /// [`HELD_BACK_MAX`](crate::HELD_BACK_MAX).
    Packets(u32),
    /// For so many milliseconds.
    Ms(u32),
}

/// The narrowest place of a network, and the queue before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Kilobits (1,000 bits) a second, IP and UDP headers included.
    pub kbit_s: u32,
    /// A datagram that would wait longer than this is dropped; 0 is no queue at all.
    pub queue_ms: u32,
}

impl Rate {
    /// How long `bits` take.
    pub(crate) fn time_for(self, bits: u64) -> Duration {
        // A kilobit a second is a bit a millisecond.
        Duration::from_nanos(bits.saturating_mul(1_000_000) / u64::from(self.kbit_s.max(1)))
    }
}

/// Why a profile cannot be used: always a mistake of whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A value outside its range.
    #[error("{key}={value}: {key} has to be {allowed}")]
    OutOfRange {
        /// The key of the written form.
        key: &'static str,
        /// What stood there.
        value: String,
        /// What may stand there.
        allowed: String,
    },
    /// A key that nobody knows.
    #[error(
        "'{word}': no such key; there are {}, or the one word clear",
        text::keys()
    )]
    UnknownKey {
        /// What stood in its place.
        word: String,
    },
    /// A key without a value.
    #[error(
        "'{word}': write it as key=value; there are {}, or the one word clear",
        text::keys()
    )]
    NoValue {
        /// The word that has no `=`.
        word: String,
    },
    /// A key that stands twice.
    #[error("{key}: stands there twice; each key may stand once")]
    Twice {
        /// Which.
        key: &'static str,
    },
    /// A key that means nothing without another one.
    #[error("{key}: needs {needed} beside it")]
    Alone {
        /// Which.
        key: &'static str,
        /// What is missing.
        needed: &'static str,
    },
    /// Two keys that say the same thing in different ways.
    #[error("{key}: cannot stand beside {other}; take one of them")]
    Together {
        /// One of them.
        key: &'static str,
        /// The other one.
        other: &'static str,
    },
}

impl Profile {
    /// Whether every value is within its range.
    ///
    /// # Errors
    /// [`ProfileError::OutOfRange`] with the key, the value and the range of the first that is not.
    pub fn validate(&self) -> Result<(), ProfileError> {
        share("loss", self.loss_percent)?;
        if let Some(burst) = self.burst {
            share("burst_enter", burst.enter_percent)?;
            share("burst_leave", burst.leave_percent)?;
            share("burst_loss", burst.bad_loss_percent)?;
            share("good_loss", burst.good_loss_percent)?;
        }
        range::DELAY.check(self.delay_ms)?;
        if self.jitter_ms > self.delay_ms {
            return Err(ProfileError::OutOfRange {
                key: range::JITTER.key,
                value: self.jitter_ms.to_string(),
                allowed: format!(
                    "at most the delay, which is {} ms: it goes to either side of it",
                    self.delay_ms
                ),
            });
        }
        if let Some(Reorder { percent, hold }) = self.reorder {
            share("reorder", percent)?;
            match hold {
                Hold::Packets(count) => range::HOLD_PACKETS.check(count)?,
                Hold::Ms(ms) => range::HOLD_MS.check(ms)?,
            }
        }
        share("duplicate", self.duplicate_percent)?;
        if let Some(Rate { kbit_s, queue_ms }) = self.rate {
            range::RATE.check(kbit_s)?;
            range::QUEUE.check(queue_ms)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
