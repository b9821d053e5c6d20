//! Sound between the telephone's rate and the one at which voices are mixed.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};
use vrs_media::pcm;

/// The bridge, or a voice in it, could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// The resampler refused.
    #[error("resampler: {0}")]
    Resampler(#[from] rubato::ResamplerConstructionError),
    /// The codec refused.
    #[error("codec: {0}")]
    Codec(#[from] opus::Error),
}

/// A sample rate converter for blocks of one size.
pub(super) struct Converter {
    fft: Fft<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Converter {
    pub(super) fn new(from_hz: usize, to_hz: usize, block: usize) -> Result<Self, BridgeError> {
        let fft = Fft::new(from_hz, to_hz, block, 1, FixedSync::Both)?;
        let output = vec![0.0; fft.output_frames_max()];
        Ok(Self {
            input: vec![0.0; block],
            output,
            fft,
        })
    }

    pub(super) fn convert<const OUT: usize>(&mut self, block: &[i16]) -> [i16; OUT] {
        for (slot, sample) in self.input.iter_mut().zip(block) {
            *slot = pcm::to_unit(*sample);
        }
        let mut converted = [0; OUT];
        let frames = (self.input.len(), self.output.len());
        let input = InterleavedSlice::new(&self.input, 1, frames.0);
        let output = InterleavedSlice::new_mut(&mut self.output, 1, frames.1);
        // Sizes are fixed at construction; were they wrong, silence is the safe answer.
        let (Ok(input), Ok(mut output)) = (input, output) else {
            return converted;
        };
        if self
            .fft
            .process_into_buffer(&input, &mut output, None)
            .is_err()
        {
            return converted;
        }
        for (slot, sample) in converted.iter_mut().zip(&self.output) {
            *slot = pcm::to_linear(*sample);
        }
        converted
    }
}
