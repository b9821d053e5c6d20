//! An emergency call as somebody else's software gets it and reads it.

use std::path::Path;
use std::process::Command as Process;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vrs_client::Command;
use vrs_e2e::{Party, ServiceBuilder, is_talking};
use vrs_peers::{installed, sipp};

const CALLER: &str = "+15550100002";
const PASSWORD: &str = "a caller's password";
const NAME: &str = "Ana <Ruiz> & \"Co\"";
const LOCATION: &str = "country=US;A1=NY;A3=New York;RD=Broadway & 5th;HNO=123;PC=10007";

/// What Python's readers of MIME and XML make of the INVITE in sipp's log, which may not be written
/// to its end yet.
fn read(log: &Path) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/psap.py");
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let mut python = Process::new(installed("python3", "python3"));
        let output = python.arg(script).arg(log).output().expect("python starts");
        if let Ok(told) = serde_json::from_slice(&output.stdout) {
            return told;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(Instant::now() < end, "{said}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn f20_sipp_takes_an_emergency_call_and_python_reads_what_goes_along() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("messages.log");
    let file = log.to_str().expect("a plain path");
    let (_psap, sip) = sipp(&["-sn", "uas", "-trace_msg", "-message_file", file]);
    let emergency = "[emergency]\nprovider = \"Example <Relay>\"\ncallback = \"+15550100100\"";
    let mut service = ServiceBuilder::default()
        .gateway(&format!("127.0.0.1:{sip}"), "udp")
        .configure("[emergency]", emergency)
        .start();
    let more = ["--name", NAME, "--location", LOCATION];
    service.add_account("caller", CALLER, PASSWORD, &more);
    let mut interpreter = service.interpreter();
    let mut caller = Party::caller(&service, CALLER, PASSWORD);
    caller.call("911");
    interpreter.invited();
    interpreter.send(Command::Answer);
    caller.call_where("the conversation", is_talking);
    caller.send(Command::HangUp);
    interpreter.ended();
    service.stop_and_verify();
    let comment = "Relayed by VRS interpreter CA 1234 of Example <Relay>; call back \
                   +15550100100. The caller is Deaf, hard of hearing or DeafBlind and signs by video.";
    let expected = json!({
        "sdp": "v=0",
        "routing": "yes",
        "entity": "pres:+15550100002@localhost",
        "location": {
            "country": "US", "A1": "NY", "A3": "New York", "RD": "Broadway & 5th", "HNO": "123",
            "PC": "10007",
        },
        "method": "Manual",
        "passed on": "true",
        "provider": ["Example <Relay>", "localhost", "domain", "Relay Provider"],
        "callback": "tel:+15550100100",
        "service": ["relay", "Unknown"],
        "name": NAME,
        "number": "tel:+15550100002",
        "private": "false",
        "comment": comment,
        "references": 1,
    });
    assert_eq!(read(&log), expected);
}
