//! The state of a session: five variants, each with its own data.

use vrs_domain::{CaId, EndReason, Epoch, Leg, SessionState, TelephoneState};

/// An interpreter as one asking of this session knows them: the CA id and that asking's epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The interpreter's public number.
    pub ca: CaId,
    /// The epoch of this invitation, and of the assignment it becomes.
    pub epoch: Epoch,
}

/// Which legs have had their media connected at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connected {
    /// The caller's picture and sound have been connected.
    pub caller: bool,
    /// The interpreter's have been connected; this is when the interpreter has *answered* (F1).
    pub interpreter: bool,
    /// The telephone's sound has been connected.
    pub hearing: bool,
}

impl Connected {
    /// Whether `leg` has been connected.
    #[must_use]
    pub const fn has(self, leg: Leg) -> bool {
        match leg {
            Leg::Caller => self.caller,
            Leg::Interpreter => self.interpreter,
            Leg::Hearing => self.hearing,
        }
    }

    /// The same with `leg` connected.
    #[must_use]
    pub const fn with(mut self, leg: Leg) -> Self {
        match leg {
            Leg::Caller => self.caller = true,
            Leg::Interpreter => self.interpreter = true,
            Leg::Hearing => self.hearing = true,
        }
        self
    }
}

/// Where a session stands. Times are milliseconds on the session clock (0 = call placed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The caller asked; an interpreter is being found.
    RequestReceived {
        /// The one interpreter who is being asked now.
        invited: Option<Interpreter>,
        /// The newest epoch seen; only a newer one may be invited.
        latest: Epoch,
        /// How many invitations were declined, timed out or lost so far.
        declines: u32,
    },
    /// An interpreter took the session; caller and interpreter see each other.
    InterpreterAssigned {
        /// Who took it.
        interpreter: Interpreter,
        /// Whose media is up.
        connected: Connected,
    },
    /// The telephone is being called.
    HearingPartyDialing {
        /// Who interprets.
        interpreter: Interpreter,
        /// Whose media is up.
        connected: Connected,
        /// When dialling began.
        since_ms: u64,
        /// Whether the network said that it rings.
        ringing: bool,
    },
    /// All three talk.
    RelayActive {
        /// Who interprets.
        interpreter: Interpreter,
        /// Whose media is up.
        connected: Connected,
        /// When the telephone was answered: the conversation clock's zero (F33).
        since_ms: u64,
    },
    /// Over.
    CallEnded {
        /// Why.
        reason: EndReason,
        /// The state it ended in.
        stage: SessionState,
        /// Who interpreted, if anybody had taken it.
        interpreter: Option<Interpreter>,
        /// How the telephone leg came out.
        telephone: TelephoneState,
        /// From call placed to end.
        session_ms: u64,
        /// From telephone answered to end; 0 when it never was.
        conversation_ms: u64,
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

    /// Who interprets or interpreted; nobody while the session waits.
    #[must_use]
    pub const fn interpreter(&self) -> Option<&Interpreter> {
        match self {
            Self::RequestReceived { .. } => None,
            Self::InterpreterAssigned { interpreter, .. }
            | Self::HearingPartyDialing { interpreter, .. }
            | Self::RelayActive { interpreter, .. } => Some(interpreter),
            Self::CallEnded { interpreter, .. } => interpreter.as_ref(),
        }
    }

    /// What the telephone leg is doing.
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

    /// The conversation clock when the session clock shows `session_ms`: it starts when the
    /// telephone is answered, never at ringing (F33, F43), and stops when the session ends.
    #[must_use]
    pub const fn conversation_ms(&self, session_ms: u64) -> u64 {
        match self {
            Self::RequestReceived { .. }
            | Self::InterpreterAssigned { .. }
            | Self::HearingPartyDialing { .. } => 0,
            Self::RelayActive { since_ms, .. } => session_ms.saturating_sub(*since_ms),
            Self::CallEnded {
                conversation_ms, ..
            } => *conversation_ms,
        }
    }

    /// How the telephone leg comes out when a session in this state ends for `reason`.
    #[must_use]
    pub(super) const fn telephone_after(&self, reason: EndReason) -> TelephoneState {
        match reason {
            EndReason::HearingBusy => TelephoneState::Busy,
            EndReason::HearingNoAnswer => TelephoneState::NoAnswer,
            EndReason::NumberRefused | EndReason::NumberInvalid => TelephoneState::Failed,
            EndReason::TrunkUnavailable => match self {
                Self::RequestReceived { .. }
                | Self::InterpreterAssigned { .. }
                | Self::HearingPartyDialing { .. } => TelephoneState::Failed,
                Self::RelayActive { .. } | Self::CallEnded { .. } => TelephoneState::Ended,
            },
            EndReason::CallerHungUp
            | EndReason::InterpreterHungUp
            | EndReason::HearingHungUp
            | EndReason::CallerCancelled
            | EndReason::NoInterpreter
            | EndReason::QueueFull
            | EndReason::CallerLost
            | EndReason::InterpreterLost
            | EndReason::HearingLost
            | EndReason::InvitationTimedOut
            | EndReason::MediaFailed
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
