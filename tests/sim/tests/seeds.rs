//! A few seeds in an ordinary test run; `cargo sim` and `cargo verify` run thousands.

use vrs_sim::{Cast, Outcome, Plan, run};

const CALLS: u32 = 20;

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
fn the_same_seed_writes_the_same_journal_and_another_seed_another() {
    let first = outcome(5).verdict;
    assert!(first.records > 50, "{} records", first.records);
    assert_eq!(outcome(5).verdict.hash, first.hash);
    assert_ne!(outcome(6).verdict.hash, first.hash);
}
