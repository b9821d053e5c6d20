//! Random histories of every kind of call.

use proptest::prelude::*;
use vrs_domain::ReliefReason;

use super::*;

/// A random input; half of the time one that fits the state, so that walks get somewhere.
fn pick(session: &Session, choice: u32, epoch: u32, number: u32) -> Input {
    let state = session.state();
    if choice.is_multiple_of(2)
        && let Some(input) = fitting(state, choice / 2, number)
    {
        return input;
    }
    let leg = Leg::ALL[choice as usize % Leg::ALL.len()];
    let seat = Seat::ALL[choice as usize / 3 % Seat::ALL.len()];
    let reason = EndReason::ALL[number as usize % EndReason::ALL.len()];
    let how = Decline::ALL[number as usize % Decline::ALL.len()];
    let (ca, epoch) = (ca(number % 3), Epoch(epoch));
    match choice / 2 % 24 {
        0..3 => Input::Matched { seat, ca, epoch },
        3..5 => Input::InvitationAccepted {
            seat,
            ca,
            epoch,
            center: None,
        },
        5..7 => Input::InvitationDeclined {
            seat,
            ca,
            epoch,
            how,
        },
        7..10 => Input::MediaConnected(leg),
        10 => DIALLED,
        11 => Input::CalledRang,
        12 => ANSWERED,
        13 => Input::CalledFailed { reason },
        14 => Input::HungUp(leg),
        15 => Input::Lost(leg),
        16 => Input::Refused { reason },
        17 => Input::SeatAsked {
            seat,
            reason: (seat == Seat::Relief).then_some(ReliefReason::Illness),
        },
        18 => Input::SeatWithdrawn { seat },
        19 => Input::Restored(leg),
        20 => Input::RestoreFailed(leg),
        21 => Input::LegBound {
            leg,
            dialog: Dialog(number.to_string()),
        },
        22 => Input::Resumed {
            alive_ms: number.into(),
        },
        _ if epoch == Epoch(0) => Input::Stop,
        _ => Input::Restarted,
    }
}

/// What brings a call on.
fn fitting(state: &State, choice: u32, number: u32) -> Option<Input> {
    let parties = state.parties()?;
    for &seat in Seat::ALL {
        match parties.crew.place(seat) {
            Place::Sought { .. } => {
                return Some(Input::Matched {
                    seat,
                    ca: ca(number % 3),
                    epoch: parties.crew.latest.next(),
                });
            }
            Place::Asked { asked, .. } => {
                let (ca, epoch) = (asked.ca.clone(), asked.epoch);
                return Some(if choice.is_multiple_of(4) {
                    Input::InvitationDeclined {
                        seat,
                        ca,
                        epoch,
                        how: Decline::TimedOut,
                    }
                } else {
                    Input::InvitationAccepted {
                        seat,
                        ca,
                        epoch,
                        center: None,
                    }
                });
            }
            Place::Empty | Place::Taken(_) => {}
        }
    }
    Some(match state {
        State::RequestReceived { .. } | State::InterpreterAssigned { .. } => DIALLED,
        State::HearingPartyDialing { ringing: false, .. } => Input::CalledRang,
        State::HearingPartyDialing { .. } => ANSWERED,
        State::RelayActive { parties, .. } => match choice % 8 {
            0 => Input::Lost(Leg::Interpreter),
            1 => Input::SeatAsked {
                seat: Seat::Relief,
                reason: Some(ReliefReason::Rotation),
            },
            2 => Input::Lost(parties.kind.called()),
            3 => Input::Restored(parties.kind.called()),
            _ => Input::MediaConnected(Leg::ALL[choice as usize % Leg::ALL.len()]),
        },
        State::CallEnded { .. } => return None,
    })
}

fn kinds() -> impl Strategy<Value = (CallKind, Urgency)> {
    (0..CallKind::ALL.len(), 0..Urgency::ALL.len())
        .prop_map(|(kind, urgency)| (CallKind::ALL[kind], Urgency::ALL[urgency]))
}

/// Q1: a seat changes hands only by way of being empty or sought, or by relief.
fn hands_over_properly(before: &State, after: &State, event: &EventKind) -> bool {
    let (Some(before), Some(after)) = (before.parties(), after.parties()) else {
        return true;
    };
    Seat::ALL.iter().all(
        |&seat| match (before.crew.taken(seat), after.crew.taken(seat)) {
            (Some(one), Some(other)) if one != other => {
                matches!(event, EventKind::InterpreterRelieved { .. })
            }
            _ => true,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Q1, Q3, Q4, R33, F40 on random histories.
    #[test]
    fn r33_no_history_breaks_a_promise(
        kind in kinds(),
        steps in prop::collection::vec((any::<u32>(), 0..6_u32, any::<u32>(), 0..90_000_u64, any::<u32>()), 0..80)
    ) {
        let mut walk = Walk::of(kind.0, kind.1);
        let mut now = at(0);
        let mut talked = 0;
        for (choice, epoch, number, wait_ms, utc) in steps {
            now = Now { utc_ms: utc.into(), mono_ms: now.mono_ms + wait_ms };
            let input = pick(&walk.session, choice, epoch, number);
            let before = walk.session.clone();
            let rank = before.state().name();
            match walk.feed(now, input.clone()) {
                Err(why) => {
                    prop_assert_eq!(&walk.session, &before);
                    prop_assert_ne!(why, Why::EventDoesNotFit, "{:?} in {:?}", input, before.state());
                }
                Ok(actions) => {
                    prop_assert!(!before.is_over(), "{input:?} after the end");
                    prop_assert!(walk.session.state().name() >= rank);
                    let left = actions.iter().filter(|a| **a == Action::LeaveQueue).count();
                    let over = walk.session.is_over();
                    prop_assert_eq!(left == 1, over && kind.0.is_relayed());
                    let event = &walk.events.last().unwrap().kind;
                    prop_assert!(hands_over_properly(before.state(), walk.session.state(), event));
                }
            }
            if let Input::InvitationAccepted { epoch, .. } | Input::InvitationDeclined { epoch, .. } = &input
                && let Some(parties) = before.state().parties()
                && !Seat::ALL.iter().any(|s| parties.crew.asked(*s).is_some_and(|a| a.epoch == *epoch))
            {
                prop_assert_eq!(&walk.session, &before, "stale {:?}", input);
            }
            let view = walk.session.view(now);
            prop_assert!(view.conversation_ms <= view.session_ms);
            if !matches!(input, Input::Resumed { .. }) {
                prop_assert!(view.conversation_ms >= talked, "it never runs back");
            }
            talked = view.conversation_ms;
        }
        if !walk.session.is_over() {
            walk.feed(now, Input::Stop).unwrap();
        }
        let ends = walk.events.iter().filter(|e| matches!(e.kind, EventKind::Ended { .. })).count();
        prop_assert_eq!(ends, 1);
        for (place, event) in walk.events.iter().enumerate() {
            prop_assert_eq!(event.sequence, place as u64);
        }
        stretches_add_up(&walk)?;
        prop_assert_eq!(replay(&walk.events).unwrap(), walk.session);
    }

    /// Any sequence of well-formed events either replays or is refused by name; none panics.
    #[test]
    fn no_shuffled_history_panics(order in Just((0..7_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let events = active().through([Input::HungUp(Leg::Caller)]).events;
        let shuffled: Vec<_> = order.iter().map(|&n| events[n].clone()).collect();
        let sorted = order.is_sorted();
        prop_assert_eq!(replay(&shuffled).is_ok(), sorted);
    }
}

/// F40: stretches lie within the session, one after another, and make the conversation.
fn stretches_add_up(walk: &Walk) -> Result<(), TestCaseError> {
    let State::CallEnded {
        session_ms,
        conversation_ms,
        stretches,
        ..
    } = walk.session.state()
    else {
        return Err(TestCaseError::fail("not over"));
    };
    let mut last = 0;
    let mut sum = 0;
    for stretch in stretches {
        let until = stretch.until_ms.unwrap();
        prop_assert!(last <= stretch.from_ms && stretch.from_ms <= until);
        prop_assert!(until <= *session_ms);
        last = until;
        sum += until - stretch.from_ms;
    }
    prop_assert_eq!(sum, *conversation_ms);
    Ok(())
}
