//! Whether it is music: notes that hold their pitch, several of them, with hardly a pause.
//!
//! A voice glides: its overtones move by more than a few hertz in a quarter of a second, and it
//! pauses between syllables and breaths. Notes stand still.

use std::collections::VecDeque;

use super::spectrum::{Look, Sound};

/// What is looked back at: 5 s, in blocks.
const LOOKED_AT: usize = 250;
/// A peak that stands still for so long is a note: 240 ms, in blocks.
const NOTE_BLOCKS: u32 = 12;
/// How far a note may move from where it began, in Hz.
const STILL_HZ: f32 = 9.0;
/// A peak counts with this share of the power.
const PEAK_SHARE: f32 = 0.06;
/// Peaks that are followed at once.
const FOLLOWED_MAX: usize = 12;
/// Different notes that are remembered, by their frequency in steps of about a semitone.
const NOTES_MIN: usize = 3;

/// A peak that has not moved since it began.
#[derive(Debug, Clone, Copy)]
struct Still {
    hz: f32,
    blocks: u32,
    seen: u64,
}

#[derive(Debug, Clone, Copy)]
struct Moment {
    loud: bool,
    /// The note that sounds, as a semitone number.
    note: Option<i16>,
}

/// Follows peaks and counts notes.
#[derive(Debug, Default)]
pub(super) struct MusicEar {
    still: Vec<Still>,
    moments: VecDeque<Moment>,
    loud: usize,
    noted: usize,
}

impl MusicEar {
    /// Takes block number `at`; says whether this has been music, given what it was before.
    pub(super) fn hear(&mut self, at: u64, look: &Look, was: bool) -> bool {
        let loud = look.sound != Sound::Quiet;
        let note = if loud { self.note(at, look) } else { None };
        self.push(Moment { loud, note });
        if self.moments.len() < LOOKED_AT {
            return false;
        }
        let share = |count: usize| count * 100 / LOOKED_AT;
        if was {
            return share(self.loud) >= 60 && share(self.noted) >= 25 && self.notes() > 1;
        }
        share(self.loud) >= 80 && share(self.noted) >= 50 && self.notes() >= NOTES_MIN
    }

    /// The strongest note that sounds.
    fn note(&mut self, at: u64, look: &Look) -> Option<i16> {
        let mut note = None;
        for peak in look.peaks.iter().filter(|peak| peak.share >= PEAK_SHARE) {
            let known = self.still.iter().position(|still| {
                let before = still.seen < at && at - still.seen <= 2;
                before && (still.hz - peak.hz).abs() <= STILL_HZ
            });
            if let Some(still) = known.and_then(|place| self.still.get_mut(place)) {
                still.seen = at;
                still.blocks += 1;
                if still.blocks >= NOTE_BLOCKS {
                    note = note.or_else(|| Some(semitone(still.hz)));
                }
            } else if self.still.len() < FOLLOWED_MAX {
                self.still.push(Still {
                    hz: peak.hz,
                    blocks: 1,
                    seen: at,
                });
            }
        }
        self.still.retain(|still| at - still.seen <= 2);
        note
    }

    fn push(&mut self, moment: Moment) {
        if self.moments.len() == LOOKED_AT
            && let Some(oldest) = self.moments.pop_front()
        {
            self.loud -= usize::from(oldest.loud);
            self.noted -= usize::from(oldest.note.is_some());
        }
        self.loud += usize::from(moment.loud);
        self.noted += usize::from(moment.note.is_some());
        self.moments.push_back(moment);
    }

    fn notes(&self) -> usize {
        let mut notes: Vec<i16> = self.moments.iter().filter_map(|one| one.note).collect();
        notes.sort_unstable();
        notes.dedup();
        notes.len()
    }
}

fn semitone(hz: f32) -> i16 {
    (12.0 * (hz / 440.0).log2()).round() as i16
}
