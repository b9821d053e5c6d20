//! What is written down of a real call, field by field.

use vrs_client::Command;
use vrs_domain::SessionState;
use vrs_e2e::{NUMBER, Party, Record, Service, server};

const ELEVEN: &str = "1111";
const PASSWORD: &str = "an interpreter's password";

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
    service.check_records(&[Record {
        ca: Some(ELEVEN),
        center: Some("denver-2"),
        ..Record::ordinary(session)
    }]);

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
