//! From what the path says to how much is sent (draft-ietf-rmcat-gcc-02 section 5.5): up slowly,
//! down at once to less than what arrives, and gently near where it was too much before.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::trend::Usage;

/// After too much, so much of what arrives is sent.
const BACK_OFF: f64 = 0.85;
/// The same while packets wait so long that signing suffers: the queue has to go.
const BACK_OFF_FAR: f64 = 0.6;
const FAR: Duration = Duration::from_millis(300);
/// Growth in a second while nothing is known of a limit.
const GROWTH: f64 = 1.08;
/// Growth in a second below what is known to pass.
const RECOVERY: f64 = 1.5;
/// Growth in a second near a known limit: a packet for each time that it takes to see what comes
/// of it, in bits.
const CAREFUL_BITS: f64 = 1_200.0 * 8.0;
/// How long it takes to see what comes of a change, beside the round trip.
const RESPONSE: Duration = Duration::from_millis(100);
/// What arrives is what the path takes, however long packets wait there: so long at most.
const PATIENCE_MAX: Duration = Duration::from_millis(300);
/// Never more than this much of what arrives: what is not sent proves nothing.
const AHEAD: f64 = 1.5;
const AHEAD_BPS: f64 = 10_000.0;
/// Where it was too much before, and how near is near, as a part of it.
const LIMIT_SMOOTHING: f64 = 0.05;
const NEAR: f64 = 0.15;
/// What arrives is counted over this time.
const COUNTED: Duration = Duration::from_millis(600);
/// Less than this says nothing about a rate.
const COUNTED_MIN: Duration = Duration::from_millis(150);

/// Bits that arrive in a second, on the receiver's clock.
#[derive(Debug, Default)]
pub(super) struct Arriving {
    packets: VecDeque<(Duration, usize)>,
    bytes: usize,
}

impl Arriving {
    pub(super) fn packet(&mut self, at: Duration, bytes: usize) {
        self.packets.push_back((at, bytes));
        self.bytes += bytes;
        while let Some((first, old)) = self.packets.front().copied() {
            if at.saturating_sub(first) <= COUNTED {
                break;
            }
            self.bytes -= old;
            self.packets.pop_front();
        }
    }

    fn bps(&self) -> Option<f64> {
        let (first, last) = (self.packets.front()?, self.packets.back()?);
        let passed = last.0.saturating_sub(first.0);
        // The first one began before.
        let bytes = self.bytes - first.1;
        (passed >= COUNTED_MIN).then(|| bytes as f64 * 8.0 / passed.as_secs_f64())
    }
}

/// How much is sent.
#[derive(Debug)]
pub(super) struct Control {
    target: f64,
    bounds: (f64, f64),
    limit: Option<f64>,
    holds: bool,
    changed: Option<Instant>,
    lowered: Option<Instant>,
    pub(super) arriving: Arriving,
}

impl Control {
    pub(super) fn new(start: f64, bounds: (f64, f64)) -> Self {
        Self {
            target: start,
            bounds,
            limit: None,
            holds: false,
            changed: None,
            lowered: None,
            arriving: Arriving::default(),
        }
    }

    pub(super) const fn target(&self) -> f64 {
        self.target
    }

    /// Takes what the path says now: whether packets wait longer and longer, how long it is there
    /// and back, and how long of that they wait. True when less is sent because of it.
    pub(super) fn update(
        &mut self,
        now: Instant,
        usage: Usage,
        round_trip: Duration,
        waits: Duration,
    ) -> bool {
        let passed = self
            .changed
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.changed = Some(now);
        let arriving = self.arriving.bps();
        match usage {
            Usage::Over => return self.lower(now, arriving, round_trip, waits),
            // What waits goes away; until then more would be too much.
            Usage::Under => self.holds = true,
            Usage::Normal if self.holds => self.holds = false,
            Usage::Normal => self.raise(passed.min(Duration::from_secs(1)), arriving, round_trip),
        }
        false
    }

    fn lower(
        &mut self,
        now: Instant,
        arriving: Option<f64>,
        round_trip: Duration,
        waits: Duration,
    ) -> bool {
        self.holds = true;
        let Some(arriving) = arriving else {
            return false;
        };
        // What was sent before the last change is still arriving.
        let patience = (round_trip + RESPONSE).min(PATIENCE_MAX);
        let early = self
            .lowered
            .is_some_and(|at| now.saturating_duration_since(at) < patience);
        if early && arriving > self.target / 2.0 {
            return false;
        }
        self.lowered = Some(now);
        let limit = self
            .limit
            .filter(|limit| (arriving / limit - 1.0).abs() < 3.0 * NEAR);
        let limit = limit.map_or(arriving, |limit| {
            limit + LIMIT_SMOOTHING * (arriving - limit)
        });
        self.limit = Some(limit);
        let back_off = if waits > FAR { BACK_OFF_FAR } else { BACK_OFF };
        self.set((back_off * arriving).min(self.target));
        true
    }

    fn raise(&mut self, passed: Duration, arriving: Option<f64>, round_trip: Duration) {
        let near = |limit: f64| (self.target / limit - 1.0).abs() < NEAR;
        if self
            .limit
            .is_some_and(|limit| self.target > limit * (1.0 + NEAR))
        {
            // It takes more than it did.
            self.limit = None;
        }
        let seconds = passed.as_secs_f64();
        let raised = if self
            .limit
            .is_some_and(|limit| self.target < limit * BACK_OFF)
        {
            // So much it took before, and what waited is gone.
            self.target * RECOVERY.powf(seconds)
        } else if self.limit.is_some_and(near) {
            let response = (round_trip + RESPONSE).as_secs_f64();
            self.target + seconds * CAREFUL_BITS / response
        } else {
            self.target * GROWTH.powf(seconds)
        };
        let most = arriving.map_or(f64::MAX, |bps| bps * AHEAD + AHEAD_BPS);
        self.set(raised.min(most).max(self.target));
    }

    fn set(&mut self, target: f64) {
        let (min, max) = self.bounds;
        self.target = target.clamp(min, max);
    }
}
