//! Every screen of the interpreter's app as a picture, and what can be done on it by name and by key.

#[path = "../../shared/ui/glue/rig.rs"]
mod rig;

use std::time::Duration;

use desktop_interpreter::{InterpreterApp, Model, Options};
use egui::Key;
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, SnapshotResults};
use rig::{CONTRAST, DARK_ES, ES_200, Held, LIGHT, Skin, press};
use vrs_client::{CallEnd, CallView, Command, Direction, Event, Invitation};
use vrs_domain::{EndReason, SessionState, TelephoneState};
use vrs_ui::host::Surroundings;
use vrs_ui::sample::{self, Person};
use vrs_ui::twin::Twin;

const ME: &str = "1234";
const SOMEBODY: &str = "+15550100199";

struct Rig {
    harness: Harness<'static, InterpreterApp>,
    twin: Twin<Command, Event>,
    clock: Held,
}

impl Rig {
    fn signed_out(skin: Skin, auto_accept: bool) -> Self {
        let (twin, clock) = (Twin::default(), Held::new());
        let model = Model { desk: rig::desk(skin, ME), auto_accept, ..Model::default() };
        let surroundings = Surroundings { report: None, screenshot: None, clock: clock.reader() };
        let options = Options { model, surroundings, keeping: Box::new(()) };
        let calls = Box::new(twin.clone());
        let mut harness = rig::harness(skin.percent, |ctx| InterpreterApp::new(ctx, options, calls));
        harness.run();
        Self { harness, twin, clock }
    }

    fn signed_in(skin: Skin) -> Self {
        let mut rig = Self::signed_out(skin, false);
        rig::sign_in(&rig.twin, ME, Person::Interpreter);
        rig.harness.run();
        rig
    }

    fn snapshot(&mut self, results: &mut SnapshotResults, name: &str) {
        self.harness.remove_cursor();
        self.harness.run();
        results.add(self.harness.try_snapshot(name));
    }

    fn invite(&mut self) {
        self.twin.say(Event::Incoming(Invitation {
            session: None,
            number: Some(SOMEBODY.parse().unwrap()),
            languages: Some("ase/en".parse().unwrap()),
            epoch: None,
            from: "relay".into(),
        }));
        self.harness.run();
        self.clock.pass(Duration::from_secs(6));
        self.harness.run();
    }

    fn call(&mut self, state: SessionState, telephone: TelephoneState, began: Option<Duration>) {
        let now = self.clock.now();
        self.twin.say(Event::Call(CallView {
            direction: Direction::Incoming,
            state: Some(state),
            session: None,
            connected: true,
            media_connected: true,
            telephone,
            interpreter: Some(ME.parse().unwrap()),
            number: Some(SOMEBODY.parse().unwrap()),
            queue_position: None,
            started: Some(now),
            conversation_started: began.map(|after| now + after),
            microphone_muted: false,
            speaker_muted: false,
            camera_off: false,
        }));
        self.harness.run();
    }

    fn ringing(&mut self) {
        self.invite();
        press(&mut self.harness, "Accept");
        self.call(SessionState::HearingPartyDialing, TelephoneState::Ringing, None);
        self.clock.pass(Duration::from_secs(13));
        self.harness.run();
    }

    fn talking(&mut self) {
        self.invite();
        self.harness.key_press(Key::Space);
        self.harness.run();
        self.twin.remote.put(sample::person(Person::Caller, 640, 1));
        self.call(SessionState::RelayActive, TelephoneState::Answered, Some(Duration::from_secs(18)));
        self.clock.pass(Duration::from_secs(760));
        self.twin.say(Event::Levels { microphone_dbfs: -38.0, speaker_dbfs: -14.0, heard_hz: 440.0 });
        self.twin.say(Event::TextReceived("A-4471\u{2028}and my date of birth is in Mar".into()));
        self.harness.run();
    }

    fn end(&mut self, reason: EndReason) {
        self.twin.remote.clear();
        self.twin.say(Event::CallEnded(CallEnd {
            reason: Some(reason),
            status: Some(reason.sip_status()),
            by_us: false,
            text: String::new(),
            duration_s: 760,
        }));
        self.harness.run();
    }
}

#[test]
fn before_a_call_it_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [("available", LIGHT), ("available_contrast", CONTRAST), ("available_es_200", ES_200)] {
        let mut rig = Rig::signed_in(skin);
        rig.snapshot(&mut results, name);
    }
    let mut rig = Rig::signed_in(DARK_ES);
    rig.twin.say(Event::Connection(vrs_client::Connection::Online));
    rig.harness.key_press(Key::A);
    rig.harness.run();
    rig.snapshot(&mut results, "away_dark_es");
}

#[test]
fn an_invitation_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in
        [("invitation", LIGHT), ("invitation_dark_es", DARK_ES), ("invitation_contrast", CONTRAST), ("invitation_es_200", ES_200)]
    {
        let mut rig = Rig::signed_in(skin);
        rig.invite();
        rig.snapshot(&mut results, name);
    }
}

#[test]
fn a_call_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    let mut rig = Rig::signed_in(LIGHT);
    rig.ringing();
    rig.snapshot(&mut results, "ringing");
    for (name, skin) in
        [("talking", LIGHT), ("talking_dark_es", DARK_ES), ("talking_contrast", CONTRAST), ("talking_es_200", ES_200)]
    {
        let mut rig = Rig::signed_in(skin);
        rig.talking();
        rig.snapshot(&mut results, name);
    }
    let mut rig = Rig::signed_in(LIGHT);
    rig.talking();
    rig.end(EndReason::HearingHungUp);
    rig.snapshot(&mut results, "after_a_call");
}

#[test]
fn u17_a_whole_call_is_taken_and_ended_by_keys_alone() {
    let mut rig = Rig::signed_in(LIGHT);
    rig.harness.key_press(Key::A);
    rig.harness.run();
    rig.harness.key_press(Key::A);
    rig.harness.run();
    rig.invite();
    rig.harness.key_press(Key::Space);
    rig.harness.run();
    rig.call(SessionState::RelayActive, TelephoneState::Answered, Some(Duration::ZERO));
    for key in [Key::M, Key::V, Key::Escape, Key::Escape] {
        rig.harness.key_press(key);
        rig.harness.run();
    }
    let asked: Vec<_> = rig.twin.take_asked().into_iter().skip_while(|command| matches!(command, Command::SignIn { .. })).collect();
    let expected = [
        Command::SetAvailable(false),
        Command::SetAvailable(true),
        Command::Answer,
        Command::SetMicrophoneMuted(true),
        Command::SetSpeakerMuted(true),
        Command::HangUp,
    ];
    assert_eq!(asked, expected);
}

#[test]
fn one_escape_never_ends_a_call_and_leaving_a_field_is_not_one_of_two() {
    let mut rig = Rig::signed_in(LIGHT);
    rig.talking();
    rig.twin.take_asked().clear();
    press(&mut rig.harness, "Your text");
    for key in [Key::Escape, Key::Escape] {
        rig.harness.key_press(key);
        rig.harness.run();
    }
    assert_eq!(rig.twin.take_asked(), []);
    rig.harness.key_press(Key::Escape);
    rig.harness.run();
    assert_eq!(rig.twin.take_asked(), [Command::HangUp]);
}

#[test]
fn typing_in_the_text_field_mutes_nobody() {
    let mut rig = Rig::signed_in(LIGHT);
    rig.talking();
    drop(rig.twin.take_asked());
    rig.harness.get_by_label("Your text").focus();
    rig.harness.run();
    rig.harness.get_by_label("Your text").type_text("my van");
    rig.harness.key_press(Key::M);
    rig.harness.run();
    assert_eq!(rig.twin.take_asked(), [Command::SendText("my van".into())]);
}

#[test]
fn tab_reaches_every_control_of_a_call() {
    let mut rig = Rig::signed_in(LIGHT);
    rig.talking();
    let names = rig::walk(&mut rig.harness);
    let controls = ["Mute your microphone", "Turn the telephone’s sound off", "Hide text", "End", "Your text"];
    for control in controls {
        assert!(names.iter().any(|name| name == control), "{control} is not among {names:?}");
    }
    assert_eq!(names.len(), controls.len(), "{names:?}");
}

#[test]
fn an_invitation_that_goes_elsewhere_is_told() {
    let mut rig = Rig::signed_in(LIGHT);
    rig.invite();
    rig.end(EndReason::CallerCancelled);
    rig.harness.get_by_label("The request went to somebody else.");
    assert!(rig.harness.query_by_label("Accept").is_none());
}

#[test]
fn with_the_flag_an_invitation_is_taken_at_once() {
    let mut rig = Rig::signed_out(LIGHT, true);
    rig::sign_in(&rig.twin, ME, Person::Interpreter);
    rig.invite();
    assert!(rig.twin.take_asked().contains(&Command::Answer));
}
