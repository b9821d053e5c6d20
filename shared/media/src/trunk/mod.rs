//! One telephone leg on a SIP trunk: G.711 sound and telephone keys over RTP, plain (RTP/AVP) or
//! with SDES keys (RTP/SAVP).
//!
//! What it is: offer and answer, packets to 8 kHz samples and back (what comes is played by
//! [`TrunkLeg::play`] when it is due, through a jitter buffer), comfort noise, keys, and RTCP where
//! the peer multiplexes it. Plain RTP belongs on a loopback or private link to a gateway only; the
//! configuration says which.
//! What it is not: it opens no socket, reads no clock, mixes nothing and does no ICE.
//!
//! The peer's address is the one in its SDP, and nothing else is heard or answered (A36). With
//! [`TrunkConfig::latch`] the *port* alone is learned from the first good packet that comes from
//! that same IP address, once: some gateways behind a translator send from another port than
//! they announce.
//! Start reading at [`TrunkLeg`].

mod negotiate;
mod quiet;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

use crate::error::MediaError;
use crate::extension::ExtensionIds;
use crate::jitter::{JitterBuffer, JitterStats, NOISE_PAYLOAD_TYPE, Played, TelephoneSound};
use crate::pcm;
use crate::rtcp::{self, Compound, Incoming, Reception, Sent};
use crate::rtp::{MediaKind, RtpPacket, is_rtcp};
use crate::sdes::{Crypto, Suite};
use crate::sdp::{Direction, SessionDescription};
use crate::srtp::{Srtp, SrtpKeys};
use crate::telephone_event::{EventReceiver, EventSender};

use negotiate::{Agreed, Ours};
use quiet::{Frame, Quiet};

/// Samples per millisecond.
const SAMPLES_PER_MS: usize = 8;
/// RTCP reports go out this often (RFC 3550 section 6.2).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// A telephone that told of comfort noise is waited for so many times as long: it need not send
/// again before somebody speaks (RFC 3389 section 4).
const HUSHED_PATIENCE: u32 = 10;
/// A pause this long in what we send is a new talkspurt.
const TALKSPURT_PAUSE: Duration = Duration::from_millis(200);

/// Settings of one telephone leg.
#[derive(Debug, Clone)]
pub struct TrunkConfig {
    /// Address of our socket, as the gateway sees it.
    pub local: SocketAddr,
    /// SDES keys (RTP/SAVP) instead of plain RTP; the peer must agree.
    pub secure: bool,
    /// Fresh randomness from the driver.
    pub seed: [u8; 32],
    /// Learn the peer's port (never its IP address) from its first good packet.
    pub latch: bool,
    /// After so long without sound or RTCP the telephone counts as gone; `None`: never.
    pub silence: Option<Duration>,
}

/// What the leg wants done, or has to tell.
#[derive(Clone, PartialEq, Eq)]
pub enum TrunkOutput {
    /// Send this datagram from our socket.
    Transmit {
        /// Where to.
        destination: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// A key was pressed on the telephone: `0` to `9`, `*`, `#`, `A` to `D`.
    Dtmf(char),
    /// Nothing came for [`TrunkConfig::silence`], although the peer said that it sends. Told again
    /// after each further such time.
    Silent,
}

impl std::fmt::Debug for TrunkOutput {
    /// Never the content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Transmit { bytes, .. } => write!(f, "Transmit({} bytes)", bytes.len()),
            Self::Dtmf(_) => f.write_str("Dtmf(«redacted»)"),
            Self::Silent => f.write_str("Silent"),
        }
    }
}

/// What a leg can say about itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrunkStats {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets received and understood.
    pub packets_received: u64,
    /// Packets that never arrived.
    pub lost: u64,
    /// How what came was played, in samples at 8 kHz.
    pub played: JitterStats,
    /// Jitter of arrival, in milliseconds.
    pub jitter_ms: f32,
    /// Round trip time, in milliseconds, where the peer sends RTCP reports.
    pub rtt_ms: Option<f32>,
    /// Datagrams from elsewhere than the agreed address.
    pub unexpected_source: u64,
    /// SRTP packets that were forged, broken or replayed.
    pub undecryptable: u64,
    /// Packets of an unknown payload type or length.
    pub unknown: u64,
    /// `PCMU` or `PCMA`, once agreed.
    pub codec: Option<&'static str>,
    /// The crypto suite, if the leg is encrypted.
    pub crypto_suite: Option<&'static str>,
    /// When sound last came from the telephone.
    pub last_received: Option<Instant>,
}

/// The state of what we send.
struct Sending {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    waiting: Vec<i16>,
    last: Option<Instant>,
    events: EventSender,
    event_timestamp: u32,
    bytes: u64,
    quiet: Quiet,
    /// The last thing sent was no sound: what follows begins a talkspurt (RFC 3551 section 4.1).
    paused: bool,
}

/// One telephone leg.
pub struct TrunkLeg {
    config: TrunkConfig,
    began: Instant,
    random: StdRng,
    session_id: u64,
    version: u64,
    offered: Vec<Crypto>,
    agreed: Option<Agreed>,
    open_offer: bool,
    latched: bool,
    srtp: Option<Srtp>,
    sending: Sending,
    reception: Option<(u32, Reception)>,
    events: EventReceiver,
    sound: JitterBuffer<TelephoneSound>,
    next_report: Option<Instant>,
    /// When the telephone counts as gone unless something comes; `None` while it need not send.
    silent_at: Option<Instant>,
    /// The last thing that came was comfort noise.
    hushed: bool,
    outputs: VecDeque<TrunkOutput>,
    stats: TrunkStats,
}

impl TrunkLeg {
    /// Begins a leg: gives the SDP offer to send (PCMU, PCMA, telephone-event, CN).
    #[must_use]
    pub fn offerer(config: TrunkConfig, now: Instant) -> (Self, String) {
        let mut leg = Self::new(config, now);
        if leg.config.secure {
            let keys = (1..).zip(Suite::ALL);
            leg.offered = keys
                .map(|(tag, suite)| new_crypto(&mut leg.random, tag, suite))
                .collect();
        }
        leg.open_offer = true;
        let offer = negotiate::write_offer(&leg.ours(&leg.offered));
        (leg, offer)
    }

    /// Answers an offer: gives the SDP answer to send.
    ///
    /// # Errors
    ///
    /// [`MediaError::Sdp`] and [`MediaError::NotAcceptable`] are the offerer's fault (400, 488).
    pub fn answerer(
        config: TrunkConfig,
        now: Instant,
        offer: &str,
    ) -> Result<(Self, String), MediaError> {
        let mut leg = Self::new(config, now);
        let answer = leg.handle_offer(now, offer)?;
        Ok((leg, answer))
    }

    /// Answers a further offer of the peer (a re-INVITE): hold, another address, a refresh of
    /// the session. Gives the SDP answer to send. Our key stays as long as the suite does.
    ///
    /// # Errors
    ///
    /// As [`Self::answerer`]; the leg then goes on as before.
    pub fn handle_offer(&mut self, now: Instant, offer: &str) -> Result<String, MediaError> {
        let offer = SessionDescription::parse(offer)?;
        let (line, agreed) = negotiate::accept_offer(&offer, self.config.secure)?;
        let mut keys = Vec::new();
        if let Some(theirs) = &agreed.crypto {
            let known = self.offered.iter().find(|ours| ours.suite == theirs.suite);
            keys.push(match known {
                Some(ours) => Crypto {
                    tag: theirs.tag,
                    ..ours.clone()
                },
                None => new_crypto(&mut self.random, theirs.tag, theirs.suite),
            });
        }
        self.version += 1;
        let answer = negotiate::write_answer(&self.ours(&keys), &offer, line, &agreed);
        self.offered = keys;
        self.open_offer = false;
        self.agree(now, agreed)?;
        Ok(answer)
    }

    /// Offers what we have once more, for a peer that sent a re-INVITE without an offer (RFC 3261
    /// section 14.2). Its answer comes by [`Self::accept_answer`]; until then all goes on.
    pub fn offer_again(&mut self) -> String {
        self.version += 1;
        self.open_offer = true;
        negotiate::write_offer(&self.ours(&self.offered))
    }

    /// Takes the answer to our offer. A provisional answer (early media in a 183) may be
    /// followed by the same or another one.
    ///
    /// # Errors
    ///
    /// [`MediaError::Sdp`] and [`MediaError::NotAcceptable`] are the answerer's fault;
    /// [`MediaError::WrongState`] if we did not offer.
    pub fn accept_answer(&mut self, now: Instant, answer: &str) -> Result<(), MediaError> {
        if !self.open_offer {
            return Err(MediaError::WrongState("there is no offer of ours"));
        }
        let answer = SessionDescription::parse(answer)?;
        let secure = self.config.secure;
        let agreed = negotiate::accept_answer(&answer, &self.offered, secure)?;
        self.agree(now, agreed)
    }

    fn new(config: TrunkConfig, now: Instant) -> Self {
        let mut random = StdRng::from_seed(config.seed);
        let sending = Sending {
            ssrc: random.random(),
            sequence: random.random_range(0..0x4000),
            timestamp: random.random(),
            waiting: Vec::new(),
            last: None,
            events: EventSender::new(8_000),
            event_timestamp: 0,
            bytes: 0,
            quiet: Quiet::default(),
            paused: false,
        };
        Self {
            config,
            began: now,
            session_id: random.random_range(1..1 << 62),
            version: 0,
            random,
            offered: Vec::new(),
            agreed: None,
            open_offer: false,
            latched: false,
            srtp: None,
            sending,
            reception: None,
            events: EventReceiver::default(),
            sound: JitterBuffer::new(TelephoneSound::default()),
            next_report: None,
            silent_at: None,
            hushed: false,
            outputs: VecDeque::new(),
            stats: TrunkStats::default(),
        }
    }

    fn ours<'a>(&self, crypto: &'a [Crypto]) -> Ours<'a> {
        Ours {
            local: self.config.local,
            session_id: self.session_id,
            version: self.version,
            ssrc: self.sending.ssrc,
            crypto,
            secure: self.config.secure,
        }
    }

    fn agree(&mut self, now: Instant, agreed: Agreed) -> Result<(), MediaError> {
        let before = self
            .agreed
            .as_ref()
            .map(|before| (&before.crypto, before.remote));
        let same_keys = before.is_some_and(|(crypto, _)| *crypto == agreed.crypto);
        if let Some(theirs) = agreed.crypto.as_ref().filter(|_| !same_keys) {
            // A second provisional answer brings a new key of theirs; ours stays, and so must
            // the state it is used with, or packet indices would repeat.
            let ours = self.offered.iter().find(|ours| ours.suite == theirs.suite);
            let ours = ours.ok_or(MediaError::WrongState("no key was offered"))?;
            let profile = theirs.suite.profile();
            let (local_key, local_salt) = ours.key_and_salt.split_at(profile.key_len());
            let (remote_key, remote_salt) = theirs.key_and_salt.split_at(profile.key_len());
            let keys = SrtpKeys {
                local_key: local_key.to_vec(),
                local_salt: local_salt.to_vec(),
                remote_key: remote_key.to_vec(),
                remote_salt: remote_salt.to_vec(),
            };
            self.srtp = Some(match self.srtp.take() {
                Some(srtp) => srtp.with_remote(profile, keys)?,
                None => Srtp::new(profile, keys)?,
            });
        }
        if before.is_none_or(|(_, remote)| remote != agreed.remote) {
            self.latched = false;
        }
        self.stats.codec = Some(agreed.law.name());
        self.stats.crypto_suite = agreed.crypto.as_ref().map(|crypto| crypto.suite.name());
        self.next_report = agreed.rtcp_mux.then_some(now + REPORT_INTERVAL);
        self.agreed = Some(agreed);
        self.await_sound(now);
        Ok(())
    }

    /// From now on the telephone has to be heard, unless it is on hold: it has just answered, or
    /// something came.
    pub fn await_sound(&mut self, now: Instant) {
        let sends = self.agreed.as_ref().is_some_and(|a| a.direction.receives());
        let patience = if self.hushed { HUSHED_PATIENCE } else { 1 };
        let wait = self.config.silence.filter(|_| sends);
        self.silent_at = wait.map(|wait| now + wait * patience);
    }

    /// Takes a datagram that came from `source`.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        let Some(agreed) = &self.agreed else {
            self.stats.unexpected_source += 1;
            return;
        };
        let moved = source != agreed.remote;
        let may_latch = self.config.latch && !self.latched && source.ip() == agreed.remote.ip();
        if moved && !may_latch {
            self.stats.unexpected_source += 1;
            return;
        }
        let control = is_rtcp(bytes);
        let plain = match &mut self.srtp {
            Some(srtp) => {
                let mut packet = bytes.to_vec();
                let plain = match control {
                    true => srtp.open_rtcp(&mut packet),
                    false => srtp.open_rtp(&mut packet),
                };
                let length = plain.map(<[u8]>::len);
                length.map(|length| Bytes::from(packet).slice(..length))
            }
            None => Some(Bytes::copy_from_slice(bytes)),
        };
        let Some(plain) = plain else {
            self.stats.undecryptable += 1;
            return;
        };
        let good = if control {
            self.control(now, &plain)
        } else {
            self.media(now, plain)
        };
        if good {
            self.await_sound(now);
            self.latched_by(source, control);
        } else {
            self.stats.unknown += 1;
        }
        self.advance(now);
    }

    /// The first good sound settles where the telephone is.
    fn latched_by(&mut self, source: SocketAddr, control: bool) {
        if control || self.latched {
            return;
        }
        self.latched = true;
        if let Some(agreed) = &mut self.agreed {
            agreed.remote = source;
        }
    }

    fn media(&mut self, now: Instant, plain: Bytes) -> bool {
        let Some(agreed) = &self.agreed else {
            return false;
        };
        let Some(packet) = RtpPacket::parse(MediaKind::Audio, plain) else {
            return false;
        };
        let events = agreed.events.map(|(_, receive)| receive);
        let is_event = events == Some(packet.payload_type);
        // Either law is taken at any time: both were offered, and both are static numbers, as that
        // of comfort noise is.
        let sound = TelephoneSound::packet(packet.payload_type, &packet.payload);
        if !agreed.direction.receives() || !(is_event || sound.is_some()) {
            return false;
        }
        if self
            .reception
            .as_ref()
            .is_none_or(|(ssrc, _)| *ssrc != packet.ssrc)
        {
            // A new source: the exchange switched from ringing tone to the telephone itself.
            self.reception = Some((packet.ssrc, Reception::new(packet.ssrc, 8_000)));
            self.sound.restart();
            self.events = EventReceiver::default();
        }
        let Some((_, reception)) = &mut self.reception else {
            return false;
        };
        reception.received(now, packet.sequence, packet.timestamp);
        self.stats.packets_received += 1;
        self.stats.last_received = Some(now);
        if is_event {
            let key = self.events.receive(packet.timestamp, &packet.payload);
            self.outputs.extend(key.map(TrunkOutput::Dtmf));
            self.sound.leave(packet.timestamp);
        } else if let Some(sound) = sound {
            self.hushed = packet.payload_type == NOISE_PAYLOAD_TYPE;
            self.sound.insert(now, packet.timestamp, sound);
        }
        true
    }

    fn control(&mut self, now: Instant, plain: &[u8]) -> bool {
        let packets = rtcp::parse(plain);
        let understood = !packets.is_empty();
        for packet in packets {
            match packet {
                Incoming::SenderReport { ssrc, middle_ntp } => {
                    if let Some((known, reception)) = &mut self.reception
                        && *known == ssrc
                    {
                        reception.sender_report(now, middle_ntp);
                    }
                }
                Incoming::Report(report) if report.ssrc == self.sending.ssrc => {
                    let uptime = now.saturating_duration_since(self.began);
                    let rtt = rtcp::round_trip(&report, uptime);
                    let rtt = rtt.map(|rtt| rtt.as_secs_f32() * 1_000.0);
                    self.stats.rtt_ms = rtt.or(self.stats.rtt_ms);
                }
                Incoming::Report(_)
                | Incoming::Nack { .. }
                | Incoming::PictureLoss { .. }
                | Incoming::FullIntra { .. }
                | Incoming::Arrivals(_)
                | Incoming::TransportArrivals(_)
                | Incoming::Rate { .. }
                | Incoming::Pause(_)
                | Incoming::Named { .. }
                | Incoming::Name { .. }
                | Incoming::Goodbye { .. } => {} // SIP ends calls
            }
        }
        understood
    }

    /// Sends sound to the telephone: 8 kHz, mono, any multiple of 80 samples (10 ms). Packets go
    /// out as soon as they are full. Silence becomes noise, which is only told of to a telephone
    /// that can make it by itself. Nothing is sent while a key is played or before the answer.
    pub fn send_pcm(&mut self, now: Instant, samples: &[i16]) {
        let Some(agreed) = &self.agreed else { return };
        if !agreed.direction.sends() {
            return;
        }
        let (law, noise, ptime_ms) = (agreed.law, agreed.noise, agreed.ptime_ms);
        let per_packet = ptime_ms as usize * SAMPLES_PER_MS;
        let paused = |last: Instant| now.saturating_duration_since(last) > TALKSPURT_PAUSE;
        let rested = self.sending.last.is_none_or(paused);
        self.sending.paused |= rested;
        if rested && let Some(last) = self.sending.last {
            let pause = now.saturating_duration_since(last).as_millis() as u32;
            let ticks = pause.wrapping_mul(SAMPLES_PER_MS as u32);
            self.sending.timestamp = self.sending.timestamp.wrapping_add(ticks);
            self.sending.waiting.clear();
        }
        self.sending.last = Some(now);
        self.sending.waiting.extend_from_slice(samples);
        while self.sending.waiting.len() >= per_packet {
            let mut frame: Vec<i16> = self.sending.waiting.drain(..per_packet).collect();
            let timestamp = self.sending.timestamp;
            self.sending.timestamp = timestamp.wrapping_add(per_packet as u32);
            if self.sending.events.is_active() {
                continue;
            }
            match self.sending.quiet.frame(&mut frame, ptime_ms, noise) {
                Frame::Sound => {
                    let marker = std::mem::take(&mut self.sending.paused);
                    let payload = law.encode(&frame).into();
                    self.send_rtp(law.payload_type(), timestamp, marker, payload);
                }
                Frame::Noise(payload) => {
                    self.sending.paused = true;
                    let payload = Bytes::copy_from_slice(&payload);
                    self.send_rtp(NOISE_PAYLOAD_TYPE, timestamp, false, payload);
                }
                Frame::Nothing => {}
            }
        }
        self.advance(now);
    }

    /// Plays what came from the telephone: fills `out` with the next samples that are due, 8 kHz,
    /// mono. To be called at the pace of an ear.
    pub fn play(&mut self, out: &mut [i16]) -> Played {
        let mut sound = vec![0.0; out.len()];
        let played = self.sound.play(&mut sound);
        for (slot, sample) in out.iter_mut().zip(sound) {
            *slot = pcm::to_linear(sample);
        }
        played
    }

    /// Presses a key towards the telephone. False if it is no telephone key, the peer takes no
    /// keys, or too many wait.
    pub fn send_dtmf(&mut self, now: Instant, key: char) -> bool {
        let able = self
            .agreed
            .as_ref()
            .is_some_and(|a| a.events.is_some() && a.direction.sends());
        let taken = able && self.sending.events.push(now, key);
        self.advance(now);
        taken
    }

    /// Lets time pass; call when [`Self::poll_timeout`] says, or later.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// When [`Self::handle_timeout`] is wanted next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timers = [
            self.next_report,
            self.silent_at,
            self.sending.events.poll_timeout(),
        ];
        timers.into_iter().flatten().min()
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<TrunkOutput> {
        self.outputs.pop_front()
    }

    /// The state of all counters now.
    #[must_use]
    pub fn stats(&self) -> TrunkStats {
        let mut stats = self.stats.clone();
        stats.played = self.sound.stats();
        if let Some((_, reception)) = &self.reception {
            stats.lost = reception.lost();
            stats.jitter_ms = reception.jitter_ms();
        }
        stats
    }

    /// Where the telephone's packets come from and ours go to, once agreed.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        self.agreed.as_ref().map(|agreed| agreed.remote)
    }

    /// Who sends, from our side; [`Direction::RecvOnly`] and [`Direction::Inactive`] are "on
    /// hold".
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        self.agreed.as_ref().map(|agreed| agreed.direction)
    }

    fn advance(&mut self, now: Instant) {
        self.play_keys(now);
        if self.next_report.is_some_and(|due| due <= now) {
            self.next_report = Some(now + REPORT_INTERVAL);
            self.send_report(now);
        }
        if self.silent_at.is_some_and(|at| at <= now) {
            self.await_sound(now);
            self.outputs.push_back(TrunkOutput::Silent);
        }
    }

    fn play_keys(&mut self, now: Instant) {
        let Some((payload_type, _)) = self.agreed.as_ref().and_then(|agreed| agreed.events) else {
            return;
        };
        while let Some(packet) = self.sending.events.poll(now) {
            if packet.marker {
                // Each key has a timestamp of its own, later than that of the key before, even
                // if no sound is being sent in between.
                let floor = self.sending.event_timestamp.wrapping_add(1_600);
                let early = (self.sending.timestamp.wrapping_sub(floor) as i32) < 0;
                if early && self.sending.event_timestamp != 0 {
                    self.sending.timestamp = floor;
                }
                self.sending.event_timestamp = self.sending.timestamp;
            }
            let payload = Bytes::copy_from_slice(&packet.event.to_bytes());
            let timestamp = self.sending.event_timestamp;
            self.send_rtp(payload_type, timestamp, packet.marker, payload);
        }
    }

    fn send_rtp(&mut self, payload_type: u8, timestamp: u32, marker: bool, payload: Bytes) {
        let bytes = payload.len() as u64;
        let packet = RtpPacket {
            kind: MediaKind::Audio,
            ssrc: self.sending.ssrc,
            csrc: None,
            payload_type,
            sequence: self.sending.sequence,
            timestamp,
            marker,
            orientation: None,
            layer: 0,
            payload,
        };
        self.sending.sequence = self.sending.sequence.wrapping_add(1);
        let mut datagram = Vec::new();
        packet.view().write(ExtensionIds::default(), &mut datagram);
        let srtp = self.srtp.as_mut();
        if srtp.is_none_or(|srtp| srtp.seal_rtp(&mut datagram, 0)) {
            self.stats.packets_sent += 1;
            self.sending.bytes += bytes;
            self.transmit(datagram);
        }
    }

    fn send_report(&mut self, now: Instant) {
        let report = self
            .reception
            .as_mut()
            .and_then(|(_, reception)| reception.report(now));
        let reports: Vec<_> = report.into_iter().collect();
        let sent = Sent {
            ssrc: self.sending.ssrc,
            rtp_time: self.sending.timestamp,
            packets: self.stats.packets_sent as u32,
            bytes: self.sending.bytes as u32,
        };
        let uptime = now.saturating_duration_since(self.began);
        let compound = Compound::sender(sent, uptime, reports).name("visavis");
        let mut bytes = compound.into_bytes();
        let srtp = self.srtp.as_mut();
        if srtp.is_none_or(|srtp| srtp.seal_rtcp(&mut bytes)) {
            self.transmit(bytes);
        }
    }

    fn transmit(&mut self, bytes: Vec<u8>) {
        let remote = self.agreed.as_ref().map(|agreed| agreed.remote);
        if let Some(destination) = remote.filter(|remote| !remote.ip().is_unspecified()) {
            self.outputs
                .push_back(TrunkOutput::Transmit { destination, bytes });
        }
    }
}

fn new_crypto(random: &mut StdRng, tag: u32, suite: Suite) -> Crypto {
    let mut key_and_salt = vec![0; suite.key_and_salt_bytes()];
    random.fill_bytes(&mut key_and_salt);
    Crypto {
        tag,
        suite,
        key_and_salt,
    }
}

#[cfg(test)]
mod tests;
