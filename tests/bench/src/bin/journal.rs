//! Measures the journal on this machine: durable records per second, and the time of a start.
//!
//! `cargo run --release --package vrs-bench --bin journal [FOLDER]`
//! FOLDER is on the disk to measure (the temporary folder unless said); about 450 MB are used in it
//! and removed at the end. The files that a start reads are in the page cache.
//! What it prints last is for programs to read.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use relay_server::journal::{
    Disk, Entry, Host, Journal, Kind, Options, Placed, RealDisk, Rotation, SegmentFile,
};
use relay_server::store::{self, ENDED_KEPT_MAX, MemoryStore, Rebuild};

/// Tasks that append at once.
const TASKS: u64 = 64;
/// How long they do.
const APPENDING: Duration = Duration::from_secs(5);
/// How long the bare disk is measured.
const FLOOR: Duration = Duration::from_secs(3);
/// Records of one write of the bare disk: a full group of the journal.
const FLOOR_RECORDS: usize = 512;
/// Records of the journal that is opened.
const RECORDS: u64 = 1_000_000;
/// Calls that have not ended in it.
const OPEN_CALLS: u64 = 50;
/// Records that are appended before any of them is waited for, when nothing is measured.
const FILLING: usize = 512;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Counts what is made durable, and whether it really is.
#[derive(Clone, Default)]
struct CountingDisk {
    syncs: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
    /// Nothing is measured: the disk need not keep it.
    careless: bool,
}

struct CountingFile(Box<dyn SegmentFile>, CountingDisk);

impl Disk for CountingDisk {
    fn open(&mut self, path: &Path, length: u64) -> io::Result<Box<dyn SegmentFile>> {
        let real = RealDisk.open(path, length)?;
        Ok(Box::new(CountingFile(real, self.clone())))
    }
}

impl SegmentFile for CountingFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.1.bytes.fetch_add(length, Ordering::Relaxed);
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.1.syncs.fetch_add(1, Ordering::Relaxed);
        if self.1.careless {
            return Ok(());
        }
        self.0.sync()
    }
}

/// The events of a call that goes well.
fn kind(event: u64, call: u64) -> Kind {
    let interpreter = format!("{}", 1000 + call % 500);
    let leg = |leg: &str| Kind::LegConnected { leg: leg.into() };
    match event {
        0 => Kind::CallPlaced(Box::new(Placed::outbound(
            &format!("+1555010{:04}", call % 10_000),
            &format!("+1555020{:04}", call % 9_973),
            "ase/en",
        ))),
        1 => Kind::InterpreterInvited {
            seat: "lead".into(),
            interpreter,
            epoch: 1,
        },
        2 => Kind::InterpreterAssigned {
            seat: "lead".into(),
            interpreter,
            epoch: 1,
            center: None,
        },
        3 => leg("caller"),
        4 => leg("interpreter"),
        5 => Kind::DialingStarted { address: None },
        6 => Kind::CalledRang,
        7 => Kind::CalledAnswered { address: None },
        _ => Kind::Ended {
            reason: "caller_hung_up".into(),
            stage: "relay_active".into(),
            total_ms: 8000,
            conversation_ms: 1000,
        },
    }
}

/// Events of one call.
const EVENTS: u64 = 9;

fn entry(call: u64, event: u64) -> Entry {
    Entry {
        // Spread as random ids are.
        session: format!("{:032x}", (u128::from(call) + 1).wrapping_mul(SPREAD)),
        event,
        at_ms: 1_790_000_000_000 + call * 250 + event * 1000,
        session_ms: event * 1000,
        up_ms: event * 1000,
        kind: kind(event, call),
    }
}

/// An odd number: multiplying by it meets every id once.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// The records of many calls that overlap, `OPEN_CALLS` at any time, in order.
fn history() -> impl Iterator<Item = Entry> {
    (0..).flat_map(|step: u64| {
        (0..OPEN_CALLS).filter_map(move |place| {
            // Each place has one call after the other, each place at another point of it.
            let at = step.checked_sub(place % EVENTS)?;
            Some(entry((at / EVENTS) * OPEN_CALLS + place, at % EVENTS))
        })
    })
}

struct Durable {
    per_s: f64,
    syncs_per_s: f64,
    records_per_sync: f64,
    record_bytes: usize,
}

fn measure_appends(folder: &Path) -> Outcome<Durable> {
    let disk = CountingDisk::default();
    let options = Options {
        disk: Box::new(disk.clone()),
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (journal, _) = Journal::open_with(folder, options, |_| {})?;
    let journal = Arc::new(journal);
    let written = Arc::new(AtomicU64::new(0));
    disk.syncs.store(0, Ordering::Relaxed);
    disk.bytes.store(0, Ordering::Relaxed);
    let began = Instant::now();
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for task in 0..TASKS {
            let (journal, written) = (Arc::clone(&journal), Arc::clone(&written));
            tasks.push(tokio::spawn(async move {
                let mut event = 0;
                while began.elapsed() < APPENDING {
                    let call = event / EVENTS * TASKS + task;
                    journal.append(entry(call, event % EVENTS)).await?;
                    written.fetch_add(1, Ordering::Relaxed);
                    event += 1;
                }
                Ok::<_, relay_server::journal::AppendError>(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        Outcome::Ok(())
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let load = |n: &AtomicU64| n.load(Ordering::Relaxed);
    let (records, syncs) = (load(&written), load(&disk.syncs));
    let record_bytes = load(&disk.bytes).checked_div(records).unwrap_or_default();
    Ok(Durable {
        per_s: records as f64 / seconds,
        syncs_per_s: syncs as f64 / seconds,
        records_per_sync: records as f64 / syncs as f64,
        record_bytes: usize::try_from(record_bytes)?,
    })
}

/// Writes of `bytes` with an fsync each, per second: what the disk itself can do.
fn measure_disk(path: &Path, bytes: usize) -> Outcome<f64> {
    let block = vec![b'x'; bytes];
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.sync_all()?;
    let began = Instant::now();
    let mut writes = 0_u32;
    while began.elapsed() < FLOOR {
        file.write_all(&block)?;
        file.sync_data()?;
        writes += 1;
    }
    let per_s = f64::from(writes) / began.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(per_s)
}

/// Writes the journal that is opened later; the disk is not waited for, but for the last time.
fn fill(folder: &Path) -> Outcome<()> {
    let options = Options {
        disk: Box::new(CountingDisk {
            careless: true,
            ..CountingDisk::default()
        }),
        host: Host::Thread,
        rotation: Rotation::default(),
        snapshots: Some(ENDED_KEPT_MAX),
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (journal, _) = Journal::open_with(folder, options, |_| {})?;
    let count = usize::try_from(RECORDS)?;
    let entries: Vec<Entry> = history().take(count).collect();
    for group in entries.chunks(FILLING) {
        let appends = group.iter().map(|entry| journal.append(entry.clone()));
        // Tokio would take turns among so many otherwise, and mix their order up.
        for done in runtime.block_on(tokio::task::unconstrained(join_all(appends))) {
            done?;
        }
    }
    journal.close();
    Ok(())
}

struct Start {
    seconds: f64,
    snapshot: Option<u64>,
    open: usize,
    /// What a clean stop then took, which makes a snapshot of what is new.
    stop_s: f64,
}

/// Opens the journal as the server does, up to the point where it would end the open calls.
fn measure_start(folder: &Path, snapshots: Option<usize>) -> Outcome<Start> {
    let options = Options {
        snapshots,
        ..Options::default()
    };
    let began = Instant::now();
    let mut rebuild = Rebuild::default();
    let (journal, opened) = Journal::open_with(folder, options, |r| rebuild.take(&r))?;
    let restored = rebuild.finish();
    store::fill(&MemoryStore::default(), &restored.rows)?;
    let seconds = began.elapsed().as_secs_f64();
    if opened.records != RECORDS || !restored.faults.is_empty() {
        let (records, faults) = (opened.records, restored.faults.len());
        return Err(format!("{records} records, {faults} sessions do not replay").into());
    }
    let began = Instant::now();
    journal.close();
    Ok(Start {
        seconds,
        snapshot: opened.snapshot,
        open: restored.open.len(),
        stop_s: began.elapsed().as_secs_f64(),
    })
}

/// Removes snapshots, as if the server had been killed before it made them.
fn forget_snapshots(folder: &Path, from: u64) -> Outcome<()> {
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_stem().and_then(|n| n.to_str());
        let number = name.and_then(|n| n.strip_prefix("snapshot-"));
        if number.is_some_and(|n| n.parse().is_ok_and(|n: u64| n >= from)) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn size_mb(folder: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for file in std::fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes / 1_000_000)
}

fn main() -> Outcome<()> {
    let place = std::env::args_os().nth(1);
    let place = place.map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(place)?;

    println!("appending from {TASKS} tasks for {} s", APPENDING.as_secs());
    let durable = measure_appends(&folder.path().join("appended"))?;
    std::fs::remove_dir_all(folder.path().join("appended"))?;
    let floor_bytes = durable.record_bytes * FLOOR_RECORDS;
    let floor = measure_disk(&folder.path().join("floor"), floor_bytes)?;
    println!(
        "{} bytes a record; the disk alone does {floor:.0} writes and fsyncs of {FLOOR_RECORDS} records a second",
        durable.record_bytes
    );

    println!("writing {RECORDS} records");
    let filled = folder.path().join("filled");
    let began = Instant::now();
    fill(&filled)?;
    println!(
        "{:.1} s, {} MB",
        began.elapsed().as_secs_f64(),
        size_mb(&filled)?
    );
    let full = measure_start(&filled, None)?;
    println!(
        "start without a snapshot: {:.2} s, {} open calls",
        full.seconds, full.open
    );
    forget_snapshots(&filled, RECORDS)?;
    let killed = measure_start(&filled, Some(ENDED_KEPT_MAX))?;
    println!(
        "start after a kill: {:.2} s, snapshot at {:?}, {} open calls; snapshot of the rest {:.2} s",
        killed.seconds, killed.snapshot, killed.open, killed.stop_s
    );
    let stopped = measure_start(&filled, Some(ENDED_KEPT_MAX))?;
    println!(
        "start after a clean stop: {:.2} s, snapshot at {:?}",
        stopped.seconds, stopped.snapshot
    );
    forget_snapshots(&filled, 0)?;
    let none = measure_start(&filled, Some(ENDED_KEPT_MAX))?;
    println!("first snapshot of all: {:.2} s", none.stop_s);
    folder.close()?;
    println!(
        "journal durable_per_s={:.0} records_per_fsync={:.1} fsyncs_per_s={:.0} floor_ratio={:.2} recovery_s={:.2} recovery_snapshot_s={:.2}",
        durable.per_s,
        durable.records_per_sync,
        durable.syncs_per_s,
        durable.syncs_per_s / floor,
        full.seconds,
        killed.seconds
    );
    Ok(())
}
