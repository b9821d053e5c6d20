//! One WebRTC connection: offer or answer in, datagrams in and out, frames or packets out.
//!
//! What it is: the composition of ICE (rtc-ice), DTLS 1.2 (rtc-dtls), SRTP (rtc-srtp) and RTCP
//! (rtc-rtcp) under our own SDP, so that sound, picture and real-time text share one bundle; for
//! peers that know no `m=text`, text is on a data channel (sctp-proto, [`channel`]). The
//! same machine serves the relay ([`Receive::Packets`]: forwards packets as they come) and the
//! apps ([`Receive::Frames`]: whole pictures in order).
//! What it is not: it opens no socket, reads no clock and knows no SIP. Names, passwords, SSRCs
//! and first sequence numbers come from [`PeerConfig::seed`]; inside the rtc crates, ICE
//! transaction ids and the secrets of the DTLS handshake are drawn from their own generator.
//!
//! Order of events: a datagram is STUN, DTLS or SRTP by its first byte (RFC 7983). Only STUN is
//! taken from an address that has not proved the ICE password (A33). Media is decrypted only
//! after the DTLS certificate matched the fingerprint of the SDP (A34). Packets that cannot be
//! decrypted are counted and change nothing (A37).
//! Start reading at [`Peer`].

mod allowance;
mod channel;
mod config;
mod control;
mod dcep;
mod drive;
mod dtls;
mod hello;
#[cfg(any(test, feature = "hostile"))]
mod hostile;
mod ice;
mod keyframe;
mod layers;
mod receive;
mod reoffer;
mod repair;
mod restart;
mod sctp;
mod send;
mod stats;
mod telling;
mod text;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc_dtls::crypto_provider::RTCCryptoProvider;
use vrs_domain::limit::TEXT_INTERVAL;

use crate::certificate::provider;
use crate::error::{MediaError, Refusal};
use crate::extension::Orientation;
use crate::rtp::{MediaKind, Peek, RtpPacket, RtpView};
use crate::sdp::policy::{self, Local, LocalTransport, RemoteTransport, Setup};
use crate::sdp::{LAYERS_MAX, LayerRole, Negotiated, SessionDescription};
use crate::srtp::Srtp;
use crate::t140::Written;
use crate::vp8::Shift;

pub use config::{Lent, PeerConfig, Receive, stun_ufrag};
pub use stats::{KindStats, PeerStats};

use channel::Channels;
use config::Secrets;
use dtls::Dtls;
use ice::Ice;
use receive::StreamReceiver;
use restart::Before;
use send::StreamSender;

/// What the peer wants done, or has to tell.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerOutput {
    /// Send this datagram.
    Transmit {
        /// From which of our addresses.
        source: SocketAddr,
        /// To which address of the peer.
        destination: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// Something happened.
    Event(PeerEvent),
}

/// What happened on the connection.
#[derive(Clone, PartialEq)]
pub enum PeerEvent {
    /// ICE and DTLS are done (again): media flows.
    Connected,
    /// Nothing was heard from the peer for 5 s, or it closed; it may come back.
    Disconnected,
    /// The connection is over, for this reason; nothing more will come.
    Failed(String),
    /// A packet, in order of arrival, resent ones included ([`Receive::Packets`]).
    Rtp {
        /// Which stream.
        kind: MediaKind,
        /// The packet, decrypted.
        packet: RtpPacket,
    },
    /// A frame ([`Receive::Frames`]): video whole and in order, audio as it arrives.
    Frame {
        /// Which stream.
        kind: MediaKind,
        /// RTP timestamp.
        timestamp: u32,
        /// Unwrapped sequence number (of the last packet): a step of more than one in audio is
        /// a loss to be concealed, a smaller number than before is a late frame.
        sequence: u64,
        /// Opus packet, or H.264 access unit in Annex B form.
        data: Vec<u8>,
        /// Video that can be decoded without an earlier frame.
        keyframe: bool,
        /// How it has to be turned before it is shown.
        orientation: Orientation,
    },
    /// Characters typed by the peer or by one whom it speaks for. Always whole text, never packets:
    /// the payload types inside RED differ from leg to leg.
    Text(Written),
    /// A telephone key was pressed: `0` to `9`, `*`, `#`, `A` to `D` (RFC 4733 section 3.2). Once
    /// each, however many of its packets were lost, doubled or late.
    Dtmf(char),
    /// So many bits of video a second the path to the peer takes from now on.
    PathRate(u32),
    /// The peer needs a key frame of ours; at most one such event per 500 ms.
    KeyframeRequested {
        /// Of which size of the picture; 0 is the usual one.
        layer: usize,
    },
    /// The peer wants a smaller size of our picture beside the usual one ([`Peer::send_layer`]), or
    /// wants it no more.
    LayerWanted {
        /// Which.
        layer: usize,
        /// Whether it is to be sent.
        wanted: bool,
    },
    /// Bits a second of each size of the picture that come from the peer, in the order in which it
    /// named them; only where there are several.
    LayerRates(Vec<u32>),
    /// The peer lost a packet that came from elsewhere: [`Peer::send_again`] with the payload that
    /// the source [kept](Peer::kept).
    Missed(Missed),
}

/// A packet of another peer's that this one lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Missed {
    /// Whose it was.
    pub ssrc: u32,
    /// The sequence number that it had there.
    pub sequence: u16,
    shift: Shift,
    /// As it went out.
    header: RtpView<'static>,
}

impl std::fmt::Debug for PeerEvent {
    /// Never the content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connected => f.write_str("Connected"),
            Self::Disconnected => f.write_str("Disconnected"),
            Self::Failed(reason) => write!(f, "Failed({reason})"),
            Self::Rtp { packet, .. } => write!(f, "Rtp({packet:?})"),
            Self::Frame {
                kind,
                timestamp,
                sequence,
                data,
                keyframe,
                orientation: _,
            } => write!(
                f,
                "Frame({kind:?}, timestamp {timestamp}, sequence {sequence}, {} bytes, \
                 keyframe {keyframe})",
                data.len()
            ),
            Self::Text(written) => written.fmt(f),
            Self::Dtmf(_) => f.write_str("Dtmf(«redacted»)"),
            Self::PathRate(bps) => write!(f, "PathRate({bps})"),
            Self::KeyframeRequested { layer } => write!(f, "KeyframeRequested({layer})"),
            Self::LayerWanted { layer, wanted } => write!(f, "LayerWanted({layer}, {wanted})"),
            Self::LayerRates(rates) => write!(f, "LayerRates({rates:?})"),
            Self::Missed(missed) => write!(f, "Missed({missed:?})"),
        }
    }
}

/// One ICE, DTLS and SRTP session; one per peer unless it knows no bundles.
struct Transport {
    ice: Ice,
    /// The next path, during a restart.
    next: Option<Ice>,
    dtls: Option<Dtls>,
    srtp: Option<Srtp>,
}

/// One agreed medium, or a smaller size of our picture.
struct Stream {
    kind: MediaKind,
    /// Which size of ours; 0 but for the smaller ones.
    layer: usize,
    transport: usize,
    sender: StreamSender,
    receiver: StreamReceiver,
}

/// Where packets of one source go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Route {
    transport: usize,
    payload_type: u8,
    ssrc: u32,
    stream: usize,
}

/// Finds streams without looking at them: there are thousands, and their memory is far away.
#[derive(Debug, Default)]
struct Finder {
    kinds: [Option<MediaKind>; STREAMS_MAX],
    /// Of the last packets of other sources than before.
    routes: [Option<Route>; ROUTES_MAX],
    next_route: usize,
}

/// One for each kind.
const STREAMS_MAX: usize = 3;
/// The smaller size of our picture.
const LOWER: usize = 1;
/// Routes that are remembered: one for each stream, and for the sizes of a picture.
const ROUTES_MAX: usize = STREAMS_MAX + LAYERS_MAX;

impl Finder {
    fn new(streams: impl Iterator<Item = MediaKind>) -> Self {
        let mut finder = Self::default();
        for (place, kind) in finder.kinds.iter_mut().zip(streams) {
            *place = Some(kind);
        }
        finder
    }

    fn of_kind(&self, kind: MediaKind) -> Option<usize> {
        self.kinds.iter().position(|known| *known == Some(kind))
    }

    fn of_packet(&self, transport: usize, peek: Peek) -> Option<usize> {
        let mut routes = self.routes.iter().flatten();
        let same = |route: &&Route| {
            (route.transport, route.payload_type, route.ssrc)
                == (transport, peek.payload_type, peek.ssrc)
        };
        routes.find(same).map(|route| route.stream)
    }

    fn note(&mut self, transport: usize, peek: Peek, stream: usize) {
        self.routes[self.next_route] = Some(Route {
            transport,
            payload_type: peek.payload_type,
            ssrc: peek.ssrc,
            stream,
        });
        self.next_route = (self.next_route + 1) % ROUTES_MAX;
    }

    /// The peer may have numbered its payload types anew.
    fn forget_routes(&mut self) {
        self.routes = [None; ROUTES_MAX];
    }
}

/// What was last told about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    Nothing,
    Connected,
    Disconnected,
    Over,
}

/// Counters of what was refused.
#[derive(Debug, Clone, Copy, Default)]
struct Refused {
    unproven: u64,
    undecryptable: u64,
    unknown: u64,
}

/// One side of a WebRTC connection.
///
/// Drain [`Self::poll_output`] after every other call, then sleep until
/// [`Self::poll_timeout`].
pub struct Peer {
    config: PeerConfig,
    provider: Arc<dyn RTCCryptoProvider>,
    secrets: Secrets,
    began: Instant,
    local: Vec<LocalTransport>,
    transports: Vec<Transport>,
    streams: Vec<Stream>,
    finder: Finder,
    /// Text of a peer that knows no `m=text`.
    channels: Option<Channels>,
    negotiated: Negotiated,
    offered: Option<Vec<MediaKind>>,
    /// We have put the call on hold.
    held: bool,
    /// How the peer said it can be reached, once agreed.
    remote: Vec<RemoteTransport>,
    /// Where to go back to when the peer does not take our restart.
    before_restart: Option<Before>,
    /// Version of our description (RFC 3264 section 8).
    version: u64,
    description: String,
    outputs: VecDeque<PeerOutput>,
    /// Where a datagram is decrypted that may not be written to.
    scratch: Vec<u8>,
    /// The deadline has to be looked for anew: not after a packet that was only passed on.
    moved: bool,
    deadline: Option<Instant>,
    announced: Announced,
    refused: Refused,
    next_report: Option<Instant>,
    /// From the peer's reports.
    rtt: Option<Duration>,
    /// From our connectivity checks, until there is a report.
    path_rtt: Option<Duration>,
}

impl Peer {
    /// Begins a connection: gives the SDP offer to send. We are ICE controlling and let the
    /// answerer choose the DTLS role.
    ///
    /// # Errors
    ///
    /// [`MediaError::Engine`] if ICE or the cryptography cannot start;
    /// [`MediaError::WrongState`] if the configuration has no address or no kind.
    pub fn offerer(config: PeerConfig, now: Instant) -> Result<(Self, String), MediaError> {
        let mut peer = Self::new(config, now)?;
        let kinds = peer.config.kinds();
        if kinds.is_empty() {
            return Err(MediaError::WrongState("no kind of media was configured"));
        }
        peer.add_transport(now, Setup::ActPass)?;
        let offer = policy::write_offer(&peer.description(), &kinds).to_string();
        peer.offered = Some(kinds);
        peer.description.clone_from(&offer);
        Ok((peer, offer))
    }

    /// Answers an offer: gives the SDP answer to send. ICE controlled unless the offerer is
    /// lite; DTLS passive unless the offerer insists on that role.
    ///
    /// # Errors
    ///
    /// [`MediaError::Sdp`] and [`MediaError::NotAcceptable`] are the offerer's fault (400, 488).
    pub fn answerer(
        config: PeerConfig,
        now: Instant,
        offer: &str,
    ) -> Result<(Self, String), MediaError> {
        let offer = SessionDescription::parse(offer)?;
        let mut peer = Self::new(config, now)?;
        let accepted = policy::accept_offer(
            &offer,
            &peer.config.kinds(),
            (&peer.config.allowed, peer.config.layers()),
        )?;
        for remote in &accepted.transports {
            peer.add_transport(now, policy::answer_setup(remote.setup))?;
        }
        let answer = policy::write_answer(&peer.description(), &offer, &accepted).to_string();
        peer.description.clone_from(&answer);
        for (index, remote) in accepted.transports.iter().enumerate() {
            let client = remote.setup == Setup::Passive;
            peer.start_transport(now, index, remote, remote.ice_lite, client)?;
        }
        peer.agree(now, accepted.negotiated, false);
        peer.remote = accepted.transports;
        peer.advance(now);
        Ok((peer, answer))
    }

    /// Takes the answer to our offer.
    ///
    /// # Errors
    ///
    /// [`MediaError::Sdp`] and [`MediaError::NotAcceptable`] are the answerer's fault;
    /// [`MediaError::WrongState`] without an open offer.
    pub fn accept_answer(&mut self, now: Instant, answer: &str) -> Result<(), MediaError> {
        let Some(offered) = self.offered.clone() else {
            return Err(MediaError::WrongState("there is no open offer"));
        };
        let answer = SessionDescription::parse(answer)?;
        let (negotiated, remote) = policy::accept_answer(
            &offered,
            &answer,
            (&self.config.allowed, self.config.layers()),
        )?;
        if negotiated.media.is_empty() {
            return Err(MediaError::NotAcceptable(Refusal::NothingInCommon));
        }
        let client = remote.setup == Setup::Passive;
        self.start_transport(now, 0, &remote, true, client)?;
        self.offered = None;
        self.agree(now, negotiated, true);
        // From now on our role in the handshake is settled (RFC 8842 section 5.5).
        for local in &mut self.local {
            local.setup = policy::answer_setup(remote.setup);
        }
        self.remote = vec![remote];
        self.advance(now);
        Ok(())
    }

    fn new(config: PeerConfig, now: Instant) -> Result<Self, MediaError> {
        if config.candidates().is_empty() {
            return Err(MediaError::WrongState(
                "no usable local address was configured",
            ));
        }
        let secrets = Secrets::new(config.seed);
        Ok(Self {
            provider: provider()?,
            secrets,
            began: now,
            local: Vec::new(),
            transports: Vec::new(),
            streams: Vec::new(),
            finder: Finder::default(),
            channels: None,
            negotiated: Negotiated::default(),
            offered: None,
            held: false,
            remote: Vec::new(),
            before_restart: None,
            version: 1,
            description: String::new(),
            outputs: VecDeque::new(),
            scratch: Vec::new(),
            moved: true,
            deadline: None,
            announced: Announced::Nothing,
            refused: Refused::default(),
            next_report: None,
            rtt: None,
            path_rtt: None,
            config,
        })
    }

    fn add_transport(&mut self, now: Instant, setup: Setup) -> Result<(), MediaError> {
        let (ufrag, password) = self.secrets.ice_credentials();
        let candidates = self.config.candidates();
        let names = (ufrag.as_str(), password.as_str());
        let ice = Ice::new(now, &candidates, names, Arc::clone(&self.provider))?;
        self.transports.push(Transport {
            ice,
            next: None,
            dtls: None,
            srtp: None,
        });
        self.local.push(LocalTransport {
            ufrag,
            password,
            setup,
        });
        Ok(())
    }

    fn start_transport(
        &mut self,
        now: Instant,
        index: usize,
        remote: &RemoteTransport,
        controlling: bool,
        client: bool,
    ) -> Result<(), MediaError> {
        let host_only = self.config.host_candidate_only;
        let provider = Arc::clone(&self.provider);
        let announced = remote.fingerprints.clone();
        let dtls = Dtls::new(&self.config.certificate, client, announced, provider)?;
        if let Some(transport) = self.transports.get_mut(index) {
            transport.ice.start(now, controlling, remote, host_only)?;
            transport.dtls = Some(dtls);
        }
        Ok(())
    }

    fn agree(&mut self, now: Instant, negotiated: Negotiated, offerer: bool) {
        let kinds = negotiated.media.iter().map(|media| media.kind);
        self.finder = Finder::new(kinds);
        for media in &negotiated.media {
            let mut sender = StreamSender::new(now, media, self.secrets.stream(media.kind));
            let sent = media.layers_as(LayerRole::Sends);
            sender.be_layer(sent.and_then(|layers| layers.each.first()));
            self.streams.push(Stream {
                kind: media.kind,
                layer: 0,
                transport: media.transport,
                sender,
                receiver: StreamReceiver::new(media, self.config.receive),
            });
        }
        self.agree_layers(now, &negotiated);
        self.channels = negotiated.channel.as_ref().and_then(|terms| {
            let dtls = self.transports.get_mut(terms.transport)?.dtls.as_mut()?;
            let client = dtls.carry_data();
            Some(Channels::new(now, terms, offerer, client))
        });
        self.negotiated = negotiated;
    }

    /// The smaller size of our picture.
    fn agree_layers(&mut self, now: Instant, negotiated: &Negotiated) {
        let Some(media) = negotiated.get(MediaKind::Video) else {
            return;
        };
        let sent = media.layers_as(LayerRole::Sends);
        let Some(lower) = sent.and_then(|layers| layers.each.get(LOWER)) else {
            return;
        };
        let mut sender = StreamSender::new(now, media, self.secrets.lower());
        sender.be_lower(lower);
        self.streams.push(Stream {
            kind: media.kind,
            layer: LOWER,
            transport: media.transport,
            sender,
            receiver: StreamReceiver::deaf(media),
        });
        if !lower.paused {
            self.outputs
                .push_back(PeerOutput::Event(PeerEvent::LayerWanted {
                    layer: LOWER,
                    wanted: true,
                }));
        }
    }

    fn description(&self) -> Local {
        let kinds = self.config.kinds();
        Local {
            session_id: self.secrets.session_id,
            version: self.version,
            candidates: self.config.candidates(),
            fingerprint: self.config.certificate.fingerprint(),
            cname: self.secrets.cname.clone(),
            ssrcs: kinds
                .iter()
                .map(|kind| (*kind, self.secrets.stream(*kind).seed.ssrc))
                .collect(),
            repair_ssrc: self.secrets.stream(MediaKind::Video).repair.ssrc,
            transports: self.local.clone(),
            allowed: self.config.allowed.clone(),
            layers: self.config.layers(),
        }
    }

    /// Our ICE user name fragment: the part before the colon of the USERNAME in the peer's
    /// checks. See [`stun_ufrag`] for demultiplexing on a shared socket.
    #[must_use]
    pub fn local_ufrag(&self) -> &str {
        self.local
            .first()
            .map_or("", |transport| transport.ufrag.as_str())
    }

    /// All fragments of ours that checks may name: more than one if the peer knows no bundles, and
    /// while a restart is under way, so ask again after each further offer or answer.
    pub fn local_ufrags(&self) -> impl Iterator<Item = &str> {
        let first = self.transports.iter().map(|transport| &transport.ice);
        let next = self.transports.iter().filter_map(|t| t.next.as_ref());
        first.chain(next).map(Ice::ufrag)
    }

    /// The SDP we gave last.
    #[must_use]
    pub fn local_description(&self) -> &str {
        &self.description
    }

    /// Whether media flows: a path was found and its keys are agreed.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.announced == Announced::Connected
    }

    /// What was agreed; empty until the answer.
    #[must_use]
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<PeerOutput> {
        self.outputs.pop_front()
    }

    /// Whether neither [`Self::poll_output`] nor [`Self::poll_timeout`] has anything new to say: so
    /// it is after most packets.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.outputs.is_empty() && !self.moved
    }

    /// When [`Self::handle_timeout`] is wanted next.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        if std::mem::take(&mut self.moved) {
            self.deadline = self.next_deadline();
        }
        self.deadline
    }

    fn next_deadline(&mut self) -> Option<Instant> {
        if self.announced == Announced::Over {
            return None;
        }
        let ready = self.announced == Announced::Connected;
        let mut due = self.next_report.filter(|_| ready);
        let mut note = |at: Option<Instant>| due = [due, at].into_iter().flatten().min();
        for transport in &mut self.transports {
            note(transport.ice_timeout());
            note(transport.dtls.as_ref().and_then(Dtls::poll_timeout));
        }
        note(self.channels.as_ref().and_then(Channels::poll_timeout));
        for stream in &self.streams {
            note(stream.receiver.poll_timeout());
            note(stream.receiver.feedback_timeout().filter(|_| ready));
            note(stream.sender.keyframe_timeout());
            note(stream.sender.text_timeout().filter(|_| ready));
            note(stream.sender.key_timeout().filter(|_| ready));
        }
        due
    }

    /// How long typed text waits at most before it is sent.
    pub const TEXT_DELAY_MAX: Duration = TEXT_INTERVAL;
}

#[cfg(test)]
mod tests;
