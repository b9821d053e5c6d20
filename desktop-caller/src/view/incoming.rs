//! Somebody calls: the whole window says so.

use egui::{Align, Key, Layout, Rect, Ui, UiBuilder, vec2};
use vrs_ui::host::Seen;
use vrs_ui::theme::size;
use vrs_ui::widgets::{Button, Kind, Outline, flash_border, words};
use vrs_ui::{Kit, glyph, screen_opened};

use super::{bare_page, who_words};
use crate::message::Message;
use crate::model::Model;

const BUTTON: f32 = 128.0;
/// A button's column: its word with its key may be wider than itself.
const COLUMN: f32 = 216.0;

pub(super) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen, out: &mut Vec<Message>) {
    let _opened = screen_opened(ui.ctx(), "incoming");
    let from = model
        .incoming
        .as_ref()
        .map_or_else(String::new, |invitation| invitation.from.clone());
    let (who, spoken) = who_words(kit, &from);
    let spoken = format!("{spoken} {}", kit.t("incoming"));
    let (mut answer, mut decline) = (false, false);
    bare_page(ui, kit, |ui| {
        let room = ui.max_rect();
        // Who calls, what happens, the gap, the buttons: by the height there is.
        let (name, lead, gap, button) = if room.height() < size::FLAT {
            (size::TITLE, size::BODY, 0.0, size::MAIN)
        } else if room.height() < size::LOW {
            (
                size::DISPLAY,
                size::TITLE,
                size::SPACE_L,
                size::MAIN + size::SPACE_XXL,
            )
        } else {
            (size::DISPLAY, size::TITLE, size::SPACE_XXXL, BUTTON)
        };
        let column = COLUMN.min((room.width() - 2.0 * size::SPACE_XXL - size::SPACE_L) / 2.0);
        let height = (name + lead) * 1.3 + 2.0 * size::SPACE_S + gap + button + size::SPACE_XXXL;
        let top = (room.center().y - height / 2.0).max(room.top() + size::SPACE_XXL);
        let place = Rect::from_min_max(egui::pos2(room.left(), top), room.max);
        ui.scope_builder(
            UiBuilder::new()
                .max_rect(place)
                .layout(Layout::top_down(Align::Center)),
            |ui| {
                ui.spacing_mut().item_spacing.y = size::SPACE_S;
                words::alert(ui, &who, &spoken, name, kit.palette.ink);
                words::plain(ui, &kit.t("incoming"), lead, kit.palette.ink_2);
                ui.add_space(gap);
                let whole = 2.0 * column + size::SPACE_L;
                ui.allocate_ui_with_layout(
                    vec2(whole, button + size::SPACE_XXXL),
                    Layout::left_to_right(Align::Min),
                    |ui| {
                        ui.spacing_mut().item_spacing.x = size::SPACE_L;
                        let enter = kit.t("key-enter");
                        let look = (Kind::Call, Outline::Round, glyph::PHONE, enter.as_str());
                        answer = choice_button(ui, kit, &kit.t("answer"), (button, column), look);
                        let look = (Kind::Danger, Outline::Square, glyph::X, "Esc");
                        decline = choice_button(ui, kit, &kit.t("decline"), (button, column), look);
                    },
                );
            },
        );
        flash_border(ui, kit);
    });
    let keys = seen.keys;
    if answer || keys.pressed_unfocused(ui.ctx(), Key::Enter) {
        out.push(Message::Answer);
    } else if decline || keys.pressed(ui.ctx(), Key::Escape) {
        out.push(Message::Decline);
    }
}

/// A large button with its word and its key under it.
fn choice_button(
    ui: &mut Ui,
    kit: &Kit,
    word: &str,
    (side, column): (f32, f32),
    (kind, outline, icon, key): (Kind, Outline, &str, &str),
) -> bool {
    ui.allocate_ui_with_layout(
        vec2(column, side + size::SPACE_XXXL),
        Layout::top_down(Align::Center),
        |ui| {
            ui.set_min_width(column);
            ui.spacing_mut().item_spacing.y = size::SPACE_M;
            let pressed = Button::new(word)
                .icon(icon)
                .kind(kind)
                .outline(outline)
                .icon_only()
                .exact(side, side)
                .show(ui, kit);
            words::with_key(ui, kit, word, key);
            pressed.clicked()
        },
    )
    .inner
}
