//! The bridge between the telephone (G.711, 8 kHz) and the Opus legs.
//!
//! Everyone hears the sum of the others, with one exception: interpreters beside the lead (relief,
//! team, supervisor) are heard by interpreters only, so that they can help without disturbing the
//! call. It decodes, mixes and encodes every 20 ms and keeps nothing.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use opus::{Application, Channels, Encoder};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use vrs_domain::Leg;

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
    /// The resampler refused.
    #[error("resampler: {0}")]
    Resampler(#[from] rubato::ResamplerConstructionError),
}

/// What one tick of 20 ms gives out.
pub struct Mix {
    /// The 160 samples at 8 kHz that came from the telephone, silence where none did.
    pub heard: [i16; TELEPHONE_BLOCK],
    /// 160 samples at 8 kHz for the telephone.
    pub telephone: [i16; TELEPHONE_BLOCK],
    /// One Opus packet for each leg that listens.
    pub packets: Vec<(Leg, Vec<u8>)>,
}

/// Mixes the telephone and the voices of the Opus legs.
pub struct Bridge {
    voices: BTreeMap<Leg, Voice>,
    ears: BTreeMap<Leg, Encoder>,
    telephone: VecDeque<i16>,
    up: Converter,
    down: Converter,
}

/// Whether the parties of the call hear `leg`, and not only the interpreters.
const fn is_on_air(leg: Leg) -> bool {
    match leg {
        Leg::Caller | Leg::Interpreter | Leg::Hearing | Leg::Callee => true,
        Leg::Relief | Leg::Team | Leg::Supervisor => false,
    }
}

impl Bridge {
    /// A silent bridge.
    ///
    /// # Errors
    /// When a resampler cannot be made.
    pub fn new() -> Result<Self, BridgeError> {
        Ok(Self {
            voices: BTreeMap::new(),
            ears: BTreeMap::new(),
            telephone: VecDeque::with_capacity(TELEPHONE_SAMPLES_MAX),
            up: Converter::new(8_000, MIX_HZ as usize, TELEPHONE_BLOCK)?,
            down: Converter::new(MIX_HZ as usize, 8_000, BLOCK)?,
        })
    }

    /// Takes telephone sound, 8 kHz; the oldest is dropped when too much waits.
    pub fn push_telephone(&mut self, pcm: &[i16]) {
        self.telephone.extend(pcm);
        let excess = self.telephone.len().saturating_sub(TELEPHONE_SAMPLES_MAX);
        self.telephone.drain(..excess);
    }

    /// Takes one Opus packet that `leg` said.
    pub fn push(&mut self, leg: Leg, sequence: u16, opus: &[u8]) {
        let voice = match self.voices.entry(leg) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => match Voice::new() {
                Ok(voice) => place.insert(voice),
                // Without memory for a decoder this voice stays silent, and the others go on.
                Err(_) => return,
            },
        };
        voice.push(sequence, opus);
    }

    /// A leg is gone, or another one is in its place now.
    pub fn forget(&mut self, leg: Leg) {
        self.voices.remove(&leg);
        self.ears.remove(&leg);
    }

    /// A leg takes another place, with what it was about to say and hear.
    pub fn rename(&mut self, from: Leg, to: Leg) {
        self.forget(to);
        if let Some(voice) = self.voices.remove(&from) {
            self.voices.insert(to, voice);
        }
        if let Some(ear) = self.ears.remove(&from) {
            self.ears.insert(to, ear);
        }
    }

    /// Mixes the next 20 ms for those who listen.
    pub fn tick(&mut self, listeners: impl IntoIterator<Item = Leg>) -> Mix {
        let mut heard = [0_i16; TELEPHONE_BLOCK];
        if self.telephone.len() >= TELEPHONE_BLOCK {
            for (slot, sample) in heard
                .iter_mut()
                .zip(self.telephone.drain(..TELEPHONE_BLOCK))
            {
                *slot = sample;
            }
        }
        let line: [i16; BLOCK] = self.up.convert(&heard);
        let said: Vec<(Leg, [i16; BLOCK])> = self
            .voices
            .iter_mut()
            .filter_map(|(leg, voice)| Some((*leg, voice.block()?)))
            .collect();
        let mut packets = Vec::new();
        for leg in listeners {
            let backstage = leg.seat().is_some();
            let hears = |from: Leg| from != leg && (backstage || is_on_air(from));
            let block = sum(line, &said, hears);
            if let Some(packet) = self.encode(leg, &block) {
                packets.push((leg, packet));
            }
        }
        Mix {
            heard,
            telephone: self.down.convert(&sum([0; BLOCK], &said, is_on_air)),
            packets,
        }
    }

    fn encode(&mut self, leg: Leg, block: &[i16; BLOCK]) -> Option<Vec<u8>> {
        let encoder = match self.ears.entry(leg) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                place.insert(Encoder::new(MIX_HZ, Channels::Mono, Application::Voip).ok()?)
            }
        };
        // Only a wrong block size can fail, and the type fixes it.
        encoder.encode_vec(block, OPUS_BYTES_MAX).ok()
    }
}

fn sum(
    start: [i16; BLOCK],
    said: &[(Leg, [i16; BLOCK])],
    heard: impl Fn(Leg) -> bool,
) -> [i16; BLOCK] {
    let mut out = start;
    for (_, block) in said.iter().filter(|(leg, _)| heard(*leg)) {
        for (slot, sample) in out.iter_mut().zip(block) {
            *slot = slot.saturating_add(*sample);
        }
    }
    out
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

    /// Who says what: each leg its own tone.
    const TONES: [(Leg, f32); 3] = [
        (Leg::Interpreter, 440.0),
        (Leg::Caller, 660.0),
        (Leg::Team, 1_500.0),
    ];
    const TELEPHONE_HZ: f32 = 1_000.0;

    /// Which of 440, 660, 1500 and 1000 Hz are heard on the telephone and on each leg.
    fn heard() -> Vec<[bool; 4]> {
        let mut bridge = Bridge::new().unwrap();
        let encoder = || Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        let mut mouths = TONES.map(|(leg, hz)| (leg, hz, encoder()));
        let decoder = || opus::Decoder::new(MIX_HZ, Channels::Mono).unwrap();
        let mut ears = TONES.map(|(leg, _)| (leg, decoder(), Vec::new()));
        let mut telephone = Vec::new();
        for n in 0..100_u16 {
            let at = usize::from(n) * 960;
            for (leg, hz, mouth) in &mut mouths {
                let said = mouth.encode_vec(&tone(*hz, 48_000, at, 960), 400).unwrap();
                bridge.push(*leg, n, &said);
            }
            bridge.push_telephone(&tone(TELEPHONE_HZ, 8_000, at / 6, TELEPHONE_BLOCK));
            let mix = bridge.tick(TONES.map(|(leg, _)| leg));
            if n < 50 {
                continue;
            }
            telephone.extend(mix.telephone);
            for ((leg, packet), (ear, decoder, pcm)) in mix.packets.iter().zip(&mut ears) {
                assert_eq!(leg, ear);
                let mut block = [0; BLOCK];
                decoder.decode(packet, &mut block, false).unwrap();
                pcm.extend(block);
            }
        }
        let levels = |pcm: &[i16], rate| {
            [440.0, 660.0, 1_500.0, TELEPHONE_HZ].map(|hz| strength(pcm, hz, rate) > 0.05)
        };
        let mut all = vec![levels(&telephone, 8_000)];
        all.extend(ears.iter().map(|(_, _, pcm)| levels(pcm, MIX_HZ)));
        all
    }

    #[test]
    fn everyone_hears_the_others_and_a_team_helps_without_being_heard() {
        let [telephone, interpreter, caller, team] = heard()[..] else {
            panic!("four listen");
        };
        assert_eq!(telephone, [true, true, false, false]);
        assert_eq!(interpreter, [false, true, true, true]);
        assert_eq!(caller, [true, false, false, true]);
        assert_eq!(team, [true, true, false, true]);
    }

    #[test]
    fn a_relief_is_on_air_as_soon_as_they_have_the_lead() {
        let mut bridge = Bridge::new().unwrap();
        let mut mouth = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        let mut said = |bridge: &mut Bridge, leg, n: u16| {
            let at = usize::from(n) * 960;
            let packet = mouth
                .encode_vec(&tone(440.0, 48_000, at, 960), 400)
                .unwrap();
            bridge.push(leg, n, &packet);
            let mix = bridge.tick([]);
            mix.telephone.iter().any(|sample| sample.abs() > 1_000)
        };
        let before = (0..50)
            .filter(|n| said(&mut bridge, Leg::Relief, *n))
            .count();
        bridge.rename(Leg::Relief, Leg::Interpreter);
        let after = (50..100)
            .filter(|n| said(&mut bridge, Leg::Interpreter, *n))
            .count();
        assert_eq!(before, 0);
        assert!(after > 40, "{after} of 50 blocks");
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
