//! Microphones: the system's, through cpal, and a synthetic one that hums a tone.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{FromSample, SampleFormat, SizedSample};

use super::Resampler;
use crate::codec::{FRAME_SAMPLES, SAMPLE_RATE_HZ};
use crate::engine::MicrophoneChoice;

/// Runs of samples that may wait between the sound card's callback and the encoder, about 1 s.
const RUNS_MAX: usize = 64;
/// Amplitude of the synthetic tone: -15 dBFS, as loud as speech.
const TONE_AMPLITUDE: f32 = 0.25;
/// A sound card that gives nothing for this long counts as gone.
const SILENT_DEVICE: Duration = Duration::from_secs(5);

/// Why a sound device gives or takes no sound.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SoundProblem {
    #[error("no microphone was found")]
    NoMicrophone,
    #[error("no speaker was found")]
    NoSpeaker,
    #[error("the sound device could not be used: {0}")]
    Device(String),
}

impl From<cpal::Error> for SoundProblem {
    fn from(error: cpal::Error) -> Self {
        Self::Device(error.to_string())
    }
}

/// Something that gives sound: 48 kHz, mono, 20 ms at a time.
pub(crate) trait MicrophoneSource {
    /// Blocks until 20 ms of sound are there and fills `frame` with it.
    fn next_frame(&mut self, frame: &mut [f32; FRAME_SAMPLES]) -> Result<(), SoundProblem>;
}

/// Opens what was chosen. The stream lives on the calling thread.
pub(crate) fn open(choice: &MicrophoneChoice) -> Result<Box<dyn MicrophoneSource>, SoundProblem> {
    match choice {
        MicrophoneChoice::Synthetic { hz } => Ok(Box::new(Tone::new(*hz))),
        MicrophoneChoice::Default => Ok(Box::new(NativeMicrophone::open(None)?)),
        MicrophoneChoice::Named(name) => Ok(Box::new(NativeMicrophone::open(Some(name))?)),
    }
}

/// Keeps a 20 ms beat by the clock.
pub(crate) struct Beat {
    next: Instant,
}

impl Beat {
    const PERIOD: Duration = Duration::from_millis(20);

    pub(crate) fn new(now: Instant) -> Self {
        Self { next: now }
    }

    pub(crate) fn wait(&mut self) {
        let now = Instant::now();
        if let Some(wait) = self.next.checked_duration_since(now) {
            std::thread::sleep(wait);
        } else if now - self.next > 10 * Self::PERIOD {
            // After a stall go on from now instead of sending a burst.
            self.next = now;
        }
        self.next += Self::PERIOD;
    }
}

/// A steady tone, or silence at 0 Hz.
pub(crate) struct Tone {
    hz: f32,
    phase: f32,
    beat: Beat,
}

impl Tone {
    pub(crate) fn new(hz: f32) -> Self {
        Self {
            hz,
            phase: 0.0,
            beat: Beat::new(Instant::now()),
        }
    }

    fn fill(&mut self, frame: &mut [f32; FRAME_SAMPLES]) {
        let step = std::f32::consts::TAU * self.hz / SAMPLE_RATE_HZ as f32;
        for sample in frame {
            *sample = TONE_AMPLITUDE * self.phase.sin();
            self.phase = (self.phase + step) % std::f32::consts::TAU;
        }
    }
}

impl MicrophoneSource for Tone {
    fn next_frame(&mut self, frame: &mut [f32; FRAME_SAMPLES]) -> Result<(), SoundProblem> {
        self.beat.wait();
        self.fill(frame);
        Ok(())
    }
}

/// A running input stream of the sound system.
struct NativeMicrophone {
    runs: Receiver<Vec<f32>>,
    resampler: Resampler,
    waiting: Vec<f32>,
    /// Keeps the stream running.
    _stream: cpal::Stream,
}

impl NativeMicrophone {
    fn open(name: Option<&str>) -> Result<Self, SoundProblem> {
        let host = cpal::default_host();
        let device = match name {
            None => host.default_input_device(),
            Some(name) => host.input_devices()?.find(|device| is_named(device, name)),
        }
        .ok_or(SoundProblem::NoMicrophone)?;
        let supported = device
            .default_input_config()
            .map_err(|_| SoundProblem::NoMicrophone)?;
        let rate = supported.sample_rate();
        let (send, runs) = sync_channel(RUNS_MAX);
        let config = supported.config();
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the list is open; these are the usual ones"
        )]
        let stream = match supported.sample_format() {
            SampleFormat::F32 => input_stream::<f32>(&device, config, send)?,
            SampleFormat::I16 => input_stream::<i16>(&device, config, send)?,
            SampleFormat::I32 => input_stream::<i32>(&device, config, send)?,
            SampleFormat::U8 => input_stream::<u8>(&device, config, send)?,
            other => {
                return Err(SoundProblem::Device(format!(
                    "sample format {other} is not supported"
                )));
            }
        };
        stream.play()?;
        let resampler = Resampler::new(rate, SAMPLE_RATE_HZ)
            .map_err(|e| SoundProblem::Device(e.to_string()))?;
        Ok(Self {
            runs,
            resampler,
            waiting: Vec::new(),
            _stream: stream,
        })
    }
}

impl MicrophoneSource for NativeMicrophone {
    fn next_frame(&mut self, frame: &mut [f32; FRAME_SAMPLES]) -> Result<(), SoundProblem> {
        while self.waiting.len() < FRAME_SAMPLES {
            match self.runs.recv_timeout(SILENT_DEVICE) {
                Ok(run) => {
                    let waiting = &mut self.waiting;
                    self.resampler
                        .push(&run, |samples| waiting.extend_from_slice(samples));
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(SoundProblem::Device("it gives no sound any more".into()));
                }
            }
        }
        frame.copy_from_slice(&self.waiting[..FRAME_SAMPLES]);
        self.waiting.drain(..FRAME_SAMPLES);
        Ok(())
    }
}

/// Whether the system calls the device `name`.
pub(crate) fn is_named(device: &cpal::Device, name: &str) -> bool {
    device
        .description()
        .is_ok_and(|description| description.name() == name)
}

fn input_stream<T>(
    device: &cpal::Device,
    config: cpal::StreamConfig,
    send: SyncSender<Vec<f32>>,
) -> Result<cpal::Stream, SoundProblem>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels.max(1));
    let on_samples = move |data: &[T], _: &cpal::InputCallbackInfo| {
        let mix = |frame: &[T]| {
            frame.iter().map(|s| f32::from_sample_(*s)).sum::<f32>() / frame.len() as f32
        };
        let run: Vec<f32> = data.chunks_exact(channels).map(mix).collect();
        // The callback must never wait: sound that nobody takes in time is dropped.
        drop(send.try_send(run));
    };
    // Overruns are reported here and the stream goes on; a dead device shows as silence.
    let on_error = |error: cpal::Error| tracing::debug!(%error, "microphone stream");
    Ok(device.build_input_stream(config, on_samples, on_error, None)?)
}

/// Names of the microphones there are, sorted.
#[must_use]
pub fn names() -> Vec<String> {
    let devices = cpal::default_host().input_devices();
    sorted_names(devices.into_iter().flatten())
}

/// Names of devices, sorted, each once.
pub(crate) fn sorted_names(devices: impl Iterator<Item = cpal::Device>) -> Vec<String> {
    let described = devices.filter_map(|device| device.description().ok());
    let mut names: Vec<_> = described.map(|d| d.name().to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playout::LevelMeter;

    #[test]
    fn the_synthetic_microphone_hums_at_the_wanted_pitch() {
        let mut tone = Tone::new(440.0);
        let mut meter = LevelMeter::new();
        let mut frame = [0.0; FRAME_SAMPLES];
        let mut heard = None;
        for _ in 0..10 {
            tone.fill(&mut frame);
            heard = meter.push(&frame).or(heard);
        }
        let heard = heard.unwrap();
        assert!((heard.hz - 440.0).abs() < 4.0, "{heard:?}");
        assert!((heard.dbfs + 15.05).abs() < 1.0, "{heard:?}");
    }

    #[test]
    fn the_beat_is_twenty_milliseconds() {
        let began = Instant::now();
        let mut tone = Tone::new(0.0);
        for _ in 0..6 {
            tone.next_frame(&mut [0.0; FRAME_SAMPLES]).unwrap();
        }
        assert!(began.elapsed() >= Duration::from_millis(98));
    }
}
