//! The playout thread: pops, decodes, measures, plays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::jitter::{JitterBuffer, Pop};
use super::level::LevelMeter;
use super::speaker::{self, NullSpeaker, SpeakerSink};
use crate::codec::audio::{PACKET_SAMPLES_MAX, SoundDecoder, packet_samples};
use crate::codec::{CodecError, FRAME_SAMPLES};
use crate::engine::{MediaReport, SpeakerChoice};

/// Packets that may wait between the driver and this thread.
const PACKETS_MAX: usize = 64;
/// How often the speaker is asked whether it wants more.
const LOOK_EVERY: Duration = Duration::from_millis(10);

struct Packet {
    timestamp: u32,
    data: Vec<u8>,
}

/// The running playout thread. Dropping it ends the thread within [`LOOK_EVERY`]; nobody waits for that.
pub(crate) struct Playout {
    packets: SyncSender<Packet>,
    muted: Arc<AtomicBool>,
}

impl Playout {
    pub(crate) fn start(
        choice: SpeakerChoice,
        muted: bool,
        reports: Sender<MediaReport>,
    ) -> std::io::Result<Self> {
        let (packets, inbox) = sync_channel(PACKETS_MAX);
        let muted = Arc::new(AtomicBool::new(muted));
        let worker_muted = Arc::clone(&muted);
        std::thread::Builder::new()
            .name("visavis-playout".into())
            .spawn(move || {
                if let Err(error) = run(&choice, &inbox, &worker_muted, &reports) {
                    tell(&reports, MediaReport::Problem(error.to_string()));
                }
            })?;
        Ok(Self { packets, muted })
    }

    /// Takes one Opus packet; drops it when the thread is far behind.
    pub(crate) fn feed(&self, timestamp: u32, data: Vec<u8>) {
        if self.packets.try_send(Packet { timestamp, data }).is_err() {
            tracing::debug!("the playout thread is behind");
        }
    }

    /// Muted, the speaker plays silence; loudness is measured all the same, for eyes.
    pub(crate) fn set_muted(&self, muted: bool) {
        self.muted.store(muted, Ordering::Release);
    }
}

fn run(
    choice: &SpeakerChoice,
    inbox: &Receiver<Packet>,
    muted: &AtomicBool,
    reports: &Sender<MediaReport>,
) -> Result<(), CodecError> {
    let mut sink = speaker::open(choice).unwrap_or_else(|problem| {
        tell(reports, MediaReport::Problem(problem.to_string()));
        Box::new(NullSpeaker::new(Instant::now()))
    });
    let mut player = Player {
        buffer: JitterBuffer::new(),
        decoder: SoundDecoder::new()?,
        meter: LevelMeter::new(),
    };
    loop {
        match inbox.recv_timeout(LOOK_EVERY) {
            Ok(packet) => player.take(packet),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        loop {
            match inbox.try_recv() {
                Ok(packet) => player.take(packet),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
        player.play(sink.as_mut(), muted.load(Ordering::Acquire), reports);
    }
}

struct Player {
    buffer: JitterBuffer,
    decoder: SoundDecoder,
    meter: LevelMeter,
}

impl Player {
    fn take(&mut self, packet: Packet) {
        // What is not Opus is not worth a place.
        if let Some(samples) = packet_samples(&packet.data) {
            self.buffer.push(packet.timestamp, samples, packet.data);
        }
    }

    fn play(&mut self, sink: &mut dyn SpeakerSink, muted: bool, reports: &Sender<MediaReport>) {
        let mut wanted = sink.wanted();
        let mut out = [0.0; PACKET_SAMPLES_MAX];
        let silence = [0.0; FRAME_SAMPLES];
        while wanted >= FRAME_SAMPLES {
            let decoded = match self.buffer.pop() {
                Pop::Frame(data) => self.decoder.decode(&data, &mut out),
                Pop::Conceal => self.decoder.conceal(&mut out),
                Pop::Silence => Ok(&silence[..]),
            };
            // A frame that cannot be decoded is a short silence, nothing more.
            let samples = decoded.ok().filter(|s| !s.is_empty()).unwrap_or(&silence);
            if let Some(heard) = self.meter.push(samples) {
                tell(
                    reports,
                    MediaReport::Heard {
                        dbfs: heard.dbfs,
                        hz: heard.hz,
                    },
                );
            }
            wanted = wanted.saturating_sub(samples.len());
            sink.write(if muted {
                &silence[..samples.len().min(FRAME_SAMPLES)]
            } else {
                samples
            });
        }
    }
}

/// Readings may be lost; the speaker never waits for the driver.
fn tell(reports: &Sender<MediaReport>, report: MediaReport) {
    if reports.try_send(report).is_err() {
        tracing::debug!("a playout report was dropped");
    }
}

#[cfg(test)]
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it expects"
)]
mod tests {
    use super::*;
    use crate::codec::audio::SoundEncoder;

    #[test]
    fn a_tone_sent_as_packets_is_heard_at_its_pitch_even_when_muted() {
        let (send, mut reports) = tokio::sync::mpsc::channel(64);
        let playout = Playout::start(SpeakerChoice::Null, true, send).unwrap();
        let mut encoder = SoundEncoder::new().unwrap();
        for n in 0..40_usize {
            let sample = |i: usize| {
                0.3 * ((n * FRAME_SAMPLES + i) as f32 * std::f32::consts::TAU * 700.0 / 48_000.0)
                    .sin()
            };
            let frame: [f32; FRAME_SAMPLES] = std::array::from_fn(sample);
            playout.feed((n * FRAME_SAMPLES) as u32, encoder.encode(&frame).unwrap());
        }
        for _ in 0..20 {
            match reports.blocking_recv().unwrap() {
                MediaReport::Heard { dbfs, hz } if dbfs > -20.0 && (hz - 700.0).abs() < 5.0 => {
                    return;
                }
                MediaReport::Heard { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        panic!("the tone was not heard");
    }
}
