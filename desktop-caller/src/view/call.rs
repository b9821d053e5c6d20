//! A call: the interpreter edge to edge, everything else out of the way.

use egui::{Key, Ui};
use vrs_ui::host::Seen;
use vrs_ui::screens::{Shown, Stage, StagePress, call_stage};
use vrs_ui::situation::{Seat, call_strip, stations};
use vrs_ui::widgets::BarItem;
use vrs_ui::{Kit, glyph, screen_opened};

use super::own_picture;
use crate::message::Message;
use crate::model::Model;

pub(super) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen, out: &mut Vec<Message>) {
    let _opened = screen_opened(ui.ctx(), "call");
    let facts = model.call.facts(kit.now);
    let (name, missing) = (
        kit.t("picture-interpreter"),
        kit.t("no-picture-interpreter"),
    );
    let stage = Stage {
        strip: call_strip(kit, Seat::Caller, &facts, model.desk.link),
        other: Shown::other(seen, name, glyph::HANDS_CLAPPING, missing),
        own: own_picture(kit, model, seen),
        way: stations(kit, &facts, None),
        peer: kit.t("text-interpreter"),
        bar: vec![microphone(kit, model), camera(kit, model)],
        end: ("hang-up", "hang-up-again"),
    };
    let presses = call_stage(ui, kit, &model.desk, seen.keys, stage, None);
    out.extend(presses.into_iter().map(|press| match press {
        StagePress::Item(0) => Message::ToggleMicrophone,
        StagePress::Item(_) => Message::ToggleCamera,
        StagePress::End => Message::HangUp,
        StagePress::Desk(message) => Message::Desk(message),
    }));
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
