//! What kind of sound is on the telephone's line: ringing, busy, music, a beep, nothing at all.
//!
//! What it is: a pure detector. Blocks of 20 ms go in, and a [`LineSignal`] comes out, after it
//! has lasted long enough to be told from speech. Time is counted in blocks.
//! What it is not: it keeps no sound: a tenth of a second of samples is all there ever is, and of
//! what was before only which tones there were, and when.
//! Start reading at [`Detector::hear`]; [`spectrum`] looks, [`runs`] follows tones, [`cadence`]
//! knows what they mean, [`music`] listens for notes.

mod cadence;
mod music;
mod runs;
mod spectrum;
#[cfg(test)]
mod tests;

use vrs_domain::LineSignal;

use music::MusicEar;
use runs::Runs;
use spectrum::{Look, Sound, Spectrum};

/// Samples in one block: 20 ms at 8 kHz.
pub const BLOCK: usize = 160;
/// Milliseconds of one block.
const BLOCK_MS: u64 = 20;
/// Silence is told after so many blocks: 10 s.
const SILENCE_BLOCKS: u32 = 500;
/// Sound of so many blocks ends a silence: 100 ms, more than a crackle.
const SOUND_BLOCKS: u32 = 5;
/// Speech or music of so many blocks ends what tones meant: 400 ms.
const MIXED_BLOCKS: u32 = 20;
/// Somebody spoke when this much of the last seconds was speech, in blocks.
const SPOKEN_BLOCKS: f32 = 40.0;
/// What was spoken is forgotten by this share each block: after about ten seconds.
const SPOKEN_FADES: f32 = 0.998;
/// The two tones of a text telephone hold this share of the power together, and each of them that.
const TYPED_SHARE: f32 = 0.8;
const TYPED_EACH: f32 = 0.08;
/// They are told when one of them was there for so many blocks in a row (500 ms), and both of them
/// in so many of those.
const TYPED_BLOCKS: u32 = 25;
const TYPED_BOTH_BLOCKS: u32 = 12;

/// For how long after its last evidence a signal is told, in blocks.
const fn stays(signal: LineSignal) -> u64 {
    let seconds = match signal {
        // Longer than the longest pause between two rings, and than the pauses of music.
        LineSignal::Ringback => 7,
        LineSignal::Busy | LineSignal::Congestion => 2,
        // What follows is spoken, and means the same.
        LineSignal::Announcement => 12,
        LineSignal::Beep => 8,
        LineSignal::Fax | LineSignal::TextTelephone => 5,
        // These end by themselves.
        LineSignal::Silence | LineSignal::Music => 0,
    };
    seconds * 1_000 / BLOCK_MS
}

/// Listens to one line.
pub struct Detector {
    spectrum: Spectrum,
    runs: Runs,
    music: MusicEar,
    /// The number of the next block.
    at: u64,
    quiet: u32,
    loud: u32,
    mixed: u32,
    typed: u32,
    typed_both: u32,
    spoken: f32,
    signal: Option<(LineSignal, u64)>,
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

impl Detector {
    /// A detector that has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            spectrum: Spectrum::new(),
            runs: Runs::default(),
            music: MusicEar::default(),
            at: 0,
            quiet: 0,
            loud: 0,
            mixed: 0,
            typed: 0,
            typed_both: 0,
            spoken: 0.0,
            signal: None,
        }
    }

    /// Takes the next 20 ms at 8 kHz, silence where nothing came; says what the line is doing now.
    pub fn hear(&mut self, block: &[i16; BLOCK]) -> Option<LineSignal> {
        let look = self.spectrum.look(block);
        self.at += 1;
        self.count(&look);
        let was = self.signal.map(|(signal, _)| signal);
        self.runs.follow(self.at, look.sound);
        let told = self.told(&look, was).map(|signal| (signal, self.at));
        self.signal = told.or_else(|| {
            let before = self.signal;
            before.filter(|(signal, since)| self.goes_on(*signal, *since))
        });
        self.signal.map(|(signal, _)| signal)
    }

    fn count(&mut self, look: &Look) {
        let longer = |count: u32, goes_on: bool| if goes_on { count.saturating_add(1) } else { 0 };
        let quiet = look.sound == Sound::Quiet;
        self.loud = longer(self.loud, !quiet);
        if self.loud >= SOUND_BLOCKS {
            self.quiet = 0;
        }
        self.quiet = self.quiet.saturating_add(u32::from(quiet));
        let mixed = look.sound == Sound::Mixed;
        let typed = look.mark + look.space >= TYPED_SHARE;
        let both = look.mark >= TYPED_EACH && look.space >= TYPED_EACH;
        self.typed = longer(self.typed, typed);
        if self.typed == 0 {
            self.typed_both = 0;
        }
        self.typed_both += u32::from(typed && both);
        self.mixed = match look.sound {
            Sound::Mixed => self.mixed.saturating_add(1),
            Sound::Tone(_) => 0,
            // Speech has gaps.
            Sound::Quiet | Sound::Beginning => self
                .mixed
                .saturating_sub(u32::from(self.at.is_multiple_of(4))),
        };
        self.spoken = self.spoken * SPOKEN_FADES + f32::from(u8::from(mixed && !typed));
    }

    /// What the evidence of this very block says.
    fn told(&mut self, look: &Look, was: Option<LineSignal>) -> Option<LineSignal> {
        let music = self
            .music
            .hear(self.at, look, was == Some(LineSignal::Music));
        if self.typed >= TYPED_BLOCKS && self.typed_both >= TYPED_BOTH_BLOCKS {
            return Some(LineSignal::TextTelephone);
        }
        let spoken = self.spoken >= SPOKEN_BLOCKS;
        if let Some(signal) = cadence::meaning(&self.runs, self.at, spoken) {
            return Some(signal);
        }
        if music {
            return Some(LineSignal::Music);
        }
        // Between two rings it is silent, too.
        let rings = was.is_some_and(|was| was != LineSignal::Silence && was != LineSignal::Music);
        (self.quiet >= SILENCE_BLOCKS && !rings).then_some(LineSignal::Silence)
    }

    /// Whether a signal without evidence in this block is told still.
    fn goes_on(&self, signal: LineSignal, since: u64) -> bool {
        let spoken_over = match signal {
            LineSignal::Ringback
            | LineSignal::Busy
            | LineSignal::Congestion
            | LineSignal::Beep
            | LineSignal::Fax => self.mixed >= MIXED_BLOCKS,
            LineSignal::Announcement
            | LineSignal::TextTelephone
            | LineSignal::Silence
            | LineSignal::Music => false,
        };
        !spoken_over && self.at - since <= stays(signal)
    }
}
