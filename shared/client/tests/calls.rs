//! Calls of one engine against a server that sends everything back.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "tests"
)]

mod support;

use support::watch::{signed_in, wait_for};
use support::{Calls, Order, PATIENCE, Seen, TestServer};
use vrs_client::{
    CallEnd, CallStats, CallView, Command, Connection, Direction, Engine, Event, Role,
};
use vrs_domain::{EndReason, SessionState, TelephoneState};
use vrs_sip::Reason;

fn call(engine: &Engine) {
    engine.send(Command::Call {
        number: "+15550100199".parse().unwrap(),
    });
}

fn wait_for_view(engine: &Engine, what: &str, wanted: impl Fn(&CallView) -> bool) -> CallView {
    match wait_for(
        engine,
        what,
        |event| matches!(event, Event::Call(view) if wanted(view)),
    ) {
        Event::Call(view) => view,
        other => panic!("{other:?}"),
    }
}

fn wait_for_end(engine: &Engine) -> CallEnd {
    match wait_for(engine, "the end of the call", |event| {
        matches!(event, Event::CallEnded(_))
    }) {
        Event::CallEnded(end) => end,
        other => panic!("{other:?}"),
    }
}

fn wait_for_stats(engine: &Engine, what: &str, wanted: impl Fn(&CallStats) -> bool) -> CallStats {
    match wait_for(
        engine,
        what,
        |event| matches!(event, Event::Stats(stats) if wanted(stats)),
    ) {
        Event::Stats(stats) => stats,
        other => panic!("{other:?}"),
    }
}

#[test]
fn picture_sound_and_text_go_out_and_come_back() {
    let server = TestServer::start(Calls::Echo);
    let engine = signed_in(&server, Role::Caller);
    call(&engine);
    let queued = wait_for_view(&engine, "a place in the queue", |view| {
        view.queue_position.is_some()
    });
    assert_eq!(
        (queued.queue_position, queued.direction),
        (Some(3), Direction::Outgoing)
    );
    assert!(queued.microphone_muted, "a caller's voice is off at first");
    wait_for_view(&engine, "a media path", |view| {
        view.connected && view.media_connected
    });
    engine.send(Command::SetMicrophoneMuted(false));
    for typed in ["h", "i", "x", "\u{8}"] {
        engine.send(Command::SendText(typed.into()));
    }
    let mut echoed = String::new();
    let began = std::time::Instant::now();
    while !echoed.ends_with('\u{8}') {
        assert!(began.elapsed() < PATIENCE, "no text came back: {echoed:?}");
        if let Event::TextReceived(text) = wait_for(&engine, "text", |event| {
            matches!(event, Event::TextReceived(_))
        }) {
            echoed.push_str(&text.text);
        }
    }
    assert!(echoed.ends_with("hix\u{8}"), "{echoed:?}");
    let stats = wait_for_stats(&engine, "pictures and a tone", |stats| {
        stats.frames_decoded > 15 && stats.heard_hz.is_some_and(|hz| (hz - 440.0).abs() < 5.0)
    });
    assert!(
        stats.delay_ms_p50.is_some_and(|delay| delay < 1000.0),
        "{stats:?}"
    );
    assert!(
        stats.level_dbfs.is_some_and(|level| level > -30.0),
        "{stats:?}"
    );
    assert_eq!(
        (stats.codec_video.as_deref(), stats.codec_audio.as_deref()),
        (Some("H264"), Some("opus"))
    );
    assert!(
        stats.cipher_suite.is_some() && stats.srtp_profile.is_some(),
        "{stats:?}"
    );
    assert_eq!(engine.remote_picture().latest().unwrap().width, 400);
    assert!(engine.local_picture().latest().is_some());
    engine.send(Command::HangUp);
    let end = wait_for_end(&engine);
    assert_eq!(
        (end.reason, end.by_us),
        (Some(EndReason::CallerHungUp), true)
    );
    assert!(engine.remote_picture().latest().is_none());
    server.wait_for("our BYE", |seen| {
        *seen
            == Seen::CallEnded {
                vrs_reason: Some("caller_hung_up".into()),
            }
    });
}

#[test]
fn status_reports_and_the_reason_of_the_end_are_understood() {
    let server = TestServer::start(Calls::Echo);
    let engine = signed_in(&server, Role::Caller);
    call(&engine);
    wait_for_view(&engine, "an answer", |view| view.connected);
    server.wait_for("our ACK", |seen| *seen == Seen::Confirmed);
    let status = |state: &str, telephone: &str| {
        server.order(Order::Status(format!(
            r#"{{"state":"{state}","telephone":"{telephone}","interpreter":"1234","session_ms":5000,"conversation_ms":0}}"#
        )));
    };
    status("hearing_party_dialing", "ringing");
    let view = wait_for_view(&engine, "ringing", |view| {
        view.telephone == TelephoneState::Ringing
    });
    assert_eq!(view.state, Some(SessionState::HearingPartyDialing));
    assert_eq!(view.interpreter.unwrap().as_str(), "1234");
    status("relay_active", "answered");
    let view = wait_for_view(&engine, "the conversation", |view| {
        view.state == Some(SessionState::RelayActive)
    });
    assert!(view.conversation_started.is_some());
    server.order(Order::Refresh);
    server.wait_for("the refresh", |seen| {
        *seen == Seen::Refreshed { status: 200 }
    });
    server.order(Order::Bye {
        reason: Reason::sip(200, "The telephone hung up"),
        word: "hearing_hung_up",
    });
    let stats = wait_for_stats(&engine, "the last figures", |stats| stats.states.len() == 5);
    assert_eq!(stats.states[4].state, "call_ended");
    let end = wait_for_end(&engine);
    assert_eq!(
        (end.reason, end.by_us),
        (Some(EndReason::HearingHungUp), false)
    );
    assert_eq!(end.text, "The telephone hung up");
}

#[test]
fn a_cut_connection_does_not_end_the_call() {
    let server = TestServer::start(Calls::Echo);
    let engine = signed_in(&server, Role::Caller);
    call(&engine);
    wait_for_view(&engine, "a media path", |view| view.media_connected);
    let before =
        wait_for_stats(&engine, "pictures", |stats| stats.frames_decoded > 5).frames_decoded;
    server.order(Order::Cut);
    wait_for(&engine, "a retry", |event| {
        matches!(event, Event::Connection(Connection::Retrying { .. }))
    });
    wait_for(&engine, "being online again", |event| {
        *event == Event::Connection(Connection::Online)
    });
    wait_for_stats(&engine, "more pictures", |stats| {
        stats.frames_decoded > before + 5
    });
    engine.send(Command::HangUp);
    wait_for_end(&engine);
    server.wait_for("a BYE on the new connection", |seen| {
        matches!(
            seen,
            Seen::CallEnded {
                vrs_reason: Some(_)
            }
        )
    });
}

#[test]
fn giving_up_while_queued_cancels() {
    let server = TestServer::start(Calls::Queue);
    let engine = signed_in(&server, Role::Caller);
    call(&engine);
    wait_for_view(&engine, "a place in the queue", |view| {
        view.queue_position == Some(3)
    });
    engine.send(Command::HangUp);
    let end = wait_for_end(&engine);
    assert_eq!(
        (end.reason, end.by_us),
        (Some(EndReason::CallerCancelled), true)
    );
    server.wait_for("the CANCEL", |seen| matches!(seen, Seen::CallEnded { .. }));
}

#[test]
fn a_refused_call_names_its_reason() {
    let server = TestServer::start(Calls::Refuse);
    let engine = signed_in(&server, Role::Caller);
    call(&engine);
    let end = wait_for_end(&engine);
    assert_eq!(
        (end.reason, end.status),
        (Some(EndReason::NoInterpreter), Some(480))
    );
    assert_eq!(end.text, "Nobody is signed in");
}

#[test]
fn a_call_without_a_connection_ends_at_once() {
    let server = TestServer::start(Calls::Echo);
    let engine = support::watch::engine(&server, Role::Caller);
    call(&engine);
    assert_eq!(wait_for_end(&engine).status, Some(503));
}

fn invitation() -> Order {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Order::Invite(vec![
        header("VRS-Session", "000000000000000000000000000000cd"),
        header("VRS-Epoch", "2"),
        header("VRS-Called-Number", "+15550100199"),
        header("VRS-Languages", "ase/es"),
    ])
}

#[test]
fn an_interpreter_takes_an_invitation() {
    let server = TestServer::start(Calls::Echo);
    let engine = signed_in(&server, Role::Interpreter);
    server.order(invitation());
    let Event::Incoming(asked) = wait_for(&engine, "an invitation", |event| {
        matches!(event, Event::Incoming(_))
    }) else {
        panic!("no invitation")
    };
    assert_eq!(asked.epoch.map(|epoch| epoch.0), Some(2));
    assert_eq!(asked.number.unwrap().to_string(), "+15550100199");
    assert_eq!(asked.languages.unwrap().to_string(), "ase/es");
    assert_eq!(asked.from, "relay");
    engine.send(Command::Answer);
    let view = wait_for_view(&engine, "a media path", |view| view.media_connected);
    assert_eq!(
        (view.direction, view.microphone_muted),
        (Direction::Incoming, false)
    );
    wait_for_stats(&engine, "pictures", |stats| stats.frames_decoded > 5);
    engine.send(Command::HangUp);
    assert_eq!(
        wait_for_end(&engine).reason,
        Some(EndReason::InterpreterHungUp)
    );
    server.wait_for("our BYE", |seen| {
        *seen
            == Seen::CallEnded {
                vrs_reason: Some("interpreter_hung_up".into()),
            }
    });
}

#[test]
fn an_invitation_may_be_declined_or_withdrawn() {
    let server = TestServer::start(Calls::Echo);
    let engine = signed_in(&server, Role::Interpreter);
    server.order(invitation());
    wait_for(&engine, "an invitation", |event| {
        matches!(event, Event::Incoming(_))
    });
    engine.send(Command::Decline);
    assert!(wait_for_end(&engine).by_us);
    server.wait_for("603", |seen| *seen == Seen::Rejected { status: 603 });
    server.order(invitation());
    wait_for(&engine, "another invitation", |event| {
        matches!(event, Event::Incoming(_))
    });
    server.order(Order::Cancel);
    let end = wait_for_end(&engine);
    assert_eq!((end.by_us, end.status), (false, Some(487)));
}

#[test]
fn a_second_caller_hears_that_we_are_busy() {
    let server = TestServer::start(Calls::Echo);
    let engine = signed_in(&server, Role::Interpreter);
    server.order(invitation());
    wait_for(&engine, "an invitation", |event| {
        matches!(event, Event::Incoming(_))
    });
    server.order(invitation());
    server.wait_for("486", |seen| *seen == Seen::Rejected { status: 486 });
}

#[test]
fn r33_with_the_camera_off_grey_pictures_are_sent() {
    let server = TestServer::start(Calls::Echo);
    let engine = signed_in(&server, Role::Caller);
    engine.send(Command::SetCameraOff(true));
    call(&engine);
    wait_for_view(&engine, "a media path", |view| {
        view.media_connected && view.camera_off
    });
    let stats = wait_for_stats(&engine, "grey pictures", |stats| stats.frames_decoded > 3);
    assert_eq!((stats.frames_captured, stats.delay_ms_p50), (0, None));
    assert!(engine.local_picture().latest().is_none());
    let grey = engine.remote_picture().latest().unwrap();
    assert!(grey.rgba[0].abs_diff(96) < 8, "{}", grey.rgba[0]);
}

#[test]
fn dropping_the_engine_in_a_call_hangs_up_first() {
    let server = TestServer::start(Calls::Echo);
    let engine = signed_in(&server, Role::Caller);
    call(&engine);
    wait_for_view(&engine, "a media path", |view| view.media_connected);
    drop(engine);
    server.wait_for("our BYE", |seen| {
        matches!(
            seen,
            Seen::CallEnded {
                vrs_reason: Some(_)
            }
        )
    });
    server.wait_for("unregister", |seen| *seen == Seen::Unregistered);
}
