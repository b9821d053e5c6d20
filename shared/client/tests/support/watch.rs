//! Waiting for an engine's events.

use std::time::{Duration, Instant};

use vrs_client::{
    CameraChoice, Command, Engine, EngineConfig, Event, MicrophoneChoice, Role, SpeakerChoice,
    VideoSize,
};
use vrs_domain::Sensitive;

use super::{PASSWORD, PATIENCE, TestServer};

/// A synthetic user at the test server.
pub(crate) fn engine(server: &TestServer, role: Role) -> Engine {
    let mut config = EngineConfig::new(role);
    config.camera = CameraChoice::Synthetic;
    config.microphone = MicrophoneChoice::Synthetic { hz: 440.0 };
    config.speaker = SpeakerChoice::Null;
    config.extra_ca_pem = Some(server.ca_file.clone());
    config.video = VideoSize {
        width: 400,
        height: 304,
        fps: 15,
    };
    Engine::start(config).unwrap()
}

pub(crate) fn sign_in(engine: &Engine, server: &TestServer, account: &str, password: &str) {
    engine.send(Command::SignIn {
        server: server.address.clone(),
        account: format!("{account}@localhost"),
        password: Sensitive::new(password.into()),
    });
}

/// An engine that is signed in.
pub(crate) fn signed_in(server: &TestServer, role: Role) -> Engine {
    let engine = engine(server, role);
    let account = if role == Role::Caller {
        "+15550100001"
    } else {
        "1234"
    };
    sign_in(&engine, server, account, PASSWORD);
    wait_for(&engine, "being signed in", |event| {
        matches!(event, Event::SignedIn { .. })
    });
    engine
}

/// Waits for an event; what came before is passed over.
pub(crate) fn wait_for(engine: &Engine, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
    let deadline = Instant::now() + PATIENCE;
    let mut before = Vec::new();
    while Instant::now() < deadline {
        if let Some(event) = engine.next_event(Duration::from_millis(100)) {
            if wanted(&event) {
                return event;
            }
            if !matches!(event, Event::Levels { .. } | Event::Stats(_)) {
                before.push(event);
            }
        }
    }
    panic!("waited too long for {what}; there was {before:?}");
}
