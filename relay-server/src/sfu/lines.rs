//! The thread beside a worker that has its sessions' telephone lines: their sockets, and the
//! bridges that decode, mix and encode voices. Forwarding waits for none of that.

use std::collections::HashMap;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use relay_core::sfu::PeerNews;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use vrs_domain::{Leg, Sensitive, SessionId};
use vrs_media::g711::Law;

use super::deadlines::Deadlines;
use super::line::{Line, LineDatagram};
use super::news::Teller;
use super::plane::Bell;
use super::quality;
use super::rooms::seed;
use super::{COMMANDS_WAITING_MAX, LinePlan, MediaNews, Reply, SfuError};

/// Telephone datagrams that may wait; past it they are dropped.
const DATAGRAMS_MAX: usize = 1024;
/// Voices and keys that may wait on their way to or from the bridges; past it they are dropped.
const VOICES_MAX: usize = 4096;
/// Lines begin to mix at a multiple of this, so that many are served at one waking.
const GRID: Duration = Duration::from_millis(5);

/// What a worker asks of its lines.
pub(super) enum Order {
    /// A line that makes an offer, or answers one.
    Open {
        session: SessionId,
        plan: LinePlan,
        offer: Option<String>,
        reply: Reply<String>,
    },
    /// The gateway's answer.
    Answer {
        session: SessionId,
        answer: String,
        reply: Reply<()>,
    },
    /// The gateway's new offer, or its wish for one of ours.
    Reoffered {
        session: SessionId,
        offer: Option<String>,
        reply: Reply<String>,
    },
    /// Who is in the room now, and hears.
    Listeners { session: SessionId, legs: Vec<Leg> },
    /// A leg is gone, or another one is in its place.
    Forget { session: SessionId, leg: Leg },
    /// A leg takes another place.
    Rename {
        session: SessionId,
        from: Leg,
        to: Leg,
    },
    /// The telephone hangs up.
    HangUp { session: SessionId },
    /// The session is over.
    Close { session: SessionId },
}

/// What a worker has for its lines, and drops when too much waits: no order ever waits for it.
pub(super) enum ForLine {
    /// Sound to be mixed.
    Said(Said),
    /// A key for the telephone.
    Key {
        session: SessionId,
        key: Sensitive<char>,
    },
}

/// One packet of sound on its way to a bridge: of G.711 with this law, else of Opus.
pub(super) struct Said {
    pub(super) session: SessionId,
    pub(super) leg: Leg,
    pub(super) law: Option<Law>,
    pub(super) timestamp: u32,
    pub(super) payload: Vec<u8>,
}

/// One Opus packet that a bridge made for a leg; `timestamp` counts 48 kHz samples.
pub(super) struct Mixed {
    pub(super) session: SessionId,
    pub(super) leg: Leg,
    pub(super) timestamp: u32,
    pub(super) opus: Vec<u8>,
}

/// What lines have for their worker.
pub(super) enum FromLine {
    /// Sound for a leg.
    Mixed(Mixed),
    /// A key that was pressed at the telephone.
    Key {
        session: SessionId,
        key: Sensitive<char>,
    },
}

/// A worker's way to its lines.
pub(super) struct Door {
    orders: mpsc::Sender<Order>,
    voices: mpsc::Sender<ForLine>,
}

impl Door {
    /// Gives an order. It waits when a thousand are waiting already: lines never wait for their
    /// worker, so that it is soon its turn.
    pub(super) fn order(&self, order: Order) {
        // Lines end with their worker.
        let _ended = self.orders.blocking_send(order);
    }

    /// Gives a voice to be mixed or a key to be pressed, or drops it.
    pub(super) fn give(&self, for_line: ForLine) {
        let _dropped = self.voices.try_send(for_line);
    }
}

/// Starts the thread. What it mixes comes out of the queue; the bell tells that something did.
pub(super) fn start(
    news: mpsc::Sender<MediaNews>,
    bell: Bell,
    stop: CancellationToken,
) -> io::Result<(Door, mpsc::Receiver<FromLine>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (orders, orders_waiting) = mpsc::channel(COMMANDS_WAITING_MAX);
    let (voices, given) = mpsc::channel(VOICES_MAX);
    let (mixed, mixes) = mpsc::channel(VOICES_MAX);
    let (datagram_sender, datagrams) = mpsc::channel(DATAGRAMS_MAX);
    let lines = Lines {
        slots: HashMap::new(),
        deadlines: Deadlines::default(),
        began: Instant::now(),
        datagram_sender,
        mixed,
        bell,
        news: Teller::new(news),
    };
    thread::Builder::new().name("voice".into()).spawn(move || {
        let queues = Queues {
            orders: orders_waiting,
            given,
            datagrams,
        };
        runtime.block_on(stop.run_until_cancelled(lines.run(queues)));
    })?;
    Ok((Door { orders, voices }, mixes))
}

struct Queues {
    orders: mpsc::Receiver<Order>,
    given: mpsc::Receiver<ForLine>,
    datagrams: mpsc::Receiver<LineDatagram>,
}

#[derive(Default)]
struct Slot {
    line: Option<Line>,
    listeners: Vec<Leg>,
    deadline: Option<Instant>,
}

impl Slot {
    fn hang_up(&mut self, session: SessionId) {
        if let Some(line) = self.line.take() {
            quality::tell_line(session, &line.stats());
            for (leg, stats) in line.bridge.stats() {
                quality::tell_voice(session, leg, &stats);
            }
        }
    }
}

struct Lines {
    slots: HashMap<SessionId, Slot>,
    deadlines: Deadlines,
    began: Instant,
    datagram_sender: mpsc::Sender<LineDatagram>,
    mixed: mpsc::Sender<FromLine>,
    bell: Bell,
    news: Teller,
}

impl Lines {
    async fn run(mut self, mut queues: Queues) {
        loop {
            let next = self.deadlines.first();
            tokio::select! {
                order = queues.orders.recv() => match order {
                    Some(order) => self.on_order(order).await,
                    None => return,
                },
                Some(given) = queues.given.recv() => self.on_given(given),
                Some(datagram) = queues.datagrams.recv() => self.on_datagram(&datagram),
                () = self.news.caught_up(), if self.news.is_behind() => {}
                () = sleep_until(next) => self.on_deadlines(),
            }
        }
    }

    fn on_given(&mut self, given: ForLine) {
        match given {
            ForLine::Said(said) => {
                if let Some(line) = self.line(said.session) {
                    let Said { leg, law, .. } = said;
                    line.bridge
                        .push(Instant::now(), leg, law, said.timestamp, said.payload);
                }
            }
            ForLine::Key { session, key } => {
                if let Some(line) = self.line(session) {
                    line.press(Instant::now(), key);
                    self.settle(session);
                }
            }
        }
    }

    fn on_datagram(&mut self, datagram: &LineDatagram) {
        if let Some(line) = self.line(datagram.session) {
            line.handle_datagram(Instant::now(), datagram.source, &datagram.bytes);
            self.settle(datagram.session);
        }
    }

    fn on_deadlines(&mut self) {
        let now = Instant::now();
        let mut is_news = false;
        while let Some(session) = self.deadlines.take_due(now) {
            let Some(slot) = self.slots.get_mut(&session) else {
                continue;
            };
            slot.deadline = None;
            if let Some(line) = &mut slot.line {
                line.handle_timeout(now, &slot.listeners, |leg, timestamp, opus| {
                    // A worker that is behind loses sound, as it loses pictures.
                    let _dropped = self.mixed.try_send(FromLine::Mixed(Mixed {
                        session,
                        leg,
                        timestamp,
                        opus,
                    }));
                    is_news = true;
                });
            }
            self.settle(session);
        }
        if is_news {
            self.bell.ring();
        }
    }

    /// Tells of silence, of what the line is like and of keys, and notes when a line wants to be
    /// woken.
    fn settle(&mut self, session: SessionId) {
        let Some(slot) = self.slots.get_mut(&session) else {
            return;
        };
        if slot.line.as_mut().is_some_and(Line::take_silence) {
            self.news.tell(MediaNews {
                session,
                leg: Leg::Hearing,
                news: PeerNews::Failed("nothing comes from the telephone".into()),
            });
        }
        if let Some(report) = slot.line.as_mut().and_then(Line::take_report) {
            self.news.tell(MediaNews {
                session,
                leg: Leg::Hearing,
                news: PeerNews::Line(report),
            });
        }
        for key in slot.line.as_mut().map(Line::take_keys).unwrap_or_default() {
            let _dropped = self.mixed.try_send(FromLine::Key { session, key });
            self.bell.ring();
        }
        let next = slot.line.as_ref().and_then(Line::poll_timeout);
        self.deadlines.set(session, &mut slot.deadline, next);
    }

    async fn on_order(&mut self, order: Order) {
        let now = Instant::now();
        let session = match order {
            Order::Open {
                session,
                plan,
                offer,
                reply,
            } => {
                let opened = self.open(now, session, plan, offer.as_deref()).await;
                answer(reply, opened);
                session
            }
            Order::Answer {
                session,
                answer: sdp,
                reply,
            } => {
                let first_tick = self.first_tick(now);
                let line = self.line(session).ok_or(SfuError::Gone);
                let taken = line.and_then(|line| line.accept_answer(now, &sdp, first_tick));
                answer(reply, taken);
                session
            }
            Order::Reoffered {
                session,
                offer,
                reply,
            } => {
                let line = self.line(session).ok_or(SfuError::Gone);
                let answered = line.and_then(|line| line.reoffered(now, offer.as_deref()));
                answer(reply, answered);
                session
            }
            Order::Listeners { session, legs } => {
                self.slots.entry(session).or_default().listeners = legs;
                return;
            }
            Order::Forget { session, leg } => {
                let line = self.line(session);
                if let Some(stats) = line.and_then(|line| line.bridge.forget(leg)) {
                    quality::tell_voice(session, leg, &stats);
                }
                return;
            }
            Order::Rename { session, from, to } => {
                if let Some(line) = self.line(session) {
                    line.bridge.rename(from, to);
                }
                return;
            }
            Order::HangUp { session } => {
                if let Some(slot) = self.slots.get_mut(&session) {
                    slot.hang_up(session);
                }
                session
            }
            Order::Close { session } => {
                if let Some(mut slot) = self.slots.remove(&session) {
                    slot.hang_up(session);
                    self.deadlines.set(session, &mut slot.deadline, None);
                }
                return;
            }
        };
        self.settle(session);
    }

    /// With an offer of the gateway the line is up at once.
    async fn open(
        &mut self,
        now: Instant,
        session: SessionId,
        plan: LinePlan,
        offer: Option<&str>,
    ) -> Result<String, SfuError> {
        let offer = offer.map(|offer| (offer, self.first_tick(now)));
        let mail = (session, self.datagram_sender.clone());
        let (line, sdp) = Line::open(now, plan, seed()?, offer, mail).await?;
        let slot = self.slots.entry(session).or_default();
        slot.hang_up(session);
        slot.line = Some(line);
        Ok(sdp)
    }

    fn line(&mut self, session: SessionId) -> Option<&mut Line> {
        self.slots.get_mut(&session)?.line.as_mut()
    }

    /// The next place on the grid.
    fn first_tick(&self, now: Instant) -> Instant {
        let passed = now.saturating_duration_since(self.began).as_nanos();
        let places = passed.div_ceil(GRID.as_nanos()) as u32;
        self.began + GRID * places.saturating_add(1)
    }
}

/// Answers a command.
pub(super) fn answer<T>(reply: Reply<T>, result: Result<T, SfuError>) {
    if reply.send(result).is_err() {
        debug!("nobody waited for the media plane's answer");
    }
}

/// Sleeps until `at`, or for ever.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
