//! How long packets wait on their way, beside the time that the way takes at its best.
//!
//! A queue that is full grows no longer, and a trend does not see it; signing through it is as hard
//! as through one that grows (domain list V2).

use std::time::{Duration, Instant};

use crate::best::BestOfLate;

/// The best of the last one to two of these is what the way takes.
const WINDOW: Duration = Duration::from_secs(20);
/// A shorter wait is none.
const STANDING_MS: f64 = 150.0;
/// When less has been sent for so long, and packets wait as long as before, the way is longer now.
const DRAINED: Duration = Duration::from_secs(5);
/// What is as long as before, in parts of it.
const UNCHANGED: f64 = 0.8;

/// Sees a queue that stands.
#[derive(Debug, Default)]
pub(super) struct Queue {
    epoch: Option<Instant>,
    /// In milliseconds.
    best: BestOfLate<f64>,
    /// The best since it was last looked at.
    batch: Option<f64>,
    waits_ms: f64,
    /// Since when less is sent because of it, and how long packets waited then.
    lowered: Option<(Instant, f64)>,
}

impl Queue {
    /// A packet that left then and arrived then, on another clock.
    pub(super) fn packet(&mut self, departure: Instant, arrival: Duration) {
        let epoch = *self.epoch.get_or_insert(departure);
        let left = departure.saturating_duration_since(epoch);
        let took = (arrival.as_secs_f64() - left.as_secs_f64()) * 1_000.0;
        self.batch = Some(self.batch.map_or(took, |best| best.min(took)));
    }

    /// Ends what is looked at together: the packets of one report.
    pub(super) fn look(&mut self, now: Instant) {
        let Some(took) = self.batch.take() else {
            return;
        };
        let is_less = |one, other| one < other;
        self.waits_ms = took - self.best.with(now, WINDOW, took, is_less);
        if !self.stands() {
            self.lowered = None;
        }
    }

    /// Whether packets wait although nothing says that they will wait less.
    pub(super) fn stands(&self) -> bool {
        self.waits_ms > STANDING_MS
    }

    /// For how long.
    pub(super) fn waits(&self) -> Duration {
        Duration::from_secs_f64(self.waits_ms.max(0.0) / 1_000.0)
    }

    /// Less is sent from now on, because of it.
    pub(super) fn lowered(&mut self, now: Instant) {
        let (since, at_first) = *self.lowered.get_or_insert((now, self.waits_ms));
        let drained = now.saturating_duration_since(since) > DRAINED;
        if drained && self.waits_ms > at_first * UNCHANGED {
            // It was no queue.
            *self = Self {
                epoch: self.epoch,
                ..Self::default()
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn a_full_queue_is_seen_and_a_longer_way_is_not_taken_for_one_for_long() {
        let mut queue = Queue::default();
        let began = start();
        let send = |queue: &mut Queue, n: u32, took_ms: u64| {
            let departure = began + Duration::from_millis(100) * n;
            let arrival =
                Duration::from_secs(7) + Duration::from_millis(u64::from(n) * 100 + took_ms);
            queue.packet(departure, arrival);
            queue.packet(departure, arrival + Duration::from_millis(90));
            queue.look(departure);
        };
        for n in 0..50 {
            send(&mut queue, n, 30);
            assert!(!queue.stands());
        }
        send(&mut queue, 50, 530);
        assert!(queue.stands());
        assert_eq!(queue.waits().as_millis(), 500);
        let mut stood = 0;
        for n in 51..150 {
            send(&mut queue, n, 530);
            if queue.stands() {
                queue.lowered(began + Duration::from_millis(100) * n);
                stood += 1;
            }
        }
        assert_eq!(stood, 52);
    }
}
