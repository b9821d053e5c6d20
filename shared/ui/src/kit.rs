//! What every view is handed: the look, the words, the time.

use std::time::{Duration, Instant};

use crate::strings::{Strings, Value};
use crate::theme::{Palette, Theme};

/// The look, the words and the time of one frame; cheap to clone.
#[derive(Debug, Clone)]
pub struct Kit {
    /// The look the user chose.
    pub theme: Theme,
    /// Its colours, or those of the stage after [`Self::on_stage`].
    pub palette: Palette,
    /// The sentences of the user's language.
    pub strings: Strings,
    /// Nothing moves.
    pub reduced_motion: bool,
    /// The time of this frame.
    pub now: Instant,
    /// Since the app started; what breathes and turns follows it.
    pub running: Duration,
}

impl Kit {
    /// A kit for one frame.
    #[must_use]
    pub fn new(
        theme: Theme,
        strings: Strings,
        reduced_motion: bool,
        started: Instant,
        now: Instant,
    ) -> Self {
        Self {
            theme,
            palette: theme.palette(),
            strings,
            reduced_motion,
            now,
            running: now.saturating_duration_since(started),
        }
    }

    /// The same kit with the dark neutral colours used beside a live picture.
    #[must_use]
    pub fn on_stage(&self) -> Self {
        Self {
            palette: self.theme.stage(),
            ..self.clone()
        }
    }

    /// The sentence of `key`.
    #[must_use]
    pub fn t(&self, key: &str) -> String {
        self.strings.t(key)
    }

    /// The sentence of `key` with values put in.
    #[must_use]
    pub fn with(&self, key: &str, values: &[(&'static str, Value)]) -> String {
        self.strings.with(key, values)
    }

    /// A triangle wave between 0 and 1 with this period, 0 under reduced motion.
    #[must_use]
    pub fn breath(&self, period_s: f32) -> f32 {
        if self.reduced_motion {
            return 0.0;
        }
        let phase = (self.running.as_secs_f32() / period_s).fract();
        1.0 - (phase * 2.0 - 1.0).abs()
    }
}
