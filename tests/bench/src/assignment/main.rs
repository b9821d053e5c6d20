//! How long one assignment decision takes, from 100 to 10,000 interpreters and waiting sessions.
//!
//! What it is: the queue alone, driven as its driver does. Time is virtual, latency is measured.
//! What it is not: a test; the figures depend on the machine. The last line is for programs.
//! Start reading at [`rig::Pattern`].

mod rig;

use std::time::Duration;

use rig::{Pattern, Rig};

/// How many interpreters, and how many sessions that wait.
const SIZES: [usize; 3] = [100, 1_000, 10_000];

fn micros(took: &[Duration], per_mille: usize) -> f64 {
    let place = (took.len() * per_mille / 1000).min(took.len() - 1);
    took[place].as_secs_f64() * 1e6
}

fn main() {
    let mut p99 = Vec::new();
    for size in SIZES {
        let figures = Pattern::ALL.map(|pattern| {
            let took = Rig::new(size, pattern).measure();
            println!(
                "n={size} pattern={pattern:?} decisions={} p50_us={:.1} p99_us={:.1} max_us={:.1}",
                took.len(),
                micros(&took, 500),
                micros(&took, 990),
                micros(&took, 1000)
            );
            micros(&took, 990)
        });
        p99.push(figures);
    }
    // The worst of the patterns, in time and in growth.
    let (first, last) = (p99[0], p99[SIZES.len() - 1]);
    let slowest = last.into_iter().fold(0.0, f64::max);
    let growths = last.iter().zip(first).map(|(last, first)| last / first);
    let growth = growths.fold(0.0, f64::max);
    let ends = (SIZES[0] as f64, SIZES[SIZES.len() - 1] as f64);
    println!(
        "assignment n={} p99_us={slowest:.1} growth={growth:.2} log_growth={:.2}",
        SIZES[SIZES.len() - 1],
        ends.1.log2() / ends.0.log2()
    );
}
