//! The journal's promises, on real files and on a disk that fails.

mod checkpoints;
mod operator;
mod snapshots;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::disk::{Disk, RealDisk, SegmentFile};
use super::frame::HEADER_BYTES;
use super::*;

fn entry(session: u32, event: u64) -> Entry {
    let kind = match event {
        0 => Kind::CallPlaced(Box::new(Placed::outbound(
            "+15550100001",
            "+15550100199",
            "ase/en",
        ))),
        1 => Kind::InterpreterInvited {
            seat: "lead".into(),
            interpreter: "1234".into(),
            epoch: 1,
        },
        2 => Kind::InterpreterAssigned {
            seat: "lead".into(),
            interpreter: "1234".into(),
            epoch: 1,
            center: None,
        },
        _ => Kind::LegConnected {
            leg: "caller".into(),
        },
    };
    Entry {
        session: format!("{session:032x}"),
        event,
        at_ms: 1_790_000_000_000 + event,
        session_ms: event,
        up_ms: event,
        kind,
    }
}

/// What opening finds where there is nothing.
fn nothing() -> Opened {
    Opened {
        records: 0,
        torn: None,
        snapshot: None,
        ignored: Vec::new(),
        contradiction: None,
    }
}

/// A journal with `sessions` times three records; returns its only segment.
fn written(folder: &Path, sessions: u32) -> PathBuf {
    let (journal, opened) = Journal::open(folder, |_| {}).unwrap();
    assert_eq!(
        opened,
        Opened {
            records: 0,
            torn: None,
            ..nothing()
        }
    );
    for session in 0..sessions {
        for event in 0..3 {
            journal.append_blocking(entry(session, event)).unwrap();
        }
    }
    journal.close();
    folder.join(scan::segment_name(1))
}

fn records(folder: &Path) -> Result<Vec<Record>, JournalError> {
    let mut list = Vec::new();
    read(folder, |record| list.push(record)).map(|_| list)
}

#[test]
fn what_was_acknowledged_is_read_back_in_order_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), 2);
    let mut seen = Vec::new();
    let (journal, opened) = Journal::open(folder.path(), |r| seen.push(r)).unwrap();
    assert_eq!(opened.records, 6);
    assert_eq!(journal.append_blocking(entry(2, 0)).unwrap(), 7);
    journal.close();
    assert_eq!(
        seen.iter().map(|r| r.sequence).collect::<Vec<_>>(),
        (1..=6).collect::<Vec<_>>()
    );
    assert_eq!(records(folder.path()).unwrap()[6].entry, entry(2, 0));
    let report = verify(folder.path()).unwrap();
    assert_eq!((report.records, report.sessions, report.open), (7, 3, 3));
    assert!(report.is_good(), "{report}");
}

#[test]
fn r01_a_record_cut_at_any_byte_is_dropped_reported_and_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), 1);
    let whole = fs::read(&file).unwrap();
    let (journal, _) = Journal::open(folder.path(), |_| {}).unwrap();
    journal.append_blocking(entry(0, 3)).unwrap();
    journal.close();
    let longer = fs::read(&file).unwrap();
    for cut in whole.len() + 1..longer.len() {
        fs::write(&file, &longer[..cut]).unwrap();
        let report = verify(folder.path()).unwrap();
        let torn = TornTail {
            file: file.clone(),
            offset: whole.len() as u64,
            bytes: (cut - whole.len()) as u64,
        };
        assert_eq!(report.torn.as_ref(), Some(&torn), "cut at {cut}");
        let (journal, opened) = Journal::open(folder.path(), |_| {}).unwrap();
        assert_eq!(
            opened,
            Opened {
                records: 3,
                torn: Some(torn),
                ..nothing()
            },
            "cut at {cut}"
        );
        journal.close();
        assert_eq!(fs::read(&file).unwrap(), whole, "cut at {cut}");
    }
}

#[test]
fn r01_a_tail_that_the_file_system_never_wrote_counts_as_cut() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), 1);
    let whole = fs::read(&file).unwrap();
    let mut zeros = whole.clone();
    zeros.resize(whole.len() + 5000, 0);
    fs::write(&file, &zeros).unwrap();
    let (journal, opened) = Journal::open(folder.path(), |_| {}).unwrap();
    assert_eq!(opened.torn.unwrap().bytes, 5000);
    journal.close();
    assert_eq!(fs::read(&file).unwrap(), whole);
}

#[test]
fn r01_records_of_which_the_file_system_wrote_some_sectors_count_as_cut() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), 8);
    let good = fs::read(&file).unwrap();
    let starts = frame_starts(&good);
    let sector = 512;
    assert!(
        good.len() > 4 * sector,
        "several records in several sectors"
    );
    for cut in (sector..good.len()).step_by(sector) {
        let mut unwritten = good.clone();
        unwritten[cut..].fill(0);
        fs::write(&file, &unwritten).unwrap();
        let whole = starts.iter().rposition(|start| *start <= cut).unwrap();
        let report = verify(folder.path()).unwrap();
        assert_eq!(report.records, whole as u64, "cut at {cut}");
        assert_eq!(report.torn.unwrap().offset, starts[whole] as u64);
        // What was written after it never was a write of ours.
        *unwritten.last_mut().unwrap() = 1;
        fs::write(&file, &unwritten).unwrap();
        verify(folder.path()).unwrap_err();
    }
}

#[test]
fn r01_a_file_cut_inside_its_header_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    for cut in 0..HEADER_BYTES {
        fs::write(folder.path().join(scan::segment_name(1)), vec![0x56; cut]).unwrap();
        let (journal, opened) = Journal::open(folder.path(), |_| {}).unwrap();
        assert_eq!(opened.records, 0);
        assert_eq!(journal.append_blocking(entry(0, 0)).unwrap(), 1);
        journal.close();
        assert_eq!(records(folder.path()).unwrap().len(), 1);
    }
}

#[test]
fn r04_one_flipped_byte_anywhere_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), 2);
    let good = fs::read(&file).unwrap();
    let starts = frame_starts(&good);
    for at in 0..good.len() {
        // Flips that could mimic zeros, other digits, and other lengths.
        for mask in [0x01, 0x80, 0xff, good[at]] {
            if mask == 0 {
                continue;
            }
            let mut damaged = good.clone();
            damaged[at] ^= mask;
            fs::write(&file, &damaged).unwrap();
            let expected = starts
                .iter()
                .rposition(|&s| s <= at)
                .map_or(1, |i| i as u64 + 1);
            let error = verify(folder.path()).unwrap_err();
            let JournalError::Damaged {
                record,
                offset,
                file: named,
                ..
            } = &error
            else {
                panic!("byte {at} mask {mask:#x}: {error}");
            };
            assert_eq!(
                (*record, named),
                (expected, &file),
                "byte {at} mask {mask:#x}: {error}"
            );
            let start = if at < HEADER_BYTES {
                0
            } else {
                starts[expected as usize - 1]
            };
            assert_eq!(*offset, start as u64, "byte {at}");
            assert!(Journal::open(folder.path(), |_| {}).is_err(), "byte {at}");
            assert_eq!(
                fs::read(&file).unwrap(),
                damaged,
                "a damaged journal is left as it is"
            );
        }
    }
    fs::write(&file, &good).unwrap();
    assert!(verify(folder.path()).unwrap().is_good());
}

fn frame_starts(bytes: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = HEADER_BYTES;
    while at < bytes.len() {
        starts.push(at);
        let lead =
            frame::decode_lead(bytes[at..at + frame::LEAD_BYTES].try_into().unwrap()).unwrap();
        at += frame::FRAME_BYTES + lead.length;
    }
    starts
}

#[test]
fn r34_removed_swapped_and_repeated_records_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), 1);
    let good = fs::read(&file).unwrap();
    let starts = frame_starts(&good);
    let frame = |i: usize| &good[starts[i]..starts.get(i + 1).copied().unwrap_or(good.len())];
    let header = &good[..HEADER_BYTES];
    let removed = [header, frame(0), frame(2)].concat();
    let swapped = [header, frame(1), frame(0), frame(2)].concat();
    let repeated = [header, frame(0), frame(1), frame(1), frame(2)].concat();
    for (bytes, record) in [(removed, 2), (swapped, 1), (repeated, 3)] {
        fs::write(&file, bytes).unwrap();
        let error = verify(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(&format!("damaged at record {record} ")),
            "{error}"
        );
        assert!(
            error.contains("does not follow the one before it"),
            "{error}"
        );
    }
}

#[test]
fn segments_chain_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) =
        Journal::open_on(folder.path(), |_| {}, RealDisk, 300, Host::Thread).unwrap();
    for event in 0..6 {
        journal.append_blocking(entry(0, event)).unwrap();
    }
    journal.close();
    let mut files: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    assert_eq!(records(folder.path()).unwrap().len(), 6);
    let second = fs::read(&files[1]).unwrap();
    fs::remove_file(&files[1]).unwrap();
    let error = verify(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("the file does not follow the records before it"),
        "{error}"
    );
    fs::write(&files[1], &second).unwrap();
    fs::write(&files[1], &second[..second.len() - 1]).unwrap();
    let error = verify(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("the file ends in the middle of a record"),
        "{error}"
    );
    fs::write(&files[1], &second).unwrap();
    fs::remove_file(&files[0]).unwrap();
    let error = verify(folder.path()).unwrap_err().to_string();
    assert!(error.contains("the files with records 1 to"), "{error}");
}

#[test]
fn a_session_that_does_not_replay_is_named_with_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path(), |_| {}).unwrap();
    journal.append_blocking(entry(1, 0)).unwrap();
    journal.append_blocking(entry(2, 0)).unwrap();
    // Assigned without having been invited.
    journal
        .append_blocking(Entry {
            event: 1,
            ..entry(2, 2)
        })
        .unwrap();
    journal.append_blocking(entry(1, 1)).unwrap();
    journal.close();
    let report = verify(folder.path()).unwrap();
    assert!(!report.is_good());
    assert_eq!(report.faults.len(), 1);
    assert_eq!(report.faults[0].record, 3);
    assert!(
        report
            .to_string()
            .contains("event 1 (interpreter_assigned) cannot follow"),
        "{report}"
    );
}

#[test]
fn a_record_that_is_too_large_is_refused_and_the_next_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path(), |_| {}).unwrap();
    let large = Entry {
        kind: Kind::LegConnected {
            leg: "x".repeat(20_000),
        },
        ..entry(0, 3)
    };
    assert!(matches!(journal.append_blocking(large), Err(AppendError::TooLarge(n)) if n > 20_000));
    assert_eq!(journal.append_blocking(entry(0, 0)), Ok(1));
}

/// What a test disk did and is to do.
#[derive(Debug, Default)]
struct Script {
    calls: Vec<&'static str>,
    fail_append: bool,
    fail_sync: bool,
    fail_open: bool,
}

#[derive(Clone, Default)]
struct TestDisk(Arc<Mutex<Script>>);

struct TestFile {
    real: Box<dyn SegmentFile>,
    script: Arc<Mutex<Script>>,
}

impl Disk for TestDisk {
    fn open(&mut self, path: &Path, length: u64) -> io::Result<Box<dyn SegmentFile>> {
        if self.0.lock().unwrap().fail_open {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let real = RealDisk.open(path, length)?;
        Ok(Box::new(TestFile {
            real,
            script: Arc::clone(&self.0),
        }))
    }
}

impl SegmentFile for TestFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut script = self.script.lock().unwrap();
        script.calls.push("append");
        if script.fail_append {
            // Half of it got through, as on a full disk.
            self.real.append(&bytes[..bytes.len() / 2])?;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.real.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut script = self.script.lock().unwrap();
        script.calls.push("sync");
        if script.fail_sync {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        } else {
            self.real.sync()
        }
    }
}

#[test]
fn r02_nothing_is_acknowledged_before_it_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let disk = TestDisk::default();
    let (journal, _) =
        Journal::open_on(folder.path(), |_| {}, disk.clone(), u64::MAX, Host::Thread).unwrap();
    disk.0.lock().unwrap().calls.clear();
    for event in 0..3 {
        journal.append_blocking(entry(0, event)).unwrap();
        let calls = std::mem::take(&mut disk.0.lock().unwrap().calls);
        assert_eq!(calls, ["append", "sync"]);
    }
}

#[test]
fn appends_that_come_together_share_one_fsync() {
    let folder = tempfile::tempdir().unwrap();
    let disk = TestDisk::default();
    let (journal, _) =
        Journal::open_on(folder.path(), |_| {}, disk.clone(), u64::MAX, Host::Thread).unwrap();
    disk.0.lock().unwrap().calls.clear();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let sequences = runtime.block_on(async {
        let appends = (0..100).map(|session| journal.append(entry(session, 0)));
        futures_util::future::join_all(appends).await
    });
    let mut sequences: Vec<u64> = sequences.into_iter().map(Result::unwrap).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=100).collect::<Vec<_>>());
    let syncs = disk
        .0
        .lock()
        .unwrap()
        .calls
        .iter()
        .filter(|c| **c == "sync")
        .count();
    assert!((1..50).contains(&syncs), "{syncs} fsyncs for 100 records");
}

#[test]
fn r03_a_full_disk_closes_the_journal_until_it_is_reopened_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = TestDisk::default();
    let (journal, _) =
        Journal::open_on(folder.path(), |_| {}, disk.clone(), u64::MAX, Host::Thread).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        journal.append(entry(0, 0)).await.unwrap();
        for failing in ["append", "sync"] {
            set(&disk, failing, true);
            let error = journal.append(entry(0, 1)).await.unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with("the journal cannot be written: "),
                "{error}"
            );
            assert!(matches!(&*journal.health().borrow(), Health::Failed(_)));
            set(&disk, failing, false);
            // Fail closed: the disk is well again, but nobody has looked yet.
            assert!(journal.append(entry(0, 1)).await.is_err());
            disk.0.lock().unwrap().fail_open = true;
            assert!(journal.reopen().await.is_err());
            disk.0.lock().unwrap().fail_open = false;
            journal.reopen().await.unwrap();
            assert_eq!(*journal.health().borrow(), Health::Working);
        }
        assert_eq!(journal.append(entry(0, 1)).await, Ok(2));
    });
    journal.close();
    // What was refused is not there, what was acknowledged is.
    let list = records(folder.path()).unwrap();
    assert_eq!(
        list.iter().map(|r| r.entry.event).collect::<Vec<_>>(),
        [0, 1]
    );
}

#[test]
fn r03_what_cannot_be_refused_is_kept_in_order_and_written_first() {
    let folder = tempfile::tempdir().unwrap();
    let disk = TestDisk::default();
    let (journal, _) =
        Journal::open_on(folder.path(), |_| {}, disk.clone(), u64::MAX, Host::Thread).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        journal.append(entry(0, 0)).await.unwrap();
        set(&disk, "append", true);
        for event in 1..4 {
            let kept = journal.append_or_keep(entry(0, event)).await;
            assert!(matches!(kept, Err(AppendError::Kept(_))), "{kept:?}");
            let refused = journal.append(entry(9, 0)).await;
            assert!(matches!(refused, Err(AppendError::Failed(_))));
        }
        assert!(journal.reopen().await.is_err());
        set(&disk, "append", false);
        journal.reopen().await.unwrap();
        assert_eq!(journal.append(entry(0, 4)).await, Ok(5));
    });
    journal.close();
    let list = records(folder.path()).unwrap();
    let events: Vec<_> = list.iter().map(|r| (r.sequence, r.entry.event)).collect();
    assert_eq!(events, [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)]);
}

#[test]
fn r03_reopening_reads_the_segment_being_written_and_none_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let disk = TestDisk::default();
    let (journal, _) =
        Journal::open_on(folder.path(), |_| {}, disk.clone(), 600, Host::Thread).unwrap();
    for event in 0..12 {
        journal.append_blocking(entry(0, event)).unwrap();
    }
    let segments = scan::segments(folder.path()).unwrap();
    assert!(segments.len() > 2, "{segments:?}");
    // Were they read, they would be missed.
    let aside = folder.path().join("aside");
    fs::rename(&segments[0].1, &aside).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        // With the last segment begun and empty, half begun, and half full.
        for event in 12..30 {
            for failing in ["append", "sync"] {
                set(&disk, failing, true);
                journal.append(entry(0, event)).await.unwrap_err();
                set(&disk, failing, false);
                journal.reopen().await.unwrap();
            }
            journal.append(entry(0, event)).await.unwrap();
        }
    });
    journal.close();
    fs::rename(&aside, &segments[0].1).unwrap();
    let events: Vec<_> = records(folder.path()).unwrap();
    assert_eq!(events.len(), 30);
}

#[test]
fn r04_reopening_notices_a_byte_that_changed_in_the_segment_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let disk = TestDisk::default();
    let (journal, _) =
        Journal::open_on(folder.path(), |_| {}, disk.clone(), u64::MAX, Host::Thread).unwrap();
    for event in 0..3 {
        journal.append_blocking(entry(0, event)).unwrap();
    }
    set(&disk, "append", true);
    journal.append_blocking(entry(0, 3)).unwrap_err();
    set(&disk, "append", false);
    let file = folder.path().join(scan::segment_name(1));
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(journal.reopen()).unwrap_err();
}

fn set(disk: &TestDisk, what: &str, fails: bool) {
    let mut script = disk.0.lock().unwrap();
    if what == "append" {
        script.fail_append = fails;
    } else {
        script.fail_sync = fails;
    }
}
