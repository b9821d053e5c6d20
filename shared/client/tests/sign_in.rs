//! Signing in: right and wrong passwords, certificates, lost connections.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "tests"
)]

mod support;

use std::time::{Duration, Instant};

use support::watch::{engine, sign_in, signed_in, wait_for};
use support::{Calls, Order, PASSWORD, Seen, TestServer};
use vrs_client::{Command, Connection, Engine, EngineConfig, Event, Role, SignInProblem};

fn online(event: &Event) -> bool {
    *event == Event::Connection(Connection::Online)
}

#[test]
fn a_right_password_signs_in_and_dropping_the_engine_unregisters() {
    let server = TestServer::start(Calls::Echo);
    let engine = engine(&server, Role::Caller);
    sign_in(&engine, &server, "555 010 0001", PASSWORD);
    wait_for(&engine, "connecting", |event| {
        *event == Event::Connection(Connection::Connecting)
    });
    wait_for(&engine, "being online", online);
    let signed_in = wait_for(&engine, "being signed in", |event| {
        matches!(event, Event::SignedIn { .. })
    });
    assert_eq!(
        signed_in,
        Event::SignedIn {
            account: "+15550100001".into()
        }
    );
    let began = Instant::now();
    drop(engine);
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    server.wait_for("unregister", |seen| *seen == Seen::Unregistered);
}

#[test]
fn signing_out_unregisters_and_says_so() {
    let server = TestServer::start(Calls::Echo);
    let engine = signed_in(&server, Role::Caller);
    engine.send(Command::SignOut);
    server.wait_for("unregister", |seen| *seen == Seen::Unregistered);
    wait_for(&engine, "offline", |event| {
        *event == Event::Connection(Connection::Offline)
    });
    wait_for(&engine, "being signed out", |event| {
        *event == Event::SignedOut
    });
    sign_in(&engine, &server, "+15550100001", PASSWORD);
    wait_for(&engine, "being signed in again", |event| {
        matches!(event, Event::SignedIn { .. })
    });
}

#[test]
fn a_wrong_password_is_named_and_tried_once() {
    let server = TestServer::start(Calls::Echo);
    let engine = engine(&server, Role::Caller);
    sign_in(&engine, &server, "+15550100001", "wrong");
    let failed = wait_for(&engine, "a failure", |event| {
        matches!(event, Event::SignInFailed(_))
    });
    assert_eq!(failed, Event::SignInFailed(SignInProblem::WrongPassword));
    // Longer than the first wait of the back-off: nobody knocks again.
    assert_eq!(engine.next_event(Duration::from_millis(1500)), None);
    assert_eq!(server.count_now(|seen| *seen == Seen::Refused), 1);
    sign_in(&engine, &server, "+15550100001", PASSWORD);
    wait_for(&engine, "being signed in", |event| {
        matches!(event, Event::SignedIn { .. })
    });
}

#[test]
fn an_untrusted_certificate_is_named() {
    let server = TestServer::start(Calls::Echo);
    let mut config = EngineConfig::new(Role::Caller);
    // Some other authority's certificate, so that there is one even where the system has none.
    let other = TestServer::start(Calls::Echo);
    config.extra_ca_pem = Some(other.ca_file.clone());
    let engine = Engine::start(config).unwrap();
    sign_in(&engine, &server, "+15550100001", PASSWORD);
    let failed = wait_for(&engine, "a failure", |event| {
        matches!(event, Event::SignInFailed(_))
    });
    assert!(
        matches!(
            failed,
            Event::SignInFailed(SignInProblem::NotTrusted { .. })
        ),
        "{failed:?}"
    );
    assert_eq!(engine.next_event(Duration::from_millis(1200)), None);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let server = TestServer::start(Calls::Echo);
    let engine = engine(&server, Role::Caller);
    let sign_in_at = |server: &str| {
        engine.send(Command::SignIn {
            server: server.into(),
            account: "+15550100001".into(),
            password: vrs_domain::Sensitive::new(PASSWORD.into()),
        });
        let failed = wait_for(&engine, "a failure", |event| {
            matches!(event, Event::SignInFailed(_))
        });
        assert!(
            matches!(
                failed,
                Event::SignInFailed(SignInProblem::Unreachable { .. })
            ),
            "{failed:?}"
        );
    };
    sign_in_at("127.0.0.1:1");
    sign_in_at("ws://127.0.0.1:1");
    sign_in_at("");
}

#[test]
fn a_cut_connection_is_tried_again_and_the_registration_comes_back() {
    let server = TestServer::start(Calls::Echo);
    let engine = signed_in(&server, Role::Caller);
    server.wait_for("the registration", |seen| {
        matches!(seen, Seen::Registered { .. })
    });
    server.order(Order::Cut);
    wait_for(&engine, "a retry", |event| {
        matches!(event, Event::Connection(Connection::Retrying { .. }))
    });
    server.wait_for("another registration", |seen| {
        matches!(seen, Seen::Registered { .. })
    });
    wait_for(&engine, "being online again", online);
    assert!(
        engine
            .try_event()
            .is_none_or(|event| !matches!(event, Event::SignedIn { .. })),
        "told once per sign-in"
    );
}

#[test]
fn an_interpreter_says_whether_calls_are_taken() {
    let server = TestServer::start(Calls::Echo);
    let engine = signed_in(&server, Role::Interpreter);
    let registered = |word: &str| {
        let wanted = Seen::Registered {
            availability: Some(word.to_owned()),
        };
        server.wait_for(word, |seen| *seen == wanted);
    };
    registered("available;choice=0");
    engine.send(Command::SetActivity(vrs_domain::Activity::Away));
    registered("away;choice=1");
    // The same word again is another choice.
    for choice in 2..4 {
        engine.send(Command::SetActivity(vrs_domain::Activity::Available));
        registered(&format!("available;choice={choice}"));
    }
}

#[test]
fn a17_rubbish_is_survived_and_an_endless_message_costs_only_the_connection() {
    let server = TestServer::start(Calls::Echo);
    let engine = signed_in(&server, Role::Caller);
    server.wait_for("the registration", |seen| {
        matches!(seen, Seen::Registered { .. })
    });
    server.order(Order::Raw(b"INVITE what is this\r\n\r\n".to_vec()));
    server.order(Order::Raw(b"\r\n\r\n".to_vec()));
    server.wait_for("the keep-alive's answer", |seen| *seen == Seen::Pong);
    server.order(Order::Raw(vec![b'x'; 64 * 1024 + 1]));
    wait_for(&engine, "a retry", |event| {
        matches!(event, Event::Connection(Connection::Retrying { .. }))
    });
    wait_for(&engine, "being online again", online);
}
