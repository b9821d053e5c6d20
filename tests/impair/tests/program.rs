//! The program `impair` as somebody at a keyboard uses it.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for anything.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// Lines that wait to be read.
const LINES_MAX: usize = 256;

/// The running program; killed when dropped.
struct Impair {
    child: Child,
    lines: Receiver<String>,
    address: String,
}

impl Impair {
    fn start(target: &UdpSocket, arguments: &[&str]) -> Self {
        let mut child = command(&["--target", &target.local_addr().unwrap().to_string()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = sync_channel(LINES_MAX);
        let out = child.stdout.take().unwrap();
        let complaints = child.stderr.take().unwrap();
        for stream in [
            Box::new(out) as Box<dyn std::io::Read + Send>,
            Box::new(complaints),
        ] {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let mut impair = Self {
            child,
            lines,
            address: String::new(),
        };
        let first = impair.line();
        impair.address = first.strip_prefix("listening on ").unwrap().to_owned();
        impair
    }

    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(WAIT_MAX).unwrap()
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    fn type_in(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Types `report` until the answer is as it should be.
    #[track_caller]
    fn wait_for(&mut self, what: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + WAIT_MAX;
        loop {
            self.type_in("report");
            let report = self.json();
            if what(&report) {
                return report;
            }
            assert!(Instant::now() < end, "waited too long: {report}");
        }
    }

    /// Waits for the end; whether it was a good one, and the last line.
    #[track_caller]
    fn end(&mut self) -> (bool, String) {
        let mut last = String::new();
        loop {
            match self.lines.recv_timeout(WAIT_MAX) {
                Ok(line) => last = line,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
        (self.child.wait().unwrap().success(), last)
    }
}

impl Drop for Impair {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_impair"));
    command.args(arguments);
    command
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(WAIT_MAX)).unwrap();
    socket
}

#[track_caller]
fn receive(socket: &UdpSocket) -> (Vec<u8>, String) {
    let mut buffer = [0; 64];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer[..length].to_vec(), from.to_string())
}

#[test]
fn it_carries_obeys_and_counts() {
    let (target, client) = (socket(), socket());
    let mut impair = Impair::start(
        &target,
        &["--up", "duplicate=100", "--down", "delay=20", "--seed", "7"],
    );
    client.send_to(b"there", &impair.address).unwrap();
    let (bytes, seen_as) = receive(&target);
    assert_eq!(bytes, b"there");
    assert_eq!(receive(&target).0, b"there", "doubled");
    target.send_to(b"back", &seen_as).unwrap();
    assert_eq!(receive(&client).0, b"back");

    impair.type_in("up loss=100");
    assert_eq!(impair.line(), "done: up loss=100");
    client.send_to(b"lost", &impair.address).unwrap();
    impair.wait_for(|report| report["up"]["dropped_loss"] == 1);
    for order in ["up clear", "cut up"] {
        impair.type_in(order);
        assert_eq!(impair.line(), format!("done: {order}"));
    }
    client.send_to(b"cut off", &impair.address).unwrap();
    impair.wait_for(|report| report["up"]["dropped_outage"] == 1);
    impair.type_in("restore up");
    assert_eq!(impair.line(), "done: restore up");

    let order = format!("move {}", client.local_addr().unwrap());
    impair.type_in(&order);
    let moved = impair.line();
    assert_eq!(impair.line(), format!("done: {order}"));
    client.send_to(b"after", &impair.address).unwrap();
    let (bytes, seen_as) = receive(&target);
    assert_eq!(bytes, b"after");
    assert!(
        moved.ends_with(&format!(" is seen as {seen_as}")),
        "{moved}"
    );

    let report = impair.wait_for(|_| true);
    assert_eq!(
        (&report["up"]["taken"], &report["up"]["delivered"]),
        (&4.into(), &3.into())
    );
    assert_eq!(report["clients"][0]["seen_as"], seen_as.as_str());
}

#[test]
fn an_order_that_cannot_be_done_is_told_and_nothing_ends() {
    let target = socket();
    let mut impair = Impair::start(&target, &[]);
    for (order, said) in [
        ("dance", "impair: dance: no such order; there are"),
        ("up los=5", "impair: up los=5: 'los': no such key"),
        ("move 127.0.0.1:9", "impair: 127.0.0.1:9: no such client"),
    ] {
        impair.type_in(order);
        let line = impair.line();
        assert!(line.starts_with(said), "{line}");
    }
    assert_eq!(impair.wait_for(|_| true)["refused"], 0);
}

#[test]
fn it_ends_when_told_beforehand_and_prints_the_counters_meanwhile_and_last() {
    let target = socket();
    let mut impair = Impair::start(&target, &["--for", "0.3"]);
    let (good, last) = impair.end();
    assert!(good);
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(last["down"]["taken"], 0);

    let impair = Impair::start(&target, &["--every", "0.01"]);
    for _ in 0..3 {
        assert_eq!(impair.json()["unsent"], 0);
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_with_its_counters() {
    let target = socket();
    let mut impair = Impair::start(&target, &[]);
    // It answers, so it listens to interrupts as well.
    impair.wait_for(|_| true);
    let id = impair.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let (good, last) = impair.end();
    assert!(good && last.starts_with("{\"up\":"), "{last}");
}

#[test]
fn bad_input_is_refused_by_name_with_what_is_allowed() {
    let target = ["--target", "127.0.0.1:9"];
    for (arguments, said) in [
        (
            &["--up", "loss=200"][..],
            "loss=200: loss has to be a number from 0 to 100",
        ),
        (
            &["--up", "los=5"],
            "'los': no such key; there are loss, burst_enter,",
        ),
        (&["--down", "delay"], "'delay': write it as key=value"),
        (
            &["--down", "rate=0"],
            "rate has to be a whole number from 1 to 1000000, in kbit/s",
        ),
        (&["--seed", "x"], "'x' for '--seed <SEED>'"),
        (&["--for", "0"], "has to be a number from 0.001 to 604800"),
        (
            &["--every", "soon"],
            "has to be a number from 0.001 to 604800",
        ),
        (
            &["--listen", "nowhere"],
            "'nowhere' for '--listen <LISTEN>'",
        ),
        (
            &["--listen", "0.0.0.0:0"],
            "listen 0.0.0.0:0: has to be a loopback address",
        ),
    ] {
        let (good, complaint) = run(&[&target[..], arguments].concat());
        assert!(
            !good && complaint.contains(said),
            "{arguments:?}: {complaint}"
        );
    }
    let (good, complaint) = run(&["--target", "192.0.2.1:9"]);
    assert!(!good && complaint.contains("target 192.0.2.1:9: has to be a loopback address"));
    let (good, complaint) = run(&[]);
    assert!(!good && complaint.contains("--target"));
}

/// Runs it to its end, which comes at once: whether it was a good one, and what was complained.
fn run(arguments: &[&str]) -> (bool, String) {
    let Output { status, stderr, .. } = command(arguments).stdin(Stdio::null()).output().unwrap();
    (status.success(), String::from_utf8(stderr).unwrap())
}
