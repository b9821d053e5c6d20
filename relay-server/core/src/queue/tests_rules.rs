//! The rules of routing, each as an example: seats, rest, absence, restart, bad input.

use super::tests::{ENGLISH, SPANISH, World, ca, invitation, lead, met, pair, speaks};
use super::*;

fn with_wrap_up(seconds: u64) -> World {
    World::with_rules(QueueRules {
        wrap_up: Duration::from_secs(seconds),
        ..QueueRules::default()
    })
}

/// Rests after 60 of 100 seconds.
fn with_rest() -> World {
    World::with_rules(QueueRules {
        occupancy: Some(Occupancy {
            share_percent: 60,
            window: Duration::from_secs(100),
        }),
        ..QueueRules::default()
    })
}

/// The only interpreter is back from a call of so many seconds, and rests for it.
fn after_a_call_of(seconds: u64) -> World {
    let mut world = with_rest();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.connect();
    world.wait(seconds);
    world.queue.leave(SessionId(1), world.now);
    world
}

// ---- seats ----

#[test]
fn a_session_has_several_seats_and_each_its_interpreter() {
    let mut world = World::new();
    for number in 10..13 {
        world.sign_in(number, &[ENGLISH]);
    }
    world.enter(1, ENGLISH);
    world.enter_seat(1, Seat::Team);
    assert_eq!(
        world.queue.next(world.now),
        Some(invitation(1, Seat::Lead, 10, 1))
    );
    assert_eq!(
        world.queue.next(world.now),
        Some(invitation(1, Seat::Team, 11, 2))
    );
    assert_eq!(world.accept(&invitation(1, Seat::Team, 11, 2)), Ok(()));
    assert_eq!(world.accept(&invitation(1, Seat::Lead, 10, 1)), Ok(()));
    let left = world.queue.leave(SessionId(1), world.now);
    let expected = [
        invitation(1, Seat::Lead, 10, 1),
        invitation(1, Seat::Team, 11, 2),
    ];
    assert_eq!(left, expected);
}

#[test]
fn q4_epochs_grow_over_seats_and_askings_until_the_session_leaves() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    for epoch in 1..4 {
        let seat = Seat::ALL[epoch as usize % 3];
        world.enter_seat(1, seat);
        let one = world.queue.next(world.now).unwrap();
        assert_eq!(one, invitation(1, seat, 10, epoch));
        assert_eq!(world.queue.vacate(SessionId(1), seat, world.now), Some(one));
    }
    world.queue.leave(SessionId(1), world.now);
    world.enter(1, ENGLISH);
    assert_eq!(world.queue.next(world.now).unwrap().epoch, Epoch(1));
}

#[test]
fn a_supervisors_seat_is_offered_to_supervisors_only() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter_seat(1, Seat::Supervisor);
    assert_eq!(world.next(), None);
    let supervisor = InterpreterProfile {
        supervisor: true,
        ..speaks(&[SPANISH])
    };
    world.sign_in_as(11, supervisor.clone());
    assert_eq!(world.next(), None, "not their language");
    world.sign_in_as(
        11,
        InterpreterProfile {
            languages: vec![pair(ENGLISH)],
            ..supervisor
        },
    );
    assert_eq!(world.next(), met(1, 11));
}

#[test]
fn a_supervisors_seat_does_not_move_the_callers_who_wait() {
    let mut world = World::new();
    world.enter_seat(1, Seat::Supervisor);
    world.enter_seat(2, Seat::Team);
    world.enter(3, ENGLISH);
    assert_eq!(world.queue.position(SessionId(3)), Some(2));
    assert_eq!(world.queue.position(SessionId(1)), None);
    world
        .queue
        .vacate(SessionId(1), Seat::Supervisor, world.now);
    world.queue.vacate(SessionId(2), Seat::Team, world.now);
    assert_eq!(world.queue.position(SessionId(3)), Some(1));
}

#[test]
fn a_relief_takes_over_the_lead_and_the_former_lead_is_free() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.connect();
    world.sign_in(11, &[ENGLISH]);
    world.enter_seat(1, Seat::Relief);
    assert_eq!(world.queue.relieve(SessionId(1), world.now), None);
    assert_eq!(world.next(), met(1, 11));
    assert_eq!(
        world.queue.relieve(SessionId(1), world.now),
        None,
        "asked, and no word yet"
    );
    assert_eq!(world.accept(&invitation(1, Seat::Relief, 11, 2)), Ok(()));
    assert_eq!(
        world.queue.relieve(SessionId(1), world.now),
        Some(invitation(1, Seat::Lead, 10, 1))
    );
    assert_eq!(world.availability(10), Availability::Available);
    assert_eq!(world.availability(11), Availability::InCall);
    let left = world.queue.leave(SessionId(1), world.now);
    assert_eq!(left, [invitation(1, Seat::Lead, 11, 2)]);
}

#[test]
fn who_was_relieved_is_not_asked_to_relieve_their_successor_at_once() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.connect();
    world.sign_in(11, &[ENGLISH]);
    world.enter_seat(1, Seat::Relief);
    world.connect();
    world.queue.relieve(SessionId(1), world.now);
    world.enter_seat(1, Seat::Relief);
    assert_eq!(world.next(), None);
    world.enter(2, ENGLISH);
    assert_eq!(world.next(), met(2, 10), "others may have them");
    world.queue.leave(SessionId(2), world.now);
    world.now += DECLINE_MEMORY;
    assert_eq!(world.next(), met(1, 10));
}

#[test]
fn a_relief_takes_a_lead_that_is_vacant_or_being_offered() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter_seat(1, Seat::Relief);
    world.connect();
    world.enter(1, ENGLISH);
    world.sign_in(11, &[ENGLISH]);
    assert_eq!(world.next(), met(1, 11));
    assert_eq!(
        world.queue.relieve(SessionId(1), world.now),
        Some(invitation(1, Seat::Lead, 11, 2))
    );
    assert_eq!(world.availability(11), Availability::Available);
    assert_eq!(world.queue.position(SessionId(1)), None);
    assert_eq!(world.queue.summary().waiting, 0);
    let left = world.queue.leave(SessionId(1), world.now);
    assert_eq!(left, [invitation(1, Seat::Lead, 10, 1)]);
}

#[test]
fn a_conversation_that_lost_its_interpreter_is_urgent_and_comes_first() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.connect();
    world.enter(2, ENGLISH);
    world.queue.sign_out(&ca(10), world.now);
    let lost = world.queue.vacate(SessionId(1), Seat::Lead, world.now);
    assert_eq!(lost, Some(invitation(1, Seat::Lead, 10, 1)));
    world.enter_as(1, ENGLISH, Urgency::Urgent);
    world.sign_in(11, &[ENGLISH]);
    assert_eq!(
        world.queue.next(world.now),
        Some(invitation(1, Seat::Lead, 11, 2))
    );
}

// ---- who is left alone ----

#[test]
fn after_a_call_there_is_time_to_wrap_up() {
    let mut world = with_wrap_up(10);
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.connect();
    world.queue.leave(SessionId(1), world.now);
    assert_eq!(world.availability(10), Availability::WrapUp);
    assert_eq!(world.queue.summary().wrap_up, 1);
    world.enter(2, ENGLISH);
    assert_eq!(world.next(), None);
    assert_eq!(
        world.queue.poll_timeout(),
        Some(world.now + Duration::from_secs(10))
    );
    world.wait(10);
    assert_eq!(world.lapse(), None);
    assert_eq!(world.availability(10), Availability::Available);
    assert_eq!(world.next(), met(2, 10));
}

#[test]
fn an_invitation_that_came_to_nothing_needs_no_wrap_up() {
    let mut world = with_wrap_up(10);
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.next();
    world.queue.leave(SessionId(1), world.now);
    assert_eq!(world.availability(10), Availability::Available);
}

#[test]
fn who_says_available_ends_their_wrap_up_and_who_chose_a_break_has_none() {
    let mut world = with_wrap_up(10);
    for number in [10, 11] {
        world.sign_in(number, &[ENGLISH]);
        world.enter(u128::from(number), ENGLISH);
        world.connect();
    }
    world.choose(11, Activity::Meal);
    assert_eq!(world.availability(11), Availability::InCall);
    for session in [10, 11] {
        world.queue.leave(SessionId(session), world.now);
    }
    assert_eq!(world.availability(11), Availability::Meal);
    world.choose(10, Activity::Available);
    assert_eq!(world.availability(10), Availability::Available);
    assert_eq!(world.queue.poll_timeout(), None);
}

#[test]
fn nobody_loses_their_turn_by_wrapping_up() {
    let mut world = with_wrap_up(10);
    world.sign_in(11, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.connect();
    world.queue.leave(SessionId(1), world.now);
    world.wait(1);
    world.sign_in(10, &[ENGLISH]);
    world.wait(20);
    world.enter(2, ENGLISH);
    assert_eq!(world.next(), met(2, 11));
}

#[test]
fn q5_emergencies_are_offered_to_those_in_wrap_up_if_nobody_else_is_free() {
    let mut world = with_wrap_up(10);
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.connect();
    world.queue.leave(SessionId(1), world.now);
    world.wait(1);
    world.sign_in(11, &[ENGLISH]);
    world.enter_as(2, ENGLISH, Urgency::Emergency);
    world.enter_as(3, ENGLISH, Urgency::Emergency);
    world.enter_as(4, ENGLISH, Urgency::Urgent);
    assert_eq!(world.next(), met(2, 11));
    assert_eq!(world.next(), met(3, 10));
    assert_eq!(world.next(), None);
    world.decline(3, 10);
    assert_eq!(world.availability(10), Availability::WrapUp);
}

#[test]
fn q5_emergencies_are_offered_to_nobody_who_is_at_a_break() {
    let mut world = World::new();
    for (number, activity) in (10..).zip(Activity::ALL) {
        world.sign_in(number, &[ENGLISH]);
        world.choose(number, *activity);
    }
    for session in 1..=5 {
        world.enter_as(session, ENGLISH, Urgency::Emergency);
    }
    assert_eq!(world.next(), met(1, 10));
    assert_eq!(world.next(), None);
    let expected = QueueSummary {
        waiting: 5,
        invited: 1,
        on_break: 3,
        away: 1,
        ..QueueSummary::default()
    };
    assert_eq!(world.queue.summary(), expected);
}

#[test]
fn who_leaves_two_invitations_unanswered_is_away_until_they_say_otherwise() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    for session in 1..=2 {
        world.enter(session, ENGLISH);
        assert_eq!(world.next(), met(session, 10));
        world.now += limit::INVITATION_TIMEOUT;
        assert_eq!(world.lapse(), met(session, 10));
    }
    assert_eq!(world.availability(10), Availability::Away);
    world.wait(60);
    assert_eq!(world.next(), None);
    world.choose(10, Activity::Available);
    assert_eq!(world.next(), met(1, 10));
    world.now += limit::INVITATION_TIMEOUT;
    world.lapse();
    assert_eq!(world.availability(10), Availability::Available, "one again");
}

#[test]
fn who_declines_is_there_and_never_counts_as_absent() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    for session in 1..=6 {
        world.enter(session, ENGLISH);
        assert_eq!(world.next(), met(session, 10));
        if session % 2 == 0 {
            world.decline(session, 10);
        } else {
            world.now += limit::INVITATION_TIMEOUT;
            world.lapse();
        }
        world.queue.leave(SessionId(session), world.now);
    }
    assert_eq!(world.availability(10), Availability::Available);
}

#[test]
fn without_a_most_nobody_is_made_absent() {
    let mut world = World::with_rules(QueueRules {
        missed_max: 0,
        ..QueueRules::default()
    });
    world.sign_in(10, &[ENGLISH]);
    for session in 1..=5 {
        world.enter(session, ENGLISH);
        world.next();
        world.now += limit::INVITATION_TIMEOUT;
        world.lapse();
        world.queue.leave(SessionId(session), world.now);
    }
    assert_eq!(world.availability(10), Availability::Available);
}

#[test]
fn who_was_in_calls_too_long_rests_until_the_share_is_below_the_rule() {
    let mut world = after_a_call_of(70);
    assert!(world.queue.is_resting(&ca(10)));
    assert_eq!(world.availability(10), Availability::Available);
    world.enter_as(2, ENGLISH, Urgency::Urgent);
    assert_eq!(world.next(), None);
    // 70 s at the end of the call, still 70 when the window begins with it, 60 ten seconds later.
    let below = world.now + Duration::from_secs(40) + Duration::from_nanos(1);
    assert_eq!(world.queue.poll_timeout(), Some(below));
    world.wait(40);
    assert_eq!(world.next(), None, "at the share is not below it");
    world.now = below;
    assert_eq!(world.next(), met(2, 10));
    assert!(!world.queue.is_resting(&ca(10)));
}

#[test]
fn nobody_works_off_a_rest_by_signing_out_and_in_again() {
    let mut world = after_a_call_of(70);
    let rests_until = world.queue.poll_timeout().unwrap();
    for wait in [1, 20] {
        world.queue.sign_out(&ca(10), world.now);
        world.wait(wait);
        world.sign_in(10, &[ENGLISH]);
        assert!(world.queue.is_resting(&ca(10)), "{wait}");
        assert_eq!(world.queue.poll_timeout(), Some(rests_until));
    }
    world.queue.sign_out(&ca(10), world.now);
    world.now = rests_until;
    world.sign_in(10, &[ENGLISH]);
    assert!(!world.queue.is_resting(&ca(10)));
}

#[test]
fn f18_an_emergency_is_better_interpreted_into_another_language_than_not_at_all() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, SPANISH);
    world.enter_as(2, SPANISH, Urgency::Urgent);
    assert_eq!(world.next(), None, "languages are not given up");
    world.enter_as(3, SPANISH, Urgency::Emergency);
    world.sign_in(11, &[SPANISH]);
    assert_eq!(world.next(), met(3, 11), "who is right is asked first");
    world.enter_as(4, SPANISH, Urgency::Emergency);
    assert_eq!(world.next(), met(4, 10));
    // Quebec's signs are another language.
    world.sign_in(12, &["fcs/en"]);
    world.enter_as(5, SPANISH, Urgency::Emergency);
    assert_eq!(world.next(), None);
}

#[test]
fn f18_the_only_interpreter_who_missed_an_emergency_is_soon_asked_again() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter_as(1, ENGLISH, Urgency::Emergency);
    assert_eq!(world.next(), met(1, 10));
    world.wait(20);
    assert!(world.queue.handle_timeout(world.now).is_some());
    assert_eq!(world.next(), None, "a moment for somebody else");
    world.wait(5);
    assert_eq!(world.next(), met(1, 10));
}

#[test]
fn f18_emergencies_are_offered_to_those_who_rest() {
    let mut world = after_a_call_of(60);
    world.choose(10, Activity::Available);
    assert!(world.queue.is_resting(&ca(10)), "no word ends a rest");
    world.enter_as(2, ENGLISH, Urgency::Emergency);
    assert_eq!(world.next(), met(2, 10));
}

#[test]
fn short_calls_add_up_and_the_time_between_them_does_not() {
    let mut world = with_rest();
    world.sign_in(10, &[ENGLISH]);
    for session in 1..=3 {
        world.wait(10);
        world.enter(session, ENGLISH);
        assert_eq!(world.connect(), met(session, 10));
        assert!(!world.queue.is_resting(&ca(10)));
        world.wait(20);
        world.queue.leave(SessionId(session), world.now);
    }
    assert!(world.queue.is_resting(&ca(10)));
}

#[test]
fn what_is_chosen_while_asked_holds_when_free() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.next();
    world.choose(10, Activity::Training);
    assert_eq!(world.availability(10), Availability::Invited);
    world.decline(1, 10);
    assert_eq!(world.availability(10), Availability::Training);
}

#[test]
fn every_change_of_availability_is_told_once_and_in_order() {
    let mut world = World::new();
    let told = |world: &mut World| {
        let all: Vec<_> = std::iter::from_fn(|| world.queue.poll_change()).collect();
        all.iter().map(CaId::to_string).collect::<Vec<_>>()
    };
    world.sign_in(11, &[ENGLISH]);
    world.sign_in(10, &[ENGLISH]);
    assert_eq!(told(&mut world), ["10", "11"]);
    world.sign_in(10, &[SPANISH]);
    assert_eq!(told(&mut world), [""; 0], "a profile is no availability");
    world.enter(1, ENGLISH);
    world.connect();
    assert_eq!(told(&mut world), ["11"]);
    world.choose(11, Activity::Break);
    assert_eq!(told(&mut world), [""; 0], "not before the call is over");
    world.queue.leave(SessionId(1), world.now);
    world.queue.sign_out(&ca(10), world.now);
    assert_eq!(told(&mut world), ["10", "11"]);
}

// ---- restart ----

fn resume(world: &mut World, session: u128, number: u32) -> Result<(), QueueError> {
    world.queue.resume(
        SessionId(session),
        Seat::Lead,
        &ca(number),
        Epoch(7),
        Urgency::Standard,
        pair(ENGLISH),
        world.now,
    )
}

#[test]
fn q1_q4_an_assignment_survives_a_restart_of_the_server() {
    let mut world = World::new();
    resume(&mut world, 1, 10).unwrap();
    assert_eq!(world.availability(10), Availability::Offline);
    world.enter(2, ENGLISH);
    world.sign_in(10, &[ENGLISH]);
    assert_eq!(world.availability(10), Availability::InCall);
    assert_eq!(world.next(), None);
    assert_eq!(world.queue.position(SessionId(1)), None);
    world.enter_seat(1, Seat::Team);
    world.sign_in(11, &[ENGLISH]);
    assert_eq!(world.next(), met(2, 11));
    world.sign_in(12, &[ENGLISH]);
    assert_eq!(
        world.queue.next(world.now),
        Some(invitation(1, Seat::Team, 12, 8))
    );
    let left = world.queue.vacate(SessionId(1), Seat::Lead, world.now);
    assert_eq!(left, Some(invitation(1, Seat::Lead, 10, 7)));
    assert_eq!(world.availability(10), Availability::Available);
}

#[test]
fn q4_after_a_restart_nobody_is_asked_with_an_epoch_that_the_session_has_seen() {
    let mut world = World::new();
    // Its lead was asked with 7; a team was asked with 9 and declined.
    resume(&mut world, 1, 10).unwrap();
    world.queue.resume_after(SessionId(1), Epoch(9));
    world.sign_in(11, &[ENGLISH]);
    world.enter_seat(1, Seat::Team);
    assert_eq!(
        world.queue.next(world.now),
        Some(invitation(1, Seat::Team, 11, 10))
    );
    // Nobody has a seat of this one: its lead is being sought.
    world.queue.resume_after(SessionId(2), Epoch(4));
    world.sign_in(12, &[ENGLISH]);
    world.enter_seat(2, Seat::Lead);
    assert_eq!(
        world.queue.next(world.now),
        Some(invitation(2, Seat::Lead, 12, 5))
    );
    // An older word of the journal changes nothing.
    world.queue.resume_after(SessionId(2), Epoch(1));
    world.enter_seat(2, Seat::Team);
    world.sign_in(13, &[ENGLISH]);
    assert_eq!(
        world.queue.next(world.now),
        Some(invitation(2, Seat::Team, 13, 6))
    );
}

#[test]
fn an_interpreter_who_never_came_back_after_a_restart_is_forgotten_with_the_call() {
    let mut world = World::new();
    resume(&mut world, 1, 10).unwrap();
    world.queue.leave(SessionId(1), world.now);
    world.sign_in(10, &[ENGLISH]);
    assert_eq!(world.availability(10), Availability::Available);
}

#[test]
fn q1_q2_what_cannot_be_put_back_is_refused() {
    let mut world = World::new();
    resume(&mut world, 1, 10).unwrap();
    assert_eq!(
        resume(&mut world, 1, 11),
        Err(QueueError::AlreadyWaiting),
        "one seat, one interpreter"
    );
    assert_eq!(resume(&mut world, 2, 10), Err(QueueError::Engaged));
    world.sign_in(11, &[ENGLISH]);
    world.enter(3, ENGLISH);
    world.next();
    assert_eq!(resume(&mut world, 2, 11), Err(QueueError::Engaged));
}

// ---- bad input ----

#[test]
fn an_unknown_session_is_named_so() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    let stranger = invitation(1, Seat::Lead, 10, 1);
    assert_eq!(world.accept(&stranger), Err(QueueError::UnknownSession));
    let declined = world
        .queue
        .declined(SessionId(1), Seat::Lead, &ca(10), Epoch(1), world.now);
    assert_eq!(declined, Err(QueueError::UnknownSession));
    assert_eq!(
        world.queue.vacate(SessionId(1), Seat::Lead, world.now),
        None
    );
    assert_eq!(world.queue.relieve(SessionId(1), world.now), None);
    assert_eq!(world.queue.leave(SessionId(1), world.now), []);
    assert_eq!(world.queue.position(SessionId(1)), None);
    assert_eq!(world.queue.waited(SessionId(1), world.now), None);
}

#[test]
fn an_unknown_interpreter_is_named_so() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.next();
    let unknown = Err(QueueError::UnknownInterpreter);
    let now = world.now;
    assert_eq!(world.accept(&invitation(1, Seat::Lead, 11, 1)), unknown);
    assert_eq!(
        world.queue.set_activity(&ca(11), Activity::Break, now),
        unknown
    );
    assert_eq!(world.queue.sign_out(&ca(11), world.now), None);
    assert_eq!(world.availability(11), Availability::Offline);
    assert!(!world.queue.is_resting(&ca(11)));
}

#[test]
fn q4_an_answer_from_an_old_epoch_is_stale() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.next();
    world.decline(1, 10);
    world.now += DECLINE_MEMORY;
    assert_eq!(world.next(), met(1, 10));
    let stale = Err(QueueError::Stale);
    assert_eq!(world.accept(&invitation(1, Seat::Lead, 10, 1)), stale);
    assert_eq!(world.accept(&invitation(1, Seat::Team, 10, 2)), stale);
    assert_eq!(world.accept(&invitation(1, Seat::Lead, 10, 2)), Ok(()));
}

#[test]
fn q1_a_seat_is_entered_once() {
    let mut world = World::new();
    world.enter(1, ENGLISH);
    let again = lead(1, ENGLISH);
    let twice = Err(QueueError::AlreadyWaiting);
    assert_eq!(world.queue.enter(again, world.now), twice);
    world.sign_in(10, &[ENGLISH]);
    let one = world.queue.next(world.now).unwrap();
    assert_eq!(world.queue.enter(again, world.now), twice, "being offered");
    world.accept(&one).unwrap();
    assert_eq!(world.queue.enter(again, world.now), twice, "taken");
    world.queue.vacate(SessionId(1), Seat::Lead, world.now);
    assert_eq!(world.queue.enter(again, world.now), Ok(()));
}

#[test]
fn q4_a_match_that_the_session_has_no_use_for_is_nobodys_fault_and_the_next_one_is_newer() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    for _ in 0..5 {
        let asked = world.queue.next(world.now).unwrap();
        let latest = Epoch(asked.epoch.0 + 6);
        let Match {
            session, seat, ca, ..
        } = &asked;
        let back = world
            .queue
            .hand_back(*session, *seat, ca, asked.epoch, latest);
        assert_eq!(back, Ok(()));
        let again = world
            .queue
            .hand_back(*session, *seat, ca, asked.epoch, latest);
        assert_eq!(again, Err(QueueError::Stale));
        let next = world.queue.next(world.now).unwrap();
        assert_eq!(next.epoch, latest.next());
        world
            .queue
            .hand_back(*session, *seat, ca, next.epoch, next.epoch)
            .unwrap();
    }
    assert_eq!(world.queue.availability(&ca(10)), Availability::Available);
}
