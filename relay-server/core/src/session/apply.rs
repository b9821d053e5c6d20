//! The fold: an event turns one state into the next, live and in replay alike.
//!
//! What it is not: it decides nothing; [`super::table`] did, when the event was made. It only
//! checks that the event can follow at all, so that a damaged journal is named and not believed.

use vrs_domain::Epoch;

use super::event::{CallEvent, EventKind};
use super::state::{Connected, Interpreter, State};
use super::{ReplayError, Session};

/// The event cannot follow this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misfit;

/// The state that every session starts in.
pub(super) const fn initial() -> State {
    State::RequestReceived {
        invited: None,
        latest: Epoch(0),
        declines: 0,
    }
}

/// The state after `event`, which happened when the session clock showed `session_ms`.
pub(super) fn apply(state: &State, event: &EventKind, session_ms: u64) -> Result<State, Misfit> {
    match event {
        EventKind::CallPlaced(_) => Err(Misfit),
        EventKind::InterpreterInvited { ca, epoch } => match state {
            State::RequestReceived {
                invited: None,
                latest,
                declines,
            } if epoch > latest => Ok(State::RequestReceived {
                invited: Some(Interpreter {
                    ca: ca.clone(),
                    epoch: *epoch,
                }),
                latest: *epoch,
                declines: *declines,
            }),
            State::RequestReceived { .. }
            | State::InterpreterAssigned { .. }
            | State::HearingPartyDialing { .. }
            | State::RelayActive { .. }
            | State::CallEnded { .. } => Err(Misfit),
        },
        EventKind::InvitationDeclined { ca, epoch, how: _ } => match state {
            State::RequestReceived {
                invited: Some(asked),
                latest,
                declines,
            } if asked.ca == *ca && asked.epoch == *epoch => Ok(State::RequestReceived {
                invited: None,
                latest: *latest,
                declines: declines.saturating_add(1),
            }),
            State::RequestReceived { .. }
            | State::InterpreterAssigned { .. }
            | State::HearingPartyDialing { .. }
            | State::RelayActive { .. }
            | State::CallEnded { .. } => Err(Misfit),
        },
        EventKind::InterpreterAssigned { ca, epoch } => match state {
            State::RequestReceived {
                invited: Some(asked),
                ..
            } if asked.ca == *ca && asked.epoch == *epoch => Ok(State::InterpreterAssigned {
                interpreter: asked.clone(),
                connected: Connected::default(),
            }),
            State::RequestReceived { .. }
            | State::InterpreterAssigned { .. }
            | State::HearingPartyDialing { .. }
            | State::RelayActive { .. }
            | State::CallEnded { .. } => Err(Misfit),
        },
        EventKind::LegConnected { leg } => connect(state, |connected| {
            (!connected.has(*leg)).then(|| connected.with(*leg))
        }),
        EventKind::DialingStarted => match state {
            State::InterpreterAssigned {
                interpreter,
                connected,
            } => Ok(State::HearingPartyDialing {
                interpreter: interpreter.clone(),
                connected: *connected,
                since_ms: session_ms,
                ringing: false,
            }),
            State::RequestReceived { .. }
            | State::HearingPartyDialing { .. }
            | State::RelayActive { .. }
            | State::CallEnded { .. } => Err(Misfit),
        },
        EventKind::TelephoneRang | EventKind::HearingAnswered => {
            telephone(state, event, session_ms)
        }
        EventKind::Ended { .. } => end(state, event, session_ms),
    }
}

/// The same state with other legs connected, unless `change` says that it cannot be.
fn connect(
    state: &State,
    change: impl FnOnce(Connected) -> Option<Connected>,
) -> Result<State, Misfit> {
    let mut next = state.clone();
    match &mut next {
        State::InterpreterAssigned { connected, .. }
        | State::HearingPartyDialing { connected, .. }
        | State::RelayActive { connected, .. } => *connected = change(*connected).ok_or(Misfit)?,
        State::RequestReceived { .. } | State::CallEnded { .. } => return Err(Misfit),
    }
    Ok(next)
}

fn telephone(state: &State, event: &EventKind, session_ms: u64) -> Result<State, Misfit> {
    let State::HearingPartyDialing {
        interpreter,
        connected,
        since_ms,
        ringing,
    } = state
    else {
        return Err(Misfit);
    };
    if matches!(event, EventKind::HearingAnswered) {
        return Ok(State::RelayActive {
            interpreter: interpreter.clone(),
            connected: *connected,
            since_ms: session_ms,
        });
    }
    if *ringing {
        return Err(Misfit);
    }
    Ok(State::HearingPartyDialing {
        interpreter: interpreter.clone(),
        connected: *connected,
        since_ms: *since_ms,
        ringing: true,
    })
}

fn end(state: &State, event: &EventKind, now_ms: u64) -> Result<State, Misfit> {
    let EventKind::Ended {
        reason,
        stage,
        session_ms,
        conversation_ms,
    } = event
    else {
        return Err(Misfit);
    };
    let over = matches!(state, State::CallEnded { .. });
    // The clocks in the event are the claim; what went before is the proof.
    let clocks = *session_ms == now_ms && *conversation_ms == state.conversation_ms(now_ms);
    if over || *stage != state.name() || !clocks {
        return Err(Misfit);
    }
    Ok(State::CallEnded {
        reason: *reason,
        stage: *stage,
        interpreter: state.interpreter().cloned(),
        telephone: state.telephone_after(*reason),
        session_ms: *session_ms,
        conversation_ms: *conversation_ms,
    })
}

/// Reads a session back from its events, in order. The result equals the live session that made
/// them; its clock stands still at the last event until [`Session::resume`].
///
/// # Errors
/// [`ReplayError`] names the first event that cannot be right.
pub fn replay<'a>(events: impl IntoIterator<Item = &'a CallEvent>) -> Result<Session, ReplayError> {
    let mut events = events.into_iter();
    let first = events.next().ok_or(ReplayError::Empty)?;
    let mut session = Session::begin(first)?;
    for event in events {
        session.apply(event)?;
    }
    Ok(session)
}
