//! A media plane that only answers, and keeps count of who is in it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use relay_core::sfu::PeerNews;
use relay_server::sfu::{Command, MediaNews, Sfu, SfuError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vrs_domain::{Leg, SessionId};
use vrs_media::Codec;

/// An answer that says this fits no offer, and an offer that says so is not taken.
pub(crate) const UNFIT: &str = "unfit";
/// An offer to which every answer of somebody else's is unfit.
pub(crate) const BAIT: &str = "v=0 bait";
/// An offer that says this has pictures in VP8 alone.
pub(crate) const VP8: &str = "vp8";

/// Time enough for something else to happen meanwhile.
const LATENCY: Duration = Duration::from_millis(2);

#[derive(Clone)]
pub(crate) struct Rooms {
    there: Arc<Mutex<BTreeSet<(SessionId, Leg)>>>,
    news: mpsc::Sender<MediaNews>,
}

impl Rooms {
    fn there(&self) -> MutexGuard<'_, BTreeSet<(SessionId, Leg)>> {
        self.there.lock().unwrap()
    }

    pub(crate) fn legs(&self) -> Vec<Leg> {
        self.there().iter().map(|(_, leg)| *leg).collect()
    }

    fn has(&self, session: SessionId, leg: Leg) -> bool {
        self.there().contains(&(session, leg))
    }

    /// The media of this leg fails in every room.
    pub(crate) fn fail(&self, leg: Leg) {
        self.tell(leg, &PeerNews::Failed("silent".into()));
    }

    /// This happens to the media of this leg in every room.
    pub(crate) fn tell(&self, leg: Leg, news: &PeerNews) {
        for (session, _) in self.there().iter().filter(|(_, other)| *other == leg) {
            let (session, leg, news) = (*session, leg, news.clone());
            self.news
                .try_send(MediaNews { session, leg, news })
                .unwrap();
        }
    }
}

pub(crate) fn start(halt: &CancellationToken) -> (Sfu, mpsc::Receiver<MediaNews>, Rooms) {
    let (sfu, mut commands) = Sfu::channel();
    let (news, told) = mpsc::channel(256);
    let rooms = Rooms {
        there: Arc::default(),
        news,
    };
    let plane = Plane {
        rooms: rooms.clone(),
        halt: halt.clone(),
    };
    let running = async move {
        while let Some(command) = commands.recv().await {
            tokio::time::sleep(LATENCY).await;
            plane.on_command(command);
        }
    };
    tokio::spawn(halt.clone().run_until_cancelled_owned(running));
    (sfu, told, rooms)
}

struct Plane {
    rooms: Rooms,
    halt: CancellationToken,
}

impl Plane {
    fn on_command(&self, command: Command) {
        match command {
            Command::Offer {
                session,
                leg,
                reply,
                ..
            } => {
                self.join(session, leg);
                reply.send(Ok("v=0 offer".into())).ok();
            }
            Command::Answer {
                session,
                leg,
                reply,
                ..
            } => {
                self.join(session, leg);
                self.connect(session, leg);
                reply.send(Ok("v=0 answer".into())).ok();
            }
            Command::AcceptAnswer {
                session,
                leg,
                answer,
                reply,
            } => {
                reply.send(self.accept(session, leg, &answer)).ok();
            }
            Command::Try { offer, reply } => {
                let takes = match offer.contains(VP8) {
                    true => vec![Codec::Vp8],
                    false => Vec::new(),
                };
                let fit = (!offer.contains(UNFIT)).then_some(takes);
                let refusal = || SfuError::NotAcceptable(UNFIT.into());
                reply.send(fit.ok_or_else(refusal)).ok();
            }
            Command::Check {
                offer,
                answer,
                reply,
            } => {
                let unfit = answer.contains(UNFIT) || offer == BAIT;
                let said = (!unfit).then_some(());
                let refusal = || SfuError::NotAcceptable(UNFIT.into());
                reply.send(said.ok_or_else(refusal)).ok();
            }
            Command::Reoffered { reply, .. } => drop(reply.send(Ok("v=0 answer".into()))),
            Command::Leave { session, leg } => {
                self.rooms.there().remove(&(session, leg));
            }
            Command::Rename { session, from, to } => {
                let mut rooms = self.rooms.there();
                if rooms.remove(&(session, from)) {
                    rooms.insert((session, to));
                }
            }
            Command::TrunkAccept { session, reply, .. } => {
                self.join(session, Leg::Hearing);
                reply.send(Ok("v=0 trunk answer".into())).ok();
            }
            Command::TrunkOffer { session, reply, .. } => {
                self.join(session, Leg::Hearing);
                reply.send(Ok("v=0 trunk".into())).ok();
            }
            Command::TrunkAnswer {
                session,
                answer,
                reply,
            } => {
                reply.send(self.accept(session, Leg::Hearing, &answer)).ok();
            }
            Command::Bridge { .. } => {}
            Command::Close { session } => {
                self.rooms.there().retain(|(one, _)| *one != session);
            }
        }
    }

    fn join(&self, session: SessionId, leg: Leg) {
        self.rooms.there().insert((session, leg));
    }

    fn accept(&self, session: SessionId, leg: Leg, answer: &str) -> Result<(), SfuError> {
        if answer.contains(UNFIT) {
            return Err(SfuError::NotAcceptable(UNFIT.into()));
        }
        if !self.rooms.has(session, leg) {
            return Err(SfuError::Gone);
        }
        self.connect(session, leg);
        Ok(())
    }

    fn connect(&self, session: SessionId, leg: Leg) {
        let rooms = self.rooms.clone();
        let telling = async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if rooms.has(session, leg) {
                let connected = MediaNews {
                    session,
                    leg,
                    news: PeerNews::Connected,
                };
                rooms.news.send(connected).await.ok();
            }
        };
        tokio::spawn(self.halt.clone().run_until_cancelled_owned(telling));
    }
}
