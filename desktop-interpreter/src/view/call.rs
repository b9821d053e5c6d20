//! A call: the caller large, the telephone at the left, two clocks above.

use egui::{Align, Key, Layout, Ui, vec2};
use vrs_domain::{LineReport, TelephoneState};
use vrs_ui::host::Seen;
use vrs_ui::screens::{Beside, Shown, Stage, StagePress, call_stage};
use vrs_ui::situation::{
    CallFacts, Seat, call_strip, language_words, number_words, stations_of_interpreter,
    telephone_words,
};
use vrs_ui::theme::size;
use vrs_ui::widgets::{BarItem, icon, level_meter, loudness_dbfs, words};
use vrs_ui::{Kit, glyph, screen_opened};

use super::{own_picture, seats};
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
    let (notice, answers) = seats::notice(kit, model).unzip();
    let answers: Vec<Message> = answers.unwrap_or_default();
    let (bar, presses): (Vec<_>, Vec<_>) = bar(kit, model).into_iter().unzip();
    let end = if seats::may_hand_over(model) {
        ("hand-over", "end-again")
    } else {
        ("end", "end-again")
    };
    let stage = Stage {
        strip: call_strip(kit, Seat::Interpreter, &facts, model.desk.link),
        notice,
        other: Shown::other(seen, other.0, glyph::USER, other.1),
        own: own_picture(kit, model, seen),
        way: stations_of_interpreter(kit, &facts),
        peer: kit.t("text-caller"),
        bar,
        keys: facts.telephone == Some(TelephoneState::Answered)
            && model.seat() == vrs_domain::Seat::Lead,
        end,
    };
    let pressed = call_stage(ui, kit, &model.desk, seen.keys, stage, Some(beside));
    let message = |press| match press {
        StagePress::Desk(message) => Some(Message::Desk(message)),
        StagePress::End => Some(Message::End),
        StagePress::Item(index) => presses.get(index).cloned(),
        StagePress::Notice(index) => answers.get(index).cloned(),
    };
    pressed.into_iter().filter_map(message).collect()
}

/// The controls, and what each of them does.
fn bar(kit: &Kit, model: &Model) -> Vec<(BarItem, Message)> {
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
    let mut bar = vec![
        (microphone, Message::ToggleMicrophone),
        (speaker, Message::ToggleSpeaker),
    ];
    bar.extend(seats::control(kit, model));
    bar
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

fn shown_number(kit: &Kit, model: &Model) -> String {
    match model.telephone() {
        Some(number) => number_words(kit, Some(number)),
        None => kit.t("telephone-number-hidden"),
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

/// That lives may depend on it, when they do.
fn urgency(ui: &mut Ui, kit: &Kit, model: &Model, points: f32) {
    let said = model.call.view().and_then(|call| call.urgency);
    let Some((icon, key)) = super::urgency_look(said.or(model.announced.urgency)) else {
        return;
    };
    let color = kit.palette.danger;
    words::with_icon(ui, icon, &kit.t(key), points, color);
}

fn telephone_column(ui: &mut Ui, kit: &Kit, model: &Model, facts: &CallFacts) {
    let palette = &kit.palette;
    ui.spacing_mut().item_spacing.y = size::SPACE_S;
    urgency(ui, kit, model, size::LEAD);
    words::plain(ui, &kit.t("telephone"), size::BODY, palette.ink_2);
    words::strong(
        ui,
        &shown_number(kit, model),
        size::TITLE - size::SPACE_XS,
        palette.ink,
    );
    telephone_state(ui, kit, facts, size::BODY);
    ui.add_space(size::SPACE_XL);
    level_meter(ui, kit, &kit.t("level-them"), model.levels.them_dbfs);
    level_meter(ui, kit, &kit.t("level-me"), model.levels.me_dbfs);
    if facts.line != LineReport::default() {
        let to_dbfs = loudness_dbfs(facts.line.to);
        level_meter(ui, kit, &kit.t("level-line"), to_dbfs);
    }
    seats::list(ui, kit, model);
    if let Some(pair) = model.announced.languages {
        ui.add_space(size::SPACE_XL);
        words::plain(ui, &kit.t("languages"), size::BODY, palette.ink_2);
        words::strong(ui, &language_words(kit, pair), size::LEAD, palette.ink);
    }
}

fn telephone_row(ui: &mut Ui, kit: &Kit, model: &Model, facts: &CallFacts) {
    ui.spacing_mut().item_spacing.y = 0.0;
    if ui.ctx().content_rect().height() < size::FLAT {
        ui.horizontal(|ui| {
            words::strong(ui, &shown_number(kit, model), size::BODY, kit.palette.ink);
            telephone_state(ui, kit, facts, size::META);
        });
        return;
    }
    ui.columns(2, |columns| {
        let [left, right] = columns else { return };
        urgency(left, kit, model, size::META);
        words::strong(left, &shown_number(kit, model), size::BODY, kit.palette.ink);
        telephone_state(left, kit, facts, size::META);
        right.with_layout(Layout::top_down(Align::Min), |ui| {
            level_meter(ui, kit, &kit.t("level-them"), model.levels.them_dbfs);
            level_meter(ui, kit, &kit.t("level-me"), model.levels.me_dbfs);
        });
    });
}
