//! A call: the interpreter edge to edge, everything else out of the way.

use egui::{Key, Ui};
use vrs_ui::desk::DeskMessage;
use vrs_ui::host::Seen;
use vrs_ui::screens::{Shown, Stage, StagePress, call_stage, text_is_open};
use vrs_ui::situation::{caller_strip, link_strip, stations};
use vrs_ui::widgets::{BarItem, BarPress, EndButton, Placeholder, Strip};
use vrs_ui::{Kit, glyph, screen_opened};

use super::{OwnWords, own_picture};
use crate::message::Message;
use crate::model::Model;

const MICROPHONE: usize = 0;
const CAMERA: usize = 1;
const TEXT: usize = 2;

pub(super) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen, out: &mut Vec<Message>) {
    let _opened = screen_opened(ui.ctx(), "call");
    let facts = model.facts(kit.now);
    let mut strip = caller_strip(kit, &facts);
    if let Some(lost) = link_strip(kit, model.desk.link) {
        strip = Strip { facts: strip.facts, ..lost };
    }
    let width = ui.available_width();
    let text_open = text_is_open(model.desk.text_open, width);
    let own_words = OwnWords::new(kit);
    let (name, empty) = (kit.t("picture-interpreter"), kit.t("no-picture-interpreter"));
    let way = kit.t("journey");
    let peer = kit.t("text-interpreter");
    let stage = Stage {
        strip: &strip,
        remote: Shown {
            view: &seen.remote,
            name: &name,
            tag: "",
            mirrored: false,
            empty: Placeholder { icon: glyph::HANDS_CLAPPING, words: &empty },
        },
        local: own_picture(model, seen, &own_words),
        way: Some((&way, stations(kit, &facts, None))),
        text_open: model.desk.text_open,
        conversation: &model.desk.conversation,
        peer: &peer,
        bar: &bar(kit, model, text_open),
        end: &end_button(kit, model),
    };
    for press in call_stage(ui, kit, &stage, None) {
        out.push(match press {
            StagePress::Typed(typed) => DeskMessage::Typed(typed).into(),
            StagePress::Bar(BarPress::End) => Message::HangUp,
            StagePress::Bar(BarPress::Item(item)) => item_message(item, text_open),
        });
    }
    for (key, item) in [(Key::M, MICROPHONE), (Key::C, CAMERA), (Key::T, TEXT)] {
        if seen.keys.pressed(ui.ctx(), key) {
            out.push(item_message(item, text_open));
        }
    }
    if seen.keys.pressed(ui.ctx(), Key::Escape) {
        out.push(DeskMessage::Escape.into());
    }
}

fn item_message(item: usize, text_open: bool) -> Message {
    match item {
        MICROPHONE => Message::ToggleMicrophone,
        CAMERA => Message::ToggleCamera,
        _ => DeskMessage::ShowText(!text_open).into(),
    }
}

fn bar(kit: &Kit, model: &Model, text_open: bool) -> [BarItem; 3] {
    let muted = model.call.as_ref().is_none_or(|call| call.microphone_muted);
    let camera_off = model.call.as_ref().is_some_and(|call| call.camera_off);
    let item = |off, (icon_on, word_on, name_on), (icon_off, word_off, name_off), key| {
        let (icon, word, name) = if off { (icon_off, word_off, name_off) } else { (icon_on, word_on, name_on) };
        BarItem { icon, word: kit.t(word), name: kit.t(name), key, pressed: off }
    };
    [
        item(
            muted,
            (glyph::MICROPHONE, "microphone", "microphone-turn-off"),
            (glyph::MICROPHONE_SLASH, "microphone-off", "microphone-turn-on"),
            "M",
        ),
        item(
            camera_off,
            (glyph::VIDEO_CAMERA, "camera", "camera-turn-off"),
            (glyph::VIDEO_CAMERA_SLASH, "camera-off", "camera-turn-on"),
            "C",
        ),
        BarItem {
            icon: glyph::CHAT_CENTERED_TEXT,
            word: kit.t("text"),
            name: kit.t(if text_open { "text-hide" } else { "text-show" }),
            key: "T",
            pressed: false,
        },
    ]
}

fn end_button(kit: &Kit, model: &Model) -> EndButton {
    let again = model.desk.one_escape_left(kit.now);
    let word = if again { kit.t("hang-up-again") } else { kit.t("hang-up") };
    EndButton { word, name: kit.t("hang-up"), icon: glyph::PHONE_X }
}
