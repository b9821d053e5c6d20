//! What an operator does with a journal, with the real binary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use relay_server::journal::{Entry, Journal, Kind, Placed};

/// 2026-09-21T14:13:20Z, in milliseconds.
const BEGINNING_MS: u64 = 1_790_000_000_000;

struct Place(tempfile::TempDir);

impl Place {
    /// What `init` writes, on ports that the system chooses.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.good(&[
            "init",
            place.path("relay").to_str().unwrap(),
            "--host",
            "relay.test",
        ]);
        let text = fs::read_to_string(place.config()).unwrap();
        let mut text = text
            .replace("127.0.0.1:8443", "127.0.0.1:0")
            .replace("127.0.0.1:3478", "127.0.0.1:0")
            .replace("127.0.0.1:9090", "127.0.0.1:0");
        text.push('\n');
        fs::write(place.config(), text).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> String {
        self.path("relay/relay-server.toml").display().to_string()
    }

    fn journal(&self) -> PathBuf {
        self.path("relay/data/journal")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_relay-server"))
            .args(arguments)
            .output()
            .unwrap()
    }

    fn good(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn bad(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }

    /// Two calls of two records each, a second apart.
    fn write(&self, first: u64) {
        let (journal, _) = Journal::open(&self.journal(), |_| {}).unwrap();
        for call in first..first + 2 {
            for event in 0..2 {
                journal.append_blocking(entry(call, event)).unwrap();
            }
        }
        journal.close();
    }

    /// Starts the server, waits until it is ready, stops it and waits for that.
    fn serve(&self) {
        let child = Command::new(env!("CARGO_BIN_EXE_relay-server"))
            .args(["run", &self.config()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut server = Server(child);
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        if !line.starts_with("ready") {
            server.0.kill().ok();
            let mut said = String::new();
            let mut stderr = server.0.stderr.take().unwrap();
            std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
            panic!("{line}{said}");
        }
        let pid = server.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert!(server.0.wait().unwrap().success());
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn entry(call: u64, event: u64) -> Entry {
    let kind = if event == 0 {
        Kind::CallPlaced(Box::new(Placed::outbound(
            "+15550100001",
            "+15550100199",
            "ase/en",
        )))
    } else {
        Kind::InterpreterInvited {
            seat: "lead".into(),
            interpreter: "1234".into(),
            epoch: 1,
        }
    };
    Entry {
        session: format!("{call:032x}"),
        event,
        at_ms: BEGINNING_MS + 1000 * (2 * call + event),
        session_ms: 1000 * event,
        up_ms: 1000 * event,
        kind,
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn show_prints_what_is_asked_for() {
    let place = Place::new();
    place.write(0);
    let config = place.config();
    let lines = |arguments: &[&str]| {
        let said = place.good(&[&["journal", "show", &config], arguments].concat());
        let numbers = said.lines().map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            value["sequence"].as_u64().unwrap()
        });
        numbers.collect::<Vec<_>>()
    };
    assert_eq!(lines(&[]), [1, 2, 3, 4]);
    assert_eq!(lines(&["--session", &format!("{:032x}", 1)]), [3, 4]);
    assert_eq!(lines(&["--kind", "call_placed"]), [1, 3]);
    assert_eq!(lines(&["--tail", "3", "--kind", "call_placed"]), [1, 3]);
    assert_eq!(lines(&["--tail", "1"]), [4]);
    assert_eq!(lines(&["--since", "2026-09-21T14:13:21Z"]), [2, 3, 4]);
    assert_eq!(lines(&["--until", "2026-09-21T14:13:21Z"]), [1]);
}

#[test]
fn what_cannot_be_understood_is_named_and_nothing_is_done() {
    let place = Place::new();
    place.write(0);
    let config = place.config();
    for (arguments, why) in [
        (
            ["--since", "yesterday"],
            "not a time in UTC; write it like 2026-11-21T09:30:00Z",
        ),
        (["--until", "2026-02-30T00:00:00Z"], "not a time in UTC"),
        (["--kind", "call_lost"], "there are call_placed, "),
        (["--session", "7"], "a session id is 32 hexadecimal digits"),
        (["--tail", "0"], "0 is not in 1..=100000"),
    ] {
        let [option, value] = arguments;
        let said = place.bad(&["journal", "show", &config, option, value], 2);
        assert!(
            said.contains(why) && said.contains(value) && said.contains(option),
            "{said}"
        );
    }
    let nowhere = place.path("nowhere");
    let said = place.bad(&["journal", "verify", path(&nowhere)], 1);
    assert!(
        said.contains("there is no ") && said.contains(path(&nowhere)),
        "{said}"
    );
    fs::create_dir(&nowhere).unwrap();
    for command in ["verify", "show"] {
        let said = place.bad(&["journal", command, path(&nowhere)], 1);
        assert!(
            said.contains("there is no journal in ") && said.contains(path(&nowhere)),
            "{said}"
        );
    }
    let said = place.bad(
        &["journal", "verify", &config, "--checkpoint", path(&nowhere)],
        1,
    );
    assert!(said.contains("checkpoint.pub"), "{said}");
}

#[test]
fn an_export_is_refused_where_one_is_already() {
    let place = Place::new();
    place.write(0);
    let into = place.path("export");
    let arguments = ["journal", "export", &place.config(), path(&into)];
    assert!(place.good(&arguments).starts_with("4 records in "));
    assert_eq!(
        fs::read_to_string(into.join("records.jsonl"))
            .unwrap()
            .lines()
            .count(),
        4
    );
    let said = place.bad(&arguments, 1);
    assert!(
        said.contains("records.jsonl is already there; nothing was written"),
        "{said}"
    );
}

#[test]
fn r34_the_server_publishes_its_head_and_verify_holds_the_journal_against_it() {
    let place = Place::new();
    let config = place.config();
    let data = place.path("relay/data");
    let said = place.bad(&["journal", "key", &config], 1);
    assert!(said.contains("checkpoint.pub"), "{said}");
    place.write(0);
    // Ends the two calls, which makes six records.
    place.serve();
    let key = place.good(&["journal", "key", &config]);
    assert!(key.starts_with("relay.test/journal+"), "{key}");
    let checkpoint = data.join("checkpoint.txt");
    let elsewhere = place.path("elsewhere.txt");
    fs::copy(&checkpoint, &elsewhere).unwrap();
    let key_file = place.path("key");
    fs::write(&key_file, &key).unwrap();
    let verify = [
        "journal",
        "verify",
        &config,
        "--checkpoint",
        path(&elsewhere),
    ];
    let said = place.good(&[&verify[..], &["--key", path(&key_file)]].concat());
    assert!(
        said.contains("record 6 is in the journal as it was signed"),
        "{said}"
    );
    assert!(
        place
            .journal()
            .join("snapshot-00000000000000000006.vsnap")
            .exists()
    );
    // A second start goes on from the snapshot and the checkpoint still holds.
    place.write(7);
    place.serve();
    place.good(&verify);
    fs::remove_dir_all(place.journal()).unwrap();
    place.write(0);
    let said = place.bad(&verify, 1);
    assert!(
        said.contains("the journal was cut: it ends with record 4"),
        "{said}"
    );
}

#[test]
fn r04_a_damaged_journal_is_repaired_as_the_handbook_says() {
    let place = Place::new();
    let config = place.config();
    place.write(0);
    place.serve();
    let early = place.path("early.txt");
    fs::copy(place.path("relay/data/checkpoint.txt"), &early).unwrap();
    let segment = place.journal().join("journal-00000000000000000001.vj");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    for command in [&["run", &config][..], &["journal", "verify", &config]] {
        let said = place.bad(command, 1);
        assert!(
            said.contains("the journal is damaged at record 6 "),
            "{said}"
        );
    }
    let repair = ["journal", "repair", &config, "--cut-before"];
    let said = place.bad(&[&repair[..], &["7", "--yes"]].concat(), 1);
    assert!(
        said.contains("damaged at record 6") && said.contains("not before record 7"),
        "{said}"
    );
    let said = place.bad(&[&repair[..], &["6"]].concat(), 1);
    assert!(
        said.contains("nothing was changed; say it again with --yes"),
        "{said}"
    );
    assert_eq!(fs::read(&segment).unwrap(), bytes);
    let lock = relay_server::journal::DataLock::take(&place.path("relay/data")).unwrap();
    let said = place.bad(&[&repair[..], &["6", "--yes"]].concat(), 1);
    assert!(said.contains("another relay-server"), "{said}");
    drop(lock);
    let said = place.good(&[&repair[..], &["6", "--yes"]].concat());
    assert!(said.contains("records 1 to 5 stay"), "{said}");
    let damaged: Vec<_> = fs::read_dir(place.journal())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    assert_eq!(damaged.len(), 1);
    assert_eq!(
        fs::read(damaged[0].join(segment.file_name().unwrap())).unwrap(),
        bytes
    );
    assert!(damaged[0].join("report.json").exists());
    // The next start ends the call whose end was cut out, again as record 6.
    place.serve();
    let said = place.good(&["journal", "verify", &config]);
    assert!(
        said.starts_with("6 records in 1 files, chain whole"),
        "{said}"
    );
    assert!(said.contains("2 sessions, 0 not ended"), "{said}");
    assert!(
        said.contains("the journal was cut before record 6 by `journal repair` at "),
        "{said}"
    );
    let said = place.bad(
        &["journal", "verify", &config, "--checkpoint", path(&early)],
        1,
    );
    assert!(
        said.contains("the journal was cut before record 6 by `journal repair` at "),
        "{said}"
    );
    assert!(
        said.contains("record 6 of the checkpoint is no longer in it"),
        "{said}"
    );
    // The checkpoints from then on hold.
    let now = place.path("relay/data/checkpoint.txt");
    place.good(&["journal", "verify", &config, "--checkpoint", path(&now)]);
}
