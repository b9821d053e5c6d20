//! Sounds to be told apart: tones in rhythms, music, text telephones, and something like speech.

use std::f32::consts::TAU;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const RATE_HZ: f32 = 8_000.0;

/// Samples in so many milliseconds.
fn samples(ms: usize) -> usize {
    ms * 8
}

/// What is heard on a line, piece by piece: full scale is 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Sounds(pub(super) Vec<f32>);

impl Sounds {
    pub(super) fn silence(mut self, ms: usize) -> Self {
        self.0.extend(std::iter::repeat_n(0.0, samples(ms)));
        self
    }

    /// Sines of these frequencies at once, each at this level.
    pub(super) fn tone(mut self, hz: &[f32], ms: usize, dbfs: f32) -> Self {
        let peak = 10_f32.powf((dbfs + 3.01) / 20.0);
        let sample = |n: usize| {
            let turn = TAU * n as f32 / RATE_HZ;
            hz.iter().map(|hz| peak * (turn * hz).sin()).sum::<f32>()
        };
        self.0.extend((0..samples(ms)).map(sample));
        self
    }

    /// A rhythm of tones and pauses, so many times: `(on, off)` in milliseconds.
    pub(super) fn rhythm(
        mut self,
        hz: &[f32],
        parts: &[(usize, usize)],
        times: usize,
        dbfs: f32,
    ) -> Self {
        for _ in 0..times {
            for (on, off) in parts {
                self = self.tone(hz, *on, dbfs).silence(*off);
            }
        }
        self
    }

    /// Notes of a tune over slow chords, for about so many seconds.
    pub(super) fn music(mut self, seconds: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let note = |semitones: i32| 440.0 * 2_f32.powf(semitones as f32 / 12.0);
        let scale = [0, 2, 4, 5, 7, 9, 11, 12];
        for _ in 0..seconds / 2 {
            let root = note(scale[random.random_range(0..4)] - 12);
            let chord = [root, root * 1.26, root * 1.498];
            for _ in 0..4 {
                let melody = note(scale[random.random_range(0..8)]);
                for n in 0..samples(500) {
                    let turn = TAU * n as f32 / RATE_HZ;
                    let fades = (-(n as f32) / 6_000.0).exp();
                    let strings: f32 = chord.iter().map(|hz| (turn * hz).sin()).sum();
                    let over = (turn * melody).sin() + 0.4 * (2.0 * turn * melody).sin();
                    self.0.push(0.05 * strings + 0.12 * fades * over);
                }
            }
        }
        self
    }

    /// Letters as a text telephone sends them: 1400 and 1800 Hz, 45.45 bauds (ITU-T V.18 annex A).
    pub(super) fn typed(mut self, letters: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut phase = 0.0_f32;
        for _ in 0..letters {
            let data = (0..5).map(|_| random.random_bool(0.5));
            let bits: Vec<bool> = [false]
                .into_iter()
                .chain(data)
                .chain([true, true])
                .collect();
            for bit in bits {
                let hz = if bit { 1_400.0 } else { 1_800.0 };
                for _ in 0..176 {
                    phase = (phase + TAU * hz / RATE_HZ) % TAU;
                    self.0.push(0.15 * phase.sin());
                }
            }
        }
        self
    }

    /// Something like speech: voiced syllables whose pitch glides, hisses, short and long pauses.
    pub(super) fn speech(mut self, seconds: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let until = self.0.len() + samples(seconds * 1_000);
        let mut voice = Voice::new(&mut random);
        while self.0.len() < until {
            match random.random_range(0..10) {
                0..=5 => voice.syllable(&mut random, &mut self.0),
                6..=7 => voice.hiss(&mut random, &mut self.0),
                8 => self = self.silence(random.random_range(40..200)),
                _ => self = self.silence(random.random_range(200..1_200)),
            }
        }
        self.0.truncate(until);
        self
    }

    /// With noise under all of it.
    pub(super) fn noisy(mut self, dbfs: f32, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        // The root mean square of what is evenly spread is the bound over the root of three.
        let bound = 10_f32.powf(dbfs / 20.0) * 3_f32.sqrt();
        for sample in &mut self.0 {
            *sample += random.random_range(-bound..bound);
        }
        self
    }

    /// With each packet of 20 ms lost by this chance.
    pub(super) fn lossy(mut self, share: f64, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        for packet in self.0.chunks_mut(super::BLOCK) {
            if random.random_bool(share) {
                packet.fill(0.0);
            }
        }
        self
    }
}

/// A pulse train through three resonances.
struct Voice {
    pitch_hz: f32,
    phase: f32,
    filters: [(f32, f32); 3],
}

impl Voice {
    fn new(random: &mut StdRng) -> Self {
        Self {
            pitch_hz: random.random_range(85.0..260.0),
            phase: 0.0,
            filters: [(0.0, 0.0); 3],
        }
    }

    fn syllable(&mut self, random: &mut StdRng, out: &mut Vec<f32>) {
        let formants = |random: &mut StdRng| {
            [
                random.random_range(280.0..850.0_f32),
                random.random_range(850.0..2_300.0),
                random.random_range(2_300.0..3_200.0),
            ]
        };
        let (from, to) = (formants(random), formants(random));
        let length = samples(random.random_range(90..320));
        let begin = self.pitch_hz * random.random_range(0.9..1.25_f32);
        let end = begin * random.random_range(0.75..1.2_f32);
        let loud = random.random_range(0.05..0.3);
        for n in 0..length {
            let way = n as f32 / length as f32;
            let hz = begin + (end - begin) * way;
            self.phase += hz / RATE_HZ;
            let pulse = if self.phase >= 1.0 { 1.0 } else { 0.0 };
            self.phase %= 1.0;
            let envelope = (way * std::f32::consts::PI).sin().sqrt();
            let source = pulse + random.random_range(-0.02..0.02);
            let mut sum = 0.0;
            for (filter, (from, to)) in self.filters.iter_mut().zip(from.into_iter().zip(to)) {
                let hz = from + (to - from) * way;
                sum += resonate(filter, source, hz, 90.0);
            }
            out.push((loud * envelope * sum).clamp(-1.0, 1.0));
        }
    }

    fn hiss(&mut self, random: &mut StdRng, out: &mut Vec<f32>) {
        let hz = random.random_range(1_800.0..3_600.0);
        for _ in 0..samples(random.random_range(40..130)) {
            let noise = random.random_range(-0.1..0.1);
            out.push(resonate(&mut self.filters[2], noise, hz, 500.0));
        }
    }
}

fn resonate((one, two): &mut (f32, f32), input: f32, hz: f32, width_hz: f32) -> f32 {
    let radius = (-std::f32::consts::PI * width_hz / RATE_HZ).exp();
    let turn = (TAU * hz / RATE_HZ).cos();
    let output = input + 2.0 * radius * turn * *one - radius * radius * *two;
    (*two, *one) = (*one, output);
    output * (1.0 - radius) * 4.0
}
