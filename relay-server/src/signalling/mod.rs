//! The only place where SIP meets the domain.
//!
//! What it is: one task that owns the SIP endpoint, the registrar and the table of flows.
//! [`intake`] turns what peers ask into words of the service, [`outgoing`] turns what sessions
//! want into SIP, [`invitations`] asks interpreters one at a time, [`ringing`] rings all devices
//! of a subscriber at once, [`away`] keeps the place of a caller whose connection broke,
//! [`farewell`] tells whoever was away that their call is over, [`emergency`] says what goes along
//! with a call for help, [`whereabouts`] takes the location that a caller's device tells.
//! What it is not: it decides nothing about calls and touches no media.
//! Start reading at [`Command`] and [`actor::Actor`].

pub mod actor;
mod auth;
mod away;
mod emergency;
mod farewell;
mod flows;
mod intake;
mod invitations;
mod outgoing;
mod place;
pub mod registrar;
mod ringing;
mod saved;
mod whereabouts;
pub mod wire;

use tokio::sync::mpsc;
use vrs_domain::{CaId, EndReason, Epoch, Leg, PhoneNumber, SessionId};

pub use invitations::Invitation;
pub use ringing::Ringing;
pub use saved::Restored;

/// Commands that may wait for the signalling task.
pub const COMMANDS_WAITING_MAX: usize = 4096;

/// What a session asks of the signalling task.
#[derive(Debug)]
pub enum Command {
    /// Tell whoever called that they wait, and their place (182 Queued; 180 to a telephone).
    Queued {
        /// Whose.
        session: SessionId,
        /// The calling leg.
        leg: Leg,
        /// 1 for the next.
        position: u32,
    },
    /// Tell the calling subscriber that it rings at the other end.
    RingCalling {
        /// Whose.
        session: SessionId,
    },
    /// Answer the INVITE of whoever called.
    AnswerCalling {
        /// Whose.
        session: SessionId,
        /// The calling leg.
        leg: Leg,
        /// Which of its offers this answers: 0 for the first, and what
        /// [`CallerBack`](crate::session::Message::CallerBack) said of a later one.
        offered: u32,
        /// The SDP answer.
        sdp: String,
    },
    /// Answer a party's re-INVITE.
    AnswerReinvite {
        /// Whose.
        session: SessionId,
        /// Which leg.
        leg: Leg,
        /// The SDP; `None` refuses, and the leg stays as it is.
        sdp: Option<String>,
    },
    /// Send a party a re-INVITE.
    Reinvite {
        /// Whose.
        session: SessionId,
        /// Which leg.
        leg: Leg,
        /// The SDP offer.
        sdp: String,
    },
    /// Ask an interpreter.
    Invite(Box<Invitation>),
    /// Call the telephone.
    Dial(Box<Dial>),
    /// Ring every device of a subscriber.
    Ring(Box<Ringing>),
    /// End one leg, whatever its state.
    HangUp {
        /// Whose leg.
        session: SessionId,
        /// Which leg.
        leg: Leg,
        /// What the other end is told.
        reason: EndReason,
    },
    /// End every leg of a session, every ringing and every invitation.
    Abandon {
        /// Which session.
        session: SessionId,
        /// What the other ends are told.
        reason: EndReason,
    },
    /// Take an invitation back; nothing happens when it is gone already.
    CancelInvitation {
        /// What the interpreter is told.
        reason: EndReason,
        /// Of which session.
        session: SessionId,
        /// Which asking.
        epoch: Epoch,
    },
    /// With the end of this invitation the interpreter is told that they count as away.
    TellAway(relay_core::queue::Match),
    /// The relief's leg is the interpreter's from here on.
    Relieve {
        /// Of which session.
        session: SessionId,
    },
    /// Take up a leg of an earlier process.
    Restore(Box<Restored>),
    /// Hang up on a leg of an earlier process, whose session is over.
    SeeOff {
        /// What is known of it.
        restored: Box<Restored>,
        /// What the other end is told.
        reason: EndReason,
    },
    /// Tell a party how the session stands.
    Status {
        /// Whose leg.
        leg: Leg,
        /// What to tell; its session names the dialog.
        session: SessionId,
        /// The body.
        status: Box<wire::Status>,
    },
}

/// A call to a telephone.
#[derive(Debug)]
pub struct Dial {
    /// For which session.
    pub session: SessionId,
    /// Which trunk.
    pub trunk: String,
    /// Our SDP offer.
    pub sdp: String,
    /// The number to call.
    pub number: PhoneNumber,
    /// The caller's number, shown to the hearing party (domain list F15).
    pub caller: Option<PhoneNumber>,
    /// Whether the hearing party is not to see it (RFC 3323).
    pub anonymous: bool,
    /// Whether somebody calls for help.
    pub emergency: bool,
    /// Who interprets at this moment.
    pub ca: Option<CaId>,
}

/// Talks to the signalling task.
#[derive(Debug, Clone)]
pub struct Signalling {
    commands: mpsc::Sender<Command>,
}

impl Signalling {
    /// A handle and the queue that [`actor::Actor`] reads.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Command>) {
        let (commands, queue) = mpsc::channel(COMMANDS_WAITING_MAX);
        (Self { commands }, queue)
    }

    /// Asks for something; what comes of it arrives as a message to the session.
    pub async fn send(&self, command: Command) {
        if self.commands.send(command).await.is_err() {
            tracing::debug!("signalling has stopped");
        }
    }
}
