//! A call: the other person edge to edge, everything else out of the way.

use egui::{Key, Ui};
use vrs_domain::TelephoneState;
use vrs_ui::host::Seen;
use vrs_ui::screens::{Shown, Stage, StagePress, call_stage};
use vrs_ui::situation::{Seat, call_strip, stations};
use vrs_ui::widgets::BarItem;
use vrs_ui::{Kit, glyph, screen_opened};

use super::{beside, own_picture};
use crate::message::Message;
use crate::model::Model;

pub(super) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen, out: &mut Vec<Message>) {
    let _opened = screen_opened(ui.ctx(), "call");
    let facts = model.call.facts(kit.now);
    let (name, missing, icon, peer) = if facts.direct {
        let missing = "no-picture-other";
        ("picture-other", missing, glyph::USER, "text-other")
    } else {
        let missing = "no-picture-interpreter";
        (
            "picture-interpreter",
            missing,
            glyph::HANDS_CLAPPING,
            "text-interpreter",
        )
    };
    let (notice, answers) = beside::notice(kit, model).unzip();
    let answers = answers.unwrap_or_default();
    let (bar, presses): (Vec<_>, Vec<_>) = bar(kit, model).into_iter().unzip();
    let stage = Stage {
        strip: call_strip(kit, Seat::Caller, &facts, model.desk.link),
        notice,
        other: Shown::other(seen, kit.t(name), icon, kit.t(missing)),
        own: own_picture(kit, model, seen),
        way: stations(kit, &facts, None),
        peer: kit.t(peer),
        bar,
        keys: !facts.direct && facts.telephone == Some(TelephoneState::Answered),
        end: ("hang-up", "hang-up-again"),
    };
    let pressed = call_stage(ui, kit, &model.desk, seen.keys, stage, None);
    out.extend(pressed.into_iter().filter_map(|press| match press {
        StagePress::Item(index) => presses.get(index).cloned(),
        StagePress::Notice(index) => answers.get(index).cloned(),
        StagePress::End => Some(Message::HangUp),
        StagePress::Desk(message) => Some(Message::Desk(message)),
    }));
}

/// The controls, and what each of them does.
fn bar(kit: &Kit, model: &Model) -> Vec<(BarItem, Message)> {
    let mut bar = vec![
        (microphone(kit, model), Message::ToggleMicrophone),
        (camera(kit, model), Message::ToggleCamera),
    ];
    let call = model.call.view();
    if let Some(call) = call.filter(|call| call.connected && !call.is_emergency()) {
        bar.push((hold(kit, call.on_hold), Message::ToggleHold));
    }
    if model.may_add() {
        let add = BarItem {
            icon: glyph::PHONE_PLUS,
            word: kit.t("add-call"),
            name: kit.t("add-call-name"),
            key: Key::N,
            pressed: false,
        };
        bar.push((add, Message::ShowDial(true)));
    }
    bar
}

fn hold(kit: &Kit, held: bool) -> BarItem {
    let (icon, word, name) = if held {
        (glyph::PLAY, "hold-end", "hold-end-name")
    } else {
        (glyph::PAUSE, "hold", "hold-name")
    };
    BarItem {
        icon,
        word: kit.t(word),
        name: kit.t(name),
        key: Key::H,
        pressed: held,
    }
}

fn microphone(kit: &Kit, model: &Model) -> BarItem {
    let muted = model.call.view().is_none_or(|call| call.microphone_muted);
    BarItem {
        icon: if muted {
            glyph::MICROPHONE_SLASH
        } else {
            glyph::MICROPHONE
        },
        word: kit.t(if muted {
            "microphone-off"
        } else {
            "microphone"
        }),
        name: kit.t(if muted {
            "microphone-turn-on"
        } else {
            "microphone-turn-off"
        }),
        key: Key::M,
        pressed: muted,
    }
}

fn camera(kit: &Kit, model: &Model) -> BarItem {
    let off = model.call.view().is_some_and(|call| call.camera_off);
    BarItem {
        icon: if off {
            glyph::VIDEO_CAMERA_SLASH
        } else {
            glyph::VIDEO_CAMERA
        },
        word: kit.t(if off { "camera-off" } else { "camera" }),
        name: kit.t(if off {
            "camera-turn-on"
        } else {
            "camera-turn-off"
        }),
        key: Key::C,
        pressed: off,
    }
}
