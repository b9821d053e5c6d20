//! What becomes of each datagram, drawn from a seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::profile::{Burst, Hold, Profile};

/// What was drawn for one datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Lost by the Gilbert-Elliott model.
    LostInBurst,
    /// Lost by itself.
    Lost,
    /// Goes its way.
    Carried(Journey),
}

/// How a datagram goes its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Journey {
    /// Delay and jitter.
    pub(super) delay: Duration,
    /// The same for its copy, if there is one.
    pub(super) copy_delay: Option<Duration>,
    /// Whether it is held back, and for how long.
    pub(super) hold: Option<Hold>,
}

/// The source of all chance in one link.
#[derive(Debug)]
pub(super) struct Dice {
    random: StdRng,
    /// The state of the Gilbert-Elliott model.
    bad: bool,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            bad: false,
        }
    }

    /// Draws for the next datagram.
    ///
    /// Each datagram takes the same number of draws, whatever the profile says. So what happens to
    /// the n-th depends on the seed and on the values that concern it, never on the clock; and
    /// whoever raises the delay loses the same datagrams as before.
    pub(super) fn throw(&mut self, profile: &Profile) -> Fate {
        // Each is 0 to 100, without 100: a share of 0 never comes, one of 100 always.
        let [state_loss, change, loss, copy, hold, jitter, copy_jitter]: [f64; 7] =
            std::array::from_fn(|_| self.random.random::<f64>() * 100.0);
        let in_burst = profile
            .burst
            .is_some_and(|burst| self.is_lost(burst, state_loss, change));
        if in_burst {
            return Fate::LostInBurst;
        }
        if loss < profile.loss_percent {
            return Fate::Lost;
        }
        let is_copied = copy < profile.duplicate_percent;
        let reorder = profile.reorder.filter(|reorder| hold < reorder.percent);
        Fate::Carried(Journey {
            delay: delay(profile, jitter),
            copy_delay: is_copied.then(|| delay(profile, copy_jitter)),
            hold: reorder.map(|reorder| reorder.hold),
        })
    }

    /// Whether the state we are in loses the datagram; then the state changes or not.
    fn is_lost(&mut self, burst: Burst, loss: f64, change: f64) -> bool {
        let (loss_percent, change_percent) = if self.bad {
            (burst.bad_loss_percent, burst.leave_percent)
        } else {
            (burst.good_loss_percent, burst.enter_percent)
        };
        self.bad ^= change < change_percent;
        loss < loss_percent
    }
}

/// The delay and an even jitter to either side; `draw` is 0 to 100.
fn delay(profile: &Profile, draw: f64) -> Duration {
    let jitter_ms = f64::from(profile.jitter_ms) * (draw / 50.0 - 1.0);
    let delay_ms = f64::from(profile.delay_ms) + jitter_ms;
    // A profile's jitter is at most its delay; rounding alone could lead below nothing.
    Duration::from_secs_f64(delay_ms.max(0.0) / 1000.0)
}
