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
    /// For how long the server had been up, in milliseconds, all its lives taken together.
    pub up_ms: u64,
    /// What.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What happened. Numbers, languages, reasons and states are the words of `vrs-domain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// The request was taken.
    CallPlaced(Box<Placed>),
    /// An interpreter is being asked.
    InterpreterInvited {
        /// `lead`, `relief`, `team` or `supervisor`.
        seat: String,
        /// CA id.
        interpreter: String,
        /// Number of the asking.
        epoch: u32,
    },
    /// The asked interpreter will not take it.
    InvitationDeclined {
        /// Which seat.
        seat: String,
        /// CA id.
        interpreter: String,
        /// Number of the asking.
        epoch: u32,
        /// `declined`, `timed_out` or `lost`.
        how: String,
    },
    /// An interpreter took the seat.
    InterpreterAssigned {
        /// Which seat.
        seat: String,
        /// CA id.
        interpreter: String,
        /// Number of the assignment.
        epoch: u32,
        /// Call centre or home workstation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        center: Option<String>,
    },
    /// The lead was lost; another one is sought.
    InterpreterLost {
        /// CA id.
        interpreter: String,
        /// Number of the assignment.
        epoch: u32,
    },
    /// The relief has the lead.
    InterpreterRelieved {
        /// CA id of who had it.
        from: String,
        /// CA id of who has it.
        to: String,
    },
    /// The lead asked for another interpreter.
    SeatAsked {
        /// Which seat.
        seat: String,
        /// Why, for a relief.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A seat other than the lead's is empty again.
    SeatLeft {
        /// Which seat.
        seat: String,
    },
    /// A leg's media came up.
    LegConnected {
        /// `caller`, `interpreter`, `hearing`, `callee`, `relief`, `team` or `supervisor`.
        leg: String,
    },
    /// A leg was answered.
    LegBound {
        /// Which leg.
        leg: String,
        /// By what the signalling task finds it again.
        dialog: String,
    },
    /// A party put the call on hold.
    HoldBegan {
        /// Whose leg.
        leg: String,
    },
    /// They took it back.
    HoldEnded {
        /// Whose leg.
        leg: String,
    },
    /// A leg of an emergency call was lost and is called back.
    LegDropped {
        /// Which leg.
        leg: String,
    },
    /// Calling it back did not succeed.
    LegStillMissing {
        /// Which leg.
        leg: String,
    },
    /// It is back.
    LegRestored {
        /// Which leg.
        leg: String,
    },
    /// The other party is being called.
    DialingStarted {
        /// IP address it went to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// An emergency call's dialling failed and is tried again.
    DialingFailed {
        /// Why: a word of the reason list.
        reason: String,
    },
    /// It rings at the called party's.
    CalledRang,
    /// The called party answered.
    CalledAnswered {
        /// Its IP address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// The server restarted and the session goes on.
    Resumed {
        /// Until when the server is known to have been there, on the session clock.
        alive_ms: u64,
    },
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

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// `relay_outbound`, `relay_inbound` or `point_to_point`.
    pub call: String,
    /// `emergency`, `urgent` or `standard`.
    pub urgency: String,
    /// Who calls; missing when the network withholds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Whether the called party does not see who calls.
    #[serde(default, skip_serializing_if = "is_false")]
    pub anonymous: bool,
    /// The called number.
    pub number: String,
    /// Such as `ase/en`.
    pub languages: String,
    /// A field such as `medical`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    /// Such as `female`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// IP address the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The address that was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Placed {
    /// A standard call from a subscriber to a telephone, without any wish.
    #[must_use]
    pub fn outbound(caller: &str, number: &str, languages: &str) -> Self {
        Self {
            call: "relay_outbound".into(),
            urgency: "standard".into(),
            caller: Some(caller.into()),
            anonymous: false,
            number: number.into(),
            languages: languages.into(),
            skill: None,
            gender: None,
            address: None,
            url: None,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}
