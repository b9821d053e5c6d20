//! Real-time text of several people in one call, between real programs (RFC 9071).

use vrs_client::{Command, Event};
use vrs_domain::{EndReason, ReliefReason};
use vrs_e2e::{Party, Service};

/// Waits until exactly this was read of everybody, by name, in any order.
fn reads(reader: &mut Party, what: &str, expected: &[(&str, &str)]) {
    let mut read: Vec<(String, String)> = Vec::new();
    reader.wait(what, |event| {
        if let Event::TextReceived(more) = event {
            match read.iter_mut().find(|(name, _)| *name == more.name) {
                Some((_, text)) => text.push_str(&more.text),
                None => read.push((more.name.clone(), more.text.clone())),
            }
        }
        let is_there = |(name, text): &(&str, &str)| {
            read.iter()
                .any(|(known, read)| known == name && read == text)
        };
        expected.iter().all(is_there).then_some(())
    });
    read.retain(|(_, text)| !text.is_empty());
    assert_eq!(read.len(), expected.len(), "{what}");
}

fn types(party: &Party, text: &str) {
    for sign in text.chars() {
        party.send(Command::SendText(sign.to_string()));
    }
}

#[test]
fn r39_a_relief_is_read_beside_whom_they_relieve_and_goes_on_under_the_same_name() {
    let mut service = Service::start();
    let (mut caller, mut interpreter) = service.conversation();
    let mut relief = service.second_interpreter();
    interpreter.relieved_by(&mut relief, ReliefReason::Illness);
    types(&caller, "¿qué?");
    types(&interpreter, "I have to go");
    types(&relief, "hello\u{8}");
    reads(
        &mut interpreter,
        "caller and relief",
        &[("Caller", "¿qué?"), ("Interpreter 2", "hello\u{8}")],
    );
    reads(
        &mut relief,
        "caller and lead",
        &[("Caller", "¿qué?"), ("Interpreter", "I have to go")],
    );
    let both = [
        ("Interpreter", "I have to go"),
        ("Interpreter 2", "hello\u{8}"),
    ];
    reads(&mut caller, "both interpreters", &both);
    interpreter.send(Command::HangUp);
    interpreter.ended();
    types(&relief, ", go on");
    reads(&mut caller, "the relief", &[("Interpreter 2", ", go on")]);
    caller.send(Command::HangUp);
    assert_eq!(relief.ended().reason, Some(EndReason::CallerHungUp));
    service.stop_and_verify();
}
