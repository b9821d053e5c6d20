//! What goes into the queue and comes out of it.

use std::time::Duration;

use vrs_domain::{CaId, Epoch, Gender, LanguagePair, Seat, SessionId, Skill, Urgency, limit};

/// How busy an interpreter may be before they rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupancy {
    /// Share of the window spent in calls at which an interpreter rests, in percent; 0 = never.
    pub share_percent: u8,
    /// How far back calls count; zero = nobody rests.
    pub window: Duration,
}

/// How the queue asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueRules {
    /// How long an interpreter is asked before the next one is.
    pub invitation_timeout: Duration,
    /// How long an interpreter is left alone after a call; zero = not at all.
    pub wrap_up: Duration,
    /// Invitations in a row that an interpreter leaves unanswered until they are away; 0 = never.
    pub missed_max: u32,
    /// From which share of time in calls on an interpreter rests; none = never.
    pub occupancy: Option<Occupancy>,
    /// For how long a wish binds; afterwards it is only preferred.
    pub wish_patience: Duration,
}

impl Default for QueueRules {
    fn default() -> Self {
        Self {
            invitation_timeout: limit::INVITATION_TIMEOUT,
            wrap_up: Duration::ZERO,
            missed_max: limit::MISSED_INVITATIONS_MAX,
            occupancy: None,
            wish_patience: limit::WISH_PATIENCE,
        }
    }
}

/// What an interpreter can do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterpreterProfile {
    /// Between which languages they interpret.
    pub languages: Vec<LanguagePair>,
    /// In which fields they are trained.
    pub skills: Vec<Skill>,
    /// Their gender, if they told.
    pub gender: Option<Gender>,
    /// Whether they may also be asked for [`Seat::Supervisor`].
    pub supervisor: bool,
}

/// A seat that is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Of which session.
    pub session: SessionId,
    /// Which place in it; a session has each at most once.
    pub seat: Seat,
    /// Between which languages; never given up.
    pub languages: LanguagePair,
    /// How soon.
    pub urgency: Urgency,
    /// The wish for somebody trained in a field (F14).
    pub skill: Option<Skill>,
    /// The wish for a gender (F5: best effort).
    pub gender: Option<Gender>,
}

/// An interpreter for a seat: an invitation, or the assignment it became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Which session.
    pub session: SessionId,
    /// Which place in it.
    pub seat: Seat,
    /// Which interpreter.
    pub ca: CaId,
    /// Grows with each asking for this session, whichever the seat (Q4).
    pub epoch: Epoch,
}

/// Why the queue did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// Too many seats wait, or too many interpreters are signed in; try later.
    #[error("the queue is full")]
    Full,
    /// The seat is waiting, being offered or taken; the driver's mistake.
    #[error("this seat of the session is in the queue already")]
    AlreadyWaiting,
    /// The queue does not know the session: it is over, or never was.
    #[error("this session is not in the queue")]
    UnknownSession,
    /// No interpreter with this CA id is signed in.
    #[error("this interpreter is not signed in")]
    UnknownInterpreter,
    /// The interpreter is asked for or in another session (Q2).
    #[error("this interpreter has another session")]
    Engaged,
    /// The word is about an asking that is over, or never was (Q4).
    #[error("this invitation or assignment is over")]
    Stale,
}

/// How many are where, for gauges and the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueSummary {
    /// Seats without an interpreter, those being offered included.
    pub waiting: usize,
    /// Interpreters ready for an invitation, the resting included.
    pub available: usize,
    /// Interpreters being asked.
    pub invited: usize,
    /// Interpreters in a session.
    pub in_call: usize,
    /// Interpreters finishing their last call.
    pub wrap_up: usize,
    /// Interpreters at a break, a meal or a training.
    pub on_break: usize,
    /// Interpreters signed in and taking no calls.
    pub away: usize,
}
