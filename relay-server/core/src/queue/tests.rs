//! The queue, as promises: order, answers, bounds. The rules of routing are in `tests_rules.rs`.

use super::*;
use crate::clock::some_instant;

pub(super) fn ca(number: u32) -> CaId {
    number.to_string().parse().unwrap()
}

pub(super) fn pair(text: &str) -> LanguagePair {
    text.parse().unwrap()
}

pub(super) fn speaks(languages: &[&str]) -> InterpreterProfile {
    InterpreterProfile {
        languages: languages.iter().map(|text| pair(text)).collect(),
        ..InterpreterProfile::default()
    }
}

/// A standard request for the lead.
pub(super) fn lead(session: u128, languages: &str) -> Request {
    Request {
        session: SessionId(session),
        seat: Seat::Lead,
        languages: pair(languages),
        urgency: Urgency::Standard,
        skill: None,
        gender: None,
    }
}

pub(super) const ENGLISH: &str = "ase/en";
pub(super) const SPANISH: &str = "ase/es";

/// A queue and a time that only grows.
pub(super) struct World {
    pub(super) queue: Queue,
    pub(super) now: Instant,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with_rules(QueueRules::default())
    }

    pub(super) fn with_rules(rules: QueueRules) -> Self {
        Self {
            queue: Queue::new(rules),
            now: some_instant(),
        }
    }

    pub(super) fn sign_in(&mut self, number: u32, languages: &[&str]) {
        self.sign_in_as(number, speaks(languages));
    }

    pub(super) fn sign_in_as(&mut self, number: u32, profile: InterpreterProfile) {
        self.queue.sign_in(&ca(number), profile, self.now).unwrap();
    }

    pub(super) fn enter(&mut self, session: u128, languages: &str) {
        self.request(lead(session, languages));
    }

    pub(super) fn enter_as(&mut self, session: u128, languages: &str, urgency: Urgency) {
        self.request(Request {
            urgency,
            ..lead(session, languages)
        });
    }

    pub(super) fn enter_seat(&mut self, session: u128, seat: Seat) {
        self.request(Request {
            seat,
            ..lead(session, ENGLISH)
        });
    }

    pub(super) fn request(&mut self, request: Request) {
        self.queue.enter(request, self.now).unwrap();
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Session and interpreter of the next match.
    pub(super) fn next(&mut self) -> Option<(u128, String)> {
        let one = self.queue.next(self.now)?;
        Some((one.session.0, one.ca.to_string()))
    }

    /// The next match, taken.
    pub(super) fn connect(&mut self) -> Option<(u128, String)> {
        let one = self.queue.next(self.now)?;
        self.accept(&one).unwrap();
        Some((one.session.0, one.ca.to_string()))
    }

    pub(super) fn accept(&mut self, one: &Match) -> Result<(), QueueError> {
        self.queue
            .accepted(one.session, one.seat, &one.ca, one.epoch, self.now)
    }

    pub(super) fn decline(&mut self, session: u128, number: u32) {
        let epoch = self.queue.epochs[&SessionId(session)];
        let session = SessionId(session);
        self.queue
            .declined(session, Seat::Lead, &ca(number), epoch, self.now)
            .unwrap();
    }

    pub(super) fn choose(&mut self, number: u32, activity: Activity) {
        self.queue
            .set_activity(&ca(number), activity, self.now)
            .unwrap();
    }

    pub(super) fn availability(&self, number: u32) -> Availability {
        self.queue.availability(&ca(number))
    }

    pub(super) fn lapse(&mut self) -> Option<(u128, String)> {
        let one = self.queue.handle_timeout(self.now)?;
        Some((one.session.0, one.ca.to_string()))
    }
}

pub(super) fn met(session: u128, number: u32) -> Option<(u128, String)> {
    Some((session, number.to_string()))
}

pub(super) fn invitation(session: u128, seat: Seat, number: u32, epoch: u32) -> Match {
    Match {
        session: SessionId(session),
        seat,
        ca: ca(number),
        epoch: Epoch(epoch),
    }
}

#[test]
fn q8_a_free_interpreter_and_a_waiting_session_meet_whoever_comes_first() {
    let mut world = World::new();
    world.enter(1, ENGLISH);
    assert_eq!(world.next(), None);
    world.sign_in(10, &[ENGLISH]);
    assert_eq!(world.next(), met(1, 10));
    assert_eq!(world.next(), None);
    world.sign_in(11, &[ENGLISH]);
    world.enter(2, ENGLISH);
    assert_eq!(world.next(), met(2, 11));
}

#[test]
fn q5_q6_emergencies_come_first_then_the_urgent_then_the_order_of_arrival() {
    let mut world = World::new();
    for session in 1..=3 {
        world.enter(session, ENGLISH);
    }
    world.enter_as(6, ENGLISH, Urgency::Urgent);
    world.enter_as(4, ENGLISH, Urgency::Emergency);
    world.enter_as(5, SPANISH, Urgency::Emergency);
    for (session, position) in [(4, 1), (6, 2), (1, 3), (3, 5), (5, 1)] {
        let place = world.queue.position(SessionId(session));
        assert_eq!(place, Some(position), "of {session}");
    }
    for number in 10..16 {
        world.sign_in(number, &[ENGLISH, SPANISH]);
    }
    let order: Vec<_> = std::iter::from_fn(|| world.next())
        .take(100)
        .map(|(session, _)| session)
        .collect();
    assert_eq!(order, [4, 5, 6, 1, 2, 3]);
}

#[test]
fn the_longest_idle_is_asked_and_then_the_smaller_ca_id() {
    let mut world = World::new();
    world.sign_in(12, &[ENGLISH]);
    world.sign_in(11, &[ENGLISH]);
    world.wait(1);
    world.sign_in(10, &[ENGLISH]);
    for session in 1..=3 {
        world.enter(session, ENGLISH);
    }
    assert_eq!(world.next(), met(1, 11));
    assert_eq!(world.next(), met(2, 12));
    assert_eq!(world.next(), met(3, 10));
}

#[test]
fn r12_of_two_who_accept_at_once_the_one_who_is_asked_has_it() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.sign_in(11, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.next();
    let right = invitation(1, Seat::Lead, 10, 1);
    let wrong = invitation(1, Seat::Lead, 11, 1);
    assert_eq!(world.accept(&wrong), Err(QueueError::Stale));
    assert_eq!(world.accept(&right), Ok(()));
    assert_eq!(world.accept(&right), Err(QueueError::Stale));
    assert_eq!(
        world
            .queue
            .declined(SessionId(1), Seat::Lead, &ca(10), Epoch(1), world.now),
        Err(QueueError::Stale)
    );
    assert_eq!(world.availability(10), Availability::InCall);
    assert_eq!(world.availability(11), Availability::Available);
    assert_eq!(world.queue.position(SessionId(1)), None);
}

#[test]
fn q4_an_answer_to_a_lapsed_invitation_is_stale_and_the_next_is_asked() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    assert_eq!(world.next(), met(1, 10));
    world.sign_in(11, &[ENGLISH]);
    let deadline = world.queue.poll_timeout().unwrap();
    assert_eq!(deadline, world.now + limit::INVITATION_TIMEOUT);
    assert_eq!(world.lapse(), None);
    world.now = deadline;
    let lapsed = world.queue.handle_timeout(deadline).unwrap();
    assert_eq!(lapsed, invitation(1, Seat::Lead, 10, 1));
    assert_eq!(world.lapse(), None);
    assert_eq!(world.next(), met(1, 11));
    assert_eq!(world.accept(&lapsed), Err(QueueError::Stale));
    assert_eq!(world.accept(&invitation(1, Seat::Lead, 11, 2)), Ok(()));
}

#[test]
fn who_declined_is_passed_over_and_asked_again_after_thirty_seconds() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.next();
    world.decline(1, 10);
    assert_eq!(world.next(), None);
    assert_eq!(world.queue.position(SessionId(1)), Some(1));
    world.enter(2, ENGLISH);
    assert_eq!(world.next(), met(2, 10), "those behind may be served");
    world.queue.leave(SessionId(2), world.now);
    let again = world.queue.poll_timeout().unwrap();
    assert_eq!(again, world.now + DECLINE_MEMORY);
    world.wait(29);
    assert_eq!(world.next(), None);
    world.now = again;
    assert_eq!(world.next(), met(1, 10));
}

#[test]
fn who_turns_away_and_available_again_may_be_asked_at_once() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.next();
    world.decline(1, 10);
    world.choose(10, Activity::Available);
    assert_eq!(world.next(), None, "available already: nothing was chosen");
    world.sign_in(10, &[ENGLISH]);
    assert_eq!(
        world.next(),
        None,
        "a refreshed registration is no new answer"
    );
    world.choose(10, Activity::Away);
    assert_eq!(world.next(), None);
    world.choose(10, Activity::Available);
    assert_eq!(world.next(), met(1, 10));
}

#[test]
fn all_are_asked_before_anybody_is_asked_twice() {
    let mut world = World::new();
    for number in 10..14 {
        world.sign_in(number, &[ENGLISH]);
    }
    world.enter(1, ENGLISH);
    let mut asked = Vec::new();
    for _ in 0..10 {
        let Some((_, number)) = world.next() else {
            break;
        };
        world.wait(1);
        world.decline(1, number.parse().unwrap());
        asked.push(number);
    }
    assert_eq!(asked, ["10", "11", "12", "13"]);
}

#[test]
fn an_interpreter_who_is_lost_while_invited_gives_the_session_back() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.next();
    assert!(world.queue.has_any(pair(ENGLISH)));
    let given_back = world.queue.sign_out(&ca(10), world.now).unwrap();
    assert_eq!(given_back, invitation(1, Seat::Lead, 10, 1));
    assert!(!world.queue.has_any(pair(ENGLISH)));
    assert_eq!(world.queue.poll_timeout(), None);
    world.sign_in(11, &[ENGLISH]);
    assert_eq!(world.next(), met(1, 11));
}

#[test]
fn q2_an_interpreter_who_signs_out_and_in_during_a_call_is_still_in_it() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.enter(2, ENGLISH);
    world.connect();
    assert_eq!(world.queue.sign_out(&ca(10), world.now), None);
    assert_eq!(world.availability(10), Availability::Offline);
    assert_eq!(world.queue.profile(&ca(10)), None);
    world.sign_in(10, &[ENGLISH]);
    assert_eq!(world.availability(10), Availability::InCall);
    assert_eq!(world.next(), None);
    let freed = world.queue.vacate(SessionId(1), Seat::Lead, world.now);
    assert_eq!(freed, Some(invitation(1, Seat::Lead, 10, 1)));
    assert_eq!(world.next(), met(2, 10));
}

#[test]
fn q2_an_interpreter_who_signed_out_during_a_call_is_gone_after_it() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.connect();
    world.queue.sign_out(&ca(10), world.now);
    let freed = world.queue.leave(SessionId(1), world.now);
    assert_eq!(freed, [invitation(1, Seat::Lead, 10, 1)]);
    world.enter(2, ENGLISH);
    assert_eq!(world.next(), None);
    assert_eq!(world.queue.summary().available, 0);
}

#[test]
fn a_session_that_leaves_frees_whoever_was_asked() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.next();
    let left = world.queue.leave(SessionId(1), world.now);
    assert_eq!(left, [invitation(1, Seat::Lead, 10, 1)]);
    assert_eq!(world.queue.leave(SessionId(1), world.now), []);
    assert_eq!(world.availability(10), Availability::Available);
    assert_eq!(world.queue.poll_timeout(), None);
    let expected = QueueSummary {
        available: 1,
        ..QueueSummary::default()
    };
    assert_eq!(world.queue.summary(), expected);
}

#[test]
fn languages_are_kept_apart() {
    let mut world = World::new();
    world.sign_in(10, &[SPANISH]);
    world.enter(1, ENGLISH);
    assert_eq!(world.next(), None);
    assert!(!world.queue.has_any(pair(ENGLISH)));
    assert!(world.queue.has_any(pair(SPANISH)));
    world.sign_in(10, &[SPANISH, ENGLISH, ENGLISH]);
    assert_eq!(world.next(), met(1, 10));
}

#[test]
fn the_full_queue_refuses_and_still_takes_emergencies() {
    let mut world = World::new();
    let last = limit::QUEUE_SESSIONS_MAX as u128;
    for session in 1..=last {
        world.enter(session, ENGLISH);
    }
    let enter = |world: &mut World, session, urgency| {
        let request = Request {
            urgency,
            ..lead(session, ENGLISH)
        };
        world.queue.enter(request, world.now)
    };
    for urgency in [Urgency::Standard, Urgency::Urgent] {
        assert_eq!(enter(&mut world, last + 1, urgency), Err(QueueError::Full));
        assert_eq!(
            enter(&mut world, 1, urgency),
            Err(QueueError::AlreadyWaiting)
        );
    }
    assert_eq!(enter(&mut world, last + 1, Urgency::Emergency), Ok(()));
    assert_eq!(
        world.queue.position(SessionId(last)),
        Some(limit::QUEUE_SESSIONS_MAX as u32 + 1)
    );
    // Everybody is served by one interpreter: with a scan in it this would take minutes.
    world.sign_in(10, &[ENGLISH]);
    let mut served = 0;
    for _ in 0..=last {
        let Some((session, _)) = world.connect() else {
            break;
        };
        world.queue.leave(SessionId(session), world.now);
        served += 1;
    }
    assert_eq!(world.queue.next(world.now), None);
    assert_eq!(served, last + 1);
}

#[test]
fn emergencies_are_refused_only_when_their_own_places_are_taken_too() {
    let mut world = World::new();
    let all = (limit::QUEUE_SESSIONS_MAX + EMERGENCY_RESERVE) as u128;
    for session in 1..=all {
        world.enter_as(session, ENGLISH, Urgency::Emergency);
    }
    let more = Request {
        urgency: Urgency::Emergency,
        ..lead(all + 1, ENGLISH)
    };
    assert_eq!(world.queue.enter(more, world.now), Err(QueueError::Full));
}

#[test]
fn sessions_that_wait_for_nothing_are_bounded_too() {
    let mut world = World::new();
    for session in 0..SESSIONS_KNOWN_MAX as u128 {
        world.enter(session, ENGLISH);
        world
            .queue
            .vacate(SessionId(session), Seat::Lead, world.now);
    }
    let request = lead(SESSIONS_KNOWN_MAX as u128, ENGLISH);
    assert_eq!(world.queue.enter(request, world.now), Err(QueueError::Full));
    world.enter(7, ENGLISH);
    world.queue.leave(SessionId(8), world.now);
    assert_eq!(world.queue.enter(request, world.now), Ok(()));
}

#[test]
fn too_many_interpreters_are_refused_and_the_known_may_refresh() {
    let mut world = World::new();
    for number in 0..INTERPRETERS_MAX as u32 {
        world.sign_in(number, &[ENGLISH]);
    }
    let one_more = ca(INTERPRETERS_MAX as u32);
    let refused = world
        .queue
        .sign_in(&one_more, speaks(&[ENGLISH]), world.now);
    assert_eq!(refused, Err(QueueError::Full));
    world.sign_in(7, &[SPANISH]);
    world.queue.sign_out(&ca(8), world.now);
    world.sign_in(INTERPRETERS_MAX as u32, &[ENGLISH]);
}

#[test]
fn changes_that_nobody_asks_for_are_bounded() {
    let mut world = World::new();
    let mut refused = 0;
    for number in 0..3 * INTERPRETERS_MAX as u32 {
        let signed_in = world
            .queue
            .sign_in(&ca(number), speaks(&[ENGLISH]), world.now);
        refused += u32::from(signed_in == Err(QueueError::Full));
        world.queue.sign_out(&ca(number), world.now);
    }
    assert_eq!(refused, INTERPRETERS_MAX as u32);
    while world.queue.poll_change().is_some() {}
    world.sign_in(1, &[ENGLISH]);
}

#[test]
fn what_is_wide_open_stays_bounded_when_everybody_declines_everything() {
    let mut world = World::new();
    for number in 0..50 {
        world.sign_in(number, &[ENGLISH]);
    }
    for session in 0..50 {
        world.enter(session, ENGLISH);
    }
    for _ in 0..2_000 {
        let Some((session, number)) = world.next() else {
            break;
        };
        world.decline(session, number.parse().unwrap());
    }
    assert_eq!(world.queue.summary().waiting, 50);
}
