//! The caller's app through a whole call, by its labels, against the real engine and server.

use desktop_caller as app;
use vrs_client::{Command, Event, Role};
use vrs_domain::{EndReason, SessionState};
use vrs_e2e::{CALLER, CALLER_PASSWORD, Service, ServiceBuilder};

#[path = "../../shared/ui/glue/live.rs"]
mod live;

use live::Live;

#[test]
fn a_caller_signs_in_dials_talks_types_and_hangs_up() {
    let mut service = Service::start();
    let mut interpreter = service.interpreter();
    let mut caller: Live<app::Model> = Live::start(&service, Role::Caller, 660.0);

    caller.sign_in(&service, "Your number", CALLER, CALLER_PASSWORD);
    caller.wait("Ready. You can call.");
    caller.fill("Number to call", "5550100199");
    caller.press("Call");
    caller.wait_containing("Waiting for an interpreter");

    interpreter.invited();
    interpreter.send(Command::Answer);
    caller.wait_containing("You are talking with");
    interpreter.state(SessionState::RelayActive);

    caller.fill("Your text", "hola");
    let mut text = String::new();
    interpreter.wait("the caller's text", |event| {
        if let Event::TextReceived(more) = event {
            text.push_str(&more.text);
        }
        (text == "hola").then_some(())
    });
    caller.press("Hang up");
    assert_eq!(interpreter.ended().reason, Some(EndReason::CallerHungUp));
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn a_wrong_password_is_told_in_a_sentence() {
    let service = Service::start();
    let mut caller: Live<app::Model> = Live::start(&service, Role::Caller, 660.0);
    caller.sign_in(&service, "Your number", CALLER, "not the password");
    caller.wait_containing("The number or the password is not right");
}

#[test]
fn a_call_without_any_interpreter_ends_with_a_sentence() {
    let service = Service::start();
    let mut caller: Live<app::Model> = Live::start(&service, Role::Caller, 660.0);
    caller.sign_in(&service, "Your number", CALLER, CALLER_PASSWORD);
    caller.fill("Number to call", "5550100199");
    caller.press("Call");
    caller.wait_containing("interpreter");
    caller.wait("Call again");
}

#[test]
fn a_busy_tone_before_the_answer_is_read_in_the_callers_window() {
    let busy = ["--behaviour", "no-answer", "--early", "busy"];
    let mut service = ServiceBuilder::default().telephone(&busy).start();
    let mut interpreter = service.interpreter();
    let mut caller: Live<app::Model> = Live::start(&service, Role::Caller, 660.0);
    caller.sign_in(&service, "Your number", CALLER, CALLER_PASSWORD);
    caller.fill("Number to call", "5550100199");
    caller.press("Call");
    interpreter.invited();
    interpreter.send(Command::Answer);
    caller.wait("Busy tone: the line is busy.");
    caller.press("Hang up");
    interpreter.ended();
    service.stop_and_verify();
}
