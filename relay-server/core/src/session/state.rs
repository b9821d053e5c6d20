//! The state of a session: five variants, each with its own data.

use std::collections::BTreeMap;

use vrs_domain::{CallKind, EndReason, Leg, Legs, SessionState, TelephoneState, Urgency};

use super::crew::{Crew, Interpreter};
use super::event::Dialog;
use super::talk::{Stretch, Talk};

/// Who is in a session that is going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parties {
    /// What kind of call it is.
    pub kind: CallKind,
    /// How urgent.
    pub urgency: Urgency,
    /// The interpreters.
    pub crew: Crew,
    /// Whose media has been connected at least once since they joined.
    pub connected: Legs,
    /// Who put the call on hold.
    pub held: Legs,
    /// Whose media has not come back since a restart of the server.
    pub absent: Legs,
    /// Legs of an emergency call that were lost and are being called back (F21), with how often.
    pub missing: BTreeMap<Leg, u32>,
    /// By what each answered leg is found again after a restart.
    pub dialogs: BTreeMap<Leg, Dialog>,
}

impl Parties {
    /// Whether all who have to be there for a conversation are: an interpreter, above all, whom
    /// the caller sees (47 CFR 64.604(c)(5)(iii)(E) pays for conversation, F33).
    #[must_use]
    pub fn are_complete(&self) -> bool {
        let seen = self.connected.has(Leg::Interpreter);
        let led = !self.kind.is_relayed() || (self.crew.lead().is_some() && seen);
        let needed = [self.kind.calling(), self.kind.called(), Leg::Interpreter];
        led && self.missing.is_empty() && !needed.iter().any(|leg| self.absent.has(*leg))
    }

    /// Everybody who has to come back after a restart. The media of subscribers who talk to each
    /// other directly went on without the server; whoever is missing is called back anew.
    pub(super) fn dispersed(&self) -> Legs {
        let away = |leg: &&Leg| self.has(**leg) && !self.missing.contains_key(leg);
        let relayed = Leg::ALL.iter().filter(|_| self.kind.is_relayed());
        relayed
            .filter(away)
            .fold(Legs::default(), |legs, leg| legs.with(*leg))
    }

    /// Whether `leg` belongs to a call of this kind, the interpreters' as far as they have a seat.
    #[must_use]
    pub fn has(&self, leg: Leg) -> bool {
        match leg.seat() {
            Some(seat) => self.crew.taken(seat).is_some(),
            None => leg == self.kind.calling() || leg == self.kind.called(),
        }
    }
}

/// Where a session stands. Times are milliseconds on the session clock (0 = call placed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Somebody asked for a call; an interpreter is being found. A call between subscribers goes
    /// straight on.
    RequestReceived {
        /// Who is there: the calling leg, and whoever is asked for the lead.
        parties: Parties,
    },
    /// An interpreter took the session; they and whoever called see or hear each other.
    InterpreterAssigned {
        /// Who is there.
        parties: Parties,
    },
    /// The other party is being called: the telephone, or the subscriber's devices.
    HearingPartyDialing {
        /// Who is there.
        parties: Parties,
        /// When the calling began.
        since_ms: u64,
        /// Whether it rings at the other end.
        ringing: bool,
        /// How often an emergency call's dialling has failed so far.
        failures: u32,
    },
    /// Everybody talks.
    RelayActive {
        /// Who is there.
        parties: Parties,
        /// The conversation clock; its zero is the answer of whoever was called (F33).
        talk: Talk,
    },
    /// Over.
    CallEnded {
        /// Why.
        reason: EndReason,
        /// The state it ended in.
        stage: SessionState,
        /// Who interpreted last, if anybody had taken it.
        interpreter: Option<Interpreter>,
        /// How the called leg came out.
        telephone: TelephoneState,
        /// From call placed to end.
        session_ms: u64,
        /// All conversation.
        conversation_ms: u64,
        /// The conversation, stretch by stretch.
        stretches: Vec<Stretch>,
    },
}

impl State {
    /// The state's canonical name.
    #[must_use]
    pub const fn name(&self) -> SessionState {
        match self {
            Self::RequestReceived { .. } => SessionState::RequestReceived,
            Self::InterpreterAssigned { .. } => SessionState::InterpreterAssigned,
            Self::HearingPartyDialing { .. } => SessionState::HearingPartyDialing,
            Self::RelayActive { .. } => SessionState::RelayActive,
            Self::CallEnded { .. } => SessionState::CallEnded,
        }
    }

    /// Who is there, while it goes on.
    #[must_use]
    pub const fn parties(&self) -> Option<&Parties> {
        match self {
            Self::RequestReceived { parties }
            | Self::InterpreterAssigned { parties }
            | Self::HearingPartyDialing { parties, .. }
            | Self::RelayActive { parties, .. } => Some(parties),
            Self::CallEnded { .. } => None,
        }
    }

    pub(super) const fn parties_mut(&mut self) -> Option<&mut Parties> {
        match self {
            Self::RequestReceived { parties }
            | Self::InterpreterAssigned { parties }
            | Self::HearingPartyDialing { parties, .. }
            | Self::RelayActive { parties, .. } => Some(parties),
            Self::CallEnded { .. } => None,
        }
    }

    /// Who interprets or interpreted; nobody while one is sought.
    #[must_use]
    pub const fn interpreter(&self) -> Option<&Interpreter> {
        match self {
            Self::RequestReceived { parties }
            | Self::InterpreterAssigned { parties }
            | Self::HearingPartyDialing { parties, .. }
            | Self::RelayActive { parties, .. } => parties.crew.lead(),
            Self::CallEnded { interpreter, .. } => interpreter.as_ref(),
        }
    }

    /// What the called leg is doing.
    #[must_use]
    pub const fn telephone(&self) -> TelephoneState {
        match self {
            Self::RequestReceived { .. } | Self::InterpreterAssigned { .. } => TelephoneState::Idle,
            Self::HearingPartyDialing { ringing: false, .. } => TelephoneState::Dialing,
            Self::HearingPartyDialing { ringing: true, .. } => TelephoneState::Ringing,
            Self::RelayActive { .. } => TelephoneState::Answered,
            Self::CallEnded { telephone, .. } => *telephone,
        }
    }

    /// The conversation clock when the session clock shows `session_ms`: it starts when whoever
    /// is called answers, never at ringing (F33, F43), stands while somebody needed is missing,
    /// and stops when the session ends.
    #[must_use]
    pub fn conversation_ms(&self, session_ms: u64) -> u64 {
        match self {
            Self::RequestReceived { .. }
            | Self::InterpreterAssigned { .. }
            | Self::HearingPartyDialing { .. } => 0,
            Self::RelayActive { talk, .. } => talk.total_ms(session_ms),
            Self::CallEnded {
                conversation_ms, ..
            } => *conversation_ms,
        }
    }

    /// How the called leg comes out when a session in this state ends for `reason`.
    #[must_use]
    pub(super) const fn telephone_after(&self, reason: EndReason) -> TelephoneState {
        let failed = match self {
            Self::RelayActive { .. } | Self::CallEnded { .. } => TelephoneState::Ended,
            Self::RequestReceived { .. }
            | Self::InterpreterAssigned { .. }
            | Self::HearingPartyDialing { .. } => TelephoneState::Failed,
        };
        match reason {
            EndReason::HearingBusy | EndReason::SubscriberBusy => TelephoneState::Busy,
            EndReason::HearingNoAnswer | EndReason::SubscriberNoAnswer => TelephoneState::NoAnswer,
            EndReason::NumberRefused
            | EndReason::NumberInvalid
            | EndReason::NumberUnknown
            | EndReason::SubscriberDeclined
            | EndReason::SubscriberOffline
            | EndReason::TrunkUnavailable => failed,
            EndReason::CallerHungUp
            | EndReason::InterpreterHungUp
            | EndReason::HearingHungUp
            | EndReason::CalleeHungUp
            | EndReason::CallerCancelled
            | EndReason::NoInterpreter
            | EndReason::QueueFull
            | EndReason::CallerLost
            | EndReason::InterpreterLost
            | EndReason::HearingLost
            | EndReason::CalleeLost
            | EndReason::AnsweredElsewhere
            | EndReason::Relieved
            | EndReason::InvitationTimedOut
            | EndReason::MediaFailed
            | EndReason::MediaRefused
            | EndReason::NoCommonCodec
            | EndReason::LanguageUnknown
            | EndReason::KindUnsupported
            | EndReason::RequestInvalid
            | EndReason::TooManyCalls
            | EndReason::NotAllowed
            | EndReason::ServiceStopping
            | EndReason::JournalUnavailable
            | EndReason::ServerRestarted => match self {
                Self::RequestReceived { .. } | Self::InterpreterAssigned { .. } => {
                    TelephoneState::Idle
                }
                Self::HearingPartyDialing { .. }
                | Self::RelayActive { .. }
                | Self::CallEnded { .. } => TelephoneState::Ended,
            },
        }
    }
}
