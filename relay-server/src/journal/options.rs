//! How a journal is opened.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::disk::{Disk, RealDisk};
use super::handle::Host;
use super::publish::Publishing;

/// Size at which a segment is closed unless said otherwise, in bytes.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// The wall clock: milliseconds since 1970.
pub type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// When a segment is closed and the next one begun. Segments are never deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Once it has grown to this size, in bytes.
    pub bytes_max: u64,
    /// Once it is this old, with the next record; `None`: never.
    pub age_max: Option<Duration>,
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            bytes_max: SEGMENT_BYTES,
            age_max: None,
        }
    }
}

impl Rotation {
    /// Whether a segment of `length` bytes that was begun at `begun_s` is to be closed at `now_s`,
    /// both in seconds since 1970. A clock that went back closes nothing.
    pub(super) fn is_due(self, length: u64, begun_s: u32, now_s: u32) -> bool {
        let age = Duration::from_secs(now_s.saturating_sub(begun_s).into());
        length >= self.bytes_max || self.age_max.is_some_and(|max| begun_s > 0 && age >= max)
    }
}

/// How a journal is opened; by default on the real disk, with a thread, without snapshots and
/// checkpoints.
pub struct Options {
    /// What it is written to.
    pub disk: Box<dyn Disk>,
    /// What the writer runs on.
    pub host: Host,
    /// When the next segment is begun.
    pub rotation: Rotation,
    /// The wall clock, for the age of segments and the time of checkpoints.
    pub wall: WallClock,
    /// Snapshots are used and written that hold the sessions that have not ended and this many of
    /// those that have: as many as the views show. `None`: every start replays everything.
    pub snapshots: Option<usize>,
    /// Where the head is published.
    pub checkpoint: Option<Publishing>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            disk: Box::new(RealDisk),
            host: Host::Thread,
            rotation: Rotation::default(),
            wall: Arc::new(wall_ms),
            snapshots: None,
            checkpoint: None,
        }
    }
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |t| u64::try_from(t.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_closed_by_size_or_by_age_and_a_clock_set_back_closes_nothing() {
        let day = Rotation {
            bytes_max: 100,
            age_max: Some(Duration::from_secs(86_400)),
        };
        assert!(day.is_due(100, 1000, 1000));
        assert!(!day.is_due(99, 1000, 87_399));
        assert!(day.is_due(60, 1000, 87_400));
        assert!(!day.is_due(99, 90_000, 1000));
        let never = Rotation {
            age_max: None,
            ..day
        };
        assert!(!never.is_due(99, 1, u32::MAX));
    }
}
