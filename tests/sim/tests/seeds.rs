//! A few seeds in an ordinary test run; `cargo sim` and `cargo verify` run thousands.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use vrs_sim::check::Counts;
use vrs_sim::{Cast, Outcome, Plan, run};

const CALLS: u32 = 20;

/// Seeds, of so many calls, in which everything has to occur.
const SEEDS: u64 = 200;
/// See [`SEEDS`].
const CALLS_OF_ALL_KINDS: u32 = 25;
/// Everything that the simulation is to run through.
const FEATURES: [&str; 58] = [
    "anonymous",
    "away",
    "callee_hung_up",
    "caller_cancelled",
    "cancelled_device",
    "compared",
    "declined_for_all",
    "died_in_a_write",
    "died_with_a_record",
    "disk_failed",
    "emergency",
    "forked",
    "from_snapshot",
    "gender",
    "hearing_hung_up",
    "hold",
    "inbound",
    "interpreter_lost",
    "leg_dropped",
    "leg_restored",
    "nobody",
    "outbound",
    "partitioned",
    "point_to_point",
    "redialled",
    "refused_request",
    "relief",
    "replaced",
    "resumed",
    "resumed_directly",
    "resumed_twice",
    "rotation",
    "seat_asked",
    "seat_left",
    "second_answer",
    "server_restarted",
    "skill",
    "stale_answer",
    "stale_early",
    "stale_impostor",
    "stale_lapse",
    "stale_refusal",
    "stayed_away",
    "still_missing",
    "stretches",
    "subscriber_busy",
    "subscriber_declined",
    "subscriber_no_answer",
    "subscriber_offline",
    "supervisor",
    "sync_failed",
    "taken_up_again",
    "team",
    "thawed",
    "told",
    "torn_tail",
    "urgent",
    "withdrawn",
];

fn outcome(seed: u64) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let cast = Cast::assemble(folder.path(), CALLS, 8).expect("accounts");
    let journal = folder.path().join("journal");
    run(&Plan::draw(seed, CALLS), &cast, &journal)
}

#[test]
fn promises_hold_under_loss_crashes_and_a_full_disk() {
    for seed in 100..108 {
        let outcome = outcome(seed);
        assert!(outcome.calls > 10, "seed {seed}: {} calls", outcome.calls);
        let found = outcome.verdict.violations;
        assert!(
            found.is_empty(),
            "cargo sim --seed {seed} --calls {CALLS}: {found:#?}"
        );
    }
}

#[test]
fn every_kind_of_call_and_every_feature_occurs_so_that_no_check_is_vacuous() {
    let folder = tempfile::tempdir().expect("a folder");
    let cast = Cast::assemble(folder.path(), CALLS_OF_ALL_KINDS, 8).expect("accounts");
    let next = AtomicU64::new(0);
    let total = Mutex::new(Counts::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed) + 1;
                    if seed > SEEDS {
                        return;
                    }
                    let folder = tempfile::tempdir().expect("a folder");
                    let plan = Plan::draw(seed, CALLS_OF_ALL_KINDS);
                    let outcome = run(&plan, &cast, folder.path());
                    let mut total = total.lock().expect("no seed panicked");
                    for (what, count) in outcome.verdict.counts {
                        *total.entry(what).or_default() += count;
                    }
                }
            });
        }
    });
    let total = total.into_inner().expect("no seed panicked");
    let missing: Vec<_> = FEATURES
        .into_iter()
        .filter(|what| total.get(what).is_none_or(|count| *count == 0))
        .collect();
    assert!(missing.is_empty(), "{missing:?} never happened: {total:?}");
}

#[test]
fn the_same_seed_writes_the_same_journal_and_another_seed_another() {
    let first = outcome(5).verdict;
    assert!(first.records > 50, "{} records", first.records);
    assert_eq!(outcome(5).verdict.hash, first.hash);
    assert_ne!(outcome(6).verdict.hash, first.hash);
}
