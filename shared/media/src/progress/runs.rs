//! Tones as they come and go: how long each lasted, and what came before it.

use std::collections::VecDeque;

use super::spectrum::{Sound, Tone};

/// Measurements of one tone agree within this, in Hz.
const SAME_HZ: f32 = 15.0;
/// A tone goes on after so many blocks that are something else: a packet that was lost is in the
/// window for as long.
const MISSES_MAX: u64 = 5;
/// A tone is seen about so many blocks after it began: the window has to fill with it.
const SEEN_LATE: u64 = 2;
/// A tone that was seen in fewer blocks is none: where one follows another, both are in the window.
const SEEN_MIN: u32 = 3;
/// Tones that are remembered.
const KEPT_MAX: usize = 8;

/// One tone, from its beginning to its end, in blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Run {
    pub(super) tone: Tone,
    pub(super) began: u64,
    pub(super) ended: u64,
    seen: u32,
}

impl Run {
    /// How long it lasted, in blocks.
    pub(super) const fn blocks(&self) -> u64 {
        self.ended - self.began
    }
}

/// Follows tones from block to block.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// The one that sounds, with its last block so far as its end.
    now: Option<Run>,
    over: VecDeque<Run>,
}

impl Runs {
    /// Takes what block number `at` sounds like.
    pub(super) fn follow(&mut self, at: u64, sound: Sound) {
        let tone = match sound {
            Sound::Tone(tone) => Some(tone),
            Sound::Quiet | Sound::Beginning | Sound::Mixed => None,
        };
        if let (Some(run), Some(tone)) = (&mut self.now, tone)
            && run.tone.is_same(tone, SAME_HZ)
        {
            run.ended = at + 1;
            run.seen += 1;
            return;
        }
        if let Some(run) = self.now {
            let brief = run.seen < SEEN_MIN;
            if at >= run.ended + MISSES_MAX || brief && tone.is_some() {
                self.now = None;
                if !brief {
                    self.keep(run);
                }
            }
        }
        if let (None, Some(tone)) = (self.now, tone) {
            self.now = Some(Run {
                tone,
                began: at.saturating_sub(SEEN_LATE),
                ended: at + 1,
                seen: 1,
            });
        }
    }

    fn keep(&mut self, run: Run) {
        if self.over.len() == KEPT_MAX {
            self.over.pop_front();
        }
        self.over.push_back(run);
    }

    /// The tone that sounds now.
    pub(super) const fn now(&self) -> Option<&Run> {
        self.now.as_ref()
    }

    /// The last `N` that ended, the latest last.
    pub(super) fn last<const N: usize>(&self) -> Option<[Run; N]> {
        let from = self.over.len().checked_sub(N)?;
        Some(std::array::from_fn(|n| self.over[from + n]))
    }
}
