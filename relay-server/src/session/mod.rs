//! Sessions as they run: one task each, a directory of them, and the queue they wait in.
//!
//! What it is: [`driver`] owns one `relay_core::session::Session` and carries out its actions;
//! [`queue`] owns the one `relay_core::queue::Queue`; [`Directory`] finds a session's inbox;
//! [`publish`] is what everyone else reads, [`views`] what the store keeps of it.
//! What it is not: no decision about a call is made here, and no SIP is spoken.
//! Start reading at [`Message`], then [`driver`].

pub mod clock;
pub mod driver;
pub mod publish;
pub mod queue;
pub mod views;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use relay_core::queue::Match;
use relay_core::session::{Decline, Dialog, Placed};
use tokio::sync::mpsc;
use vrs_domain::{CallCenter, EndReason, Epoch, Leg, ReliefReason, Seat, SessionId};

/// Messages that may wait for one session; a session that is further behind is broken.
const INBOX_MAX: usize = 256;

/// What somebody asked for, checked by the signalling task.
#[derive(Debug)]
pub struct Place {
    /// A fresh id.
    pub session: SessionId,
    /// Who calls whom, and how.
    pub placed: Placed,
    /// The SDP offer of whoever calls.
    pub offer: String,
    /// The trunk that an inbound call came over.
    pub trunk: Option<String>,
    /// What finds the call in the logs of all who take part (RFC 7989).
    pub correlation: String,
}

/// Everything that can reach a running session.
#[derive(Debug)]
pub enum Message {
    /// The queue found an interpreter.
    Matched(Match),
    /// The invitation lapsed in the queue.
    InvitationLapsed(Match),
    /// Who is asked missed so many that they count as away; comes before the lapse of the last.
    InterpreterAway(Match),
    /// The place in the queue changed.
    Position(u32),
    /// The interpreter's app answered the invitation.
    InterpreterAnswered {
        /// What they were asked.
        asked: Match,
        /// Where they work.
        center: Option<CallCenter>,
        /// Their SDP answer.
        sdp: String,
    },
    /// The interpreter's app did not take the invitation.
    InterpreterRefused {
        /// What they were asked.
        asked: Match,
        /// In which way.
        how: Decline,
        /// Their device could not take the media that it was offered.
        unfit: bool,
    },
    /// It rings at the called party's.
    CalledRang {
        /// The gateway's SDP answer, when it already sends sound (a 183 with ringback or an
        /// announcement).
        sdp: Option<String>,
    },
    /// The called party answered, or one that is called back.
    CalledAnswered {
        /// Which leg.
        leg: Leg,
        /// Its SDP answer.
        sdp: String,
        /// Where it is.
        address: Option<IpAddr>,
    },
    /// The called party cannot be reached, or one that is called back.
    CalledFailed {
        /// Which leg.
        leg: Leg,
        /// Why.
        reason: EndReason,
    },
    /// Somebody whose call was answered has news.
    Party {
        /// Who.
        who: Speaker,
        /// Which news.
        news: News,
    },
    /// The interpreter asks for another one beside or instead of them.
    SeatAsked {
        /// `relief`, `team` or `supervisor`.
        seat: Seat,
        /// Why, for a relief.
        reason: Option<ReliefReason>,
    },
    /// The interpreter takes that back.
    SeatWithdrawn {
        /// Which.
        seat: Seat,
    },
    /// The caller, whose connection had broken before their call was answered, called again.
    CallerBack {
        /// Their new SDP offer.
        offer: String,
        /// Its number; an answer to an earlier one is none.
        offered: u32,
    },
    /// A party's media stands or fails.
    Media {
        /// Which leg.
        leg: Leg,
        /// What happened.
        news: relay_core::sfu::PeerNews,
    },
    /// The service stops.
    Stop,
}

/// Whose word it is. While it is on its way the relief may take the lead, or somebody else a seat:
/// an interpreter is known by the epoch of what they took, wherever they sit by then (Q4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speaker {
    /// Which leg it was when they spoke.
    pub leg: Leg,
    /// For interpreters: the epoch of their seat.
    pub epoch: Option<Epoch>,
}

/// What becomes of a leg that was answered.
#[derive(Debug)]
pub enum News {
    /// They want to change their media (a re-INVITE).
    Reoffered {
        /// Their SDP offer; `None` asks for ours.
        sdp: Option<String>,
    },
    /// They answered the offer that they had asked for.
    Reanswered {
        /// Their SDP answer.
        sdp: String,
    },
    /// They answered our re-INVITE.
    ReinviteAnswered {
        /// Their SDP answer; `None` when they refused.
        sdp: Option<String>,
    },
    /// Their leg was answered.
    Bound {
        /// What is to be kept of it.
        dialog: Dialog,
    },
    /// Their leg, which another process had, is back without media.
    Back {
        /// Over which trunk, for the telephone's.
        trunk: Option<String>,
    },
    /// They hung up.
    HungUp,
    /// Their connection is gone for good.
    Lost,
}

/// Finds the inbox of a running session.
#[derive(Debug, Clone, Default)]
pub struct Directory(Arc<Mutex<BTreeMap<SessionId, mpsc::Sender<Message>>>>);

impl Directory {
    /// Opens an inbox for a new session.
    #[must_use]
    pub fn open(&self, session: SessionId) -> mpsc::Receiver<Message> {
        let (sender, inbox) = mpsc::channel(INBOX_MAX);
        self.lock().insert(session, sender);
        inbox
    }

    /// The session is over.
    pub fn close(&self, session: SessionId) {
        self.lock().remove(&session);
    }

    /// Puts a message into a session's inbox; a session that is over hears nothing.
    ///
    /// It never waits: the senders are the signalling task and the queue, which all sessions share.
    pub fn tell(&self, session: SessionId, message: Message) {
        let sender = self.lock().get(&session).cloned();
        if let Some(Err(mpsc::error::TrySendError::Full(_))) = sender.map(|s| s.try_send(message)) {
            tracing::error!(%session, "a session's inbox is full; it is given up");
            self.close(session);
        }
    }

    /// As [`Self::tell`], for what may be lost: a session that is behind does not hear it.
    pub fn mention(&self, session: SessionId, message: Message) {
        let sender = self.lock().get(&session).cloned();
        if let Some(sender) = sender.filter(|sender| sender.capacity() > INBOX_MAX / 2) {
            let _ended = sender.try_send(message);
        }
    }

    /// Every running session.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionId> {
        let mut sessions: Vec<_> = self.lock().keys().copied().collect();
        sessions.sort_unstable();
        sessions
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<SessionId, mpsc::Sender<Message>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
