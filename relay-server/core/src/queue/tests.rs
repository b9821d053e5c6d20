//! The queue, as promises; and random histories held to the model.

use super::model::{Model, ModelInterpreter, ModelSession};
use super::*;
use crate::clock::some_instant;
use proptest::prelude::*;

fn ca(number: u32) -> CaId {
    number.to_string().parse().unwrap()
}

fn pair(text: &str) -> LanguagePair {
    text.parse().unwrap()
}

fn speaks(languages: &[&str]) -> InterpreterProfile {
    InterpreterProfile {
        languages: languages.iter().map(|text| pair(text)).collect(),
        skills: Vec::new(),
    }
}

const ENGLISH: &str = "ase/en";
const SPANISH: &str = "ase/es";

/// A queue and a time that only grows.
struct World {
    queue: Queue,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self {
            queue: Queue::new(),
            now: some_instant(),
        }
    }

    fn sign_in(&mut self, number: u32, languages: &[&str]) {
        self.queue
            .sign_in(ca(number), speaks(languages), self.now)
            .unwrap();
    }

    fn enter(&mut self, session: u128, languages: &str) {
        self.enter_as(session, languages, Priority::Normal);
    }

    fn enter_as(&mut self, session: u128, languages: &str, priority: Priority) {
        self.queue
            .enter(SessionId(session), pair(languages), priority, self.now)
            .unwrap();
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Session and interpreter of the next match.
    fn next(&mut self) -> Option<(u128, String)> {
        let one = self.queue.next(self.now)?;
        Some((one.session.0, one.ca.to_string()))
    }

    fn decline(&mut self, session: u128, number: u32) {
        let epoch = self.queue.sessions[&SessionId(session)].latest;
        self.queue
            .declined(SessionId(session), &ca(number), epoch, self.now)
            .unwrap();
    }
}

fn met(session: u128, number: u32) -> Option<(u128, String)> {
    Some((session, number.to_string()))
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
fn q5_q6_emergencies_come_first_then_the_order_of_arrival() {
    let mut world = World::new();
    for session in 1..=3 {
        world.enter(session, ENGLISH);
    }
    world.enter_as(4, ENGLISH, Priority::Emergency);
    world.enter_as(5, SPANISH, Priority::Emergency);
    assert_eq!(world.queue.position(SessionId(4)), Some(1));
    assert_eq!(world.queue.position(SessionId(1)), Some(2));
    assert_eq!(world.queue.position(SessionId(3)), Some(4));
    assert_eq!(world.queue.position(SessionId(5)), Some(1));
    for number in 10..15 {
        world.sign_in(number, &[ENGLISH, SPANISH]);
    }
    let order: Vec<_> = std::iter::from_fn(|| world.next())
        .take(100)
        .map(|(session, _)| session)
        .collect();
    assert_eq!(order, [4, 5, 1, 2, 3]);
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
fn r12_of_two_who_accept_the_one_who_is_asked_has_it() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.sign_in(11, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.next();
    let session = SessionId(1);
    let queue = &mut world.queue;
    assert_eq!(
        queue.accepted(session, &ca(11), Epoch(1)),
        Err(QueueError::Stale)
    );
    assert_eq!(queue.accepted(session, &ca(10), Epoch(1)), Ok(()));
    assert_eq!(
        queue.accepted(session, &ca(10), Epoch(1)),
        Err(QueueError::Stale)
    );
    assert_eq!(
        queue.declined(session, &ca(10), Epoch(1), world.now),
        Err(QueueError::Stale)
    );
    assert_eq!(queue.availability(&ca(10)), Some(Availability::InCall));
    assert_eq!(queue.availability(&ca(11)), Some(Availability::Available));
    assert_eq!(queue.position(session), None);
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
    assert_eq!(world.queue.handle_timeout(world.now), None);
    world.now = deadline;
    let lapsed = world.queue.handle_timeout(deadline).unwrap();
    assert_eq!(
        (lapsed.session, &lapsed.ca, lapsed.epoch),
        (SessionId(1), &ca(10), Epoch(1))
    );
    assert_eq!(world.queue.handle_timeout(deadline), None);
    assert_eq!(world.next(), met(1, 11));
    let late = world.queue.accepted(SessionId(1), &ca(10), Epoch(1));
    assert_eq!(late, Err(QueueError::Stale));
    assert_eq!(
        world.queue.accepted(SessionId(1), &ca(11), Epoch(2)),
        Ok(())
    );
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
    world
        .queue
        .set_availability(&ca(10), true, world.now)
        .unwrap();
    assert_eq!(world.next(), None, "available already: nothing was toggled");
    world.sign_in(10, &[ENGLISH]);
    assert_eq!(
        world.next(),
        None,
        "a refreshed registration is no new answer"
    );
    world
        .queue
        .set_availability(&ca(10), false, world.now)
        .unwrap();
    assert_eq!(world.next(), None);
    world
        .queue
        .set_availability(&ca(10), true, world.now)
        .unwrap();
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
    let given_back = world.queue.sign_out(&ca(10)).unwrap();
    assert_eq!(
        (given_back.session, given_back.epoch),
        (SessionId(1), Epoch(1))
    );
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
    world.next();
    world
        .queue
        .accepted(SessionId(1), &ca(10), Epoch(1))
        .unwrap();
    assert_eq!(world.queue.sign_out(&ca(10)), None);
    assert_eq!(world.queue.availability(&ca(10)), None);
    world.sign_in(10, &[ENGLISH]);
    assert_eq!(
        world.queue.availability(&ca(10)),
        Some(Availability::InCall)
    );
    assert_eq!(world.next(), None);
    let stale = world
        .queue
        .released(SessionId(1), &ca(10), Epoch(2), world.now);
    assert_eq!(stale, Err(QueueError::Stale));
    world
        .queue
        .released(SessionId(1), &ca(10), Epoch(1), world.now)
        .unwrap();
    assert_eq!(world.next(), met(2, 10));
}

#[test]
fn a_session_that_leaves_frees_whoever_was_asked() {
    let mut world = World::new();
    world.sign_in(10, &[ENGLISH]);
    world.enter(1, ENGLISH);
    world.next();
    let left = world.queue.leave(SessionId(1), world.now).unwrap();
    assert_eq!((left.ca, left.epoch), (ca(10), Epoch(1)));
    assert_eq!(world.queue.leave(SessionId(1), world.now), None);
    assert_eq!(
        world.queue.availability(&ca(10)),
        Some(Availability::Available)
    );
    assert_eq!(world.queue.poll_timeout(), None);
    assert_eq!(
        world.queue.summary(),
        QueueSummary {
            available: 1,
            ..QueueSummary::default()
        }
    );
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
    let enter = |world: &mut World, session, priority| {
        world
            .queue
            .enter(SessionId(session), pair(ENGLISH), priority, world.now)
    };
    assert_eq!(
        enter(&mut world, last + 1, Priority::Normal),
        Err(QueueError::Full)
    );
    assert_eq!(
        enter(&mut world, 1, Priority::Normal),
        Err(QueueError::AlreadyWaiting)
    );
    assert_eq!(enter(&mut world, last + 1, Priority::Emergency), Ok(()));
    assert_eq!(
        world.queue.position(SessionId(last)),
        Some(limit::QUEUE_SESSIONS_MAX as u32 + 1)
    );
    // Everybody is served by one interpreter: with a scan in it this would take minutes.
    world.sign_in(10, &[ENGLISH]);
    let mut served = 0;
    for _ in 0..=last {
        let Some(one) = world.queue.next(world.now) else {
            break;
        };
        world
            .queue
            .accepted(one.session, &one.ca, one.epoch)
            .unwrap();
        world.queue.leave(one.session, world.now);
        served += 1;
    }
    assert_eq!(world.queue.next(world.now), None);
    assert_eq!(served, last + 1);
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

/// One random step. Numbers are small so that steps meet each other.
#[derive(Debug, Clone)]
enum Op {
    SignIn(u32, Vec<LanguagePair>),
    SetAvailability(u32, bool),
    SignOut(u32),
    Enter(u128, LanguagePair, Priority),
    Leave(u128),
    Next,
    Accepted(u128, u32, u32),
    AnswerRightly(u128, bool),
    Declined(u128, u32, u32),
    Released(u128),
    Timeout,
    Wait(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let languages = || prop::sample::select(vec![pair(ENGLISH), pair(SPANISH)]);
    let priority = prop::sample::select(vec![
        Priority::Normal,
        Priority::Normal,
        Priority::Normal,
        Priority::Emergency,
    ]);
    prop_oneof![
        2 => (0..4_u32, prop::collection::vec(languages(), 1..3)).prop_map(|(c, l)| Op::SignIn(c, l)),
        1 => (0..4_u32, any::<bool>()).prop_map(|(c, a)| Op::SetAvailability(c, a)),
        1 => (0..4_u32).prop_map(Op::SignOut),
        3 => (0..6_u128, languages(), priority).prop_map(|(s, l, p)| Op::Enter(s, l, p)),
        1 => (0..6_u128).prop_map(Op::Leave),
        5 => Just(Op::Next),
        1 => (0..6_u128, 0..4_u32, 0..4_u32).prop_map(|(s, c, e)| Op::Accepted(s, c, e)),
        4 => (0..6_u128, any::<bool>()).prop_map(|(s, yes)| Op::AnswerRightly(s, yes)),
        1 => (0..6_u128, 0..4_u32, 0..4_u32).prop_map(|(s, c, e)| Op::Declined(s, c, e)),
        1 => (0..6_u128).prop_map(Op::Released),
        2 => Just(Op::Timeout),
        2 => (0..25_u64).prop_map(Op::Wait),
    ]
}

/// Real queue and model, side by side.
struct Twins {
    world: World,
    model: Model,
}

impl Twins {
    fn step(&mut self, op: Op) -> Result<(), TestCaseError> {
        let now = self.world.now;
        let queue = &mut self.world.queue;
        let model = &mut self.model;
        match op {
            Op::SignIn(number, languages) => {
                let skills = Vec::new();
                let profile = InterpreterProfile {
                    languages: languages.clone(),
                    skills,
                };
                queue.sign_in(ca(number), profile, now).unwrap();
                let new = ModelInterpreter {
                    languages: languages.clone(),
                    available: true,
                    leaving: false,
                    idle_since: now,
                };
                let one = model.interpreters.entry(ca(number)).or_insert(new);
                one.languages = languages;
                one.available |= one.leaving;
                one.leaving = false;
            }
            Op::SetAvailability(number, available) => {
                let known = model
                    .interpreters
                    .get_mut(&ca(number))
                    .filter(|one| !one.leaving);
                let result = queue.set_availability(&ca(number), available, now);
                prop_assert_eq!(result.is_ok(), known.is_some());
                if let Some(one) = known.filter(|one| one.available != available) {
                    one.available = available;
                    one.idle_since = now;
                    if available {
                        model.declines.retain(|(_, who), _| *who != ca(number));
                    }
                }
            }
            Op::SignOut(number) => {
                let mut expected = None;
                if let Some(session) = model.engaged(&ca(number)).cloned() {
                    if session.engaged.as_ref().is_some_and(|(_, d)| d.is_some()) {
                        let (session, epoch) = (session.id, session.epoch);
                        model.session(session).unwrap().engaged = None;
                        model.interpreters.remove(&ca(number));
                        expected = Some(Match {
                            session,
                            ca: ca(number),
                            epoch,
                        });
                    } else if let Some(one) = model.interpreters.get_mut(&ca(number)) {
                        one.leaving = true;
                    }
                } else {
                    model.interpreters.remove(&ca(number));
                }
                model.declines.retain(|(_, who), _| *who != ca(number));
                prop_assert_eq!(queue.sign_out(&ca(number)), expected);
            }
            Op::Enter(session, languages, priority) => {
                let id = SessionId(session);
                let known = model.session(id).is_some();
                let result = queue.enter(id, languages, priority, now);
                prop_assert_eq!(result.is_err(), known);
                if !known {
                    let epoch = Epoch(0);
                    let engaged = None;
                    model.sessions.push(ModelSession {
                        id,
                        languages,
                        priority,
                        epoch,
                        engaged,
                    });
                }
            }
            Op::Leave(session) => {
                let id = SessionId(session);
                prop_assert_eq!(queue.leave(id, now), model.leave(id, now));
            }
            Op::Next => prop_assert_eq!(queue.next(now), model.next(now)),
            Op::Accepted(session, number, epoch) => {
                self.answer(SessionId(session), &ca(number), Epoch(epoch), true)?;
            }
            Op::Declined(session, number, epoch) => {
                self.answer(SessionId(session), &ca(number), Epoch(epoch), false)?;
            }
            Op::AnswerRightly(session, yes) => {
                if let Some(session) = model.session(SessionId(session)).cloned()
                    && let Some((who, _)) = &session.engaged
                {
                    self.answer(session.id, who, session.epoch, yes)?;
                }
            }
            Op::Released(session) => {
                let id = SessionId(session);
                if let Some(one) = model.session(id).cloned()
                    && let Some((who, deadline)) = one.engaged
                {
                    let result = queue.released(id, &who, one.epoch, now);
                    prop_assert_eq!(result.is_ok(), deadline.is_none());
                    if deadline.is_none() {
                        model.leave(id, now);
                    }
                }
            }
            Op::Timeout => {
                for lapsed in std::iter::from_fn(|| queue.handle_timeout(now)).take(100) {
                    prop_assert!(model.invited(lapsed.session, &lapsed.ca, lapsed.epoch));
                    model.decline(lapsed.session, now);
                }
                let late = |s: &&ModelSession| {
                    s.engaged
                        .as_ref()
                        .and_then(|(_, d)| *d)
                        .is_some_and(|d| d <= now)
                };
                prop_assert_eq!(model.sessions.iter().filter(late).count(), 0);
            }
            Op::Wait(seconds) => self.world.wait(seconds),
        }
        Ok(())
    }

    fn answer(
        &mut self,
        id: SessionId,
        who: &CaId,
        epoch: Epoch,
        yes: bool,
    ) -> Result<(), TestCaseError> {
        let now = self.world.now;
        let result = if yes {
            self.world.queue.accepted(id, who, epoch)
        } else {
            self.world.queue.declined(id, who, epoch, now)
        };
        let right = self.model.invited(id, who, epoch);
        prop_assert_eq!(result.is_ok(), right);
        if right && yes {
            self.model.session(id).unwrap().engaged = Some((who.clone(), None));
            self.model.declines.retain(|(session, _), _| *session != id);
        } else if right {
            self.model.decline(id, now);
        }
        Ok(())
    }

    /// Q1, Q2 and everything that can be seen from outside.
    fn compare(&self) -> Result<(), TestCaseError> {
        let mut busy: Vec<&CaId> = Vec::new();
        for session in &self.model.sessions {
            let entry = &self.world.queue.sessions[&session.id];
            let engaged = session.engaged.as_ref().map(|(who, _)| who);
            prop_assert_eq!(entry.engaged(), engaged);
            prop_assert_eq!(entry.latest, session.epoch);
            busy.extend(engaged);
            let position = self.model.position(session.id);
            prop_assert_eq!(self.world.queue.position(session.id), position);
        }
        prop_assert_eq!(self.world.queue.sessions.len(), self.model.sessions.len());
        let all = busy.len();
        busy.sort_unstable();
        busy.dedup();
        prop_assert_eq!(busy.len(), all, "an interpreter has two sessions");
        for number in 0..4 {
            let known = self
                .model
                .interpreters
                .get(&ca(number))
                .filter(|one| !one.leaving);
            let availability = self.world.queue.availability(&ca(number));
            prop_assert_eq!(availability.is_some(), known.is_some());
        }
        for languages in [pair(ENGLISH), pair(SPANISH)] {
            let mut here = self.model.interpreters.values().filter(|one| !one.leaving);
            let any = here.any(|one| one.languages.contains(&languages));
            prop_assert_eq!(self.world.queue.has_any(languages), any);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn q1_to_q8_the_queue_decides_as_the_model_does(ops in prop::collection::vec(op(), 0..80)) {
        let mut twins = Twins { world: World::new(), model: Model::default() };
        for op in ops {
            twins.step(op)?;
            twins.compare()?;
        }
        // Q3: after the drain nothing is left, and everybody still here is free.
        for session in 0..6 {
            twins.step(Op::Leave(session))?;
        }
        let queue = &twins.world.queue;
        let summary = queue.summary();
        prop_assert_eq!((summary.waiting, summary.invited, summary.in_call), (0, 0, 0));
        prop_assert_eq!(queue.poll_timeout(), None);
        prop_assert!(queue.ready.values().all(BTreeSet::is_empty));
    }
}
