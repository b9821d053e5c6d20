//! The table: for each state and input, the event that follows or why none does.
//!
//! What it is not: it changes nothing. [`super::Session::apply`] turns an event into the next state, for
//! the live session and for replay alike. Every match names every variant, so that a new state
//! or input has to be thought about here before anything compiles.

mod crew;
mod legs;
mod reasons;

use vrs_domain::{CallKind, EndReason, SessionState};

use super::apply::apply;
use super::event::EventKind;
use super::input::Input;
use super::state::{Parties, State};
use super::talk::Talk;
use reasons::{called_failed, refused};

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
    /// Nobody is wanted for this seat.
    #[error("not sought")]
    NotSought,
    /// No interpreter leads this session.
    #[error("no interpreter")]
    NoInterpreter,
    /// The interpreter has to stay for ten minutes of conversation (F4).
    #[error("before ten minutes of conversation")]
    BeforeTenMinutes,
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
        State::RequestReceived { parties } => request_received(parties, input),
        State::InterpreterAssigned { parties } => interpreter_assigned(parties, input),
        State::HearingPartyDialing {
            parties,
            ringing,
            failures,
            ..
        } => hearing_party_dialing(parties, *ringing, *failures, input),
        State::RelayActive { parties, talk } => relay_active(parties, talk, input, session_ms),
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
#[derive(Debug)]
enum Outcome {
    Event(EventKind),
    End(EndReason),
}

use Outcome::{End, Event};

fn request_received(parties: &Parties, input: &Input) -> Result<Outcome, Why> {
    match input {
        Input::Matched { seat, ca, epoch } => crew::matched(parties, *seat, ca, *epoch),
        Input::InvitationAccepted {
            seat,
            ca,
            epoch,
            center,
        } => crew::accepted(parties, *seat, ca, *epoch, center.as_ref()),
        Input::InvitationDeclined {
            seat,
            ca,
            epoch,
            how,
        } => crew::declined(parties, *seat, ca, *epoch, *how),
        // A call between subscribers needs nobody else first.
        Input::DialStarted { address } if !parties.kind.is_relayed() => {
            Ok(Event(EventKind::DialingStarted { address: *address }))
        }
        Input::CalledFailed { reason } if !parties.kind.is_relayed() => {
            called_failed(parties.kind, *reason)
        }
        Input::SeatAsked { .. }
        | Input::SeatWithdrawn { .. }
        | Input::MediaConnected(_)
        | Input::LegBound { .. }
        | Input::DialStarted { .. }
        | Input::CalledRang
        | Input::CalledAnswered { .. }
        | Input::CalledFailed { .. }
        | Input::HoldChanged { .. }
        | Input::Restored(_)
        | Input::RestoreFailed(_)
        | Input::Resumed { .. } => Err(Why::TooEarly),
        Input::HungUp(leg) if *leg == parties.kind.calling() => Ok(End(EndReason::CallerCancelled)),
        Input::Lost(leg) if *leg == parties.kind.calling() => Ok(End(legs::lost(*leg))),
        // An invited interpreter has no part in the session yet: theirs is InvitationDeclined.
        Input::HungUp(_) | Input::Lost(_) => Err(Why::NoSuchLeg),
        Input::Refused { reason } => refused(*reason, parties, true),
        Input::Stop => Ok(End(EndReason::ServiceStopping)),
        Input::Restarted => Ok(End(EndReason::ServerRestarted)),
    }
}

fn interpreter_assigned(parties: &Parties, input: &Input) -> Result<Outcome, Why> {
    match input {
        Input::Matched { seat, ca, epoch } => crew::matched(parties, *seat, ca, *epoch),
        Input::InvitationAccepted {
            seat,
            ca,
            epoch,
            center,
        } => crew::accepted(parties, *seat, ca, *epoch, center.as_ref()),
        Input::InvitationDeclined {
            seat,
            ca,
            epoch,
            how,
        } => crew::declined(parties, *seat, ca, *epoch, *how),
        Input::SeatAsked { seat, reason } => crew::seat_asked(parties, None, *seat, *reason),
        Input::SeatWithdrawn { seat } => crew::seat_withdrawn(parties, *seat),
        Input::MediaConnected(leg) if *leg == parties.kind.called() => Err(Why::TooEarly),
        Input::MediaConnected(leg) => legs::first_media(parties, *leg),
        Input::LegBound { leg, .. } | Input::HoldChanged { leg, .. }
            if *leg == parties.kind.called() =>
        {
            Err(Why::TooEarly)
        }
        Input::LegBound { leg, dialog } => legs::bound(parties, *leg, dialog),
        Input::DialStarted { address } => {
            Ok(Event(EventKind::DialingStarted { address: *address }))
        }
        Input::CalledRang | Input::CalledAnswered { .. } | Input::Resumed { .. } => {
            Err(Why::TooEarly)
        }
        // The dialling could not even begin: no trunk, or not a number that it takes.
        Input::CalledFailed { reason } => legs::dialing_failed(parties, *reason),
        Input::HungUp(leg) | Input::Lost(leg) if *leg == parties.kind.called() => {
            Err(Why::NoSuchLeg)
        }
        Input::HungUp(leg) => legs::hung_up(parties, *leg),
        Input::Lost(leg) => legs::gone(parties, *leg),
        Input::HoldChanged { leg, held } => legs::hold_changed(parties, *leg, *held),
        Input::Restored(leg) => legs::restored(parties, *leg),
        Input::RestoreFailed(leg) => legs::restore_failed(parties, *leg),
        Input::Refused { reason } => refused(*reason, parties, false),
        Input::Stop => Ok(End(EndReason::ServiceStopping)),
        Input::Restarted => Ok(End(EndReason::ServerRestarted)),
    }
}

fn hearing_party_dialing(
    parties: &Parties,
    ringing: bool,
    failures: u32,
    input: &Input,
) -> Result<Outcome, Why> {
    match input {
        Input::Matched { seat, ca, epoch } => crew::matched(parties, *seat, ca, *epoch),
        Input::InvitationAccepted {
            seat,
            ca,
            epoch,
            center,
        } => crew::accepted(parties, *seat, ca, *epoch, center.as_ref()),
        Input::InvitationDeclined {
            seat,
            ca,
            epoch,
            how,
        } => crew::declined(parties, *seat, ca, *epoch, *how),
        Input::SeatAsked { seat, reason } => crew::seat_asked(parties, None, *seat, *reason),
        Input::SeatWithdrawn { seat } => crew::seat_withdrawn(parties, *seat),
        Input::MediaConnected(leg) => legs::first_media(parties, *leg),
        Input::LegBound { leg, dialog } => legs::bound(parties, *leg, dialog),
        // Over the next trunk, or an emergency call's next try.
        Input::DialStarted { address } if failures > 0 || dials(parties) => {
            Ok(Event(EventKind::DialingStarted { address: *address }))
        }
        Input::DialStarted { .. } => Err(Why::AlreadySo),
        Input::CalledRang if ringing => Err(Why::AlreadySo),
        Input::CalledRang => Ok(Event(EventKind::CalledRang)),
        Input::CalledAnswered { address } => {
            Ok(Event(EventKind::CalledAnswered { address: *address }))
        }
        Input::CalledFailed { reason } => legs::dialing_failed(parties, *reason),
        // Before the answer there is nobody at the other end who could hang up: it fails.
        Input::HungUp(leg) | Input::Lost(leg) | Input::HoldChanged { leg, .. }
            if *leg == parties.kind.called() =>
        {
            Err(Why::TooEarly)
        }
        // Between subscribers the caller has had no answer yet: this is their CANCEL.
        Input::HungUp(leg) if *leg == parties.kind.calling() && !parties.kind.is_relayed() => {
            Ok(End(EndReason::CallerCancelled))
        }
        Input::HungUp(leg) => legs::hung_up(parties, *leg),
        Input::Lost(leg) => legs::gone(parties, *leg),
        Input::HoldChanged { leg, held } => legs::hold_changed(parties, *leg, *held),
        Input::Restored(leg) => legs::restored(parties, *leg),
        Input::RestoreFailed(leg) => legs::restore_failed(parties, *leg),
        Input::Resumed { .. } => Err(Why::TooEarly),
        Input::Refused { reason } => refused(*reason, parties, false),
        Input::Stop => Ok(End(EndReason::ServiceStopping)),
        Input::Restarted => Ok(End(EndReason::ServerRestarted)),
    }
}

/// Whether a telephone is called, over one trunk after another.
const fn dials(parties: &Parties) -> bool {
    matches!(parties.kind, CallKind::RelayOutbound)
}

fn relay_active(
    parties: &Parties,
    talk: &Talk,
    input: &Input,
    session_ms: u64,
) -> Result<Outcome, Why> {
    match input {
        Input::Matched { seat, ca, epoch } => crew::matched(parties, *seat, ca, *epoch),
        Input::InvitationAccepted {
            seat,
            ca,
            epoch,
            center,
        } => crew::accepted(parties, *seat, ca, *epoch, center.as_ref()),
        Input::InvitationDeclined {
            seat,
            ca,
            epoch,
            how,
        } => crew::declined(parties, *seat, ca, *epoch, *how),
        Input::SeatAsked { seat, reason } => {
            crew::seat_asked(parties, Some((talk, session_ms)), *seat, *reason)
        }
        Input::SeatWithdrawn { seat } => crew::seat_withdrawn(parties, *seat),
        Input::MediaConnected(leg) => legs::first_media(parties, *leg),
        Input::LegBound { leg, dialog } => legs::bound(parties, *leg, dialog),
        Input::CalledAnswered { .. } => Err(Why::AlreadySo),
        Input::DialStarted { .. } | Input::CalledRang | Input::CalledFailed { .. } => {
            Err(Why::TooLate)
        }
        Input::HungUp(leg) => legs::hung_up(parties, *leg),
        Input::Lost(leg) => legs::gone(parties, *leg),
        Input::HoldChanged { leg, held } => legs::hold_changed(parties, *leg, *held),
        Input::Restored(leg) => legs::restored(parties, *leg),
        Input::RestoreFailed(leg) => legs::restore_failed(parties, *leg),
        Input::Refused { reason } => refused(*reason, parties, false),
        Input::Stop => Ok(End(EndReason::ServiceStopping)),
        Input::Resumed { alive_ms } => {
            // The word of a clock is held to what the record says.
            let earliest = talk.running_since().unwrap_or(0);
            let alive_ms = (*alive_ms).clamp(earliest.min(session_ms), session_ms);
            Ok(Event(EventKind::Resumed { alive_ms }))
        }
        Input::Restarted => Ok(End(EndReason::ServerRestarted)),
    }
}

fn call_ended(input: &Input) -> Result<Outcome, Why> {
    match input {
        Input::Matched { .. }
        | Input::InvitationAccepted { .. }
        | Input::InvitationDeclined { .. }
        | Input::SeatAsked { .. }
        | Input::SeatWithdrawn { .. }
        | Input::MediaConnected(_)
        | Input::LegBound { .. }
        | Input::DialStarted { .. }
        | Input::CalledRang
        | Input::CalledAnswered { .. }
        | Input::CalledFailed { .. }
        | Input::HungUp(_)
        | Input::Lost(_)
        | Input::HoldChanged { .. }
        | Input::Restored(_)
        | Input::RestoreFailed(_)
        | Input::Refused { .. }
        | Input::Stop
        | Input::Resumed { .. }
        | Input::Restarted => Err(Why::CallIsOver),
    }
}
