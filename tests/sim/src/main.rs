//! `cargo sim`: runs seeds until told to stop, and shortens what fails.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clap::Parser;
use sha2::{Digest, Sha256};
use vrs_sim::check::Counts;
use vrs_sim::{Cast, Outcome, Plan, run, shrink};

/// Interpreters that a plan may name.
const INTERPRETERS_MAX: u32 = 16;

/// Simulated calls through the server's own tasks, in virtual time, under faults.
#[derive(Debug, Parser)]
#[command(name = "cargo sim")]
struct Arguments {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Calls of each seed
    #[arg(long, default_value_t = 50)]
    calls: u32,
    /// How many seeds
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// How many at once
    #[arg(long, default_value_t = 2)]
    jobs: u32,
    /// Stop after so many failing seeds
    #[arg(long, default_value_t = 1)]
    failures: usize,
    /// Do not shorten what fails
    #[arg(long)]
    whole: bool,
    /// Print the log and the journal of the (shortened) run that fails
    #[arg(long)]
    trace: bool,
}

/// What all seeds came to.
#[derive(Default)]
struct Total {
    calls: u64,
    records: u64,
    counts: Counts,
    /// Seed, hash and violations, of every seed in order.
    hashes: Vec<(u64, String)>,
    failed: Vec<(u64, Vec<String>)>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir().expect("a folder for accounts and journals");
    let cast = Cast::assemble(folder.path(), arguments.calls, INTERPRETERS_MAX)
        .expect("accounts can be made");
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let total = Mutex::new(Total::default());
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= arguments.seeds {
                        return;
                    }
                    let seed = arguments.seed + index;
                    let outcome = one(&Plan::draw(seed, arguments.calls), &cast);
                    note(&total, seed, outcome);
                    let failed = total.lock().expect("no job panicked").failed.len();
                    stop.fetch_or(failed >= arguments.failures, Ordering::Relaxed);
                }
            });
        }
    });
    let mut total = total.into_inner().expect("no job panicked");
    total.hashes.sort();
    for (seed, violations) in &total.failed {
        explain(*seed, violations, &arguments, &cast);
    }
    let hash = total.hashes.iter().fold(Sha256::new(), |hash, (_, one)| {
        hash.chain_update(one.as_bytes())
    });
    let violations: usize = total.failed.iter().map(|(_, found)| found.len()).sum();
    println!("seeds={} records={}", total.hashes.len(), total.records);
    let counts = total.counts.iter().map(|(what, n)| format!("{what}={n}"));
    println!("{}", counts.collect::<Vec<_>>().join(" "));
    println!(
        "calls={} violations={violations} hash={}",
        total.calls,
        hex::encode(hash.finalize())
    );
    if violations == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Stamps log lines with milliseconds into the run.
struct VirtualTime;

impl tracing_subscriber::fmt::time::FormatTime for VirtualTime {
    fn format_time(
        &self,
        writer: &mut tracing_subscriber::fmt::format::Writer<'_>,
    ) -> std::fmt::Result {
        write!(writer, "{:>7}", vrs_sim::world::elapsed_ms())
    }
}

fn one(plan: &Plan, cast: &Cast) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder for the journal");
    run(plan, cast, folder.path())
}

fn note(total: &Mutex<Total>, seed: u64, outcome: Outcome) {
    let mut total = total.lock().expect("no job panicked");
    total.calls += outcome.calls;
    total.records += outcome.verdict.records;
    for (what, count) in outcome.verdict.counts {
        *total.counts.entry(what).or_default() += count;
    }
    total.hashes.push((seed, outcome.verdict.hash));
    if !outcome.verdict.violations.is_empty() {
        total.failed.push((seed, outcome.verdict.violations));
    }
}

/// Shortens a failing run and prints what is left of it.
fn explain(seed: u64, violations: &[String], arguments: &Arguments, cast: &Cast) {
    let calls = arguments.calls;
    println!("\nseed {seed} fails: cargo sim --seed {seed} --calls {calls}");
    for violation in violations {
        println!("  {violation}");
    }
    if arguments.whole {
        return;
    }
    let plan = Plan::draw(seed, calls);
    let short = shrink::shrink(&plan, |plan| !one(plan, cast).verdict.violations.is_empty());
    println!(
        "shortened to {} calls, {} interpreters, {} faults:",
        short.calls.len(),
        short.interpreters.len(),
        short.faults.len()
    );
    println!("{short:#?}");
    let folder = tempfile::tempdir().expect("a folder for the journal");
    let outcome = if arguments.trace {
        let log = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_timer(VirtualTime)
            .with_ansi(false)
            .finish();
        tracing::subscriber::with_default(log, || run(&short, cast, folder.path()))
    } else {
        run(&short, cast, folder.path())
    };
    for violation in outcome.verdict.violations {
        println!("  {violation}");
    }
    if arguments.trace {
        let shown = relay_server::journal::read(folder.path(), |record| {
            println!("{}", serde_json::to_string(&record).unwrap_or_default());
        });
        if let Err(error) = shown {
            println!("  {error}");
        }
    }
}
