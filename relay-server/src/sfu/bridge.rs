//! The bridge between the telephone (G.711, 8 kHz) and the Opus legs.
//!
//! Everyone hears the sum of the others: the telephone hears the interpreter and the caller, the
//! interpreter hears the telephone and the caller, the caller hears the telephone and the
//! interpreter. It decodes, mixes and encodes every 20 ms and keeps nothing.

use std::collections::VecDeque;

use opus::{Application, Channels, Encoder};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use super::voice::{BLOCK, MIX_HZ, Voice};

/// Samples in 20 ms of telephone sound.
pub const TELEPHONE_BLOCK: usize = 160;
/// Telephone sound held at most (120 ms).
const TELEPHONE_SAMPLES_MAX: usize = TELEPHONE_BLOCK * 6;
/// Longest Opus packet we make, in bytes.
const OPUS_BYTES_MAX: usize = 400;

/// The bridge could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// The Opus library refused.
    #[error("Opus: {0}")]
    Opus(#[from] opus::Error),
    /// The resampler refused.
    #[error("resampler: {0}")]
    Resampler(#[from] rubato::ResamplerConstructionError),
}

/// What one tick of 20 ms gives out.
pub struct Mix {
    /// 160 samples at 8 kHz for the telephone.
    pub telephone: [i16; TELEPHONE_BLOCK],
    /// One Opus packet for the interpreter.
    pub interpreter: Vec<u8>,
    /// One Opus packet for the caller.
    pub caller: Vec<u8>,
}

/// Mixes three voices.
pub struct Bridge {
    /// What the interpreter says.
    pub interpreter: Voice,
    /// What the caller says, when they choose to speak.
    pub caller: Voice,
    telephone: VecDeque<i16>,
    up: Converter,
    down: Converter,
    to_interpreter: Encoder,
    to_caller: Encoder,
}

impl Bridge {
    /// A silent bridge.
    ///
    /// # Errors
    /// When a codec or a resampler cannot be made.
    pub fn new() -> Result<Self, BridgeError> {
        Ok(Self {
            interpreter: Voice::new()?,
            caller: Voice::new()?,
            telephone: VecDeque::with_capacity(TELEPHONE_SAMPLES_MAX),
            up: Converter::new(8_000, MIX_HZ as usize, TELEPHONE_BLOCK)?,
            down: Converter::new(MIX_HZ as usize, 8_000, BLOCK)?,
            to_interpreter: Encoder::new(MIX_HZ, Channels::Mono, Application::Voip)?,
            to_caller: Encoder::new(MIX_HZ, Channels::Mono, Application::Voip)?,
        })
    }

    /// Takes telephone sound, 8 kHz; the oldest is dropped when too much waits.
    pub fn push_telephone(&mut self, pcm: &[i16]) {
        self.telephone.extend(pcm);
        let excess = self.telephone.len().saturating_sub(TELEPHONE_SAMPLES_MAX);
        self.telephone.drain(..excess);
    }

    /// Mixes the next 20 ms.
    pub fn tick(&mut self) -> Mix {
        let mut line = [0_i16; TELEPHONE_BLOCK];
        if self.telephone.len() >= TELEPHONE_BLOCK {
            for (slot, sample) in line.iter_mut().zip(self.telephone.drain(..TELEPHONE_BLOCK)) {
                *slot = sample;
            }
        }
        let line: [i16; BLOCK] = self.up.convert(&line);
        let interpreter = self.interpreter.block().unwrap_or([0; BLOCK]);
        let caller = self.caller.block().unwrap_or([0; BLOCK]);
        Mix {
            telephone: self.down.convert(&sum(&interpreter, &caller)),
            interpreter: encode(&mut self.to_interpreter, &sum(&line, &caller)),
            caller: encode(&mut self.to_caller, &sum(&line, &interpreter)),
        }
    }
}

fn sum(a: &[i16; BLOCK], b: &[i16; BLOCK]) -> [i16; BLOCK] {
    let mut out = [0; BLOCK];
    for (slot, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
        *slot = a.saturating_add(*b);
    }
    out
}

fn encode(encoder: &mut Encoder, block: &[i16; BLOCK]) -> Vec<u8> {
    // Only a wrong block size can fail, and the type fixes it; an empty packet is never sent.
    encoder
        .encode_vec(block, OPUS_BYTES_MAX)
        .unwrap_or_default()
}

/// A sample rate converter for blocks of one size.
struct Converter {
    fft: Fft<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Converter {
    fn new(from_hz: usize, to_hz: usize, block: usize) -> Result<Self, BridgeError> {
        let fft = Fft::new(from_hz, to_hz, block, 1, FixedSync::Both)?;
        let output = vec![0.0; fft.output_frames_max()];
        Ok(Self {
            input: vec![0.0; block],
            output,
            fft,
        })
    }

    fn convert<const OUT: usize>(&mut self, block: &[i16]) -> [i16; OUT] {
        for (slot, sample) in self.input.iter_mut().zip(block) {
            *slot = f32::from(*sample) / 32_768.0;
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
            *slot = (sample * 32_768.0).clamp(-32_768.0, 32_767.0) as i16;
        }
        converted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, rate: u32, from: usize, len: usize) -> Vec<i16> {
        let step = std::f32::consts::TAU * hz / rate as f32;
        (from..from + len)
            .map(|n| ((n as f32 * step).sin() * 8_000.0) as i16)
            .collect()
    }

    /// Strength of one frequency (Goertzel), relative to full scale.
    fn strength(pcm: &[i16], hz: f32, rate: u32) -> f32 {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in pcm.iter().enumerate() {
            let angle = std::f32::consts::TAU * hz * n as f32 / rate as f32;
            re += f32::from(*sample) * angle.cos();
            im += f32::from(*sample) * angle.sin();
        }
        2.0 * re.hypot(im) / pcm.len() as f32 / 32_768.0
    }

    #[test]
    fn everyone_hears_the_others_and_never_themselves() {
        let mut bridge = Bridge::new().unwrap();
        let mut interpreter = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        let mut caller = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        let mut heard_by_interpreter = opus::Decoder::new(MIX_HZ, Channels::Mono).unwrap();
        let mut heard_by_caller = opus::Decoder::new(MIX_HZ, Channels::Mono).unwrap();
        let (mut telephone, mut at_interpreter, mut at_caller) = (vec![], vec![], vec![]);
        for n in 0..100_u16 {
            let at = usize::from(n) * 960;
            let said = interpreter
                .encode_vec(&tone(440.0, 48_000, at, 960), 400)
                .unwrap();
            bridge.interpreter.push(n, &said);
            let said = caller
                .encode_vec(&tone(660.0, 48_000, at, 960), 400)
                .unwrap();
            bridge.caller.push(n, &said);
            bridge.push_telephone(&tone(1_000.0, 8_000, at / 6, TELEPHONE_BLOCK));
            let mix = bridge.tick();
            if n < 50 {
                continue;
            }
            telephone.extend(mix.telephone);
            let mut pcm = [0; BLOCK];
            heard_by_interpreter
                .decode(&mix.interpreter, &mut pcm, false)
                .unwrap();
            at_interpreter.extend(pcm);
            heard_by_caller
                .decode(&mix.caller, &mut pcm, false)
                .unwrap();
            at_caller.extend(pcm);
        }
        let levels =
            |pcm: &[i16], rate| [440.0, 660.0, 1_000.0].map(|hz| strength(pcm, hz, rate) > 0.05);
        assert_eq!(levels(&telephone, 8_000), [true, true, false]);
        assert_eq!(levels(&at_interpreter, MIX_HZ), [false, true, true]);
        assert_eq!(levels(&at_caller, MIX_HZ), [true, false, true]);
    }

    #[test]
    fn lost_late_and_broken_packets_do_not_stop_the_voice() {
        let mut voice = Voice::new().unwrap();
        let mut encoder = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        let packet = encoder
            .encode_vec(&tone(440.0, 48_000, 0, 960), 400)
            .unwrap();
        for sequence in [65_534, 65_535, 2, 1, 3] {
            voice.push(sequence, &packet);
        }
        voice.push(4, &[0xff; 3]);
        let mut blocks = 0;
        while voice.block().is_some() {
            blocks += 1;
        }
        // Two packets, two concealed, two more; the late one is dropped.
        assert_eq!(blocks, 6);
        assert!(voice.block().is_none());
    }
}
