//! What happens to legs that were answered, and to an emergency call's that were lost.

use vrs_domain::{EndReason, Leg, Seat, Urgency, limit};

use super::Outcome::{self, End, Event};
use super::reasons::called_failed;
use super::{Why, crew};
use crate::session::event::{Dialog, EventKind};
use crate::session::state::Parties;

pub(super) fn first_media(parties: &Parties, leg: Leg) -> Result<Outcome, Why> {
    if !parties.has(leg) {
        Err(Why::NoSuchLeg)
    } else if parties.connected.has(leg) {
        Err(Why::AlreadySo)
    } else {
        Ok(Event(EventKind::LegConnected { leg }))
    }
}

pub(super) fn bound(parties: &Parties, leg: Leg, dialog: &Dialog) -> Result<Outcome, Why> {
    if !parties.has(leg) {
        Err(Why::NoSuchLeg)
    } else if parties.dialogs.get(&leg) == Some(dialog) {
        Err(Why::AlreadySo)
    } else {
        let dialog = dialog.clone();
        Ok(Event(EventKind::LegBound { leg, dialog }))
    }
}

/// Whoever has a leg may put the call on hold; nobody needs to be asked.
pub(super) fn hold_changed(parties: &Parties, leg: Leg, held: bool) -> Result<Outcome, Why> {
    if !parties.has(leg) || parties.missing.contains_key(&leg) {
        Err(Why::NoSuchLeg)
    } else if parties.held.has(leg) == held {
        Err(Why::AlreadySo)
    } else if held {
        Ok(Event(EventKind::HoldBegan { leg }))
    } else {
        Ok(Event(EventKind::HoldEnded { leg }))
    }
}

/// Whose wish ends a call: that of either party, and of the interpreter unless it is an emergency,
/// in which only the parties know when it is over.
pub(super) fn hung_up(parties: &Parties, leg: Leg) -> Result<Outcome, Why> {
    if let Some(seat) = leg.seat() {
        if is_emergency(parties) {
            return crew_gone(parties, seat);
        }
        let over = End(EndReason::InterpreterHungUp);
        return Ok(crew::left(parties, seat)?.unwrap_or(over));
    }
    if !parties.has(leg) {
        return Err(Why::NoSuchLeg);
    }
    if parties.missing.contains_key(&leg) {
        return Err(Why::AlreadySo);
    }
    Ok(End(match leg {
        Leg::Caller => EndReason::CallerHungUp,
        Leg::Callee => EndReason::CalleeHungUp,
        Leg::Hearing | Leg::Interpreter | Leg::Relief | Leg::Team | Leg::Supervisor => {
            EndReason::HearingHungUp
        }
    }))
}

/// A connection is gone for good. The conversation waits for another interpreter; an emergency
/// call waits for its parties, too (F21).
pub(super) fn gone(parties: &Parties, leg: Leg) -> Result<Outcome, Why> {
    if let Some(seat) = leg.seat() {
        return crew_gone(parties, seat);
    }
    if !parties.has(leg) {
        return Err(Why::NoSuchLeg);
    }
    if parties.missing.contains_key(&leg) {
        return Err(Why::AlreadySo);
    }
    if is_emergency(parties) {
        return Ok(Event(EventKind::LegDropped { leg }));
    }
    Ok(End(lost(leg)))
}

/// An interpreter is no longer there and the call goes on: with the relief, or another one is
/// sought.
fn crew_gone(parties: &Parties, seat: Seat) -> Result<Outcome, Why> {
    let gone = parties.crew.taken(seat).ok_or(Why::NoSuchLeg)?;
    let sought = EventKind::InterpreterLost {
        ca: gone.ca.clone(),
        epoch: gone.epoch,
    };
    Ok(crew::left(parties, seat)?.unwrap_or(Event(sought)))
}

/// Help is being called, through an interpreter.
fn is_emergency(parties: &Parties) -> bool {
    parties.urgency == Urgency::Emergency && parties.kind.is_relayed()
}

pub(super) const fn lost(leg: Leg) -> EndReason {
    match leg {
        Leg::Caller => EndReason::CallerLost,
        Leg::Hearing => EndReason::HearingLost,
        Leg::Callee => EndReason::CalleeLost,
        Leg::Interpreter | Leg::Relief | Leg::Team | Leg::Supervisor => EndReason::InterpreterLost,
    }
}

pub(super) fn restored(parties: &Parties, leg: Leg) -> Result<Outcome, Why> {
    if parties.missing.contains_key(&leg) {
        Ok(Event(EventKind::LegRestored { leg }))
    } else if parties.has(leg) {
        Err(Why::AlreadySo)
    } else {
        Err(Why::NoSuchLeg)
    }
}

/// Whoever waits for help is not given up: the telephone is called back for as long as its caller
/// is there (F18, F21). A caller who cannot be reached is, some time.
pub(super) fn restore_failed(parties: &Parties, leg: Leg) -> Result<Outcome, Why> {
    let waits =
        leg == parties.kind.called() && !parties.missing.contains_key(&parties.kind.calling());
    match parties.missing.get(&leg) {
        Some(tries) if *tries >= limit::EMERGENCY_RECALLS_MAX && !waits => Ok(End(lost(leg))),
        Some(_) => Ok(Event(EventKind::LegStillMissing { leg })),
        None if parties.has(leg) => Err(Why::AlreadySo),
        None => Err(Why::NoSuchLeg),
    }
}

/// An emergency call is dialled again, whatever the gateways say about the number, until somebody
/// hangs up: nobody who waits for help is sent away (F18, F21).
pub(super) fn dialing_failed(parties: &Parties, reason: EndReason) -> Result<Outcome, Why> {
    let over = called_failed(parties.kind, reason)?;
    if is_emergency(parties) {
        Ok(Event(EventKind::DialingFailed { reason }))
    } else {
        Ok(over)
    }
}
