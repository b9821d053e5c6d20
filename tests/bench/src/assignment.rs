//! How long one assignment decision takes, from 100 to 10,000 interpreters and waiting sessions.
//!
//! What it is: the queue alone, driven as its driver does; one decision is one change (somebody
//! becomes free, a session enters, an interpreter declines), then [`Queue::handle_timeout`] and
//! [`Queue::next`] until they have nothing more to say. Time is virtual, latency is measured.
//! What it is not: a test; the figures depend on the machine. The last line is for programs.
//! Start reading at [`Rig::mixed`] and [`Rig::hostile`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use relay_core::queue::{
    DECLINES_REMEMBERED_MAX, InterpreterProfile, Match, Occupancy, Priority, Queue, QueueRules,
    Request,
};
use vrs_domain::{CaId, Gender, LanguagePair, Seat, SessionId, Skill};

/// How many interpreters, and how many sessions that wait.
const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// Decisions measured for each size and pattern.
const DECISIONS: usize = 40_000;
/// Decisions made before, not measured.
const WARM_UP: usize = 4_000;
/// Language pairs; in the last one interpreters wait for sessions, in the others sessions wait.
const PAIRS: [&str; 4] = ["ase/en", "ase/es", "fcs/fr", "mfs/es"];
/// The language pairs in which sessions wait.
const CROWDED: usize = 3;
/// Virtual time between two decisions.
const STEP: Duration = Duration::from_millis(10);

/// A queue with `size` interpreters and as many waiting sessions.
struct Rig {
    queue: Queue,
    now: Instant,
    random: u64,
    sessions: u128,
    /// Sessions in a call, in the crowded pairs and in the last one.
    crowded: Vec<SessionId>,
    relaxed: VecDeque<SessionId>,
    /// Interpreters who decline whatever they are asked.
    hostile: Vec<CaId>,
    /// What they are asked.
    pending: VecDeque<Match>,
    matches: Vec<Match>,
}

impl Rig {
    fn new(size: usize, hostile_each: usize) -> Self {
        let rules = QueueRules {
            // Nobody rests in so short a time, but every call is recorded and counted.
            occupancy: Some(Occupancy {
                share_percent: 100,
                window: Duration::from_secs(3600),
            }),
            ..QueueRules::default()
        };
        let mut rig = Self {
            queue: Queue::new(rules),
            now: Instant::now(),
            random: 0x5eed,
            sessions: 0,
            crowded: Vec::new(),
            relaxed: VecDeque::new(),
            hostile: Vec::new(),
            pending: VecDeque::new(),
            matches: Vec::with_capacity(8),
        };
        for number in 0..size {
            rig.sign_in(number);
        }
        // One place less, so that a session of the last pair can pass through a full queue.
        let patience = rules.wish_patience / size as u32;
        for _ in 0..size - 1 {
            rig.now += patience;
            let request = rig.request(None);
            rig.change(|queue, now| queue.enter(request, now).expect("a place"));
        }
        for number in 0..hostile_each * PAIRS.len() {
            if number % PAIRS.len() < CROWDED {
                rig.hostile.push(ca(number));
                let session = rig.crowded.remove(0);
                rig.change(|queue, now| drop(queue.leave(session, now)));
            }
        }
        rig
    }

    /// An interpreter; those of the crowded pairs are in a call from the beginning.
    fn sign_in(&mut self, number: usize) {
        let place = number % PAIRS.len();
        let mut languages = vec![pair(place)];
        if place < CROWDED && self.below(2) == 0 {
            languages.push(pair((place + 1) % CROWDED));
        }
        let profile = InterpreterProfile {
            languages,
            skills: self.some_of(Skill::ALL),
            gender: Some(Gender::ALL[self.below(Gender::ALL.len())]),
            supervisor: false,
        };
        self.now += Duration::from_micros(1);
        let who = ca(number);
        self.change(|queue, now| queue.sign_in(&who, profile, now).expect("a place"));
        if place < CROWDED {
            let request = Request {
                skill: None,
                gender: None,
                ..self.request(Some(place))
            };
            self.change(|queue, now| queue.enter(request, now).expect("a place"));
        }
    }

    /// A session of some language pair, or of a crowded one.
    fn request(&mut self, place: Option<usize>) -> Request {
        self.sessions += 1;
        let place = place.unwrap_or_else(|| self.below(CROWDED));
        let priority = match self.below(100) {
            0 => Priority::Emergency,
            1..5 => Priority::Urgent,
            _ => Priority::Standard,
        };
        Request {
            session: SessionId(self.sessions),
            seat: Seat::Lead,
            languages: pair(place),
            priority,
            skill: self.some_of(Skill::ALL).first().copied(),
            gender: self.some_of(Gender::ALL).first().copied(),
        }
    }

    /// One decision. What is asked is answered afterwards, unmeasured.
    fn change(&mut self, change: impl FnOnce(&mut Queue, Instant)) -> Duration {
        let begin = Instant::now();
        change(&mut self.queue, self.now);
        while self.queue.handle_timeout(self.now).is_some() {}
        while let Some(one) = self.queue.next(self.now) {
            self.matches.push(one);
        }
        let took = begin.elapsed();
        while self.queue.poll_change().is_some() {}
        for one in std::mem::take(&mut self.matches) {
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

    /// In turn: an interpreter becomes free where sessions wait; a session enters there; one
    /// enters where interpreters wait; an interpreter becomes free there.
    fn mixed(&mut self, turn: usize) -> Duration {
        match turn % 4 {
            0 => {
                let place = self.below(self.crowded.len());
                let session = self.crowded.swap_remove(place);
                self.change(|queue, now| drop(queue.leave(session, now)))
            }
            1 => {
                let request = self.request(None);
                self.change(|queue, now| queue.enter(request, now).expect("a place"))
            }
            2 => {
                let request = self.request(Some(CROWDED));
                self.change(|queue, now| queue.enter(request, now).expect("a place"))
            }
            _ => {
                let session = self.relaxed.pop_front().expect("one entered before");
                self.change(|queue, now| drop(queue.leave(session, now)))
            }
        }
    }

    /// Three of four are declined, by as many as one session remembers in each language pair.
    fn hostile(&mut self, turn: usize) -> Duration {
        let asked = match turn % 4 {
            0 => None,
            _ => self.pending.pop_front(),
        };
        let Some(one) = asked else {
            return self.mixed(turn / 4);
        };
        self.change(|queue, now| {
            queue
                .declined(one.session, one.seat, &one.ca, one.epoch, now)
                .expect("this was asked");
        })
    }

    /// Sorted.
    fn measure(&mut self, pattern: fn(&mut Self, usize) -> Duration) -> Vec<Duration> {
        let mut took: Vec<Duration> = (0..WARM_UP + DECISIONS)
            .map(|turn| {
                self.now += STEP;
                pattern(self, turn)
            })
            .collect();
        took.drain(..WARM_UP);
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

fn micros(took: &[Duration], per_mille: usize) -> f64 {
    let place = (took.len() * per_mille / 1000).min(took.len() - 1);
    took[place].as_secs_f64() * 1e6
}

fn main() {
    let mut p99 = Vec::new();
    for size in SIZES {
        let mixed = Rig::new(size, 0).measure(Rig::mixed);
        let hostile = Rig::new(size, DECLINES_REMEMBERED_MAX).measure(Rig::hostile);
        for (pattern, took) in [("mixed", &mixed), ("hostile", &hostile)] {
            println!(
                "n={size} pattern={pattern} decisions={} p50_us={:.1} p99_us={:.1} max_us={:.1}",
                took.len(),
                micros(took, 500),
                micros(took, 990),
                micros(took, 1000)
            );
        }
        p99.push([micros(&mixed, 990), micros(&hostile, 990)]);
    }
    // The worse of the two patterns, in time and in growth.
    let (first, last) = (p99[0], p99[SIZES.len() - 1]);
    let growth = (last[0] / first[0]).max(last[1] / first[1]);
    let ends = (SIZES[0] as f64, SIZES[SIZES.len() - 1] as f64);
    println!(
        "assignment n={} p99_us={:.1} growth={growth:.2} log_growth={:.2}",
        SIZES[SIZES.len() - 1],
        last[0].max(last[1]),
        ends.1.log2() / ends.0.log2()
    );
}
