//! A worker: one thread that owns a socket and the rooms of its sessions.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use relay_core::sfu::{PeerNews, Room, RoomOutput};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use vrs_domain::{Leg, SessionId};
use vrs_media::{Batch, Certificate, MediaKind, Peer, PeerConfig, Receive};

use super::demux::Demux;
use super::lines::{self, Mixed, Order, Said, answer};
use super::news::Teller;
use super::plane::SOCKET;
use super::{Command, LinePlan, MediaNews, Reply, SfuError};
use crate::udp::{Mailbox, Socket};

/// Reads of many datagrams each before timers and commands get their turn.
const BURST_MAX: usize = 4;
/// Commands before packets get their turn: each may be a handshake.
const COMMANDS_AT_ONCE_MAX: usize = 16;
/// A poll tells of the socket and of the bell.
const EVENTS_MAX: usize = 4;
/// News that nobody took are tried again this often.
const NEWS_RETRY: Duration = Duration::from_millis(20);

#[derive(Default)]
struct Slot {
    room: Room,
    deadline: Option<Instant>,
}

pub(super) struct Worker {
    socket: Socket,
    /// What is passed on of the datagrams just read.
    batch: Batch,
    advertised: SocketAddr,
    certificate: Certificate,
    news: Teller,
    demux: Demux,
    slots: HashMap<SessionId, Slot>,
    deadlines: BTreeSet<(Instant, SessionId)>,
    lines: lines::Door,
}

impl Worker {
    pub(super) fn new(
        socket: Socket,
        advertised: SocketAddr,
        certificate: Certificate,
        news: mpsc::Sender<MediaNews>,
        lines: lines::Door,
    ) -> Self {
        Self {
            socket,
            batch: Batch::default(),
            advertised,
            certificate,
            news: Teller::new(news),
            demux: Demux::default(),
            slots: HashMap::new(),
            deadlines: BTreeSet::new(),
            lines,
        }
    }

    /// Works until it is stopped, or nobody can command it any more.
    pub(super) fn run(
        &mut self,
        mut poll: Poll,
        mut queue: mpsc::Receiver<Command>,
        mut mixed: mpsc::Receiver<Mixed>,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        let mut mailbox = Mailbox::default();
        let mut events = Events::with_capacity(EVENTS_MAX);
        // Whether the last turn left something undone.
        let mut busy = false;
        let mut unread = false;
        while !stop.is_cancelled() {
            let patience = if busy {
                Some(Duration::ZERO)
            } else {
                self.patience()
            };
            match poll.poll(&mut events, patience) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            unread |= events.iter().any(|event| event.token() == SOCKET);
            if unread {
                unread = self.read_burst(&mut mailbox);
            }
            busy = unread;
            for turn in 0.. {
                match queue.try_recv() {
                    Ok(command) => self.on_command(command),
                    Err(TryRecvError::Disconnected) => return Ok(()),
                    Err(TryRecvError::Empty) => break,
                }
                if turn == COMMANDS_AT_ONCE_MAX {
                    busy = true;
                    break;
                }
            }
            self.on_mixed(&mut mixed);
            self.on_deadlines();
            self.news.catch_up();
        }
        Ok(())
    }

    /// How long there is nothing to do unless somebody wants something.
    fn patience(&self) -> Option<Duration> {
        let next = self.deadlines.first().map(|(at, _)| *at);
        let next = next.map(|at| at.saturating_duration_since(Instant::now()));
        let retry = self.news.is_behind().then_some(NEWS_RETRY);
        next.into_iter().chain(retry).min()
    }

    /// Reads and forwards; says whether there may be more.
    fn read_burst(&mut self, mailbox: &mut Mailbox) -> bool {
        let mut more = false;
        for _ in 0..BURST_MAX {
            let now = Instant::now();
            let read = mailbox.read(&self.socket);
            for (source, bytes) in mailbox.datagrams(read) {
                self.on_datagram(now, source, bytes);
            }
            self.socket.flush(&mut self.batch);
            more = read == Mailbox::BUFFERS;
            if !more {
                break;
            }
        }
        more
    }

    /// Sends what the bridges made.
    fn on_mixed(&mut self, mixed: &mut mpsc::Receiver<Mixed>) {
        let now = Instant::now();
        while let Ok(voice) = mixed.try_recv() {
            if let Some(slot) = self.slots.get_mut(&voice.session) {
                slot.room
                    .send_voice(now, voice.leg, voice.timestamp, &voice.opus);
                self.settle(voice.session);
            }
        }
    }

    fn on_datagram(&mut self, now: Instant, source: SocketAddr, bytes: &mut [u8]) {
        let Some((session, leg)) = self.demux.owner(source, bytes) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(&session) else {
            return;
        };
        let way = (source, self.advertised);
        slot.room
            .handle_datagram(now, leg, way, bytes, &mut self.batch);
        self.settle(session);
    }

    fn on_deadlines(&mut self) {
        let now = Instant::now();
        while let Some(&(at, session)) = self.deadlines.first() {
            if at > now {
                return;
            }
            self.deadlines.pop_first();
            let Some(slot) = self.slots.get_mut(&session) else {
                continue;
            };
            slot.deadline = None;
            slot.room.handle_timeout(now);
            self.settle(session);
        }
    }

    /// Sends what a room wants sent and notes when it wants to be woken.
    fn settle(&mut self, session: SessionId) {
        let Some(slot) = self.slots.get_mut(&session) else {
            return;
        };
        while let Some(output) = slot.room.poll_output() {
            match output {
                RoomOutput::Transmit {
                    destination, bytes, ..
                } => {
                    self.socket.send(destination, &bytes);
                }
                RoomOutput::News { leg, news } => {
                    if let PeerNews::Failed(why) = &news {
                        info!(%session, %leg, why, "media failed");
                    }
                    self.news.tell(MediaNews { session, leg, news });
                }
                RoomOutput::TextLost { leg } => {
                    debug!(%session, %leg, "text that the other side cannot take")
                }
                RoomOutput::Voice {
                    leg,
                    sequence,
                    opus,
                } => {
                    self.lines.say(Said {
                        session,
                        leg,
                        sequence,
                        opus,
                    });
                }
            }
        }
        let next = slot.room.poll_timeout();
        if next != slot.deadline {
            if let Some(old) = slot.deadline {
                self.deadlines.remove(&(old, session));
            }
            if let Some(at) = next {
                self.deadlines.insert((at, session));
            }
            slot.deadline = next;
        }
    }

    fn on_command(&mut self, command: Command) {
        let now = Instant::now();
        let session = match command {
            Command::Offer {
                session,
                leg,
                reply,
            } => {
                answer(reply, self.offer(now, session, leg));
                session
            }
            Command::Answer {
                session,
                leg,
                offer,
                reply,
            } => {
                answer(reply, self.answer(now, session, leg, &offer));
                session
            }
            Command::AcceptAnswer {
                session,
                leg,
                answer: sdp,
                reply,
            } => {
                answer(reply, self.accept_answer(now, session, leg, &sdp));
                session
            }
            Command::Try { offer, reply } => {
                let tried = self
                    .peer_config()
                    .and_then(|config| Peer::answerer(config, now, &offer).map_err(not_acceptable));
                return answer(reply, tried.map(drop));
            }
            Command::Reoffered {
                session,
                leg: Leg::Hearing,
                offer,
                reply,
            } => {
                return self.lines.order(Order::Reoffered {
                    session,
                    offer,
                    reply,
                });
            }
            Command::Reoffered {
                session,
                leg,
                offer,
                reply,
            } => {
                answer(reply, self.reoffered(now, session, leg, offer.as_deref()));
                session
            }
            Command::Leave { session, leg } => {
                self.leave(now, session, leg);
                session
            }
            Command::Rename { session, from, to } => {
                self.rename(now, session, from, to);
                session
            }
            Command::TrunkOffer {
                session,
                plan,
                reply,
            } => return self.open_line(session, plan, None, reply),
            Command::TrunkAccept {
                session,
                plan,
                offer,
                reply,
            } => return self.open_line(session, plan, Some(offer), reply),
            Command::TrunkAnswer {
                session,
                answer,
                reply,
            } => {
                return self.lines.order(Order::Answer {
                    session,
                    answer,
                    reply,
                });
            }
            Command::Bridge { session } => {
                if let Some(slot) = self.slots.get_mut(&session) {
                    slot.room.set_bridged(true);
                }
                return;
            }
            Command::Close { session } => {
                for &leg in Leg::ALL {
                    self.leave(now, session, leg);
                }
                self.settle(session);
                if let Some(slot) = self.slots.remove(&session)
                    && let Some(at) = slot.deadline
                {
                    self.deadlines.remove(&(at, session));
                }
                return self.lines.order(Order::Close { session });
            }
        };
        self.settle(session);
    }

    fn peer_config(&self) -> Result<PeerConfig, SfuError> {
        Ok(PeerConfig {
            local_addresses: vec![self.advertised],
            certificate: self.certificate.clone(),
            seed: seed()?,
            media: vec![MediaKind::Audio, MediaKind::Video, MediaKind::Text],
            receive: Receive::Packets,
            host_candidate_only: false,
        })
    }

    fn offer(&mut self, now: Instant, session: SessionId, leg: Leg) -> Result<String, SfuError> {
        let (peer, offer) = Peer::offerer(self.peer_config()?, now).map_err(not_acceptable)?;
        self.join(now, session, leg, peer);
        Ok(offer)
    }

    fn answer(
        &mut self,
        now: Instant,
        session: SessionId,
        leg: Leg,
        offer: &str,
    ) -> Result<String, SfuError> {
        let (peer, answer) =
            Peer::answerer(self.peer_config()?, now, offer).map_err(not_acceptable)?;
        self.join(now, session, leg, peer);
        Ok(answer)
    }

    fn join(&mut self, now: Instant, session: SessionId, leg: Leg, peer: Peer) {
        self.demux.remove((session, leg));
        for ufrag in peer.local_ufrags() {
            self.demux.add(ufrag, (session, leg));
        }
        self.slots
            .entry(session)
            .or_default()
            .room
            .join(now, leg, peer);
        self.tell_listeners(session);
    }

    /// The bridge has to know who is there to hear.
    fn tell_listeners(&self, session: SessionId) {
        if let Some(slot) = self.slots.get(&session) {
            let legs = slot.room.legs();
            self.lines.order(Order::Listeners { session, legs });
        }
    }

    fn accept_answer(
        &mut self,
        now: Instant,
        session: SessionId,
        leg: Leg,
        answer: &str,
    ) -> Result<(), SfuError> {
        let slot = self.slots.get_mut(&session).ok_or(SfuError::Gone)?;
        let peer = slot.room.peer_mut(leg).ok_or(SfuError::Gone)?;
        peer.accept_answer(now, answer).map_err(not_acceptable)
    }

    fn reoffered(
        &mut self,
        now: Instant,
        session: SessionId,
        leg: Leg,
        offer: Option<&str>,
    ) -> Result<String, SfuError> {
        let slot = self.slots.get_mut(&session).ok_or(SfuError::Gone)?;
        let peer = slot.room.peer_mut(leg).ok_or(SfuError::Gone)?;
        let offer = offer.ok_or_else(|| {
            SfuError::NotAcceptable("a re-INVITE to this leg needs an offer".into())
        })?;
        peer.handle_offer(now, offer).map_err(not_acceptable)
    }

    fn leave(&mut self, now: Instant, session: SessionId, leg: Leg) {
        self.demux.remove((session, leg));
        let Some(slot) = self.slots.get_mut(&session) else {
            return;
        };
        slot.room.leave(now, leg);
        if leg == Leg::Hearing {
            slot.room.set_bridged(false);
            return self.lines.order(Order::HangUp { session });
        }
        self.lines.order(Order::Forget { session, leg });
        self.tell_listeners(session);
    }

    fn rename(&mut self, now: Instant, session: SessionId, from: Leg, to: Leg) {
        self.demux.rename((session, from), (session, to));
        let Some(slot) = self.slots.get_mut(&session) else {
            return;
        };
        slot.room.rename(now, from, to);
        self.lines.order(Order::Rename { session, from, to });
        self.tell_listeners(session);
    }

    /// Until the line is up voices go straight from leg to leg.
    fn open_line(
        &mut self,
        session: SessionId,
        plan: LinePlan,
        offer: Option<String>,
        reply: Reply<String>,
    ) {
        self.slots
            .entry(session)
            .or_default()
            .room
            .set_bridged(false);
        self.lines.order(Order::Open {
            session,
            plan,
            offer,
            reply,
        });
        self.tell_listeners(session);
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
