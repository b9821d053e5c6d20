//! What is written down of a real call, field by field.

use std::path::Path;
use std::process::{Command as Process, Output};

use vrs_client::Command;
use vrs_domain::SessionState;
use vrs_e2e::{CALLER, NUMBER, Party, Service, binary};

const ELEVEN: &str = "1111";
const PASSWORD: &str = "an interpreter's password";

fn server(arguments: &[&str], config: &Path) -> Output {
    Process::new(binary("relay-server"))
        .args(arguments)
        .arg(config)
        .output()
        .expect("it runs")
}

/// Seconds since 1970 of a stamp, and that it is one to the second, in UTC.
fn seconds(record: &serde_json::Value, field: &str) -> i64 {
    let stamp = record[field].as_str().unwrap_or_default();
    assert_eq!(
        stamp.len(),
        "2026-09-21T14:13:20Z".len(),
        "{field}: {stamp}"
    );
    let format = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(stamp, format)
        .expect("a time")
        .unix_timestamp()
}

#[test]
fn f30_to_f39_the_exported_record_of_a_call_is_right_in_every_field() {
    let mut service = Service::start();
    let more = ["--languages", "ase/en", "--center", "denver-2"];
    service.add_account("interpreter", ELEVEN, PASSWORD, &more);
    let mut interpreter = Party::interpreter(&service, ELEVEN, PASSWORD);
    let mut caller = service.caller();
    caller.call(NUMBER);
    interpreter.invited();
    interpreter.send(Command::Answer);
    let session = caller
        .state(SessionState::RelayActive)
        .session
        .expect("an id");
    caller.stats_where("pictures", |stats| stats.frames_decoded > 30);
    caller.send(Command::HangUp);
    interpreter.ended();
    service.stop_and_verify();

    let config = service.config().to_owned();
    let output = server(&["cdr", "export", "--format", "json"], &config);
    assert!(output.status.success(), "{output:?}");
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one record");
    let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
    assert_eq!(text("call_record_id"), format!("{session}-1"));
    assert_eq!(text("ca_id"), ELEVEN);
    assert_eq!(text("incoming_number"), CALLER);
    assert_eq!(text("incoming_ip"), "127.0.0.1");
    assert_eq!(text("outbound_number"), NUMBER);
    assert_eq!(text("outbound_ip"), "127.0.0.1");
    assert_eq!(text("call_center_id"), "denver-2");
    assert!(text("initiating_url").starts_with(&format!("sip:{NUMBER}@")));
    let [start, talk, hush, end] = [
        "session_start",
        "conversation_start",
        "conversation_end",
        "session_end",
    ]
    .map(|field| seconds(&record, field));
    assert!(start < talk && talk < hush && hush <= end, "{record}");
    for (field, length) in [
        ("session_minutes", end - start),
        ("conversation_minutes", hush - talk),
    ] {
        let minutes = record[field].as_f64().unwrap_or_default();
        assert!((minutes * 60.0 - length as f64).abs() < 1e-6, "{field}");
    }
    assert_eq!(record.as_object().map(serde_json::Map::len), Some(14));

    let csv = service.dir().join("calls.csv");
    let path = csv.to_string_lossy().into_owned();
    let export = ["cdr", "export", "--output", &path];
    assert!(server(&export, &config).status.success());
    let table = std::fs::read_to_string(&csv).expect("the table");
    assert_eq!(table.lines().count(), 2, "{table}");
    let again = server(&export, &config);
    assert!(!again.status.success());
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("calls.csv"), "nothing is overwritten: {said}");
}

#[test]
fn f1_the_speed_of_answer_counts_whom_the_rule_counts() {
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    caller.converse_through(&mut interpreter);
    caller.stats_where("pictures", |stats| stats.frames_decoded > 0);
    caller.send(Command::HangUp);
    interpreter.ended();
    // Somebody who gives up in the queue stays in the count.
    caller.call(NUMBER);
    interpreter.invited();
    caller.send(Command::HangUp);
    caller.ended();
    service.stop_and_verify();
    let config = service.config().to_owned();
    let report = ["report", "speed-of-answer", "--format", "json"];
    let output = server(&report, &config);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["to_date"]["calls"], 2, "{report}");
    assert_eq!(report["to_date"]["in_time"], 1, "{report}");
    assert_eq!(report["to_date"]["abandoned"], 1, "{report}");
    assert_eq!(report["percent"], 50.0, "{report}");
    let wrong = server(
        &["report", "speed-of-answer", "--month", "november"],
        &config,
    );
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        !wrong.status.success() && said.contains("2026-11"),
        "{said}"
    );
}
