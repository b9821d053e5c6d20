//! Every screen of the interpreter's app as a picture.

use crate::rig::{CONTRAST, DARK_ES, ES_200, LIGHT};
use crate::script::{invited, ringing, signed_in, talking};
use egui::Key;
use egui_kittest::SnapshotResults;
use vrs_domain::EndReason;

#[test]
fn before_a_call_it_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [
        ("available", LIGHT),
        ("available_contrast", CONTRAST),
        ("available_es_200", ES_200),
    ] {
        signed_in(skin, false).snapshot(&mut results, name);
    }
    let mut rig = signed_in(DARK_ES, false);
    rig.keys(&[Key::A]);
    rig.snapshot(&mut results, "away_dark_es");
}

#[test]
fn an_invitation_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [
        ("invitation", LIGHT),
        ("invitation_contrast", CONTRAST),
        ("invitation_es_200", ES_200),
    ] {
        invited(skin).snapshot(&mut results, name);
    }
}

#[test]
fn a_call_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    ringing(LIGHT).snapshot(&mut results, "ringing");
    for (name, skin) in [("talking_contrast", CONTRAST), ("talking_es_200", ES_200)] {
        talking(skin).snapshot(&mut results, name);
    }
    let mut rig = talking(LIGHT);
    rig.snapshot(&mut results, "talking");
    rig.end(EndReason::HearingHungUp);
    rig.snapshot(&mut results, "after_a_call");
}
