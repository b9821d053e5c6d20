//! Every screen of the interpreter's app as a picture.

use crate::rig::{CONTRAST, DARK_ES, ES_200, LIGHT};
use crate::script::{invite_to, invited, now_it_is, ringing, signed_in, talking};
use egui::Key;
use egui_kittest::SnapshotResults;
use vrs_client::Event;
use vrs_domain::{EndReason, Sensitive, Urgency};

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
fn the_time_after_a_call_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [("wrap_up", LIGHT), ("wrap_up_es_200", ES_200)] {
        let mut rig = talking(skin);
        now_it_is(&mut rig, |call| {
            call.wrap_up = Some(std::time::Duration::from_secs(90));
        });
        rig.end(EndReason::HearingHungUp);
        rig.snapshot(&mut results, name);
    }
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

#[test]
fn an_emergency_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    let mut rig = signed_in(LIGHT, false);
    invite_to(&mut rig, |it| {
        (it.urgency, it.number) = (Some(Urgency::Emergency), Some("911".parse().unwrap()));
    });
    rig.snapshot(&mut results, "invitation_emergency");
    let mut rig = talking(LIGHT);
    now_it_is(&mut rig, |call| {
        call.urgency = Some(Urgency::Emergency);
        call.missing = vec![vrs_domain::Leg::Caller];
    });
    rig.snapshot(&mut results, "emergency");
}

#[test]
fn the_telephones_keys_look_as_they_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [
        ("keys", LIGHT),
        ("keys_contrast", CONTRAST),
        ("keys_es_200", ES_200),
    ] {
        let mut rig = talking(skin);
        rig.keys(&[Key::K]);
        rig.type_keys("1905#");
        rig.say(Event::KeyPressed(Sensitive::new('7')));
        rig.snapshot(&mut results, name);
    }
}

#[test]
fn asking_for_others_looks_as_it_should() {
    let mut results = SnapshotResults::new();
    for (name, skin) in [("asking", LIGHT), ("asking_es_200", ES_200)] {
        let mut rig = talking(skin);
        rig.keys(&[Key::I]);
        rig.snapshot(&mut results, name);
    }
    for (name, skin) in [("relief_why", LIGHT), ("relief_why_contrast", CONTRAST)] {
        let mut rig = talking(skin);
        rig.keys(&[Key::I, Key::R]);
        rig.snapshot(&mut results, name);
    }
    let mut rig = talking(DARK_ES);
    now_it_is(&mut rig, |call| {
        call.seats.relief = Some("5678".parse().unwrap());
        call.seats.team = Some("9012".parse().unwrap());
    });
    rig.snapshot(&mut results, "relief_ready_dark_es");
}
