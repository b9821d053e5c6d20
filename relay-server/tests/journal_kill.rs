//! R01: a server killed in the middle of writing loses nothing that it acknowledged.
//!
//! This test program runs itself again as the process that is killed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use relay_server::journal::{self, Entry, Journal, Kind, Options, Placed, Rotation};

/// Set in the process that writes.
const FOLDER: &str = "VISAVIS_TEST_JOURNAL_FOLDER";
const ROUNDS: usize = 6;

fn entry(session: u64) -> Entry {
    Entry {
        session: format!("{session:032x}"),
        event: 0,
        at_ms: session,
        session_ms: 0,
        up_ms: 0,
        kind: Kind::CallPlaced(Box::new(Placed::outbound(
            "+15550100001",
            "+15550100199",
            "ase/en",
        ))),
    }
}

/// In the killed process: writes for ever, telling each number once it is acknowledged. In the
/// test run itself: nothing.
#[test]
fn process_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let (journal, opened) = Journal::open_with(Path::new(&folder), options(), |_| {}).unwrap();
    let mut out = std::io::stdout();
    // An end, should nobody kill it.
    for session in opened.records..opened.records + 100_000 {
        let number = journal.append_blocking(entry(session)).unwrap();
        writeln!(out, "acknowledged {number}").unwrap();
        out.flush().unwrap();
    }
}

/// Segments of a few records, so that kills meet snapshots being made as well.
fn options() -> Options {
    Options {
        rotation: Rotation {
            bytes_max: 1000,
            age_max: None,
        },
        snapshots: Some(10),
        ..Options::default()
    }
}

struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn r01_kill_9_loses_no_acknowledged_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..ROUNDS {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process_that_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut victim = Victim(child);
        let lines = BufReader::new(victim.0.stdout.take().unwrap()).lines();
        let mut heard = 0;
        for line in lines {
            let Ok(line) = line else { break };
            let Some(number) = line.split("acknowledged ").nth(1) else {
                continue;
            };
            last = number.parse().unwrap();
            heard += 1;
            // Not always at the same point of a group.
            if heard == 5 + round * 7 {
                // SIGKILL on Unix.
                victim.0.kill().unwrap();
            }
        }
        drop(victim);
        assert!(heard >= 5, "round {round}: the process wrote nothing");
        let report = journal::verify(folder.path()).unwrap();
        assert!(
            report.records >= last,
            "round {round}: {} of {last} records",
            report.records
        );
        assert!(report.is_good(), "{report}");
    }
    let mut sessions = Vec::new();
    let (journal, opened) = Journal::open_with(folder.path(), options(), |record| {
        sessions.push(record.entry.session);
    })
    .unwrap();
    assert!(opened.snapshot.is_some(), "{opened:?}");
    assert_eq!(opened.ignored, []);
    // None of these sessions ended: all of them are found again.
    let all: Vec<_> = (0..opened.records).map(|s| entry(s).session).collect();
    assert_eq!(sessions, all);
    assert_eq!(
        journal.append_blocking(entry(opened.records)).unwrap(),
        opened.records + 1
    );
}
