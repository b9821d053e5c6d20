//! What more sessions cost: the same forwarding for 1, 10, 100 and 1000 of them, and the memory
//! that one takes.
//!
//! Twice: with as many packets in all, so that each session has fewer, and with as many in each. The
//! floor is measured beside it: many sessions are dearer for the kernel, too, which can join fewer
//! datagrams.

use std::fs;

use super::load::Rate;
use super::{LASTING, Outcome, Rig, Shape, floor, forwarded, measure, median};

const SESSIONS: [usize; 4] = [1, 10, 100, 1_000];
/// Of all sessions together.
const PACKETS_IN_ALL: u64 = 10_000;
/// Of each session.
const PACKETS_OF_EACH: u64 = 10;
const ROUNDS: usize = 3;

/// Memory of a process, in bytes (`VmRSS`, proc(5)).
fn resident(pid: u32) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes.ok_or("no VmRSS")?.trim().parse()?;
    Ok(kibibytes * 1024)
}

/// Cost of a packet for each number of sessions, and memory.
fn costs(
    shape: Shape,
    rig: fn(Shape) -> Outcome<Rig>,
    packets: fn(usize) -> u64,
) -> Outcome<(Vec<f64>, Vec<u64>)> {
    let (mut costs, mut memory) = (Vec::new(), Vec::new());
    for sessions in SESSIONS {
        let rate = Rate {
            packets: packets(sessions),
            lasting: LASTING,
        };
        let shape = Shape {
            sessions,
            rate,
            ..shape
        };
        let mut rounds = Vec::new();
        let mut bytes = 0;
        for _ in 0..ROUNDS {
            let rig = rig(shape)?;
            let pid = rig.pid;
            let ((cost, counts), taken) = measure(rig, rate, || resident(pid))?;
            bytes = taken?;
            rounds.push(cost);
            println!(
                "{sessions} sessions, {} packets/s: {cost:.2} CPU-s per million, {} of {} arrived",
                rate.packets, counts.received, counts.sent
            );
        }
        costs.push(median(rounds));
        memory.push(bytes);
    }
    Ok((costs, memory))
}

/// How much dearer the dearest step to more sessions is.
fn growth(costs: &[f64]) -> f64 {
    let steps = costs.windows(2).map(|pair| pair[1] / pair[0]);
    steps.fold(0.0, f64::max)
}

fn row(costs: &[f64]) -> String {
    let figures = SESSIONS.iter().zip(costs);
    let words = figures.map(|(sessions, cost)| format!("{sessions}={cost:.2}"));
    words.collect::<Vec<_>>().join(" ")
}

/// Measures, and prints one line of figures at the end.
pub(crate) fn run(shape: Shape) -> Outcome<()> {
    let ours = |shape| forwarded(shape, "plane");
    let (in_all, memory) = costs(shape, ours, |_| PACKETS_IN_ALL)?;
    let (bare, _) = costs(shape, floor, |_| PACKETS_IN_ALL)?;
    let thin = |sessions| PACKETS_OF_EACH * sessions as u64;
    let (of_each, _) = costs(shape, ours, thin)?;
    let (bare_of_each, _) = costs(shape, floor, thin)?;
    let [one, .., many] = memory[..] else {
        return Err("nothing was measured".into());
    };
    let more = (SESSIONS[SESSIONS.len() - 1] - SESSIONS[0]) as u64;
    let each = many.saturating_sub(one) / more / 1024;
    println!(
        "scale in_all: {} growth={:.2} | floor: {} growth={:.2} | of_each: {} growth={:.2} | \
         floor: {} growth={:.2} | memory_kib={each}",
        row(&in_all),
        growth(&in_all),
        row(&bare),
        growth(&bare),
        row(&of_each),
        growth(&of_each),
        row(&bare_of_each),
        growth(&bare_of_each),
    );
    Ok(())
}
