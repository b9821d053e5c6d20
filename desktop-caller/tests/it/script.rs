//! What may happen to a caller, as the engine would tell it.

use desktop_caller::Model;
use egui_kittest::kittest::Queryable;
use vrs_client::devices::Look;
use vrs_client::{CallView, Direction, Event, Invitation, LocationReport};
use vrs_domain::{EndReason, LocationRefusal, SessionId, SessionState, TelephoneState};
use vrs_ui::place::Place;

use crate::rig::{Rig, SOMEBODY, Skin};

pub(crate) const ME: &str = "+15550100001";

pub(crate) fn signed_out(skin: Skin) -> Rig<Model> {
    Rig::new(skin, ME, |mut desk| {
        desk.place = Some(Place::default());
        Model {
            desk,
            ..Model::default()
        }
    })
}

pub(crate) fn signed_in(skin: Skin) -> Rig<Model> {
    signed_out(skin).sign_in(ME, Look::CALLER)
}

pub(crate) fn waiting(rig: &mut Rig<Model>) {
    let view = rig.call(
        Direction::Outgoing,
        SessionState::RequestReceived,
        TelephoneState::Idle,
    );
    rig.say(Event::Call(CallView {
        interpreter: None,
        queue_position: Some(2),
        ..view
    }));
    rig.pass(14);
}

pub(crate) fn ringing(rig: &mut Rig<Model>) {
    rig.film_other(Look::INTERPRETER);
    let view = rig.call(
        Direction::Outgoing,
        SessionState::HearingPartyDialing,
        TelephoneState::Ringing,
    );
    rig.say(Event::Call(view));
    rig.pass(13);
}

pub(crate) fn talking(rig: &mut Rig<Model>) {
    ringing(rig);
    let view = rig.call(
        Direction::Outgoing,
        SessionState::RelayActive,
        TelephoneState::Answered,
    );
    rig.say(Event::Call(CallView {
        conversation_started: Some(rig.now()),
        ..view
    }));
    rig.pass(65);
    rig.say(Event::TextReceived(
        "The office opens at 8:30.\u{2028}Your number there is A-".into(),
    ));
}

pub(crate) fn end_busy(rig: &mut Rig<Model>) {
    rig.end(EndReason::HearingBusy);
}

pub(crate) fn incoming(rig: &mut Rig<Model>) {
    let from = SOMEBODY.into();
    rig.say(Event::Incoming(Invitation {
        session: None,
        number: None,
        languages: None,
        epoch: None,
        from,
        ..Invitation::default()
    }));
    let view = rig.call(
        Direction::Incoming,
        SessionState::RequestReceived,
        TelephoneState::Idle,
    );
    rig.say(Event::Call(view));
}

/// Another telephone.
pub(crate) const ANOTHER: &str = "+15550100142";

/// A second call comes in during the first.
pub(crate) fn waiting_call(rig: &mut Rig<Model>) {
    rig.say(Event::Incoming(Invitation {
        from: ANOTHER.into(),
        ..Invitation::default()
    }));
}

/// A call is on hold beside the one there is.
pub(crate) fn parked(rig: &mut Rig<Model>) {
    let view = rig.call(
        Direction::Outgoing,
        SessionState::RelayActive,
        TelephoneState::Answered,
    );
    rig.say(Event::Parked(Some(CallView {
        session: Some(SessionId(7)),
        number: Some(ANOTHER.parse().unwrap()),
        conversation_started: Some(rig.now()),
        on_hold: true,
        ..view
    })));
    rig.pass(200);
}

/// The provider says whether it has an address, and what it thinks of the one it was told.
pub(crate) fn located(
    rig: &mut Rig<Model>,
    registered: bool,
    answer: Option<Result<(), LocationRefusal>>,
) {
    rig.say(Event::Location(LocationReport {
        registered: Some(registered),
        answer,
    }));
}

/// The fields of an address and what is typed into them.
pub(crate) const ADDRESS_EN: [(&str, &str); 6] = [
    ("Country", "us"),
    ("State", "NY"),
    ("City", "New York"),
    ("Postal code", "10007"),
    ("Street", "Broadway"),
    ("House number", "123"),
];
/// The same in Spanish.
pub(crate) const ADDRESS_ES: [(&str, &str); 6] = [
    ("País", "us"),
    ("Estado", "NY"),
    ("Ciudad", "New York"),
    ("Código postal", "10007"),
    ("Calle", "Broadway"),
    ("Número de casa", "123"),
];

/// Presses what may have to be scrolled to.
pub(crate) fn reach_and_press(rig: &mut Rig<Model>, label: &str) {
    rig.harness.get_by_label(label).scroll_to_me();
    rig.harness.run();
    rig.press(label);
}

pub(crate) fn fill_in_address(rig: &mut Rig<Model>, fields: &[(&str, &str)]) {
    for (label, text) in fields {
        rig.write(label, text);
    }
}

/// A change of the call there is.
pub(crate) fn now_it_is(rig: &mut Rig<Model>, change: impl FnOnce(&mut CallView)) {
    let mut view = rig.harness.state().model().call.view().unwrap().clone();
    change(&mut view);
    rig.say(Event::Call(view));
}
