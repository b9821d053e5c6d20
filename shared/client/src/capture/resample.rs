//! From a device's sample rate and channels to the 48 kHz mono that Opus wants, and back.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _};

/// Samples handed to the converter at a time: 10 ms at 48 kHz.
const CHUNK: usize = 480;

/// A mono sample rate converter that takes any number of samples at a time.
pub(crate) struct Resampler {
    converter: Option<Fft<f32>>,
    waiting: Vec<f32>,
    out: Vec<f32>,
}

/// The two rates cannot be converted into each other.
#[derive(Debug, thiserror::Error)]
#[error("sound at this sample rate cannot be converted")]
pub(crate) struct UnusableRate;

impl Resampler {
    /// Rates in Hz; equal rates cost nothing.
    pub(crate) fn new(from: u32, to: u32) -> Result<Self, UnusableRate> {
        let converter = if from == to {
            None
        } else {
            let converter = Fft::new(from as usize, to as usize, CHUNK, 1, FixedSync::Input);
            Some(converter.map_err(|_| UnusableRate)?)
        };
        let longest = converter
            .as_ref()
            .map_or(0, rubato::Resampler::output_frames_max);
        Ok(Self {
            converter,
            waiting: Vec::new(),
            out: vec![0.0; longest],
        })
    }

    /// Gives each converted run of samples to `take`.
    pub(crate) fn push(&mut self, samples: &[f32], mut take: impl FnMut(&[f32])) {
        let Some(converter) = &mut self.converter else {
            return take(samples);
        };
        self.waiting.extend_from_slice(samples);
        loop {
            let wanted = converter.input_frames_next();
            if self.waiting.len() < wanted || wanted == 0 {
                return;
            }
            let longest = self.out.len();
            let converted = match (
                SequentialSlice::new(&self.waiting[..wanted], 1, wanted),
                SequentialSlice::new_mut(&mut self.out, 1, longest),
            ) {
                (Ok(input), Ok(mut output)) => converter
                    .process_into_buffer(&input, &mut output, None)
                    .map(|(_, n)| n)
                    .ok(),
                (Err(_), _) | (_, Err(_)) => None,
            };
            self.waiting.drain(..wanted);
            if let Some(produced) = converted {
                take(&self.out[..produced]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: u32, to: u32) {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut produced = 0;
        for _ in 0..50 {
            let tenth = vec![0.25; (from / 50) as usize];
            resampler.push(&tenth, |samples| produced += samples.len());
        }
        let expected = to as usize;
        assert!(
            produced.abs_diff(expected) < expected / 20,
            "{from} to {to}: {produced}"
        );
    }

    #[test]
    fn a_second_stays_a_second() {
        check(48_000, 48_000);
        check(44_100, 48_000);
        check(16_000, 48_000);
        check(48_000, 44_100);
    }
}
