//! Whole relay calls: how many one core carries, and how much longer a packet is under way because
//! it goes through us.
//!
//! A call has a caller, an interpreter and a second interpreter who helps. Each of them sends
//! 1.5 Mbit/s of video; the caller is seen by both, and the first interpreter by the caller. A
//! packet carries the time at which it was given to the kernel, and the kernel says when it came.

use std::thread;
use std::time::{Duration, Instant};

use vrs_domain::Leg;
use vrs_media::Certificate;

use super::call_end::{CallEnd, LOCAL, Memory, PICTURE_PACKETS};
use super::plane::Plane;
use super::{Outcome, PATIENCE, WARM, cpu};

const LEGS: [Leg; 3] = [Leg::Caller, Leg::Interpreter, Leg::Team];
/// Copies that arrive of three packets, one from each.
const COPIES: u64 = 3;
const PICTURES_PER_SECOND: u64 = 30;
const LASTING: Duration = Duration::from_secs(5);
/// The load looks at its clock this often, and at each of its sockets every so many times.
const TURN: Duration = Duration::from_millis(1);
const LOOKS: usize = 4;
const LINGER: Duration = Duration::from_millis(500);
/// So many more calls at each step.
const STEP: usize = 25;
/// Most calls that are tried.
const CALLS_MAX: usize = 2_000;
/// What may be lost, in percent.
const LOSS_MAX: f64 = 0.1;
/// With more of a core than this the load itself cannot keep up.
const LOAD_MAX: f64 = 0.97;
/// To learn what a call costs.
const CALLS_FEW: usize = 20;
/// How near the load has to be to the one that is wanted, and how often it is tried.
const NEAR: f64 = 0.04;
const TRIES: usize = 6;

/// What came of some seconds.
struct Measured {
    /// Of one core, the server and the load.
    server: f64,
    load: f64,
    /// Percent.
    lost: f64,
    /// Microseconds, sorted.
    delays: Vec<u32>,
}

impl Measured {
    fn delay(&self, percent: usize) -> u32 {
        let at = (self.delays.len() * percent / 100).min(self.delays.len().saturating_sub(1));
        self.delays.get(at).copied().unwrap_or_default()
    }
}

/// Ends of calls that stand.
struct Calls {
    certificate: Certificate,
    ends: Vec<CallEnd>,
    memory: Memory,
}

impl Calls {
    fn new() -> Outcome<Self> {
        Ok(Self {
            certificate: Certificate::generate()?,
            ends: Vec::new(),
            memory: Memory::default(),
        })
    }

    /// So many calls more through the server.
    fn add(&mut self, plane: &mut Plane, calls: usize) -> Outcome<()> {
        let before = self.ends.len();
        for session in before / LEGS.len()..before / LEGS.len() + calls {
            for leg in LEGS {
                let (mut end, offer) = CallEnd::offer(&self.certificate)?;
                end.accept(&plane.answer(session as u128, leg, offer)?)?;
                self.ends.push(end);
            }
        }
        self.connect(before)
    }

    /// So many pairs who need no server; both send.
    fn add_direct(&mut self, pairs: usize) -> Outcome<()> {
        let before = self.ends.len();
        for _ in 0..pairs {
            let (mut one, offer) = CallEnd::offer(&self.certificate)?;
            let (other, answer) = CallEnd::answer(&self.certificate, &offer)?;
            one.accept(&answer)?;
            self.ends.extend([one, other]);
        }
        self.connect(before)
    }

    fn connect(&mut self, from: usize) -> Outcome<()> {
        let begin = Instant::now();
        while self.ends[from..].iter().any(|end| !end.is_connected()) {
            let now = Instant::now();
            let ends = self.ends.iter_mut();
            ends.for_each(|end| end.turn(now, &mut self.memory));
            if now > begin + PATIENCE {
                return Err("some ends found no way".into());
            }
            thread::sleep(TURN);
        }
        Ok(())
    }

    /// Everybody sends pictures, evenly spread. Gives how many packets were sent.
    fn run(&mut self, lasting: Duration) -> u64 {
        let begin = Instant::now();
        let rate = self.ends.len() as u64 * PICTURES_PER_SECOND;
        let (mut sent, mut next, mut looked) = (0, 0, 0);
        let part = self.ends.len().div_ceil(LOOKS);
        loop {
            let passed = begin.elapsed();
            if passed >= lasting + LINGER {
                return sent * PICTURE_PACKETS as u64;
            }
            let due = rate * passed.min(lasting).as_micros() as u64 / 1_000_000;
            for _ in sent..due {
                self.ends[next].publish(Instant::now());
                next = (next + 1) % self.ends.len();
            }
            sent = due;
            let now = Instant::now();
            let looks = self.ends.iter_mut().skip(looked * part).take(part);
            looks.for_each(|end| end.turn(now, &mut self.memory));
            looked = (looked + 1) % LOOKS;
            thread::sleep(TURN.saturating_sub(now.elapsed()));
        }
    }

    /// `copies` arrive of three packets that are sent; `pid` is the server's.
    fn measure(&mut self, pid: u32, copies: u64) -> Outcome<Measured> {
        self.run(WARM);
        self.ends.iter_mut().for_each(|end| drop(end.take_delays()));
        let own = std::process::id();
        let before = (cpu::spent(pid)?, cpu::spent(own)?);
        let begin = Instant::now();
        let sent = self.run(LASTING);
        let lasted = begin.elapsed() - LINGER;
        let share = |spent: Duration, before: Duration| {
            spent.saturating_sub(before).as_secs_f64() / lasted.as_secs_f64()
        };
        let server = share(cpu::spent(pid)?, before.0);
        let load = share(cpu::spent(own)?, before.1);
        let ends = self.ends.iter_mut();
        let mut delays: Vec<u32> = ends.flat_map(CallEnd::take_delays).collect();
        delays.sort_unstable();
        let expected = sent * copies / LEGS.len() as u64;
        let lost = 100.0 * (1.0 - delays.len() as f64 / expected as f64);
        Ok(Measured {
            server,
            load,
            lost,
            delays,
        })
    }
}

/// `cargo peerbench calls`: more and more calls until something gives out.
pub(crate) fn most() -> Outcome<()> {
    let mut plane = Plane::start("plane", LOCAL)?;
    let mut calls = Calls::new()?;
    let mut best = None;
    let mut why = "so many were not tried";
    for number in (STEP..=CALLS_MAX).step_by(STEP) {
        calls.add(&mut plane, STEP)?;
        let measured = calls.measure(plane.daemon.pid(), COPIES)?;
        println!(
            "{number} calls: server={:.0}% of a core, load={:.0}%, loss={:.3}%, delay p50={} p99={} us",
            100.0 * measured.server,
            100.0 * measured.load,
            measured.lost,
            measured.delay(50),
            measured.delay(99)
        );
        if measured.load > LOAD_MAX {
            why = "the load is at its end";
            break;
        }
        if measured.lost > LOSS_MAX {
            why = "packets are lost";
            break;
        }
        best = Some((number, measured));
    }
    let (number, measured) = best.ok_or("not one step went well")?;
    println!(
        "calls ours={number} server={:.2} loss={:.3} by_cost={:.0} ({why})",
        measured.server,
        measured.lost,
        number as f64 / measured.server
    );
    Ok(())
}

/// So many calls without us and through us.
fn compared(number: usize) -> Outcome<(Measured, Measured)> {
    let (mut calls, mut direct) = (Calls::new()?, Calls::new()?);
    direct.add_direct(number * LEGS.len() / 2)?;
    let straight = direct.measure(std::process::id(), COPIES)?;
    drop(direct);
    let mut plane = Plane::start("plane", LOCAL)?;
    calls.add(&mut plane, number)?;
    let through = calls.measure(plane.daemon.pid(), COPIES)?;
    println!(
        "{number} calls: server={:.0}% of a core, load={:.0}%, loss={:.3}%",
        100.0 * through.server,
        100.0 * through.load,
        through.lost
    );
    Ok((straight, through))
}

/// `cargo peerbench delay`: at a tenth and at four fifths of what one core carries.
pub(crate) fn delay() -> Outcome<()> {
    let mut few = Calls::new()?;
    let mut plane = Plane::start("plane", LOCAL)?;
    few.add(&mut plane, CALLS_FEW)?;
    let mut share = few.measure(plane.daemon.pid(), COPIES)?.server / CALLS_FEW as f64;
    drop((few, plane));
    let mut words = Vec::new();
    for wanted in [0.1, 0.8] {
        let mut tries = 0;
        let (straight, through) = loop {
            let number = ((wanted / share) as usize).max(1);
            let (straight, through) = compared(number)?;
            // A call is cheaper beside many others, which are read together.
            share = through.server / number as f64;
            tries += 1;
            if tries == TRIES || (through.server / wanted - 1.0).abs() < NEAR {
                break (straight, through);
            }
        };
        let [median, late] = [50, 99].map(|percent| {
            let (through, straight) = (through.delay(percent), straight.delay(percent));
            println!("p{percent}: {through} us through us, {straight} us without");
            through.saturating_sub(straight)
        });
        let load = 100.0 * through.server;
        words.push(format!("load={load:.0}% p50_us={median} p99_us={late}"));
    }
    println!("delay added: {}", words.join(" | "));
    Ok(())
}
