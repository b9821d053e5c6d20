//! What the telephone hears: level and dominant frequency.

use vrs_kernels::{Complex, plan_fft};

use crate::voice::RATE_HZ;

/// Sound is analysed over the last second that was not silent, in samples.
const WINDOW_SAMPLES: usize = RATE_HZ as usize;
/// A shorter piece has no frequency worth naming, in samples.
const WINDOW_SAMPLES_MIN: usize = RATE_HZ as usize / 10;
/// A frame quieter than this is silence, in dB below full scale.
const SILENCE_DBFS: f32 = -55.0;
/// Below this is hum and line noise, in Hz.
const LOWEST_HZ: f32 = 60.0;

/// Collects sound frame by frame.
#[derive(Debug, Clone, Default)]
pub struct Ear {
    /// The newest sound that was not silent, at most [`WINDOW_SAMPLES`].
    window: std::collections::VecDeque<i16>,
    /// Sum of squares and number of all samples that were not silent.
    energy: f64,
    samples: u64,
}

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// The dominant frequency of the last sound, in Hz; `None` in silence.
    pub hz: Option<f32>,
    /// Root mean square of all sound, silence left out, in dB below full scale; `None` in silence.
    pub level_dbfs: Option<f32>,
}

impl Ear {
    /// Takes one frame of sound at 8 kHz.
    pub fn hear(&mut self, frame: &[i16]) {
        let energy: f64 = frame.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
        if frame.is_empty() || dbfs(energy, frame.len() as u64) < SILENCE_DBFS {
            return;
        }
        self.energy += energy;
        self.samples += frame.len() as u64;
        self.window.extend(frame);
        let surplus = self.window.len().saturating_sub(WINDOW_SAMPLES);
        self.window.drain(..surplus);
    }

    /// What was heard so far.
    #[must_use]
    pub fn report(&self) -> Heard {
        let level_dbfs = (self.samples > 0).then(|| dbfs(self.energy, self.samples));
        Heard {
            hz: self.dominant_hz(),
            level_dbfs,
        }
    }

    fn dominant_hz(&self) -> Option<f32> {
        let length = self.window.len();
        if length < WINDOW_SAMPLES_MIN {
            return None;
        }
        // A Hann window keeps one tone in few bins; its ends fade, so joints of frames do not matter.
        let mut bins: Vec<Complex<f32>> = Vec::with_capacity(length);
        for (index, sample) in self.window.iter().enumerate() {
            let turn = std::f32::consts::TAU * index as f32 / length as f32;
            bins.push(Complex::new(
                f32::from(*sample) * (0.5 - 0.5 * turn.cos()),
                0.0,
            ));
        }
        plan_fft(length).process(&mut bins);
        let hz_per_bin = RATE_HZ as f32 / length as f32;
        let lowest = (LOWEST_HZ / hz_per_bin) as usize;
        let half = lowest.max(1)..length / 2 - 1;
        let peak = half.max_by(|a, b| bins[*a].norm_sqr().total_cmp(&bins[*b].norm_sqr()))?;
        Some((peak as f32 + lean(&bins, peak)) * hz_per_bin)
    }
}

/// How far the true peak lies from bin `peak`, in bins: the top of a parabola through three.
fn lean(bins: &[Complex<f32>], peak: usize) -> f32 {
    let [left, middle, right] = [peak - 1, peak, peak + 1].map(|bin| bins[bin].norm());
    let curve = left - 2.0 * middle + right;
    if curve.abs() < f32::EPSILON {
        0.0
    } else {
        0.5 * (left - right) / curve
    }
}

fn dbfs(energy: f64, samples: u64) -> f32 {
    let mean = energy / samples as f64 / (f64::from(i16::MAX) * f64::from(i16::MAX));
    (10.0 * mean.max(1e-12).log10()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::Voice;

    #[test]
    fn the_stronger_of_two_tones_is_named() {
        let (mut strong, mut weak) = (Voice::tone(700.0), Voice::tone(1500.0));
        let mut ear = Ear::default();
        for _ in 0..60 {
            let pairs = strong.frame().into_iter().zip(weak.frame());
            let mixed: Vec<i16> = pairs.map(|(a, b)| a + b / 4).collect();
            ear.hear(&mixed);
        }
        assert!((ear.report().hz.unwrap() - 700.0).abs() < 2.0);
    }

    #[test]
    fn too_little_sound_has_no_frequency() {
        let mut ear = Ear::default();
        ear.hear(&Voice::tone(440.0).frame());
        assert_eq!(ear.report().hz, None);
        assert!(ear.report().level_dbfs.is_some());
        ear.hear(&[]);
    }
}
