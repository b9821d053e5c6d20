//! The fold: an event turns one state into the next, live and in replay alike.
//!
//! What it is not: it decides nothing; [`super::table`] did, when the event was made. It only
//! checks that the event can follow at all, so that a damaged journal is named and not believed.

use std::collections::BTreeMap;

use vrs_domain::{CaId, Epoch, Leg, Legs, Seat};

use super::crew::{Crew, Interpreter, Place};
use super::event::{CallEvent, EventKind, Placed};
use super::state::{Parties, State};
use super::talk::Talk;
use super::{ReplayError, Session};

/// The event cannot follow this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misfit;

/// The state that a session starts in.
pub(super) fn initial(placed: &Placed) -> State {
    let crew = if placed.kind.is_relayed() {
        Crew::wanted(0)
    } else {
        Crew::default()
    };
    State::RequestReceived {
        parties: Parties {
            kind: placed.kind,
            urgency: placed.urgency,
            crew,
            connected: Legs::default(),
            held: Legs::default(),
            absent: Legs::default(),
            missing: BTreeMap::new(),
            dialogs: BTreeMap::new(),
        },
    }
}

/// The state after `event`, which happened when the session clock showed `now_ms`.
pub(super) fn apply(state: &State, event: &EventKind, now_ms: u64) -> Result<State, Misfit> {
    let mut next = match event {
        EventKind::CallPlaced(_) => return Err(Misfit),
        EventKind::Ended { .. } => return end(state, event, now_ms),
        EventKind::DialingStarted { .. }
        | EventKind::DialingFailed { .. }
        | EventKind::CalledRang
        | EventKind::CalledAnswered { .. } => called(state, event, now_ms)?,
        EventKind::InterpreterAssigned { seat, .. } => {
            let mut next = state.clone();
            change(next.parties_mut().ok_or(Misfit)?, event, now_ms)?;
            match next {
                State::RequestReceived { parties } if *seat == Seat::Lead => {
                    State::InterpreterAssigned { parties }
                }
                State::RequestReceived { .. }
                | State::InterpreterAssigned { .. }
                | State::HearingPartyDialing { .. }
                | State::RelayActive { .. }
                | State::CallEnded { .. } => next,
            }
        }
        EventKind::InterpreterInvited { .. }
        | EventKind::InvitationDeclined { .. }
        | EventKind::InterpreterLost { .. }
        | EventKind::InterpreterRelieved { .. }
        | EventKind::SeatAsked { .. }
        | EventKind::SeatLeft { .. }
        | EventKind::LegConnected { .. }
        | EventKind::LegBound { .. }
        | EventKind::HoldBegan { .. }
        | EventKind::HoldEnded { .. }
        | EventKind::LegDropped { .. }
        | EventKind::LegStillMissing { .. }
        | EventKind::LegRestored { .. }
        | EventKind::Resumed { .. } => {
            let mut next = state.clone();
            change(next.parties_mut().ok_or(Misfit)?, event, now_ms)?;
            next
        }
    };
    if let State::RelayActive { parties, talk } = &mut next {
        if let EventKind::Resumed { alive_ms } = event {
            talk.close(*alive_ms);
        }
        let with = parties.are_complete().then(|| parties.crew.lead());
        talk.set(with, now_ms);
    }
    Ok(next)
}

/// What an event does to those who are there.
fn change(parties: &mut Parties, event: &EventKind, now_ms: u64) -> Result<(), Misfit> {
    match event {
        EventKind::InterpreterInvited { seat, ca, epoch } => invited(parties, *seat, ca, *epoch),
        EventKind::InvitationDeclined {
            seat, ca, epoch, ..
        } => {
            let (_, since_ms) = asked(parties, *seat, ca, *epoch)?;
            parties.crew.declines = parties.crew.declines.saturating_add(1);
            *parties.crew.place_mut(*seat) = Place::Sought { since_ms };
            Ok(())
        }
        EventKind::InterpreterAssigned {
            seat,
            ca,
            epoch,
            center,
        } => {
            let (mut interpreter, _) = asked(parties, *seat, ca, *epoch)?;
            interpreter.center.clone_from(center);
            *parties.crew.place_mut(*seat) = Place::Taken(interpreter);
            Ok(())
        }
        EventKind::InterpreterLost { ca, epoch } => {
            let lead = parties.crew.lead().ok_or(Misfit)?;
            if lead.ca != *ca || lead.epoch != *epoch {
                return Err(Misfit);
            }
            parties.crew.former = Some(lead.clone());
            *parties.crew.place_mut(Seat::Lead) = Place::Sought { since_ms: now_ms };
            forget(parties, Leg::Interpreter);
            Ok(())
        }
        EventKind::InterpreterRelieved { from, to } => relieved(parties, from, to),
        EventKind::SeatAsked { seat, .. } => {
            let place = parties.crew.place_mut(*seat);
            if *place != Place::Empty {
                return Err(Misfit);
            }
            *place = Place::Sought { since_ms: now_ms };
            Ok(())
        }
        EventKind::SeatLeft { seat } => {
            let place = parties.crew.place_mut(*seat);
            if *seat == Seat::Lead || *place == Place::Empty {
                return Err(Misfit);
            }
            *place = Place::Empty;
            forget(parties, seat.leg());
            Ok(())
        }
        EventKind::LegConnected { leg } => {
            if !parties.has(*leg) || parties.connected.has(*leg) {
                return Err(Misfit);
            }
            parties.connected = parties.connected.with(*leg);
            parties.absent = parties.absent.without(*leg);
            Ok(())
        }
        EventKind::LegBound { leg, dialog } => {
            if !parties.has(*leg) {
                return Err(Misfit);
            }
            parties.dialogs.insert(*leg, dialog.clone());
            Ok(())
        }
        EventKind::HoldBegan { leg } => {
            if !parties.has(*leg) || parties.held.has(*leg) {
                return Err(Misfit);
            }
            parties.held = parties.held.with(*leg);
            Ok(())
        }
        EventKind::HoldEnded { leg } => {
            if !parties.held.has(*leg) {
                return Err(Misfit);
            }
            parties.held = parties.held.without(*leg);
            Ok(())
        }
        EventKind::LegDropped { leg } => {
            if !parties.has(*leg) || parties.missing.insert(*leg, 0).is_some() {
                return Err(Misfit);
            }
            forget(parties, *leg);
            Ok(())
        }
        EventKind::LegStillMissing { leg } => {
            let tries = parties.missing.get_mut(leg).ok_or(Misfit)?;
            *tries = tries.saturating_add(1);
            Ok(())
        }
        EventKind::LegRestored { leg } => parties.missing.remove(leg).map(drop).ok_or(Misfit),
        EventKind::Resumed { .. } => {
            parties.connected = Legs::default();
            parties.absent = parties.dispersed();
            // Everybody is offered everything anew.
            parties.held = Legs::default();
            for &seat in Seat::ALL {
                let place = parties.crew.place_mut(seat);
                if let Place::Asked { since_ms, .. } = place {
                    *place = Place::Sought {
                        since_ms: *since_ms,
                    };
                }
            }
            Ok(())
        }
        EventKind::CallPlaced(_)
        | EventKind::DialingStarted { .. }
        | EventKind::DialingFailed { .. }
        | EventKind::CalledRang
        | EventKind::CalledAnswered { .. }
        | EventKind::Ended { .. } => Err(Misfit),
    }
}

fn invited(parties: &mut Parties, seat: Seat, ca: &CaId, epoch: Epoch) -> Result<(), Misfit> {
    let Place::Sought { since_ms } = *parties.crew.place(seat) else {
        return Err(Misfit);
    };
    if epoch <= parties.crew.latest {
        return Err(Misfit);
    }
    parties.crew.latest = epoch;
    *parties.crew.place_mut(seat) = Place::Asked {
        asked: Interpreter {
            ca: ca.clone(),
            epoch,
            center: None,
        },
        since_ms,
    };
    Ok(())
}

fn asked(
    parties: &Parties,
    seat: Seat,
    ca: &CaId,
    epoch: Epoch,
) -> Result<(Interpreter, u64), Misfit> {
    match parties.crew.place(seat) {
        Place::Asked { asked, since_ms } if asked.ca == *ca && asked.epoch == epoch => {
            Ok((asked.clone(), *since_ms))
        }
        Place::Asked { .. } | Place::Empty | Place::Sought { .. } | Place::Taken(_) => Err(Misfit),
    }
}

/// The relief's leg becomes the interpreter's, with all that belongs to it.
fn relieved(parties: &mut Parties, from: &CaId, to: &CaId) -> Result<(), Misfit> {
    let lead = parties.crew.lead().ok_or(Misfit)?;
    let relief = parties.crew.taken(Seat::Relief).ok_or(Misfit)?.clone();
    if lead.ca != *from || relief.ca != *to {
        return Err(Misfit);
    }
    let connected = parties.connected.has(Leg::Relief);
    let held = parties.held.has(Leg::Relief);
    let absent = parties.absent.has(Leg::Relief);
    let dialog = parties.dialogs.get(&Leg::Relief).cloned();
    forget(parties, Leg::Interpreter);
    forget(parties, Leg::Relief);
    if connected {
        parties.connected = parties.connected.with(Leg::Interpreter);
    }
    if held {
        parties.held = parties.held.with(Leg::Interpreter);
    }
    if absent {
        parties.absent = parties.absent.with(Leg::Interpreter);
    }
    if let Some(dialog) = dialog {
        parties.dialogs.insert(Leg::Interpreter, dialog);
    }
    *parties.crew.place_mut(Seat::Lead) = Place::Taken(relief);
    *parties.crew.place_mut(Seat::Relief) = Place::Empty;
    Ok(())
}

fn forget(parties: &mut Parties, leg: Leg) {
    parties.connected = parties.connected.without(leg);
    parties.held = parties.held.without(leg);
    parties.absent = parties.absent.without(leg);
    parties.dialogs.remove(&leg);
}

/// The calling of the other party.
fn called(state: &State, event: &EventKind, now_ms: u64) -> Result<State, Misfit> {
    let started = matches!(event, EventKind::DialingStarted { .. });
    let failed = matches!(event, EventKind::DialingFailed { .. });
    let rang = matches!(event, EventKind::CalledRang);
    match state {
        State::RequestReceived { parties } if started && !parties.kind.is_relayed() => {
            Ok(dialing(parties, now_ms, false, 0))
        }
        State::InterpreterAssigned { parties } if started || failed => {
            Ok(dialing(parties, now_ms, false, failed.into()))
        }
        State::HearingPartyDialing {
            parties,
            ringing,
            failures,
            since_ms,
        } => {
            if started {
                Ok(dialing(parties, now_ms, false, *failures))
            } else if failed {
                Ok(dialing(parties, now_ms, false, failures.saturating_add(1)))
            } else if rang && !*ringing {
                Ok(dialing(parties, *since_ms, true, *failures))
            } else if matches!(event, EventKind::CalledAnswered { .. }) {
                Ok(State::RelayActive {
                    parties: parties.clone(),
                    talk: Talk::default(),
                })
            } else {
                Err(Misfit)
            }
        }
        State::InterpreterAssigned { .. }
        | State::RequestReceived { .. }
        | State::RelayActive { .. }
        | State::CallEnded { .. } => Err(Misfit),
    }
}

fn dialing(parties: &Parties, since_ms: u64, ringing: bool, failures: u32) -> State {
    State::HearingPartyDialing {
        parties: parties.clone(),
        since_ms,
        ringing,
        failures,
    }
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
    let mut stretches = Vec::new();
    if let State::RelayActive { talk, .. } = state {
        let mut talk = talk.clone();
        talk.close(now_ms);
        stretches = talk.stretches().to_vec();
    }
    Ok(State::CallEnded {
        reason: *reason,
        stage: *stage,
        interpreter: last_lead(state).cloned(),
        telephone: state.telephone_after(*reason),
        session_ms: *session_ms,
        conversation_ms: *conversation_ms,
        stretches,
    })
}

fn last_lead(state: &State) -> Option<&Interpreter> {
    let former = || state.parties()?.crew.former.as_ref();
    state.interpreter().or_else(former)
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
