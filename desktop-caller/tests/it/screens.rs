//! Every screen of the caller's app as a picture.

use crate::rig::{CONTRAST, DARK_ES, ES_200, LIGHT};
use crate::script::{
    ADDRESS_EN, ADDRESS_ES, end_busy, fill_in_address, incoming, located, now_it_is, parked,
    reach_and_press, ringing, signed_in, talking, waiting, waiting_call,
};
use egui::Key;
use egui_kittest::SnapshotResults;

#[test]
fn home_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [
        ("home", LIGHT),
        ("home_dark_es", DARK_ES),
        ("home_contrast", CONTRAST),
        ("home_es_200", ES_200),
    ] {
        let mut rig = signed_in(skin);
        for digit in ["5", "5", "5", "0", "1", "0"] {
            rig.press(digit);
        }
        rig.snapshot(&mut results, name);
    }
}

#[test]
fn a_missing_address_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [
        ("address_wanted", LIGHT),
        ("address_wanted_contrast", CONTRAST),
        ("address_wanted_es_200", ES_200),
    ] {
        let mut rig = signed_in(skin);
        located(&mut rig, false, None);
        rig.snapshot(&mut results, name);
    }
}

#[test]
fn the_address_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    let mut rig = signed_in(LIGHT);
    located(&mut rig, false, None);
    rig.press("Add your address");
    rig.snapshot(&mut results, "address_empty");
    fill_in_address(&mut rig, &ADDRESS_EN);
    rig.press("Save address");
    located(&mut rig, true, Some(Ok(())));
    rig.snapshot(&mut results, "address_kept");
    rig.press("Do not share it");
    rig.snapshot(&mut results, "address_withheld");
    for (name, skin) in [
        ("address_wrong_dark_es", DARK_ES),
        ("address_wrong_es_200", ES_200),
    ] {
        let mut rig = signed_in(skin);
        located(&mut rig, false, None);
        rig.press("Agregar su dirección");
        fill_in_address(&mut rig, &ADDRESS_ES[..3]);
        reach_and_press(&mut rig, "Guardar dirección");
        rig.snapshot(&mut results, name);
    }
}

#[test]
fn a_call_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [("waiting", LIGHT), ("waiting_es_200", ES_200)] {
        let mut rig = signed_in(skin);
        waiting(&mut rig);
        rig.snapshot(&mut results, name);
    }
    let mut rig = signed_in(DARK_ES);
    ringing(&mut rig);
    rig.snapshot(&mut results, "ringing_dark_es");
    for (name, skin) in [
        ("talking", LIGHT),
        ("talking_contrast", CONTRAST),
        ("talking_es_200", ES_200),
    ] {
        let mut rig = signed_in(skin);
        talking(&mut rig);
        rig.snapshot(&mut results, name);
    }
    let mut rig = signed_in(LIGHT);
    talking(&mut rig);
    rig.press("Hide text");
    rig.snapshot(&mut results, "talking_without_text");
}

#[test]
fn being_called_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [
        ("incoming", LIGHT),
        ("incoming_contrast", CONTRAST),
        ("incoming_es_200", ES_200),
    ] {
        let mut rig = signed_in(skin);
        incoming(&mut rig);
        rig.snapshot(&mut results, name);
    }
}

#[test]
fn the_telephones_keys_look_as_they_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [("keys", LIGHT), ("keys_es_200", ES_200)] {
        let mut rig = signed_in(skin);
        talking(&mut rig);
        rig.keys(&[Key::K]);
        rig.type_keys("2*7");
        rig.snapshot(&mut results, name);
    }
}

#[test]
fn the_end_of_a_call_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [("ended", LIGHT), ("ended_es_200", ES_200)] {
        let mut rig = signed_in(skin);
        ringing(&mut rig);
        end_busy(&mut rig);
        rig.snapshot(&mut results, name);
    }
}

#[test]
fn two_calls_look_as_they_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [
        ("second_call", LIGHT),
        ("second_call_contrast", CONTRAST),
        ("second_call_es_200", ES_200),
    ] {
        let mut rig = signed_in(skin);
        talking(&mut rig);
        waiting_call(&mut rig);
        rig.snapshot(&mut results, name);
    }
    for (name, skin) in [("parked", LIGHT), ("parked_es_200", ES_200)] {
        let mut rig = signed_in(skin);
        talking(&mut rig);
        parked(&mut rig);
        rig.snapshot(&mut results, name);
    }
    let mut rig = signed_in(DARK_ES);
    talking(&mut rig);
    rig.keys(&[Key::N]);
    rig.snapshot(&mut results, "adding_dark_es");
    let mut rig = signed_in(LIGHT);
    talking(&mut rig);
    now_it_is(&mut rig, |call| call.on_hold = true);
    rig.snapshot(&mut results, "on_hold");
}

#[test]
fn a_call_between_videophones_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    let mut rig = signed_in(LIGHT);
    waiting(&mut rig);
    now_it_is(&mut rig, |call| {
        call.kind = Some(vrs_domain::CallKind::PointToPoint);
        call.telephone = vrs_domain::TelephoneState::Ringing;
    });
    rig.snapshot(&mut results, "direct_ringing");
}
