//! What a run does, drawn from its seed before it begins.
//!
//! Nothing here refers to anything else by position, so that any part can be left out
//! ([`crate::shrink`]) and the rest stays what it was.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Interpreters of one run.
const INTERPRETERS: u32 = 8;
/// Calls are placed within this time, in milliseconds.
const CALLS_WITHIN_MS: u64 = 240_000;
/// Every so many calls there is one more fault.
const CALLS_PER_FAULT: u32 = 12;

/// A whole run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where it came from; also seeds the network's dice.
    pub seed: u64,
    /// Who interprets.
    pub interpreters: Vec<InterpreterPlan>,
    /// Who calls.
    pub calls: Vec<CallPlan>,
    /// What breaks.
    pub faults: Vec<Fault>,
    /// How bad the network is throughout.
    pub weather: Weather,
    /// Nothing breaks and no interpreter vanishes: then a call must not wait without a cause.
    pub calm: bool,
}

/// One interpreter.
#[derive(Debug, Clone)]
pub struct InterpreterPlan {
    /// Which account.
    pub index: u32,
    /// What they do with their invitations, in turn and over again.
    pub habits: Vec<Habit>,
}

/// What an interpreter does with an invitation. Times are milliseconds.
#[derive(Debug, Clone, Copy)]
pub enum Habit {
    /// Takes it, and may hang up on their own.
    Accept {
        /// After so long.
        after_ms: u64,
        /// Ends the call so long after having taken it.
        hang_up_ms: Option<u64>,
    },
    /// Says no.
    Decline {
        /// After so long.
        after_ms: u64,
    },
    /// Does not hear it.
    Sleep,
    /// Loses the connection.
    Vanish {
        /// So long after the invitation; they may have taken it by then.
        after_ms: u64,
        /// Back after so long.
        back_ms: u64,
    },
}

/// One call.
#[derive(Debug, Clone)]
pub struct CallPlan {
    /// Which account, and which number is called.
    pub index: u32,
    /// When the caller starts their app.
    pub at_ms: u64,
    /// Whether they call 911.
    pub emergency: bool,
    /// Whether they ask for languages that nobody interprets.
    pub foreign: bool,
    /// How long they wait for an interpreter.
    pub patience_ms: u64,
    /// How long they talk before they hang up.
    pub talk_ms: u64,
    /// Their connection breaks so long after they called, and comes back after so long.
    pub cut: Option<(u64, Option<u64>)>,
    /// What the telephone does.
    pub telephone: TelephonePlan,
    /// Whose media never connects: 0 the caller's, 1 the interpreter's.
    pub no_media: Option<u8>,
}

/// What a telephone does.
#[derive(Debug, Clone, Copy)]
pub enum TelephonePlan {
    /// Rings and is answered; may hang up.
    Answers {
        /// How long it rings.
        ring_ms: u64,
        /// Hangs up so long after the answer.
        hang_up_ms: Option<u64>,
    },
    /// Ends with this SIP status.
    Fails {
        /// After so long.
        after_ms: u64,
        /// Such as 486.
        status: u16,
    },
    /// Rings for ever.
    Rings,
    /// The gateway does not even answer.
    Silent,
}

/// What breaks, and when.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The server is killed; what was not synced may be half written.
    ServerDies {
        /// When.
        at_ms: u64,
        /// How long it is away.
        down_ms: u64,
    },
    /// The disk takes nothing.
    DiskFails {
        /// When.
        at_ms: u64,
        /// For how long.
        for_ms: u64,
    },
    /// Nothing gets through: streams stand still, datagrams are lost.
    Partition {
        /// When.
        at_ms: u64,
        /// For how long.
        for_ms: u64,
    },
    /// The wall clock is set.
    ClockSteps {
        /// When.
        at_ms: u64,
        /// Forwards or backwards.
        by_ms: i64,
    },
}

/// How bad the network is throughout.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Shortest and longest way of a message, in milliseconds.
    pub delay_ms: (u64, u64),
    /// Datagrams lost, in a thousand.
    pub lost: u32,
    /// Datagrams that come twice, in a thousand.
    pub doubled: u32,
}

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
        Self {
            seed,
            interpreters: (0..INTERPRETERS)
                .map(|i| interpreter(i, calm, &mut dice))
                .collect(),
            calls: (0..calls).map(|i| call(i, &mut dice)).collect(),
            faults: (0..if calm { 0 } else { calls / CALLS_PER_FAULT })
                .map(|_| fault(&mut dice))
                .collect(),
            weather,
            calm,
        }
    }
}

fn interpreter(index: u32, calm: bool, dice: &mut StdRng) -> InterpreterPlan {
    let stays = |habit: &Habit| !calm || !matches!(habit, Habit::Vanish { .. });
    let mut habits: Vec<_> = (0..dice.random_range(3..9)).map(|_| habit(dice)).collect();
    habits.retain(stays);
    if habits.is_empty() {
        habits.push(Habit::Sleep);
    }
    InterpreterPlan { index, habits }
}

fn habit(dice: &mut StdRng) -> Habit {
    match dice.random_range(0..20) {
        0..13 => Habit::Accept {
            after_ms: dice.random_range(100..6_000),
            hang_up_ms: dice
                .random_ratio(1, 6)
                .then(|| dice.random_range(500..60_000)),
        },
        13..16 => Habit::Decline {
            after_ms: dice.random_range(50..19_000),
        },
        16..17 => Habit::Sleep,
        // Close to the moment at which the invitation lapses.
        17..18 => Habit::Accept {
            after_ms: dice.random_range(19_000..20_500),
            hang_up_ms: None,
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
        emergency: dice.random_ratio(1, 12),
        foreign: dice.random_ratio(1, 20),
        patience_ms: dice.random_range(200..180_000),
        talk_ms: dice.random_range(100..90_000),
        cut,
        telephone: telephone(dice),
        no_media: dice.random_ratio(1, 25).then(|| dice.random_range(0..2)),
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
