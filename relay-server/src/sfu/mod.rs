//! The media plane: workers that each own a port, a thread and the rooms of their sessions.
//!
//! What it is: [`Sfu`] is the handle that sessions hold; [`worker`] is the thread that takes
//! commands and forwards, with a [`Forwarder`];
//! [`lines`] is the thread beside it that mixes, with [`mod@line`], one telephone and its bridge;
//! [`demux`] finds the leg a datagram belongs to. All legs of a session are on one worker, so that
//! no packet crosses from thread to thread, but for the voices that are mixed.
//! What it is not: it decides nothing about calls, and no media passes through a session task
//! (docs/ARCHITECTURE.md, "Two planes").
//! Start reading at [`Sfu`].

pub mod bridge;
mod codecs;
mod convert;
mod deadlines;
mod demux;
mod ear;
mod forwarder;
mod line;
mod lines;
mod news;
mod plane;
mod quality;
mod rooms;
#[cfg(test)]
mod tests;
mod translate;
pub mod voice;
mod worker;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use relay_core::sfu::PeerNews;
use tokio::sync::{mpsc, oneshot};
use vrs_domain::{EndReason, Leg, SessionId};
use vrs_media::Codec;

pub use forwarder::Forwarder;
pub use plane::{SfuConfig, start};
pub use rooms::{Notice, Rooms};

use plane::Bell;

/// Commands that may wait for a worker.
const COMMANDS_WAITING_MAX: usize = 1024;

/// A description could not be made or taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SfuError {
    /// The peer's SDP breaks a rule, or does not fit; the text says which, or how.
    #[error("{0}")]
    NotAcceptable(String),
    /// The peer has no format of pictures that the others in its room have.
    #[error("no format of pictures in common")]
    NoCommonCodec,
    /// No such session or leg (it ended meanwhile).
    #[error("the leg is gone")]
    Gone,
    /// Sockets or codecs are not to be had.
    #[error("{0}")]
    Resources(String),
    /// The media loop has stopped.
    #[error("the media plane has stopped")]
    Stopped,
}

impl SfuError {
    /// How a call ends of which this is the end.
    #[must_use]
    pub const fn reason(&self) -> EndReason {
        match self {
            Self::NotAcceptable(_) => EndReason::MediaRefused,
            Self::NoCommonCodec => EndReason::NoCommonCodec,
            Self::Gone | Self::Resources(_) | Self::Stopped => EndReason::MediaFailed,
        }
    }
}

/// What happened to the media of a leg.
#[derive(Debug)]
pub struct MediaNews {
    /// Whose session.
    pub session: SessionId,
    /// Which leg.
    pub leg: Leg,
    /// What happened.
    pub news: PeerNews,
}

/// Where a telephone line is to be, and how.
#[derive(Debug, Clone, Copy)]
pub struct LinePlan {
    /// Address of its socket.
    pub local: IpAddr,
    /// Where the gateway is to send to: another address behind an address translator.
    pub advertised: IpAddr,
    /// SRTP instead of RTP.
    pub secure: bool,
    /// After so long without sound or RTCP the telephone counts as gone; `None`: never.
    pub silence: Option<Duration>,
}

/// Where a command's answer goes.
pub type Reply<T> = oneshot::Sender<Result<T, SfuError>>;

/// What sessions ask of the media plane; the methods of [`Sfu`] say what each means.
#[allow(missing_docs)] // the fields are the methods' parameters
#[derive(Debug)]
pub enum Command {
    /// [`Sfu::offer`].
    Offer {
        session: SessionId,
        leg: Leg,
        takes: Vec<Codec>,
        reply: Reply<String>,
    },
    /// [`Sfu::answer`].
    Answer {
        session: SessionId,
        leg: Leg,
        offer: String,
        reply: Reply<String>,
    },
    /// [`Sfu::accept_answer`].
    AcceptAnswer {
        session: SessionId,
        leg: Leg,
        answer: String,
        reply: Reply<()>,
    },
    /// [`Sfu::try_offer`].
    Try {
        offer: String,
        reply: Reply<Vec<Codec>>,
    },
    /// [`Sfu::check_answer`].
    Check {
        offer: String,
        answer: String,
        reply: Reply<()>,
    },
    /// [`Sfu::rename`].
    Rename {
        session: SessionId,
        from: Leg,
        to: Leg,
    },
    /// [`Sfu::reoffered`].
    Reoffered {
        session: SessionId,
        leg: Leg,
        offer: Option<String>,
        reply: Reply<String>,
    },
    /// [`Sfu::leave`].
    Leave { session: SessionId, leg: Leg },
    /// [`Sfu::trunk_offer`].
    TrunkOffer {
        session: SessionId,
        plan: LinePlan,
        reply: Reply<String>,
    },
    /// [`Sfu::trunk_accept`].
    TrunkAccept {
        session: SessionId,
        plan: LinePlan,
        offer: String,
        reply: Reply<String>,
    },
    /// [`Sfu::trunk_answer`].
    TrunkAnswer {
        session: SessionId,
        answer: String,
        reply: Reply<()>,
    },
    /// The telephone line is up: from now on voices are mixed. Follows the answer by itself.
    Bridge { session: SessionId },
    /// [`Sfu::close`].
    Close { session: SessionId },
}

impl Command {
    /// Whose worker it is for; `None`: any will do.
    const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Try { .. } | Self::Check { .. } => None,
            Self::Offer { session, .. }
            | Self::Answer { session, .. }
            | Self::AcceptAnswer { session, .. }
            | Self::Rename { session, .. }
            | Self::Reoffered { session, .. }
            | Self::Leave { session, .. }
            | Self::TrunkOffer { session, .. }
            | Self::TrunkAccept { session, .. }
            | Self::TrunkAnswer { session, .. }
            | Self::Bridge { session }
            | Self::Close { session } => Some(*session),
        }
    }
}

/// Where one worker takes commands.
#[derive(Debug)]
struct Door {
    commands: mpsc::Sender<Command>,
    /// Wakes it, also when the door goes; `None` where somebody waits for commands alone.
    bell: Option<Bell>,
}

/// Talks to the media plane.
#[derive(Debug, Clone)]
pub struct Sfu {
    doors: Arc<[Door]>,
}

impl Sfu {
    /// A handle and the queue that a media plane of somebody else's reads.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Command>) {
        let (commands, queue) = mpsc::channel(COMMANDS_WAITING_MAX);
        let bell = None;
        let doors = [Door { commands, bell }].into();
        (Self { doors }, queue)
    }

    /// A new peer for `leg`, which makes the offer: with the format of pictures of the others in
    /// the room, or with those that whoever called `takes`; with all that are allowed if that is
    /// empty.
    ///
    /// # Errors
    /// [`SfuError`] names what is missing.
    pub async fn offer(
        &self,
        session: SessionId,
        leg: Leg,
        takes: &[Codec],
    ) -> Result<String, SfuError> {
        let takes = takes.to_vec();
        self.ask(|reply| Command::Offer {
            session,
            leg,
            takes,
            reply,
        })
        .await
    }

    /// Whether an offer can be answered, and which allowed formats of pictures it has, best first.
    /// Nothing is sent and nothing stays: a peer that heard checks of an answer which it never gets
    /// would keep their names for ours.
    ///
    /// # Errors
    /// [`SfuError::NotAcceptable`] when the offer cannot be answered (SIP 488).
    pub async fn try_offer(&self, offer: String) -> Result<Vec<Codec>, SfuError> {
        self.ask(|reply| Command::Try { offer, reply }).await
    }

    /// Whether the answer of one subscriber to another may stand. Their media goes from one to the
    /// other, and nothing stays here.
    ///
    /// # Errors
    /// [`SfuError::NotAcceptable`] when it breaks our rules, or does not fit the offer.
    pub async fn check_answer(&self, offer: String, answer: String) -> Result<(), SfuError> {
        self.ask(|reply| Command::Check {
            offer,
            answer,
            reply,
        })
        .await
    }

    /// A new peer for `leg`, which answers `offer`.
    ///
    /// # Errors
    /// [`SfuError::NotAcceptable`] when the offer cannot be answered (SIP 488).
    pub async fn answer(
        &self,
        session: SessionId,
        leg: Leg,
        offer: String,
    ) -> Result<String, SfuError> {
        self.ask(|reply| Command::Answer {
            session,
            leg,
            offer,
            reply,
        })
        .await
    }

    /// Gives `leg`'s peer the answer to its offer.
    ///
    /// # Errors
    /// [`SfuError::NotAcceptable`] when the answer does not fit the offer.
    pub async fn accept_answer(
        &self,
        session: SessionId,
        leg: Leg,
        answer: String,
    ) -> Result<(), SfuError> {
        self.ask(|reply| Command::AcceptAnswer {
            session,
            leg,
            answer,
            reply,
        })
        .await
    }

    /// Answers a further offer of a standing leg; `None` asks for an offer of ours, which only
    /// the telephone's leg makes.
    ///
    /// # Errors
    /// [`SfuError::NotAcceptable`] when the leg has to stay as it is (SIP 488).
    pub async fn reoffered(
        &self,
        session: SessionId,
        leg: Leg,
        offer: Option<String>,
    ) -> Result<String, SfuError> {
        self.ask(|reply| Command::Reoffered {
            session,
            leg,
            offer,
            reply,
        })
        .await
    }

    /// Opens a telephone line and makes its offer (G.711).
    ///
    /// # Errors
    /// [`SfuError::Resources`] when no socket is to be had.
    pub async fn trunk_offer(
        &self,
        session: SessionId,
        plan: LinePlan,
    ) -> Result<String, SfuError> {
        self.ask(|reply| Command::TrunkOffer {
            session,
            plan,
            reply,
        })
        .await
    }

    /// Opens a telephone line that answers the gateway's offer; from now on sound is mixed.
    ///
    /// # Errors
    /// [`SfuError::NotAcceptable`] when the offer cannot be answered (SIP 488),
    /// [`SfuError::Resources`] when no socket is to be had.
    pub async fn trunk_accept(
        &self,
        session: SessionId,
        plan: LinePlan,
        offer: String,
    ) -> Result<String, SfuError> {
        let answer = self
            .ask(|reply| Command::TrunkAccept {
                session,
                plan,
                offer,
                reply,
            })
            .await?;
        self.tell(Command::Bridge { session }).await;
        Ok(answer)
    }

    /// Gives the telephone line the gateway's answer; from now on sound is mixed.
    ///
    /// # Errors
    /// [`SfuError::NotAcceptable`] when the answer does not fit the offer.
    pub async fn trunk_answer(&self, session: SessionId, answer: String) -> Result<(), SfuError> {
        self.ask(|reply| Command::TrunkAnswer {
            session,
            answer,
            reply,
        })
        .await?;
        self.tell(Command::Bridge { session }).await;
        Ok(())
    }

    /// Closes one leg's peer or line.
    pub async fn leave(&self, session: SessionId, leg: Leg) {
        self.tell(Command::Leave { session, leg }).await;
    }

    /// A leg takes another place in its session, with all that it sends and sees; whoever was
    /// there is closed.
    pub async fn rename(&self, session: SessionId, from: Leg, to: Leg) {
        self.tell(Command::Rename { session, from, to }).await;
    }

    /// Closes every leg of a session.
    pub async fn close(&self, session: SessionId) {
        self.tell(Command::Close { session }).await;
    }

    /// A stopped media plane has no legs left that it could be told about.
    async fn tell(&self, command: Command) {
        let _stopped = self.send(command).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, SfuError> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply)).await?;
        answer.await.map_err(|_| SfuError::Stopped)?
    }

    async fn send(&self, command: Command) -> Result<(), SfuError> {
        let doors = self.doors.len() as u128;
        // The low bits of a session's id are random (RFC 9562 section 5.7).
        let place = command.session().map_or(0, |session| session.0 % doors);
        let door = &self.doors[place as usize];
        let sent = door.commands.send(command).await;
        if let Some(bell) = &door.bell {
            bell.ring();
        }
        sent.map_err(|_| SfuError::Stopped)
    }
}
