//! Relief, team, supervisor, and an interpreter who is lost.

use vrs_domain::ReliefReason;

use super::*;

pub(super) fn relief(reason: ReliefReason) -> Input {
    Input::SeatAsked {
        seat: Seat::Relief,
        reason: Some(reason),
    }
}

pub(super) fn seated(seat: Seat, number: u32, epoch: u32) -> [Input; 2] {
    let (ca, epoch) = (ca(number), Epoch(epoch));
    [
        Input::Matched {
            seat,
            ca: ca.clone(),
            epoch,
        },
        Input::InvitationAccepted {
            seat,
            ca,
            epoch,
            center: None,
        },
    ]
}

fn stretches(walk: &Walk) -> Vec<(String, u64, u64)> {
    let State::CallEnded { stretches, .. } = walk.session.state() else {
        panic!("not over");
    };
    let one = |s: &Stretch| {
        let ca = s.ca.as_ref().map(CaId::to_string).unwrap_or_default();
        (ca, s.from_ms, s.until_ms.unwrap())
    };
    stretches.iter().map(one).collect()
}

#[test]
fn f4_a_change_of_shift_waits_for_ten_minutes_of_conversation_and_named_reasons_do_not() {
    // The telephone was answered when the session clock showed 5,000 ms.
    let tenth = 5_000 + 600_000;
    let mut walk = active();
    let asked = walk.feed(at(tenth - 1), relief(ReliefReason::Rotation));
    assert_eq!(asked, Err(Why::BeforeTenMinutes));
    let actions = walk
        .feed(at(tenth), relief(ReliefReason::Rotation))
        .unwrap();
    assert!(matches!(
        actions[0],
        Action::EnterQueue {
            seat: Seat::Relief,
            urgency: Urgency::Urgent,
            ..
        }
    ));
    for &reason in ReliefReason::ALL.iter().filter(|r| r.is_at_once()) {
        active().feed(at(9_000), relief(reason)).unwrap();
    }
    let mut before = assigned();
    let asked = before.feed(at(900_000), relief(ReliefReason::Rotation));
    assert_eq!(asked, Err(Why::BeforeTenMinutes), "nobody has talked yet");
}

#[test]
fn f4_the_ten_minutes_count_for_each_interpreter_anew() {
    let mut walk = active();
    walk.feed(at(605_000), relief(ReliefReason::Rotation))
        .unwrap();
    for input in seated(Seat::Relief, 2, 2) {
        walk.feed(at(610_000), input).unwrap();
    }
    walk.feed(at(620_000), Input::HungUp(Leg::Interpreter))
        .unwrap();
    let asked = walk.feed(at(1_219_999), relief(ReliefReason::Rotation));
    assert_eq!(asked, Err(Why::BeforeTenMinutes));
    walk.feed(at(1_220_000), relief(ReliefReason::Rotation))
        .unwrap();
}

#[test]
fn a_relief_takes_over_without_a_gap_when_the_interpreter_leaves() {
    let mut walk = active();
    walk.feed(at(10_000), relief(ReliefReason::Illness))
        .unwrap();
    for input in seated(Seat::Relief, 2, 2) {
        walk.feed(at(11_000), input).unwrap();
    }
    let actions = walk
        .feed(at(20_000), Input::HungUp(Leg::Interpreter))
        .unwrap();
    assert!(actions.contains(&Action::Relieve));
    let lead = walk.session.state().interpreter().unwrap();
    assert_eq!((lead.ca.clone(), lead.epoch), (ca(2), Epoch(2)));
    let connected = walk.session.state().parties().unwrap().connected;
    assert!(connected.has(Leg::Interpreter) && !connected.has(Leg::Relief));
    walk.feed(at(30_000), Input::HungUp(Leg::Caller)).unwrap();
    assert_eq!(walk.ended(), (EndReason::CallerHungUp, 30_000, 25_000));
    assert_eq!(
        stretches(&walk),
        [("1".into(), 5_000, 20_000), ("2".into(), 20_000, 30_000)]
    );
    assert_eq!(replay(&walk.events).unwrap(), walk.session);
}

#[test]
fn a_lost_interpreter_is_replaced_while_the_parties_wait() {
    let mut walk = active();
    let actions = walk
        .feed(at(10_000), Input::Lost(Leg::Interpreter))
        .unwrap();
    assert_eq!(walk.session.state().name(), SessionState::RelayActive);
    assert!(matches!(actions[1], Action::LeaveSeat { seat: Seat::Lead }));
    assert!(matches!(
        actions[2],
        Action::EnterQueue {
            seat: Seat::Lead,
            urgency: Urgency::Urgent,
            ..
        }
    ));
    assert_eq!(walk.feed(at(11_000), accepted(1, 1)), Err(Why::StaleEpoch));
    walk.feed(at(11_000), matched(2, 2)).unwrap();
    walk.feed(at(15_000), accepted(2, 2)).unwrap();
    walk.feed(at(25_000), Input::HungUp(Leg::Hearing)).unwrap();
    assert_eq!(walk.ended(), (EndReason::HearingHungUp, 25_000, 15_000));
    assert_eq!(
        stretches(&walk),
        [("1".into(), 5_000, 10_000), ("2".into(), 15_000, 25_000)],
        "nobody is billed for the wait"
    );
}

#[test]
fn a_conversation_does_not_wait_for_ever_for_another_interpreter() {
    let rules = Rules::default();
    let mut walk = active();
    walk.feed(at(10_000), Input::Lost(Leg::Interpreter))
        .unwrap();
    let until = at(10_000 + 300_000);
    assert_eq!(walk.session.poll_timeout(&rules), Some(until.mono_ms));
    let input = walk.session.due(until, &rules).unwrap();
    walk.feed(until, input).unwrap();
    assert_eq!(walk.ended().0, EndReason::InterpreterLost);
    let mut walk = Walk::of(CallKind::RelayOutbound, Urgency::Emergency).through([
        matched(1, 1),
        accepted(1, 1),
        DIALLED,
        ANSWERED,
    ]);
    walk.feed(at(10_000), Input::Lost(Leg::Interpreter))
        .unwrap();
    assert_eq!(walk.session.poll_timeout(&rules), None, "F18");
}

#[test]
fn a_team_works_with_the_lead_and_leaves_without_ending_the_call() {
    for seat in [Seat::Team, Seat::Supervisor] {
        let mut walk = active();
        let asked = Input::SeatAsked { seat, reason: None };
        walk.feed(at(9_000), asked.clone()).unwrap();
        assert_eq!(walk.feed(at(9_000), asked.clone()), Err(Why::AlreadySo));
        for input in seated(seat, 2, 2) {
            walk.feed(at(10_000), input).unwrap();
        }
        let actions = walk.feed(at(12_000), Input::HungUp(seat.leg())).unwrap();
        assert!(actions.contains(&Action::LeaveSeat { seat }));
        assert_eq!(walk.session.state().name(), SessionState::RelayActive);
        walk.feed(at(13_000), asked).unwrap();
        let actions = walk
            .feed(at(13_500), Input::SeatWithdrawn { seat })
            .unwrap();
        assert!(actions.contains(&Action::LeaveSeat { seat }));
        walk.feed(at(14_000), Input::HungUp(Leg::Caller)).unwrap();
        assert_eq!(stretches(&walk), [("1".into(), 5_000, 14_000)]);
    }
}

#[test]
fn the_lead_cannot_be_asked_away() {
    let lead = Input::SeatAsked {
        seat: Seat::Lead,
        reason: None,
    };
    assert_eq!(active().feed(at(9_000), lead), Err(Why::ReasonDoesNotFit));
    let mut between = Walk::of(CallKind::PointToPoint, Urgency::Standard);
    between.feed(at(1), DIALLED).unwrap();
    let team = Input::SeatAsked {
        seat: Seat::Team,
        reason: None,
    };
    assert_eq!(between.feed(at(2), team), Err(Why::NoInterpreter));
}
