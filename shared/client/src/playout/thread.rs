//! The playout thread: pops, decodes, measures, plays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use vrs_media::jitter::{JitterBuffer, OpusSound};

use super::level::LevelMeter;
use super::speaker::{self, NullSpeaker, SpeakerSink};
use crate::codec::{CodecError, FRAME_SAMPLES, audio};
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
    let mut player = Player::new()?;
    loop {
        match inbox.recv_timeout(LOOK_EVERY) {
            Ok(packet) => player
                .buffer
                .insert(Instant::now(), packet.timestamp, packet.data),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        loop {
            match inbox.try_recv() {
                Ok(packet) => player
                    .buffer
                    .insert(Instant::now(), packet.timestamp, packet.data),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
        player.play(sink.as_mut(), muted.load(Ordering::Acquire), reports);
    }
}

struct Player {
    buffer: JitterBuffer<OpusSound>,
    meter: LevelMeter,
}

impl Player {
    fn new() -> Result<Self, CodecError> {
        Ok(Self {
            buffer: JitterBuffer::new(audio::decoder()?),
            meter: LevelMeter::new(),
        })
    }

    fn play(&mut self, sink: &mut dyn SpeakerSink, muted: bool, reports: &Sender<MediaReport>) {
        let mut wanted = sink.wanted();
        while wanted >= FRAME_SAMPLES {
            let mut sound = [0.0; FRAME_SAMPLES];
            self.buffer.play(&mut sound);
            if let Some(heard) = self.meter.push(&sound) {
                tell(
                    reports,
                    MediaReport::Heard {
                        dbfs: heard.dbfs,
                        hz: heard.hz,
                    },
                );
            }
            wanted -= FRAME_SAMPLES;
            let silence = [0.0; FRAME_SAMPLES];
            sink.write(if muted { &silence } else { &sound });
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
        let mut feed = |n: usize| {
            let sample = |i: usize| {
                0.3 * ((n * FRAME_SAMPLES + i) as f32 * std::f32::consts::TAU * 700.0 / 48_000.0)
                    .sin()
            };
            let frame: [f32; FRAME_SAMPLES] = std::array::from_fn(sample);
            playout.feed((n * FRAME_SAMPLES) as u32, encoder.encode(&frame).unwrap());
        };
        (0..5).for_each(&mut feed);
        for hundred_ms in 1..=40 {
            // A report says that 100 ms were played.
            (hundred_ms * 5..hundred_ms * 5 + 5).for_each(&mut feed);
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

    /// A speaker that takes 20 ms whenever it is asked, and keeps them.
    #[derive(Default)]
    struct Tape(Vec<f32>);

    impl SpeakerSink for Tape {
        fn wanted(&mut self) -> usize {
            FRAME_SAMPLES
        }

        fn write(&mut self, samples: &[f32]) {
            self.0.extend(samples);
        }
    }

    #[test]
    fn lost_late_and_broken_packets_leave_no_hole_in_a_tone() {
        let (send, _reports) = tokio::sync::mpsc::channel(4_096);
        let (mut player, mut tape) = (Player::new().unwrap(), Tape::default());
        let mut encoder = SoundEncoder::new().unwrap();
        let (begin, mut late) = (Instant::now(), None);
        for n in 0..1_000_usize {
            let sample = |i: usize| {
                0.3 * ((n * FRAME_SAMPLES + i) as f32 * std::f32::consts::TAU * 700.0 / 48_000.0)
                    .sin()
            };
            let frame: [f32; FRAME_SAMPLES] = std::array::from_fn(sample);
            let (packet, now) = (
                encoder.encode(&frame).unwrap(),
                begin + Duration::from_millis(20) * n as u32,
            );
            let time = (n * FRAME_SAMPLES) as u32;
            if let Some((time, packet)) = late.take() {
                player.buffer.insert(now, time, packet);
            }
            match n % 20 {
                3 => {}
                9 => late = Some((time, packet)),
                15 => player.buffer.insert(now, time, vec![0xFF, 0xFF, 1, 2]),
                _ => player.buffer.insert(now, time, packet),
            }
            player.play(&mut tape, false, &send);
        }
        let heard = &tape.0[100 * FRAME_SAMPLES..];
        let quiet = heard
            .chunks(480)
            .map(|piece| piece.iter().all(|s| s.abs() < 0.05));
        let quiet: Vec<bool> = quiet.collect();
        let gap = quiet.split(|quiet| !*quiet).map(<[bool]>::len).max();
        assert!(gap <= Some(2), "{gap:?} pieces of 10 ms without a sound");
        let stats = player.buffer.stats();
        assert!(stats.concealed + stats.recovered > 0 && stats.concealed_percent() < 12.0);
        assert!(stats.mean_ms <= 80, "{stats:?}");
    }
}
