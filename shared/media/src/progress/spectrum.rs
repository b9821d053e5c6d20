//! One look at the line: how loud the newest 20 ms are, and which frequencies the last 100 ms hold.

use std::f32::consts::TAU;
use std::sync::Arc;

use vrs_kernels::{Complex, Fft, plan_fft};

use super::BLOCK;
use crate::pcm;

/// Samples per second.
const RATE_HZ: f32 = 8_000.0;
/// Samples looked at: 100 ms, so that tones 40 Hz apart (440 and 480) are two peaks.
const WINDOW: usize = 5 * BLOCK;
const HZ_PER_BIN: f32 = RATE_HZ / WINDOW as f32;
/// A Hann window keeps a tone within so many bins to either side.
const REACH: usize = 2;
/// What a telephone carries, in bins: 200 to 3500 Hz. Hum and the codec's noise are outside.
const BINS: std::ops::Range<usize> = 20..350;
/// Peaks that are told.
pub(super) const PEAKS: usize = 6;
/// What silence measures.
const SILENCE_DBFS: f32 = -120.0;
/// A tone holds this share of the power, alone or with a second one.
const TONE_SHARE: f32 = 0.85;
/// Of two tones the weaker one holds this share: 13 dB below the other.
const SECOND_SHARE: f32 = 0.05;
/// Quieter is silence.
const QUIET_DBFS: f32 = -50.0;
/// Where the newest block is so much quieter than the window, a sound has just ended, in dB.
const ENDED_DB: f32 = 9.0;
/// Where it is so much louder, one has just begun, in dB.
const BEGAN_DB: f32 = 3.0;

/// A frequency that stands out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peak {
    pub(super) hz: f32,
    /// Of the power of the whole window.
    pub(super) share: f32,
}

/// One frequency, or two at once in rising order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Tone {
    One(f32),
    Two(f32, f32),
}

impl Tone {
    /// Whether both are the same but for what measuring adds.
    pub(super) fn is_same(self, other: Self, within_hz: f32) -> bool {
        let near = |a: f32, b: f32| (a - b).abs() <= within_hz;
        match (self, other) {
            (Self::One(a), Self::One(b)) => near(a, b),
            (Self::Two(a, b), Self::Two(c, d)) => near(a, c) && near(b, d),
            (Self::One(_), Self::Two(..)) | (Self::Two(..), Self::One(_)) => false,
        }
    }
}

/// What the line sounds like at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sound {
    /// Nothing, or a sound has just ended.
    Quiet,
    /// A sound has just begun: too early to say what.
    Beginning,
    /// One or two steady tones and nothing else.
    Tone(Tone),
    /// Anything else: speech, music, noise.
    Mixed,
}

/// One look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) sound: Sound,
    /// The strongest first; a share of 0 is none.
    pub(super) peaks: [Peak; PEAKS],
    /// The powers of the bands of a text telephone's two tones, as shares.
    pub(super) mark: f32,
    pub(super) space: f32,
}

/// Keeps the last 100 ms and looks at them.
pub(super) struct Spectrum {
    samples: [f32; WINDOW],
    hann: [f32; WINDOW],
    fft: Arc<dyn Fft<f32>>,
    bins: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    powers: [f32; WINDOW / 2],
}

impl Spectrum {
    pub(super) fn new() -> Self {
        let fft = plan_fft(WINDOW);
        let scratch = vec![Complex::default(); fft.get_inplace_scratch_len()];
        let angle = |n: usize| TAU * n as f32 / WINDOW as f32;
        Self {
            samples: [0.0; WINDOW],
            hann: std::array::from_fn(|n| 0.5 - 0.5 * angle(n).cos()),
            fft,
            bins: vec![Complex::default(); WINDOW],
            scratch,
            powers: [0.0; WINDOW / 2],
        }
    }

    /// Takes the next 20 ms.
    pub(super) fn look(&mut self, block: &[i16; BLOCK]) -> Look {
        self.samples.copy_within(BLOCK.., 0);
        let newest = &mut self.samples[WINDOW - BLOCK..];
        for (slot, sample) in newest.iter_mut().zip(block) {
            *slot = pcm::to_unit(*sample);
        }
        let block_dbfs = dbfs(newest.iter().map(|s| s * s).sum::<f32>() / BLOCK as f32);
        let nothing = Look {
            sound: Sound::Quiet,
            peaks: [Peak {
                hz: 0.0,
                share: 0.0,
            }; PEAKS],
            mark: 0.0,
            space: 0.0,
        };
        if block_dbfs < QUIET_DBFS {
            return nothing;
        }
        let total = self.transform();
        // A Hann window passes 3/8 of the power of what is steady; a sine's power is spread over
        // two halves of the spectrum.
        let window_dbfs = dbfs(total * 2.0 / (WINDOW * WINDOW) as f32 / 0.375);
        let peaks = self.peaks(total);
        let band = |from: f32, to: f32| {
            let bins = (from / HZ_PER_BIN) as usize..=(to / HZ_PER_BIN) as usize;
            self.powers[bins].iter().sum::<f32>() / total
        };
        Look {
            sound: sound(block_dbfs, window_dbfs, &peaks),
            peaks,
            mark: band(1_330.0, 1_470.0),
            space: band(1_730.0, 1_870.0),
        }
    }

    /// Fills the powers; gives their sum over what a telephone carries.
    fn transform(&mut self) -> f32 {
        let weighted = self.samples.iter().zip(&self.hann).map(|(s, w)| s * w);
        for (bin, value) in self.bins.iter_mut().zip(weighted) {
            *bin = Complex::new(value, 0.0);
        }
        self.fft
            .process_with_scratch(&mut self.bins, &mut self.scratch);
        for (power, bin) in self.powers.iter_mut().zip(&self.bins) {
            *power = bin.norm_sqr();
        }
        self.powers[BINS].iter().sum::<f32>().max(1e-20)
    }

    /// The strongest bins that stand above their neighbours, each with the power around it.
    fn peaks(&self, total: f32) -> [Peak; PEAKS] {
        let mut left = self.powers;
        let none = Peak {
            hz: 0.0,
            share: 0.0,
        };
        let mut peaks = [none; PEAKS];
        let mut found = 0;
        // Bins beside a peak that was taken may look like peaks: they are passed over.
        for _ in 0..2 * PEAKS {
            let strongest = BINS.max_by(|a, b| left[*a].total_cmp(&left[*b]));
            let Some(bin) = strongest.filter(|bin| left[*bin] > 0.0) else {
                break;
            };
            let around = bin - REACH..=bin + REACH;
            let share = left[around.clone()].iter().sum::<f32>() / total;
            left[around].fill(0.0);
            let stands_out =
                self.powers[bin] > self.powers[bin - 1] && self.powers[bin] >= self.powers[bin + 1];
            if stands_out && let Some(slot) = peaks.get_mut(found) {
                let hz = self.refined(bin);
                *slot = Peak { hz, share };
                found += 1;
            }
        }
        peaks
    }

    /// The frequency of a peak between its bins: the top of a parabola through logarithms.
    fn refined(&self, bin: usize) -> f32 {
        let log = |bin: usize| self.powers[bin].max(1e-20).ln();
        let (below, at, above) = (log(bin - 1), log(bin), log(bin + 1));
        let curve = below - 2.0 * at + above;
        let shift = if curve.abs() < 1e-6 {
            0.0
        } else {
            (0.5 * (below - above) / curve).clamp(-0.5, 0.5)
        };
        (bin as f32 + shift) * HZ_PER_BIN
    }
}

fn sound(block_dbfs: f32, window_dbfs: f32, peaks: &[Peak; PEAKS]) -> Sound {
    if block_dbfs < window_dbfs - ENDED_DB {
        return Sound::Quiet;
    }
    let [first, second, ..] = *peaks;
    if first.share >= TONE_SHARE && second.share < SECOND_SHARE {
        return Sound::Tone(Tone::One(first.hz));
    }
    if first.share + second.share >= TONE_SHARE && second.share >= SECOND_SHARE {
        let (low, high) = (first.hz.min(second.hz), first.hz.max(second.hz));
        return Sound::Tone(Tone::Two(low, high));
    }
    if block_dbfs > window_dbfs + BEGAN_DB {
        return Sound::Beginning;
    }
    Sound::Mixed
}

fn dbfs(mean_square: f32) -> f32 {
    (10.0 * mean_square.max(1e-12).log10()).max(SILENCE_DBFS)
}
