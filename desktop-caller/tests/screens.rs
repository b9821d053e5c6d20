//! Every screen of the caller's app as a picture, and what can be done on it by name and by key.

#[path = "../../shared/ui/glue/rig.rs"]
mod rig;

use std::time::Duration;

use desktop_caller::{CallerApp, Model, Options};
use egui::Key;
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, SnapshotResults};
use rig::{CONTRAST, DARK_ES, ES_200, Held, LIGHT, Skin, press};
use vrs_client::{CallEnd, CallView, Command, Direction, Event, Invitation};
use vrs_domain::{EndReason, SessionState, TelephoneState};
use vrs_ui::host::Surroundings;
use vrs_ui::sample::{self, Person};
use vrs_ui::twin::Twin;

const ME: &str = "+15550100001";
const SOMEBODY: &str = "+15550100199";

struct Rig {
    harness: Harness<'static, CallerApp>,
    twin: Twin<Command, Event>,
    clock: Held,
}

impl Rig {
    fn signed_out(skin: Skin) -> Self {
        let (twin, clock) = (Twin::default(), Held::new());
        let model = Model { desk: rig::desk(skin, ME), ..Model::default() };
        let surroundings = Surroundings { report: None, screenshot: None, clock: clock.reader() };
        let options = Options { model, surroundings, keeping: Box::new(()) };
        let calls = Box::new(twin.clone());
        let mut harness = rig::harness(skin.percent, |ctx| CallerApp::new(ctx, options, calls));
        harness.run();
        Self { harness, twin, clock }
    }

    fn signed_in(skin: Skin) -> Self {
        let mut rig = Self::signed_out(skin);
        rig::sign_in(&rig.twin, ME, Person::Caller);
        rig.harness.run();
        rig
    }

    fn call(&mut self, view: CallView) {
        self.twin.say(Event::Call(view));
        self.harness.run();
    }

    fn snapshot(&mut self, results: &mut SnapshotResults, name: &str) {
        self.harness.remove_cursor();
        self.harness.run();
        results.add(self.harness.try_snapshot(name));
    }

    fn view(&self, state: SessionState) -> CallView {
        CallView {
            direction: Direction::Outgoing,
            state: Some(state),
            session: None,
            connected: state != SessionState::RequestReceived,
            media_connected: true,
            telephone: TelephoneState::Idle,
            interpreter: Some("1234".parse().unwrap()),
            number: Some(SOMEBODY.parse().unwrap()),
            queue_position: None,
            started: Some(self.clock.now()),
            conversation_started: None,
            microphone_muted: true,
            speaker_muted: false,
            camera_off: false,
        }
    }

    fn waiting(&mut self) {
        let view = self.view(SessionState::RequestReceived);
        self.call(CallView { interpreter: None, queue_position: Some(2), ..view });
        self.clock.pass(Duration::from_secs(14));
        self.harness.run();
    }

    fn ringing(&mut self) {
        self.twin.remote.put(sample::person(Person::Interpreter, 640, 1));
        let view = self.view(SessionState::HearingPartyDialing);
        self.call(CallView { telephone: TelephoneState::Ringing, ..view });
        self.clock.pass(Duration::from_secs(13));
        self.harness.run();
    }

    fn talking(&mut self) {
        self.ringing();
        let view = self.view(SessionState::RelayActive);
        let began = Some(self.clock.now());
        self.call(CallView { telephone: TelephoneState::Answered, conversation_started: began, ..view });
        self.clock.pass(Duration::from_secs(65));
        self.twin.say(Event::TextReceived("The office opens at 8:30.\u{2028}Your number there is A-".into()));
        self.harness.run();
    }

    fn end(&mut self, reason: EndReason) {
        self.twin.remote.clear();
        self.twin.say(Event::CallEnded(CallEnd {
            reason: Some(reason),
            status: Some(reason.sip_status()),
            by_us: false,
            text: String::new(),
            duration_s: 20,
        }));
        self.harness.run();
    }

    fn incoming(&mut self) {
        self.twin.say(Event::Incoming(Invitation {
            session: None,
            number: None,
            languages: None,
            epoch: None,
            from: SOMEBODY.into(),
        }));
        self.harness.run();
    }
}

#[test]
fn home_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [("home", LIGHT), ("home_dark_es", DARK_ES), ("home_contrast", CONTRAST), ("home_es_200", ES_200)] {
        let mut rig = Rig::signed_in(skin);
        for digit in ["5", "5", "5", "0", "1", "0"] {
            press(&mut rig.harness, digit);
        }
        rig.snapshot(&mut results, name);
    }
}

#[test]
fn a_call_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [("waiting", LIGHT), ("waiting_es_200", ES_200)] {
        let mut rig = Rig::signed_in(skin);
        rig.waiting();
        rig.snapshot(&mut results, name);
    }
    let mut rig = Rig::signed_in(DARK_ES);
    rig.ringing();
    rig.snapshot(&mut results, "ringing_dark_es");
    for (name, skin) in [("talking", LIGHT), ("talking_contrast", CONTRAST), ("talking_es_200", ES_200)] {
        let mut rig = Rig::signed_in(skin);
        rig.talking();
        rig.snapshot(&mut results, name);
    }
    let mut rig = Rig::signed_in(LIGHT);
    rig.talking();
    press(&mut rig.harness, "Hide text");
    rig.snapshot(&mut results, "talking_without_text");
}

#[test]
fn being_called_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [("incoming", LIGHT), ("incoming_contrast", CONTRAST), ("incoming_es_200", ES_200)] {
        let mut rig = Rig::signed_in(skin);
        rig.incoming();
        rig.snapshot(&mut results, name);
    }
}

#[test]
fn the_end_of_a_call_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [("ended", LIGHT), ("ended_es_200", ES_200)] {
        let mut rig = Rig::signed_in(skin);
        rig.ringing();
        rig.end(EndReason::HearingBusy);
        rig.snapshot(&mut results, name);
    }
}

#[test]
fn signing_in_takes_the_three_fields_and_tells_what_went_wrong() {
    let mut rig = Rig::signed_out(LIGHT);
    press(&mut rig.harness, "Sign in");
    let asked = rig.twin.take_asked();
    assert!(matches!(&asked[..], [Command::SignIn { server, account, .. }] if server == "relay.example.org" && account == ME));
    rig.twin.say(Event::SignInFailed(vrs_client::SignInProblem::WrongPassword));
    rig.harness.run();
    rig.harness.get_by_label("The number or the password is not right. Check both and try again.");
}

#[test]
fn u17_a_number_is_dialled_and_the_call_ended_by_keys_alone() {
    let mut rig = Rig::signed_in(LIGHT);
    rig.harness.get_by_label("Number to call").type_text("555 010 0199");
    rig.harness.run();
    rig.harness.key_press(Key::Enter);
    rig.harness.run();
    rig.ringing();
    for key in [Key::M, Key::C, Key::Escape, Key::Escape] {
        rig.harness.key_press(key);
        rig.harness.run();
    }
    let expected = [
        Command::Call { number: SOMEBODY.parse().unwrap() },
        Command::SetMicrophoneMuted(false),
        Command::SetCameraOff(true),
        Command::HangUp,
    ];
    assert_eq!(rig.twin.take_asked(), expected);
}

#[test]
fn a_number_that_is_none_is_not_dialled() {
    let mut rig = Rig::signed_in(LIGHT);
    press(&mut rig.harness, "9");
    press(&mut rig.harness, "Call");
    assert_eq!(rig.twin.take_asked(), []);
    rig.harness.get_all_by_label("Not a complete telephone number yet.").next().unwrap();
}

#[test]
fn after_a_busy_line_one_key_calls_again() {
    let mut rig = Rig::signed_in(LIGHT);
    rig.ringing();
    rig.end(EndReason::HearingBusy);
    rig.harness.get_by_label("The line is busy. Try again in a few minutes.");
    rig.harness.key_press(Key::Enter);
    rig.harness.run();
    assert_eq!(rig.twin.take_asked(), [Command::Call { number: SOMEBODY.parse().unwrap() }]);
}

#[test]
fn an_incoming_call_is_answered_by_enter_and_declined_by_escape() {
    for (key, command) in [(Key::Enter, Command::Answer), (Key::Escape, Command::Decline)] {
        let mut rig = Rig::signed_in(LIGHT);
        rig.incoming();
        rig.harness.key_press(key);
        rig.harness.run();
        assert_eq!(rig.twin.take_asked(), [command]);
    }
}

#[test]
fn a_missed_call_is_told() {
    let mut rig = Rig::signed_in(LIGHT);
    rig.incoming();
    rig.end(EndReason::CallerCancelled);
    rig.harness.get_by_label_contains("You missed a call from");
}

#[test]
fn u6_text_goes_out_as_it_is_typed() {
    let mut rig = Rig::signed_in(LIGHT);
    rig.talking();
    rig.harness.get_by_label("Your text").focus();
    rig.harness.run();
    rig.harness.get_by_label("Your text").type_text("yes");
    rig.harness.run();
    rig.harness.key_press(Key::Enter);
    rig.harness.run();
    let sent = [Command::SendText("yes".into()), Command::SendText("\u{2028}".into())];
    assert_eq!(rig.twin.take_asked(), sent);
    rig.harness.get_by_label("You: yes");
    rig.harness.get_by_label("Interpreter: The office opens at 8:30.");
}

#[test]
fn tab_reaches_every_control_at_home() {
    let mut rig = Rig::signed_in(LIGHT);
    press(&mut rig.harness, "5");
    let names = rig::walk(&mut rig.harness);
    let controls = ["Dial", "Settings", "Number to call", "Erase last digit", "1", "Star", "Hash", "Call"];
    for control in controls {
        assert!(names.iter().any(|name| name == control), "{control} is not among {names:?}");
    }
    assert_eq!(names.len(), 2 + 2 + 12 + 1, "{names:?}");
}

#[test]
fn settings_change_the_look_at_once() {
    let mut rig = Rig::signed_in(LIGHT);
    press(&mut rig.harness, "Settings");
    press(&mut rig.harness, "Español");
    press(&mut rig.harness, "Oscuro");
    let choices = &rig.harness.state().model().desk.choices;
    assert_eq!((choices.language, choices.theme), (vrs_ui::Language::Spanish, vrs_ui::Theme::Dark));
    press(&mut rig.harness, "Marcar");
    rig.harness.get_by_label("Llamar");
}
