//! The written form of an event; see [`super::convert`] for how it relates to what is thought.

use serde::{Deserialize, Serialize};

/// One journal record: JSON inside a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Number in the journal, from 1, without gaps.
    pub sequence: u64,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What happened to one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The session, as 32 hexadecimal digits.
    pub session: String,
    /// Number of the event within the session, from 0.
    pub event: u64,
    /// Wall clock, milliseconds UTC.
    pub at_ms: u64,
    /// Session clock, milliseconds since the call was placed; monotonic.
    pub session_ms: u64,
    /// What.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What happened. Numbers, languages, reasons and states are the words of `vrs-domain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// The caller's request was taken.
    CallPlaced {
        /// The caller's number.
        caller: String,
        /// The dialled number.
        number: String,
        /// Such as `ase/en`.
        languages: String,
    },
    /// An interpreter is being asked.
    InterpreterInvited {
        /// CA id.
        interpreter: String,
        /// Number of the asking.
        epoch: u32,
    },
    /// The asked interpreter will not take it.
    InvitationDeclined {
        /// CA id.
        interpreter: String,
        /// Number of the asking.
        epoch: u32,
        /// `declined`, `timed_out` or `lost`.
        how: String,
    },
    /// An interpreter took the session.
    InterpreterAssigned {
        /// CA id.
        interpreter: String,
        /// Number of the assignment.
        epoch: u32,
    },
    /// A leg's media came up.
    LegConnected {
        /// `caller`, `interpreter` or `hearing`.
        leg: String,
    },
    /// The telephone is being called.
    DialingStarted,
    /// The telephone rings.
    TelephoneRang,
    /// The telephone was answered.
    HearingAnswered,
    /// The session is over.
    Ended {
        /// Why: a word of the reason list.
        reason: String,
        /// The state it ended in.
        stage: String,
        /// Whole time, milliseconds.
        total_ms: u64,
        /// Time of conversation, milliseconds.
        conversation_ms: u64,
    },
}
