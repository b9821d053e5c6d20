//! Every screen of the caller's app as a picture.

use crate::rig::{CONTRAST, DARK_ES, ES_200, LIGHT};
use crate::script::{end_busy, incoming, ringing, signed_in, talking, waiting};
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
fn the_end_of_a_call_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [("ended", LIGHT), ("ended_es_200", ES_200)] {
        let mut rig = signed_in(skin);
        ringing(&mut rig);
        end_busy(&mut rig);
        rig.snapshot(&mut results, name);
    }
}
