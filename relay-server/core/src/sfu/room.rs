//! One session's media: the caller and the interpreters, forwarded to each other.
//!
//! The caller sees the interpreter who leads; everybody else sees the caller.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use vrs_domain::Leg;
use vrs_media::{Batch, MediaKind, Peer, PeerEvent, PeerOutput, PeerStats, RtpView};

/// What happened to one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerNews {
    /// ICE and DTLS are through; media flows.
    Connected,
    /// No packet for a while; it may come back.
    Disconnected,
    /// It will not work; the text says why.
    Failed(String),
}

/// What the driver must do.
#[derive(Debug)]
pub enum RoomOutput {
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
        leg: Leg,
        /// What happened.
        news: PeerNews,
    },
    /// Text of this leg could not be passed on: nobody to take it, or too much waits.
    TextLost {
        /// Who wrote.
        leg: Leg,
    },
    /// Sound for the bridge; only while [`Room::set_bridged`] is on.
    Voice {
        /// Who speaks.
        leg: Leg,
        /// RTP sequence number, for gaps and order.
        sequence: u16,
        /// One Opus packet.
        opus: Vec<u8>,
    },
}

/// Forwards between the WebRTC peers of a session.
#[derive(Default)]
pub struct Room {
    peers: BTreeMap<Leg, Peer>,
    bridged: bool,
    outputs: VecDeque<RoomOutput>,
    deadline: Option<Instant>,
    /// The deadline has to be looked for anew.
    moved: bool,
}

/// Who sees the picture of `leg` and reads its text.
const fn viewers(leg: Leg) -> &'static [Leg] {
    match leg {
        Leg::Caller => &[Leg::Interpreter, Leg::Relief, Leg::Team, Leg::Supervisor],
        Leg::Interpreter => &[Leg::Caller],
        Leg::Hearing | Leg::Callee | Leg::Relief | Leg::Team | Leg::Supervisor => &[],
    }
}

/// Whose picture `leg` sees.
const fn seen_by(leg: Leg) -> Option<Leg> {
    match leg {
        Leg::Caller => Some(Leg::Interpreter),
        Leg::Interpreter | Leg::Relief | Leg::Team | Leg::Supervisor => Some(Leg::Caller),
        Leg::Hearing | Leg::Callee => None,
    }
}

impl Room {
    /// Puts a peer in; one that stood in this place is closed.
    ///
    /// A hearing party has no peer, and subscribers who call each other have no room: these legs
    /// are ignored.
    pub fn join(&mut self, now: Instant, leg: Leg, peer: Peer) {
        self.leave(now, leg);
        if seen_by(leg).is_some() {
            self.peers.insert(leg, peer);
            self.settle(now);
        }
    }

    /// Closes and removes a peer.
    pub fn leave(&mut self, now: Instant, leg: Leg) {
        if let Some(peer) = self.peer_mut(leg) {
            peer.close(now);
            self.settle(now);
        }
        self.peers.remove(&leg);
        self.moved = true;
    }

    /// A peer takes another place: the relief becomes the interpreter. Whoever stood there is
    /// closed; those who see it now get a whole picture.
    pub fn rename(&mut self, now: Instant, from: Leg, to: Leg) {
        self.leave(now, to);
        let Some(peer) = self.peers.remove(&from) else {
            return;
        };
        self.peers.insert(to, peer);
        if let Some(peer) = self.peer_mut(to) {
            peer.request_keyframe(now);
        }
        self.settle(now);
    }

    /// The legs that are in it.
    #[must_use]
    pub fn legs(&self) -> Vec<Leg> {
        self.peers.keys().copied().collect()
    }

    /// While on, sound goes to the bridge instead of straight to the other peer.
    pub fn set_bridged(&mut self, bridged: bool) {
        self.bridged = bridged;
    }

    /// The peer of a leg, to read its statistics or give it an answer.
    pub fn peer_mut(&mut self, leg: Leg) -> Option<&mut Peer> {
        self.peers.get_mut(&leg)
    }

    /// Counters of a leg's peer.
    #[must_use]
    pub fn stats(&self, leg: Leg) -> Option<PeerStats> {
        self.peers.get(&leg).map(Peer::stats)
    }

    /// Takes one datagram that belongs to `leg` and came this way: from, to. It is decrypted where
    /// it is; what is passed on of it is appended to `batch`.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        leg: Leg,
        (source, destination): (SocketAddr, SocketAddr),
        bytes: &mut [u8],
        batch: &mut Batch,
    ) {
        let Some(peer) = self.peer_mut(leg) else {
            return;
        };
        if let Some(packet) = peer.handle_in_place(now, source, destination, bytes) {
            self.forward(now, leg, packet, batch);
        }
        self.settle(now);
    }

    /// Sends mixed sound to a leg; `timestamp` counts 48 kHz samples (RFC 7587).
    pub fn send_voice(&mut self, now: Instant, leg: Leg, timestamp: u32, opus: &[u8]) {
        if let Some(peer) = self.peer_mut(leg) {
            peer.send_frame(now, MediaKind::Audio, timestamp, opus);
            self.settle(now);
        }
    }

    /// Lets all peers act on their timers.
    pub fn handle_timeout(&mut self, now: Instant) {
        for peer in self.peers.values_mut() {
            peer.handle_timeout(now);
        }
        self.settle(now);
    }

    /// When [`Room::handle_timeout`] must be called; changes after every other call.
    #[must_use]
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        for peer in self.peers.values_mut() {
            self.moved |= peer.take_moved();
        }
        if std::mem::take(&mut self.moved) {
            let peers = self.peers.values_mut();
            self.deadline = peers.filter_map(Peer::poll_timeout).min();
        }
        self.deadline
    }

    /// The next thing to do; call until `None` after every other call.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<RoomOutput> {
        self.outputs.pop_front()
    }

    /// Empties all peers; what one received makes others send.
    ///
    /// It ends because a peer makes events only from what it is given from outside, never from
    /// what it is asked to send.
    fn settle(&mut self, now: Instant) {
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

    fn on_event(&mut self, now: Instant, leg: Leg, event: PeerEvent) {
        match event {
            PeerEvent::Connected => {
                self.news(leg, PeerNews::Connected);
                // Whoever came second starts with a whole picture.
                self.ask_source_for_keyframe(now, leg);
            }
            PeerEvent::Disconnected => self.news(leg, PeerNews::Disconnected),
            PeerEvent::Failed(why) => self.news(leg, PeerNews::Failed(why)),
            PeerEvent::KeyframeRequested => self.ask_source_for_keyframe(now, leg),
            PeerEvent::Text(text) => {
                let mut taken = false;
                for viewer in viewers(leg) {
                    let peer = self.peers.get_mut(viewer);
                    taken |= peer.is_some_and(|peer| peer.send_text(now, &text));
                }
                if !taken {
                    self.outputs.push_back(RoomOutput::TextLost { leg });
                }
            }
            // Rooms take packets where they are, and never whole frames.
            PeerEvent::Rtp { .. } | PeerEvent::Frame { .. } => {}
        }
    }

    fn forward(&mut self, now: Instant, leg: Leg, packet: RtpView<'_>, batch: &mut Batch) {
        if self.bridged && packet.kind == MediaKind::Audio {
            self.outputs.push_back(RoomOutput::Voice {
                leg,
                sequence: packet.sequence,
                opus: packet.payload.to_vec(),
            });
            return;
        }
        let mut awaited = false;
        for viewer in viewers(leg) {
            if let Some(peer) = self.peers.get_mut(viewer) {
                awaited |= peer.forward(now, packet, batch);
            }
        }
        if awaited && let Some(source) = self.peers.get_mut(&leg) {
            source.request_keyframe(now);
        }
    }

    fn ask_source_for_keyframe(&mut self, now: Instant, leg: Leg) {
        if let Some(source) = seen_by(leg).and_then(|leg| self.peers.get_mut(&leg)) {
            source.request_keyframe(now);
        }
    }

    fn news(&mut self, leg: Leg, news: PeerNews) {
        self.outputs.push_back(RoomOutput::News { leg, news });
    }
}
