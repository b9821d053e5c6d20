//! The best of late: of what is measured again and again, and may have become worse for good.

use std::time::{Duration, Instant};

/// The best figure of this window and of the one before: of the last one to two of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BestOfLate<T> {
    turned: Option<Instant>,
    best: [Option<T>; 2],
}

impl<T> Default for BestOfLate<T> {
    fn default() -> Self {
        Self {
            turned: None,
            best: [None, None],
        }
    }
}

impl<T: Copy> BestOfLate<T> {
    /// Notes a figure and gives the best of late; `is_better` says whether the first of two is.
    pub(crate) fn with(
        &mut self,
        now: Instant,
        window: Duration,
        figure: T,
        is_better: impl Fn(T, T) -> bool,
    ) -> T {
        let turned = *self.turned.get_or_insert(now);
        if now.saturating_duration_since(turned) > window {
            self.turned = Some(now);
            self.best = [None, self.best[0]];
        }
        let better_of = |one: T, other: T| if is_better(one, other) { one } else { other };
        let [newest, before] = self.best;
        let newest = newest.map_or(figure, |best| better_of(figure, best));
        self.best[0] = Some(newest);
        before.map_or(newest, |best| better_of(newest, best))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn the_best_is_forgotten_after_one_window_and_before_two() {
        const WINDOW: Duration = Duration::from_secs(10);
        let began = start();
        let mut best = BestOfLate::default();
        let mut least = |second: u64, figure: u32| {
            let now = began + Duration::from_secs(second);
            best.with(now, WINDOW, figure, |one, other| one < other)
        };
        assert_eq!(least(0, 5), 5);
        assert_eq!(least(1, 3), 3);
        assert_eq!(least(10, 7), 3);
        assert_eq!(least(11, 7), 3, "it is of the window before");
        assert_eq!(
            least(22, 9),
            7,
            "it is forgotten, and what came later is not"
        );
        assert_eq!(least(33, 9), 9);
    }
}
