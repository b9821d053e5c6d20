//! How busy an interpreter was, and until when they rest for it.
//!
//! What it is not: it asks nobody and reads no clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use vrs_domain::limit;

use super::class::CaKey;
use super::{INTERPRETERS_MAX, Occupancy};

/// The calls of one interpreter that still count, oldest first; they never overlap (Q2).
///
/// Exact for up to `limit::RECENT_CALLS_MAX` calls in a window. Beyond that the two oldest are
/// counted as one that ended with the later: no second is lost or added, some rest a little longer.
#[derive(Debug, Default)]
pub(super) struct Calls {
    recent: VecDeque<(Instant, Instant)>,
}

impl Calls {
    /// A call is over.
    pub(super) fn record(&mut self, since: Instant, until: Instant, rule: Occupancy) {
        while let Some((_, end)) = self.recent.front()
            && until.saturating_duration_since(*end) >= rule.window
        {
            self.recent.pop_front();
        }
        if self.recent.len() >= limit::RECENT_CALLS_MAX {
            self.join_oldest();
        }
        if since < until {
            self.recent.push_back((since, until));
        }
    }

    /// When the share of calls in the window is below the rule again; none when it is at `now`.
    pub(super) fn rest_until(&self, rule: Occupancy, now: Instant) -> Option<Instant> {
        let allowed = longest_below(rule)?;
        let mut excess = self.busy(rule, now).checked_sub(allowed)?;
        if excess.is_zero() {
            return None;
        }
        // The window moves on while the interpreter is free, and the oldest seconds fall out of
        // it first: the rest ends when as many have fallen out as there are too many.
        for &(since, until) in &self.recent {
            let inside = overlap((since, until), rule.window, now);
            if excess <= inside {
                let oldest = if now.saturating_duration_since(since) > rule.window {
                    now
                } else {
                    since.checked_add(rule.window)?
                };
                return oldest.checked_add(excess);
            }
            excess -= inside;
        }
        None
    }

    fn busy(&self, rule: Occupancy, now: Instant) -> Duration {
        let inside = self.recent.iter().map(|c| overlap(*c, rule.window, now));
        inside.sum()
    }

    fn join_oldest(&mut self) {
        if let Some((since, until)) = self.recent.pop_front()
            && let Some((next_since, _)) = self.recent.front_mut()
        {
            let earlier = next_since.checked_sub(until.saturating_duration_since(since));
            *next_since = earlier.unwrap_or(since);
        }
    }
}

/// The calls of those who signed out, for as long as they count.
#[derive(Debug, Default)]
pub(super) struct Gone {
    calls: BTreeMap<CaKey, (Instant, Calls)>,
    until: BTreeSet<(Instant, CaKey)>,
}

impl Gone {
    /// Keeps them until then; of very many those that count least go first.
    pub(super) fn keep(&mut self, ca: CaKey, calls: Calls, until: Instant) {
        if calls.recent.is_empty() {
            return;
        }
        if self.calls.len() >= INTERPRETERS_MAX
            && let Some((_, first)) = self.until.pop_first()
        {
            self.calls.remove(&first);
        }
        self.calls.insert(ca, (until, calls));
        self.until.insert((until, ca));
    }

    pub(super) fn take(&mut self, ca: CaKey) -> Option<Calls> {
        let (until, calls) = self.calls.remove(&ca)?;
        self.until.remove(&(until, ca));
        Some(calls)
    }

    pub(super) fn forget_until(&mut self, now: Instant) {
        while let Some((until, ca)) = self.until.first().copied()
            && until <= now
        {
            self.until.pop_first();
            self.calls.remove(&ca);
        }
    }
}

/// The longest time in calls that is still below the share; none when nobody ever rests.
fn longest_below(rule: Occupancy) -> Option<Duration> {
    let share = rule.window.as_nanos() * u128::from(rule.share_percent);
    let allowed = share.checked_sub(1)? / 100;
    Some(Duration::from_nanos(
        u64::try_from(allowed).unwrap_or(u64::MAX),
    ))
}

/// How much of a call lies in the window that ends at `now`.
fn overlap((since, until): (Instant, Instant), window: Duration, now: Instant) -> Duration {
    let from = now.saturating_duration_since(since).min(window);
    from.saturating_sub(now.saturating_duration_since(until))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::some_instant;
    use proptest::prelude::*;

    const HALF: Occupancy = Occupancy {
        share_percent: 50,
        window: Duration::from_secs(100),
    };

    fn busy_enough(calls: &[(Instant, Instant)], rule: Occupancy, now: Instant) -> bool {
        let inside: Duration = calls.iter().map(|c| overlap(*c, rule.window, now)).sum();
        inside.as_nanos() * 100 >= rule.window.as_nanos() * u128::from(rule.share_percent)
    }

    proptest! {
        #[test]
        fn a_rest_ends_at_the_first_nanosecond_below_the_share(
            lengths in prop::collection::vec((1..40_000_u64, 0..60_000_u64), 1..20),
            share_percent in 1..=100_u8,
        ) {
            let rule = Occupancy { share_percent, ..HALF };
            let mut calls = Calls::default();
            let mut all = Vec::new();
            let mut now = some_instant();
            for (call, pause) in lengths {
                let end = now + Duration::from_millis(call);
                calls.record(now, end, rule);
                all.push((now, end));
                let rest = calls.rest_until(rule, end);
                prop_assert_eq!(rest.is_some(), busy_enough(&all, rule, end));
                if let Some(rest) = rest {
                    prop_assert!(!busy_enough(&all, rule, rest));
                    prop_assert!(busy_enough(&all, rule, rest - Duration::from_nanos(1)));
                }
                now = end + Duration::from_millis(pause);
            }
        }
    }

    #[test]
    fn the_record_is_bounded_and_no_second_of_it_is_lost() {
        let mut calls = Calls::default();
        let start = some_instant();
        let rule = Occupancy {
            window: Duration::from_secs(100_000),
            ..HALF
        };
        let count = 3 * limit::RECENT_CALLS_MAX as u64;
        let at = |n: u64| start + Duration::from_secs(n * 10);
        for n in 0..count {
            calls.record(at(n), at(n) + Duration::from_secs(7), rule);
        }
        assert_eq!(calls.recent.len(), limit::RECENT_CALLS_MAX);
        assert_eq!(calls.busy(rule, at(count)), Duration::from_secs(7 * count));
    }

    #[test]
    fn no_share_and_no_window_mean_no_rest() {
        let now = some_instant();
        let later = now + Duration::from_secs(1000);
        for rule in [
            Occupancy {
                share_percent: 0,
                ..HALF
            },
            Occupancy {
                window: Duration::ZERO,
                ..HALF
            },
        ] {
            let mut calls = Calls::default();
            calls.record(now, later, rule);
            assert_eq!(calls.rest_until(rule, later), None);
        }
    }
}
