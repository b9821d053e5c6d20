//! The table: for each state and input, the event that follows or why none does.
//!
//! What it is not: it changes nothing. [`super::Session::apply`] turns an event into the next state, for
//! the live session and for replay alike. Every match names every variant, so that a new state
//! or input has to be thought about here before anything compiles.

use vrs_domain::{CaId, EndReason, Epoch, Leg, SessionState};

use super::apply::apply;
use super::event::EventKind;
use super::input::Input;
use super::state::{Connected, Interpreter, State};

/// Why an input was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// A word from an earlier asking; its interpreter's leg is to be hung up.
    #[error("stale epoch")]
    StaleEpoch,
    /// This interpreter is not being asked; their leg is to be hung up.
    #[error("not invited")]
    NotInvited,
    /// Somebody is being asked already.
    #[error("already invited")]
    AlreadyInvited,
    /// Somebody took the session already.
    #[error("already assigned")]
    AlreadyAssigned,
    /// It is so already.
    #[error("already so")]
    AlreadySo,
    /// Something else has to happen first.
    #[error("too early")]
    TooEarly,
    /// The session has passed the point where this matters.
    #[error("too late")]
    TooLate,
    /// The session has no such leg in this state.
    #[error("no such leg")]
    NoSuchLeg,
    /// The reason is not one that this input may give.
    #[error("reason does not fit")]
    ReasonDoesNotFit,
    /// The session is over.
    #[error("call is over")]
    CallIsOver,
    /// Table and fold disagree; nothing was changed. A defect of this module.
    #[error("event does not fit")]
    EventDoesNotFit,
}

/// An input was refused and the session is as it was. Holds no private data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{input} refused in {state}: {why}")]
pub struct Refusal {
    /// The state the session is in.
    pub state: SessionState,
    /// The input's name.
    pub input: &'static str,
    /// Why.
    pub why: Why,
}

/// A permitted change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// What to record.
    pub event: EventKind,
    /// The state afterwards.
    pub next: State,
}

/// The single place where a session's state changes: what `input` does in `state` when the
/// session clock shows `session_ms`.
///
/// # Errors
/// [`Refusal`] when the table has no such transition; nothing changes then.
pub fn transition(state: &State, input: &Input, session_ms: u64) -> Result<Transition, Refusal> {
    let refuse = |why| Refusal {
        state: state.name(),
        input: input.word(),
        why,
    };
    let outcome = match state {
        State::RequestReceived {
            invited, latest, ..
        } => request_received(invited.as_ref(), *latest, input),
        State::InterpreterAssigned {
            interpreter,
            connected,
        } => interpreter_assigned(interpreter, *connected, input),
        State::HearingPartyDialing {
            interpreter,
            connected,
            ringing,
            ..
        } => hearing_party_dialing(interpreter, *connected, *ringing, input),
        State::RelayActive {
            interpreter,
            connected,
            ..
        } => relay_active(interpreter, *connected, input),
        State::CallEnded { .. } => call_ended(input),
    };
    let event = match outcome.map_err(refuse)? {
        Outcome::Event(event) => event,
        Outcome::End(reason) => EventKind::Ended {
            reason,
            stage: state.name(),
            session_ms,
            conversation_ms: state.conversation_ms(session_ms),
        },
    };
    let next = apply(state, &event, session_ms).map_err(|_misfit| refuse(Why::EventDoesNotFit))?;
    Ok(Transition { event, next })
}

/// What follows, before the clocks are read into it.
enum Outcome {
    Event(EventKind),
    End(EndReason),
}

use Outcome::{End, Event};

fn request_received(
    invited: Option<&Interpreter>,
    latest: Epoch,
    input: &Input,
) -> Result<Outcome, Why> {
    match input {
        Input::Matched { ca, epoch } => match invited {
            Some(_) => Err(Why::AlreadyInvited),
            None if *epoch <= latest => Err(Why::StaleEpoch),
            None => Ok(Event(EventKind::InterpreterInvited {
                ca: ca.clone(),
                epoch: *epoch,
            })),
        },
        Input::InvitationAccepted { ca, epoch } => {
            is_invited(invited, latest, ca, *epoch)?;
            Ok(Event(EventKind::InterpreterAssigned {
                ca: ca.clone(),
                epoch: *epoch,
            }))
        }
        Input::InvitationDeclined { ca, epoch, how } => {
            is_invited(invited, latest, ca, *epoch)?;
            Ok(Event(EventKind::InvitationDeclined {
                ca: ca.clone(),
                epoch: *epoch,
                how: *how,
            }))
        }
        Input::MediaConnected(_)
        | Input::DialStarted
        | Input::HearingRang
        | Input::HearingAnswered
        | Input::HearingFailed { .. } => Err(Why::TooEarly),
        Input::HungUp(Leg::Caller) => Ok(End(EndReason::CallerCancelled)),
        Input::Lost(Leg::Caller) => Ok(End(EndReason::CallerLost)),
        // An invited interpreter has no part in the session yet: theirs is InvitationDeclined.
        Input::HungUp(Leg::Interpreter | Leg::Hearing)
        | Input::Lost(Leg::Interpreter | Leg::Hearing) => Err(Why::NoSuchLeg),
        Input::Refused { reason } => refused(*reason, Stage::Waiting),
        Input::Stop => Ok(End(EndReason::ServiceStopping)),
        Input::Restarted => Ok(End(EndReason::ServerRestarted)),
    }
}

fn interpreter_assigned(
    interpreter: &Interpreter,
    connected: Connected,
    input: &Input,
) -> Result<Outcome, Why> {
    match input {
        Input::Matched { epoch, .. }
        | Input::InvitationAccepted { epoch, .. }
        | Input::InvitationDeclined { epoch, .. } => Err(assigned_already(interpreter, *epoch)),
        Input::MediaConnected(leg @ (Leg::Caller | Leg::Interpreter)) => {
            first_media(connected, *leg)
        }
        Input::MediaConnected(Leg::Hearing) => Err(Why::TooEarly),
        Input::DialStarted => Ok(Event(EventKind::DialingStarted)),
        Input::HearingRang | Input::HearingAnswered => Err(Why::TooEarly),
        // The dialling could not even begin: no trunk, or not a number that it takes.
        Input::HearingFailed { reason } => hearing_failed(*reason),
        Input::HungUp(leg @ (Leg::Caller | Leg::Interpreter)) => Ok(End(hung_up(*leg))),
        Input::Lost(leg @ (Leg::Caller | Leg::Interpreter)) => Ok(End(lost(*leg))),
        Input::HungUp(Leg::Hearing) | Input::Lost(Leg::Hearing) => Err(Why::NoSuchLeg),
        Input::Refused { reason } => refused(*reason, Stage::Assigned),
        Input::Stop => Ok(End(EndReason::ServiceStopping)),
        Input::Restarted => Ok(End(EndReason::ServerRestarted)),
    }
}

fn hearing_party_dialing(
    interpreter: &Interpreter,
    connected: Connected,
    ringing: bool,
    input: &Input,
) -> Result<Outcome, Why> {
    match input {
        Input::Matched { epoch, .. }
        | Input::InvitationAccepted { epoch, .. }
        | Input::InvitationDeclined { epoch, .. } => Err(assigned_already(interpreter, *epoch)),
        Input::MediaConnected(leg) => first_media(connected, *leg),
        Input::DialStarted => Err(Why::AlreadySo),
        Input::HearingRang if ringing => Err(Why::AlreadySo),
        Input::HearingRang => Ok(Event(EventKind::TelephoneRang)),
        Input::HearingAnswered => Ok(Event(EventKind::HearingAnswered)),
        Input::HearingFailed { reason } => hearing_failed(*reason),
        Input::HungUp(leg @ (Leg::Caller | Leg::Interpreter)) => Ok(End(hung_up(*leg))),
        // A telephone that was never answered cannot hang up: it fails.
        Input::HungUp(Leg::Hearing) => Err(Why::TooEarly),
        Input::Lost(leg) => Ok(End(lost(*leg))),
        Input::Refused { reason } => refused(*reason, Stage::Assigned),
        Input::Stop => Ok(End(EndReason::ServiceStopping)),
        Input::Restarted => Ok(End(EndReason::ServerRestarted)),
    }
}

fn relay_active(
    interpreter: &Interpreter,
    connected: Connected,
    input: &Input,
) -> Result<Outcome, Why> {
    match input {
        Input::Matched { epoch, .. }
        | Input::InvitationAccepted { epoch, .. }
        | Input::InvitationDeclined { epoch, .. } => Err(assigned_already(interpreter, *epoch)),
        Input::MediaConnected(leg) => first_media(connected, *leg),
        Input::HearingAnswered => Err(Why::AlreadySo),
        Input::DialStarted | Input::HearingRang | Input::HearingFailed { .. } => Err(Why::TooLate),
        Input::HungUp(leg) => Ok(End(hung_up(*leg))),
        Input::Lost(leg) => Ok(End(lost(*leg))),
        Input::Refused { reason } => refused(*reason, Stage::Assigned),
        Input::Stop => Ok(End(EndReason::ServiceStopping)),
        Input::Restarted => Ok(End(EndReason::ServerRestarted)),
    }
}

fn call_ended(input: &Input) -> Result<Outcome, Why> {
    match input {
        Input::Matched { .. }
        | Input::InvitationAccepted { .. }
        | Input::InvitationDeclined { .. }
        | Input::MediaConnected(_)
        | Input::DialStarted
        | Input::HearingRang
        | Input::HearingAnswered
        | Input::HearingFailed { .. }
        | Input::HungUp(_)
        | Input::Lost(_)
        | Input::Refused { .. }
        | Input::Stop
        | Input::Restarted => Err(Why::CallIsOver),
    }
}

/// Whether `ca` with `epoch` is the one being asked (Q4).
fn is_invited(
    invited: Option<&Interpreter>,
    latest: Epoch,
    ca: &CaId,
    epoch: Epoch,
) -> Result<(), Why> {
    match invited {
        Some(asked) if asked.ca == *ca && asked.epoch == epoch => Ok(()),
        Some(asked) if epoch < asked.epoch => Err(Why::StaleEpoch),
        None if epoch <= latest => Err(Why::StaleEpoch),
        Some(_) | None => Err(Why::NotInvited),
    }
}

/// Why a word about an invitation is refused once somebody has taken the session (Q1, Q4).
fn assigned_already(interpreter: &Interpreter, epoch: Epoch) -> Why {
    if epoch < interpreter.epoch {
        Why::StaleEpoch
    } else {
        Why::AlreadyAssigned
    }
}

fn first_media(connected: Connected, leg: Leg) -> Result<Outcome, Why> {
    if connected.has(leg) {
        return Err(Why::AlreadySo);
    }
    Ok(Event(EventKind::LegConnected { leg }))
}

const fn hung_up(leg: Leg) -> EndReason {
    match leg {
        Leg::Caller => EndReason::CallerHungUp,
        Leg::Interpreter => EndReason::InterpreterHungUp,
        Leg::Hearing => EndReason::HearingHungUp,
    }
}

const fn lost(leg: Leg) -> EndReason {
    match leg {
        Leg::Caller => EndReason::CallerLost,
        Leg::Interpreter => EndReason::InterpreterLost,
        Leg::Hearing => EndReason::HearingLost,
    }
}

/// How far a session is when the service refuses it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Assigned,
}

fn refused(reason: EndReason, stage: Stage) -> Result<Outcome, Why> {
    let fits = match reason {
        EndReason::MediaFailed | EndReason::NotAllowed | EndReason::JournalUnavailable => true,
        EndReason::NoInterpreter
        | EndReason::QueueFull
        | EndReason::NumberRefused
        | EndReason::NumberInvalid
        | EndReason::TrunkUnavailable => stage == Stage::Waiting,
        EndReason::CallerHungUp
        | EndReason::InterpreterHungUp
        | EndReason::HearingHungUp
        | EndReason::CallerCancelled
        | EndReason::HearingBusy
        | EndReason::HearingNoAnswer
        | EndReason::CallerLost
        | EndReason::InterpreterLost
        | EndReason::HearingLost
        | EndReason::InvitationTimedOut
        | EndReason::ServiceStopping
        | EndReason::ServerRestarted => false,
    };
    if fits {
        Ok(End(reason))
    } else {
        Err(Why::ReasonDoesNotFit)
    }
}

fn hearing_failed(reason: EndReason) -> Result<Outcome, Why> {
    match reason {
        EndReason::HearingBusy
        | EndReason::HearingNoAnswer
        | EndReason::NumberRefused
        | EndReason::NumberInvalid
        | EndReason::TrunkUnavailable
        | EndReason::MediaFailed => Ok(End(reason)),
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
        | EndReason::NotAllowed
        | EndReason::ServiceStopping
        | EndReason::JournalUnavailable
        | EndReason::ServerRestarted => Err(Why::ReasonDoesNotFit),
    }
}
