//! The thread beside a worker that has its sessions' telephone lines: their sockets, and the
//! bridges that decode, mix and encode voices. Forwarding waits for none of that.

use std::collections::HashMap;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use relay_core::sfu::PeerNews;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
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
/// Voices that may wait on their way to or from the bridges; past it they are dropped.
const VOICES_MAX: usize = 4096;
/// Keys that may wait, so that none is lost to a crowd of voices: a telephone takes five a second.
const KEYS_MAX: usize = 4096;
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

/// One packet of sound on its way to a bridge: of G.711 with this law, else of Opus. It is dropped
/// when too many wait: no order ever waits for it.
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

/// A key that was pressed at the telephone, or is for it.
pub(super) struct Pressed {
    pub(super) session: SessionId,
    pub(super) key: Sensitive<char>,
}

/// What lines have for their worker.
pub(super) struct FromLines {
    pub(super) mixed: mpsc::Receiver<Mixed>,
    pub(super) keys: mpsc::Receiver<Pressed>,
}

/// A worker's way to its lines.
pub(super) struct Door {
    orders: mpsc::Sender<Order>,
    voices: mpsc::Sender<Said>,
    keys: mpsc::Sender<Pressed>,
}

impl Door {
    /// Gives an order. It waits when a thousand are waiting already: lines never wait for their
    /// worker, so that it is soon its turn.
    pub(super) fn order(&self, order: Order) {
        // Lines end with their worker.
        let _ended = self.orders.blocking_send(order);
    }

    /// Gives a voice to be mixed, or drops it.
    pub(super) fn give(&self, said: Said) {
        let _dropped = self.voices.try_send(said);
    }

    /// Gives a key for the telephone.
    pub(super) fn press(&self, pressed: Pressed) {
        tell_if_lost(&self.keys, pressed);
    }
}

/// Starts the thread. What it has comes out of the queues; the bell tells that something did.
pub(super) fn start(
    news: mpsc::Sender<MediaNews>,
    bell: Bell,
    stop: CancellationToken,
) -> io::Result<(Door, FromLines)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (orders, orders_waiting) = mpsc::channel(COMMANDS_WAITING_MAX);
    let (voices, given) = mpsc::channel(VOICES_MAX);
    let (mixed, mixes) = mpsc::channel(VOICES_MAX);
    let (keys, pressed) = mpsc::channel(KEYS_MAX);
    let (keys_to_press, to_press) = mpsc::channel(KEYS_MAX);
    let (datagram_sender, datagrams) = mpsc::channel(DATAGRAMS_MAX);
    let lines = Lines {
        slots: HashMap::new(),
        deadlines: Deadlines::default(),
        began: Instant::now(),
        datagram_sender,
        mixed,
        keys,
        bell,
        news: Teller::new(news),
    };
    thread::Builder::new().name("voice".into()).spawn(move || {
        let queues = Queues {
            orders: orders_waiting,
            given,
            to_press,
            datagrams,
        };
        runtime.block_on(stop.run_until_cancelled(lines.run(queues)));
    })?;
    let from_lines = FromLines {
        mixed: mixes,
        keys: pressed,
    };
    let door = Door {
        orders,
        voices,
        keys: keys_to_press,
    };
    Ok((door, from_lines))
}

struct Queues {
    orders: mpsc::Receiver<Order>,
    given: mpsc::Receiver<Said>,
    to_press: mpsc::Receiver<Pressed>,
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
    mixed: mpsc::Sender<Mixed>,
    keys: mpsc::Sender<Pressed>,
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
                Some(said) = queues.given.recv() => self.on_said(said),
                Some(pressed) = queues.to_press.recv() => self.on_pressed(pressed),
                Some(datagram) = queues.datagrams.recv() => self.on_datagram(&datagram),
                () = self.news.caught_up(), if self.news.is_behind() => {}
                () = sleep_until(next) => self.on_deadlines(),
            }
        }
    }

    fn on_said(&mut self, said: Said) {
        if let Some(line) = self.line(said.session) {
            let Said { leg, law, .. } = said;
            line.bridge
                .push(Instant::now(), leg, law, said.timestamp, said.payload);
        }
    }

    fn on_pressed(&mut self, Pressed { session, key }: Pressed) {
        if let Some(line) = self.line(session) {
            line.press(Instant::now(), key);
            self.settle(session);
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
                    let _dropped = self.mixed.try_send(Mixed {
                        session,
                        leg,
                        timestamp,
                        opus,
                    });
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
            tell_if_lost(&self.keys, Pressed { session, key });
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

/// Puts a key where it is waited for.
fn tell_if_lost(keys: &mpsc::Sender<Pressed>, pressed: Pressed) {
    let session = pressed.session;
    if keys.try_send(pressed).is_err() {
        warn!(%session, "a key is lost: too many wait");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r43_however_many_voices_wait_no_key_is_dropped() {
        let (orders, _ordered) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (voices, mut given) = mpsc::channel(VOICES_MAX);
        let (keys, mut pressed) = mpsc::channel(KEYS_MAX);
        let door = Door {
            orders,
            voices,
            keys,
        };
        let session = SessionId(1);
        for timestamp in 0..VOICES_MAX as u32 + 10 {
            door.give(Said {
                session,
                leg: Leg::Caller,
                law: None,
                timestamp,
                payload: Vec::new(),
            });
        }
        let key = Sensitive::new('5');
        door.press(Pressed { session, key });
        let waiting = std::iter::from_fn(|| given.try_recv().ok());
        assert_eq!(waiting.count(), VOICES_MAX);
        assert_eq!(*pressed.try_recv().unwrap().key.expose(), '5');
    }
}
