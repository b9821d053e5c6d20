//! What the telephone says: speech from a WAV file, then a tone, or silence; or a signal of the
//! network.

use std::f32::consts::TAU;
use std::path::Path;

use crate::signals::Signal;

/// The telephone network's sample rate, in Hz.
pub const RATE_HZ: u32 = 8_000;
/// Samples in one packet: 20 ms.
pub const FRAME_SAMPLES: usize = 160;
/// Longest speech that is loaded, in samples: two minutes.
const SPEECH_SAMPLES_MAX: usize = 120 * RATE_HZ as usize;
/// The tone's peak, of full scale: RMS is -21 dBFS, below the -15 of the apps' synthetic
/// microphones, so that whoever hears both can tell them apart.
const TONE_PEAK: f32 = 0.125;

/// Why a WAV file cannot be played; the file is at fault.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// Missing, unreadable, or not a WAV file.
    #[error("the WAV file cannot be read: {0}")]
    Unreadable(#[from] hound::Error),
    /// Something other than 16-bit whole numbers at 8 to 48 kHz.
    #[error(
        "the WAV file has {bits} bits at {rate_hz} Hz; 16 bits at 8000 to 48000 Hz can be played"
    )]
    Format {
        /// Bits in a sample.
        bits: u16,
        /// Samples in a second.
        rate_hz: u32,
    },
}

/// An endless source of 20 ms frames: speech once, then a tone or silence.
#[derive(Debug, Clone, Default)]
pub struct Voice {
    speech: Vec<i16>,
    spoken: usize,
    tone_hz: Option<f32>,
    phase: f32,
    /// Played instead of all that.
    signal: Option<Signal>,
}

impl Voice {
    /// A voice that says nothing.
    #[must_use]
    pub fn silence() -> Self {
        Self::default()
    }

    /// A steady sine tone.
    #[must_use]
    pub fn tone(hz: f32) -> Self {
        Self {
            tone_hz: Some(hz),
            ..Self::default()
        }
    }

    /// Speech from a WAV file, said once; then `tone_hz`, or silence.
    ///
    /// # Errors
    /// When the file cannot be read or has samples of another kind.
    pub fn speech(file: &Path, tone_hz: Option<f32>) -> Result<Self, SpeechError> {
        let mut reader = hound::WavReader::open(file)?;
        let spec = reader.spec();
        let playable = spec.bits_per_sample == 16
            && spec.sample_format == hound::SampleFormat::Int
            && (RATE_HZ..=48_000).contains(&spec.sample_rate)
            && spec.channels > 0;
        if !playable {
            let (bits, rate_hz) = (spec.bits_per_sample, spec.sample_rate);
            return Err(SpeechError::Format { bits, rate_hz });
        }
        // The first channel is enough for a telephone.
        let first = reader.samples::<i16>().step_by(usize::from(spec.channels));
        let limit = SPEECH_SAMPLES_MAX * (spec.sample_rate / RATE_HZ + 1) as usize;
        let samples = first.take(limit).collect::<Result<Vec<_>, _>>()?;
        let mut speech = to_telephone_rate(&samples, spec.sample_rate);
        speech.truncate(SPEECH_SAMPLES_MAX);
        Ok(Self {
            speech,
            tone_hz,
            ..Self::default()
        })
    }

    /// Plays a signal of the network from now on, or what was played before.
    pub fn play(&mut self, signal: Option<Signal>) {
        self.signal = signal;
    }

    /// The next 20 ms.
    pub fn frame(&mut self) -> [i16; FRAME_SAMPLES] {
        let mut frame = [0; FRAME_SAMPLES];
        for sample in &mut frame {
            *sample = self.next_sample();
        }
        frame
    }

    fn next_sample(&mut self) -> i16 {
        if let Some(signal) = &mut self.signal {
            return (signal.sample() * f32::from(i16::MAX)) as i16;
        }
        if let Some(sample) = self.speech.get(self.spoken) {
            self.spoken += 1;
            return *sample;
        }
        let Some(hz) = self.tone_hz else { return 0 };
        self.phase = (self.phase + TAU * hz / RATE_HZ as f32) % TAU;
        (self.phase.sin() * TONE_PEAK * f32::from(i16::MAX)) as i16
    }
}

/// Resamples to 8 kHz: the mean over each output sample's span is the low-pass, and good enough
/// for speech over a telephone.
fn to_telephone_rate(samples: &[i16], rate_hz: u32) -> Vec<i16> {
    if rate_hz == RATE_HZ {
        return samples.to_vec();
    }
    let step = f64::from(rate_hz) / f64::from(RATE_HZ);
    let length = (samples.len() as f64 / step) as usize;
    let mut out = Vec::with_capacity(length);
    for index in 0..length {
        let from = (index as f64 * step) as usize;
        let to = (((index + 1) as f64 * step) as usize).clamp(from + 1, samples.len());
        let sum: i64 = samples[from..to].iter().map(|s| i64::from(*s)).sum();
        out.push((sum / (to - from) as i64) as i16);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ear::Ear;

    fn heard(voice: &mut Voice, frames: usize) -> crate::ear::Heard {
        let mut ear = Ear::default();
        for _ in 0..frames {
            ear.hear(&voice.frame());
        }
        ear.report()
    }

    fn write_wav(file: &Path, rate_hz: u32, hz: f32, seconds: u32) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate_hz,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(file, spec).unwrap();
        for n in 0..rate_hz * seconds {
            let value = (TAU * hz * n as f32 / rate_hz as f32).sin() * 8000.0;
            writer.write_sample(value as i16).unwrap();
        }
        writer.finalize().unwrap();
    }

    #[test]
    fn a_tone_is_heard_at_its_own_frequency_and_level() {
        let heard = heard(&mut Voice::tone(440.0), 100);
        assert!((heard.hz.unwrap() - 440.0).abs() < 3.0, "{heard:?}");
        assert!((heard.level_dbfs.unwrap() + 21.0).abs() < 0.5, "{heard:?}");
    }

    #[test]
    fn silence_is_heard_as_nothing() {
        let heard = heard(&mut Voice::silence(), 100);
        assert_eq!((heard.hz, heard.level_dbfs), (None, None));
    }

    #[test]
    fn speech_of_any_common_rate_keeps_its_pitch_and_the_tone_follows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("speech.wav");
        for rate_hz in [8_000, 16_000, 22_050, 48_000] {
            write_wav(&file, rate_hz, 300.0, 2);
            let mut voice = Voice::speech(&file, Some(1000.0)).unwrap();
            let first = heard(&mut voice, 99).hz.unwrap();
            assert!((first - 300.0).abs() < 5.0, "{rate_hz}: {first}");
            let then = heard(&mut voice, 100).hz.unwrap();
            assert!((then - 1000.0).abs() < 5.0, "{rate_hz}: {then}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_played_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("no.wav");
        assert!(matches!(
            Voice::speech(&file, None),
            Err(SpeechError::Unreadable(_))
        ));
        std::fs::write(&file, b"not a WAV file").unwrap();
        assert!(matches!(
            Voice::speech(&file, None),
            Err(SpeechError::Unreadable(_))
        ));
        write_wav(&file, 4_000, 300.0, 1);
        let error = Voice::speech(&file, None).unwrap_err();
        assert!(error.to_string().contains("at 4000 Hz"), "{error}");
    }
}
