//! Words that come too late, twice or at the wrong time: each is refused by name, and nothing
//! that was there before is lost.

use vrs_domain::ReliefReason;

use super::*;

const DAY_MS: i64 = 86_400_000;

/// Says something that must be refused; the session is afterwards what it was before.
fn refused(walk: &mut Walk, now: Now, input: Input) -> Why {
    let (before, events) = (walk.session.clone(), walk.events.len());
    let why = walk.feed(now, input).expect_err("this must be refused");
    assert_eq!(walk.session, before);
    assert_eq!(walk.events.len(), events);
    assert_eq!(replay(&walk.events).unwrap(), walk.session);
    why
}

/// A conversation of 60 s with whoever has it, to the end.
fn goes_through(mut walk: Walk, number: u32) {
    let lead = walk.session.state().interpreter().unwrap();
    assert_eq!(lead.ca, ca(number));
    walk.feed(at(20_000), DIALLED).unwrap();
    walk.feed(at(30_000), ANSWERED).unwrap();
    walk.feed(at(90_000), Input::HungUp(Leg::Caller)).unwrap();
    assert_eq!(walk.ended(), (EndReason::CallerHungUp, 90_000, 60_000));
    assert_eq!(replay(&walk.events).unwrap(), walk.session);
}

#[test]
fn q4_an_accept_from_an_old_epoch_is_stale_and_who_is_asked_now_gets_the_call() {
    let lapsed = declined(1, 1, Decline::TimedOut);
    let mut walk = Walk::begin().through([matched(1, 1), lapsed, matched(2, 2)]);
    let late = || accepted(1, 1);
    assert_eq!(refused(&mut walk, at(9_000), late()), Why::StaleEpoch);
    walk.feed(at(10_000), accepted(2, 2)).unwrap();
    assert_eq!(refused(&mut walk, at(11_000), late()), Why::StaleEpoch);
    goes_through(walk, 2);
}

#[test]
fn q1_of_two_accepts_at_once_one_gets_the_call_and_the_other_hears_why_not() {
    let mut walk = Walk::begin().through([matched(1, 1)]);
    let now = at(9_000);
    // In another's name, with the epoch that is out.
    assert_eq!(refused(&mut walk, now, accepted(2, 1)), Why::NotInvited);
    walk.feed(now, accepted(1, 1)).unwrap();
    for second in [accepted(2, 1), accepted(1, 1), accepted(2, 2)] {
        assert_eq!(refused(&mut walk, now, second), Why::AlreadyAssigned);
    }
    goes_through(walk, 1);
}

#[test]
fn r07_a_wall_clock_that_jumps_a_day_either_way_moves_neither_clock() {
    for (first, second) in [(DAY_MS, 0), (-DAY_MS, 0), (DAY_MS, -DAY_MS)] {
        let jumped = |ms: u64, by_ms: i64| {
            let now = at(ms);
            let utc_ms = now.utc_ms.checked_add_signed(by_ms).unwrap();
            Now { utc_ms, ..now }
        };
        let mut walk = dialing();
        walk.feed(jumped(10_000, first), ANSWERED).unwrap();
        let connected = Input::MediaConnected(Leg::Caller);
        walk.feed(jumped(20_000, second), connected).unwrap();
        let asked = relief(ReliefReason::Rotation);
        let early = refused(&mut walk, jumped(30_000, first), asked);
        assert_eq!(early, Why::BeforeTenMinutes, "a day is no conversation");
        let over = Input::HungUp(Leg::Hearing);
        walk.feed(jumped(70_000, second), over).unwrap();
        assert_eq!(walk.ended(), (EndReason::HearingHungUp, 70_000, 60_000));
        let shown: Vec<_> = walk.events.iter().map(|event| event.session_ms).collect();
        assert!(shown.is_sorted(), "{shown:?}");
        assert_eq!(replay(&walk.events).unwrap(), walk.session);
    }
}

#[test]
fn f4_a_change_of_shift_is_refused_at_9_59_and_allowed_at_10_00_of_conversation() {
    // The telephone was answered when the session clock showed 5,000 ms.
    let conversation = |minutes: u64, seconds: u64| at(5_000 + (minutes * 60 + seconds) * 1_000);
    let rotation = || relief(ReliefReason::Rotation);
    let mut walk = active();
    let why = refused(&mut walk, conversation(9, 59), rotation());
    assert_eq!(why, Why::BeforeTenMinutes);
    walk.feed(conversation(10, 0), rotation()).unwrap();
    // Time without an interpreter is not theirs.
    let mut walk = active();
    let lost = Input::Lost(Leg::Interpreter);
    walk.feed(conversation(1, 0), lost).unwrap();
    walk.feed(conversation(2, 0), matched(2, 2)).unwrap();
    walk.feed(conversation(3, 0), accepted(2, 2)).unwrap();
    let why = refused(&mut walk, conversation(12, 59), rotation());
    assert_eq!(why, Why::BeforeTenMinutes);
    walk.feed(conversation(13, 0), rotation()).unwrap();
}

fn relief(reason: ReliefReason) -> Input {
    Input::SeatAsked {
        seat: Seat::Relief,
        reason: Some(reason),
    }
}
