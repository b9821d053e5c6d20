//! Which of several sizes of a picture each viewer gets: smaller before slower.
//!
//! Signing is read from motion; a smaller picture hurts it less than a slower one (domain list V3).
//! So whoever has a narrower path gets a smaller size first, and only where even the smallest is too
//! much, every second picture is left out.

use std::time::{Duration, Instant};

/// A size that comes with so much more than the path takes is too much for it: sources overshoot,
/// and paths are estimated with care.
const OVER: f32 = 1.15;
/// And for so long.
const PATIENCE: Duration = Duration::from_secs(1);
/// A larger size needs so much more than it comes with, so that it is not undone at once.
const SPARE: f32 = 1.25;
/// And for so long.
const STEADY: Duration = Duration::from_secs(3);
/// What is not sent proves nothing of a path: after so long without trouble the next size is tried,
/// each time after twice as long.
const TRIAL_AFTER: Duration = Duration::from_secs(6);
const TRIAL_AFTER_MAX: Duration = Duration::from_secs(240);
/// Over this time a size that was tried has to prove itself.
const TRIAL: Duration = Duration::from_secs(10);

/// What a viewer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Choice {
    /// Which size, in the order in which the source names them.
    pub(super) layer: usize,
    /// Without the pictures that no other refers to.
    pub(super) thin: bool,
}

/// Chooses for one viewer.
#[derive(Debug, Default)]
pub(super) struct Chooser {
    choice: Choice,
    over_since: Option<Instant>,
    better_since: Option<Instant>,
    changed: Option<Instant>,
    /// The size was taken on trial.
    on_trial: bool,
    trial_after: Option<Duration>,
}

impl Chooser {
    /// What the viewer gets, whose path takes `path_bps` bits a second, of sizes that come with
    /// `rates`; 0: is not being sent.
    pub(super) fn choose(&mut self, now: Instant, path_bps: u32, rates: &[u32]) -> Choice {
        let mut sizes: Vec<(u32, usize)> = rates
            .iter()
            .enumerate()
            .filter(|(_, bps)| **bps > 0)
            .map(|(layer, bps)| (*bps, layer))
            .collect();
        sizes.sort_unstable();
        let Some(at) = self.place(&sizes) else {
            return self.choice;
        };
        let path = path_bps as f32;
        if self.changed.is_none() {
            // The first time there is nothing to be undone.
            let mut largest_first = sizes.iter().rev();
            let fitting = largest_first.find(|(bps, _)| *bps as f32 <= path);
            self.choice.layer = fitting.or(sizes.first()).map_or(0, |(_, layer)| *layer);
            self.changed = Some(now);
            return self.choice;
        }
        let (rate, _) = sizes[at];
        if rate as f32 > path * OVER {
            self.better_since = None;
            let since = *self.over_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= PATIENCE {
                self.lower(now, at, path, &sizes);
            }
            return self.choice;
        }
        self.over_since = None;
        self.raise(now, at, path, &sizes);
        self.choice
    }

    /// The place of the present size among those that come, from the smallest up. One that comes
    /// no more gives way to the largest that does.
    fn place(&mut self, sizes: &[(u32, usize)]) -> Option<usize> {
        let present = sizes
            .iter()
            .position(|(_, layer)| *layer == self.choice.layer);
        let at = present.or(sizes.len().checked_sub(1))?;
        self.choice.layer = sizes[at].1;
        Some(at)
    }

    fn lower(&mut self, now: Instant, at: usize, path: f32, sizes: &[(u32, usize)]) {
        if std::mem::take(&mut self.on_trial) {
            let after = self.trial_after.unwrap_or(TRIAL_AFTER);
            self.trial_after = Some((after * 2).min(TRIAL_AFTER_MAX));
        }
        let smaller = sizes[..at].iter().rev();
        let mut fitting = smaller.filter(|(bps, _)| *bps as f32 <= path);
        let layer = fitting.next().or(sizes.first()).map(|(_, layer)| *layer);
        let choice = Choice {
            layer: layer.unwrap_or(self.choice.layer),
            thin: at == 0,
        };
        self.change(now, choice);
    }

    fn raise(&mut self, now: Instant, at: usize, path: f32, sizes: &[(u32, usize)]) {
        let since = self.changed.map(|at| now.saturating_duration_since(at));
        if self.on_trial && since.is_some_and(|since| since >= TRIAL) {
            self.on_trial = false;
            self.trial_after = None;
        }
        let next = if self.choice.thin {
            Choice {
                thin: false,
                ..self.choice
            }
        } else if let Some((_, layer)) = sizes.get(at + 1) {
            Choice {
                layer: *layer,
                thin: false,
            }
        } else {
            return;
        };
        let needed = sizes.iter().find(|(_, layer)| *layer == next.layer);
        let fits = needed.is_some_and(|(bps, _)| *bps as f32 * SPARE <= path);
        if !fits {
            self.better_since = None;
            let patience = self.trial_after.unwrap_or(TRIAL_AFTER);
            if since.is_some_and(|since| since >= patience) {
                self.change(now, next);
                self.on_trial = true;
            }
            return;
        }
        let better = *self.better_since.get_or_insert(now);
        if now.saturating_duration_since(better) >= STEADY {
            self.change(now, next);
        }
    }

    fn change(&mut self, now: Instant, choice: Choice) {
        self.over_since = None;
        self.better_since = None;
        if choice != self.choice {
            self.choice = choice;
            self.changed = Some(now);
        }
    }
}

/// Whether somebody needs a smaller size than the one that is always sent: `paths` are those of all
/// but the first viewer, whom that one follows.
pub(super) fn needs_smaller(usual_bps: u32, mut paths: impl Iterator<Item = u32>) -> bool {
    paths.any(|path| usual_bps as f32 > path as f32 * OVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: u32 = 1_000_000;
    const MIDDLE: u32 = 400_000;
    const SMALL: u32 = 150_000;

    /// What is chosen for each path, half a second apart, with the large size first.
    fn chosen(paths: impl IntoIterator<Item = u32>) -> Vec<Choice> {
        chosen_of(&[LARGE, SMALL], paths)
    }

    fn chosen_of(sizes: &[u32], paths: impl IntoIterator<Item = u32>) -> Vec<Choice> {
        #[allow(
            clippy::disallowed_methods,
            reason = "an Instant can be had in no other way"
        )]
        let mut now = Instant::now();
        let mut chooser = Chooser::default();
        let each = paths.into_iter().map(|path| {
            now += Duration::from_millis(500);
            chooser.choose(now, path, sizes)
        });
        each.collect()
    }

    fn layers(choices: &[Choice]) -> Vec<usize> {
        choices.iter().map(|choice| choice.layer).collect()
    }

    #[test]
    fn v3_a_narrow_path_gets_a_smaller_picture_before_a_slower_one() {
        let narrower = [
            2_000_000, 300_000, 300_000, 300_000, 300_000, 100_000, 100_000, 100_000,
        ];
        let chosen = chosen(narrower);
        assert_eq!(layers(&chosen), [0, 0, 0, 1, 1, 1, 1, 1]);
        let thin: Vec<bool> = chosen.iter().map(|choice| choice.thin).collect();
        assert_eq!(
            thin,
            [false, false, false, false, false, false, false, true]
        );
    }

    #[test]
    fn a_path_that_widens_gets_more_after_a_while_one_thing_after_the_other() {
        let narrow = std::iter::repeat_n(100_000, 8);
        let chosen = chosen(narrow.chain(std::iter::repeat_n(2_000_000, 20)));
        assert!(chosen[7].thin && chosen[7].layer == 1);
        let whole = chosen.iter().rposition(|choice| choice.thin).unwrap() + 1;
        let large = chosen.iter().rposition(|choice| choice.layer == 1).unwrap() + 1;
        assert_eq!((whole, large), (8 + 6, 8 + 13));
    }

    #[test]
    fn v3_of_three_sizes_the_one_is_taken_that_fits_and_all_are_gone_through_on_the_way_back() {
        let narrower = [2_000_000, 500_000, 200_000, 100_000];
        let narrower = [1, 3, 3, 3]
            .into_iter()
            .zip(narrower)
            .flat_map(|(times, path)| std::iter::repeat_n(path, times));
        let wide = std::iter::repeat_n(2_000_000, 30);
        let chosen = chosen_of(&[LARGE, MIDDLE, SMALL], narrower.chain(wide));
        let layers = layers(&chosen);
        assert_eq!(layers[..10], [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]);
        let thin: Vec<usize> = (0..40).filter(|at| chosen[*at].thin).collect();
        assert_eq!(thin, [9, 10, 11, 12, 13, 14, 15]);
        let changes: Vec<usize> = (11..40)
            .filter(|at| layers[*at] != layers[at - 1])
            .collect();
        assert_eq!((changes, layers[39]), (vec![23, 30], 0));
    }

    #[test]
    fn a_moment_of_too_much_changes_nothing() {
        let paths = (0..100).map(|n| if n % 3 == 1 { 500_000 } else { 2_000_000 });
        assert!(layers(&chosen(paths)).iter().all(|layer| *layer == 0));
    }

    #[test]
    fn a_larger_size_is_tried_more_and_more_seldom_where_it_proves_too_much() {
        let chosen = chosen(std::iter::repeat_n(300_000, 2_000));
        let layers = layers(&chosen);
        let trials: Vec<usize> = (1..layers.len())
            .filter(|at| layers[at - 1] == 1 && layers[*at] == 0)
            .collect();
        assert!((6..12).contains(&trials.len()), "{trials:?}");
        let pauses: Vec<usize> = trials.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.is_sorted(), "{pauses:?}");
        let wide = layers.iter().filter(|layer| **layer == 0).count();
        assert!(wide < 40, "{wide} half seconds of too much");
    }

    #[test]
    fn where_one_size_comes_that_one_is_taken() {
        #[allow(
            clippy::disallowed_methods,
            reason = "an Instant can be had in no other way"
        )]
        let now = Instant::now();
        let mut chooser = Chooser::default();
        assert_eq!(
            chooser.choose(now, 2_000_000, &[SMALL, LARGE]).layer,
            1,
            "at once"
        );
        let mut chooser = Chooser::default();
        assert_eq!(chooser.choose(now, 1_000, &[0, 0]), Choice::default());
        assert_eq!(chooser.choose(now, 900_000, &[0, SMALL]).layer, 1);
        assert_eq!(chooser.choose(now, 900_000, &[LARGE, 0]).layer, 0);
        assert!(needs_smaller(LARGE, [2_000_000, 800_000].into_iter()));
        assert!(!needs_smaller(LARGE, [900_000].into_iter()));
    }
}
