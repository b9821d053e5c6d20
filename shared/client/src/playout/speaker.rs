//! Loudspeakers: the system's, through cpal, and one that plays into nothing at the right pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{FromSample, SampleFormat, SizedSample};

use crate::capture::Resampler;
use crate::capture::microphone::{SoundProblem, is_named, sorted_names};
use crate::codec::SAMPLE_RATE_HZ;
use crate::engine::SpeakerChoice;

/// Sound kept ready for the sound card's callback: 40 ms, in samples at 48 kHz.
const READY_SAMPLES: usize = 1920;
/// Runs that may wait for the callback; each is at most 20 ms.
const RUNS_MAX: usize = 64;

/// Something that takes sound: 48 kHz, mono.
pub(crate) trait SpeakerSink {
    /// How many samples it wants now to stay ahead of the ear.
    fn wanted(&mut self) -> usize;
    /// Plays these after what was written before; what does not fit is dropped.
    fn write(&mut self, samples: &[f32]);
}

/// Opens what was chosen. The stream lives on the calling thread.
pub(crate) fn open(choice: &SpeakerChoice) -> Result<Box<dyn SpeakerSink>, SoundProblem> {
    match choice {
        SpeakerChoice::Null => Ok(Box::new(NullSpeaker::new(Instant::now()))),
        SpeakerChoice::Default => Ok(Box::new(NativeSpeaker::open(None)?)),
        SpeakerChoice::Named(name) => Ok(Box::new(NativeSpeaker::open(Some(name))?)),
    }
}

/// Takes 48,000 samples a second by the clock.
pub(crate) struct NullSpeaker {
    began: Instant,
    written: u128,
}

impl NullSpeaker {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            began: now,
            written: 0,
        }
    }

    fn wanted_at(&self, now: Instant) -> usize {
        let played = now.saturating_duration_since(self.began).as_micros()
            * u128::from(SAMPLE_RATE_HZ)
            / 1_000_000;
        usize::try_from((played + READY_SAMPLES as u128).saturating_sub(self.written)).unwrap_or(0)
    }
}

impl SpeakerSink for NullSpeaker {
    fn wanted(&mut self) -> usize {
        let wanted = self.wanted_at(Instant::now());
        if wanted > SAMPLE_RATE_HZ as usize / 2 {
            // The machine slept: go on from now.
            *self = Self::new(Instant::now());
            return READY_SAMPLES;
        }
        wanted
    }

    fn write(&mut self, samples: &[f32]) {
        self.written += samples.len() as u128;
    }
}

/// A running output stream of the sound system.
struct NativeSpeaker {
    runs: SyncSender<Vec<f32>>,
    /// Samples at the device's rate that the callback has not played yet.
    waiting: Arc<AtomicUsize>,
    ready: usize,
    rate: u32,
    resampler: Resampler,
    /// Keeps the stream running.
    _stream: cpal::Stream,
}

impl NativeSpeaker {
    fn open(name: Option<&str>) -> Result<Self, SoundProblem> {
        let host = cpal::default_host();
        let device = match name {
            None => host.default_output_device(),
            Some(name) => host.output_devices()?.find(|device| is_named(device, name)),
        }
        .ok_or(SoundProblem::NoSpeaker)?;
        let supported = device
            .default_output_config()
            .map_err(|_| SoundProblem::NoSpeaker)?;
        let rate = supported.sample_rate();
        let (runs, inbox) = sync_channel(RUNS_MAX);
        let waiting = Arc::new(AtomicUsize::new(0));
        let feed = Feed {
            inbox,
            current: Vec::new(),
            position: 0,
            waiting: Arc::clone(&waiting),
        };
        let config = supported.config();
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the list is open; these are the usual ones"
        )]
        let stream = match supported.sample_format() {
            SampleFormat::F32 => output_stream::<f32>(&device, config, feed)?,
            SampleFormat::I16 => output_stream::<i16>(&device, config, feed)?,
            SampleFormat::I32 => output_stream::<i32>(&device, config, feed)?,
            SampleFormat::U8 => output_stream::<u8>(&device, config, feed)?,
            other => {
                return Err(SoundProblem::Device(format!(
                    "sample format {other} is not supported"
                )));
            }
        };
        stream.play()?;
        let resampler = Resampler::new(SAMPLE_RATE_HZ, rate)
            .map_err(|e| SoundProblem::Device(e.to_string()))?;
        let ready = READY_SAMPLES * rate as usize / SAMPLE_RATE_HZ as usize;
        Ok(Self {
            runs,
            waiting,
            ready,
            rate,
            resampler,
            _stream: stream,
        })
    }
}

impl SpeakerSink for NativeSpeaker {
    fn wanted(&mut self) -> usize {
        let short = self
            .ready
            .saturating_sub(self.waiting.load(Ordering::Acquire));
        short * SAMPLE_RATE_HZ as usize / self.rate.max(1) as usize
    }

    fn write(&mut self, samples: &[f32]) {
        let (runs, waiting) = (&self.runs, &self.waiting);
        self.resampler.push(samples, |run| {
            // Counted before it is sent, so that the callback never counts below zero.
            waiting.fetch_add(run.len(), Ordering::AcqRel);
            if runs.try_send(run.to_vec()).is_err() {
                waiting.fetch_sub(run.len(), Ordering::AcqRel);
            }
        });
    }
}

/// The callback's end: never waits, plays silence when there is nothing.
struct Feed {
    inbox: Receiver<Vec<f32>>,
    current: Vec<f32>,
    position: usize,
    waiting: Arc<AtomicUsize>,
}

impl Feed {
    fn next(&mut self) -> f32 {
        if self.position >= self.current.len() {
            self.position = 0;
            self.current = self.inbox.try_recv().unwrap_or_default();
        }
        let Some(sample) = self.current.get(self.position) else {
            return 0.0;
        };
        self.position += 1;
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        *sample
    }
}

fn output_stream<T>(
    device: &cpal::Device,
    config: cpal::StreamConfig,
    mut feed: Feed,
) -> Result<cpal::Stream, SoundProblem>
where
    T: SizedSample + FromSample<f32>,
{
    let channels = usize::from(config.channels.max(1));
    let on_wanted = move |data: &mut [T], _: &cpal::OutputCallbackInfo| {
        for frame in data.chunks_mut(channels) {
            frame.fill(T::from_sample_(feed.next()));
        }
    };
    let on_error = |error: cpal::Error| tracing::debug!(%error, "speaker stream");
    Ok(device.build_output_stream(config, on_wanted, on_error, None)?)
}

/// Names of the speakers there are, sorted.
#[must_use]
pub fn names() -> Vec<String> {
    let devices = cpal::default_host().output_devices();
    sorted_names(devices.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_null_speaker_wants_as_much_as_the_clock_says() {
        let now = Instant::now();
        let mut speaker = NullSpeaker::new(now);
        assert_eq!(speaker.wanted_at(now), READY_SAMPLES);
        speaker.write(&[0.0; READY_SAMPLES]);
        assert_eq!(speaker.wanted_at(now), 0);
        assert_eq!(speaker.wanted_at(now + Duration::from_millis(100)), 4800);
    }
}
