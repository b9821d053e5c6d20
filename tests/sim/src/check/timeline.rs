//! When the wall clock was set, so that its stamps can be read.

use super::CLOCKS_APART_MS;

/// The wall clock of a run.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// UTC at the beginning of the run, in milliseconds.
    pub zero_ms: u64,
    /// Since when (milliseconds into the run) the clock has been wrong by how much.
    pub steps: Vec<(u64, i64)>,
    /// When the server began each of its lives, in milliseconds into the run.
    pub births: Vec<u64>,
}

impl Timeline {
    /// Whether the server began a life in between.
    pub(super) fn is_reborn(&self, since: u64, until: u64) -> bool {
        self.births
            .iter()
            .any(|birth| (since..=until).contains(birth))
    }

    /// How long into the run a stamp was made, after one that was made `last_ms` into it: the
    /// first stretch of the run in which the clock can have shown it.
    pub(super) fn elapsed(&self, stamp_ms: u64, last_ms: u64) -> u64 {
        let begins = std::iter::once((0, 0)).chain(self.steps.iter().copied());
        let ends = self.steps.iter().map(|(since, _)| *since);
        begins
            .zip(ends.chain([u64::MAX]))
            .filter_map(|((since, wrong), until)| {
                let right = stamp_ms.checked_add_signed(-wrong)?;
                let elapsed = right.checked_sub(self.zero_ms)?;
                let after = elapsed + CLOCKS_APART_MS >= last_ms;
                ((since..=until).contains(&elapsed) && after).then_some(elapsed)
            })
            .min()
            .unwrap_or(last_ms)
    }
}
