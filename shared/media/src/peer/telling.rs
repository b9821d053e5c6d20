//! When a sender is told that its packets came (RFC 8888 section 4): seldom as long as all is well,
//! and soon once one is missing or has waited on its way.
//!
//! Why not always soon: a relay tells and is told of every leg, and what is told in vain costs it
//! as much as the packets themselves.

use std::time::{Duration, Instant};

use crate::best::BestOfLate;

/// With every sixth picture: the longest that congestion control takes well (RFC 8888 section 4).
const INTERVAL_MAX: Duration = Duration::from_millis(200);
/// With every third: within a round trip or two.
const INTERVAL_MIN: Duration = Duration::from_millis(80);
/// A packet tells after the interval, and without one this much later: most streams go on, and are
/// spared a waking of their own.
const PATIENCE: Duration = Duration::from_millis(50);
/// A packet that was so much longer on its way than the fastest has waited somewhere.
const WAITED: Duration = Duration::from_millis(25);
/// The fastest of the last one to two of these.
const WINDOW: Duration = Duration::from_secs(10);

/// When the arrivals of one stream's packets are told.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// When it was told last, or when there was something to tell again.
    since: Option<Instant>,
    /// Of whatever came since then.
    haste: Haste,
}

impl Telling {
    /// A packet came, and is to be told: at once, soon, or in time. True if that moves
    /// [`Self::timeout`].
    pub(super) fn came(&mut self, now: Instant, haste: Haste) -> bool {
        let before = self.timeout();
        self.since.get_or_insert(now);
        self.haste = self.haste.max(haste);
        before != self.timeout()
    }

    fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + self.haste.interval())
    }

    /// Whether the next packet tells.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due().is_some_and(|due| due <= now)
    }

    /// When to tell although no packet comes.
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.due().map(|due| due + PATIENCE)
    }

    /// It was told just now, if there was anything; the next time is an interval away.
    pub(super) fn told(&mut self, now: Instant, anything: bool) {
        self.since = anything.then_some(now);
        self.haste = Haste::InTime;
    }
}

/// How soon a packet's sender is to know that it came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Haste {
    #[default]
    InTime,
    /// Something is amiss.
    Soon,
    /// No more can be remembered.
    Now,
}

impl Haste {
    const fn interval(self) -> Duration {
        match self {
            Self::InTime => INTERVAL_MAX,
            Self::Soon => INTERVAL_MIN,
            Self::Now => Duration::ZERO,
        }
    }
}

/// Sees whether packets waited on their way.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    began: Option<Instant>,
    /// How long the fastest of late took, on nobody's clock.
    fastest: BestOfLate<u32>,
}

impl Waiting {
    /// Whether a packet with this timestamp, in units of `clock_rate`, has waited.
    pub(super) fn has(&mut self, now: Instant, timestamp: u32, clock_rate: u32) -> bool {
        let began = *self.began.get_or_insert(now);
        let clock_rate = u64::from(clock_rate);
        let units = |time: Duration| (time.as_micros() as u64 * clock_rate / 1_000_000) as u32;
        let took = units(now.saturating_duration_since(began)).wrapping_sub(timestamp);
        // Clocks wrap: what is longer is what comes later.
        let longer = |one: u32, other: u32| one.wrapping_sub(other) as i32;
        let is_faster = |one, other| longer(one, other) < 0;
        let fastest = self.fastest.with(now, WINDOW, took, is_faster);
        longer(took, fastest) > units(WAITED) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn it_is_told_in_time_soon_when_something_is_amiss_and_at_once_when_memory_ends() {
        let began = start() + Duration::from_secs(1);
        let mut telling = Telling::default();
        assert_eq!(telling.timeout(), None);
        assert!(telling.came(began, Haste::InTime));
        let later = began + Duration::from_millis(10);
        assert!(!telling.came(later, Haste::InTime));
        assert!(!telling.is_due(began + Duration::from_millis(199)));
        assert!(telling.is_due(began + INTERVAL_MAX));
        assert_eq!(telling.timeout(), Some(began + INTERVAL_MAX + PATIENCE));
        assert!(telling.came(later, Haste::Soon), "it is told earlier now");
        assert!(telling.is_due(began + INTERVAL_MIN));
        let told = began + INTERVAL_MIN;
        telling.told(told, true);
        assert_eq!(telling.timeout(), Some(told + INTERVAL_MAX + PATIENCE));
        assert!(telling.came(told, Haste::Now));
        assert!(telling.is_due(told));
        telling.told(told, false);
        assert_eq!(telling.timeout(), None);
    }

    #[test]
    fn a_packet_has_waited_that_was_longer_on_its_way_than_the_fastest_of_late() {
        let began = start();
        // The sender's clock begins anywhere, and wraps.
        let mut waiting = Waiting::default();
        let mut waited = |n: u32, took_ms: u64| {
            let sent = Duration::from_millis(33) * n;
            let timestamp = 0x8000_0000_u32.wrapping_sub(9_000).wrapping_add(n * 2_970);
            waiting.has(
                began + sent + Duration::from_millis(took_ms),
                timestamp,
                90_000,
            )
        };
        for n in 0..100 {
            assert!(!waited(n, 40 + u64::from(n % 3) * 10));
        }
        assert!(waited(100, 70));
        assert!(!waited(101, 20));
        assert!(waited(102, 50), "the fastest was faster");
        // A way that has become longer for good is no wait.
        let long: Vec<bool> = (103..1_000).map(|n| waited(n, 140)).collect();
        assert!(long[0] && !long[896]);
        let changed = long.iter().position(|has| !has).unwrap();
        assert!((300..=620).contains(&changed), "{changed}");
    }
}
