//! Signals that a line can carry, made by hand: tones of exchanges, music, beeps, fax machines and
//! text telephones.

use std::f32::consts::TAU;

use vrs_domain::LineSignal;

use crate::voice::RATE_HZ;

/// Peak of each tone, of full scale.
const TONE_PEAK: f32 = 0.1;
/// Peak of what stands for speech.
const BABBLE_PEAK: f32 = 0.3;
/// One bit of a text telephone (45.45 bauds), in samples.
const BIT_SAMPLES: usize = 176;

/// Which country's tones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TonePlan {
    /// The precise tone plan: North America.
    #[default]
    American,
    /// 425 Hz: most of Europe and Latin America.
    European,
}

impl std::str::FromStr for TonePlan {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "american" => Ok(Self::American),
            "european" => Ok(Self::European),
            other => Err(format!("'{other}' is not one of american, european")),
        }
    }
}

/// A piece of sound.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece {
    /// These frequencies at once; 0 Hz is none.
    Tones([f32; 3]),
    /// Something like speech: a low tone with overtones that glides and comes in bursts.
    Babble,
    /// Letters of a text telephone.
    Typing,
}

const NOTHING: Piece = Piece::Tones([0.0; 3]);

/// A signal that goes on, sample by sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    pieces: Vec<(Piece, usize)>,
    /// From here on the pieces are repeated.
    again: usize,
    now: usize,
    played: usize,
    phases: [f32; 3],
    glide: f32,
}

impl Signal {
    /// A signal of this kind in a country's manner.
    #[must_use]
    pub fn new(kind: LineSignal, plan: TonePlan) -> Self {
        let (intro, cycle) = pieces(kind, plan);
        let again = intro.len();
        let samples = |(piece, ms): (Piece, usize)| (piece, ms * RATE_HZ as usize / 1_000);
        let pieces = intro.into_iter().chain(cycle).map(samples).collect();
        Self {
            pieces,
            again,
            now: 0,
            played: 0,
            phases: [0.0; 3],
            glide: 0.0,
        }
    }

    /// The next sample at 8 kHz, of full scale.
    pub fn sample(&mut self) -> f32 {
        let Some(&(piece, length)) = self.pieces.get(self.now) else {
            return 0.0;
        };
        let sample = match piece {
            Piece::Tones(tones) => self.tones(tones),
            Piece::Babble => self.babble(),
            Piece::Typing => self.typing(),
        };
        self.played += 1;
        if self.played >= length {
            self.played = 0;
            self.now += 1;
            if self.now == self.pieces.len() {
                self.now = self.again;
            }
        }
        sample
    }

    fn tones(&mut self, tones: [f32; 3]) -> f32 {
        let mut sum = 0.0;
        for (phase, hz) in self.phases.iter_mut().zip(tones) {
            if hz > 0.0 {
                *phase = (*phase + TAU * hz / RATE_HZ as f32) % TAU;
                sum += TONE_PEAK * phase.sin();
            }
        }
        sum
    }

    fn babble(&mut self) -> f32 {
        let seconds = self.played as f32 / RATE_HZ as f32;
        let hz = 150.0 + 60.0 * (TAU * 0.7 * seconds).sin() + 25.0 * (TAU * 3.1 * seconds).sin();
        self.glide = (self.glide + TAU * hz / RATE_HZ as f32) % TAU;
        let overtones: f32 = (2..12).map(|n| (n as f32 * self.glide).sin() / 10.0).sum();
        let syllables = (TAU * 2.3 * seconds).sin().max(0.0);
        BABBLE_PEAK * overtones * syllables
    }

    fn typing(&mut self) -> f32 {
        let bit = self.played / BIT_SAMPLES;
        // A start bit, five bits that look like letters, and the stop.
        let mark = match bit % 8 {
            0 => false,
            6 | 7 => true,
            n => !(bit / 8 * 11 + n * 7).is_multiple_of(3),
        };
        self.tones([if mark { 1_400.0 } else { 1_800.0 }, 0.0, 0.0])
    }
}

type Pieces = Vec<(Piece, usize)>;

/// What is played once, and what is repeated after it.
fn pieces(kind: LineSignal, plan: TonePlan) -> (Pieces, Pieces) {
    let tone = |hz: &[f32], ms| {
        let mut tones = [0.0; 3];
        tones[..hz.len()].copy_from_slice(hz);
        (Piece::Tones(tones), ms)
    };
    let rhythm = |hz: &[f32], on, off| vec![tone(hz, on), (NOTHING, off)];
    let american = plan == TonePlan::American;
    match kind {
        LineSignal::Ringback if american => (Vec::new(), rhythm(&[440.0, 480.0], 2_000, 4_000)),
        LineSignal::Ringback => (Vec::new(), rhythm(&[425.0], 1_000, 4_000)),
        LineSignal::Busy if american => (Vec::new(), rhythm(&[480.0, 620.0], 500, 500)),
        LineSignal::Busy => (Vec::new(), rhythm(&[425.0], 500, 500)),
        LineSignal::Congestion if american => (Vec::new(), rhythm(&[480.0, 620.0], 250, 250)),
        LineSignal::Congestion => (Vec::new(), rhythm(&[425.0], 250, 250)),
        LineSignal::Announcement => {
            let hz = if american {
                [914.0, 1_371.0, 1_777.0]
            } else {
                [950.0, 1_400.0, 1_800.0]
            };
            let tones = hz.map(|hz| tone(&[hz], 330)).to_vec();
            (tones, vec![(Piece::Babble, 4_000), (NOTHING, 1_000)])
        }
        LineSignal::Silence => (Vec::new(), vec![(NOTHING, 1_000)]),
        LineSignal::Music => {
            let chord = |hz: [f32; 3]| (Piece::Tones(hz), 600);
            let chords = [
                [262.0, 330.0, 392.0],
                [349.0, 440.0, 523.0],
                [392.0, 494.0, 587.0],
                [330.0, 415.0, 494.0],
            ];
            (Vec::new(), chords.map(chord).to_vec())
        }
        LineSignal::Beep => {
            let greeting = [
                (Piece::Babble, 8_000),
                (NOTHING, 400),
                tone(&[1_000.0], 400),
            ];
            (greeting.to_vec(), vec![(NOTHING, 60_000)])
        }
        LineSignal::Fax => (Vec::new(), rhythm(&[1_100.0], 500, 3_000)),
        LineSignal::TextTelephone => {
            let line = (Piece::Typing, 3_000);
            (Vec::new(), vec![line, (NOTHING, 2_000)])
        }
    }
}
