//! What a caller does, by the names of the controls and by keys alone.

use crate::rig::{CONTRAST, DARK_ES, ES_200, LIGHT, Rig, SOMEBODY};
use crate::script::{
    ADDRESS_EN, ANOTHER, ME, end_busy, fill_in_address, incoming, located, now_it_is, parked,
    reach_and_press, ringing, signed_in, signed_out, talking, waiting, waiting_call,
};
use desktop_caller::Model;
use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::{By, NodeT, Queryable};
use vrs_client::{CallEnd, Command, Event, SignInProblem};
use vrs_domain::{
    CallKind, CivicLocation, EndReason, Leg, LineReport, LineSignal, LocationRefusal, Loudness,
    Sensitive, TelephoneState, Urgency,
};

#[test]
fn signing_in_takes_the_three_fields_and_tells_what_went_wrong() {
    let mut rig = signed_out(LIGHT);
    rig.press("Sign in");
    let asked = rig.twin.take_asked();
    assert!(
        matches!(&asked[..], [Command::SignIn { server, account, .. }] if server == "relay.example.org" && account == ME)
    );
    rig.say(Event::SignInFailed(SignInProblem::WrongPassword));
    rig.harness
        .get_by_label("The number or the password is not right. Check both and try again.");
}

#[test]
fn u17_a_number_is_dialled_and_the_call_ended_by_keys_alone() {
    let mut rig = signed_in(LIGHT);
    rig.write("Number to call", "555 010 0199");
    rig.keys(&[Key::Enter]);
    waiting(&mut rig);
    ringing(&mut rig);
    rig.keys(&[Key::M, Key::C, Key::Escape, Key::Escape]);
    let expected = [
        Command::Call {
            number: SOMEBODY.parse().unwrap(),
        },
        Command::SetMicrophoneMuted(false),
        Command::SetCameraOff(true),
        Command::HangUp,
    ];
    assert_eq!(rig.twin.take_asked(), expected);
}

#[test]
fn u2_each_sound_of_a_line_is_a_sentence_in_both_languages_for_a_screen_reader_too() {
    for skin in [LIGHT, DARK_ES] {
        let mut rig = signed_in(skin);
        talking(&mut rig);
        let strip = |rig: &Rig<Model>| {
            let status = rig.harness.get_all_by_role(Role::Status).next().unwrap();
            status.accesskit_node().label().unwrap()
        };
        let mut said = vec![strip(&rig)];
        for signal in LineSignal::ALL {
            now_it_is(&mut rig, |call| call.line.signal = Some(*signal));
            said.push(strip(&rig));
        }
        said.sort();
        said.dedup();
        assert_eq!(said.len(), LineSignal::ALL.len() + 1, "{said:?}");
        assert!(
            said.iter().all(|words| !words.contains("line-")),
            "{said:?}"
        );
        now_it_is(&mut rig, |call| call.line = LineReport::default());
        assert!(said.contains(&strip(&rig)));
    }
}

#[test]
fn u2_who_does_not_hear_sees_that_the_telephone_speaks() {
    let mut rig = signed_in(LIGHT);
    talking(&mut rig);
    now_it_is(&mut rig, |call| {
        call.line.from = Loudness::Normal;
        call.line.to = Loudness::Soft;
    });
    rig.harness.get_by_label("Telephone sound");
    rig.harness.get_by_label("To telephone soft");
}

#[test]
fn u2_ringing_that_is_only_heard_rings_as_well() {
    let mut rig = signed_in(LIGHT);
    ringing(&mut rig);
    now_it_is(&mut rig, |call| call.telephone = TelephoneState::Dialing);
    assert!(
        rig.harness
            .query_by_label("The telephone is ringing.")
            .is_none()
    );
    now_it_is(&mut rig, |call| {
        call.line.signal = Some(LineSignal::Ringback)
    });
    rig.harness.get_by_label("The telephone is ringing.");
}

#[test]
fn a_number_that_is_none_is_not_dialled() {
    let mut rig = signed_in(LIGHT);
    rig.press("9");
    rig.press("Call");
    assert_eq!(rig.twin.take_asked(), []);
    rig.harness
        .get_by_label("Not a complete telephone number yet.");
}

#[test]
fn after_a_busy_line_one_key_calls_again() {
    let mut rig = signed_in(LIGHT);
    ringing(&mut rig);
    end_busy(&mut rig);
    rig.harness
        .get_by_label("The line is busy. Try again in a few minutes.");
    rig.keys(&[Key::Enter]);
    assert_eq!(
        rig.twin.take_asked(),
        [Command::Call {
            number: SOMEBODY.parse().unwrap()
        }]
    );
}

#[test]
fn an_incoming_call_is_answered_by_enter_and_declined_by_escape() {
    for (key, command) in [
        (Key::Enter, Command::Answer),
        (Key::Escape, Command::Decline),
    ] {
        let mut rig = signed_in(LIGHT);
        incoming(&mut rig);
        rig.keys(&[key]);
        assert_eq!(rig.twin.take_asked(), [command]);
    }
}

#[test]
fn a_declined_call_leads_back_home() {
    let mut rig = signed_in(LIGHT);
    incoming(&mut rig);
    rig.press("Decline");
    let end = CallEnd {
        reason: None,
        status: Some(603),
        by_us: true,
        text: String::new(),
        duration_s: 0,
    };
    rig.say(Event::CallEnded(end));
    rig.harness.get_by_label("Number to call");
}

#[test]
fn a_missed_call_is_told() {
    let mut rig = signed_in(LIGHT);
    incoming(&mut rig);
    rig.end(EndReason::CallerCancelled);
    rig.harness.get_by_label_contains("You missed a call from");
}

#[test]
fn u6_text_goes_out_as_it_is_typed() {
    let mut rig = signed_in(LIGHT);
    talking(&mut rig);
    rig.write("Your text", "yes");
    rig.keys(&[Key::Enter]);
    let sent = [
        Command::SendText("yes".into()),
        Command::SendText("\u{2028}".into()),
    ];
    assert_eq!(rig.twin.take_asked(), sent);
    rig.harness.get_by_label("You: yes");
    rig.harness
        .get_by_label("Interpreter: The office opens at 8:30.");
}

#[test]
fn r43_a_caller_presses_the_telephones_keys_too_and_sees_them() {
    let mut rig = signed_in(LIGHT);
    talking(&mut rig);
    rig.keys(&[Key::K]);
    drop(rig.twin.take_asked());
    rig.type_keys("2*");
    rig.press("7");
    let keys = ['2', '*', '7'].map(|key| Command::SendKey(Sensitive::new(key)));
    assert_eq!(rig.twin.take_asked(), keys);
    rig.harness.get_by_label("Sent: 2 * 7");
    rig.write("Your text", "42");
    assert_eq!(rig.twin.take_asked(), [Command::SendText("42".into())]);
    // People who call each other have no telephone between them.
    now_it_is(&mut rig, |call| call.kind = Some(CallKind::PointToPoint));
    assert!(rig.harness.query_by_label("Sent: 2 * 7").is_none());
}

#[test]
fn tab_reaches_every_control_of_every_screen() {
    let digits = [
        "1", "2", "3", "4", "5", "6", "7", "8", "9", "Star", "0", "Hash",
    ];
    let mut rig = signed_in(LIGHT);
    rig.press("5");
    rig.check_tab_reaches(
        &[
            &["Dial", "Settings", "Number to call", "Erase last digit"],
            &digits[..],
            &["Call"],
        ]
        .concat(),
    );
    let mut rig = signed_in(CONTRAST);
    talking(&mut rig);
    rig.check_tab_reaches(&[
        "Turn your voice on",
        "Turn your camera off",
        "Put the call on hold",
        "Place a second call",
        "Show the telephone’s keys",
        "Hide text",
        "Hang up",
        "Your text",
    ]);
    let mut rig = signed_in(DARK_ES);
    incoming(&mut rig);
    rig.check_tab_reaches(&["Contestar", "Rechazar"]);
    let mut rig = signed_in(ES_200);
    ringing(&mut rig);
    end_busy(&mut rig);
    rig.check_tab_reaches(&["Volver", "Llamar de nuevo"]);
}

#[test]
fn settings_change_the_look_at_once() {
    let mut rig = signed_in(LIGHT);
    rig.press("Settings");
    reach_and_press(&mut rig, "Español");
    reach_and_press(&mut rig, "Oscuro");
    let choices = &rig.harness.state().model().desk.choices;
    assert_eq!(
        (choices.language, choices.theme),
        (vrs_ui::Language::Spanish, vrs_ui::Theme::Dark)
    );
    rig.press("Marcar");
    rig.harness.get_by_label("Llamar");
}

#[test]
fn calls_pass_nothing_but_the_relay_when_the_user_wants_it_so() {
    let mut rig = signed_in(LIGHT);
    rig.press("Settings");
    drop(rig.twin.take_asked());
    reach_and_press(&mut rig, "Only through your provider");
    assert_eq!(rig.twin.take_asked(), [Command::SetRelayOnly(true)]);
    assert!(rig.harness.state().model().desk.choices.relay_only);
    reach_and_press(&mut rig, "The best way");
    assert_eq!(rig.twin.take_asked(), [Command::SetRelayOnly(false)]);
}

fn location() -> Sensitive<CivicLocation> {
    let text = "country=US;A1=NY;A3=New York;RD=Broadway;HNO=123;PC=10007";
    Sensitive::new(text.parse().unwrap())
}

#[test]
fn f22_an_address_is_told_by_hand_and_what_becomes_of_it_is_shown() {
    let mut rig = signed_in(LIGHT);
    located(&mut rig, false, None);
    rig.harness
        .get_by_label("911 will not be told where you are.");
    rig.press("Add your address");
    rig.press("Save address");
    assert_eq!(rig.twin.take_asked(), [Command::SetLocation(None)]);
    fill_in_address(&mut rig, &ADDRESS_EN[..5]);
    rig.press("Save address");
    assert_eq!(rig.twin.take_asked(), []);
    rig.harness
        .get_by_label("Fill in this field: House number.");
    rig.write("House number", "123");
    rig.keys(&[Key::Enter]);
    assert_eq!(
        rig.twin.take_asked(),
        [Command::SetLocation(Some(location()))]
    );
    rig.harness.get_by_label("Sending it to your provider…");
    located(&mut rig, false, Some(Err(LocationRefusal::Unreadable)));
    rig.harness
        .get_by_label("Your provider cannot read this address. Check it and save it again.");
    rig.press("Save address");
    located(&mut rig, true, Some(Ok(())));
    rig.harness
        .get_by_label("Saved by your provider. 911 will be told this address.");
    rig.press("Dial");
    assert!(rig.harness.query_by_label("Add your address").is_none());
}

#[test]
fn r30_an_address_that_is_withheld_is_not_told_and_a_kept_one_goes_with_the_sign_in() {
    let mut rig = signed_in(LIGHT);
    located(&mut rig, false, None);
    rig.press("Add your address");
    fill_in_address(&mut rig, &ADDRESS_EN);
    rig.press("Save address");
    rig.press("Do not share it");
    rig.harness
        .get_by_label("Nothing is sent. 911 will not be told where you are.");
    rig.press("Share my address");
    let expected = [
        Command::SetLocation(Some(location())),
        Command::SetLocation(None),
        Command::SetLocation(Some(location())),
    ];
    assert_eq!(rig.twin.take_asked(), expected);
    reach_and_press(&mut rig, "Sign out");
    rig.say(Event::SignedOut);
    drop(rig.twin.take_asked());
    rig.write("Password", "correct horse");
    rig.press("Sign in");
    let asked = rig.twin.take_asked();
    assert!(
        matches!(&asked[..], [Command::SetLocation(Some(told)), Command::SignIn { .. }] if *told == location()),
        "{asked:?}"
    );
}

#[test]
fn u17_tab_reaches_every_field_of_the_address() {
    let mut rig = signed_in(LIGHT);
    located(&mut rig, false, None);
    rig.press("Add your address");
    let mut reached = Vec::new();
    for _ in 0..20 {
        rig.keys(&[Key::Tab]);
        let focused = rig
            .harness
            .query_all(By::new())
            .find(|node| node.is_focused());
        reached.extend(focused.and_then(|node| node.accesskit_node().label()));
    }
    let fields = ADDRESS_EN.iter().map(|(label, _)| *label);
    for control in fields.chain(["Share my address", "Apartment or unit", "Save address"]) {
        assert!(
            reached.iter().any(|name| name == control),
            "{control}: {reached:?}"
        );
    }
}

#[test]
fn a_call_is_put_on_hold_and_taken_back_by_one_key() {
    let mut rig = signed_in(LIGHT);
    talking(&mut rig);
    drop(rig.twin.take_asked());
    rig.keys(&[Key::H]);
    now_it_is(&mut rig, |call| call.on_hold = true);
    rig.harness
        .get_by_label("You put the call on hold. Nobody sees or hears you.");
    rig.press("Take the call back");
    assert_eq!(
        rig.twin.take_asked(),
        [Command::Hold(true), Command::Hold(false)]
    );
    now_it_is(&mut rig, |call| {
        (call.on_hold, call.held) = (false, vec![Leg::Hearing]);
    });
    rig.harness
        .get_by_label("The other person put the call on hold.");
}

#[test]
fn a_second_call_is_taken_or_declined_by_one_key() {
    for (key, command) in [(Key::A, Command::Answer), (Key::D, Command::Decline)] {
        let mut rig = signed_in(LIGHT);
        talking(&mut rig);
        drop(rig.twin.take_asked());
        waiting_call(&mut rig);
        rig.harness
            .get_by_label_contains("is calling you. Answering puts this call on hold.");
        rig.keys(&[key]);
        assert_eq!(rig.twin.take_asked(), [command]);
    }
}

#[test]
fn a_second_call_that_nobody_took_is_told() {
    let mut rig = signed_in(LIGHT);
    talking(&mut rig);
    waiting_call(&mut rig);
    let end = CallEnd {
        reason: Some(EndReason::CallerCancelled),
        status: Some(487),
        by_us: false,
        text: String::new(),
        duration_s: 9,
    };
    rig.say(Event::WaitingEnded(end));
    rig.harness.get_by_label_contains("You missed a call from");
    assert!(rig.harness.query_by_label("Answer").is_none());
}

#[test]
fn a_second_call_is_dialled_beside_the_first_and_both_are_switched() {
    let mut rig = signed_in(LIGHT);
    talking(&mut rig);
    drop(rig.twin.take_asked());
    rig.keys(&[Key::N, Key::Escape, Key::N]);
    rig.write("Number to call", "555 010 0142");
    rig.keys(&[Key::Enter]);
    parked(&mut rig);
    rig.harness.get_by_label_contains("On hold: ");
    rig.press("Switch calls");
    rig.keys(&[Key::S]);
    let number = ANOTHER.parse().unwrap();
    assert_eq!(
        rig.twin.take_asked(),
        [Command::Call { number }, Command::Swap, Command::Swap]
    );
    // Two are enough.
    assert!(rig.harness.query_by_label("Place a second call").is_none());
}

#[test]
fn f18_nothing_comes_between_in_an_emergency() {
    let mut rig = signed_in(LIGHT);
    talking(&mut rig);
    drop(rig.twin.take_asked());
    now_it_is(&mut rig, |call| call.urgency = Some(Urgency::Emergency));
    rig.keys(&[Key::H, Key::N]);
    assert_eq!(rig.twin.take_asked(), []);
    assert!(rig.harness.query_by_label("Put the call on hold").is_none());
    now_it_is(&mut rig, |call| call.missing = vec![Leg::Hearing]);
    rig.harness
        .get_by_label("The connection to the telephone was lost. It is being called again.");
}

#[test]
fn a_call_between_videophones_speaks_of_no_interpreter() {
    let mut rig = signed_in(LIGHT);
    talking(&mut rig);
    now_it_is(&mut rig, |call| {
        (call.kind, call.interpreter) = (Some(CallKind::PointToPoint), None);
    });
    rig.harness.get_by_label_contains("You are talking with");
    assert!(rig.harness.query_by_label_contains("nterpreter").is_none());
}
