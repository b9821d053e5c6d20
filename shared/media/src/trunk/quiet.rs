//! What goes to the telephone while nobody speaks to it: noise, so that nobody takes the line for
//! dead. A telephone that knows comfort noise (RFC 3389) is told how loud it is, and makes it itself.

use crate::jitter::Noise;
use crate::pcm;

/// How loud the noise is, in -dBov: a quiet room.
const LEVEL: u8 = 60;
/// A block whose mean square is below this is quieter than the noise.
const QUIET: f32 = 1e-6;
/// So much of it is made here before comfort noise is told: pauses between words are shorter.
const MADE_HERE_MS: u32 = 200;
/// Comfort noise is told this often: some gateways take a line without packets for a broken one.
const TOLD_EVERY_MS: u32 = 200;

/// What to send for one packet of sound.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The samples.
    Sound,
    /// This comfort noise payload.
    Noise([u8; 1]),
    /// Nothing: the telephone makes noise by itself.
    Nothing,
}

/// Follows what is said to one telephone.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    noise: Noise,
    /// How long nothing has been said, in milliseconds.
    lasted_ms: u32,
}

impl Quiet {
    /// Takes the next packet of `ms` milliseconds, and puts noise in the place of silence.
    pub(super) fn frame(&mut self, samples: &mut [i16], ms: u32, takes_noise: bool) -> Frame {
        if pcm::mean_square(samples) >= QUIET {
            self.lasted_ms = 0;
            return Frame::Sound;
        }
        let since = self.lasted_ms;
        self.lasted_ms = since.saturating_add(ms);
        if takes_noise && since >= MADE_HERE_MS {
            let told = (since - MADE_HERE_MS) % TOLD_EVERY_MS < ms;
            return if told {
                Frame::Noise([LEVEL])
            } else {
                Frame::Nothing
            };
        }
        let rms = 10_f32.powf(-f32::from(LEVEL) / 20.0) * 32_768.0;
        for sample in samples {
            *sample = self.noise.next(rms) as i16;
        }
        Frame::Sound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_becomes_noise_and_then_is_only_told() {
        for takes_noise in [false, true] {
            let mut quiet = Quiet::default();
            let mut frames = |count: usize, sample: i16| -> Vec<Frame> {
                let mut frame = || {
                    let mut samples = [sample; 160];
                    let frame = quiet.frame(&mut samples, 20, takes_noise);
                    if frame == Frame::Sound {
                        assert!(samples.iter().any(|sample| *sample != 0));
                        let loud = samples.iter().any(|sample| sample.abs() > 200);
                        assert_eq!(loud, sample != 0, "{samples:?}");
                    }
                    frame
                };
                (0..count).map(|_| frame()).collect()
            };
            assert!(frames(20, 500).iter().all(|frame| *frame == Frame::Sound));
            let silent = frames(60, 0);
            let told = silent.iter().filter(|frame| **frame == Frame::Noise([60]));
            let nothing = silent.iter().filter(|frame| **frame == Frame::Nothing);
            let expected = if takes_noise { (5, 45) } else { (0, 0) };
            assert_eq!((told.count(), nothing.count()), expected);
            // A pause between two words is short enough to stay sound.
            assert_eq!(frames(1, 500), [Frame::Sound]);
            assert!(frames(10, 0).iter().all(|frame| *frame == Frame::Sound));
        }
    }
}
