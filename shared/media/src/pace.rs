//! How evenly pictures arrive: how many, and how often they stood still.
//!
//! A freeze is what W3C's "Identifiers for WebRTC's Statistics API" calls one (`freezeCount`): the
//! next picture takes more than three times as long as usual and 150 ms longer than usual. After
//! five seconds it is a pause: a camera that was switched off (`pauseCount`).

use std::time::{Duration, Instant};

const FREEZE_FACTOR: u32 = 3;
const FREEZE_EXTRA: Duration = Duration::from_millis(150);
const PAUSE: Duration = Duration::from_secs(5);
/// One part in so many of a new interval goes into the mean.
const MEAN_PARTS: u32 = 30;

/// The pace of one source's pictures.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    newest: Option<(u32, Instant)>,
    mean: Option<Duration>,
    pub(crate) pictures: u64,
    pub(crate) freezes: u64,
    pub(crate) frozen: Duration,
}

impl Pace {
    /// Takes the RTP timestamp of a packet; packets of older pictures change nothing.
    pub(crate) fn packet(&mut self, now: Instant, timestamp: u32) {
        if let Some((newest, at)) = self.newest {
            if (timestamp.wrapping_sub(newest) as i32) <= 0 {
                return;
            }
            self.interval(now.saturating_duration_since(at));
        }
        self.newest = Some((timestamp, now));
        self.pictures += 1;
    }

    /// The counters of both together.
    pub(crate) fn with(self, other: &Self) -> Self {
        Self {
            pictures: self.pictures + other.pictures,
            freezes: self.freezes + other.freezes,
            frozen: self.frozen + other.frozen,
            ..self
        }
    }

    fn interval(&mut self, interval: Duration) {
        let Some(mean) = self.mean else {
            self.mean = Some(interval);
            return;
        };
        if interval >= PAUSE {
            return;
        }
        if interval > (mean * FREEZE_FACTOR).max(mean + FREEZE_EXTRA) {
            self.freezes += 1;
            self.frozen += interval;
        } else {
            self.mean = Some((mean * (MEAN_PARTS - 1) + interval) / MEAN_PARTS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn a_picture_that_stands_still_is_counted_and_a_camera_that_is_off_is_not() {
        let mut pace = Pace::default();
        let (mut now, mut timestamp) = (start(), u32::MAX - 9_000);
        let mut picture = |pace: &mut Pace, after_ms: u64| {
            now += Duration::from_millis(after_ms);
            timestamp = timestamp.wrapping_add(3_000);
            pace.packet(now, timestamp);
            pace.packet(now, timestamp);
            pace.packet(now, timestamp.wrapping_sub(3_000));
        };
        for _ in 0..30 {
            picture(&mut pace, 33);
        }
        assert_eq!((pace.pictures, pace.freezes), (30, 0));
        picture(&mut pace, 170);
        assert_eq!(pace.freezes, 0, "150 ms more than usual are needed");
        picture(&mut pace, 400);
        picture(&mut pace, 33);
        assert_eq!((pace.freezes, pace.frozen.as_millis()), (1, 400));
        picture(&mut pace, 60_000);
        assert_eq!((pace.pictures, pace.freezes), (34, 1));
    }
}
