//! aiortc, with an ICE, DTLS and SRTP that is neither ours nor a browser's, calls and interprets.

use vrs_client::Command;
use vrs_domain::SessionState;
use vrs_e2e::{NUMBER, Service, ServiceBuilder};
use vrs_peers::{Aiortc, Browser};

const PASSWORD: &str = "a snake's password";
const CALLER: &str = "+15550100002";
const INTERPRETER: &str = "3456";

/// Pictures were decoded and sound was heard.
fn sees_and_hears(aiortc: &Aiortc) {
    let found = aiortc.event_where("stats", |stats| {
        stats["framesDecoded"].as_u64() > Some(20) && stats["audioLevel"].as_f64() > Some(0.01)
    });
    assert!(found["second"].as_u64() > Some(0));
}

fn end(mut service: Service) {
    service.telephone_report();
    service.stop_and_verify();
}

#[test]
fn r44_aiortc_calls_through_an_interpreter_in_our_app() {
    let service = ServiceBuilder::default().start();
    service.add_account("caller", CALLER, PASSWORD, &[]);
    let mut interpreter = service.interpreter();
    let caller = (CALLER, PASSWORD);
    let mut aiortc = Aiortc::start(&service, caller, Some(NUMBER), "H264");
    let _registered = aiortc.event("registered");
    interpreter.invited();
    interpreter.send(Command::Answer);
    interpreter.state(SessionState::RelayActive);
    interpreter.stats_where("aiortc's picture and the telephone", |stats| {
        stats.frames_decoded > 20 && stats.heard_hz.is_some()
    });
    sees_and_hears(&aiortc);
    aiortc.hang_up();
    interpreter.ended();
    end(service);
}

#[test]
fn r44_aiortc_interprets_for_a_caller_in_our_app() {
    let service = ServiceBuilder::default().start();
    let languages = ["--languages", "ase/en"];
    service.add_account("interpreter", INTERPRETER, PASSWORD, &languages);
    let interpreter = (INTERPRETER, PASSWORD);
    let aiortc = Aiortc::start(&service, interpreter, None, "H264");
    let _registered = aiortc.event("registered");
    let mut caller = service.caller();
    caller.call(NUMBER);
    assert_eq!(aiortc.event("invited")["number"], NUMBER);
    caller.state(SessionState::RelayActive);
    caller.stats_where("aiortc's picture", |stats| stats.frames_decoded > 20);
    sees_and_hears(&aiortc);
    caller.send(Command::HangUp);
    assert_eq!(aiortc.event("ended")["reason"], "caller_hung_up");
    end(service);
}

#[test]
fn r44_aiortc_and_chromium_see_each_other_in_vp8() {
    let service = ServiceBuilder::default()
        .configure("allow_md5 = false", "allow_md5 = true")
        .start();
    service.add_account("caller", CALLER, PASSWORD, &[]);
    let languages = ["--languages", "ase/en", "--digest", "md5"];
    service.add_account("interpreter", INTERPRETER, PASSWORD, &languages);
    let browser = Browser::with_video(&service, INTERPRETER, PASSWORD, None, Some("VP8"));
    browser.event("registered");
    let caller = (CALLER, PASSWORD);
    let mut aiortc = Aiortc::start(&service, caller, Some(NUMBER), "VP8");
    browser.event("invited");
    sees_and_hears(&aiortc);
    let seen = browser.event_where("stats", |stats| stats["framesDecoded"].as_u64() > Some(20));
    assert_eq!(seen["codec"], "video/VP8");
    aiortc.hang_up();
    browser.event("ended");
    end(service);
}
