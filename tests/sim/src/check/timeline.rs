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
    /// How many records the journal held when each of them began.
    pub heads: Vec<u64>,
    /// When it was killed, in the same way.
    pub deaths: Vec<u64>,
    /// When it had noted last that it was there, in the same way and in UTC.
    pub notes: Vec<(u64, u64)>,
    /// The network never stands still.
    pub unparted: bool,
}

impl Timeline {
    /// Whether the server began a life in between.
    pub(super) fn is_reborn(&self, since: u64, until: u64) -> bool {
        self.births
            .iter()
            .any(|birth| (since..=until).contains(birth))
    }

    /// By how much the clock was wrong so long into the run, in milliseconds.
    #[must_use]
    pub fn wrong_ms(&self, elapsed_ms: u64) -> i64 {
        let mut latest_first = self.steps.iter().rev();
        let step = latest_first.find(|(at, _)| *at <= elapsed_ms);
        step.map_or(0, |(_, wrong)| *wrong)
    }

    /// How often the server had begun to live by then.
    pub(super) fn lives(&self, elapsed_ms: u64) -> usize {
        let born = |birth: &&u64| **birth <= elapsed_ms + 1;
        self.births.iter().filter(born).count()
    }

    /// In which of the server's lives a record was made, counted from 1.
    pub(super) fn life_of(&self, sequence: u64) -> u32 {
        let before = self.heads.iter().filter(|head| **head < sequence).count();
        u32::try_from(before).unwrap_or(u32::MAX)
    }

    /// When the server was killed whose lives had been counted up to this one.
    pub(super) fn died(&self, life: usize) -> Option<u64> {
        self.deaths.get(life.checked_sub(1)?).copied()
    }

    /// When the server had noted that it was there before that, and in UTC.
    pub(super) fn alive(&self, life: usize) -> Option<(u64, u64)> {
        self.notes.get(life.checked_sub(1)?).copied()
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
