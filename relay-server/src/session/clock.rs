//! The two clocks that sessions are handed.
//!
//! Both are those of the runtime: where a simulation holds its time, they stand still and jump.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use relay_core::clock::Now;
use tokio::time::Instant;

/// This moment on the monotonic clock.
#[must_use]
pub fn instant() -> std::time::Instant {
    Instant::now().into_std()
}

/// Reads both clocks.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    /// For how long the server had been up before this process, in milliseconds.
    before_ms: u64,
    wall: Wall,
}

#[derive(Debug, Clone)]
enum Wall {
    System,
    /// UTC in milliseconds when this process began.
    Held(Arc<AtomicI64>),
}

impl Clock {
    /// The clocks of this machine; the monotonic one starts here.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            before_ms: 0,
            wall: Wall::System,
        }
    }

    /// Counts on from where an earlier process was last.
    #[must_use]
    pub fn after(mut self, earlier: Option<Now>) -> Self {
        self.before_ms = earlier.map_or(0, |earlier| earlier.mono_ms);
        self
    }

    /// A wall clock that runs with the monotonic one from `zero_ms` (UTC), and steps whenever
    /// somebody changes that.
    #[must_use]
    pub fn held(zero_ms: Arc<AtomicI64>) -> Self {
        Self {
            started: Instant::now(),
            before_ms: 0,
            wall: Wall::Held(zero_ms),
        }
    }

    /// This moment on both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        let elapsed_ms = millis(self.started.elapsed());
        let utc_ms = match &self.wall {
            Wall::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, millis),
            Wall::Held(zero_ms) => {
                elapsed_ms.saturating_add_signed(zero_ms.load(Ordering::Relaxed))
            }
        };
        Now {
            utc_ms,
            mono_ms: self.before_ms.saturating_add(elapsed_ms),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
