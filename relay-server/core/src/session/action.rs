//! What the driver has to do once an event is in the journal.

use vrs_domain::{CaId, EndReason, Epoch, LanguagePair, Leg, PhoneNumber};

use super::event::{EventKind, Placed};
use super::input::Decline;
use super::state::State;
use crate::queue::Priority;

/// An order to the driver. Orders are carried out in the given order, after the event they came
/// with is in the journal, and never fail the session by themselves: what comes of them comes
/// back as an [`super::Input`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// [`crate::queue::Queue::enter`].
    EnterQueue {
        /// Between which languages.
        languages: LanguagePair,
        /// Emergency calls come first (F18).
        priority: Priority,
    },
    /// Send the invitation to the interpreter.
    Invite {
        /// Whom.
        ca: CaId,
        /// Goes with the invitation and comes back with the answer.
        epoch: Epoch,
        /// The number to be called, for the interpreter's screen.
        number: PhoneNumber,
        /// Between which languages.
        languages: LanguagePair,
    },
    /// Take an invitation back; nothing happens if it is gone already.
    CancelInvitation {
        /// Whose.
        ca: CaId,
        /// Of that asking.
        epoch: Epoch,
        /// What the interpreter is told.
        reason: EndReason,
    },
    /// Answer the caller (200) and join caller and interpreter.
    AnswerCaller,
    /// Refuse the caller's request, which was never answered, with the reason's status.
    RefuseCaller {
        /// Why.
        reason: EndReason,
    },
    /// Call the telephone; [`super::Input::DialStarted`] follows, or
    /// [`super::Input::HearingFailed`].
    DialHearing {
        /// The number to call.
        number: PhoneNumber,
    },
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
    /// [`crate::queue::Queue::leave`]: the session waits no longer, its interpreter is free.
    LeaveQueue,
}

/// What follows from `event`, which happened in `before`.
pub(super) fn actions(before: &State, event: &EventKind, placed: &Placed) -> Vec<Action> {
    match event {
        EventKind::CallPlaced(placed) => vec![Action::EnterQueue {
            languages: placed.languages,
            priority: Priority::of(&placed.number),
        }],
        EventKind::InterpreterInvited { ca, epoch } => vec![Action::Invite {
            ca: ca.clone(),
            epoch: *epoch,
            number: placed.number.clone(),
            languages: placed.languages,
        }],
        EventKind::InvitationDeclined {
            how: Decline::Declined,
            ..
        } => Vec::new(),
        EventKind::InvitationDeclined {
            ca,
            epoch,
            how: how @ (Decline::TimedOut | Decline::Lost),
        } => vec![Action::CancelInvitation {
            ca: ca.clone(),
            epoch: *epoch,
            reason: if *how == Decline::TimedOut {
                EndReason::InvitationTimedOut
            } else {
                EndReason::InterpreterLost
            },
        }],
        EventKind::InterpreterAssigned { .. } => vec![
            Action::AnswerCaller,
            Action::TellParties,
            Action::DialHearing {
                number: placed.number.clone(),
            },
        ],
        EventKind::LegConnected { .. } => Vec::new(),
        EventKind::DialingStarted | EventKind::TelephoneRang | EventKind::HearingAnswered => {
            vec![Action::TellParties]
        }
        EventKind::Ended { reason, .. } => ended(before, *reason),
    }
}

/// Every leg that may still be there is hung up, so that none is left behind.
fn ended(before: &State, reason: EndReason) -> Vec<Action> {
    let mut actions = Vec::new();
    match before {
        State::RequestReceived { invited, .. } => {
            // A caller who cancelled has had the answer to that already (RFC 3261 section 9.2).
            if reason != EndReason::CallerCancelled {
                actions.push(Action::RefuseCaller { reason });
            }
            if let Some(asked) = invited {
                actions.push(Action::CancelInvitation {
                    ca: asked.ca.clone(),
                    epoch: asked.epoch,
                    reason,
                });
            }
        }
        // In InterpreterAssigned the telephone may be on its way without our knowing yet.
        State::InterpreterAssigned { .. }
        | State::HearingPartyDialing { .. }
        | State::RelayActive { .. } => {
            let gone = match reason {
                EndReason::CallerHungUp => Some(Leg::Caller),
                EndReason::InterpreterHungUp => Some(Leg::Interpreter),
                EndReason::HearingHungUp => Some(Leg::Hearing),
                EndReason::CallerCancelled
                | EndReason::NoInterpreter
                | EndReason::QueueFull
                | EndReason::HearingBusy
                | EndReason::HearingNoAnswer
                | EndReason::NumberRefused
                | EndReason::NumberInvalid
                | EndReason::TrunkUnavailable
                | EndReason::CallerLost
                | EndReason::InterpreterLost
                | EndReason::HearingLost
                | EndReason::InvitationTimedOut
                | EndReason::MediaFailed
                | EndReason::NotAllowed
                | EndReason::ServiceStopping
                | EndReason::JournalUnavailable
                | EndReason::ServerRestarted => None,
            };
            for leg in [Leg::Hearing, Leg::Caller, Leg::Interpreter] {
                if gone != Some(leg) {
                    actions.push(Action::HangUp { leg, reason });
                }
            }
        }
        State::CallEnded { .. } => {}
    }
    actions.push(Action::CloseMedia);
    // Last, so that the interpreter's next invitation cannot overtake this call's end.
    actions.push(Action::LeaveQueue);
    actions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::state::{Connected, Interpreter};

    fn active() -> State {
        State::RelayActive {
            interpreter: Interpreter {
                ca: "1234".parse().unwrap(),
                epoch: Epoch(1),
            },
            connected: Connected::default(),
            since_ms: 10,
        }
    }

    fn hung_up_legs(actions: &[Action]) -> Vec<Leg> {
        let leg = |action: &Action| {
            if let Action::HangUp { leg, .. } = action {
                Some(*leg)
            } else {
                None
            }
        };
        actions.iter().filter_map(leg).collect()
    }

    #[test]
    fn every_end_leaves_no_leg_behind() {
        for &reason in EndReason::ALL {
            let legs = hung_up_legs(&ended(&active(), reason));
            let gone = match reason.word() {
                "caller_hung_up" => vec![Leg::Hearing, Leg::Interpreter],
                "interpreter_hung_up" => vec![Leg::Hearing, Leg::Caller],
                "hearing_hung_up" => vec![Leg::Caller, Leg::Interpreter],
                _ => vec![Leg::Hearing, Leg::Caller, Leg::Interpreter],
            };
            assert_eq!(legs, gone, "{reason}");
        }
    }

    #[test]
    fn the_interpreter_is_free_only_after_everything_else() {
        let actions = ended(&active(), EndReason::CallerHungUp);
        assert_eq!(actions.last(), Some(&Action::LeaveQueue));
        assert!(actions.contains(&Action::CloseMedia));
    }
}
