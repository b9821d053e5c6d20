//! What the driver has to do once an event is in the journal.

use std::time::Duration;

use vrs_domain::{CaId, EndReason, Epoch, Gender, LanguagePair, Leg, Seat, Skill, Urgency, limit};

use super::crew::Place;
use super::event::{EventKind, Placed};
use super::input::Decline;
use super::state::{Parties, State};

/// An order to the driver. Orders are carried out in the given order, after the event they came
/// with is in the journal, and never fail the session by themselves: what comes of them comes
/// back as an [`super::Input`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// [`crate::queue::Queue::enter`].
    EnterQueue {
        /// For which seat.
        seat: Seat,
        /// Between which languages.
        languages: LanguagePair,
        /// A field in which the interpreter should be trained.
        skill: Option<Skill>,
        /// Who the interpreter should be (F5).
        gender: Option<Gender>,
        /// Emergency calls come first (F18).
        urgency: Urgency,
    },
    /// Send the invitation to the interpreter.
    Invite {
        /// For which seat.
        seat: Seat,
        /// Whom.
        ca: CaId,
        /// Goes with the invitation and comes back with the answer.
        epoch: Epoch,
    },
    /// Take an invitation back; nothing happens if it is gone already.
    CancelInvitation {
        /// For which seat.
        seat: Seat,
        /// Whose.
        ca: CaId,
        /// Of that asking.
        epoch: Epoch,
        /// What the interpreter is told.
        reason: EndReason,
    },
    /// [`crate::queue::Queue::vacate`]: nobody is wanted for this seat, or whoever had it is free.
    LeaveSeat {
        /// Which.
        seat: Seat,
    },
    /// [`crate::queue::Queue::relieve`]: the relief's leg is the interpreter's from now on.
    Relieve,
    /// Tell whoever called that it rings at the other end.
    RingCalling,
    /// Answer whoever called (200) and join them with the others.
    AnswerCalling,
    /// Refuse the request, which was never answered, with the reason's status.
    RefuseCalling {
        /// Why.
        reason: EndReason,
    },
    /// Call the other party: the telephone, or all devices of the subscriber at once;
    /// [`super::Input::DialStarted`] follows, or [`super::Input::CalledFailed`].
    Call {
        /// After this time.
        after: Duration,
    },
    /// Call a lost party of an emergency call back (F21); [`super::Input::Restored`] follows, or
    /// [`super::Input::RestoreFailed`].
    Recall {
        /// Which.
        leg: Leg,
        /// After this time.
        after: Duration,
    },
    /// Take up every leg again after a restart.
    Reconnect,
    /// Send each party the new state of the session.
    TellParties,
    /// End a leg that was answered or is being called; nothing happens if it is gone already.
    HangUp {
        /// Which.
        leg: Leg,
        /// Why the session ended.
        reason: EndReason,
    },
    /// Close the room and every media port of this session.
    CloseMedia,
    /// [`crate::queue::Queue::leave`]: the session waits no longer, its interpreters are free.
    LeaveQueue,
}

/// What follows from `event`, which happened in `before`.
pub(super) fn actions(before: &State, event: &EventKind, placed: &Placed) -> Vec<Action> {
    match event {
        EventKind::CallPlaced(placed) if placed.kind.is_relayed() => {
            vec![enter(Seat::Lead, placed.urgency, placed)]
        }
        EventKind::CallPlaced(_) => vec![call(Duration::ZERO)],
        EventKind::InterpreterInvited { seat, ca, epoch } => vec![Action::Invite {
            seat: *seat,
            ca: ca.clone(),
            epoch: *epoch,
        }],
        EventKind::InvitationDeclined {
            seat,
            ca,
            epoch,
            how,
        } => cancel_declined(*seat, ca, *epoch, *how),
        EventKind::InterpreterAssigned { .. } => assigned(before),
        EventKind::InterpreterLost { .. } => vec![
            hang_up(Leg::Interpreter, EndReason::InterpreterLost),
            Action::LeaveSeat { seat: Seat::Lead },
            // Those who talked already come before those who wait for their first interpreter.
            enter(Seat::Lead, placed.urgency.min(Urgency::Urgent), placed),
            Action::TellParties,
        ],
        EventKind::InterpreterRelieved { .. } => vec![
            hang_up(Leg::Interpreter, EndReason::Relieved),
            Action::Relieve,
            Action::TellParties,
        ],
        EventKind::SeatAsked { seat, .. } => vec![
            enter(*seat, placed.urgency.min(Urgency::Urgent), placed),
            Action::TellParties,
        ],
        EventKind::SeatLeft { seat } => seat_left(before, *seat),
        EventKind::LegConnected { .. } | EventKind::LegBound { .. } => Vec::new(),
        EventKind::LegDropped { leg } => vec![
            hang_up(*leg, lost(*leg)),
            recall(*leg, Duration::ZERO),
            Action::TellParties,
        ],
        EventKind::LegStillMissing { leg } => vec![recall(*leg, pause(tries(before, *leg)))],
        EventKind::DialingFailed { reason } => vec![
            // Whoever did not answer in time rings still.
            hang_up(placed.kind.called(), *reason),
            call(pause(failures(before))),
            Action::TellParties,
        ],
        EventKind::CalledRang if !placed.kind.is_relayed() => {
            vec![Action::RingCalling, Action::TellParties]
        }
        EventKind::CalledAnswered { .. } if !placed.kind.is_relayed() => {
            vec![Action::AnswerCalling, Action::TellParties]
        }
        EventKind::HoldBegan { .. }
        | EventKind::HoldEnded { .. }
        | EventKind::LegRestored { .. }
        | EventKind::DialingStarted { .. }
        | EventKind::CalledRang
        | EventKind::CalledAnswered { .. } => vec![Action::TellParties],
        EventKind::Resumed { .. } => resumed(before, placed),
        EventKind::Ended { reason, .. } => ended(before, *reason),
    }
}

fn enter(seat: Seat, urgency: Urgency, placed: &Placed) -> Action {
    Action::EnterQueue {
        seat,
        languages: placed.languages,
        skill: placed.skill,
        gender: placed.gender,
        urgency,
    }
}

/// The wait after so many tries of an emergency call.
fn pause(tries: u32) -> Duration {
    let tries = tries.saturating_add(1).min(limit::EMERGENCY_RECALLS_MAX);
    limit::EMERGENCY_RECALL_PAUSE * tries
}

fn tries(before: &State, leg: Leg) -> u32 {
    let parties = before.parties();
    let tries = parties.and_then(|parties| parties.missing.get(&leg));
    tries.copied().unwrap_or_default()
}

const fn failures(before: &State) -> u32 {
    match before {
        State::HearingPartyDialing { failures, .. } => *failures,
        State::RequestReceived { .. }
        | State::InterpreterAssigned { .. }
        | State::RelayActive { .. }
        | State::CallEnded { .. } => 0,
    }
}

const fn call(after: Duration) -> Action {
    Action::Call { after }
}

const fn recall(leg: Leg, after: Duration) -> Action {
    Action::Recall { leg, after }
}

const fn hang_up(leg: Leg, reason: EndReason) -> Action {
    Action::HangUp { leg, reason }
}

const fn lost(leg: Leg) -> EndReason {
    match leg {
        Leg::Caller => EndReason::CallerLost,
        Leg::Hearing => EndReason::HearingLost,
        Leg::Callee => EndReason::CalleeLost,
        Leg::Interpreter | Leg::Relief | Leg::Team | Leg::Supervisor => EndReason::InterpreterLost,
    }
}

/// The first interpreter sets the call going; a later one finds it going on.
fn assigned(before: &State) -> Vec<Action> {
    match before {
        State::RequestReceived { .. } => vec![
            Action::AnswerCalling,
            Action::TellParties,
            call(Duration::ZERO),
        ],
        State::InterpreterAssigned { .. }
        | State::HearingPartyDialing { .. }
        | State::RelayActive { .. }
        | State::CallEnded { .. } => vec![Action::TellParties],
    }
}

fn cancel_declined(seat: Seat, ca: &CaId, epoch: Epoch, how: Decline) -> Vec<Action> {
    let reason = match how {
        Decline::Declined => return Vec::new(),
        Decline::TimedOut => EndReason::InvitationTimedOut,
        Decline::Lost => EndReason::InterpreterLost,
    };
    vec![Action::CancelInvitation {
        seat,
        ca: ca.clone(),
        epoch,
        reason,
    }]
}

fn seat_left(before: &State, seat: Seat) -> Vec<Action> {
    let reason = EndReason::InterpreterHungUp;
    let mut actions = Vec::new();
    match before.parties().map(|parties| parties.crew.place(seat)) {
        Some(Place::Asked { asked, .. }) => actions.push(Action::CancelInvitation {
            seat,
            ca: asked.ca.clone(),
            epoch: asked.epoch,
            reason,
        }),
        Some(Place::Taken(_)) => actions.push(hang_up(seat.leg(), reason)),
        Some(Place::Empty | Place::Sought { .. }) | None => {}
    }
    actions.extend([Action::LeaveSeat { seat }, Action::TellParties]);
    actions
}

/// Invitations that were out when the server stopped are forgotten by now.
fn resumed(before: &State, placed: &Placed) -> Vec<Action> {
    let mut actions = vec![Action::Reconnect];
    let Some(parties) = before.parties() else {
        return actions;
    };
    for &seat in Seat::ALL {
        if let Place::Sought { .. } | Place::Asked { .. } = parties.crew.place(seat) {
            let urgency = placed.urgency.min(Urgency::Urgent);
            actions.push(enter(seat, urgency, placed));
        }
    }
    let missing = parties.missing.keys();
    actions.extend(missing.map(|leg| recall(*leg, limit::EMERGENCY_RECALL_PAUSE)));
    actions
}

/// Every leg that may still be there is hung up, so that none is left behind.
fn ended(before: &State, reason: EndReason) -> Vec<Action> {
    let mut actions = Vec::new();
    let Some(parties) = before.parties() else {
        return actions;
    };
    let unanswered = match before {
        State::RequestReceived { .. } => true,
        State::HearingPartyDialing { parties, .. } => !parties.kind.is_relayed(),
        State::InterpreterAssigned { .. } | State::RelayActive { .. } | State::CallEnded { .. } => {
            false
        }
    };
    let gone = gone_with(reason);
    let mut end = |leg| {
        if gone != Some(leg) {
            actions.push(hang_up(leg, reason));
        }
    };
    // In InterpreterAssigned the called party may be on its way without our knowing yet.
    if !matches!(before, State::RequestReceived { .. }) {
        end(parties.kind.called());
        if !unanswered {
            end(parties.kind.calling());
        }
        parties.crew.legs().for_each(&mut end);
    }
    // A caller who cancelled has had the answer to that already (RFC 3261 section 9.2).
    if unanswered && reason != EndReason::CallerCancelled {
        actions.push(Action::RefuseCalling { reason });
    }
    cancel_all(&mut actions, parties, reason);
    actions.push(Action::CloseMedia);
    // Last, so that the interpreter's next invitation cannot overtake this call's end.
    if parties.kind.is_relayed() {
        actions.push(Action::LeaveQueue);
    }
    actions
}

fn cancel_all(actions: &mut Vec<Action>, parties: &Parties, reason: EndReason) {
    for &seat in Seat::ALL {
        if let Some(asked) = parties.crew.asked(seat) {
            actions.push(Action::CancelInvitation {
                seat,
                ca: asked.ca.clone(),
                epoch: asked.epoch,
                reason,
            });
        }
    }
}

/// The leg that ended by itself when a session ends for `reason`.
const fn gone_with(reason: EndReason) -> Option<Leg> {
    match reason {
        EndReason::CallerHungUp => Some(Leg::Caller),
        EndReason::InterpreterHungUp => Some(Leg::Interpreter),
        EndReason::HearingHungUp => Some(Leg::Hearing),
        EndReason::CalleeHungUp => Some(Leg::Callee),
        EndReason::CallerCancelled
        | EndReason::NoInterpreter
        | EndReason::QueueFull
        | EndReason::HearingBusy
        | EndReason::HearingNoAnswer
        | EndReason::SubscriberBusy
        | EndReason::SubscriberNoAnswer
        | EndReason::SubscriberDeclined
        | EndReason::SubscriberOffline
        | EndReason::NumberUnknown
        | EndReason::NumberRefused
        | EndReason::NumberInvalid
        | EndReason::TrunkUnavailable
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
        | EndReason::ServerRestarted => None,
    }
}
