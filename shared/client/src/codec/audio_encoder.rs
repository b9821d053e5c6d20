//! The thread that owns the microphone: reads it, mutes it, codes it, hands it to the driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::audio::SoundEncoder;
use super::{CodecError, FRAME_SAMPLES};
use crate::capture::microphone::{self, MicrophoneSource, Tone};
use crate::engine::{MediaReport, MicrophoneChoice};
use crate::playout::LevelMeter;

/// The running microphone thread. Dropping it ends it with the next frame; nobody waits for that,
/// because a dead sound card may take seconds to say so.
pub(crate) struct AudioEncoder {
    muted: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

impl AudioEncoder {
    pub(crate) fn start(
        choice: MicrophoneChoice,
        muted: bool,
        reports: Sender<MediaReport>,
    ) -> std::io::Result<Self> {
        let muted = Arc::new(AtomicBool::new(muted));
        let stop = Arc::new(AtomicBool::new(false));
        let (worker_muted, worker_stop) = (Arc::clone(&muted), Arc::clone(&stop));
        std::thread::Builder::new()
            .name("visavis-microphone".into())
            .spawn(move || {
                if let Err(error) = run(&choice, &worker_muted, &worker_stop, &reports) {
                    tell(&reports, MediaReport::Problem(error.to_string()));
                }
            })?;
        Ok(Self { muted, stop })
    }

    /// While muted, silence is sent (R33).
    pub(crate) fn set_muted(&self, muted: bool) {
        self.muted.store(muted, Ordering::Release);
    }
}

impl Drop for AudioEncoder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

fn run(
    choice: &MicrophoneChoice,
    muted: &AtomicBool,
    stop: &AtomicBool,
    reports: &Sender<MediaReport>,
) -> Result<(), CodecError> {
    let mut encoder = SoundEncoder::new()?;
    let mut meter = LevelMeter::new();
    let mut frame = [0.0; FRAME_SAMPLES];
    let mut timestamp = 0_u32;
    let mut source = microphone::open(choice).unwrap_or_else(|problem| {
        tell(reports, MediaReport::Problem(problem.to_string()));
        silence()
    });
    while !stop.load(Ordering::Acquire) {
        if let Err(problem) = source.next_frame(&mut frame) {
            // A microphone that was pulled out must not end the call: silence goes on.
            tell(reports, MediaReport::Problem(problem.to_string()));
            source = silence();
            continue;
        }
        if muted.load(Ordering::Acquire) {
            frame.fill(0.0);
        }
        if let Some(heard) = meter.push(&frame) {
            tell(reports, MediaReport::MicrophoneLevel { dbfs: heard.dbfs });
        }
        let data = encoder.encode(&frame)?;
        if let Err(TrySendError::Closed(_)) =
            reports.try_send(MediaReport::Sound { timestamp, data })
        {
            return Ok(());
        }
        timestamp = timestamp.wrapping_add(FRAME_SAMPLES as u32);
    }
    Ok(())
}

fn silence() -> Box<dyn MicrophoneSource> {
    Box::new(Tone::new(0.0))
}

/// Levels and problems may be lost; the microphone never waits for the driver.
fn tell(reports: &Sender<MediaReport>, report: MediaReport) {
    if reports.try_send(report).is_err() {
        tracing::debug!("a microphone report was dropped");
    }
}

#[cfg(test)]
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it expects"
)]
mod tests {
    use super::*;

    fn levels(muted: bool, choice: MicrophoneChoice) -> (usize, f32, bool) {
        let (send, mut reports) = tokio::sync::mpsc::channel(64);
        let encoder = AudioEncoder::start(choice, muted, send).unwrap();
        let (mut frames, mut problem) = (0, false);
        loop {
            match reports.blocking_recv().unwrap() {
                MediaReport::Sound { .. } => frames += 1,
                MediaReport::MicrophoneLevel { dbfs } => {
                    drop(encoder);
                    return (frames, dbfs, problem);
                }
                MediaReport::Problem(_) => problem = true,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn r33_a_muted_microphone_still_sends_silence() {
        let tone = MicrophoneChoice::Synthetic { hz: 440.0 };
        let (frames, dbfs, _) = levels(true, tone.clone());
        assert!(frames >= 4 && dbfs <= -90.0, "{frames} {dbfs}");
        let (_, dbfs, _) = levels(false, tone);
        assert!(dbfs > -20.0, "{dbfs}");
    }

    #[test]
    fn a_missing_microphone_is_named_and_silence_is_sent() {
        let (frames, dbfs, problem) =
            levels(false, MicrophoneChoice::Named("no such microphone".into()));
        assert!(
            frames >= 4 && dbfs <= -90.0 && problem,
            "{frames} {dbfs} {problem}"
        );
    }
}
