//! What happened: the one form that journal, store, metrics and console read.

use vrs_domain::{CaId, EndReason, Epoch, LanguagePair, Leg, PhoneNumber, SessionId, SessionState};

use super::input::Decline;

/// What the caller asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The caller's own number.
    pub caller: PhoneNumber,
    /// The number to call.
    pub number: PhoneNumber,
    /// Between which languages.
    pub languages: LanguagePair,
}

/// One transition of one session, with all that replay needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEvent {
    /// Whose.
    pub session: SessionId,
    /// 0 for [`EventKind::CallPlaced`], then one more for each event; the order of the record,
    /// whatever the wall clock does.
    pub sequence: u64,
    /// When, in milliseconds UTC.
    pub at_ms: u64,
    /// When, in milliseconds on the session clock: 0 when the call was placed, monotonic.
    pub session_ms: u64,
    /// What.
    pub kind: EventKind,
}

/// What happened, past tense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The caller's request was taken; session clock 0 (F32).
    CallPlaced(Placed),
    /// An interpreter is being asked.
    InterpreterInvited {
        /// Who.
        ca: CaId,
        /// Of this asking.
        epoch: Epoch,
    },
    /// The asked interpreter will not take it; the session waits on.
    InvitationDeclined {
        /// Who.
        ca: CaId,
        /// Of that asking.
        epoch: Epoch,
        /// In which way.
        how: Decline,
    },
    /// An interpreter took the session.
    InterpreterAssigned {
        /// Who.
        ca: CaId,
        /// Of the assignment.
        epoch: Epoch,
    },
    /// A leg's media came up for the first time; for the interpreter's leg this is the moment of
    /// answer (F1).
    LegConnected {
        /// Which.
        leg: Leg,
    },
    /// The telephone is being called.
    DialingStarted,
    /// The telephone rings.
    TelephoneRang,
    /// The telephone was answered; conversation clock 0 (F33).
    HearingAnswered,
    /// The session is over.
    ///
    /// The record's end stamps are the start stamps plus these durations, so that a duration is
    /// always the difference of its stamps (F40) even when the wall clock stepped.
    Ended {
        /// Why.
        reason: EndReason,
        /// The state it ended in.
        stage: SessionState,
        /// The session clock at the end (F32).
        session_ms: u64,
        /// The conversation clock at the end; 0 when the telephone was never answered (F33).
        conversation_ms: u64,
    },
}

impl EventKind {
    /// The event's name without its data, for journal, metrics and log.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::CallPlaced(_) => "call_placed",
            Self::InterpreterInvited { .. } => "interpreter_invited",
            Self::InvitationDeclined { .. } => "invitation_declined",
            Self::InterpreterAssigned { .. } => "interpreter_assigned",
            Self::LegConnected { .. } => "leg_connected",
            Self::DialingStarted => "dialing_started",
            Self::TelephoneRang => "telephone_rang",
            Self::HearingAnswered => "hearing_answered",
            Self::Ended { .. } => "ended",
        }
    }
}
