//! A start with a snapshot finds what a start without one finds, and no less.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use relay_core::session::Session;

use super::super::recover::{Recovered, recover};
use super::super::snapshot::{Snapshot, snapshot_name, snapshots};
use super::*;
use crate::store::{MemoryStore, Rebuild, Store, fill};

/// What an event of a history is.
#[derive(Debug, Clone, Copy)]
enum Deed {
    /// The next event of the session's life.
    Next,
    /// An event that cannot be its next one.
    Misfit,
    /// The session's end, whatever comes before it.
    End,
    /// An event of the session that ended last: it is over.
    Late,
}

/// How a call goes when nothing goes wrong.
fn life(event: u64) -> Kind {
    let (interpreter, epoch) = ("1234".to_owned(), 1);
    match event {
        0 => entry(0, 0).kind,
        1 => Kind::InterpreterInvited {
            seat: "lead".into(),
            interpreter,
            epoch,
        },
        2 => Kind::InterpreterAssigned {
            seat: "lead".into(),
            interpreter,
            epoch,
            center: None,
        },
        3 => Kind::DialingStarted { address: None },
        4 => Kind::CalledRang,
        5 => Kind::CalledAnswered { address: None },
        _ => end(event),
    }
}

/// The end that can come as this event; a session's clock is the number of its event.
fn end(event: u64) -> Kind {
    let stage = match event {
        0..=2 => "request_received",
        3 => "interpreter_assigned",
        4 | 5 => "hearing_party_dialing",
        _ => "relay_active",
    };
    Kind::Ended {
        reason: "caller_hung_up".into(),
        stage: stage.into(),
        total_ms: event,
        conversation_ms: event.saturating_sub(5),
    }
}

/// Turns deeds into entries; ended sessions are followed by new ones.
#[derive(Debug, Default)]
struct History {
    /// Id and next event of the session in each place.
    places: [(u32, u64); 4],
    sessions: u32,
    /// Id and next event of the session that ended last.
    ended: (u32, u64),
}

impl History {
    fn entry(&mut self, place: usize, deed: Deed) -> Entry {
        if let (Deed::Late, (session @ 1.., event)) = (deed, self.ended) {
            return Entry {
                event,
                session_ms: event,
                up_ms: event,
                kind: life(3),
                ..entry(session, event)
            };
        }
        if self.places[place].1 == 0 {
            self.sessions += 1;
            self.places[place].0 = self.sessions;
        }
        let (session, event) = self.places[place];
        let kind = match deed {
            Deed::Next | Deed::Late => life(event),
            Deed::Misfit => life(5 - event.min(5)),
            Deed::End => end(event),
        };
        let over = matches!(kind, Kind::Ended { .. });
        self.places[place].1 = if over { 0 } else { event + 1 };
        if over {
            self.ended = (session, event + 1);
        }
        Entry {
            event,
            session_ms: event,
            up_ms: event,
            kind,
            ..entry(session, event)
        }
    }
}

/// What the views show: the open sessions, the last ended ones, the faults.
#[derive(Debug, Default)]
struct Seen {
    replay: Replay,
    ended: VecDeque<Session>,
}

type Shown = (Vec<Session>, Vec<SessionFault>, VecDeque<Session>);

impl Seen {
    fn take(&mut self, record: &Record, ended_max: usize) {
        self.ended.extend(self.replay.take(record));
        while self.ended.len() > ended_max {
            self.ended.pop_front();
        }
    }

    fn shown(self) -> Shown {
        let (open, faults) = self.replay.finish();
        (open, faults, self.ended)
    }
}

fn start(folder: &Path, use_snapshots: bool, ended_max: usize) -> (Shown, Recovered) {
    let mut seen = Seen::default();
    let recovered = recover(folder, use_snapshots, None, &mut |record| {
        seen.take(&record, ended_max);
    });
    (seen.shown(), recovered.unwrap())
}

fn small(ended_max: usize, bytes_max: u64) -> Options {
    Options {
        rotation: Rotation {
            bytes_max,
            age_max: None,
        },
        snapshots: Some(ended_max),
        // Snapshots are then made in place: the same at every run.
        host: Host::Task,
        ..Options::default()
    }
}

/// Writes `entries` in groups of `group` with a snapshot at each rotation, then loses power: the
/// folder is what `crashed` then holds.
fn write(folder: &Path, crashed: &Path, options: Options, entries: &[Entry], group: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (journal, _) = Journal::open_with(folder, options, |_| {}).unwrap();
        for entries in entries.chunks(group) {
            let appends = entries.iter().map(|entry| journal.append(entry.clone()));
            for done in futures_util::future::join_all(appends).await {
                done.unwrap();
            }
        }
        copy(folder, crashed);
    });
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn deeds() -> impl Strategy<Value = Vec<(usize, Deed)>> {
    let deed = prop_oneof![
        20 => Just(Deed::Next),
        1 => Just(Deed::Misfit),
        2 => Just(Deed::End),
        1 => Just(Deed::Late),
    ];
    prop::collection::vec((0..4_usize, deed), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r01_a_start_with_snapshots_finds_what_a_start_without_finds(
        deeds in deeds(),
        group in 1..12_usize,
        bytes_max in 300..6000_u64,
        ended_max in 1..4_usize,
        torn in 0..400_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let crashed = folder.path().join("crashed");
        let journal = folder.path().join("journal");
        let mut history = History::default();
        let entries: Vec<_> = deeds.iter().map(|&(p, d)| history.entry(p, d)).collect();
        write(&journal, &crashed, small(ended_max, bytes_max), &entries, group);
        // The power goes while the last segment is being written.
        let last = segment_files(&crashed).pop().unwrap();
        let length = fs::metadata(&last).unwrap().len();
        let file = fs::OpenOptions::new().write(true).open(&last).unwrap();
        file.set_len(length.saturating_sub(torn)).unwrap();
        let (plain, full) = start(&crashed, false, ended_max);
        let (quick, saved) = start(&crashed, true, ended_max);
        prop_assert_eq!(plain, quick);
        prop_assert_eq!(full.scan.chain, saved.scan.chain);
        prop_assert_eq!(full.scan.torn, saved.scan.torn);
        prop_assert_eq!(saved.ignored, vec![]);
        let made = snapshots(&crashed).unwrap();
        prop_assert_eq!(saved.snapshot, made.first().map(|(sequence, _)| *sequence));
    }
}

fn segment_files(folder: &Path) -> Vec<PathBuf> {
    let list = scan::segments(folder).unwrap();
    list.into_iter().map(|(_, path)| path).collect()
}

/// Two sessions that ended, one that does not replay, two that are open; then a snapshot; then more.
fn snapshotted(folder: &Path) -> PathBuf {
    let mut history = History::default();
    let mut entries = Vec::new();
    for (index, place) in [0, 1, 2, 3, 0].into_iter().enumerate() {
        for event in 0..3 {
            let odd = place == 2 && event == 2;
            entries.push(history.entry(place, if odd { Deed::Misfit } else { Deed::Next }));
        }
        if index < 2 {
            entries.push(history.entry(place, Deed::End));
        }
    }
    let journal = folder.join("journal");
    let (open, _) = Journal::open_with(
        &journal,
        Options {
            host: Host::Thread,
            ..small(9, u64::MAX)
        },
        |_| {},
    )
    .unwrap();
    for entry in entries.drain(..14) {
        open.append_blocking(entry).unwrap();
    }
    // The clean stop takes a snapshot.
    open.close();
    let (open, opened) = Journal::open(&journal, |_| {}).unwrap();
    assert_eq!(opened.records, 14);
    for entry in entries {
        open.append_blocking(entry).unwrap();
    }
    open.close();
    journal
}

#[test]
fn a_clean_stop_leaves_a_snapshot_and_the_next_start_decodes_only_what_it_must() {
    let folder = tempfile::tempdir().unwrap();
    let journal = snapshotted(folder.path());
    let mut seen = Vec::new();
    let (open, opened) = Journal::open_with(
        &journal,
        Options {
            host: Host::Thread,
            ..small(0, u64::MAX)
        },
        |record| seen.push(record.sequence),
    )
    .unwrap();
    assert_eq!((opened.snapshot, opened.records), (Some(14), 17));
    assert_eq!(opened.ignored, []);
    assert_eq!(
        seen,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]
    );
    drop(open);
    // This one keeps no ended session: two calls of four events each need not be read again.
    let mut seen = Vec::new();
    recover(&journal, true, None, &mut |record| {
        seen.push(record.sequence)
    })
    .unwrap();
    assert_eq!(seen, [9, 10, 11, 12, 13, 14, 15, 16, 17]);
}

#[test]
fn r04_every_flipped_or_missing_byte_of_a_snapshot_leads_to_a_full_replay() {
    let folder = tempfile::tempdir().unwrap();
    let journal = snapshotted(folder.path());
    let file = journal.join(snapshot_name(14));
    let good = fs::read(&file).unwrap();
    let (truth, _) = start(&journal, false, 9);
    let (quick, saved) = start(&journal, true, 9);
    assert_eq!((&quick, saved.snapshot), (&truth, Some(14)));
    let (open, faults, ended) = &truth;
    assert_eq!((open.len(), faults.len(), ended.len()), (2, 1, 2));
    for at in 0..good.len() {
        let mut damaged = good.clone();
        damaged[at] ^= 1 << (at % 8);
        for bytes in [&damaged[..], &good[..at]] {
            fs::write(&file, bytes).unwrap();
            let (shown, recovered) = start(&journal, true, 9);
            assert_eq!(recovered.snapshot, None, "byte {at}");
            assert_eq!(recovered.ignored.len(), 1, "byte {at}");
            assert_eq!(recovered.ignored[0].file, file);
            assert_eq!(shown, truth, "byte {at}");
        }
    }
}

#[test]
fn r04_a_snapshot_with_a_right_checksum_that_is_not_of_this_journal_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let journal = snapshotted(folder.path());
    let (truth, _) = start(&journal, false, 9);
    let file = journal.join(snapshot_name(14));
    let good = Snapshot::load(&file, 14).unwrap();
    let mut another_head = good.clone();
    another_head.head.hash[0] ^= 1;
    let mut another_record = good.clone();
    let text = String::from_utf8(another_record.records[0].1.clone()).unwrap();
    another_record.records[0].1 = text.replace("+15550100001", "+15550100009").into_bytes();
    let mut ahead = good.clone();
    ahead.head.sequence = 18;
    for (wrong, why) in [
        (another_head, "record 14 of the journal is another one"),
        (another_record, "its record 1 is not the journal's"),
        (ahead, "but the journal ends with record 17"),
    ] {
        fs::remove_file(journal.join(snapshot_name(14))).ok();
        let file = journal.join(snapshot_name(wrong.head.sequence));
        fs::write(&file, wrong.encode()).unwrap();
        let (shown, recovered) = start(&journal, true, 9);
        assert_eq!(shown, truth);
        assert_eq!(recovered.snapshot, None);
        let said = &recovered.ignored[0].why;
        assert!(said.contains(why), "{said}");
        fs::remove_file(file).unwrap();
    }
}

#[test]
fn a_damaged_newest_snapshot_leaves_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = snapshotted(folder.path());
    let options = Options {
        host: Host::Thread,
        ..small(9, u64::MAX)
    };
    // Opened and closed: a second snapshot, at record 17.
    drop(Journal::open_with(&journal, options, |_| {}).unwrap());
    fs::write(journal.join(snapshot_name(17)), b"VISAVISS").unwrap();
    let (truth, _) = start(&journal, false, 9);
    let (shown, recovered) = start(&journal, true, 9);
    assert_eq!((recovered.snapshot, recovered.ignored.len()), (Some(14), 1));
    assert_eq!(shown, truth);
}

#[test]
fn r04_a_snapshot_hides_no_damaged_record() {
    let folder = tempfile::tempdir().unwrap();
    let journal = snapshotted(folder.path());
    let file = segment_files(&journal).pop().unwrap();
    let good = fs::read(&file).unwrap();
    for at in (0..good.len()).step_by(3) {
        let mut damaged = good.clone();
        damaged[at] ^= 0x20;
        fs::write(&file, &damaged).unwrap();
        let [plain, quick] = [false, true].map(|snapshots| {
            let nobody = &mut |_| {};
            recover(&journal, snapshots, None, nobody)
                .unwrap_err()
                .to_string()
        });
        assert_eq!(plain, quick, "byte {at}");
        assert!(
            plain.contains("the journal is damaged at record "),
            "{plain}"
        );
    }
}

#[test]
fn the_views_of_the_store_are_the_same_with_and_without_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let journal = snapshotted(folder.path());
    let rows = [false, true].map(|snapshots| {
        let mut rebuild = Rebuild::default();
        recover(&journal, snapshots, None, &mut |record| {
            rebuild.take(&record)
        })
        .unwrap();
        let store = MemoryStore::default();
        let restored = rebuild.finish();
        fill(&store, &restored.rows).unwrap();
        (store.sessions().unwrap(), restored.open, restored.faults)
    });
    assert_eq!(rows[0], rows[1]);
    assert_eq!(rows[0].0.len(), 4);
}

#[test]
fn a_segment_is_closed_by_its_age_and_knows_it_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let wall = Arc::new(AtomicU64::new(1_790_000_000_000));
    let open = || {
        let wall = Arc::clone(&wall);
        let options = Options {
            rotation: Rotation {
                bytes_max: u64::MAX,
                age_max: Some(Duration::from_secs(3600)),
            },
            wall: Arc::new(move || wall.load(Ordering::Relaxed)),
            snapshots: Some(9),
            ..Options::default()
        };
        Journal::open_with(folder.path(), options, |_| {})
            .unwrap()
            .0
    };
    let hours = |n: u64| wall.store(1_790_000_000_000 + n * 3_600_000, Ordering::Relaxed);
    let journal = open();
    journal.append_blocking(entry(0, 0)).unwrap();
    journal.close();
    hours(1);
    let journal = open();
    assert_eq!(
        segment_files(folder.path()).len(),
        1,
        "nothing is begun without a record"
    );
    journal.append_blocking(entry(0, 1)).unwrap();
    assert_eq!(segment_files(folder.path()).len(), 2);
    journal.append_blocking(entry(0, 2)).unwrap();
    // A clock that is set back by a day closes nothing.
    wall.store(1_789_900_000_000, Ordering::Relaxed);
    journal.append_blocking(entry(1, 0)).unwrap();
    assert_eq!(segment_files(folder.path()).len(), 2);
    hours(3);
    journal.append_blocking(entry(1, 1)).unwrap();
    journal.close();
    assert_eq!(segment_files(folder.path()).len(), 3);
    let report = verify(folder.path()).unwrap();
    assert_eq!((report.records, report.segments), (5, 3));
}

#[test]
fn r03_a_segment_that_could_not_be_begun_is_begun_before_the_next_record_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, wall) = (TestDisk::default(), Arc::new(AtomicU64::new(3_600_000)));
    let clock = Arc::clone(&wall);
    let options = Options {
        disk: Box::new(disk.clone()),
        rotation: Rotation {
            bytes_max: u64::MAX,
            age_max: Some(Duration::from_secs(3600)),
        },
        wall: Arc::new(move || clock.load(Ordering::Relaxed)),
        ..Options::default()
    };
    let (journal, _) = Journal::open_with(folder.path(), options, |_| {}).unwrap();
    journal.append_blocking(entry(0, 0)).unwrap();
    // The new file gets its header, which is then not known to be on the disk.
    wall.store(9_000_000, Ordering::Relaxed);
    set(&disk, "sync", true);
    assert!(journal.append_blocking(entry(0, 1)).is_err());
    set(&disk, "sync", false);
    // By now the clock has been set back: by its age alone the old file would go on.
    wall.store(3_600_000, Ordering::Relaxed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(journal.reopen()).unwrap();
    journal.append_blocking(entry(0, 1)).unwrap();
    journal.close();
    let report = verify(folder.path()).unwrap();
    assert_eq!((report.records, report.segments), (2, 2));
}

#[test]
fn a_snapshot_is_made_beside_the_writer_when_a_segment_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        host: Host::Thread,
        ..small(9, 300)
    };
    let (journal, _) = Journal::open_with(folder.path(), options, |_| {}).unwrap();
    for session in 0..30 {
        for event in 0..3 {
            journal.append_blocking(entry(session, event)).unwrap();
        }
    }
    assert!(!snapshots(folder.path()).unwrap().is_empty());
    journal.close();
    let made = snapshots(folder.path()).unwrap();
    assert_eq!(made.first().map(|(sequence, _)| *sequence), Some(90));
    assert_eq!(made.len(), 2);
}
