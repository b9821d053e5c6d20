//! What happens to the interpreters' seats; the same in every state that goes on.

use vrs_domain::{CaId, CallCenter, Epoch, ReliefReason, Seat, limit};

use super::Outcome::{self, Event};
use super::Why;
use crate::session::crew::Place;
use crate::session::event::EventKind;
use crate::session::input::Decline;
use crate::session::state::Parties;
use crate::session::talk::Talk;

pub(super) fn matched(
    parties: &Parties,
    seat: Seat,
    ca: &CaId,
    epoch: Epoch,
) -> Result<Outcome, Why> {
    parties.crew.may_invite(seat, epoch)?;
    Ok(Event(EventKind::InterpreterInvited {
        seat,
        ca: ca.clone(),
        epoch,
    }))
}

pub(super) fn accepted(
    parties: &Parties,
    seat: Seat,
    ca: &CaId,
    epoch: Epoch,
    center: Option<&CallCenter>,
) -> Result<Outcome, Why> {
    parties.crew.is_asked(seat, ca, epoch)?;
    Ok(Event(EventKind::InterpreterAssigned {
        seat,
        ca: ca.clone(),
        epoch,
        center: center.cloned(),
    }))
}

pub(super) fn declined(
    parties: &Parties,
    seat: Seat,
    ca: &CaId,
    epoch: Epoch,
    how: Decline,
) -> Result<Outcome, Why> {
    parties.crew.is_asked(seat, ca, epoch)?;
    Ok(Event(EventKind::InvitationDeclined {
        seat,
        ca: ca.clone(),
        epoch,
        how,
    }))
}

/// Only the lead can ask, and for a change of shift only after ten minutes of conversation with
/// them (47 CFR 64.604(a)(1)(v), F4). `talk` is the conversation and the session clock.
pub(super) fn seat_asked(
    parties: &Parties,
    talk: Option<(&Talk, u64)>,
    seat: Seat,
    reason: Option<ReliefReason>,
) -> Result<Outcome, Why> {
    let lead = parties.crew.lead().ok_or(Why::NoInterpreter)?;
    match (seat, reason) {
        (Seat::Lead, _) | (Seat::Relief, None) | (Seat::Team | Seat::Supervisor, Some(_)) => {
            return Err(Why::ReasonDoesNotFit);
        }
        (Seat::Relief, Some(reason)) if !reason.is_at_once() => {
            let talked_ms = talk.map_or(0, |(talk, now)| talk.with_lead_ms(&lead.ca, now));
            if u128::from(talked_ms) < limit::RELIEF_AFTER.as_millis() {
                return Err(Why::BeforeTenMinutes);
            }
        }
        (Seat::Relief, Some(_)) | (Seat::Team | Seat::Supervisor, None) => {}
    }
    match parties.crew.place(seat) {
        Place::Empty => Ok(Event(EventKind::SeatAsked { seat, reason })),
        Place::Sought { .. } | Place::Asked { .. } | Place::Taken(_) => Err(Why::AlreadySo),
    }
}

pub(super) fn seat_withdrawn(parties: &Parties, seat: Seat) -> Result<Outcome, Why> {
    if seat == Seat::Lead {
        return Err(Why::NoSuchLeg);
    }
    match parties.crew.place(seat) {
        Place::Sought { .. } | Place::Asked { .. } => Ok(Event(EventKind::SeatLeft { seat })),
        Place::Empty => Err(Why::AlreadySo),
        Place::Taken(_) => Err(Why::TooLate),
    }
}

/// An interpreter is no longer there: the relief takes the lead, another seat is left. `None`
/// when it is the lead and nobody stands ready.
pub(super) fn left(parties: &Parties, seat: Seat) -> Result<Option<Outcome>, Why> {
    let gone = parties.crew.taken(seat).ok_or(Why::NoSuchLeg)?;
    if seat != Seat::Lead {
        return Ok(Some(Event(EventKind::SeatLeft { seat })));
    }
    let relief = parties.crew.taken(Seat::Relief);
    Ok(relief.map(|relief| {
        Event(EventKind::InterpreterRelieved {
            from: gone.ca.clone(),
            to: relief.ca.clone(),
        })
    }))
}
