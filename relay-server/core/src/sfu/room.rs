//! One session's media: caller and interpreter, forwarded to each other.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use vrs_domain::Leg;
use vrs_media::{MediaKind, Peer, PeerEvent, PeerOutput, PeerStats, RtpPacket};

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

/// Forwards between the two WebRTC peers of a session.
#[derive(Default)]
pub struct Room {
    caller: Option<Peer>,
    interpreter: Option<Peer>,
    bridged: bool,
    outputs: VecDeque<RoomOutput>,
}

impl Room {
    /// Puts a peer in; one that stood in this place is closed.
    ///
    /// `leg` is [`Leg::Caller`] or [`Leg::Interpreter`]; a hearing party has no peer and is ignored.
    pub fn join(&mut self, now: Instant, leg: Leg, peer: Peer) {
        self.leave(now, leg);
        if let Some(place) = self.place(leg) {
            *place = Some(peer);
            self.settle(now);
        }
    }

    /// Closes and removes a peer.
    pub fn leave(&mut self, now: Instant, leg: Leg) {
        if let Some(peer) = self.peer_mut(leg) {
            peer.close(now);
            self.settle(now);
        }
        if let Some(place) = self.place(leg) {
            *place = None;
        }
    }

    /// While on, sound goes to the bridge instead of straight to the other peer.
    pub fn set_bridged(&mut self, bridged: bool) {
        self.bridged = bridged;
    }

    /// The peer of a leg, to read its statistics or give it an answer.
    pub fn peer_mut(&mut self, leg: Leg) -> Option<&mut Peer> {
        self.place(leg)?.as_mut()
    }

    /// Counters of a leg's peer.
    #[must_use]
    pub fn stats(&self, leg: Leg) -> Option<PeerStats> {
        match leg {
            Leg::Caller => self.caller.as_ref().map(Peer::stats),
            Leg::Interpreter => self.interpreter.as_ref().map(Peer::stats),
            Leg::Hearing => None,
        }
    }

    /// Takes one datagram that belongs to `leg`.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        leg: Leg,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
    ) {
        if let Some(peer) = self.peer_mut(leg) {
            peer.handle_datagram(now, source, destination, bytes);
            self.settle(now);
        }
    }

    /// Sends mixed sound to a leg; `timestamp` counts 48 kHz samples (RFC 7587).
    pub fn send_voice(&mut self, now: Instant, leg: Leg, timestamp: u32, opus: &[u8]) {
        if let Some(peer) = self.peer_mut(leg) {
            peer.send_frame(now, MediaKind::Audio, timestamp, opus);
            self.settle(now);
        }
    }

    /// Lets both peers act on their timers.
    pub fn handle_timeout(&mut self, now: Instant) {
        for leg in [Leg::Caller, Leg::Interpreter] {
            if let Some(peer) = self.peer_mut(leg) {
                peer.handle_timeout(now);
            }
        }
        self.settle(now);
    }

    /// When [`Room::handle_timeout`] must be called; changes after every other call.
    #[must_use]
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let caller = self.caller.as_mut().and_then(Peer::poll_timeout);
        let interpreter = self.interpreter.as_mut().and_then(Peer::poll_timeout);
        caller.into_iter().chain(interpreter).min()
    }

    /// The next thing to do; call until `None` after every other call.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<RoomOutput> {
        self.outputs.pop_front()
    }

    fn place(&mut self, leg: Leg) -> Option<&mut Option<Peer>> {
        match leg {
            Leg::Caller => Some(&mut self.caller),
            Leg::Interpreter => Some(&mut self.interpreter),
            Leg::Hearing => None,
        }
    }

    /// Empties both peers; what one received makes the other send.
    ///
    /// It ends because a peer makes events only from what it is given from outside, never from
    /// what it is asked to send.
    fn settle(&mut self, now: Instant) {
        let mut events = VecDeque::new();
        loop {
            for leg in [Leg::Caller, Leg::Interpreter] {
                while let Some(output) = self.peer_mut(leg).and_then(Peer::poll_output) {
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
                self.ask_other_for_keyframe(now, leg);
            }
            PeerEvent::Disconnected => self.news(leg, PeerNews::Disconnected),
            PeerEvent::Failed(why) => self.news(leg, PeerNews::Failed(why)),
            PeerEvent::Rtp { kind, packet } => self.forward(now, leg, kind, &packet),
            PeerEvent::KeyframeRequested => self.ask_other_for_keyframe(now, leg),
            PeerEvent::Text(text) => {
                let taken = self
                    .other_mut(leg)
                    .is_some_and(|other| other.send_text(now, &text));
                if !taken {
                    self.outputs.push_back(RoomOutput::TextLost { leg });
                }
            }
            // Rooms receive packets, never whole frames.
            PeerEvent::Frame { .. } => {}
        }
    }

    fn forward(&mut self, now: Instant, leg: Leg, kind: MediaKind, packet: &RtpPacket) {
        if self.bridged && kind == MediaKind::Audio {
            let (sequence, opus) = (packet.sequence, packet.payload.to_vec());
            self.outputs.push_back(RoomOutput::Voice {
                leg,
                sequence,
                opus,
            });
        } else if let Some(other) = self.other_mut(leg) {
            other.send_rtp(now, kind, packet);
        }
    }

    fn ask_other_for_keyframe(&mut self, now: Instant, leg: Leg) {
        if let Some(other) = self.other_mut(leg) {
            other.request_keyframe(now);
        }
    }

    fn news(&mut self, leg: Leg, news: PeerNews) {
        self.outputs.push_back(RoomOutput::News { leg, news });
    }

    fn other_mut(&mut self, leg: Leg) -> Option<&mut Peer> {
        match leg {
            Leg::Caller => self.peer_mut(Leg::Interpreter),
            Leg::Interpreter => self.peer_mut(Leg::Caller),
            Leg::Hearing => None,
        }
    }
}
