//! The media loop: one thread that owns the shared socket and every room.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Instant;

use quinn_udp::BATCH_SIZE;
use relay_core::sfu::{PeerNews, Room, RoomOutput};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use vrs_domain::{Leg, SessionId};
use vrs_media::{Batch, Certificate, MediaKind, Peer, PeerConfig, Receive};

use super::demux::Demux;
use super::line::{Line, LineDatagram};
use super::news::Teller;
use super::socket::{Mailbox, Socket};
use super::{Command, LinePlan, MediaNews, Sfu, SfuError};

/// Reads of many datagrams each before timers and commands get their turn.
const BURST_MAX: usize = 4;
/// Telephone datagrams that may wait; past it they are dropped.
const LINE_DATAGRAMS_MAX: usize = 1024;

/// What the media loop needs.
pub struct SfuConfig {
    /// Address the shared UDP socket is bound to.
    pub listen: SocketAddr,
    /// Address that goes into candidates; its port is replaced by the bound one.
    pub advertised: SocketAddr,
    /// News of legs go here.
    pub news: mpsc::Sender<MediaNews>,
}

/// Binds the media socket and starts the loop on a thread of its own.
///
/// Returns the handle and the address in candidates.
///
/// # Errors
/// When the socket cannot be bound or the thread not started.
pub fn start(config: SfuConfig, stop: CancellationToken) -> std::io::Result<(Sfu, SocketAddr)> {
    let socket = std::net::UdpSocket::bind(config.listen)?;
    socket.set_nonblocking(true)?;
    let advertised = SocketAddr::new(config.advertised.ip(), socket.local_addr()?.port());
    let certificate = Certificate::generate().map_err(std::io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (sfu, queue) = Sfu::channel();
    std::thread::Builder::new()
        .name("media".into())
        .spawn(move || {
            runtime.block_on(async move {
                match Socket::new(socket) {
                    Ok(socket) => {
                        let mut driver = Driver::new(socket, advertised, certificate, config.news);
                        driver.run(queue, stop).await;
                    }
                    Err(error) => tracing::error!(%error, "the media socket cannot be used"),
                }
            });
        })?;
    Ok((sfu, advertised))
}

#[derive(Default)]
struct Slot {
    room: Room,
    line: Option<Line>,
    deadline: Option<Instant>,
}

struct Driver {
    socket: Socket,
    mailbox: Mailbox,
    /// What is passed on of the datagrams just read.
    batch: Batch,
    advertised: SocketAddr,
    certificate: Certificate,
    news: Teller,
    demux: Demux,
    slots: HashMap<SessionId, Slot>,
    deadlines: BTreeSet<(Instant, SessionId)>,
    line_sender: mpsc::Sender<LineDatagram>,
    line_datagrams: mpsc::Receiver<LineDatagram>,
}

impl Driver {
    fn new(
        socket: Socket,
        advertised: SocketAddr,
        certificate: Certificate,
        news: mpsc::Sender<MediaNews>,
    ) -> Self {
        let (line_sender, line_datagrams) = mpsc::channel(LINE_DATAGRAMS_MAX);
        Self {
            socket,
            mailbox: Mailbox::default(),
            batch: Batch::default(),
            advertised,
            certificate,
            news: Teller::new(news),
            demux: Demux::default(),
            slots: HashMap::new(),
            deadlines: BTreeSet::new(),
            line_sender,
            line_datagrams,
        }
    }

    async fn run(&mut self, mut queue: mpsc::Receiver<Command>, stop: CancellationToken) {
        loop {
            let next = self.deadlines.first().map(|(at, _)| *at);
            tokio::select! {
                () = stop.cancelled() => return,
                command = queue.recv() => match command {
                    Some(command) => self.on_command(command).await,
                    None => return,
                },
                readable = self.socket.readable() => {
                    if readable.is_ok() {
                        self.read_burst();
                    }
                }
                Some(datagram) = self.line_datagrams.recv() => self.on_line_datagram(&datagram),
                () = self.news.catch_up(), if self.news.is_behind() => {}
                () = sleep_until(next) => self.on_deadlines(),
            }
        }
    }

    fn read_burst(&mut self) {
        let mut mailbox = std::mem::take(&mut self.mailbox);
        for _ in 0..BURST_MAX {
            let now = Instant::now();
            let read = mailbox.read(&self.socket);
            for (source, bytes) in mailbox.datagrams(read) {
                self.on_datagram(now, source, bytes);
            }
            self.socket.flush(&mut self.batch);
            if read < BATCH_SIZE {
                break;
            }
        }
        self.mailbox = mailbox;
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

    fn on_line_datagram(&mut self, datagram: &LineDatagram) {
        let Some(slot) = self.slots.get_mut(&datagram.session) else {
            return;
        };
        if let Some(line) = &mut slot.line {
            line.handle_datagram(Instant::now(), datagram.source, &datagram.bytes);
        }
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
            if let Some(line) = &mut slot.line {
                line.handle_timeout(now, &mut slot.room);
            }
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
                    if let Some(line) = &mut slot.line {
                        line.bridge.push(leg, sequence, &opus);
                    }
                }
            }
        }
        if slot.line.as_mut().is_some_and(Line::take_silence) {
            self.news.tell(MediaNews {
                session,
                leg: Leg::Hearing,
                news: PeerNews::Failed("nothing comes from the telephone".into()),
            });
        }
        let line = slot.line.as_ref().and_then(Line::poll_timeout);
        // A deadline in the past would spin; the loop's own pace is the floor.
        let next = slot.room.poll_timeout().into_iter().chain(line).min();
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

    async fn on_command(&mut self, command: Command) {
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
            } => {
                let line = self.open_line(now, session, plan, None).await;
                answer(reply, line);
                session
            }
            Command::TrunkAccept {
                session,
                plan,
                offer,
                reply,
            } => {
                let line = self.open_line(now, session, plan, Some(&offer)).await;
                answer(reply, line);
                session
            }
            Command::TrunkAnswer {
                session,
                answer: sdp,
                reply,
            } => {
                answer(reply, self.trunk_answer(now, session, &sdp));
                session
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
                session
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
        if leg == Leg::Hearing {
            return slot
                .line
                .as_mut()
                .ok_or(SfuError::Gone)?
                .reoffered(now, offer);
        }
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
        if let Some(line) = &mut slot.line {
            line.bridge.forget(leg);
        }
        if leg == Leg::Hearing {
            slot.room.set_bridged(false);
            slot.line = None;
        }
    }

    fn rename(&mut self, now: Instant, session: SessionId, from: Leg, to: Leg) {
        self.demux.rename((session, from), (session, to));
        let Some(slot) = self.slots.get_mut(&session) else {
            return;
        };
        slot.room.rename(now, from, to);
        if let Some(line) = &mut slot.line {
            line.bridge.rename(from, to);
        }
    }

    /// With an offer of the gateway the line is up at once.
    async fn open_line(
        &mut self,
        now: Instant,
        session: SessionId,
        plan: LinePlan,
        offer: Option<&str>,
    ) -> Result<String, SfuError> {
        let mail = (session, self.line_sender.clone());
        let (line, sdp) = Line::open(now, plan, seed()?, offer, mail).await?;
        let slot = self.slots.entry(session).or_default();
        slot.line = Some(line);
        slot.room.set_bridged(offer.is_some());
        Ok(sdp)
    }

    fn trunk_answer(
        &mut self,
        now: Instant,
        session: SessionId,
        answer: &str,
    ) -> Result<(), SfuError> {
        let slot = self.slots.get_mut(&session).ok_or(SfuError::Gone)?;
        slot.line
            .as_mut()
            .ok_or(SfuError::Gone)?
            .accept_answer(now, answer)?;
        slot.room.set_bridged(true);
        Ok(())
    }
}

fn answer<T>(reply: super::Reply<T>, result: Result<T, SfuError>) {
    if reply.send(result).is_err() {
        debug!("nobody waited for the media plane's answer");
    }
}

fn not_acceptable(error: vrs_media::MediaError) -> SfuError {
    SfuError::NotAcceptable(error.to_string())
}

/// Fresh randomness for one peer.
fn seed() -> Result<[u8; 32], SfuError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| SfuError::Resources(error.to_string()))?;
    Ok(seed)
}

/// Sleeps until `at`, or for ever.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
