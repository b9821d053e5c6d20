//! What an interpreter does, by the names of the controls and by keys alone.

use crate::rig::{CONTRAST, DARK_ES, ES_200, LIGHT};
use crate::script::{invite, invited, ringing, signed_in, talking};
use egui::Key;
use egui_kittest::kittest::Queryable;
use vrs_client::Command;
use vrs_domain::{Activity, EndReason};

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
fn tab_reaches_every_control_of_every_screen() {
    let mut rig = signed_in(CONTRAST, false);
    rig.check_tab_reaches(&["Calls", "Settings", "Available for calls"]);
    let mut rig = invited(DARK_ES);
    rig.check_tab_reaches(&["Aceptar", "Rechazar"]);
    let call = [
        "Mute your microphone",
        "Turn the telephone’s sound off",
        "Hide text",
        "End",
        "Your text",
    ];
    talking(LIGHT).check_tab_reaches(&call);
    let low = [
        "Silenciar su micrófono",
        "Quitar el sonido del teléfono",
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
