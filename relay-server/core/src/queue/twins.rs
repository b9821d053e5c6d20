//! Random histories, told to the queue and to its model: both must answer the same.

use super::model::Model;
use super::*;
use crate::clock::some_instant;
use proptest::prelude::*;
use vrs_domain::{Gender, Skill, Urgency};

const SESSIONS: u128 = 5;
const INTERPRETERS: u32 = 5;

fn ca(number: u32) -> CaId {
    number.to_string().parse().unwrap()
}

fn pairs() -> [LanguagePair; 2] {
    ["ase/en", "ase/es"].map(|text| text.parse().unwrap())
}

/// One random step. Numbers are small so that steps meet each other.
#[derive(Debug, Clone)]
enum Op {
    SignIn(u32, InterpreterProfile),
    SetActivity(u32, Activity),
    SignOut(u32),
    Enter(Request),
    Resume(Request, u32, u32),
    Vacate(u128, Seat),
    Relieve(u128),
    Leave(u128),
    Next,
    /// Answers any invitation or assignment, right or wrong.
    Answer(u128, Seat, u32, u32, bool),
    /// Answers an invitation that is out.
    AnswerRightly(prop::sample::Index, bool),
    /// As a driver does: everything that is due.
    Drive,
    Publish,
    Wait(u64),
    /// To the moment at which something is due.
    WaitForIt,
}

fn profile() -> impl Strategy<Value = InterpreterProfile> {
    (
        prop::sample::subsequence(pairs().to_vec(), 1..=2),
        prop::sample::subsequence(vec![Skill::Medical, Skill::Legal], 0..=2),
        prop::option::of(prop::sample::select(vec![Gender::Female, Gender::Male])),
        prop::bool::weighted(0.3),
    )
        .prop_map(
            |(languages, skills, gender, supervisor)| InterpreterProfile {
                languages,
                skills,
                gender,
                supervisor,
            },
        )
}

fn seat() -> impl Strategy<Value = Seat> {
    prop_oneof![3 => Just(Seat::Lead), 2 => Just(Seat::Relief), 1 => Just(Seat::Team), 1 => Just(Seat::Supervisor)]
}

fn request() -> impl Strategy<Value = Request> {
    let urgency = prop_oneof![1 => Just(Urgency::Emergency), 1 => Just(Urgency::Urgent), 3 => Just(Urgency::Standard)];
    let skill = prop::option::of(prop::sample::select(vec![Skill::Medical, Skill::Legal]));
    let gender = prop::option::of(prop::sample::select(vec![Gender::Female, Gender::Male]));
    let languages = prop::sample::select(pairs().to_vec());
    (0..SESSIONS, seat(), languages, urgency, skill, gender).prop_map(
        |(session, seat, languages, urgency, skill, gender)| Request {
            session: SessionId(session),
            seat,
            languages,
            urgency,
            skill,
            gender,
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    let who = || 0..INTERPRETERS;
    let which = || 0..SESSIONS;
    let activity = prop::sample::select(Activity::ALL.to_vec());
    let activity = prop_oneof![Just(Activity::Available), activity];
    let any_index = any::<prop::sample::Index>();
    prop_oneof![
        4 => (who(), profile()).prop_map(|(c, p)| Op::SignIn(c, p)),
        3 => (who(), activity).prop_map(|(c, a)| Op::SetActivity(c, a)),
        1 => who().prop_map(Op::SignOut),
        6 => request().prop_map(Op::Enter),
        1 => (request(), who(), 0..9_u32).prop_map(|(r, c, e)| Op::Resume(r, c, e)),
        2 => (which(), seat()).prop_map(|(s, seat)| Op::Vacate(s, seat)),
        2 => which().prop_map(Op::Relieve),
        1 => which().prop_map(Op::Leave),
        5 => Just(Op::Next),
        1 => (which(), seat(), who(), 0..6_u32, any::<bool>())
            .prop_map(|(s, seat, c, e, yes)| Op::Answer(s, seat, c, e, yes)),
        6 => (any_index, prop::bool::weighted(0.7))
            .prop_map(|(which, yes)| Op::AnswerRightly(which, yes)),
        5 => Just(Op::Drive),
        1 => Just(Op::Publish),
        3 => (0..25_u64).prop_map(Op::Wait),
        3 => Just(Op::WaitForIt),
    ]
}

fn rules() -> impl Strategy<Value = QueueRules> {
    let occupancy = Occupancy {
        share_percent: 40,
        window: Duration::from_secs(100),
    };
    (
        prop::sample::select(vec![0, 10, 40]),
        0..3_u32,
        prop::option::of(Just(occupancy)),
        prop::sample::select(vec![0, 30, 50]),
    )
        .prop_map(|(wrap_up, missed_max, occupancy, patience)| QueueRules {
            wrap_up: Duration::from_secs(wrap_up),
            missed_max,
            occupancy,
            wish_patience: Duration::from_secs(patience),
            ..QueueRules::default()
        })
}

/// Real queue and model, side by side.
struct Twins {
    queue: Queue,
    model: Model,
    now: Instant,
    published: BTreeMap<CaId, Availability>,
}

impl Twins {
    fn new(rules: QueueRules) -> Self {
        Self {
            queue: Queue::new(rules),
            model: Model::new(rules),
            now: some_instant(),
            published: BTreeMap::new(),
        }
    }

    fn step(&mut self, op: Op) -> Result<(), TestCaseError> {
        let now = self.now;
        let queue = &mut self.queue;
        let model = &mut self.model;
        match op {
            Op::SignIn(number, profile) => {
                queue.sign_in(&ca(number), profile.clone(), now).unwrap();
                model.sign_in(&ca(number), profile, now);
            }
            Op::SetActivity(number, activity) => prop_assert_eq!(
                queue.set_activity(&ca(number), activity, now),
                model.set_activity(&ca(number), activity, now)
            ),
            Op::SignOut(number) => {
                prop_assert_eq!(
                    queue.sign_out(&ca(number), now),
                    model.sign_out(&ca(number))
                );
            }
            Op::Enter(request) => {
                prop_assert_eq!(queue.enter(request, now), model.enter(request, now));
            }
            Op::Resume(request, number, epoch) => {
                let plain = Request {
                    skill: None,
                    gender: None,
                    ..request
                };
                let Request {
                    session,
                    seat,
                    urgency,
                    languages,
                    ..
                } = plain;
                let (who, epoch) = (ca(number), Epoch(epoch));
                prop_assert_eq!(
                    queue.resume(session, seat, &who, epoch, urgency, languages, now),
                    model.resume(plain, &who, epoch, now)
                );
            }
            Op::Vacate(session, seat) => prop_assert_eq!(
                queue.vacate(SessionId(session), seat, now),
                model.vacate(SessionId(session), seat, now)
            ),
            Op::Relieve(session) => prop_assert_eq!(
                queue.relieve(SessionId(session), now),
                model.relieve(SessionId(session), now)
            ),
            Op::Leave(session) => prop_assert_eq!(
                queue.leave(SessionId(session), now),
                model.leave(SessionId(session), now)
            ),
            Op::Next => prop_assert_eq!(queue.next(now), model.next(now)),
            Op::Answer(session, seat, number, epoch, yes) => {
                self.answer(SessionId(session), seat, &ca(number), Epoch(epoch), yes)?;
            }
            Op::AnswerRightly(which, yes) => self.answer_rightly(which, yes)?,
            Op::Drive => self.drive()?,
            Op::Publish => self.publish()?,
            Op::Wait(seconds) => self.now += Duration::from_secs(seconds),
            Op::WaitForIt => self.now = queue.poll_timeout().map_or(now, |due| due.max(now)),
        }
        Ok(())
    }

    fn answer(
        &mut self,
        session: SessionId,
        seat: Seat,
        who: &CaId,
        epoch: Epoch,
        yes: bool,
    ) -> Result<(), TestCaseError> {
        let Self {
            queue, model, now, ..
        } = self;
        if yes {
            prop_assert_eq!(
                queue.accepted(session, seat, who, epoch, *now),
                model.accepted(session, seat, who, epoch, *now)
            );
        } else {
            prop_assert_eq!(
                queue.declined(session, seat, who, epoch, *now),
                model.declined(session, seat, who, epoch, *now)
            );
        }
        Ok(())
    }

    fn answer_rightly(
        &mut self,
        which: prop::sample::Index,
        yes: bool,
    ) -> Result<(), TestCaseError> {
        let seats = self.model.seats.iter();
        let asked: Vec<_> = seats
            .filter(|s| s.engaged.is_some() && !s.is_assigned())
            .cloned()
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        let one = which.get(&asked);
        let (who, _) = one.engaged.clone().unwrap();
        self.answer(one.request.session, one.request.seat, &who, one.epoch, yes)
    }

    /// Everything due is done, and before the promised moment nothing more is.
    fn drive(&mut self) -> Result<(), TestCaseError> {
        let Self {
            queue, model, now, ..
        } = self;
        for _ in 0..100 {
            let lapsed = queue.handle_timeout(*now);
            prop_assert_eq!(&lapsed, &model.handle_timeout(*now));
            if lapsed.is_none() {
                break;
            }
        }
        for _ in 0..100 {
            let one = queue.next(*now);
            prop_assert_eq!(&one, &model.next(*now));
            if one.is_none() {
                break;
            }
        }
        let due = queue.poll_timeout();
        prop_assert!(due.is_none_or(|due| due > *now), "it is due now");
        let hour = Duration::from_secs(3600);
        let before = due.map_or(*now + hour, |due| due - Duration::from_nanos(1));
        let mut later = model.clone();
        prop_assert_eq!(later.handle_timeout(before), None);
        prop_assert_eq!(later.next(before), None);
        Ok(())
    }

    /// What was published is what is.
    fn publish(&mut self) -> Result<(), TestCaseError> {
        let mut last = None;
        while let Some(who) = self.queue.poll_change() {
            prop_assert!(last.as_ref().is_none_or(|last| *last < who));
            let availability = self.queue.availability(&who);
            self.published.insert(who.clone(), availability);
            last = Some(who);
        }
        for number in 0..INTERPRETERS {
            let published = self.published.get(&ca(number)).copied();
            prop_assert_eq!(
                published.unwrap_or(Availability::Offline),
                self.model.availability(&ca(number))
            );
        }
        Ok(())
    }

    /// Q1, Q2 and everything that can be seen from outside.
    fn compare(&self) -> Result<(), TestCaseError> {
        let Self {
            queue, model, now, ..
        } = self;
        let mut busy: Vec<CaId> = Vec::new();
        for one in &model.seats {
            let chair = &queue.chairs[&(one.request.session, one.request.seat)];
            let engaged = one.engaged.as_ref().map(|(who, _)| who.clone());
            prop_assert_eq!(chair.phase.engaged().and_then(CaKey::id), engaged.clone());
            prop_assert_eq!(chair.epoch, one.epoch);
            busy.extend(engaged);
        }
        prop_assert_eq!(queue.chairs.len(), model.seats.len());
        prop_assert_eq!(&queue.epochs, &model.known);
        let all = busy.len();
        busy.sort_unstable();
        busy.dedup();
        prop_assert_eq!(busy.len(), all, "an interpreter has two seats");
        for session in (0..SESSIONS).map(SessionId) {
            prop_assert_eq!(queue.position(session), model.position(session));
            prop_assert_eq!(queue.waited(session, *now), model.waited(session, *now));
        }
        for who in (0..INTERPRETERS).map(ca) {
            prop_assert_eq!(queue.availability(&who), model.availability(&who));
            prop_assert_eq!(queue.is_resting(&who), model.is_resting(&who));
            prop_assert_eq!(queue.profile(&who), model.profile(&who));
        }
        for languages in pairs() {
            prop_assert_eq!(queue.has_any(languages), model.has_any(languages));
        }
        prop_assert_eq!(queue.summary(), model.summary());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn q1_to_q8_the_queue_decides_as_the_model_does(
        rules in rules(),
        ops in prop::collection::vec(op(), 0..120),
    ) {
        let mut twins = Twins::new(rules);
        for op in ops {
            twins.step(op)?;
            twins.compare()?;
        }
        // Q3: after the drain nothing is left, and everybody still here is free.
        for session in 0..SESSIONS {
            twins.step(Op::Leave(session))?;
        }
        twins.now += Duration::from_secs(1000);
        twins.step(Op::Drive)?;
        twins.step(Op::Publish)?;
        let queue = &twins.queue;
        let summary = queue.summary();
        prop_assert_eq!(
            (summary.waiting, summary.invited, summary.in_call, summary.wrap_up),
            (0, 0, 0, 0)
        );
        prop_assert_eq!(queue.poll_timeout(), None);
        prop_assert!(queue.epochs.is_empty() && queue.chairs.is_empty());
    }
}
