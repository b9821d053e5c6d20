//! A media plane that only answers: it keeps count of rooms and lines, and says who connected.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use relay_core::sfu::PeerNews;
use relay_server::sfu::{Command, MediaNews, Sfu, SfuError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vrs_domain::{Leg, SessionId};

/// A path is found after so long.
const CONNECTS_AFTER: Duration = Duration::from_millis(120);
/// Nobody looks for a path longer than this.
const GIVES_UP_AFTER: Duration = Duration::from_secs(30);
/// What a person writes into their SDP when their media is never to connect.
pub const NO_MEDIA: &str = "no-media";
/// News that may wait.
const NEWS_MAX: usize = 4096;

/// What is open in the media plane.
#[derive(Debug, Clone, Default)]
pub struct Rooms(Arc<Mutex<Open>>);

/// Every leg has a number of its own: whoever takes another's place is somebody else.
#[derive(Debug, Default)]
struct Open {
    rooms: BTreeMap<SessionId, BTreeMap<Leg, u64>>,
    legs: u64,
}

impl Rooms {
    /// How many legs there are.
    #[must_use]
    pub fn legs(&self) -> usize {
        self.open().rooms.values().map(BTreeMap::len).sum()
    }

    /// How many rooms there are, empty or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open().rooms.len()
    }

    /// Whether a session has a room.
    #[must_use]
    pub fn is_open(&self, session: SessionId) -> bool {
        self.open().rooms.contains_key(&session)
    }

    fn put(&self, session: SessionId, leg: Leg) {
        let mut open = self.open();
        open.legs += 1;
        let number = open.legs;
        open.rooms.entry(session).or_default().insert(leg, number);
    }

    fn remove(&self, session: SessionId, leg: Option<Leg>) {
        let mut open = self.open();
        match (open.rooms.get_mut(&session), leg) {
            (Some(legs), Some(leg)) => drop(legs.remove(&leg)),
            (Some(_), None) => drop(open.rooms.remove(&session)),
            (None, _) => {}
        }
    }

    fn rename(&self, session: SessionId, from: Leg, to: Leg) {
        if let Some(legs) = self.open().rooms.get_mut(&session)
            && let Some(number) = legs.remove(&from)
        {
            legs.insert(to, number);
        }
    }

    fn number(&self, session: SessionId, leg: Leg) -> Option<u64> {
        self.open().rooms.get(&session)?.get(&leg).copied()
    }

    fn leg(&self, session: SessionId, number: u64) -> Option<Leg> {
        let open = self.open();
        let mut legs = open.rooms.get(&session)?.iter();
        legs.find(|(_, its)| **its == number).map(|(leg, _)| *leg)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a person still sees anything in this session.
    #[must_use]
    pub fn shows(&self, session: &str, leg: Leg) -> bool {
        session.parse().is_ok_and(|session| self.has(session, leg))
    }

    fn has(&self, session: SessionId, leg: Leg) -> bool {
        self.number(session, leg).is_some()
    }
}

/// Starts the plane; it ends with `halt`, and everything in it is gone then.
#[must_use]
pub fn start(halt: CancellationToken) -> (Sfu, mpsc::Receiver<MediaNews>, Rooms) {
    let (sfu, commands) = Sfu::channel();
    let (news, told) = mpsc::channel(NEWS_MAX);
    let rooms = Rooms::default();
    let plane = Plane {
        rooms: rooms.clone(),
        news,
        halt: halt.clone(),
    };
    tokio::spawn(halt.run_until_cancelled_owned(plane.run(commands)));
    (sfu, told, rooms)
}

struct Plane {
    rooms: Rooms,
    news: mpsc::Sender<MediaNews>,
    halt: CancellationToken,
}

impl Plane {
    async fn run(self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.recv().await {
            self.on_command(command);
        }
    }

    fn on_command(&self, command: Command) {
        // Whoever asked may be gone; nothing is to be done about that.
        match command {
            Command::Offer {
                session,
                leg,
                reply,
                ..
            } => {
                self.rooms.put(session, leg);
                let _gone = reply.send(Ok("v=0 offer".into()));
            }
            Command::Answer {
                session,
                leg,
                offer,
                reply,
            } => {
                self.rooms.put(session, leg);
                self.connect(session, leg, &offer);
                let _gone = reply.send(Ok("v=0 answer".into()));
            }
            Command::AcceptAnswer {
                session,
                leg,
                answer,
                reply,
            } => {
                let known = self.rooms.has(session, leg);
                if known {
                    self.connect(session, leg, &answer);
                }
                let _gone = reply.send(known.then_some(()).ok_or(SfuError::Gone));
            }
            Command::Try { reply, .. } => drop(reply.send(Ok(Vec::new()))),
            Command::Check { reply, .. } => drop(reply.send(Ok(()))),
            Command::Reoffered { reply, .. } => drop(reply.send(Ok("v=0 answer".into()))),
            Command::Leave { session, leg } => self.rooms.remove(session, Some(leg)),
            Command::Rename { session, from, to } => self.rooms.rename(session, from, to),
            Command::TrunkAccept { session, reply, .. } => {
                self.rooms.put(session, Leg::Hearing);
                let _gone = reply.send(Ok("v=0 trunk answer".into()));
            }
            Command::TrunkOffer { session, reply, .. } => {
                self.rooms.put(session, Leg::Hearing);
                let _gone = reply.send(Ok("v=0 trunk".into()));
            }
            Command::TrunkAnswer { session, reply, .. } => {
                let known = self.rooms.has(session, Leg::Hearing);
                let _gone = reply.send(known.then_some(()).ok_or(SfuError::Gone));
            }
            Command::Bridge { .. } => {}
            Command::Close { session } => self.rooms.remove(session, None),
        }
    }

    fn connect(&self, session: SessionId, leg: Leg, sdp: &str) {
        let works = !sdp.contains(NO_MEDIA);
        let Some(number) = self.rooms.number(session, leg) else {
            return;
        };
        let (news, rooms) = (self.news.clone(), self.rooms.clone());
        let telling = async move {
            tokio::time::sleep(if works {
                CONNECTS_AFTER
            } else {
                GIVES_UP_AFTER
            })
            .await;
            let Some(leg) = rooms.leg(session, number) else {
                return;
            };
            let what = if works {
                PeerNews::Connected
            } else {
                PeerNews::Failed("no path".into())
            };
            let told = MediaNews {
                session,
                leg,
                news: what,
            };
            let _full = news.try_send(told);
        };
        tokio::spawn(self.halt.clone().run_until_cancelled_owned(telling));
    }
}
