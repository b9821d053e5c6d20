//! Wishes for a skill and a gender, each rule as an example.

use vrs_domain::{Gender, Skill, Urgency};

use super::tests::{ENGLISH, World, ca, lead, met, speaks};
use super::*;

fn skilled(skill: Skill) -> InterpreterProfile {
    InterpreterProfile {
        skills: vec![skill],
        ..speaks(&[ENGLISH])
    }
}

fn of_gender(gender: Gender) -> InterpreterProfile {
    InterpreterProfile {
        gender: Some(gender),
        ..speaks(&[ENGLISH])
    }
}

fn medical(session: u128) -> Request {
    Request {
        skill: Some(Skill::Medical),
        ..lead(session, ENGLISH)
    }
}

fn for_a_woman(session: u128) -> Request {
    Request {
        gender: Some(Gender::Female),
        ..lead(session, ENGLISH)
    }
}

#[test]
fn f14_a_skill_is_insisted_on_while_somebody_on_shift_has_it() {
    let mut world = World::new();
    world.sign_in_as(10, skilled(Skill::Medical));
    world.sign_in_as(11, skilled(Skill::Legal));
    world.enter(1, ENGLISH);
    assert_eq!(world.connect(), met(1, 10));
    world.request(medical(2));
    assert_eq!(world.next(), None, "10 has it, and will be free again");
    world.queue.leave(SessionId(1), world.now);
    assert_eq!(world.next(), met(2, 10));
}

#[test]
fn f14_after_the_patience_anybody_with_the_languages_is_asked() {
    let mut world = World::new();
    world.sign_in_as(10, skilled(Skill::Medical));
    world.enter(1, ENGLISH);
    world.connect();
    world.sign_in_as(11, skilled(Skill::Legal));
    world.request(medical(2));
    assert_eq!(world.next(), None);
    let patience = world.queue.poll_timeout().unwrap();
    assert_eq!(patience, world.now + limit::WISH_PATIENCE);
    world.wait(29);
    assert_eq!(world.next(), None);
    world.wait(1);
    assert_eq!(world.next(), met(2, 11));
}

#[test]
fn f14_a_skill_that_nobody_on_shift_has_makes_nobody_wait() {
    let mut world = World::new();
    world.sign_in_as(10, skilled(Skill::Medical));
    world.sign_in_as(11, skilled(Skill::Legal));
    world.choose(10, Activity::Away);
    world.request(medical(1));
    assert_eq!(world.next(), met(1, 11));
}

#[test]
fn f14_somebody_at_a_break_is_worth_waiting_for_and_somebody_who_leaves_is_not() {
    let mut world = World::new();
    world.sign_in_as(10, skilled(Skill::Medical));
    world.sign_in(11, &[ENGLISH]);
    world.choose(10, Activity::Break);
    world.request(medical(1));
    assert_eq!(world.next(), None);
    world.queue.sign_out(&ca(10), world.now);
    assert_eq!(world.next(), met(1, 11));
}

#[test]
fn f14_those_without_a_wish_overtake_who_insists_and_take_any_interpreter() {
    let mut world = World::new();
    world.sign_in_as(10, skilled(Skill::Medical));
    world.enter(1, ENGLISH);
    assert_eq!(
        world.connect(),
        met(1, 10),
        "a skill is no reason to be spared"
    );
    world.request(medical(2));
    world.enter(3, ENGLISH);
    world.sign_in(11, &[ENGLISH]);
    assert_eq!(world.next(), met(3, 11));
    assert_eq!(world.queue.position(SessionId(2)), Some(1));
}

#[test]
fn f14_over_all_wishes_the_earliest_arrival_is_served_first() {
    let mut world = World::new();
    world.request(medical(1));
    world.enter(2, ENGLISH);
    world.request(for_a_woman(3));
    world.sign_in_as(
        10,
        InterpreterProfile {
            gender: Some(Gender::Female),
            ..skilled(Skill::Medical)
        },
    );
    for session in 1..=3 {
        assert_eq!(world.connect(), met(session, 10));
        world.queue.leave(SessionId(session), world.now);
    }
}

#[test]
fn f14_who_fulfils_the_wish_is_preferred_even_after_the_patience() {
    let mut world = World::new();
    world.request(medical(1));
    world.sign_in(10, &[ENGLISH]);
    world.wait(60);
    world.sign_in_as(11, skilled(Skill::Medical));
    assert_eq!(world.next(), met(1, 11), "though 10 has been idle longer");
    world.decline(1, 11);
    assert_eq!(world.next(), met(1, 10));
}

#[test]
fn f5_a_gender_is_a_wish_like_a_skill() {
    let mut world = World::new();
    world.sign_in_as(10, of_gender(Gender::Male));
    world.sign_in_as(11, of_gender(Gender::Female));
    world.request(for_a_woman(1));
    world.request(for_a_woman(2));
    assert_eq!(world.connect(), met(1, 11));
    assert_eq!(world.next(), None, "she is still on shift");
    world.wait(30);
    assert_eq!(world.next(), met(2, 10));
}

#[test]
fn f5_who_told_no_gender_fulfils_no_wish_for_one() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.sign_in_as(11, of_gender(Gender::Female));
    world.wait(1);
    world.request(for_a_woman(1));
    assert_eq!(world.next(), met(1, 11));
}

#[test]
fn f5_f14_the_gender_is_given_up_before_the_skill() {
    let mut world = World::new();
    world.sign_in_as(10, of_gender(Gender::Female));
    world.wait(1);
    world.sign_in_as(11, skilled(Skill::Medical));
    world.request(Request {
        gender: Some(Gender::Female),
        ..medical(1)
    });
    assert_eq!(world.next(), met(1, 11));
}

#[test]
fn f5_a_wish_is_asked_for_again_when_the_call_is_handed_over() {
    let mut world = World::new();
    world.sign_in_as(10, of_gender(Gender::Female));
    world.request(for_a_woman(1));
    world.connect();
    world.sign_in_as(11, of_gender(Gender::Male));
    world.sign_in_as(12, of_gender(Gender::Female));
    world.request(Request {
        seat: Seat::Relief,
        ..for_a_woman(1)
    });
    assert_eq!(world.next(), met(1, 12));
}

#[test]
fn f18_emergencies_ignore_wishes() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.wait(1);
    world.sign_in_as(11, skilled(Skill::Medical));
    world.request(Request {
        urgency: Urgency::Emergency,
        ..medical(1)
    });
    assert_eq!(world.next(), met(1, 10), "the longest idle, trained or not");
}

#[test]
fn a_declined_wish_keeps_its_patience() {
    let mut world = World::new();
    world.sign_in_as(10, skilled(Skill::Medical));
    world.sign_in(11, &[ENGLISH]);
    world.request(medical(1));
    assert_eq!(world.next(), met(1, 10));
    world.wait(19);
    world.decline(1, 10);
    assert_eq!(world.next(), None);
    world.wait(11);
    assert_eq!(world.next(), met(1, 11));
}
