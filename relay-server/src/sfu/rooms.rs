//! The rooms behind one address: whose a datagram is, who gets it, and when a room wants to be
//! woken. No socket and no clock is in it.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::SocketAddr;
use std::time::Instant;

use relay_core::sfu::{Party, PeerNews, Room, RoomOutput};
use rustc_hash::FxHashMap;
use vrs_domain::{Sensitive, SessionId};
use vrs_media::g711::Law;
use vrs_media::{
    Allowed, Batch, Certificate, Codec, MediaKind, Peer, PeerConfig, PeerStats, Receive,
};

use super::SfuError;
use super::deadlines::Deadlines;
use super::demux::{Demux, Owners};
use super::translate::{Spoken, Translator};

/// What somebody else has to do about a room.
#[derive(Debug)]
pub enum Notice<L> {
    /// Something happened to a peer.
    News {
        /// Whose session.
        session: SessionId,
        /// Whose peer.
        leg: L,
        /// What.
        news: PeerNews,
    },
    /// A peer left; these were its figures.
    Parted {
        /// Whose session.
        session: SessionId,
        /// Whose peer.
        leg: L,
        /// All that it counted.
        stats: Box<PeerStats>,
    },
    /// Text that nobody could take.
    TextLost {
        /// Whose session.
        session: SessionId,
        /// Who wrote.
        leg: L,
    },
    /// A key for the telephone.
    Key {
        /// Whose session.
        session: SessionId,
        /// Which.
        key: Sensitive<char>,
    },
    /// Sound for a bridge.
    Voice {
        /// Whose session.
        session: SessionId,
        /// Who speaks.
        leg: L,
        /// What it is in: G.711 of this law, else Opus.
        law: Option<Law>,
        /// RTP timestamp, in the clock of that format.
        timestamp: u32,
        /// One packet.
        payload: Vec<u8>,
    },
}

struct Slot<L> {
    room: Room<L>,
    deadline: Option<Instant>,
}

impl<L> Default for Slot<L> {
    fn default() -> Self {
        Self {
            room: Room::default(),
            deadline: None,
        }
    }
}

/// All rooms behind one address.
pub struct Rooms<L> {
    /// What is to be sent, in order; whoever sends it empties it.
    pub(super) batch: Batch,
    advertised: SocketAddr,
    certificate: Certificate,
    allowed: Allowed,
    demux: Demux<(SessionId, L)>,
    /// Looked at with every packet; nobody else chooses these numbers.
    slots: FxHashMap<SessionId, Slot<L>>,
    deadlines: Deadlines,
    notices: VecDeque<Notice<L>>,
    spoken: VecDeque<Spoken<L>>,
    pub(super) translators: HashMap<(SessionId, L), Translator>,
}

impl<L: Party + Hash> Rooms<L> {
    pub(super) fn new(advertised: SocketAddr, certificate: Certificate, allowed: Allowed) -> Self {
        Self {
            batch: Batch::default(),
            advertised,
            certificate,
            allowed,
            demux: Demux::default(),
            slots: FxHashMap::default(),
            deadlines: Deadlines::default(),
            notices: VecDeque::new(),
            spoken: VecDeque::new(),
            translators: HashMap::new(),
        }
    }

    /// The address in candidates.
    #[must_use]
    pub const fn advertised(&self) -> SocketAddr {
        self.advertised
    }

    /// The next thing that somebody else has to do; ask until `None` after every other call.
    pub fn poll_notice(&mut self) -> Option<Notice<L>> {
        self.notices.pop_front()
    }

    /// When [`Self::handle_timeout`] is wanted.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first()
    }

    /// Takes one datagram, which is decrypted where it is.
    pub(super) fn handle_datagram(&mut self, now: Instant, source: SocketAddr, bytes: &mut [u8]) {
        match self.demux.owners(source, bytes) {
            Owners::None => {}
            Owners::One((session, leg)) => self.give(now, session, leg, source, bytes),
            Owners::Several(owners) => {
                // Whoever has the key takes it; to the others it is noise.
                for (session, leg) in owners {
                    self.give(now, session, leg, source, &mut bytes.to_vec());
                }
            }
        }
    }

    fn give(
        &mut self,
        now: Instant,
        session: SessionId,
        leg: L,
        source: SocketAddr,
        bytes: &mut [u8],
    ) {
        if let Some(slot) = self.slots.get_mut(&session) {
            let way = (source, self.advertised);
            slot.room
                .handle_datagram(now, leg, way, bytes, &mut self.batch);
            self.settle(session);
            self.speak(now);
        }
    }

    /// Lets rooms act whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(session) = self.deadlines.take_due(now) {
            if let Some(slot) = self.slots.get_mut(&session) {
                slot.deadline = None;
                slot.room.handle_timeout(now);
                self.settle(session);
            }
        }
    }

    /// Sends mixed sound to a leg; `timestamp` counts 48 kHz samples.
    pub fn send_voice(
        &mut self,
        now: Instant,
        session: SessionId,
        leg: L,
        timestamp: u32,
        opus: &[u8],
    ) {
        let converted = self.as_heard_by(session, leg, timestamp, opus);
        let (timestamp, sound) = match &converted {
            Some((timestamp, sound)) => (*timestamp, sound.as_slice()),
            None => (timestamp, opus),
        };
        if let Some(slot) = self.slots.get_mut(&session) {
            slot.room.send_voice(now, leg, timestamp, sound);
            self.settle(session);
        }
    }

    /// Passes on a key that was pressed at the telephone.
    pub fn send_key(&mut self, now: Instant, session: SessionId, key: Sensitive<char>) {
        if let Some(slot) = self.slots.get_mut(&session) {
            slot.room.send_key(now, key);
            self.settle(session);
        }
    }

    /// Takes what a room wants sent and notes when it wants to be woken.
    fn settle(&mut self, session: SessionId) {
        let Some(slot) = self.slots.get_mut(&session) else {
            return;
        };
        while let Some(output) = slot.room.poll_output() {
            let notice = match output {
                RoomOutput::Transmit {
                    source,
                    destination,
                    bytes,
                } => {
                    let write = |buffer: &mut Vec<u8>| {
                        buffer.extend_from_slice(&bytes);
                        true
                    };
                    self.batch.push(source, destination, write);
                    continue;
                }
                RoomOutput::News { leg, news } => Notice::News { session, leg, news },
                RoomOutput::Parted { leg, stats } => Notice::Parted {
                    session,
                    leg,
                    stats,
                },
                RoomOutput::TextLost { leg } => Notice::TextLost { session, leg },
                RoomOutput::Key(key) => Notice::Key { session, key },
                RoomOutput::Voice {
                    leg,
                    sequence,
                    timestamp,
                    payload,
                } => {
                    self.spoken.push_back(Spoken {
                        session,
                        leg,
                        sequence,
                        timestamp,
                        payload,
                    });
                    continue;
                }
            };
            self.notices.push_back(notice);
        }
        let next = slot.room.poll_timeout();
        self.deadlines.set(session, &mut slot.deadline, next);
    }

    /// The next sound that somebody said.
    pub(super) fn next_spoken(&mut self) -> Option<Spoken<L>> {
        self.spoken.pop_front()
    }

    /// Tells somebody else.
    pub(super) fn notice(&mut self, notice: Notice<L>) {
        self.notices.push_back(notice);
    }

    /// Whether voices of a session go to its bridge.
    pub(super) fn is_bridged(&self, session: SessionId) -> bool {
        let slot = self.slots.get(&session);
        slot.is_some_and(|slot| slot.room.is_bridged())
    }

    /// The format of sound that was agreed with a peer.
    pub(super) fn sound_of(&self, session: SessionId, leg: L) -> Option<Codec> {
        self.slots.get(&session)?.room.sound_of(leg)
    }

    /// What may be agreed with any peer.
    pub(super) const fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// The format of pictures that was agreed with each peer of a room.
    pub(super) fn agreed(&self, session: SessionId) -> impl Iterator<Item = (L, Option<Codec>)> {
        let slot = self.slots.get(&session);
        slot.into_iter().flat_map(|slot| slot.room.pictures())
    }

    fn peer_config(&self, allowed: Allowed) -> Result<PeerConfig, SfuError> {
        Ok(PeerConfig {
            local_addresses: vec![self.advertised],
            lent: Vec::new(),
            certificate: self.certificate.clone(),
            seed: seed()?,
            media: vec![MediaKind::Audio, MediaKind::Video, MediaKind::Text],
            allowed,
            receive: Receive::Packets,
            host_candidate_only: false,
        })
    }

    /// Whether an offer can be answered, and which formats of pictures it has; nothing stays of it.
    ///
    /// # Errors
    /// [`SfuError::NotAcceptable`] when it cannot.
    pub fn try_offer(&self, now: Instant, offer: &str) -> Result<Vec<Codec>, SfuError> {
        let config = self.peer_config(self.allowed.clone())?;
        let tried = Peer::answerer(config, now, offer);
        tried.map_err(not_acceptable)?;
        Ok(self.pictures_of(offer))
    }

    /// A new peer, which makes the offer, with what whoever called `takes`.
    ///
    /// # Errors
    /// [`SfuError`] names what is missing.
    pub fn offer(
        &mut self,
        now: Instant,
        session: SessionId,
        leg: L,
        takes: &[Codec],
    ) -> Result<String, SfuError> {
        let config = self.peer_config(self.allowed_for(session, leg, takes))?;
        let (peer, offer) = Peer::offerer(config, now).map_err(not_acceptable)?;
        self.join(now, session, leg, peer);
        Ok(offer)
    }

    /// A new peer, which answers an offer.
    ///
    /// # Errors
    /// [`SfuError::NotAcceptable`] when it cannot be answered, [`SfuError::NoCommonCodec`] when it
    /// has no pictures that the others in the room have.
    pub fn answer(
        &mut self,
        now: Instant,
        session: SessionId,
        leg: L,
        offer: &str,
    ) -> Result<String, SfuError> {
        let allowed = self.allowed_for(session, leg, &[]);
        let answered = Peer::answerer(self.peer_config(allowed.clone())?, now, offer);
        let (peer, answer) = answered.map_err(|error| self.refusal(&error, &allowed))?;
        self.join(now, session, leg, peer);
        Ok(answer)
    }

    fn join(&mut self, now: Instant, session: SessionId, leg: L, peer: Peer) {
        self.demux.remove((session, leg));
        self.translators.remove(&(session, leg));
        for ufrag in peer.local_ufrags() {
            self.demux.add(ufrag, (session, leg));
        }
        self.room_mut(session).join(now, leg, peer);
        self.settle(session);
    }

    /// Gives a peer the answer to its offer.
    ///
    /// # Errors
    /// [`SfuError::Gone`] without such a peer, [`SfuError::NotAcceptable`] when the answer does
    /// not fit, [`SfuError::NoCommonCodec`] when the others in the room have other pictures.
    pub fn accept_answer(
        &mut self,
        now: Instant,
        session: SessionId,
        leg: L,
        answer: &str,
    ) -> Result<(), SfuError> {
        let taken = self.peer_mut(session, leg)?.accept_answer(now, answer);
        self.settle(session);
        taken.map_err(not_acceptable)?;
        self.check_picture(session, leg)
    }

    /// Answers a further offer of a standing peer.
    ///
    /// # Errors
    /// [`SfuError::Gone`] without such a peer, [`SfuError::NotAcceptable`] when it has to stay as
    /// it is.
    pub fn reoffered(
        &mut self,
        now: Instant,
        session: SessionId,
        leg: L,
        offer: &str,
    ) -> Result<String, SfuError> {
        let peer = self.peer_mut(session, leg)?;
        let answered = peer.handle_offer(now, offer);
        let ufrags: Vec<String> = peer.local_ufrags().map(str::to_owned).collect();
        self.demux.replace(&ufrags, (session, leg));
        self.settle(session);
        answered.map_err(not_acceptable)
    }

    fn peer_mut(&mut self, session: SessionId, leg: L) -> Result<&mut Peer, SfuError> {
        let slot = self.slots.get_mut(&session).ok_or(SfuError::Gone)?;
        slot.room.peer_mut(leg).ok_or(SfuError::Gone)
    }

    /// Closes a peer.
    pub fn leave(&mut self, now: Instant, session: SessionId, leg: L) {
        self.demux.remove((session, leg));
        self.translators.remove(&(session, leg));
        if let Some(slot) = self.slots.get_mut(&session) {
            slot.room.leave(now, leg);
            self.settle(session);
        }
    }

    /// A peer takes another place.
    pub fn rename(&mut self, now: Instant, session: SessionId, from: L, to: L) {
        self.demux.rename((session, from), (session, to));
        self.translators.remove(&(session, to));
        if let Some(translator) = self.translators.remove(&(session, from)) {
            self.translators.insert((session, to), translator);
        }
        if let Some(slot) = self.slots.get_mut(&session) {
            slot.room.rename(now, from, to);
            self.settle(session);
        }
    }

    /// Whether voices of a session go to its bridge instead of straight to the others.
    pub fn set_bridged(&mut self, session: SessionId, bridged: bool) {
        if let Some(slot) = self.slots.get_mut(&session) {
            slot.room.set_bridged(bridged);
        }
    }

    /// Who is in the room of a session.
    #[must_use]
    pub fn legs(&self, session: SessionId) -> Vec<L> {
        let slot = self.slots.get(&session);
        slot.map(|slot| slot.room.legs()).unwrap_or_default()
    }

    /// The figures of all peers.
    pub fn stats(&self) -> impl Iterator<Item = (SessionId, L, PeerStats)> {
        self.slots.iter().flat_map(|(session, slot)| {
            let peers = slot.room.stats();
            peers.map(|(leg, stats)| (*session, leg, stats))
        })
    }

    /// Closes all peers of a session.
    pub fn close(&mut self, now: Instant, session: SessionId) {
        for leg in self.legs(session) {
            self.leave(now, session, leg);
        }
        if let Some(mut slot) = self.slots.remove(&session) {
            self.deadlines.set(session, &mut slot.deadline, None);
        }
    }

    fn room_mut(&mut self, session: SessionId) -> &mut Room<L> {
        &mut self.slots.entry(session).or_default().room
    }
}

fn not_acceptable(error: vrs_media::MediaError) -> SfuError {
    SfuError::NotAcceptable(error.to_string())
}

/// Fresh randomness for one peer or line.
pub(super) fn seed() -> Result<[u8; 32], SfuError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| SfuError::Resources(error.to_string()))?;
    Ok(seed)
}
