//! What happened: the one form that journal, store, metrics and console read.

use std::fmt;
use std::net::IpAddr;

use vrs_domain::{
    CaId, CallCenter, CallKind, EndReason, Epoch, Gender, LanguagePair, Leg, PhoneNumber,
    ReliefReason, Seat, SessionId, SessionState, Skill, Urgency,
};

use super::input::Decline;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// What kind of call.
    pub kind: CallKind,
    /// How urgent it is.
    pub urgency: Urgency,
    /// Who calls; `None` when the network withholds it.
    pub caller: Option<PhoneNumber>,
    /// Whether the called party is not to see who calls.
    pub anonymous: bool,
    /// The number that is called.
    pub number: PhoneNumber,
    /// Between which languages.
    pub languages: LanguagePair,
    /// A field in which the interpreter should be trained.
    pub skill: Option<Skill>,
    /// Who the interpreter should be (F5).
    pub gender: Option<Gender>,
    /// Where the request came from (F34).
    pub address: Option<IpAddr>,
    /// The address that was called (F39).
    pub url: Option<String>,
}

/// By what the signalling task finds an answered leg again after a restart. This machine keeps
/// it and does not read it.
#[derive(Clone, PartialEq, Eq)]
pub struct Dialog(pub String);

impl fmt::Debug for Dialog {
    /// The length only: it is of use to whoever wants to end the call.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialog({} bytes)", self.0.len())
    }
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
    /// When, in milliseconds that the server had been up, all its lives taken together: says for
    /// how long a conversation went on after its last event, whatever the wall clock did.
    pub up_ms: u64,
    /// What.
    pub kind: EventKind,
}

/// What happened, past tense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The request was taken; session clock 0 (F32).
    CallPlaced(Placed),
    /// An interpreter is being asked.
    InterpreterInvited {
        /// For which seat.
        seat: Seat,
        /// Who.
        ca: CaId,
        /// Of this asking.
        epoch: Epoch,
    },
    /// The asked interpreter will not take it; somebody is wanted still.
    InvitationDeclined {
        /// For which seat.
        seat: Seat,
        /// Who.
        ca: CaId,
        /// Of that asking.
        epoch: Epoch,
        /// In which way.
        how: Decline,
    },
    /// An interpreter took the seat.
    InterpreterAssigned {
        /// Which seat.
        seat: Seat,
        /// Who.
        ca: CaId,
        /// Of the assignment.
        epoch: Epoch,
        /// Where they work (F38).
        center: Option<CallCenter>,
    },
    /// The lead was lost; another one is sought while the parties stay.
    InterpreterLost {
        /// Who.
        ca: CaId,
        /// Of their assignment.
        epoch: Epoch,
    },
    /// The relief has the lead now.
    InterpreterRelieved {
        /// Who had it.
        from: CaId,
        /// Who has it.
        to: CaId,
    },
    /// The lead asked for another interpreter.
    SeatAsked {
        /// Which seat.
        seat: Seat,
        /// Why, for a relief.
        reason: Option<ReliefReason>,
    },
    /// A seat other than the lead's is empty again.
    SeatLeft {
        /// Which.
        seat: Seat,
    },
    /// A leg's media came up for the first time; for the interpreter's leg this is the moment of
    /// answer (F1).
    LegConnected {
        /// Which.
        leg: Leg,
    },
    /// A leg was answered.
    LegBound {
        /// Which.
        leg: Leg,
        /// By what it is found again.
        dialog: Dialog,
    },
    /// A party put the call on hold; the clocks go on.
    HoldBegan {
        /// Whose leg.
        leg: Leg,
    },
    /// They took it back.
    HoldEnded {
        /// Whose leg.
        leg: Leg,
    },
    /// A leg of an emergency call was lost and is called back (F21).
    LegDropped {
        /// Which.
        leg: Leg,
    },
    /// Calling it back did not succeed this time.
    LegStillMissing {
        /// Which.
        leg: Leg,
    },
    /// It is back.
    LegRestored {
        /// Which.
        leg: Leg,
    },
    /// The other party is being called.
    DialingStarted {
        /// Where (F35).
        address: Option<IpAddr>,
    },
    /// An emergency call's dialling failed and is tried again.
    DialingFailed {
        /// Why.
        reason: EndReason,
    },
    /// It rings there.
    CalledRang,
    /// The called party answered; conversation clock 0 (F33).
    CalledAnswered {
        /// Where they are (F35).
        address: Option<IpAddr>,
    },
    /// The server restarted and the session goes on. Its conversation stood from then until now.
    Resumed {
        /// Until when the server is known to have been there, on the session clock.
        alive_ms: u64,
    },
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
        /// The conversation clock at the end; 0 when nobody answered (F33).
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
            Self::InterpreterLost { .. } => "interpreter_lost",
            Self::InterpreterRelieved { .. } => "interpreter_relieved",
            Self::SeatAsked { .. } => "seat_asked",
            Self::SeatLeft { .. } => "seat_left",
            Self::LegConnected { .. } => "leg_connected",
            Self::LegBound { .. } => "leg_bound",
            Self::HoldBegan { .. } => "hold_began",
            Self::HoldEnded { .. } => "hold_ended",
            Self::LegDropped { .. } => "leg_dropped",
            Self::LegStillMissing { .. } => "leg_still_missing",
            Self::LegRestored { .. } => "leg_restored",
            Self::DialingStarted { .. } => "dialing_started",
            Self::DialingFailed { .. } => "dialing_failed",
            Self::CalledRang => "called_rang",
            Self::CalledAnswered { .. } => "called_answered",
            Self::Resumed { .. } => "resumed",
            Self::Ended { .. } => "ended",
        }
    }
}
