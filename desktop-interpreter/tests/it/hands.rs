//! What an interpreter does, by the names of the controls and by keys alone.

use std::time::Duration;

use crate::rig::{CONTRAST, DARK_ES, ES_200, LIGHT};
use crate::script::{invite, invite_to, invited, now_it_is, ringing, signed_in, talking};
use egui::Key;
use egui_kittest::kittest::Queryable;
use vrs_client::{Command, Event, SeatRefusal};
use vrs_domain::{Activity, CallKind, EndReason, Leg, ReliefReason, Seat, Sensitive, Urgency};
use vrs_ui::key_pad::KeyPad;

#[test]
fn u17_a_whole_call_is_taken_and_ended_by_keys_alone() {
    let mut rig = signed_in(LIGHT, false);
    rig.keys(&[Key::A, Key::A]);
    invite(&mut rig);
    rig.keys(&[Key::Space]);
    assert_eq!(
        rig.twin.take_asked(),
        [
            Command::SetActivity(Activity::Away),
            Command::SetActivity(Activity::Available),
            Command::Answer
        ]
    );
    let mut rig = talking(LIGHT);
    drop(rig.twin.take_asked());
    rig.keys(&[Key::M, Key::V, Key::Escape, Key::Escape]);
    let expected = [
        Command::SetMicrophoneMuted(true),
        Command::SetSpeakerMuted(true),
        Command::HangUp,
    ];
    assert_eq!(rig.twin.take_asked(), expected);
}

#[test]
fn an_invitation_is_declined_by_button_and_by_key() {
    for by_key in [false, true] {
        let mut rig = signed_in(LIGHT, false);
        invite(&mut rig);
        if by_key {
            rig.keys(&[Key::Escape]);
        } else {
            rig.press("Decline");
        }
        assert_eq!(rig.twin.take_asked(), [Command::Decline]);
    }
}

#[test]
fn one_escape_never_ends_a_call_and_leaving_a_field_is_not_one_of_two() {
    let mut rig = talking(LIGHT);
    drop(rig.twin.take_asked());
    rig.press("Your text");
    rig.keys(&[Key::Escape, Key::Escape]);
    assert_eq!(rig.twin.take_asked(), []);
    rig.keys(&[Key::Escape]);
    assert_eq!(rig.twin.take_asked(), [Command::HangUp]);
}

#[test]
fn two_slow_escapes_do_not_end_a_call() {
    let mut rig = talking(LIGHT);
    drop(rig.twin.take_asked());
    rig.keys(&[Key::Escape]);
    rig.pass(3);
    rig.keys(&[Key::Escape]);
    assert_eq!(rig.twin.take_asked(), []);
}

#[test]
fn typing_in_the_text_field_mutes_nobody() {
    let mut rig = talking(LIGHT);
    drop(rig.twin.take_asked());
    rig.write("Your text", "my van");
    rig.keys(&[Key::M, Key::V]);
    assert_eq!(rig.twin.take_asked(), [Command::SendText("my van".into())]);
}

#[test]
fn r43_keys_are_pressed_by_button_and_by_keyboard_and_seen_again() {
    let mut rig = talking(LIGHT);
    drop(rig.twin.take_asked());
    rig.type_keys("1");
    assert_eq!(rig.twin.take_asked(), [], "the keys are not shown");
    rig.keys(&[Key::K]);
    rig.type_keys("90");
    rig.press("Hash");
    let keys = ['9', '0', '#'].map(|key| Command::SendKey(Sensitive::new(key)));
    assert_eq!(rig.twin.take_asked(), keys);
    rig.harness.get_by_label("Sent: 9 0 #");
    rig.say(Event::KeyPressed(Sensitive::new('5')));
    rig.harness.get_by_label("From the telephone: 5");
    rig.keys(&[Key::K]);
    assert!(rig.harness.query_by_label("Sent: 9 0 #").is_none());
    // The next call knows nothing of them.
    rig.end(EndReason::HearingHungUp);
    assert_eq!(rig.harness.state().model().desk.key_pad, KeyPad::default());
}

#[test]
fn digits_typed_as_text_stay_text_and_those_of_a_choice_choose() {
    let mut rig = talking(LIGHT);
    rig.press("Show the telephone’s keys");
    drop(rig.twin.take_asked());
    rig.write("Your text", "911");
    assert_eq!(rig.twin.take_asked(), [Command::SendText("911".into())]);
    rig.keys(&[Key::Escape, Key::I, Key::R]);
    rig.type_keys("1");
    assert_eq!(rig.twin.take_asked(), [], "the notice prints this digit");
}

#[test]
fn who_does_not_lead_and_who_waits_for_the_telephone_has_no_keys() {
    let show = "Show the telephone’s keys";
    let mut rig = ringing(LIGHT);
    assert!(rig.harness.query_by_label(show).is_none());
    rig = talking(LIGHT);
    rig.harness.get_by_label(show);
    now_it_is(&mut rig, |call| call.leg = Leg::Team);
    assert!(rig.harness.query_by_label(show).is_none());
}

#[test]
fn tab_reaches_every_control_of_every_screen() {
    let mut rig = signed_in(CONTRAST, false);
    rig.check_tab_reaches(&[
        "Calls",
        "Settings",
        "Available for calls",
        "Break",
        "Meal",
        "Training",
        "Away",
    ]);
    let mut rig = invited(DARK_ES);
    rig.check_tab_reaches(&["Aceptar", "Rechazar"]);
    let call = [
        "Mute your microphone",
        "Turn the telephone’s sound off",
        "Ask for another interpreter",
        "Show the telephone’s keys",
        "Hide text",
        "End",
        "Your text",
    ];
    talking(LIGHT).check_tab_reaches(&call);
    let mut rig = talking(ES_200);
    rig.keys(&[Key::K]);
    let pad = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];
    let named = ["Asterisco", "Almohadilla"];
    let others = [
        "Silenciar su micrófono",
        "Quitar el sonido del teléfono",
        "Pedir otro intérprete",
        "Ocultar las teclas del teléfono",
        "Mostrar el texto",
        "Terminar",
    ];
    rig.check_tab_reaches(&[&pad[..], &named, &others].concat());
    let low = [
        "Silenciar su micrófono",
        "Quitar el sonido del teléfono",
        "Pedir otro intérprete",
        "Mostrar el texto",
        "Terminar",
    ];
    ringing(ES_200).check_tab_reaches(&low);
}

#[test]
fn an_invitation_that_goes_elsewhere_is_told() {
    let mut rig = invited(LIGHT);
    rig.end(EndReason::CallerCancelled);
    rig.harness
        .get_by_label("The request went to somebody else.");
    assert!(rig.harness.query_by_label("Accept").is_none());
}

#[test]
fn with_the_flag_an_invitation_is_taken_at_once() {
    let mut rig = signed_in(LIGHT, true);
    invite(&mut rig);
    assert_eq!(rig.twin.take_asked(), [Command::Answer]);
    assert!(rig.harness.query_by_label("Accept").is_none());
}

#[test]
fn a_break_is_chosen_and_told() {
    let mut rig = signed_in(LIGHT, false);
    rig.press("Meal");
    rig.harness
        .get_by_label("You are at a meal. No calls come to you.");
    rig.keys(&[Key::A]);
    let expected = [
        Command::SetActivity(Activity::Meal),
        Command::SetActivity(Activity::Available),
    ];
    assert_eq!(rig.twin.take_asked(), expected);
}

#[test]
fn a_team_is_asked_for_taken_back_and_shown_when_it_comes() {
    let mut rig = talking(LIGHT);
    drop(rig.twin.take_asked());
    rig.keys(&[Key::I, Key::E]);
    rig.harness
        .get_by_label("Looking for a second interpreter…");
    rig.keys(&[Key::W, Key::I]);
    rig.press("Team");
    let ask = Command::AskSeat {
        seat: Seat::Team,
        reason: None,
    };
    let expected = [ask.clone(), Command::WithdrawSeat(Seat::Team), ask];
    assert_eq!(rig.twin.take_asked(), expected);
    now_it_is(&mut rig, |call| {
        call.seats.team = Some("5678".parse().unwrap())
    });
    rig.harness.get_by_label("Team: 5678");
    let waits = "Looking for a second interpreter…";
    assert!(rig.harness.query_by_label(waits).is_none());
}

#[test]
fn f4_before_ten_minutes_a_relief_needs_one_of_the_named_reasons() {
    let mut rig = ringing(LIGHT);
    let now = rig.now();
    now_it_is(&mut rig, |call| call.conversation_started = Some(now));
    drop(rig.twin.take_asked());
    rig.pass(599);
    rig.keys(&[Key::I, Key::R]);
    assert!(rig.harness.query_by_label("Ordinary change").is_none());
    rig.keys(&[Key::Num1]);
    rig.keys(&[Key::W]);
    rig.pass(1);
    rig.keys(&[Key::I, Key::R]);
    rig.press("Ordinary change");
    let ask = |reason| Command::AskSeat {
        seat: Seat::Relief,
        reason: Some(reason),
    };
    let expected = [
        ask(ReliefReason::Illness),
        Command::WithdrawSeat(Seat::Relief),
        ask(ReliefReason::Rotation),
    ];
    assert_eq!(rig.twin.take_asked(), expected);
}

#[test]
fn what_was_refused_is_told_once() {
    let mut rig = talking(LIGHT);
    rig.keys(&[Key::I, Key::S]);
    let refused = SeatRefusal {
        seat: Seat::Supervisor,
        why: "before ten minutes of conversation".into(),
    };
    now_it_is(&mut rig, |call| call.refused = Some(refused));
    rig.harness
        .get_by_label("Not yet: an ordinary change comes after 10 minutes of conversation.");
    let waits = "Looking for a supervisor…";
    assert!(rig.harness.query_by_label(waits).is_none());
}

#[test]
fn when_the_relief_is_there_the_call_is_handed_over() {
    let mut rig = talking(LIGHT);
    drop(rig.twin.take_asked());
    now_it_is(&mut rig, |call| {
        call.seats.relief = Some("5678".parse().unwrap());
    });
    rig.harness
        .get_by_label("Interpreter 5678 is here and ready to take over.");
    rig.press("Hand over");
    assert_eq!(rig.twin.take_asked(), [Command::HangUp]);
}

#[test]
fn who_is_not_the_lead_knows_it_and_asks_for_nobody() {
    let mut rig = talking(LIGHT);
    now_it_is(&mut rig, |call| call.leg = Leg::Team);
    rig.harness
        .get_by_label("You are the second interpreter of a team.");
    rig.harness.get_by_label("Lead interpreter: 1234");
    let ask = "Ask for another interpreter";
    assert!(rig.harness.query_by_label(ask).is_none());
}

#[test]
fn after_a_call_there_is_time_and_calls_come_at_once_when_they_are_wanted() {
    let mut rig = talking(LIGHT);
    now_it_is(&mut rig, |call| {
        call.wrap_up = Some(Duration::from_secs(90));
    });
    rig.end(EndReason::CallerHungUp);
    rig.harness
        .get_by_label("You are wrapping up. Nobody is sent to you yet.");
    rig.harness.get_by_label("Wrap-up 1:30");
    rig.pass(30);
    rig.harness.get_by_label("Wrap-up 1:00");
    drop(rig.twin.take_asked());
    rig.keys(&[Key::A]);
    let available = Command::SetActivity(Activity::Available);
    assert_eq!(rig.twin.take_asked(), [available]);
    let ready = "You are available. The next call comes to you.";
    rig.harness.get_by_label(ready);
    // It also ends by itself.
    let mut rig = talking(LIGHT);
    now_it_is(&mut rig, |call| {
        call.wrap_up = Some(Duration::from_secs(5));
    });
    rig.end(EndReason::CallerHungUp);
    rig.pass(5);
    rig.harness.get_by_label(ready);
    assert!(rig.harness.query_by_label("Take calls now").is_none());
}

#[test]
fn an_invitation_says_what_it_is() {
    let mut rig = signed_in(LIGHT, false);
    invite_to(&mut rig, |it| it.urgency = Some(Urgency::Emergency));
    rig.harness.get_by_label("Emergency. A caller asks for you");
    let mut rig = signed_in(LIGHT, false);
    invite_to(&mut rig, |it| {
        it.answer_within = Some(Duration::from_secs(45));
    });
    // Longer than where nothing is said.
    rig.pass(21);
    let now = rig.now();
    let left = rig.harness.state().model().invitation_left(now);
    assert!((10..25).contains(&left.as_secs()), "{left:?}");
    let mut rig = signed_in(LIGHT, false);
    invite_to(&mut rig, |it| {
        (it.kind, it.number) = (Some(CallKind::RelayInbound), None);
    });
    rig.harness.get_by_label("A telephone calls a Deaf person");
    rig.harness.get_by_label("The telephone’s number");
    let mut rig = signed_in(LIGHT, false);
    invite_to(&mut rig, |it| it.seat = Some(Seat::Relief));
    rig.harness
        .get_by_label("An interpreter asks you to take over");
}

#[test]
fn hold_is_told_to_the_interpreter() {
    let mut rig = talking(LIGHT);
    now_it_is(&mut rig, |call| call.held = vec![Leg::Caller]);
    rig.harness
        .get_by_label("The caller put the call on hold. Tell the person on the telephone.");
}

#[test]
fn who_missed_too_many_is_told_that_they_are_away() {
    let mut rig = signed_in(LIGHT, false);
    rig.say(Event::Activity(Activity::Away));
    rig.harness
        .get_by_label("You are away. No calls come to you.");
    rig.harness.get_by_label_contains("You did not answer");
    rig.keys(&[Key::A]);
    let back = Command::SetActivity(Activity::Available);
    assert_eq!(rig.twin.take_asked(), [back]);
}
