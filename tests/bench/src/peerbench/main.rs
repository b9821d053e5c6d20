//! What a forwarded packet costs: ours beside a program that people would pick instead, or
//! beside the least that any relay must do.
//!
//! `cargo peerbench <floor|sfu|sfu-gcm|three|three-floor|fanout|turn>`. Both programs run in turn, five rounds, under
//! the same load; the cost is the time that their processes were on a processor, for a million
//! packets that arrived. `cargo peerbench scale` shows what more sessions cost us, `calls` how many
//! calls one core carries, `delay` how much later a packet comes for going through us, and `freeze`
//! how long a picture stands still when something changes in a call. Needs Linux; a peer is a package of Debian. How much the host of a virtual machine took away meanwhile
//! is said on the error output.
//! What it is not: a test; the figures depend on the machine. The last line is for programs.
//! Start reading at [`Shape`].

mod bare;
mod call_end;
mod calls;
mod coturn;
mod cpu;
mod daemon;
mod fan;
mod freeze;
mod janus;
mod load;
mod plain;
mod plane;
mod rtpengine;
mod scale;
mod turn;
mod web;

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Duration;

use load::{Counts, End, Rate};
use mimalloc::MiMalloc;
use vrs_domain::Leg;
use vrs_media::Certificate;

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// As in the relay server.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Each program is measured so often.
const ROUNDS: usize = 5;
/// Time to find a way to the server, for all ends.
const PATIENCE: Duration = Duration::from_secs(30);
/// Before anything is counted: until all memory is in use that will be.
const WARM: Duration = Duration::from_secs(2);
/// Who sees the caller; where fewer are wanted, the first of them. A fan knows no legs.
const VIEWERS: [Leg; 4] = [Leg::Interpreter, Leg::Team, Leg::Supervisor, Leg::Relief];

/// A program under load.
struct Rig {
    pid: u32,
    ends: Vec<Box<dyn End>>,
    publishers: Vec<usize>,
    /// Ends the program when it is dropped.
    _program: Box<dyn std::any::Any>,
}

/// What is measured.
#[derive(Clone, Copy)]
struct Shape {
    /// How it is called on the command line.
    name: &'static str,
    /// Each has one end that publishes.
    sessions: usize,
    /// Ends that receive, in each session.
    receivers: usize,
    /// Size of a datagram of SRTP.
    bytes: usize,
    /// Of all publishers together.
    rate: Rate,
    ours: fn(Shape) -> Outcome<Rig>,
    peer: fn(Shape) -> Outcome<Rig>,
    /// Where everything is; Janus has no loopback addresses.
    local: Ipv4Addr,
}

const LASTING: Duration = Duration::from_secs(5);

const SHAPES: [Shape; 7] = [
    Shape {
        name: "floor",
        sessions: 100,
        receivers: 1,
        bytes: 1200,
        rate: Rate {
            packets: 20_000,
            lasting: LASTING,
        },
        ours: plane,
        peer: floor,
        local: Ipv4Addr::LOCALHOST,
    },
    Shape {
        name: "sfu",
        sessions: 100,
        receivers: 1,
        bytes: 1200,
        rate: Rate {
            packets: 20_000,
            lasting: LASTING,
        },
        ours: plane,
        peer: rtpengine,
        local: Ipv4Addr::LOCALHOST,
    },
    Shape {
        name: "sfu-gcm",
        sessions: 100,
        receivers: 1,
        bytes: 1200,
        rate: Rate {
            packets: 20_000,
            lasting: LASTING,
        },
        ours: plane,
        peer: rtpengine_gcm,
        local: Ipv4Addr::LOCALHOST,
    },
    Shape {
        name: "three",
        sessions: 1,
        receivers: 3,
        bytes: 1100,
        rate: Rate {
            packets: 200,
            lasting: LASTING,
        },
        ours: plane,
        peer: janus,
        local: janus::ADDRESS,
    },
    Shape {
        name: "three-floor",
        sessions: 1,
        receivers: 3,
        bytes: 1100,
        rate: Rate {
            packets: 200,
            lasting: LASTING,
        },
        ours: plane,
        peer: floor,
        local: Ipv4Addr::LOCALHOST,
    },
    Shape {
        name: "fanout",
        sessions: 1,
        receivers: 10,
        bytes: 1100,
        rate: Rate {
            packets: 1000,
            lasting: LASTING,
        },
        ours: fanout,
        peer: janus,
        local: janus::ADDRESS,
    },
    Shape {
        name: "turn",
        sessions: 100,
        receivers: 1,
        bytes: 1200,
        rate: Rate {
            packets: 40_000,
            lasting: LASTING,
        },
        ours: turn,
        peer: coturn,
        local: Ipv4Addr::LOCALHOST,
    },
];

impl Rig {
    /// A program's ends, some of which publish; `program` ends it when it is dropped.
    fn new(
        pid: u32,
        publishers: Vec<usize>,
        ends: Vec<Box<dyn End>>,
        program: impl std::any::Any,
    ) -> Self {
        Self {
            pid,
            ends,
            publishers,
            _program: Box::new(program),
        }
    }
}

impl Shape {
    /// Places of the ends that publish: each is the first of its session.
    fn publishers(&self) -> Vec<usize> {
        let size = 1 + self.receivers;
        (0..self.sessions).map(|session| session * size).collect()
    }
}

fn plane(shape: Shape) -> Outcome<Rig> {
    forwarded(shape, "plane")
}

fn fanout(shape: Shape) -> Outcome<Rig> {
    forwarded(shape, "fan")
}

/// Our program serves as `how` says.
fn forwarded(shape: Shape, how: &str) -> Outcome<Rig> {
    let certificate = Certificate::generate()?;
    let local = IpAddr::V4(shape.local);
    let mut plane = plane::Plane::start(how, local)?;
    let mut ends: Vec<Box<dyn End>> = Vec::new();
    for session in 0..shape.sessions {
        let viewers = VIEWERS.into_iter().cycle().take(shape.receivers);
        for leg in [Leg::Caller].into_iter().chain(viewers) {
            let (mut end, offer) = web::WebEnd::offer(local, &certificate, shape.bytes)?;
            end.accept(&plane.answer(session as u128, leg, offer)?)?;
            ends.push(Box::new(end));
        }
    }
    load::connect(&mut ends, PATIENCE)?;
    let pid = plane.daemon.pid();
    Ok(Rig::new(pid, shape.publishers(), ends, plane))
}

fn floor(shape: Shape) -> Outcome<Rig> {
    let (bare, ends) = bare::start(shape.sessions, shape.receivers, shape.bytes)?;
    Ok(Rig::new(bare.pid(), shape.publishers(), ends, bare))
}

fn rtpengine(shape: Shape) -> Outcome<Rig> {
    encrypting(shape, rtpengine::USUAL)
}

fn rtpengine_gcm(shape: Shape) -> Outcome<Rig> {
    encrypting(shape, rtpengine::GCM)
}

fn encrypting(shape: Shape, suite: rtpengine::Suite) -> Outcome<Rig> {
    let (engine, ends) = rtpengine::Rtpengine::start(shape.sessions, shape.bytes, suite)?;
    let pid = engine.daemon.pid();
    Ok(Rig::new(pid, shape.publishers(), ends, engine))
}

fn janus(shape: Shape) -> Outcome<Rig> {
    let (janus, mut ends) = janus::Janus::start(shape.receivers, shape.bytes)?;
    load::connect(&mut ends, PATIENCE)?;
    let pid = janus.daemon.pid();
    Ok(Rig::new(pid, shape.publishers(), ends, janus))
}

/// Both ends of each session publish: a client of the relay, and its peer.
fn turn(shape: Shape) -> Outcome<Rig> {
    let (turn, server) = turn::start()?;
    let ends = turn.folder.clients(server, shape.sessions, shape.bytes)?;
    Ok(Rig::new(
        turn.daemon.pid(),
        (0..ends.len()).collect(),
        ends,
        turn,
    ))
}

fn coturn(shape: Shape) -> Outcome<Rig> {
    let (coturn, server) = coturn::start()?;
    let ends = coturn.folder.clients(server, shape.sessions, shape.bytes)?;
    Ok(Rig::new(
        coturn.daemon.pid(),
        (0..ends.len()).collect(),
        ends,
        coturn,
    ))
}

/// CPU seconds for a million packets that arrived, what came of the load, and what `at_end` finds
/// while the program still runs.
fn measure<T>(mut rig: Rig, rate: Rate, at_end: impl FnOnce() -> T) -> Outcome<((f64, Counts), T)> {
    let warm = Rate {
        lasting: WARM,
        ..rate
    };
    load::run(&mut rig.ends, &rig.publishers, warm);
    let before = cpu::spent(rig.pid)?;
    let counts = load::run(&mut rig.ends, &rig.publishers, rate);
    let spent = cpu::spent(rig.pid)?.saturating_sub(before);
    if counts.received == 0 {
        return Err("nothing arrived".into());
    }
    let million = spent.as_secs_f64() * 1e6 / counts.received as f64;
    Ok(((million, counts), at_end()))
}

/// Percent of what should have arrived.
fn loss(counts: &[Counts], receivers: usize) -> f64 {
    let sent: u64 = counts.iter().map(|counts| counts.sent).sum();
    let received: u64 = counts.iter().map(|counts| counts.received).sum();
    100.0 * (1.0 - received as f64 / (sent * receivers as u64) as f64)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn compare(shape: Shape) -> Outcome<()> {
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let ((own_cost, own_counts), ()) = measure((shape.ours)(shape)?, shape.rate, || ())?;
        let ((other_cost, other_counts), ()) = measure((shape.peer)(shape)?, shape.rate, || ())?;
        println!(
            "round {round}: ours={own_cost:.2} peer={other_cost:.2} ratio={:.2}",
            own_cost / other_cost
        );
        own.push((own_cost, own_counts));
        other.push((other_cost, other_counts));
    }
    let (own, own_counts): (Vec<f64>, Vec<Counts>) = own.into_iter().unzip();
    let (other, other_counts): (Vec<f64>, Vec<Counts>) = other.into_iter().unzip();
    let (own, other) = (median(own), median(other));
    println!(
        "{} ours={own:.2} peer={other:.2} ratio={:.2} loss_ours={:.2} loss_peer={:.2}",
        shape.name,
        own / other,
        loss(&own_counts, shape.receivers),
        loss(&other_counts, shape.receivers)
    );
    Ok(())
}

/// Runs a benchmark, and says how much of the machine the host gave to others meanwhile: with some
/// percent of it the figures are worth little.
fn watched(benchmark: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    let machine = cpu::Machine::read()?;
    benchmark()?;
    eprintln!(
        "stolen by the host of this machine: {:.1}% of the time",
        machine.stolen_since()?
    );
    Ok(())
}

fn run(name: Option<&str>) -> Outcome<ExitCode> {
    let names = SHAPES.map(|shape| shape.name).join(", ");
    match name {
        Some("plane") => plane::serve()?,
        Some("bare") => bare::serve()?,
        Some("turn-server") => turn::serve()?,
        Some("fan") => fan::serve()?,
        Some("scale") => watched(|| scale::run(SHAPES[0]))?,
        Some("calls") => watched(calls::most)?,
        Some("delay") => watched(calls::delay)?,
        Some("freeze") => watched(freeze::run)?,
        Some(name) => {
            let shape = SHAPES.into_iter().find(|shape| shape.name == name);
            let shape =
                shape.ok_or_else(|| format!("no benchmark {name:?}; there are: {names}"))?;
            if shape.local == janus::ADDRESS
                && let Some(code) = janus::in_namespace(name)?
            {
                return Ok(if code == 0 {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                });
            }
            watched(|| compare(shape))?;
        }
        None => return Err(format!("which benchmark? There are: {names}").into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    match run(std::env::args().nth(1).as_deref()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("peerbench: {error}");
            ExitCode::FAILURE
        }
    }
}
