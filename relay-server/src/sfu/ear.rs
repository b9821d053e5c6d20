//! What is told of a telephone's line: what kind of sound is on it, and how loud both sides are.
//!
//! It hears each block of 20 ms, and tells changes only, and those not too often: each is a
//! message to every party.

use vrs_domain::{LineReport, Loudness};
use vrs_media::pcm;
use vrs_media::progress::{BLOCK, Detector};

/// A change of the signal follows what was told before after so many blocks at the soonest: 200 ms.
const SIGNAL_BLOCKS_MIN: u32 = 10;
/// A change of loudness alone: 500 ms.
const LOUDNESS_BLOCKS_MIN: u32 = 25;
/// Somebody is less loud when they have been for so many blocks: 600 ms, so that words do not
/// flicker.
const FALLS_AFTER_BLOCKS: u32 = 30;

/// Hears one line.
#[derive(Default)]
pub(super) struct Ear {
    detector: Detector,
    from: Meter,
    to: Meter,
    told: LineReport,
    /// Blocks since something was told.
    since: u32,
}

impl Ear {
    /// Takes the next 20 ms from the telephone and to it; gives what the line is like when that is
    /// to be told.
    pub(super) fn hear(&mut self, from: &[i16; BLOCK], to: &[i16; BLOCK]) -> Option<LineReport> {
        let now = LineReport {
            signal: self.detector.hear(from),
            from: self.from.measure(from),
            to: self.to.measure(to),
        };
        self.since = self.since.saturating_add(1);
        let wait = if now.signal == self.told.signal {
            LOUDNESS_BLOCKS_MIN
        } else {
            SIGNAL_BLOCKS_MIN
        };
        if now == self.told || self.since < wait {
            return None;
        }
        (self.told, self.since) = (now, 0);
        Some(now)
    }
}

/// How loud somebody is: rises at once, and falls late.
struct Meter {
    shown: Loudness,
    /// The loudest since it last was as loud as is shown.
    below: Loudness,
    falling: u32,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            shown: Loudness::Silent,
            below: Loudness::Silent,
            falling: 0,
        }
    }
}

impl Meter {
    fn measure(&mut self, block: &[i16; BLOCK]) -> Loudness {
        let mean = pcm::mean_square(block);
        let now = Loudness::of_dbfs(10.0 * mean.max(1e-12).log10());
        if now >= self.shown {
            (self.shown, self.below, self.falling) = (now, Loudness::Silent, 0);
        } else {
            self.below = self.below.max(now);
            self.falling += 1;
            if self.falling >= FALLS_AFTER_BLOCKS {
                (self.shown, self.below, self.falling) = (self.below, Loudness::Silent, 0);
            }
        }
        self.shown
    }
}

#[cfg(test)]
mod tests {
    use vrs_domain::LineSignal;

    use super::*;

    fn sine(hz: &[f32], n: usize, peak: f32) -> [i16; BLOCK] {
        std::array::from_fn(|i| {
            let turn = std::f32::consts::TAU * (n * BLOCK + i) as f32 / 8_000.0;
            let sum: f32 = hz.iter().map(|hz| (turn * hz).sin()).sum();
            (sum * peak) as i16
        })
    }

    /// What is told while the telephone and those who speak to it sound like this.
    fn told(
        ear: &mut Ear,
        blocks: usize,
        from: impl Fn(usize) -> [i16; BLOCK],
        to: impl Fn(usize) -> [i16; BLOCK],
    ) -> Vec<LineReport> {
        let hear = |n| ear.hear(&from(n), &to(n));
        (0..blocks).filter_map(hear).collect()
    }

    #[test]
    fn n3_both_directions_are_told_by_themselves_and_only_when_they_change() {
        let (quiet, mut ear) = ([0; BLOCK], Ear::default());
        // Ten seconds without a sound from there would be told as silence.
        assert_eq!(told(&mut ear, 200, |_| quiet, |_| quiet), []);
        let speaks = |n| sine(&[700.0], n, 2_000.0);
        let report = |from, to| LineReport {
            signal: None,
            from,
            to,
        };
        let first = told(&mut ear, 200, |_| quiet, speaks);
        assert_eq!(first, [report(Loudness::Silent, Loudness::Normal)]);
        let both = told(&mut ear, 300, |n| sine(&[900.0], n, 9_000.0), speaks);
        assert_eq!(both, [report(Loudness::Loud, Loudness::Normal)]);
        let after = told(&mut ear, 300, |_| quiet, |_| quiet);
        assert_eq!(after.last(), Some(&LineReport::default()), "{after:?}");
        assert!(after.len() <= 2, "{after:?}");
    }

    #[test]
    fn a_flickering_line_floods_nobody() {
        let (quiet, mut ear) = ([0; BLOCK], Ear::default());
        let flickers = |n: usize| match n / 7 % 3 {
            0 => sine(&[500.0], n, 12_000.0),
            1 => sine(&[800.0], n, 600.0),
            _ => quiet,
        };
        let seconds = 60;
        let told = told(&mut ear, seconds * 50, flickers, |n| flickers(n + 11));
        assert!(told.len() <= seconds * 2, "{} in a minute", told.len());
    }

    #[test]
    fn a_signal_is_told_with_its_beginning_and_its_end() {
        let (quiet, mut ear) = ([0; BLOCK], Ear::default());
        let busy = |n: usize| match n / 25 % 2 {
            0 => sine(&[480.0, 620.0], n, 3_000.0),
            _ => quiet,
        };
        let tones = told(&mut ear, 400, busy, |_| quiet);
        let told = told(&mut ear, 400, |_| quiet, |_| quiet);
        let signal = |reports: &[LineReport]| reports.last().and_then(|report| report.signal);
        assert_eq!(signal(&tones), Some(LineSignal::Busy), "{tones:?}");
        assert_eq!(signal(&told), None, "{told:?}");
    }
}
