//! A call: the caller large, the telephone at the left, two clocks above.

use egui::{Align, Key, Layout, Ui, vec2};
use vrs_domain::TelephoneState;
use vrs_ui::host::Seen;
use vrs_ui::screens::{Beside, Shown, Stage, StagePress, call_stage};
use vrs_ui::situation::{
    CallFacts, Seat, call_strip, language_words, number_words, stations_of_interpreter,
    telephone_words,
};
use vrs_ui::theme::size;
use vrs_ui::widgets::{BarItem, icon, level_meter, words};
use vrs_ui::{Kit, glyph, screen_opened};

use super::own_picture;
use crate::message::Message;
use crate::model::Model;

/// Width of the telephone's column, in points.
const COLUMN: f32 = 264.0;

pub(super) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen) -> Vec<Message> {
    let _opened = screen_opened(ui.ctx(), "call");
    let facts = model.call.facts(kit.now);
    let beside = Beside {
        width: COLUMN,
        column: &mut |ui, kit| telephone_column(ui, kit, model, &facts),
        row: &mut |ui, kit| telephone_row(ui, kit, model, &facts),
    };
    let other = (kit.t("picture-caller"), kit.t("no-picture-caller"));
    let stage = Stage {
        strip: call_strip(kit, Seat::Interpreter, &facts, model.desk.link),
        other: Shown::other(seen, other.0, glyph::USER, other.1),
        own: own_picture(kit, model, seen),
        way: stations_of_interpreter(kit, &facts),
        peer: kit.t("text-caller"),
        bar: bar(kit, model),
        end: ("end", "end-again"),
    };
    let mut out = Vec::new();
    for press in call_stage(ui, kit, &model.desk, seen.keys, stage, Some(beside)) {
        out.push(match press {
            StagePress::Desk(message) => Message::Desk(message),
            StagePress::End => Message::End,
            StagePress::Item(0) => Message::ToggleMicrophone,
            StagePress::Item(_) => Message::ToggleSpeaker,
        });
    }
    out
}

fn bar(kit: &Kit, model: &Model) -> Vec<BarItem> {
    let (muted, silent) = model.call.view().map_or((false, false), |call| {
        (call.microphone_muted, call.speaker_muted)
    });
    let (word, name) = if muted {
        ("muted", "mute-turn-off")
    } else {
        ("mute", "mute-turn-on")
    };
    let icon = if muted {
        glyph::MICROPHONE_SLASH
    } else {
        glyph::MICROPHONE
    };
    let microphone = BarItem {
        icon,
        word: kit.t(word),
        name: kit.t(name),
        key: Key::M,
        pressed: muted,
    };
    let (word, name) = if silent {
        ("volume-off", "volume-turn-on")
    } else {
        ("volume", "volume-turn-off")
    };
    let icon = if silent {
        glyph::SPEAKER_SLASH
    } else {
        glyph::SPEAKER_HIGH
    };
    let speaker = BarItem {
        icon,
        word: kit.t(word),
        name: kit.t(name),
        key: Key::V,
        pressed: silent,
    };
    vec![microphone, speaker]
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
    if facts.number.is_some() {
        number_words(kit, facts.number.as_ref())
    } else {
        kit.t("telephone-number-hidden")
    }
}

/// The telephone's state with its icon, coloured when somebody is there.
fn telephone_state(ui: &mut Ui, kit: &Kit, facts: &CallFacts, points: f32) {
    let state = facts.telephone.unwrap_or(TelephoneState::Idle);
    let color = if state == TelephoneState::Answered {
        kit.palette.call
    } else {
        kit.palette.ink
    };
    ui.spacing_mut().interact_size.y = size::ICON; // nothing here is pressed
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = size::SPACE_S;
        let (rect, _) = ui.allocate_exact_size(vec2(size::ICON, size::ICON), egui::Sense::hover());
        icon(
            ui.painter(),
            rect.center(),
            telephone_icon(state),
            size::ICON,
            color,
        );
        words::strong(ui, &telephone_words(kit, state, facts.rings), points, color);
    });
}

fn telephone_column(ui: &mut Ui, kit: &Kit, model: &Model, facts: &CallFacts) {
    let palette = &kit.palette;
    ui.spacing_mut().item_spacing.y = size::SPACE_S;
    words::plain(ui, &kit.t("telephone"), size::BODY, palette.ink_2);
    words::strong(
        ui,
        &shown_number(kit, facts),
        size::TITLE - size::SPACE_XS,
        palette.ink,
    );
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
    if ui.ctx().content_rect().height() < size::FLAT {
        ui.horizontal(|ui| {
            words::strong(ui, &shown_number(kit, facts), size::BODY, kit.palette.ink);
            telephone_state(ui, kit, facts, size::META);
        });
        return;
    }
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
