//! Connections that break and servers that die.

use std::path::Path;

use vrs_client::{CallView, Command, Connection, Event};
use vrs_domain::{EndReason, SessionState};
use vrs_e2e::{CALLER_PASSWORD, Cable, INTERPRETER_PASSWORD, NUMBER, Party, Service};

/// A caller behind a cable that can be cut, in conversation.
fn converse_over(cable: &Cable, service: &Service) -> (Party, Party) {
    let mut interpreter = service.interpreter();
    let mut caller = service.caller_over(cable);
    caller.converse_through(&mut interpreter);
    (caller, interpreter)
}

#[test]
fn r15_a_cut_signalling_connection_comes_back_and_the_call_goes_on() {
    let mut service = Service::start();
    let cable = Cable::to(service.secure());
    let (mut caller, mut interpreter) = converse_over(&cable, &service);
    cable.cut();
    let is = |event: &Event, wanted: fn(&Connection) -> bool| {
        if let Event::Connection(connection) = event {
            wanted(connection).then_some(())
        } else {
            None
        }
    };
    caller.wait("the loss to be told", |event| {
        is(event, |c| matches!(c, Connection::Retrying { .. }))
    });
    caller.wait("the connection to be back", |event| {
        is(event, |c| matches!(c, Connection::Online))
    });
    let before = caller
        .stats_where("pictures", |stats| stats.frames_decoded > 0)
        .frames_decoded;
    caller.stats_where("pictures all the while", |stats| {
        stats.frames_decoded > before + 10
    });
    caller.send(Command::HangUp);
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn r01_after_a_power_cut_every_record_is_there_and_no_session_stays_open() {
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    caller.call(NUMBER);
    interpreter.invited();
    interpreter.send(Command::Answer);
    caller.state(SessionState::RelayActive);
    service.kill_server();
    service.run_server();
    let journal = service.stop_and_verify();
    for event in [
        "call_placed",
        "interpreter_assigned",
        "called_answered",
        "resumed",
        "service_stopping",
    ] {
        assert!(
            journal.contains(event),
            "{event} is in the record:\n{journal}"
        );
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn a32_neither_numbers_nor_content_nor_secrets_reach_the_log_and_no_content_any_file() {
    const CANARY: &str = "zebra42";
    let mut service = vrs_e2e::ServiceBuilder::default()
        .configure("level = \"info\"", "level = \"trace\"")
        .start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    caller.call(NUMBER);
    interpreter.invited();
    interpreter.send(Command::Answer);
    caller.state(SessionState::RelayActive);
    for sign in CANARY.chars() {
        caller.send(Command::SendText(sign.to_string()));
    }
    let mut text = String::new();
    interpreter.wait("the text", |event| {
        if let Event::TextReceived(more) = event {
            text.push_str(&more.text);
        }
        text.contains(CANARY).then_some(())
    });
    caller.send(Command::HangUp);
    interpreter.ended();
    let said = service.server().said();
    let private = [
        CANARY,
        "5550100199",
        "5550100001",
        "a=fingerprint",
        "a=candidate",
        "ice-pwd",
    ];
    for word in private
        .into_iter()
        .chain([CALLER_PASSWORD, INTERPRETER_PASSWORD])
    {
        assert!(!said.contains(word), "'{word}' is in the log:\n{said}");
    }
    service.stop_and_verify();
    for file in files(service.dir()) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let found = bytes
            .windows(CANARY.len())
            .any(|window| window == CANARY.as_bytes());
        assert!(!found, "text of the conversation is in {}", file.display());
    }
}

#[test]
fn r15_a_caller_whose_connection_breaks_in_the_queue_keeps_their_place_and_dials_no_second_time() {
    for number in [NUMBER, "911"] {
        let mut service = Service::start();
        let cable = Cable::to(service.secure());
        let mut interpreter = service.interpreter();
        let mut caller = service.caller_over(&cable);
        caller.call(number);
        let invited = interpreter.invited();
        cable.cut();
        caller.wait("the next connection", |event| {
            matches!(event, Event::Connection(Connection::Retrying { .. })).then_some(())
        });
        caller.wait("the next connection", |event| {
            matches!(event, Event::Connection(Connection::Online)).then_some(())
        });
        interpreter.send(Command::Answer);
        let talks =
            |view: &CallView| view.state == Some(SessionState::RelayActive) && view.media_connected;
        let talking = caller.call_where("the conversation", talks);
        assert_eq!(talking.session, invited.session, "the same session");
        interpreter.call_where("the conversation", talks);
        caller.send(Command::HangUp);
        assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
        let journal = service.stop_and_verify();
        assert_eq!(journal.matches("call_placed").count(), 1, "{journal}");
    }
}

#[test]
fn no_port_is_left_of_a_call_that_is_over() {
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    let mut caller = service.caller();
    let before = service.server().udp_sockets();
    for _ in 0..2 {
        caller.converse_through(&mut interpreter);
        let during = service.server().udp_sockets();
        assert!(during > before, "the telephone has a port of its own");
        caller.send(Command::HangUp);
        interpreter.ended();
        caller.ended();
        service.server().comes_to_udp_sockets(before);
    }
    service.stop_and_verify();
}
