//! Whether what is sent waits longer and longer on its way.
//!
//! Between groups of packets that left together, arrival takes longer than departure where a queue
//! grows. The slope of the accumulated difference over the last groups, by least squares, is
//! compared with a threshold that adapts to how noisy the path is
//! (draft-ietf-rmcat-gcc-02 section 5, with the line instead of the filter of section 5.3).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets that leave within this time are one group.
const GROUP: Duration = Duration::from_millis(5);
/// Groups that the line goes through.
const WINDOW: usize = 20;
/// Groups from which on the line is as good as it gets.
const GROUPS_FULL: u32 = 60;
/// What one group adds to the smoothed delay, in parts.
const SMOOTHING: f64 = 0.1;
/// Makes a slope comparable with the threshold.
const GAIN: f64 = 4.0;
/// Milliseconds: where the threshold starts, and its bounds.
const THRESHOLD: f64 = 12.5;
const THRESHOLD_BOUNDS: (f64, f64) = (6.0, 600.0);
/// So far beyond the threshold, a slope says nothing about how noisy the path is.
const OUTLIER: f64 = 15.0;
/// How fast the threshold follows upwards and downwards, for each millisecond.
const FOLLOW_UP: f64 = 0.0087;
const FOLLOW_DOWN: f64 = 0.039;
/// The slope must be too steep for so long, so that one late picture does not count.
const LASTING: Duration = Duration::from_millis(10);
/// Silence after which the past says nothing.
const STALE: Duration = Duration::from_secs(2);

/// What the path says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Usage {
    /// Nothing waits, or no longer than before.
    #[default]
    Normal,
    /// The queue grows.
    Over,
    /// The queue shrinks.
    Under,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_departure: Instant,
    last_departure: Instant,
    /// On the receiver's clock.
    last_arrival: Duration,
}

/// Sees whether delay grows.
#[derive(Debug)]
pub(super) struct Trend {
    open: Option<Group>,
    closed: Option<Group>,
    accumulated_ms: f64,
    smoothed_ms: f64,
    groups: u32,
    /// When a group arrived, and how late all in all, in milliseconds.
    line: VecDeque<(f64, f64)>,
    threshold: f64,
    before: f64,
    over: Option<(Duration, u32)>,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            open: None,
            closed: None,
            accumulated_ms: 0.0,
            smoothed_ms: 0.0,
            groups: 0,
            line: VecDeque::with_capacity(WINDOW + 1),
            threshold: THRESHOLD,
            before: 0.0,
            over: None,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    pub(super) const fn usage(&self) -> Usage {
        self.usage
    }

    /// A packet that left then and arrived then, on another clock; in the order of departure.
    pub(super) fn packet(&mut self, departure: Instant, arrival: Duration) {
        match &mut self.open {
            Some(group) if departure.saturating_duration_since(group.first_departure) <= GROUP => {
                group.last_departure = group.last_departure.max(departure);
                group.last_arrival = group.last_arrival.max(arrival);
            }
            _ => {
                let fresh = Group {
                    first_departure: departure,
                    last_departure: departure,
                    last_arrival: arrival,
                };
                let Some(full) = self.open.replace(fresh) else {
                    return;
                };
                if let Some(earlier) = self.closed.replace(full) {
                    self.compare(earlier, full);
                }
            }
        }
    }

    fn compare(&mut self, earlier: Group, later: Group) {
        let left = later
            .last_departure
            .saturating_duration_since(earlier.last_departure);
        if left > STALE {
            let threshold = self.threshold;
            *self = Self {
                open: self.open,
                closed: self.closed,
                threshold,
                ..Self::default()
            };
            return;
        }
        let came = millis(later.last_arrival) - millis(earlier.last_arrival);
        self.accumulated_ms += came - millis(left);
        self.smoothed_ms += SMOOTHING * (self.accumulated_ms - self.smoothed_ms);
        self.groups = self.groups.saturating_add(1);
        self.line
            .push_back((millis(later.last_arrival), self.smoothed_ms));
        if self.line.len() > WINDOW {
            self.line.pop_front();
        }
        if self.line.len() == WINDOW {
            let slope = slope(&self.line).unwrap_or(self.before);
            self.detect(slope, later.last_arrival, came);
        }
    }

    fn detect(&mut self, slope: f64, at: Duration, passed_ms: f64) {
        let steepness = f64::from(self.groups.min(GROUPS_FULL)) * slope * GAIN;
        if steepness > self.threshold {
            let (since, count) = self.over.unwrap_or((at, 0));
            self.over = Some((since, count + 1));
            let lasting = at.saturating_sub(since) >= LASTING && count > 0;
            if lasting && slope >= self.before {
                self.usage = Usage::Over;
            }
        } else {
            self.over = None;
            let under = steepness < -self.threshold;
            self.usage = if under { Usage::Under } else { Usage::Normal };
        }
        self.before = slope;
        self.adapt(steepness.abs(), passed_ms);
    }

    fn adapt(&mut self, steepness: f64, passed_ms: f64) {
        if steepness > self.threshold + OUTLIER {
            return;
        }
        let follow = if steepness < self.threshold {
            FOLLOW_DOWN
        } else {
            FOLLOW_UP
        };
        let step = follow * (steepness - self.threshold) * passed_ms.clamp(0.0, 100.0);
        let (min, max) = THRESHOLD_BOUNDS;
        self.threshold = (self.threshold + step).clamp(min, max);
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// By least squares; `None` when all are at the same place.
fn slope(line: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = line.len() as f64;
    let (sum_x, sum_y) = line
        .iter()
        .fold((0.0, 0.0), |(sum_x, sum_y), (x, y)| (sum_x + x, sum_y + y));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (up, across) = line.iter().fold((0.0, 0.0), |(up, across), (x, y)| {
        let x = x - mean_x;
        (up + x * (y - mean_y), across + x * x)
    });
    (across > 0.0).then(|| up / across)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Dice, start};

    /// Pictures of 30 Hz; each arrives so many milliseconds later than the one before should.
    fn sees(trend: &mut Trend, from: u32, count: u32, later: impl Fn(u32) -> f64) -> Vec<Usage> {
        let began = start();
        let mut seen = Vec::new();
        for n in from..from + count {
            let departure = began + Duration::from_millis(33) * n;
            let late = later(n);
            for packet in 0..4 {
                let arrival_ms = 1_000.0 + f64::from(n) * 33.0 + late + f64::from(packet);
                trend.packet(departure, Duration::from_secs_f64(arrival_ms / 1_000.0));
            }
            seen.push(trend.usage());
        }
        seen
    }

    #[test]
    fn a_queue_that_grows_is_seen_within_a_second_and_noise_is_not_taken_for_one() {
        let mut trend = Trend::default();
        let mut dice = Dice::new(7);
        let noise: Vec<f64> = (0..400).map(|_| dice.below(12) as f64).collect();
        let noisy = sees(&mut trend, 0, 300, |n| noise[n as usize]);
        let wrong = noisy.iter().filter(|usage| **usage == Usage::Over).count();
        assert!(wrong < 9, "{wrong} of 300");
        let growing = sees(&mut trend, 300, 30, |n| {
            noise[n as usize] + f64::from(n - 300) * 10.0
        });
        let first = growing.iter().position(|usage| *usage == Usage::Over);
        assert!(first.is_some_and(|first| first < 15), "{growing:?}");
        let shrinking = sees(&mut trend, 330, 40, |n| 300.0 - f64::from(n - 330) * 8.0);
        assert!(shrinking.contains(&Usage::Under), "{shrinking:?}");
    }
}
