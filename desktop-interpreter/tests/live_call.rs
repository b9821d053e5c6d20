//! The interpreter's app through a whole call, by its labels, against the real engine and server.

use desktop_interpreter as app;
use vrs_client::Role;
use vrs_domain::{EndReason, SessionState};
use vrs_e2e::{INTERPRETER, INTERPRETER_PASSWORD, NUMBER, Service};

#[path = "../../shared/ui/glue/live.rs"]
mod live;

use live::Live;

#[test]
fn an_interpreter_signs_in_accepts_talks_and_ends() {
    let mut service = Service::start();
    let mut interpreter: Live<app::Model> = Live::start(&service, Role::Interpreter, 440.0);
    interpreter.sign_in(&service, "Your CA id", INTERPRETER, INTERPRETER_PASSWORD);
    interpreter.wait("You are available. The next call comes to you.");

    let mut caller = service.caller();
    caller.call(NUMBER);
    interpreter.wait("A caller asks for you");
    interpreter.press("Accept");
    interpreter.wait_containing("You are interpreting");
    caller.state(SessionState::RelayActive);
    caller.stats_where("the interpreter's picture", |stats| {
        stats.frames_decoded > 10
    });

    interpreter.press("Mute your microphone");
    interpreter.wait("Unmute your microphone");
    interpreter.press("End");
    assert_eq!(caller.ended().reason, Some(EndReason::InterpreterHungUp));
    service.telephone_report();
    service.stop_and_verify();
}
