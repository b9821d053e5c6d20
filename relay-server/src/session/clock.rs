//! The two clocks that sessions are handed.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use relay_core::clock::Now;

/// Reads both clocks of this process.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// The monotonic clock starts here.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// This moment on both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        let millis =
            |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Now {
            utc_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, millis),
            mono_ms: millis(self.started.elapsed()),
        }
    }
}
