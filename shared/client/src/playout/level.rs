//! How loud it is and at what pitch: RMS in dBFS, and the strongest frequency of the spectrum.

use std::sync::Arc;

use vrs_kernels::{Complex, Fft, plan_fft};

use crate::codec::SAMPLE_RATE_HZ;

/// Samples per reading: 100 ms, so ten readings a second.
const WINDOW: usize = SAMPLE_RATE_HZ as usize / 10;
/// Samples of the spectrum: 85 ms, 11.7 Hz per bin before interpolation.
const SPECTRUM: usize = 4096;
/// What silence measures, in dBFS.
pub(crate) const SILENCE_DBFS: f32 = -120.0;
/// Below this there is no pitch worth naming, in dBFS.
const PITCH_FLOOR_DBFS: f32 = -55.0;
/// Hum and rumble below this are no pitch, in Hz.
const PITCH_MIN_HZ: f32 = 60.0;

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Heard {
    /// Root mean square; 0 is a full-scale square wave, a full-scale sine is -3.
    pub(crate) dbfs: f32,
    /// Strongest frequency in Hz; 0 when it is too quiet to say.
    pub(crate) hz: f32,
}

/// Gathers samples and reads them ten times a second.
pub(crate) struct LevelMeter {
    waiting: Vec<f32>,
    fft: Arc<dyn Fft<f32>>,
    hann: Vec<f32>,
}

impl LevelMeter {
    pub(crate) fn new() -> Self {
        let fft = plan_fft(SPECTRUM);
        let angle = |n: usize| std::f32::consts::TAU * n as f32 / SPECTRUM as f32;
        let hann = (0..SPECTRUM).map(|n| 0.5 - 0.5 * angle(n).cos()).collect();
        Self {
            waiting: Vec::with_capacity(2 * WINDOW),
            fft,
            hann,
        }
    }

    /// Takes 48 kHz mono samples; gives the newest reading when one is complete.
    pub(crate) fn push(&mut self, samples: &[f32]) -> Option<Heard> {
        self.waiting.extend_from_slice(samples);
        let mut reading = None;
        while self.waiting.len() >= WINDOW {
            reading = Some(self.read());
            self.waiting.drain(..WINDOW);
        }
        reading
    }

    fn read(&self) -> Heard {
        let window = &self.waiting[..WINDOW];
        let mean_square = window.iter().map(|s| s * s).sum::<f32>() / WINDOW as f32;
        let dbfs = (10.0 * mean_square.max(1e-12).log10()).max(SILENCE_DBFS);
        let hz = if dbfs > PITCH_FLOOR_DBFS {
            self.pitch(&window[WINDOW - SPECTRUM..])
        } else {
            0.0
        };
        Heard { dbfs, hz }
    }

    /// The strongest bin, refined by a parabola through its neighbours.
    fn pitch(&self, samples: &[f32]) -> f32 {
        let mut spectrum: Vec<_> = samples
            .iter()
            .zip(&self.hann)
            .map(|(s, w)| Complex::new(s * w, 0.0))
            .collect();
        self.fft.process(&mut spectrum);
        let hz_per_bin = SAMPLE_RATE_HZ as f32 / SPECTRUM as f32;
        let first = (PITCH_MIN_HZ / hz_per_bin) as usize;
        let power = |bin: usize| (spectrum[bin].norm_sqr() + 1e-12).ln();
        let strongest = (first..SPECTRUM / 2 - 1).max_by(|a, b| power(*a).total_cmp(&power(*b)));
        let Some(bin) = strongest else { return 0.0 };
        let (left, middle, right) = (power(bin - 1), power(bin), power(bin + 1));
        let curve = left - 2.0 * middle + right;
        let shift = if curve.abs() < 1e-6 {
            0.0
        } else {
            (0.5 * (left - right) / curve).clamp(-0.5, 0.5)
        };
        (bin as f32 + shift) * hz_per_bin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hz: f32, amplitude: f32) -> Heard {
        let wave: Vec<f32> = (0..WINDOW)
            .map(|n| {
                amplitude * (n as f32 * std::f32::consts::TAU * hz / SAMPLE_RATE_HZ as f32).sin()
            })
            .collect();
        LevelMeter::new().push(&wave).unwrap()
    }

    #[test]
    fn pitch_is_right_within_three_hertz() {
        for hz in [300.0, 440.0, 1004.0, 1633.0, 3400.0] {
            let heard = read(hz, 0.5);
            assert!((heard.hz - hz).abs() < 3.0, "{hz}: {heard:?}");
            assert!((heard.dbfs + 9.03).abs() < 0.2, "{heard:?}");
        }
    }

    #[test]
    fn silence_has_no_pitch() {
        assert_eq!(
            read(440.0, 0.0),
            Heard {
                dbfs: SILENCE_DBFS,
                hz: 0.0
            }
        );
        assert_eq!(read(440.0, 0.001).hz, 0.0);
    }
}
