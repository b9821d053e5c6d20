//! Other interpreters beside this one: who is there, whom to ask for, and why.

use egui::{Key, Ui};
use vrs_client::CallView;
use vrs_domain::{CaId, ReliefReason, Seat, limit};
use vrs_ui::theme::size;
use vrs_ui::widgets::{BarItem, Kind, Notice, words};
use vrs_ui::{Kit, glyph};

use crate::message::Message;
use crate::model::{Asking, Model};

/// The control that opens the choice; only the lead asks for others.
pub(super) fn control(kit: &Kit, model: &Model) -> Option<(BarItem, Message)> {
    let call = model.call.view().filter(|call| call.connected)?;
    let may_ask = model.seat() == Seat::Lead && !free_seats(call).is_empty();
    let open = model.asking != Asking::Closed;
    let item = BarItem {
        icon: glyph::USERS_THREE,
        word: kit.t("interpreters"),
        name: kit.t("interpreters-name"),
        key: Key::I,
        pressed: open,
    };
    let next = if open { Asking::Closed } else { Asking::Whom };
    (may_ask && model.sought.is_none()).then_some((item, Message::Show(next)))
}

/// The notice under the strip, and what its buttons do.
pub(super) fn notice(kit: &Kit, model: &Model) -> Option<(Notice, Vec<Message>)> {
    let call = model.call.view().filter(|call| call.connected)?;
    match (model.asking, model.sought, &call.seats.relief) {
        (Asking::Whom, ..) => Some(whom(kit, call)),
        (Asking::Why, ..) => Some(why(kit, model)),
        (Asking::Closed, Some(seat), _) => Some(sought(kit, seat)),
        (Asking::Closed, None, Some(relief)) if model.seat() == Seat::Lead => {
            let sentence = kit.with("seat-ready", &[("id", relief.to_string().into())]);
            Some((Notice::new(glyph::USER_SWITCH, sentence), Vec::new()))
        }
        (Asking::Closed, None, _) => own_seat(model.seat())
            .map(|key| (Notice::new(glyph::USERS_THREE, kit.t(key)), Vec::new())),
    }
}

/// Whether somebody stands ready to take over from this interpreter.
pub(super) fn may_hand_over(model: &Model) -> bool {
    let ready = |call: &CallView| call.seats.relief.is_some();
    model.seat() == Seat::Lead && model.call.view().is_some_and(ready)
}

/// Who else interprets or helps, one line each.
pub(super) fn list(ui: &mut Ui, kit: &Kit, model: &Model) {
    let Some(call) = model.call.view() else {
        return;
    };
    let own = model.seat();
    let lead = call.interpreter.as_ref().filter(|_| own != Seat::Lead);
    let seats: [(Seat, Option<&CaId>); 4] = [
        (Seat::Lead, lead),
        (Seat::Relief, call.seats.relief.as_ref()),
        (Seat::Team, call.seats.team.as_ref()),
        (Seat::Supervisor, call.seats.supervisor.as_ref()),
    ];
    let there = seats.into_iter().filter(|(seat, _)| *seat != own);
    let there: Vec<_> = there.filter_map(|(seat, ca)| Some((seat, ca?))).collect();
    if there.is_empty() {
        return;
    }
    ui.add_space(size::SPACE_XL);
    words::plain(ui, &kit.t("beside-me"), size::BODY, kit.palette.ink_2);
    for (seat, ca) in there {
        let seat = kit.t(&format!("seat-{}", seat.word()));
        let line = kit.with(
            "seat-is",
            &[("seat", seat.into()), ("id", ca.to_string().into())],
        );
        words::strong(ui, &line, size::LEAD, kit.palette.ink);
    }
}

fn own_seat(seat: Seat) -> Option<&'static str> {
    match seat {
        Seat::Lead => None,
        Seat::Relief => Some("ca-relief"),
        Seat::Team => Some("ca-team"),
        Seat::Supervisor => Some("ca-supervisor"),
    }
}

/// Seats that nobody has, in the order in which they are needed, each with its key.
fn free_seats(call: &CallView) -> Vec<(Seat, Key)> {
    let seats = [
        (Seat::Team, Key::E, call.seats.team.is_none()),
        (Seat::Relief, Key::R, call.seats.relief.is_none()),
        (Seat::Supervisor, Key::S, call.seats.supervisor.is_none()),
    ];
    let free = seats.into_iter().filter(|(_, _, free)| *free);
    free.map(|(seat, key, _)| (seat, key)).collect()
}

fn whom(kit: &Kit, call: &CallView) -> (Notice, Vec<Message>) {
    let mut notice = Notice::new(glyph::USERS_THREE, kit.t("seat-ask"));
    let mut presses = Vec::new();
    for (seat, key) in free_seats(call) {
        let (icon, press) = match seat {
            Seat::Team | Seat::Lead => (glyph::USERS, Message::Ask(seat, None)),
            Seat::Relief => (glyph::USER_SWITCH, Message::Show(Asking::Why)),
            Seat::Supervisor => (glyph::LIFEBUOY, Message::Ask(seat, None)),
        };
        let word = kit.t(&format!("seat-{}", seat.word()));
        notice = notice.action(icon, word, key, Kind::Secondary);
        presses.push(press);
    }
    presses.push(Message::Show(Asking::Closed));
    (
        notice.action(glyph::X, kit.t("seat-close"), Key::X, Kind::Plain),
        presses,
    )
}

/// Before ten minutes of conversation only what cannot wait is a reason (47 CFR 64.604(a)(1)(v)).
fn why(kit: &Kit, model: &Model) -> (Notice, Vec<Message>) {
    const KEYS: [Key; 5] = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5];
    let talked = model.call.facts(kit.now).conversation.unwrap_or_default();
    let early = talked < limit::RELIEF_AFTER;
    let sentence = kit.t(if early { "seat-why-early" } else { "seat-why" });
    let mut notice = Notice::new(glyph::USER_SWITCH, sentence);
    let mut presses = Vec::new();
    let reasons = ReliefReason::ALL
        .iter()
        .filter(|reason| !early || reason.is_at_once());
    for (&reason, key) in reasons.zip(KEYS) {
        let (icon, word) = (icon_of(reason), kit.t(&format!("relief-{}", reason.word())));
        notice = notice.action(icon, word, key, Kind::Secondary);
        presses.push(Message::Ask(Seat::Relief, Some(reason)));
    }
    presses.push(Message::Show(Asking::Closed));
    (
        notice.action(glyph::X, kit.t("seat-close"), Key::X, Kind::Plain),
        presses,
    )
}

const fn icon_of(reason: ReliefReason) -> &'static str {
    match reason {
        ReliefReason::Rotation => glyph::CLOCK,
        ReliefReason::Illness => glyph::FIRST_AID,
        ReliefReason::Conflict => glyph::WARNING,
        ReliefReason::Understanding => glyph::QUESTION,
        ReliefReason::Requested => glyph::USER,
    }
}

fn sought(kit: &Kit, seat: Seat) -> (Notice, Vec<Message>) {
    let sentence = kit.t(&format!("seat-sought-{}", seat.word()));
    let notice = Notice::new(glyph::HOURGLASS_MEDIUM, sentence);
    let withdraw = kit.t("seat-withdraw");
    let notice = notice.action(glyph::X, withdraw, Key::W, Kind::Secondary);
    (notice, vec![Message::Withdraw(seat)])
}
