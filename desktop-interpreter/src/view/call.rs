//! A call: the caller large, the telephone at the left, two clocks above.

use egui::{Align, Key, Layout, Ui, vec2};
use vrs_domain::TelephoneState;
use vrs_ui::desk::DeskMessage;
use vrs_ui::host::Seen;
use vrs_ui::screens::{Beside, Shown, Stage, StagePress, call_stage, text_is_open};
use vrs_ui::situation::{
    CallFacts, interpreter_strip, language_words, link_strip, number_words, stations_of_interpreter, telephone_words,
};
use vrs_ui::theme::size;
use vrs_ui::widgets::{BarItem, BarPress, EndButton, Placeholder, Strip, icon, level_meter, words};
use vrs_ui::{Kit, glyph, screen_opened};

use super::{OwnWords, own_picture};
use crate::message::Message;
use crate::model::Model;

const MICROPHONE: usize = 0;
const SPEAKER: usize = 1;
const TEXT: usize = 2;
const COLUMN: f32 = 264.0;

pub(super) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen, out: &mut Vec<Message>) {
    let _opened = screen_opened(ui.ctx(), "call");
    let facts = model.facts(kit.now);
    let mut strip = interpreter_strip(kit, &facts);
    if let Some(lost) = link_strip(kit, model.desk.link) {
        strip = Strip { facts: strip.facts, ..lost };
    }
    let text_open = text_is_open(model.desk.text_open, ui.available_width());
    let own_words = OwnWords::new(kit);
    let (name, empty) = (kit.t("picture-caller"), kit.t("no-picture-caller"));
    let way = kit.t("journey");
    let peer = kit.t("text-caller");
    let stage = Stage {
        strip: &strip,
        remote: Shown {
            view: &seen.remote,
            name: &name,
            tag: "",
            mirrored: false,
            empty: Placeholder { icon: glyph::USER, words: &empty },
        },
        local: own_picture(model, seen, &own_words),
        way: Some((&way, stations_of_interpreter(kit, &facts))),
        text_open: model.desk.text_open,
        conversation: &model.desk.conversation,
        peer: &peer,
        bar: &bar(kit, model, text_open),
        end: &end_button(kit, model),
    };
    let beside = Beside {
        width: COLUMN,
        column: &mut |ui, kit| telephone_column(ui, kit, model, &facts),
        row: &mut |ui, kit| telephone_row(ui, kit, model, &facts),
    };
    for press in call_stage(ui, kit, &stage, Some(beside)) {
        out.push(match press {
            StagePress::Typed(typed) => DeskMessage::Typed(typed).into(),
            StagePress::Bar(BarPress::End) => Message::End,
            StagePress::Bar(BarPress::Item(item)) => item_message(item, text_open),
        });
    }
    for (key, item) in [(Key::M, MICROPHONE), (Key::V, SPEAKER), (Key::T, TEXT)] {
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
        SPEAKER => Message::ToggleSpeaker,
        _ => DeskMessage::ShowText(!text_open).into(),
    }
}

fn bar(kit: &Kit, model: &Model, text_open: bool) -> [BarItem; 3] {
    let muted = model.call.as_ref().is_some_and(|call| call.microphone_muted);
    let silent = model.call.as_ref().is_some_and(|call| call.speaker_muted);
    let microphone = BarItem {
        icon: if muted { glyph::MICROPHONE_SLASH } else { glyph::MICROPHONE },
        word: kit.t(if muted { "muted" } else { "mute" }),
        name: kit.t(if muted { "mute-turn-off" } else { "mute-turn-on" }),
        key: "M",
        pressed: muted,
    };
    let speaker = BarItem {
        icon: if silent { glyph::SPEAKER_SLASH } else { glyph::SPEAKER_HIGH },
        word: kit.t(if silent { "volume-off" } else { "volume" }),
        name: kit.t(if silent { "volume-turn-on" } else { "volume-turn-off" }),
        key: "V",
        pressed: silent,
    };
    let text = BarItem {
        icon: glyph::CHAT_CENTERED_TEXT,
        word: kit.t("text"),
        name: kit.t(if text_open { "text-hide" } else { "text-show" }),
        key: "T",
        pressed: false,
    };
    [microphone, speaker, text]
}

fn end_button(kit: &Kit, model: &Model) -> EndButton {
    let again = model.desk.one_escape_left(kit.now);
    let word = if again { kit.t("end-again") } else { kit.t("end") };
    EndButton { word, name: kit.t("end"), icon: glyph::PHONE_X }
}

fn telephone_icon(state: TelephoneState) -> &'static str {
    match state {
        TelephoneState::Idle => glyph::PHONE,
        TelephoneState::Dialing => glyph::PHONE_OUTGOING,
        TelephoneState::Ringing => glyph::BELL_RINGING,
        TelephoneState::Answered => glyph::PHONE_CALL,
        TelephoneState::Busy | TelephoneState::NoAnswer | TelephoneState::Failed => glyph::PHONE_X,
        TelephoneState::Ended => glyph::PHONE_DISCONNECT,
    }
}

fn shown_number(kit: &Kit, facts: &CallFacts) -> String {
    if facts.number.is_some() { number_words(kit, facts.number.as_ref()) } else { kit.t("telephone-number-hidden") }
}

/// The telephone's state with its icon, coloured when somebody is there.
fn telephone_state(ui: &mut Ui, kit: &Kit, facts: &CallFacts, points: f32) {
    let state = facts.telephone.unwrap_or(TelephoneState::Idle);
    let color = if state == TelephoneState::Answered { kit.palette.call } else { kit.palette.ink };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = size::SPACE_S;
        let (rect, _) = ui.allocate_exact_size(vec2(size::ICON, size::ICON), egui::Sense::hover());
        icon(ui.painter(), rect.center(), telephone_icon(state), size::ICON, color);
        words::strong(ui, &telephone_words(kit, state, facts.rings), points, color);
    });
}

fn telephone_column(ui: &mut Ui, kit: &Kit, model: &Model, facts: &CallFacts) {
    let palette = &kit.palette;
    ui.spacing_mut().item_spacing.y = size::SPACE_S;
    words::plain(ui, &kit.t("telephone"), size::BODY, palette.ink_2);
    words::strong(ui, &shown_number(kit, facts), size::TITLE - size::SPACE_XS, palette.ink);
    telephone_state(ui, kit, facts, size::BODY);
    ui.add_space(size::SPACE_XL);
    level_meter(ui, kit, &kit.t("level-them"), model.levels.them_dbfs);
    level_meter(ui, kit, &kit.t("level-me"), model.levels.me_dbfs);
    if let Some(pair) = model.languages {
        ui.add_space(size::SPACE_XL);
        words::plain(ui, &kit.t("languages"), size::BODY, palette.ink_2);
        words::strong(ui, &language_words(kit, pair), size::LEAD, palette.ink);
    }
}

fn telephone_row(ui: &mut Ui, kit: &Kit, model: &Model, facts: &CallFacts) {
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.columns(2, |columns| {
        let [left, right] = columns else { return };
        words::strong(left, &shown_number(kit, facts), size::BODY, kit.palette.ink);
        telephone_state(left, kit, facts, size::META);
        right.with_layout(Layout::top_down(Align::Min), |ui| {
            level_meter(ui, kit, &kit.t("level-them"), model.levels.them_dbfs);
            level_meter(ui, kit, &kit.t("level-me"), model.levels.me_dbfs);
        });
    });
}
