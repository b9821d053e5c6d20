//! One session's media: the caller and the interpreters, forwarded to each other.
//!
//! Who sees whom says a [`Party`]: in a relay call the caller sees the interpreter who leads, and
//! everybody else sees the caller.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use super::layers::{Chooser, needs_smaller};
use super::writers::Names;
use vrs_domain::{Leg, LineReport, Sensitive, TEXT_NAME_CALLER, TEXT_NAME_INTERPRETER};
use vrs_media::congestion::RATE_START_BPS;
use vrs_media::{Batch, Codec, MediaKind, Peer, PeerEvent, PeerOutput, PeerStats, RtpView};

/// What happened to one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerNews {
    /// ICE and DTLS are through; media flows.
    Connected,
    /// No packet for a while; it may come back.
    Disconnected,
    /// It will not work; the text says why.
    Failed(String),
    /// It is there and sends neither picture nor sound, although it said that it would: muted on
    /// purpose, or broken.
    Silent,
    /// Something came again.
    Heard,
    /// What the line sounds like now: of a telephone only, and never from a room.
    Line(LineReport),
}

/// What the driver must do.
#[derive(Debug)]
pub enum RoomOutput<L> {
    /// Send this datagram.
    Transmit {
        /// Our address it goes out from.
        source: SocketAddr,
        /// Where it goes.
        destination: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// Tell the session.
    News {
        /// Whose peer.
        leg: L,
        /// What happened.
        news: PeerNews,
    },
    /// A peer left, or another one took its place; these were its figures.
    Parted {
        /// Whose peer.
        leg: L,
        /// All that it counted.
        stats: Box<PeerStats>,
    },
    /// Text of this leg reached nobody: nobody reads it, or too much waits.
    TextLost {
        /// Who wrote.
        leg: L,
    },
    /// One who speaks with the telephone pressed a key for it.
    Key(Sensitive<char>),
    /// Sound for the bridge while [`Room::set_bridged`] is on; else for whoever sees this one, some
    /// of whom have another format of sound.
    Voice {
        /// Who speaks.
        leg: L,
        /// RTP sequence number, for gaps and order.
        sequence: u16,
        /// RTP timestamp, in the clock of its format.
        timestamp: u32,
        /// One packet in the format of [`Room::sound_of`].
        payload: Vec<u8>,
    },
}

/// Who may be in a room, and who of them sees whom.
pub trait Party: Copy + Ord + 'static {
    /// Who sees the picture of this one; the first matters most.
    fn viewers(self) -> &'static [Self];

    /// Who reads the text of this one.
    fn readers(self) -> &'static [Self] {
        self.viewers()
    }

    /// What those who read its text are told that it is: no name of a person (RFC 9071 section
    /// 3.15).
    fn called(self) -> &'static str {
        ""
    }

    /// Whose picture this one sees; `None`: has no place in a room.
    fn watched(self) -> Option<Self>;

    /// Whether this one's keys are for the telephone, and the telephone's for this one.
    fn has_keys(self) -> bool;

    /// Whether this one is of no use without pictures.
    fn needs_picture(self) -> bool;
}

impl Party for Leg {
    fn viewers(self) -> &'static [Self] {
        match self {
            Self::Caller => &[
                Self::Interpreter,
                Self::Relief,
                Self::Team,
                Self::Supervisor,
            ],
            Self::Interpreter => &[Self::Caller],
            Self::Hearing | Self::Callee | Self::Relief | Self::Team | Self::Supervisor => &[],
        }
    }

    fn readers(self) -> &'static [Self] {
        match self {
            Self::Caller => self.viewers(),
            Self::Interpreter => &[Self::Caller, Self::Relief, Self::Team, Self::Supervisor],
            Self::Relief => &[
                Self::Caller,
                Self::Interpreter,
                Self::Team,
                Self::Supervisor,
            ],
            Self::Team => &[
                Self::Caller,
                Self::Interpreter,
                Self::Relief,
                Self::Supervisor,
            ],
            // Watches, and says nothing.
            Self::Supervisor | Self::Hearing | Self::Callee => &[],
        }
    }

    fn called(self) -> &'static str {
        match self {
            Self::Caller | Self::Callee | Self::Hearing => TEXT_NAME_CALLER,
            Self::Interpreter | Self::Relief | Self::Team | Self::Supervisor => {
                TEXT_NAME_INTERPRETER
            }
        }
    }

    fn watched(self) -> Option<Self> {
        match self {
            Self::Caller => Some(Self::Interpreter),
            Self::Interpreter | Self::Relief | Self::Team | Self::Supervisor => Some(Self::Caller),
            Self::Hearing | Self::Callee => None,
        }
    }

    fn has_keys(self) -> bool {
        match self {
            Self::Caller | Self::Interpreter => true,
            Self::Hearing | Self::Callee | Self::Relief | Self::Team | Self::Supervisor => false,
        }
    }

    fn needs_picture(self) -> bool {
        self.seat().is_some()
    }
}

/// Forwards between the WebRTC peers of a session.
pub struct Room<L> {
    /// Each in memory of its own: a map keeps room for several beside each other.
    pub(super) peers: BTreeMap<L, Box<Peer>>,
    /// What the path to each takes, in bits of video a second.
    rates: BTreeMap<L, u32>,
    /// Of whoever sends several sizes of a picture: the bits a second of each.
    layers: BTreeMap<L, Vec<u32>>,
    /// Which of them each viewer gets.
    choosers: BTreeMap<L, Chooser>,
    pub(super) names: Names<L>,
    bridged: bool,
    pub(super) outputs: VecDeque<RoomOutput<L>>,
    deadline: Option<Instant>,
    /// The deadline has to be looked for anew.
    moved: bool,
}

impl<L> Default for Room<L> {
    fn default() -> Self {
        Self {
            peers: BTreeMap::new(),
            rates: BTreeMap::new(),
            layers: BTreeMap::new(),
            choosers: BTreeMap::new(),
            names: Names::default(),
            bridged: false,
            outputs: VecDeque::new(),
            deadline: None,
            moved: false,
        }
    }
}

impl<L: Party> Room<L> {
    /// Puts a peer in; one that stood in this place is closed.
    ///
    /// A hearing party has no peer, and subscribers who call each other have no room: these legs
    /// are ignored.
    pub fn join(&mut self, now: Instant, leg: L, peer: Peer) {
        self.leave(now, leg);
        if leg.watched().is_some() {
            self.names.join(leg);
            self.peers.insert(leg, Box::new(peer));
            self.settle(now);
        }
    }

    /// Closes and removes a peer.
    pub fn leave(&mut self, now: Instant, leg: L) {
        if let Some(peer) = self.peers.get_mut(&leg) {
            let stats = Box::new(peer.stats());
            peer.close(now);
            let source = peer.text_source();
            self.settle(now);
            self.outputs.push_back(RoomOutput::Parted { leg, stats });
            self.peers.remove(&leg);
            for reader in self.peers.values_mut() {
                reader.text_ended(now, source);
            }
            self.settle(now);
        }
        self.rates.remove(&leg);
        self.choosers.remove(&leg);
        self.forget_layers(leg);
        self.moved = true;
    }

    /// A peer takes another place: the relief becomes the interpreter. Whoever stood there is
    /// closed; those who see it now get a whole picture.
    pub fn rename(&mut self, now: Instant, from: L, to: L) {
        self.leave(now, to);
        let Some(peer) = self.peers.remove(&from) else {
            return;
        };
        self.peers.insert(to, peer);
        self.names.rename(from, to);
        if let Some(bps) = self.rates.remove(&from) {
            self.rates.insert(to, bps);
        }
        self.choosers.remove(&from);
        self.forget_layers(from);
        if let Some(peer) = self.peers.get_mut(&to) {
            peer.choose_layer(0, false);
        }
        self.limit_source_of(now, to);
        if let Some(peer) = self.peers.get_mut(&to) {
            peer.request_keyframe(now);
        }
        self.settle(now);
    }

    /// The legs that are in it.
    #[must_use]
    pub fn legs(&self) -> Vec<L> {
        self.peers.keys().copied().collect()
    }

    /// The format of pictures that was agreed with each peer, once it was.
    pub fn pictures(&self) -> impl Iterator<Item = (L, Option<Codec>)> {
        self.peers.iter().map(|(leg, peer)| {
            let agreed = peer.negotiated().get(MediaKind::Video);
            (*leg, agreed.map(|media| media.codec))
        })
    }

    /// While on, sound goes to the bridge instead of straight to the other peer.
    pub fn set_bridged(&mut self, bridged: bool) {
        self.bridged = bridged;
    }

    /// Whether sound goes to the bridge.
    #[must_use]
    pub const fn is_bridged(&self) -> bool {
        self.bridged
    }

    /// The format of sound that was agreed with a peer.
    #[must_use]
    pub fn sound_of(&self, leg: L) -> Option<Codec> {
        let agreed = self.peers.get(&leg)?.negotiated().get(MediaKind::Audio);
        agreed.map(|media| media.codec)
    }

    /// Whether those who hear this one straight from it have its format of sound.
    fn is_understood(&self, leg: L) -> bool {
        let (own, viewers) = (self.sound_of(leg), leg.viewers().iter());
        let mut theirs = viewers.filter_map(|viewer| self.sound_of(*viewer));
        theirs.all(|codec| Some(codec) == own)
    }

    /// The peer of a leg, to read its statistics or give it an answer.
    pub fn peer_mut(&mut self, leg: L) -> Option<&mut Peer> {
        self.moved = true;
        self.peers.get_mut(&leg).map(Box::as_mut)
    }

    /// The figures of all peers.
    pub fn stats(&self) -> impl Iterator<Item = (L, PeerStats)> {
        self.peers.iter().map(|(leg, peer)| (*leg, peer.stats()))
    }

    /// Takes one datagram that belongs to `leg` and came this way: from, to. It is decrypted where
    /// it is; what is passed on of it is appended to `batch`.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        leg: L,
        (source, destination): (SocketAddr, SocketAddr),
        bytes: &mut [u8],
        batch: &mut Batch,
    ) {
        let Some(peer) = self.peers.get_mut(&leg) else {
            return;
        };
        if let Some(packet) = peer.handle_in_place(now, source, destination, bytes) {
            self.forward(now, leg, packet, batch);
        }
        // What is passed on leaves nothing to do, unless at its source.
        if !self.peers.get(&leg).is_some_and(|peer| peer.is_quiet()) {
            self.settle(now);
        }
    }

    /// Sends sound to a leg in the format of [`Self::sound_of`]; `timestamp` counts in its clock.
    pub fn send_voice(&mut self, now: Instant, leg: L, timestamp: u32, sound: &[u8]) {
        if let Some(peer) = self.peers.get_mut(&leg) {
            peer.send_frame(now, MediaKind::Audio, timestamp, sound);
            self.settle(now);
        }
    }

    /// Passes on a key that was pressed at the telephone, to those who speak with it.
    pub fn send_key(&mut self, now: Instant, key: Sensitive<char>) {
        for (_, peer) in self.peers.iter_mut().filter(|(leg, _)| leg.has_keys()) {
            // Whoever takes no keys hears them, or does not; too many are not kept.
            let _taken = peer.send_dtmf(now, *key.expose());
        }
        self.settle(now);
    }

    /// Lets those peers act whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        for peer in self.peers.values_mut() {
            if peer.poll_timeout().is_some_and(|at| at <= now) {
                peer.handle_timeout(now);
            }
        }
        self.settle(now);
    }

    /// When [`Room::handle_timeout`] must be called; changes after every other call.
    #[must_use]
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        if std::mem::take(&mut self.moved) {
            let peers = self.peers.values_mut();
            self.deadline = peers.filter_map(|peer| peer.poll_timeout()).min();
        }
        self.deadline
    }

    /// The next thing to do; call until `None` after every other call.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<RoomOutput<L>> {
        self.outputs.pop_front()
    }

    /// Empties all peers; what one received makes others send.
    ///
    /// It ends because a peer makes events only from what it is given from outside, never from
    /// what it is asked to send.
    fn settle(&mut self, now: Instant) {
        self.moved = true;
        let mut events = VecDeque::new();
        loop {
            for (&leg, peer) in &mut self.peers {
                while let Some(output) = peer.poll_output() {
                    match output {
                        PeerOutput::Transmit {
                            source,
                            destination,
                            bytes,
                        } => {
                            let transmit = RoomOutput::Transmit {
                                source,
                                destination,
                                bytes,
                            };
                            self.outputs.push_back(transmit);
                        }
                        PeerOutput::Event(event) => events.push_back((leg, event)),
                    }
                }
            }
            let Some((leg, event)) = events.pop_front() else {
                return;
            };
            self.on_event(now, leg, event);
        }
    }

    fn on_event(&mut self, now: Instant, leg: L, event: PeerEvent) {
        match event {
            PeerEvent::Connected => {
                self.news(leg, PeerNews::Connected);
                // Whoever came second starts with a whole picture.
                self.ask_source_for_keyframe(now, leg);
            }
            PeerEvent::Disconnected => self.news(leg, PeerNews::Disconnected),
            PeerEvent::Failed(why) => self.news(leg, PeerNews::Failed(why)),
            PeerEvent::PathRate(bps) => {
                self.rates.insert(leg, bps);
                self.limit_source_of(now, leg);
            }
            PeerEvent::LayerRates(rates) => {
                self.layers.insert(leg, rates);
                self.choose_layers_of(now, leg);
            }
            PeerEvent::KeyframeRequested { .. } => self.ask_source_for_keyframe(now, leg),
            PeerEvent::Missed(missed) => {
                let source = leg.watched().and_then(|source| self.peers.get(&source));
                let kept = source.and_then(|source| source.kept(missed.ssrc, missed.sequence));
                let payload = kept.map(<[u8]>::to_vec);
                if let (Some(payload), Some(peer)) = (payload, self.peers.get_mut(&leg)) {
                    peer.send_again(missed, &payload);
                }
            }
            PeerEvent::Text(written) => self.pass_text(now, leg, &written.text),
            PeerEvent::Dtmf(key) if leg.has_keys() => {
                self.outputs.push_back(RoomOutput::Key(Sensitive::new(key)));
            }
            PeerEvent::Dtmf(_) => {}
            // Rooms take packets where they are, and never whole frames.
            PeerEvent::Rtp { .. } | PeerEvent::Frame { .. } => {}
            // And send nothing of their own.
            PeerEvent::LayerWanted { .. } => {}
        }
    }

    fn forward(&mut self, now: Instant, leg: L, packet: RtpView<'_>, batch: &mut Batch) {
        if packet.kind == MediaKind::Audio && (self.bridged || !self.is_understood(leg)) {
            self.outputs.push_back(RoomOutput::Voice {
                leg,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                payload: packet.payload.to_vec(),
            });
            return;
        }
        let mut awaited = false;
        for viewer in leg.viewers() {
            if let Some(peer) = self.peers.get_mut(viewer) {
                awaited |= peer.forward(now, packet, batch);
            }
        }
        if awaited && let Some(source) = self.peers.get_mut(&leg) {
            source.request_keyframe_of(now, packet.ssrc);
        }
    }

    fn ask_source_for_keyframe(&mut self, now: Instant, leg: L) {
        let seen = self.peers.get(&leg).and_then(|peer| peer.seen_source());
        if let Some(source) = leg.watched().and_then(|leg| self.peers.get_mut(&leg)) {
            match seen {
                Some(ssrc) if source.has_source(ssrc) => source.request_keyframe_of(now, ssrc),
                Some(_) | None => source.request_keyframe(now),
            }
        }
    }

    /// Chooses anew what each viewer of a source gets, and whether it is to send more sizes than
    /// one.
    fn choose_layers_of(&mut self, now: Instant, source: L) {
        let Some(rates) = self.layers.get(&source) else {
            return;
        };
        let mut narrower = Vec::new();
        for (place, viewer) in source.viewers().iter().enumerate() {
            let Some(peer) = self.peers.get_mut(viewer) else {
                continue;
            };
            // Until it is known, it is what everybody begins with.
            let path = self.rates.get(viewer).copied();
            let path = path.unwrap_or(RATE_START_BPS);
            let chooser = self.choosers.entry(*viewer).or_default();
            let choice = chooser.choose(now, path, rates);
            peer.choose_layer(choice.layer, choice.thin);
            if place > 0 {
                // Whoever is on trial with the usual size needs the other soon enough.
                narrower.push(if choice.layer == 0 { path } else { 0 });
            }
        }
        let usual = rates.first().copied().unwrap_or(0);
        let needed = needs_smaller(usual, narrower.into_iter());
        if let Some(peer) = self.peers.get_mut(&source)
            && peer.can_pause_layers()
        {
            for layer in 1..rates.len() {
                peer.want_layer(now, layer, needed);
            }
        }
    }

    /// Whoever sees this one begins with the usual size of whatever comes next.
    fn forget_layers(&mut self, source: L) {
        if self.layers.remove(&source).is_none() {
            return;
        }
        for viewer in source.viewers() {
            self.choosers.remove(viewer);
            if let Some(peer) = self.peers.get_mut(viewer) {
                peer.choose_layer(0, false);
            }
        }
    }

    /// Whoever is seen by `leg` sends no more than the path takes to the first of those who see
    /// them: the others help, or watch.
    fn limit_source_of(&mut self, now: Instant, leg: L) {
        let Some(source) = leg.watched() else {
            return;
        };
        let several = self
            .layers
            .get(&source)
            .map_or(0, |rates| rates.iter().filter(|bps| **bps > 0).count());
        let can_pause = self
            .peers
            .get(&source)
            .is_some_and(|peer| peer.can_pause_layers());
        if several > 1 && !can_pause {
            return; // each viewer gets a size that fits
        }
        let mut viewers = source.viewers().iter();
        let first = viewers.find(|viewer| self.peers.contains_key(viewer));
        let rate = first.and_then(|viewer| self.rates.get(viewer).copied());
        if let (Some(bps), Some(peer)) = (rate, self.peers.get_mut(&source)) {
            peer.limit_source(now, bps);
        }
    }

    fn news(&mut self, leg: L, news: PeerNews) {
        self.outputs.push_back(RoomOutput::News { leg, news });
    }
}
