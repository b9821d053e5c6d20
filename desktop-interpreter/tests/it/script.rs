//! What may happen to an interpreter, as the engine would tell it.

use desktop_interpreter::Model;
use egui::Key;
use vrs_client::devices::Look;
use vrs_client::{CallView, Direction, Event, Invitation};
use vrs_domain::{SessionState, TelephoneState};

use crate::rig::{Rig, SOMEBODY, Skin};

const ME: &str = "1234";

pub(crate) fn signed_in(skin: Skin, auto_accept: bool) -> Rig<Model> {
    let rig = Rig::new(skin, ME, |desk| Model {
        desk,
        auto_accept,
        ..Model::default()
    });
    rig.sign_in(ME, Look::INTERPRETER)
}

pub(crate) fn invited(skin: Skin) -> Rig<Model> {
    let mut rig = signed_in(skin, false);
    invite(&mut rig);
    rig
}

pub(crate) fn invite(rig: &mut Rig<Model>) {
    invite_to(rig, |_| ());
}

/// An invitation that is not the ordinary one.
pub(crate) fn invite_to(rig: &mut Rig<Model>, change: impl FnOnce(&mut Invitation)) {
    let mut invitation = Invitation {
        session: None,
        number: Some(SOMEBODY.parse().unwrap()),
        languages: Some("ase/en".parse().unwrap()),
        epoch: None,
        from: "relay".into(),
        ..Invitation::default()
    };
    change(&mut invitation);
    rig.say(Event::Incoming(invitation));
    rig.pass(6);
}

/// A change of the call there is.
pub(crate) fn now_it_is(rig: &mut Rig<Model>, change: impl FnOnce(&mut CallView)) {
    let mut view = rig.harness.state().model().call.view().unwrap().clone();
    change(&mut view);
    rig.say(Event::Call(view));
}

pub(crate) fn ringing(skin: Skin) -> Rig<Model> {
    let mut rig = invited(skin);
    rig.keys(&[Key::Space]);
    let view = rig.call(
        Direction::Incoming,
        SessionState::HearingPartyDialing,
        TelephoneState::Ringing,
    );
    rig.say(Event::Call(view));
    rig.pass(13);
    rig
}

pub(crate) fn talking(skin: Skin) -> Rig<Model> {
    let mut rig = ringing(skin);
    rig.film_other(Look::CALLER);
    let view = rig.call(
        Direction::Incoming,
        SessionState::RelayActive,
        TelephoneState::Answered,
    );
    let began = rig.now() + std::time::Duration::from_secs(18);
    rig.say(Event::Call(CallView {
        conversation_started: Some(began),
        ..view
    }));
    rig.pass(760);
    rig.say(Event::Levels {
        microphone_dbfs: -38.0,
        speaker_dbfs: -14.0,
        heard_hz: 440.0,
    });
    rig.say(Event::TextReceived(
        "A-4471\u{2028}and my date of birth is in Mar".into(),
    ));
    rig
}
