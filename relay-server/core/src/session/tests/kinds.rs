//! Calls from a telephone, between subscribers, in an emergency; and after a restart.

use super::*;

fn legs(actions: &[Action]) -> Vec<Leg> {
    let leg = |action: &Action| {
        if let Action::HangUp { leg, .. } = action {
            Some(*leg)
        } else {
            None
        }
    };
    actions.iter().filter_map(leg).collect()
}

fn emergency() -> Walk {
    Walk::of(CallKind::RelayOutbound, Urgency::Emergency).through([
        matched(1, 1),
        accepted(1, 1),
        DIALLED,
        ANSWERED,
    ])
}

#[test]
fn every_end_leaves_no_leg_behind() {
    for &reason in EndReason::ALL {
        let hung_up = [
            (EndReason::CallerHungUp, Leg::Caller),
            (EndReason::InterpreterHungUp, Leg::Interpreter),
            (EndReason::HearingHungUp, Leg::Hearing),
        ];
        let input = hung_up
            .iter()
            .find(|(by, _)| *by == reason)
            .map_or(Input::Refused { reason }, |(_, leg)| Input::HungUp(*leg));
        let Ok(actions) = active().feed(at(9_000), input.clone()) else {
            continue;
        };
        let mut legs = legs(&actions);
        if let Input::HungUp(leg) = input {
            assert!(!legs.contains(&leg), "{reason}");
            legs.push(leg);
        }
        legs.sort_unstable();
        assert_eq!(
            legs,
            [Leg::Caller, Leg::Interpreter, Leg::Hearing],
            "{reason}"
        );
        assert_eq!(
            actions.last(),
            Some(&Action::LeaveQueue),
            "free after all else"
        );
        assert!(actions.contains(&Action::CloseMedia));
    }
}

#[test]
fn an_inbound_call_finds_its_interpreter_and_then_rings_the_subscriber() {
    let mut walk = Walk::of(CallKind::RelayInbound, Urgency::Standard);
    walk.feed(at(1_000), matched(1, 1)).unwrap();
    let actions = walk.feed(at(2_000), accepted(1, 1)).unwrap();
    assert_eq!(
        actions,
        [
            Action::AnswerCalling,
            Action::TellParties,
            Action::Call {
                after: Duration::ZERO
            }
        ]
    );
    walk.feed(at(3_000), DIALLED).unwrap();
    assert_eq!(
        walk.feed(at(3_500), Input::HungUp(Leg::Caller)),
        Err(Why::TooEarly)
    );
    walk.feed(at(4_000), Input::CalledRang).unwrap();
    walk.feed(at(5_000), ANSWERED).unwrap();
    let actions = walk.feed(at(9_000), Input::HungUp(Leg::Caller)).unwrap();
    assert_eq!(legs(&actions), [Leg::Hearing, Leg::Interpreter]);
    assert_eq!(walk.ended(), (EndReason::CallerHungUp, 9_000, 4_000));
}

#[test]
fn a_telephone_that_gives_up_waiting_cancels_an_inbound_call() {
    let mut walk = Walk::of(CallKind::RelayInbound, Urgency::Standard);
    assert_eq!(
        walk.feed(at(1_000), Input::HungUp(Leg::Caller)),
        Err(Why::NoSuchLeg)
    );
    walk.feed(at(1_000), Input::HungUp(Leg::Hearing)).unwrap();
    assert_eq!(walk.ended().0, EndReason::CallerCancelled);
}

#[test]
fn f43_a_subscriber_who_does_not_answer_is_named_and_nothing_is_billed() {
    let mut walk = Walk::of(CallKind::RelayInbound, Urgency::Standard).through([
        matched(1, 1),
        accepted(1, 1),
        DIALLED,
    ]);
    let wrong = EndReason::HearingBusy;
    assert_eq!(
        walk.feed(at(4_000), Input::CalledFailed { reason: wrong }),
        Err(Why::ReasonDoesNotFit)
    );
    let input = walk.session.due(at(183_000), &Rules::default()).unwrap();
    walk.feed(at(183_000), input).unwrap();
    assert_eq!(walk.ended(), (EndReason::SubscriberNoAnswer, 183_000, 0));
    assert_eq!(walk.session.view(at(0)).telephone, TelephoneState::NoAnswer);
}

#[test]
fn subscribers_call_each_other_without_an_interpreter() {
    let mut walk = Walk::of(CallKind::PointToPoint, Urgency::Standard);
    assert_eq!(walk.feed(at(1), matched(1, 1)), Err(Why::NotSought));
    walk.feed(at(1_000), DIALLED).unwrap();
    let actions = walk.feed(at(2_000), Input::CalledRang).unwrap();
    assert_eq!(actions[0], Action::RingCalling);
    let actions = walk.feed(at(5_000), ANSWERED).unwrap();
    assert_eq!(actions, [Action::AnswerCalling, Action::TellParties]);
    assert_eq!(walk.session.view(at(7_000)).conversation_ms, 2_000);
    let actions = walk.feed(at(9_000), Input::HungUp(Leg::Callee)).unwrap();
    assert_eq!(
        actions,
        [
            Action::HangUp {
                leg: Leg::Caller,
                reason: EndReason::CalleeHungUp
            },
            Action::CloseMedia,
        ]
    );
    assert_eq!(walk.ended(), (EndReason::CalleeHungUp, 9_000, 4_000));
}

#[test]
fn a_caller_who_gives_up_while_the_other_subscriber_rings_cancels() {
    let mut walk = Walk::of(CallKind::PointToPoint, Urgency::Standard);
    walk.feed(at(1_000), DIALLED).unwrap();
    let actions = walk.feed(at(2_000), Input::HungUp(Leg::Caller)).unwrap();
    assert_eq!(legs(&actions), [Leg::Callee]);
    assert_eq!(walk.ended().0, EndReason::CallerCancelled);
    let mut walk = Walk::of(CallKind::PointToPoint, Urgency::Standard);
    walk.feed(at(1_000), DIALLED).unwrap();
    let reason = EndReason::SubscriberDeclined;
    let actions = walk
        .feed(at(2_000), Input::CalledFailed { reason })
        .unwrap();
    assert!(actions.contains(&Action::RefuseCalling { reason }));
}

#[test]
fn f21_either_leg_of_an_emergency_call_is_called_back_at_once() {
    for leg in [Leg::Caller, Leg::Hearing] {
        let mut walk = emergency();
        let actions = walk.feed(at(10_000), Input::Lost(leg)).unwrap();
        let after = Duration::ZERO;
        assert!(actions.contains(&Action::Recall { leg, after }), "{leg}");
        assert_eq!(walk.feed(at(11_000), Input::Lost(leg)), Err(Why::AlreadySo));
        let actions = walk.feed(at(11_000), Input::RestoreFailed(leg)).unwrap();
        let after = Duration::from_secs(2);
        assert_eq!(actions, [Action::Recall { leg, after }]);
        walk.feed(at(15_000), Input::Restored(leg)).unwrap();
        walk.feed(at(16_000), Input::MediaConnected(leg)).unwrap();
        walk.feed(at(20_000), Input::HungUp(Leg::Hearing)).unwrap();
        // Answered at 4 s, apart from 10 s to 15 s.
        assert_eq!(walk.ended(), (EndReason::HearingHungUp, 20_000, 11_000));
        assert_eq!(replay(&walk.events).unwrap(), walk.session);
    }
}

#[test]
fn f21_calling_back_ends_some_time_and_with_whoever_hangs_up() {
    let mut walk = emergency();
    walk.feed(at(10_000), Input::Lost(Leg::Caller)).unwrap();
    let mut now = 10_000;
    while !walk.session.is_over() {
        now += 2_000;
        walk.feed(at(now), Input::RestoreFailed(Leg::Caller))
            .unwrap();
    }
    assert_eq!(walk.ended().0, EndReason::CallerLost);
    let tries = u64::from(limit::EMERGENCY_RECALLS_MAX);
    assert_eq!(now, 10_000 + 2_000 * (tries + 1));
    let mut walk = emergency();
    walk.feed(at(10_000), Input::Lost(Leg::Caller)).unwrap();
    let actions = walk.feed(at(12_000), Input::HungUp(Leg::Hearing)).unwrap();
    assert!(legs(&actions).contains(&Leg::Caller), "the ringing stops");
}

#[test]
fn f21_the_telephone_is_called_back_for_as_long_as_the_caller_waits() {
    let mut walk = emergency();
    let (leg, most) = (Leg::Hearing, limit::EMERGENCY_RECALLS_MAX);
    walk.feed(at(10_000), Input::Lost(leg)).unwrap();
    let longest = limit::EMERGENCY_RECALL_PAUSE * most;
    for minute in 1..=u64::from(3 * most) {
        let now = at(10_000 + 60_000 * minute);
        let actions = walk.feed(now, Input::RestoreFailed(leg)).unwrap();
        let [Action::Recall { after, .. }] = actions.as_slice() else {
            panic!("{actions:?}");
        };
        assert!(*after <= longest);
    }
    // Nobody waits any more.
    let gone = 4_000_000;
    walk.feed(at(gone), Input::Lost(Leg::Caller)).unwrap();
    walk.feed(at(gone + 1), Input::RestoreFailed(leg)).unwrap();
    assert_eq!(walk.ended().0, EndReason::HearingLost);
}

#[test]
fn f21_an_interpreter_who_leaves_an_emergency_call_is_replaced_and_it_goes_on() {
    let mut walk = emergency();
    let lead = Input::HungUp(Leg::Interpreter);
    let actions = walk.feed(at(10_000), lead.clone()).unwrap();
    assert_eq!(legs(&actions), [Leg::Interpreter], "nobody else is hung up");
    let seeks =
        |action: &Action| matches!(action, Action::EnterQueue { seat, .. } if *seat == Seat::Lead);
    assert!(actions.iter().any(seeks), "{actions:?}");
    assert_eq!(walk.feed(at(11_000), lead.clone()), Err(Why::NoSuchLeg));
    walk.feed(at(12_000), matched(2, 2)).unwrap();
    walk.feed(at(13_000), accepted(2, 2)).unwrap();
    walk.feed(at(14_000), Input::HungUp(Leg::Caller)).unwrap();
    assert_eq!(walk.ended().0, EndReason::CallerHungUp);
    assert_eq!(replay(&walk.events).unwrap(), walk.session);
    // Any other call they may end.
    let mut walk = active();
    walk.feed(at(10_000), lead).unwrap();
    assert_eq!(walk.ended().0, EndReason::InterpreterHungUp);
}

#[test]
fn f18_an_emergency_number_that_does_not_answer_is_dialled_again() {
    let mut walk = Walk::of(CallKind::RelayOutbound, Urgency::Emergency).through([
        matched(1, 1),
        accepted(1, 1),
        DIALLED,
    ]);
    let reason = EndReason::TrunkUnavailable;
    let actions = walk
        .feed(at(4_000), Input::CalledFailed { reason })
        .unwrap();
    // The one that did not answer in time must not ring on beside the next.
    let leg = Leg::Hearing;
    assert_eq!(actions[0], Action::HangUp { leg, reason });
    assert!(matches!(actions[1], Action::Call { after } if !after.is_zero()));
    walk.feed(at(6_000), DIALLED).unwrap();
    walk.feed(at(7_000), ANSWERED).unwrap();
}

#[test]
fn f18_nothing_that_a_gateway_says_about_its_number_ends_an_emergency_call() {
    let reasons = [
        EndReason::NumberInvalid,
        EndReason::NumberRefused,
        EndReason::TrunkUnavailable,
        EndReason::HearingBusy,
        EndReason::MediaFailed,
    ];
    let mut walk = Walk::of(CallKind::RelayOutbound, Urgency::Emergency).through([
        matched(1, 1),
        accepted(1, 1),
        DIALLED,
    ]);
    let mut waited = Duration::ZERO;
    for (try_, reason) in (0..).zip(reasons.iter().cycle().take(100).copied()) {
        let now = at(10_000 + try_ * 60_000);
        let actions = walk.feed(now, Input::CalledFailed { reason }).unwrap();
        let Action::Call { after } = actions[1] else {
            panic!("{actions:?}");
        };
        assert!(
            after >= waited && after <= Duration::from_secs(30),
            "{after:?}"
        );
        waited = after;
        walk.feed(now, DIALLED).unwrap();
    }
    walk.feed(at(7_000_000), Input::HungUp(Leg::Caller))
        .unwrap();
    assert_eq!(walk.ended().0, EndReason::CallerHungUp);
    assert_eq!(replay(&walk.events).unwrap(), walk.session);
}

#[test]
fn f35_the_address_is_that_of_the_trunk_tried_last() {
    let over = |last: u8| Input::DialStarted {
        address: Some([198, 51, 100, last].into()),
    };
    let mut walk = assigned().through([over(1), Input::CalledRang, over(2)]);
    assert_eq!(walk.session.state().telephone(), TelephoneState::Dialing);
    let reason = EndReason::HearingNoAnswer;
    walk.feed(at(60_000), Input::CalledFailed { reason })
        .unwrap();
    let called = walk.session.milestones().called_address;
    assert_eq!(called, Some([198, 51, 100, 2].into()));
    assert_eq!(replay(&walk.events).unwrap(), walk.session);
    // A subscriber's devices ring all at once.
    let mut inbound = Walk::of(CallKind::RelayInbound, Urgency::Standard).through([
        matched(1, 1),
        accepted(1, 1),
        DIALLED,
    ]);
    assert_eq!(inbound.feed(at(4_000), DIALLED), Err(Why::AlreadySo));
}

#[test]
fn a_conversation_goes_on_after_a_restart_and_nobody_pays_for_the_gap() {
    let dialog = Dialog("caller's".into());
    let leg = Leg::Caller;
    let mut walk = active();
    walk.feed(at(6_000), Input::LegBound { leg, dialog })
        .unwrap();
    // The server was last known to be there at 60 s and is back at 75 s, as another process.
    let now = |ms: u64| Now {
        utc_ms: at(ms).utc_ms,
        mono_ms: at(60_000).mono_ms + ms - 70_000,
    };
    let mut back = replay(&walk.events).unwrap();
    assert_eq!(back, walk.session);
    let alive_ms = back.resume(now(75_000), Some(at(60_000)));
    let step = back
        .handle(now(75_000), &Input::Resumed { alive_ms })
        .unwrap();
    assert_eq!(step.actions[0], Action::Reconnect);
    // F43: nobody talks before all are back.
    let legs = [Leg::Interpreter, Leg::Caller, Leg::Hearing];
    for (leg, ms) in legs.into_iter().zip([78_000, 79_000, 80_000]) {
        assert_eq!(back.view(now(ms)).conversation_ms, 55_000);
        back.handle(now(ms), &Input::MediaConnected(leg)).unwrap();
    }
    let view = back.view(now(85_000));
    assert_eq!(
        (view.session_ms, view.conversation_ms),
        (85_000, 55_000 + 5_000)
    );
    assert!(back.state().parties().unwrap().dialogs.contains_key(&leg));
    let step = back
        .handle(now(90_000), &Input::HungUp(Leg::Caller))
        .unwrap();
    let EventKind::Ended {
        session_ms,
        conversation_ms,
        ..
    } = step.event.kind
    else {
        panic!("not over");
    };
    assert_eq!((session_ms, conversation_ms), (90_000, 65_000));
}

#[test]
fn r07_a_wall_clock_that_jumps_a_day_over_a_restart_bills_no_day() {
    for jump_ms in [-86_400_000_i64, 86_400_000] {
        let walk = active();
        let alive = at(59_000);
        let utc_ms = at(60_000).utc_ms.checked_add_signed(jump_ms).unwrap();
        let now = Now {
            utc_ms,
            mono_ms: alive.mono_ms,
        };
        let mut back = replay(&walk.events).unwrap();
        let alive_ms = back.resume(now, Some(alive));
        back.handle(now, &Input::Resumed { alive_ms }).unwrap();
        let view = back.view(now);
        assert!(view.session_ms <= 3_600_000 + 60_000, "{view:?}");
        assert_eq!(view.conversation_ms, 54_000, "answered at 5 s");
    }
}

#[test]
fn r07_a_wall_clock_that_jumped_a_day_before_the_server_was_killed_changes_no_clock() {
    for jump_ms in [-86_400_000_i64, 86_400_000] {
        let walk = active();
        // Hours of conversation, without a record.
        let jumped = |ms: u64| Now {
            utc_ms: at(ms).utc_ms.checked_add_signed(jump_ms).unwrap(),
            mono_ms: at(ms).mono_ms,
        };
        let (alive, now) = (jumped(9_000_000), jumped(9_010_000));
        let mut back = replay(&walk.events).unwrap();
        let alive_ms = back.resume(now, Some(alive));
        back.handle(now, &Input::Resumed { alive_ms }).unwrap();
        let view = back.view(now);
        assert_eq!(view.session_ms, 9_010_000);
        assert_eq!(view.conversation_ms, 9_000_000 - 5_000);
    }
}

#[test]
fn f43_where_nobody_knows_when_the_server_was_there_last_nobody_pays_past_the_last_record() {
    let walk = active();
    let mut back = replay(&walk.events).unwrap();
    let stale = Now {
        mono_ms: 0,
        ..at(900_000)
    };
    for alive in [None, Some(stale)] {
        let last_ms = walk.events.last().unwrap().session_ms;
        assert_eq!(back.resume(at(60_000), alive), last_ms);
    }
}

#[test]
fn what_was_not_yet_a_conversation_is_not_resumed() {
    for walk in [Walk::begin(), assigned(), dialing()] {
        let mut back = replay(&walk.events).unwrap();
        back.resume(at(60_000), None);
        let refused = back.handle(at(60_000), &Input::Resumed { alive_ms: 0 });
        assert_eq!(refused.unwrap_err().why, Why::TooEarly);
        back.handle(at(60_000), &Input::Restarted).unwrap();
    }
}

#[test]
fn an_invitation_that_was_out_at_a_restart_is_made_again() {
    let mut walk = active();
    walk.feed(at(10_000), Input::Lost(Leg::Interpreter))
        .unwrap();
    walk.feed(at(11_000), matched(2, 2)).unwrap();
    let mut back = replay(&walk.events).unwrap();
    back.resume(at(20_000), None);
    let step = back
        .handle(at(20_000), &Input::Resumed { alive_ms: 0 })
        .unwrap();
    assert!(matches!(
        step.actions[1],
        Action::EnterQueue {
            seat: Seat::Lead,
            ..
        }
    ));
    back.handle(at(21_000), &matched(2, 3)).unwrap();
    back.handle(at(22_000), &accepted(2, 3)).unwrap();
}

/// Restarts at `ms`, as if the server had been there until then.
fn restarted(walk: Walk, ms: u64) -> Walk {
    let mut session = replay(&walk.events).unwrap();
    session.resume(at(ms), None);
    let mut back = Walk {
        session,
        events: walk.events,
        inputs: walk.inputs,
    };
    back.feed(at(ms), Input::Resumed { alive_ms: ms }).unwrap();
    back
}

fn talked(walk: &Walk, ms: u64) -> u64 {
    walk.session.view(at(ms)).conversation_ms
}

#[test]
fn f43_after_a_restart_a_new_interpreter_or_a_recalled_party_counts_as_back() {
    // The lead does not come back: their successor is there from the assignment on.
    let mut walk = restarted(active(), 10_000);
    walk.feed(at(11_000), Input::MediaConnected(Leg::Caller))
        .unwrap();
    walk.feed(at(12_000), Input::MediaConnected(Leg::Hearing))
        .unwrap();
    walk.feed(at(13_000), Input::Lost(Leg::Interpreter))
        .unwrap();
    walk.feed(at(14_000), matched(2, 2)).unwrap();
    assert_eq!(talked(&walk, 15_000), 5_000);
    walk.feed(at(15_000), accepted(2, 2)).unwrap();
    assert_eq!(talked(&walk, 16_000), 6_000);
    // In an emergency whoever was called back is there.
    let mut walk = restarted(emergency(), 10_000);
    walk.feed(at(11_000), Input::MediaConnected(Leg::Caller))
        .unwrap();
    walk.feed(at(12_000), Input::MediaConnected(Leg::Interpreter))
        .unwrap();
    walk.feed(at(13_000), Input::Lost(Leg::Hearing)).unwrap();
    assert_eq!(talked(&walk, 14_000), 6_000);
    walk.feed(at(14_000), Input::Restored(Leg::Hearing))
        .unwrap();
    assert_eq!(talked(&walk, 15_000), 7_000);
    walk.feed(at(20_000), Input::HungUp(Leg::Hearing)).unwrap();
    assert_eq!(replay(&walk.events).unwrap(), walk.session);
}

#[test]
fn f43_a_second_restart_before_all_are_back_bills_nothing_in_between() {
    let mut walk = restarted(active(), 10_000);
    walk.feed(at(11_000), Input::MediaConnected(Leg::Caller))
        .unwrap();
    let mut walk = restarted(walk, 20_000);
    for leg in [Leg::Caller, Leg::Interpreter, Leg::Hearing] {
        assert_eq!(talked(&walk, 29_000), 5_000);
        walk.feed(at(30_000), Input::MediaConnected(leg)).unwrap();
    }
    walk.feed(at(31_000), Input::HungUp(Leg::Caller)).unwrap();
    assert_eq!(walk.ended(), (EndReason::CallerHungUp, 31_000, 6_000));
}

#[test]
fn a_restart_does_not_stop_subscribers_who_talk_directly() {
    let walk = Walk::of(CallKind::PointToPoint, Urgency::Standard).through([DIALLED, ANSWERED]);
    let walk = restarted(walk, 10_000);
    assert_eq!(talked(&walk, 12_000), 10_000);
}

#[test]
fn f43_a_relief_who_takes_the_lead_before_being_back_is_waited_for() {
    let asked = super::seats::relief(vrs_domain::ReliefReason::Illness);
    let taken = super::seats::seated(Seat::Relief, 2, 2);
    let walk = active().through([asked]).through(taken);
    let mut walk = restarted(walk, 10_000);
    walk.feed(at(11_000), Input::MediaConnected(Leg::Caller))
        .unwrap();
    walk.feed(at(11_000), Input::MediaConnected(Leg::Hearing))
        .unwrap();
    walk.feed(at(12_000), Input::Lost(Leg::Interpreter))
        .unwrap();
    assert_eq!(talked(&walk, 13_000), 5_000);
    walk.feed(at(13_000), Input::MediaConnected(Leg::Interpreter))
        .unwrap();
    assert_eq!(talked(&walk, 14_000), 6_000);
}
