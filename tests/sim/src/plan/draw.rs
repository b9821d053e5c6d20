//! The dice behind a plan.
//!
//! What was added later has dice of its own, so that the rest of each seed stayed what it was.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::{
    Ask, Away, CallPlan, DeviceHabit, DevicePlan, Dial, Fault, Habit, InterpreterPlan, Kind, Plan,
    StaleWord, TelephonePlan, Wanted, Weather,
};

/// Interpreters of one run.
const INTERPRETERS: u32 = 8;
/// Calls are placed within this time, in milliseconds.
const CALLS_WITHIN_MS: u64 = 240_000;
/// Every so many calls there is one more fault.
const CALLS_PER_FAULT: u32 = 12;
/// Beginnings of records that a server dies with: what follows from them is not written.
const LAST_RECORDS: [&str; 8] = [
    "called_answered",
    "called_answered",
    "interpreter_assigned\",\"seat\":\"relief",
    "interpreter_assigned\",\"seat\":\"relief",
    "interpreter_lost",
    "interpreter_relieved",
    "leg_restored",
    "resumed",
];
/// What each interpreter does when the server dies repeats after so many deaths.
const AWAYS: usize = 3;
/// Stray words of one run at most.
const WORDS_MAX: u32 = 8;
/// How often a run's live sessions are compared with its journal while nothing happens to them.
const LOOKS_MAX: usize = 3;
/// Stray words come within this time, in milliseconds.
const WORDS_WITHIN_MS: u64 = 400_000;

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn draw(seed: u64, calls: u32) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let calm = dice.random_ratio(1, 4);
        let weather = Weather {
            delay_ms: (1, if calm { 5 } else { dice.random_range(10..400) }),
            lost: if calm { 0 } else { dice.random_range(0..200) },
            doubled: if calm { 0 } else { dice.random_range(0..100) },
        };
        let mut plan = Self {
            seed,
            interpreters: (0..INTERPRETERS)
                .map(|i| interpreter(i, calm, &mut dice))
                .collect(),
            calls: (0..calls).map(|i| call(i, &mut dice)).collect(),
            faults: (0..if calm { 0 } else { calls / CALLS_PER_FAULT })
                .map(|_| fault(&mut dice))
                .collect(),
            words: Vec::new(),
            looks: Vec::new(),
            weather,
            calm,
            snapshots: false,
        };
        let mut dice = StdRng::seed_from_u64(seed ^ 0x6d6f_7265_2121);
        plan.snapshots = dice.random_ratio(1, 2);
        if dice.random_ratio(1, 2) {
            let words = dice.random_range(1..=WORDS_MAX);
            plan.words = (0..words).map(|_| word(&mut dice)).collect();
        }
        for one in &mut plan.interpreters {
            let habits = std::mem::take(&mut one.habits);
            let habits = habits
                .into_iter()
                .map(|habit| richer(habit, calm, &mut dice));
            one.habits = habits.collect();
        }
        for one in &mut plan.calls {
            vary(one, &mut dice);
        }
        let mut dice = StdRng::seed_from_u64(seed ^ 0x6177_6179_2121);
        plan.without_a_server(&mut dice);
        let mut dice = StdRng::seed_from_u64(seed ^ 0x746f_726e_2121);
        plan.with_a_bad_disk(&mut dice);
        let looks = dice.random_range(0..=LOOKS_MAX);
        let at_ms = || dice.random_range(1_000..WORDS_WITHIN_MS);
        plan.looks = std::iter::repeat_with(at_ms).take(looks).collect();
        plan
    }

    /// The server dies in the midst of a write, or its disk makes nothing durable.
    fn with_a_bad_disk(&mut self, dice: &mut StdRng) {
        if self.calm {
            return;
        }
        if dice.random_ratio(1, 2) {
            // All or nothing of it is as likely as a part.
            let kept_permille = dice.random_range(0..2_000_u32);
            self.faults.push(Fault::DiesIn {
                at_ms: dice.random_range(2_000..CALLS_WITHIN_MS),
                kept_permille: kept_permille.saturating_sub(500).min(1_000),
                zeros: kept_permille.is_multiple_of(4),
                down_ms: dice.random_range(100..20_000),
            });
        }
        if dice.random_ratio(1, 3) {
            self.faults.push(Fault::SyncsFail {
                at_ms: dice.random_range(1_000..CALLS_WITHIN_MS),
                for_ms: dice.random_range(100..40_000),
            });
        }
    }

    /// Who does what while the server is away; sometimes it is so for long, or again at once.
    fn without_a_server(&mut self, dice: &mut StdRng) {
        for one in &mut self.interpreters {
            one.aways = (0..AWAYS).map(|_| away(dice)).collect();
        }
        for one in &mut self.calls {
            one.away = away(dice);
            one.devices
                .iter_mut()
                .for_each(|device| device.away = away(dice));
        }
        let mut more = Vec::new();
        for fault in &mut self.faults {
            let Fault::ServerDies { at_ms, down_ms } = fault else {
                continue;
            };
            if dice.random_ratio(1, 8) {
                *down_ms = dice.random_range(30_000..150_000);
            }
            if dice.random_ratio(1, 3) {
                more.push(Fault::ServerDies {
                    at_ms: *at_ms + *down_ms + dice.random_range(10..60_000),
                    down_ms: dice.random_range(100..20_000),
                });
            }
        }
        if !self.calm && dice.random_ratio(1, 2) {
            more.push(Fault::DiesWith {
                at_ms: dice.random_range(5_000..CALLS_WITHIN_MS),
                record: LAST_RECORDS.choose(dice).copied().unwrap_or_default(),
                down_ms: dice.random_range(100..20_000),
            });
        }
        self.faults.append(&mut more);
    }
}

fn away(dice: &mut StdRng) -> Away {
    match dice.random_range(0..10) {
        0..8 => Away::Waits,
        8 => Away::HangsUp,
        _ => Away::Crashes,
    }
}

fn word(dice: &mut StdRng) -> (u64, StaleWord) {
    let words = [
        StaleWord::OldAnswer,
        StaleWord::OldAnswer,
        StaleWord::OldRefusal,
        StaleWord::OldLapse,
        StaleWord::Impostor,
        StaleWord::Early,
        StaleWord::Again,
    ];
    let at_ms = dice.random_range(1_000..WORDS_WITHIN_MS);
    (at_ms, *words.choose(dice).unwrap_or(&StaleWord::Early))
}

/// What an interpreter does beside taking calls or not.
fn richer(habit: Habit, calm: bool, dice: &mut StdRng) -> Habit {
    match habit {
        Habit::Accept {
            after_ms,
            hang_up_ms,
            ..
        } => {
            if !calm && dice.random_ratio(1, 12) {
                return freeze(after_ms, dice);
            }
            Habit::Accept {
                after_ms,
                hang_up_ms,
                ask: dice.random_ratio(1, 3).then(|| ask(dice)),
                no_media: dice.random_ratio(1, 40),
            }
        }
        Habit::Vanish { after_ms, .. } if dice.random_ratio(1, 3) => Habit::Vanish {
            after_ms,
            // Too late for the call they were in.
            back_ms: dice.random_range(40_000..400_000),
        },
        Habit::Decline { .. } | Habit::Sleep | Habit::Vanish { .. } | Habit::Freeze { .. } => habit,
    }
}

fn freeze(accept_ms: u64, dice: &mut StdRng) -> Habit {
    Habit::Freeze {
        accept_ms: dice.random_ratio(1, 2).then_some(accept_ms),
        after_ms: dice.random_range(100..20_000),
        for_ms: dice.random_range(1_000..90_000),
    }
}

fn ask(dice: &mut StdRng) -> Ask {
    let wanted = [
        Wanted::Relief("illness"),
        Wanted::Relief("requested"),
        Wanted::Relief("rotation"),
        Wanted::Relief("rotation"),
        Wanted::Relief("rotation"),
        Wanted::Team,
        Wanted::Supervisor,
    ];
    Ask {
        after_ms: dice.random_range(100..50_000),
        what: *wanted.choose(dice).unwrap_or(&Wanted::Team),
        withdraw_ms: dice
            .random_ratio(1, 4)
            .then(|| dice.random_range(20..8_000)),
        hand_over_ms: dice.random_range(100..10_000),
    }
}

/// Which kind of call it is, and what only that kind has.
fn vary(call: &mut CallPlan, dice: &mut StdRng) {
    let ordinary = call.dial == Dial::Number;
    match dice.random_range(0..100) {
        0..17 if ordinary && !call.foreign => inbound(call, dice),
        17..28 if ordinary => point_to_point(call, dice),
        28..34 if ordinary => call.dial = Dial::Crisis,
        34..37 if ordinary && !call.foreign => long(call, dice),
        _ => {}
    }
    if call.dial == Dial::Emergency && dice.random_ratio(1, 2) {
        call.devices = devices(call.at_ms, 1, dice);
    }
    call.private = dice.random_ratio(1, 8);
    if call.kind == Kind::Outbound {
        let skills = ["medical", "legal", "technical"];
        call.skill = dice.random_ratio(1, 10).then(|| pick(&skills, dice));
        let genders = ["female", "male"];
        call.gender = dice.random_ratio(1, 10).then(|| pick(&genders, dice));
        call.breaks_ms = dice
            .random_ratio(1, if call.dial == Dial::Emergency { 3 } else { 20 })
            .then(|| dice.random_range(100..60_000));
    }
    call.hold_ms = dice
        .random_ratio(1, 5)
        .then(|| dice.random_range(100..40_000));
}

fn pick(words: &[&'static str], dice: &mut StdRng) -> &'static str {
    words.choose(dice).copied().unwrap_or_default()
}

fn inbound(call: &mut CallPlan, dice: &mut StdRng) {
    call.kind = Kind::Inbound;
    call.no_media = false;
    if dice.random_ratio(1, 12) {
        call.dial = Dial::Nobody;
    } else if !dice.random_ratio(1, 10) {
        let count = dice.random_range(1..=3);
        call.devices = devices(call.at_ms, count, dice);
    }
}

fn point_to_point(call: &mut CallPlan, dice: &mut StdRng) {
    call.kind = Kind::PointToPoint;
    call.foreign = false;
    if !dice.random_ratio(1, 10) {
        let count = dice.random_range(1..=2);
        call.devices = devices(call.at_ms, count, dice);
    }
}

/// More than ten minutes with nothing in the way.
fn long(call: &mut CallPlan, dice: &mut StdRng) {
    call.talk_ms = dice.random_range(640_000..900_000);
    call.patience_ms = 180_000;
    call.cut = None;
    call.no_media = false;
    call.telephone = TelephonePlan::Answers {
        ring_ms: dice.random_range(50..5_000),
        hang_up_ms: None,
    };
}

fn devices(call_at_ms: u64, count: u32, dice: &mut StdRng) -> Vec<DevicePlan> {
    (0..count)
        .map(|serial| {
            let early = dice.random_range(2_000..9_000);
            let late = dice.random_range(0..30_000);
            DevicePlan {
                serial,
                from_ms: if dice.random_ratio(1, 6) {
                    call_at_ms + late
                } else {
                    call_at_ms.saturating_sub(early)
                },
                habit: device_habit(dice),
                away: Away::Waits,
            }
        })
        .collect()
}

fn device_habit(dice: &mut StdRng) -> DeviceHabit {
    match dice.random_range(0..20) {
        0..13 => DeviceHabit::Answers {
            after_ms: dice.random_range(100..15_000),
            hang_up_ms: dice.random_range(500..90_000),
            hold_ms: dice
                .random_ratio(1, 4)
                .then(|| dice.random_range(100..20_000)),
        },
        13..17 => DeviceHabit::Refuses {
            after_ms: dice.random_range(50..12_000),
            status: *[486, 486, 603, 480, 488].choose(dice).unwrap_or(&486),
        },
        17..18 => DeviceHabit::Sleeps,
        _ => DeviceHabit::Vanishes {
            after_ms: dice.random_range(10..20_000),
            back_ms: dice.random_range(300..60_000),
        },
    }
}

fn interpreter(index: u32, calm: bool, dice: &mut StdRng) -> InterpreterPlan {
    let stays = |habit: &Habit| !calm || !matches!(habit, Habit::Vanish { .. });
    let mut habits: Vec<_> = (0..dice.random_range(3..9)).map(|_| habit(dice)).collect();
    habits.retain(stays);
    if habits.is_empty() {
        habits.push(Habit::Sleep);
    }
    InterpreterPlan {
        index,
        habits,
        aways: vec![Away::Waits],
    }
}

fn habit(dice: &mut StdRng) -> Habit {
    match dice.random_range(0..20) {
        0..13 => Habit::Accept {
            after_ms: dice.random_range(100..6_000),
            hang_up_ms: dice
                .random_ratio(1, 6)
                .then(|| dice.random_range(500..60_000)),
            ask: None,
            no_media: false,
        },
        13..16 => Habit::Decline {
            after_ms: dice.random_range(50..19_000),
        },
        16..17 => Habit::Sleep,
        // Close to the moment at which the invitation lapses.
        17..18 => Habit::Accept {
            after_ms: dice.random_range(19_000..20_500),
            hang_up_ms: None,
            ask: None,
            no_media: false,
        },
        _ => Habit::Vanish {
            after_ms: dice.random_range(10..30_000),
            back_ms: dice.random_range(500..40_000),
        },
    }
}

fn call(index: u32, dice: &mut StdRng) -> CallPlan {
    let cut = dice.random_ratio(1, 6).then(|| {
        let back = dice
            .random_ratio(2, 3)
            .then(|| dice.random_range(300..35_000));
        (dice.random_range(10..60_000), back)
    });
    CallPlan {
        index,
        at_ms: dice.random_range(0..CALLS_WITHIN_MS),
        kind: Kind::Outbound,
        dial: if dice.random_ratio(1, 12) {
            Dial::Emergency
        } else {
            Dial::Number
        },
        foreign: dice.random_ratio(1, 20),
        patience_ms: dice.random_range(200..180_000),
        talk_ms: dice.random_range(100..90_000),
        cut,
        telephone: telephone(dice),
        no_media: dice.random_ratio(1, 50),
        devices: Vec::new(),
        private: false,
        skill: None,
        gender: None,
        hold_ms: None,
        breaks_ms: None,
        away: Away::Waits,
    }
}

fn telephone(dice: &mut StdRng) -> TelephonePlan {
    match dice.random_range(0..20) {
        0..14 => TelephonePlan::Answers {
            ring_ms: dice.random_range(50..20_000),
            hang_up_ms: dice
                .random_ratio(1, 3)
                .then(|| dice.random_range(0..60_000)),
        },
        14..18 => TelephonePlan::Fails {
            after_ms: dice.random_range(10..10_000),
            status: *[486, 404, 403, 480, 503, 488, 603]
                .choose(dice)
                .unwrap_or(&486),
        },
        18 => TelephonePlan::Rings,
        _ => TelephonePlan::Silent,
    }
}

fn fault(dice: &mut StdRng) -> Fault {
    let at_ms = dice.random_range(1_000..CALLS_WITHIN_MS);
    match dice.random_range(0..8) {
        0..3 => Fault::ServerDies {
            at_ms,
            down_ms: dice.random_range(100..30_000),
        },
        3..5 => Fault::DiskFails {
            at_ms,
            for_ms: dice.random_range(100..40_000),
        },
        5..7 => Fault::Partition {
            at_ms,
            for_ms: dice.random_range(100..40_000),
        },
        _ => Fault::ClockSteps {
            at_ms,
            by_ms: dice.random_range(-86_400_000..86_400_000),
        },
    }
}
