//! A queue of a given size, and the decisions that are asked of it.
//!
//! One decision is one change (somebody becomes free, a session enters or leaves, an interpreter
//! declines), then [`Queue::handle_timeout`] and [`Queue::next`] until they have no more to say.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use relay_core::queue::{
    DECLINES_REMEMBERED_MAX, InterpreterProfile, Match, Occupancy, Queue, QueueRules, Request,
};
use vrs_domain::{CaId, Gender, LanguagePair, Seat, SessionId, Skill, Urgency};

/// Decisions measured for each size and pattern.
const DECISIONS: usize = 40_000;
/// Decisions made before, not measured.
const WARM_UP: usize = 4_000;
/// Language pairs; in the last one interpreters wait for sessions, in the others sessions wait.
const PAIRS: [&str; 4] = ["ase/en", "ase/es", "fcs/fr", "mfs/es"];
/// The language pairs in which sessions wait.
const CROWDED: usize = 3;
/// Interpreters, and sessions, of which each declines and is declined by all the others.
const HOSTILE: usize = CROWDED * DECLINES_REMEMBERED_MAX;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// In turn: an interpreter becomes free where sessions wait; a session enters there; one
    /// enters where interpreters wait; an interpreter becomes free there.
    Mixed,
    /// Three of four decisions are declines, by as many interpreters in each language pair as one
    /// session remembers; the fourth is one of [`Self::Mixed`].
    Declining,
    /// In each crowded language pair as many free interpreters as one session remembers have
    /// declined as many sessions as one interpreter remembers, and all others insist on a skill
    /// that only the busy have. Sessions enter and leave: every decision looks at every decline.
    Stuck,
}

impl Pattern {
    pub(crate) const ALL: [Self; 3] = [Self::Mixed, Self::Declining, Self::Stuck];

    /// Virtual time between two decisions.
    const fn step(self) -> Duration {
        match self {
            Self::Mixed | Self::Declining => Duration::from_millis(10),
            // No decline is forgotten before the end.
            Self::Stuck => Duration::from_micros(1),
        }
    }

    /// How long a session waits when `size` do.
    fn wait(self, size: usize) -> Duration {
        match self {
            Self::Mixed => self.step() * 4 * size as u32,
            Self::Declining => self.step() * 16 * size as u32,
            Self::Stuck => Duration::from_secs(1),
        }
    }

    fn rules(self, size: usize) -> QueueRules {
        QueueRules {
            wish_patience: match self {
                // Whatever the size, half of those who wait insist on their wishes.
                Self::Mixed | Self::Declining => self.wait(size) / 2,
                Self::Stuck => Duration::from_secs(3600),
            },
            // Nobody rests in so short a time, but every call is recorded and counted.
            occupancy: Some(Occupancy {
                share_percent: 100,
                window: Duration::from_secs(3600),
            }),
            ..QueueRules::default()
        }
    }
}

/// A queue with as many interpreters as waiting sessions.
pub(crate) struct Rig {
    pattern: Pattern,
    queue: Queue,
    now: Instant,
    random: u64,
    sessions: u128,
    /// Sessions in a call, in the crowded pairs and in the last one.
    crowded: Vec<SessionId>,
    relaxed: VecDeque<SessionId>,
    /// Those who insist, in order of arrival.
    insisting: VecDeque<SessionId>,
    /// Interpreters who decline whatever they are asked.
    hostile: Vec<CaId>,
    /// What they are asked.
    pending: VecDeque<Match>,
    matches: Vec<Match>,
}

impl Rig {
    pub(crate) fn new(size: usize, pattern: Pattern) -> Self {
        let mut rig = Self {
            pattern,
            queue: Queue::new(pattern.rules(size)),
            now: Instant::now(),
            random: 0x5eed,
            sessions: 0,
            crowded: Vec::new(),
            relaxed: VecDeque::new(),
            insisting: VecDeque::new(),
            hostile: Vec::new(),
            pending: VecDeque::new(),
            matches: Vec::with_capacity(8),
        };
        for number in 0..size {
            rig.sign_in(number);
        }
        if pattern == Pattern::Stuck {
            rig.decline_all();
        }
        // One place less, so that one more session can pass through a full queue.
        let waiting = rig.queue.summary().waiting;
        for _ in waiting..size - 1 {
            rig.now += pattern.wait(size) / size as u32;
            rig.enter(None);
        }
        if pattern == Pattern::Declining {
            rig.free_the_hostile();
        }
        rig
    }

    /// An interpreter; those of the crowded pairs are in a call from the beginning.
    fn sign_in(&mut self, number: usize) {
        let place = number % PAIRS.len();
        let mut languages = vec![pair(place)];
        let skills = match self.pattern {
            Pattern::Mixed | Pattern::Declining => {
                if place < CROWDED && self.below(2) == 0 {
                    languages.push(pair((place + 1) % CROWDED));
                }
                self.some_of(Skill::ALL)
            }
            Pattern::Stuck if is_hostile(number) => Vec::new(),
            Pattern::Stuck => vec![Skill::Medical],
        };
        let profile = InterpreterProfile {
            languages,
            skills,
            gender: Some(Gender::ALL[self.below(Gender::ALL.len())]),
            supervisor: false,
        };
        self.now += Duration::from_micros(1);
        let who = ca(number);
        self.decide(|queue, now| queue.sign_in(&who, profile, now).expect("a place"));
        if place < CROWDED {
            self.enter_plain(place);
        }
    }

    /// The first interpreters of each crowded pair are free, and asked at once if anybody waits.
    fn free_the_hostile(&mut self) {
        for number in (0..PAIRS.len() * DECLINES_REMEMBERED_MAX).filter(|n| is_hostile(*n)) {
            self.hostile.push(ca(number));
        }
        let calls: Vec<SessionId> = self.crowded.drain(..HOSTILE).collect();
        for session in calls {
            self.decide(|queue, now| drop(queue.leave(session, now)));
        }
    }

    /// Everybody hostile declines the first sessions of their languages.
    fn decline_all(&mut self) {
        self.free_the_hostile();
        for number in 0..HOSTILE {
            self.enter_plain(number % CROWDED);
        }
        while let Some(one) = self.pending.pop_front() {
            self.decline(&one);
        }
        let summary = self.queue.summary();
        assert_eq!(summary.waiting, HOSTILE, "everybody has declined");
    }

    /// The next decision, and how long it took.
    fn turn(&mut self, turn: usize) -> Duration {
        match self.pattern {
            Pattern::Mixed => self.mixed(turn),
            Pattern::Declining => {
                let asked = match turn % 4 {
                    0 => None,
                    _ => self.pending.pop_front(),
                };
                match asked {
                    Some(one) => self.decline(&one),
                    None => self.mixed(turn / 4),
                }
            }
            Pattern::Stuck if turn.is_multiple_of(2) => self.enter(None),
            Pattern::Stuck => {
                let session = self.insisting.pop_front().expect("one entered before");
                self.decide(|queue, now| drop(queue.leave(session, now)))
            }
        }
    }

    fn mixed(&mut self, turn: usize) -> Duration {
        match turn % 4 {
            0 => {
                let place = self.below(self.crowded.len());
                let session = self.crowded.swap_remove(place);
                self.decide(|queue, now| drop(queue.leave(session, now)))
            }
            1 => self.enter(None),
            2 => self.enter(Some(CROWDED)),
            _ => {
                let session = self.relaxed.pop_front().expect("one entered before");
                self.decide(|queue, now| drop(queue.leave(session, now)))
            }
        }
    }

    /// A session of this language pair, or of a crowded one, with the wishes of the pattern.
    fn enter(&mut self, place: Option<usize>) -> Duration {
        let place = place.unwrap_or_else(|| self.below(CROWDED));
        let plain = self.plain(place);
        let request = match self.pattern {
            Pattern::Mixed | Pattern::Declining => Request {
                urgency: match self.below(100) {
                    0 => Urgency::Emergency,
                    1..5 => Urgency::Urgent,
                    _ => Urgency::Standard,
                },
                skill: self.some_of(Skill::ALL).first().copied(),
                gender: self.some_of(Gender::ALL).first().copied(),
                ..plain
            },
            Pattern::Stuck => {
                self.insisting.push_back(plain.session);
                Request {
                    skill: Some(Skill::Medical),
                    ..plain
                }
            }
        };
        self.decide(|queue, now| queue.enter(request, now).expect("a place"))
    }

    fn enter_plain(&mut self, place: usize) {
        let request = self.plain(place);
        self.decide(|queue, now| queue.enter(request, now).expect("a place"));
    }

    fn plain(&mut self, place: usize) -> Request {
        self.sessions += 1;
        Request {
            session: SessionId(self.sessions),
            seat: Seat::Lead,
            languages: pair(place),
            urgency: Urgency::Standard,
            skill: None,
            gender: None,
        }
    }

    fn decline(&mut self, one: &Match) -> Duration {
        self.decide(|queue, now| {
            queue
                .declined(one.session, one.seat, &one.ca, one.epoch, now)
                .expect("this was asked");
        })
    }

    /// One decision. What is asked is answered afterwards, unmeasured.
    fn decide(&mut self, change: impl FnOnce(&mut Queue, Instant)) -> Duration {
        let begin = Instant::now();
        change(&mut self.queue, self.now);
        while self.queue.handle_timeout(self.now).is_some() {}
        while let Some(one) = self.queue.next(self.now) {
            self.matches.push(one);
        }
        let took = begin.elapsed();
        while self.queue.poll_change().is_some() {}
        while let Some(one) = self.matches.pop() {
            if self.hostile.contains(&one.ca) {
                self.pending.push_back(one);
                continue;
            }
            self.queue
                .accepted(one.session, one.seat, &one.ca, one.epoch, self.now)
                .expect("this was asked");
            let number: usize = one.ca.as_str().parse().expect("digits");
            if number % PAIRS.len() < CROWDED {
                self.crowded.push(one.session);
            } else {
                self.relaxed.push_back(one.session);
            }
        }
        took
    }

    /// Sorted.
    pub(crate) fn measure(mut self) -> Vec<Duration> {
        let turns = (0..WARM_UP + DECISIONS).map(|turn| {
            self.now += self.pattern.step();
            self.turn(turn)
        });
        let mut took: Vec<Duration> = turns.skip(WARM_UP).collect();
        took.sort_unstable();
        took
    }

    /// A number below `end` (splitmix64).
    fn below(&mut self, end: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn some_of<T: Copy>(&mut self, all: &[T]) -> Vec<T> {
        let start = self.below(all.len());
        let rotated = all.iter().cycle().skip(start).take(all.len());
        rotated.copied().filter(|_| self.below(3) == 0).collect()
    }
}

fn ca(number: usize) -> CaId {
    number.to_string().parse().expect("digits")
}

fn pair(place: usize) -> LanguagePair {
    PAIRS[place].parse().expect("a language pair")
}

/// Whether an interpreter is one of the first of a crowded pair.
const fn is_hostile(number: usize) -> bool {
    number < PAIRS.len() * DECLINES_REMEMBERED_MAX && number % PAIRS.len() < CROWDED
}
