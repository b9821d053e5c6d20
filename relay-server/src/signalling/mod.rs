//! The only place where SIP meets the domain.
//!
//! What it is: one task that owns the SIP endpoint, the registrar and the table of flows.
//! [`intake`] turns what peers ask into words of the service, [`outgoing`] turns what sessions
//! want into SIP, [`invitations`] asks interpreters one at a time. What it is not: it decides
//! nothing about calls and touches no media.
//! Start reading at [`Command`] and [`actor::Actor`].

pub mod actor;
mod auth;
mod flows;
mod intake;
mod invitations;
mod outgoing;
pub mod registrar;
pub mod wire;

use tokio::sync::mpsc;
use vrs_domain::{EndReason, Epoch, Leg, PhoneNumber, SessionId};

pub use invitations::Invitation;

/// Commands that may wait for the signalling task.
pub const COMMANDS_WAITING_MAX: usize = 4096;

/// What a session asks of the signalling task.
#[derive(Debug)]
pub enum Command {
    /// Tell the waiting caller its place (182 Queued).
    Queued {
        /// Whose caller.
        session: SessionId,
        /// 1 for the next.
        position: u32,
    },
    /// Answer the caller's INVITE.
    AnswerCaller {
        /// Whose caller.
        session: SessionId,
        /// Our SDP answer.
        sdp: String,
    },
    /// Answer a party's re-INVITE.
    AnswerReinvite {
        /// Whose.
        session: SessionId,
        /// Which leg.
        leg: Leg,
        /// Our SDP; `None` refuses, and the leg stays as it is.
        sdp: Option<String>,
    },
    /// Ask an interpreter.
    Invite(Invitation),
    /// Call the telephone.
    Dial {
        /// For which session.
        session: SessionId,
        /// Which trunk.
        trunk: String,
        /// Our SDP offer.
        sdp: String,
        /// The number to call.
        number: PhoneNumber,
        /// The caller's number, shown to the hearing party (domain list F15).
        caller: PhoneNumber,
    },
    /// End one leg, whatever its state.
    HangUp {
        /// Whose leg.
        session: SessionId,
        /// Which leg.
        leg: Leg,
        /// What the other end is told.
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
    /// Tell a party how the session stands.
    Status {
        /// Whose leg.
        leg: Leg,
        /// What to tell; its session names the dialog.
        session: SessionId,
        /// The body.
        status: wire::Status,
    },
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
