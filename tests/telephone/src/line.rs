//! One call at the telephone: its trunk leg, its RTP socket, its voice and its ear.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vrs_media::MediaError;
use vrs_media::jitter::Played;
use vrs_media::trunk::{TrunkConfig, TrunkLeg, TrunkOutput};
use vrs_sip::CallHandle;

use crate::ear::Ear;
use crate::network::{Input, read_sound};
use crate::report::Report;
use crate::signals::Signal;
use crate::voice::Voice;

/// One packet of sound is sent this often.
const TICK: Duration = Duration::from_millis(20);
/// Samples in it.
const BLOCK: usize = 160;
/// After a stall this many packets are made up for; the rest is skipped.
const TICKS_LATE_MAX: u32 = 5;
/// Digits that are remembered.
const DIGITS_MAX: usize = 64;

/// Why a call cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// The caller's offer has nothing that a telephone can do.
    #[error(transparent)]
    Offer(#[from] MediaError),
    /// No socket for sound.
    #[error("no socket for sound: {0}")]
    Socket(#[from] std::io::Error),
    /// No randomness for keys.
    #[error("no randomness: {0}")]
    Random(getrandom::Error),
}

/// One call's sound.
pub(crate) struct Line {
    leg: TrunkLeg,
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
    voice: Voice,
    ear: Ear,
    digits: String,
    /// How many of them were told.
    told: usize,
    /// `None` until the call is answered.
    answered: Option<Instant>,
    next_tick: Option<Instant>,
}

impl Line {
    /// Answers the offer on a socket of its own; nothing is said before [`Line::talk`].
    pub(crate) async fn open(
        now: Instant,
        call: CallHandle,
        host: IpAddr,
        offer: &str,
        voice: Voice,
        inputs: mpsc::Sender<Input>,
    ) -> Result<(Self, String), LineError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(LineError::Random)?;
        let socket = Arc::new(UdpSocket::bind((host, 0)).await?);
        let local = socket.local_addr()?;
        let secure = offer.contains("RTP/SAVP");
        let (leg, answer) = TrunkLeg::answerer(
            TrunkConfig {
                local,
                secure,
                seed,
                latch: false,
                silence: None,
            },
            now,
            offer,
        )?;
        let line = Self::over(leg, socket, call, voice, inputs);
        Ok((line, answer))
    }

    /// Makes an offer on a socket of its own, for a call that we place.
    pub(crate) async fn offer(
        now: Instant,
        call: impl FnOnce(&str) -> CallHandle,
        host: IpAddr,
        voice: Voice,
        inputs: mpsc::Sender<Input>,
    ) -> Result<(Self, CallHandle), LineError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(LineError::Random)?;
        let socket = Arc::new(UdpSocket::bind((host, 0)).await?);
        let config = TrunkConfig {
            local: socket.local_addr()?,
            secure: false,
            seed,
            latch: false,
            silence: None,
        };
        let (leg, offer) = TrunkLeg::offerer(config, now);
        let call = call(&offer);
        let line = Self::over(leg, socket, call, voice, inputs);
        Ok((line, call))
    }

    fn over(
        leg: TrunkLeg,
        socket: Arc<UdpSocket>,
        call: CallHandle,
        voice: Voice,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        Self {
            leg,
            reader: tokio::spawn(read_sound(Arc::clone(&socket), call, inputs)),
            socket,
            voice,
            ear: Ear::default(),
            digits: String::new(),
            told: 0,
            answered: None,
            next_tick: None,
        }
    }

    /// Takes the answer to our offer.
    pub(crate) fn accept_answer(&mut self, now: Instant, answer: &str) -> Result<(), LineError> {
        Ok(self.leg.accept_answer(now, answer)?)
    }

    /// Answers a changed offer of the far end.
    pub(crate) fn reoffered(&mut self, now: Instant, offer: &str) -> Result<String, LineError> {
        Ok(self.leg.handle_offer(now, offer)?)
    }

    /// The network plays something before the answer.
    pub(crate) fn preview(&mut self, now: Instant, signal: Signal) {
        self.voice.play(Some(signal));
        self.next_tick.get_or_insert(now + TICK);
    }

    /// Plays a signal, or again what was played before.
    pub(crate) fn play(&mut self, signal: Option<Signal>) {
        self.voice.play(signal);
    }

    /// The receiver was lifted: sound goes out from now on.
    pub(crate) fn talk(&mut self, now: Instant) {
        if self.answered.is_none() {
            self.voice.play(None);
        }
        self.answered.get_or_insert(now);
        self.next_tick.get_or_insert(now + TICK);
    }

    /// When [`Line::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.next_tick, self.leg.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Says what is due, and lets the leg do what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.leg.handle_timeout(now);
        if let Some(mut due) = self.next_tick {
            for _ in 0..TICKS_LATE_MAX {
                if due > now {
                    break;
                }
                let frame = self.voice.frame();
                self.leg.send_pcm(now, &frame);
                let mut heard = [0; BLOCK];
                if self.leg.play(&mut heard) != Played::Nobody {
                    self.ear.hear(&heard);
                }
                due += TICK;
            }
            self.next_tick = Some(due.max(now + Duration::from_millis(1)));
        }
        self.drain();
    }

    /// Takes a datagram from the far end.
    pub(crate) fn handle_datagram(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        self.leg.handle_datagram(now, source, bytes);
        self.drain();
    }

    /// Presses keys; those that the far end takes none of are lost.
    pub(crate) fn press(&mut self, now: Instant, keys: &str) {
        for key in keys.chars() {
            self.leg.send_dtmf(now, key);
        }
        self.drain();
    }

    /// All keys that were pressed at the far end, if there are more than when this was last asked.
    pub(crate) fn take_keys(&mut self) -> Option<String> {
        let told = std::mem::replace(&mut self.told, self.digits.len());
        (self.told > told).then(|| self.digits.clone())
    }

    fn drain(&mut self) {
        while let Some(output) = self.leg.poll_output() {
            match output {
                TrunkOutput::Transmit { destination, bytes } => {
                    drop(self.socket.try_send_to(&bytes, destination));
                }
                TrunkOutput::Dtmf(digit) if self.digits.len() < DIGITS_MAX => {
                    self.digits.push(digit)
                }
                TrunkOutput::Dtmf(_) | TrunkOutput::Silent => {}
            }
        }
    }

    /// What is to be written down.
    pub(crate) fn report(&self, now: Instant, call: u32, ended_by: &'static str) -> Report {
        let (heard, stats) = (self.ear.report(), self.leg.stats());
        let answered = self
            .answered
            .map_or(Duration::ZERO, |answered| now - answered);
        Report {
            outcome: "answered",
            ended_by: Some(ended_by),
            heard_hz: heard.hz,
            level_dbfs: heard.level_dbfs,
            packets_sent: stats.packets_sent,
            packets_received: stats.packets_received,
            codec: stats.codec.map(str::to_owned),
            crypto_suite: stats.crypto_suite.map(str::to_owned),
            digits: self.digits.clone(),
            duration_ms: u64::try_from(answered.as_millis()).unwrap_or(u64::MAX),
            ..Report::unanswered(call, "answered")
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
