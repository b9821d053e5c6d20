//! One telephone: its RTP socket, its G.711 line and the bridge to the Opus legs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vrs_domain::{Leg, LineReport, Sensitive, SessionId};
use vrs_media::trunk::{TrunkConfig, TrunkLeg, TrunkOutput, TrunkStats};

use super::bridge::{Bridge, TELEPHONE_BLOCK};
use super::ear::Ear;
use super::{LinePlan, SfuError};

/// The bridge mixes this often.
const TICK: Duration = Duration::from_millis(20);
/// 48 kHz samples in one tick, the RTP clock of Opus (RFC 7587 section 4.1).
const OPUS_TICKS: u32 = 960;
/// Largest datagram a telephone sends.
const DATAGRAM_BYTES_MAX: usize = 2048;
/// After a stall this many ticks are made up for; the rest is skipped.
const TICKS_LATE_MAX: u32 = 5;

/// Keys of the telephone that may wait to be told; what comes beyond them is dropped.
const KEYS_WAITING_MAX: usize = 64;

/// A datagram from a telephone.
pub(super) struct LineDatagram {
    pub(super) session: SessionId,
    pub(super) source: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

/// One telephone line.
pub(super) struct Line {
    trunk: TrunkLeg,
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
    pub(super) bridge: Bridge,
    next_tick: Option<Instant>,
    timestamp: u32,
    silent: bool,
    keys: Vec<Sensitive<char>>,
    ear: Ear,
    /// What the line is like, until it was told.
    report: Option<LineReport>,
}

impl Line {
    /// Opens a socket and makes the offer, or answers the gateway's; the bridge starts to tick
    /// with the answer, at the given time.
    pub(super) async fn open(
        now: Instant,
        plan: LinePlan,
        seed: [u8; 32],
        offer: Option<(&str, Instant)>,
        (session, datagrams): (SessionId, mpsc::Sender<LineDatagram>),
    ) -> Result<(Self, String), SfuError> {
        let resources = |error: &dyn std::fmt::Display| SfuError::Resources(error.to_string());
        let socket = UdpSocket::bind((plan.local, 0))
            .await
            .map_err(|e| resources(&e))?;
        let bound = socket.local_addr().map_err(|e| resources(&e))?;
        let socket = Arc::new(socket);
        let config = TrunkConfig {
            local: SocketAddr::new(plan.advertised, bound.port()),
            secure: plan.secure,
            seed,
            latch: false,
            silence: plan.silence,
        };
        let (trunk, sdp) = match offer {
            None => TrunkLeg::offerer(config, now),
            Some((offer, _)) => TrunkLeg::answerer(config, now, offer)
                .map_err(|e| SfuError::NotAcceptable(e.to_string()))?,
        };
        let bridge = Bridge::new().map_err(|e| resources(&e))?;
        let reader = tokio::spawn(read(session, Arc::clone(&socket), datagrams));
        let line = Self {
            trunk,
            socket,
            reader,
            bridge,
            next_tick: offer.map(|(_, first_tick)| first_tick),
            timestamp: 0,
            silent: false,
            keys: Vec::new(),
            ear: Ear::default(),
            report: None,
        };
        Ok((line, sdp))
    }

    /// Takes the gateway's answer; the bridge starts to tick at the given time.
    pub(super) fn accept_answer(
        &mut self,
        now: Instant,
        answer: &str,
        first_tick: Instant,
    ) -> Result<(), SfuError> {
        if answer.is_empty() && self.next_tick.is_some() {
            // What was said with the ringing counts (RFC 3261 section 13.2.1).
            self.trunk.await_sound(now);
            return Ok(());
        }
        self.trunk
            .accept_answer(now, answer)
            .map_err(|e| SfuError::NotAcceptable(e.to_string()))?;
        self.next_tick.get_or_insert(first_tick);
        Ok(())
    }

    /// Answers the gateway's new offer, or makes one when it asks for ours.
    pub(super) fn reoffered(
        &mut self,
        now: Instant,
        offer: Option<&str>,
    ) -> Result<String, SfuError> {
        match offer {
            Some(offer) => self
                .trunk
                .handle_offer(now, offer)
                .map_err(|e| SfuError::NotAcceptable(e.to_string())),
            None => Ok(self.trunk.offer_again()),
        }
    }

    pub(super) fn handle_datagram(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        self.trunk.handle_datagram(now, source, bytes);
        self.drain();
    }

    /// How good the sound was so far.
    pub(super) fn stats(&self) -> TrunkStats {
        self.trunk.stats()
    }

    /// Whether nothing has come from the telephone for too long since this was last asked.
    pub(super) fn take_silence(&mut self) -> bool {
        std::mem::take(&mut self.silent)
    }

    /// Presses a key towards the telephone, after those that wait. Dropped while the line is not
    /// up, when the telephone takes no keys, and beyond the keys that a leg lets wait.
    pub(super) fn press(&mut self, now: Instant, key: Sensitive<char>) {
        let _taken = self.trunk.send_dtmf(now, *key.expose());
        self.drain();
    }

    /// The keys that were pressed at the telephone since this was last asked.
    pub(super) fn take_keys(&mut self) -> Vec<Sensitive<char>> {
        std::mem::take(&mut self.keys)
    }

    /// What the line is like, when that has changed since this was last asked.
    pub(super) fn take_report(&mut self) -> Option<LineReport> {
        self.report.take()
    }

    /// When [`Line::handle_timeout`] wants to be called.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next_tick
            .into_iter()
            .chain(self.trunk.poll_timeout())
            .min()
    }

    /// Mixes and sends what is due; what is for the listeners goes out through `hear`: to whom,
    /// its timestamp in 48 kHz samples, and one Opus packet.
    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        listeners: &[Leg],
        mut hear: impl FnMut(Leg, u32, Vec<u8>),
    ) {
        self.trunk.handle_timeout(now);
        self.drain();
        let Some(mut due) = self.next_tick else {
            return;
        };
        for _ in 0..TICKS_LATE_MAX {
            if due > now {
                break;
            }
            let mut heard = [0; TELEPHONE_BLOCK];
            self.trunk.play(&mut heard);
            let mix = self.bridge.tick(&heard, listeners.iter().copied());
            let report = self.ear.hear(&heard, &mix.telephone);
            self.report = report.or(self.report);
            self.trunk.send_pcm(now, &mix.telephone);
            self.timestamp = self.timestamp.wrapping_add(OPUS_TICKS);
            for (leg, opus) in mix.packets {
                hear(leg, self.timestamp, opus);
            }
            due += TICK;
        }
        self.next_tick = Some(if due > now { due } else { now + TICK });
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.trunk.poll_output() {
            match output {
                TrunkOutput::Transmit { destination, bytes } => {
                    // A full socket buffer drops sound, as media does everywhere.
                    let _sent = self.socket.try_send_to(&bytes, destination);
                }
                TrunkOutput::Dtmf(key) if self.keys.len() < KEYS_WAITING_MAX => {
                    self.keys.push(Sensitive::new(key));
                }
                TrunkOutput::Dtmf(_) => {}
                TrunkOutput::Silent => self.silent = true,
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Moves datagrams from the socket to the lines' loop; drops them when it is behind.
async fn read(session: SessionId, socket: Arc<UdpSocket>, datagrams: mpsc::Sender<LineDatagram>) {
    let mut buffer = [0_u8; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, source)) => {
                let bytes = buffer[..length].to_vec();
                let sent = datagrams.try_send(LineDatagram {
                    session,
                    source,
                    bytes,
                });
                if matches!(sent, Err(mpsc::error::TrySendError::Closed(_))) {
                    return;
                }
            }
            // ICMP "port unreachable" of an earlier send comes up here; the line goes on.
            Err(_) => tokio::time::sleep(TICK).await,
        }
    }
}
