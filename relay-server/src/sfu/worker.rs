//! A worker: one thread that forwards for its sessions and takes commands about them.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use relay_core::sfu::PeerNews;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use vrs_domain::{Leg, SessionId};

use super::forwarder::Forwarder;
use super::lines::{self, FromLines, Mixed, Order, Pressed, Said, answer};
use super::news::Teller;
use super::plane::SOCKET;
use super::quality::{self, Quality};
use super::rooms::Notice;
use super::{Command, LinePlan, MediaNews, Reply, SfuError};

/// Commands before packets get their turn: each may be a handshake.
const COMMANDS_AT_ONCE_MAX: usize = 16;
/// A poll tells of the socket and of the bell.
const EVENTS_MAX: usize = 4;
/// News that nobody took are tried again this often.
const NEWS_RETRY: Duration = Duration::from_millis(20);

pub(super) struct Worker {
    forwarder: Forwarder<Leg>,
    lines: lines::Door,
    news: Teller,
    quality: Quality,
    quality_due: Instant,
}

impl Worker {
    pub(super) fn new(
        forwarder: Forwarder<Leg>,
        lines: lines::Door,
        news: mpsc::Sender<MediaNews>,
    ) -> Self {
        Self {
            forwarder,
            lines,
            news: Teller::new(news),
            quality: Quality::default(),
            quality_due: Instant::now() + quality::INTERVAL,
        }
    }

    /// Works until it is stopped, or nobody can command it any more.
    pub(super) fn run(
        &mut self,
        mut poll: Poll,
        mut queue: mpsc::Receiver<Command>,
        mut from_lines: FromLines,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        // Whether the last turn left something undone.
        let (mut unread, mut uncommanded) = (false, false);
        while !stop.is_cancelled() {
            let busy = (unread || uncommanded).then_some(Duration::ZERO);
            match poll.poll(&mut events, busy.or_else(|| self.patience())) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            unread |= events.iter().any(|event| event.token() == SOCKET);
            if unread {
                unread = self.forwarder.read();
            }
            uncommanded = match self.take_commands(&mut queue) {
                Ok(more) => more,
                Err(NobodyCommands) => return Ok(()),
            };
            let now = Instant::now();
            self.take_from_lines(now, &mut from_lines);
            self.forwarder.rooms.handle_timeout(now);
            self.forwarder.flush();
            self.on_notices(now);
            self.count(now);
            self.news.catch_up();
        }
        Ok(())
    }

    fn take_from_lines(&mut self, now: Instant, from_lines: &mut FromLines) {
        let rooms = &mut self.forwarder.rooms;
        while let Ok(mixed) = from_lines.mixed.try_recv() {
            let Mixed { session, leg, .. } = mixed;
            rooms.send_voice(now, session, leg, mixed.timestamp, &mixed.opus);
        }
        while let Ok(Pressed { session, key }) = from_lines.keys.try_recv() {
            rooms.send_key(now, session, key);
        }
    }

    /// How long there is nothing to do unless somebody wants something.
    fn patience(&self) -> Option<Duration> {
        let next = self.forwarder.rooms.poll_timeout();
        let next = next.map(|at| at.saturating_duration_since(Instant::now()));
        let retry = self.news.is_behind().then_some(NEWS_RETRY);
        next.into_iter().chain(retry).min()
    }

    /// Says whether there may be more.
    fn take_commands(
        &mut self,
        queue: &mut mpsc::Receiver<Command>,
    ) -> Result<bool, NobodyCommands> {
        for _ in 0..COMMANDS_AT_ONCE_MAX {
            match queue.try_recv() {
                Ok(command) => self.on_command(command),
                Err(TryRecvError::Empty) => return Ok(false),
                Err(TryRecvError::Disconnected) => return Err(NobodyCommands),
            }
        }
        Ok(true)
    }

    /// Brings the metrics up to date, when it is time.
    fn count(&mut self, now: Instant) {
        if now < self.quality_due {
            return;
        }
        self.quality_due = now + quality::INTERVAL;
        for (session, leg, stats) in self.forwarder.rooms.stats() {
            if let Some(news) = self.quality.update(session, leg, stats) {
                self.news.tell(MediaNews { session, leg, news });
            }
        }
    }

    fn on_notices(&mut self, now: Instant) {
        while let Some(notice) = self.forwarder.rooms.poll_notice() {
            match notice {
                Notice::News { session, leg, news } => {
                    if let PeerNews::Failed(why) = &news {
                        info!(%session, %leg, why, "media failed");
                    }
                    self.news.tell(MediaNews { session, leg, news });
                }
                Notice::Parted {
                    session,
                    leg,
                    stats,
                } => self.quality.parted(now, session, leg, &stats),
                Notice::TextLost { session, leg } => {
                    debug!(%session, %leg, "text that the other side cannot take");
                }
                Notice::Key { session, key } => self.lines.press(Pressed { session, key }),
                Notice::Voice {
                    session,
                    leg,
                    law,
                    timestamp,
                    payload,
                } => self.lines.give(Said {
                    session,
                    leg,
                    law,
                    timestamp,
                    payload,
                }),
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Offer {
                session,
                leg,
                takes,
                reply,
            } => {
                let made = self.forwarder.rooms.offer(now, session, leg, &takes);
                self.joined(now, session, leg, made, reply);
            }
            Command::Answer {
                session,
                leg,
                offer,
                reply,
            } => {
                let made = self.forwarder.rooms.answer(now, session, leg, &offer);
                self.joined(now, session, leg, made, reply);
            }
            Command::AcceptAnswer {
                session,
                leg,
                answer: sdp,
                reply,
            } => answer(
                reply,
                self.forwarder.rooms.accept_answer(now, session, leg, &sdp),
            ),
            Command::Try { offer, reply } => {
                answer(reply, self.forwarder.rooms.try_offer(now, &offer))
            }
            Command::Check {
                offer,
                answer: given,
                reply,
            } => answer(reply, self.forwarder.rooms.check_answer(&offer, &given)),
            Command::Reoffered {
                session,
                leg: Leg::Hearing,
                offer,
                reply,
            } => self.lines.order(Order::Reoffered {
                session,
                offer,
                reply,
            }),
            Command::Reoffered {
                session,
                leg,
                offer,
                reply,
            } => answer(reply, self.reoffered(now, session, leg, offer.as_deref())),
            Command::Leave { session, leg } => self.leave(now, session, leg),
            Command::Rename { session, from, to } => {
                self.forwarder.rooms.rename(now, session, from, to);
                self.on_notices(now);
                self.quality.renamed(session, from, to);
                self.lines.order(Order::Rename { session, from, to });
                self.tell_listeners(session);
            }
            Command::TrunkOffer {
                session,
                plan,
                reply,
            } => self.open_line(session, plan, None, reply),
            Command::TrunkAccept {
                session,
                plan,
                offer,
                reply,
            } => self.open_line(session, plan, Some(offer), reply),
            Command::TrunkAnswer {
                session,
                answer,
                reply,
            } => self.lines.order(Order::Answer {
                session,
                answer,
                reply,
            }),
            Command::Bridge { session } => self.forwarder.rooms.set_bridged(session, true),
            Command::Close { session } => {
                self.forwarder.rooms.close(now, session);
                self.lines.order(Order::Close { session });
            }
        }
    }

    /// A leg has a new peer, or has not.
    fn joined(
        &mut self,
        now: Instant,
        session: SessionId,
        leg: Leg,
        made: Result<String, SfuError>,
        reply: Reply<String>,
    ) {
        // Whoever was there has parted.
        self.on_notices(now);
        if made.is_ok() {
            self.quality.joined(now, session, leg);
        }
        answer(reply, made);
        self.tell_listeners(session);
    }

    fn reoffered(
        &mut self,
        now: Instant,
        session: SessionId,
        leg: Leg,
        offer: Option<&str>,
    ) -> Result<String, SfuError> {
        let offer = offer.ok_or_else(|| {
            SfuError::NotAcceptable("a re-INVITE to this leg needs an offer".into())
        })?;
        self.forwarder.rooms.reoffered(now, session, leg, offer)
    }

    fn leave(&mut self, now: Instant, session: SessionId, leg: Leg) {
        if leg == Leg::Hearing {
            self.forwarder.rooms.set_bridged(session, false);
            return self.lines.order(Order::HangUp { session });
        }
        self.forwarder.rooms.leave(now, session, leg);
        self.lines.order(Order::Forget { session, leg });
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
        self.forwarder.rooms.set_bridged(session, false);
        self.lines.order(Order::Open {
            session,
            plan,
            offer,
            reply,
        });
        self.tell_listeners(session);
    }

    /// The bridge has to know who is there to hear.
    fn tell_listeners(&self, session: SessionId) {
        let legs = self.forwarder.rooms.legs(session);
        self.lines.order(Order::Listeners { session, legs });
    }
}

/// All handles to the media plane are gone.
struct NobodyCommands;
