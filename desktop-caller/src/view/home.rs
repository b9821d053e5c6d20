//! Dialling: a number, a pad, one green button, and how the interpreter will see you.

use egui::accesskit::Role;
use egui::{
    Align, Frame, Id, Key, Layout, Margin, Panel, Rect, ScrollArea, Ui, UiBuilder, pos2, vec2,
};
use vrs_ui::desk::DeskMessage;
use vrs_ui::host::Seen;
use vrs_ui::place::Place;
use vrs_ui::screens::{Shown, first_page, top_strip, with_preview};
use vrs_ui::situation::{Seat, call_strip};
use vrs_ui::theme::size;
use vrs_ui::widgets::{Button, Field, Fit, Kind, dial_pad, words};
use vrs_ui::{Kit, glyph, screen_opened};

use super::{FIRST_PAGE, bare_page, own_picture, strip};
use crate::message::Message;
use crate::model::Model;

const COLUMN: f32 = 360.0;
const KEY_HEIGHT: f32 = 64.0;
/// Name, field, pad, button, with what is between them.
const BLOCK_HEIGHT: f32 = NAME
    + size::MAIN
    + size::SPACE_L
    + 4.0 * KEY_HEIGHT
    + 3.0 * size::SPACE_S
    + size::SPACE_L
    + size::MAIN;
/// A line of body text and the gap under it.
const NAME: f32 = size::BODY * 1.3 + size::SPACE_XS;

pub(super) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen, out: &mut Vec<Message>) {
    let own = own_picture(kit, model, seen);
    let mut here = Vec::new();
    let contents = |ui: &mut Ui| {
        let place = model.desk.place.as_ref();
        if !model.adding && place.is_some_and(Place::is_wanted) {
            address_wanted(ui, kit, &mut here);
        }
        if ui.available_height() < BLOCK_HEIGHT + size::SPACE_XXL {
            low(ui, kit, model, &own, seen, &mut here);
            return;
        }
        let heading = kit.t("sees-you");
        with_preview(
            ui,
            kit,
            vec2(COLUMN, BLOCK_HEIGHT),
            (&heading, &own),
            |ui| {
                ui.spacing_mut().item_spacing.y = size::SPACE_L;
                number_field(ui, kit, model, &mut here);
                here.extend(dial_pad(ui, kit, KEY_HEIGHT).map(Message::Digit));
                call_button(ui, kit, seen, &mut here);
            },
        );
    };
    if model.adding {
        let back = beside_call(ui, kit, model, contents);
        if back || seen.keys.pressed(ui.ctx(), Key::Escape) {
            out.push(Message::ShowDial(false));
        }
    } else {
        let strip = strip(kit, model);
        let left = first_page(ui, kit, &model.desk, &strip, FIRST_PAGE, contents);
        out.extend(left.map(Message::Desk));
    }
    out.append(&mut here);
}

/// Says that nobody will know where to send help, and leads to where that is changed.
fn address_wanted(ui: &mut Ui, kit: &Kit, out: &mut Vec<Message>) {
    const BESIDE_WIDTH_MIN: f32 = 500.0;
    let margin = Margin::symmetric(size::SPACE_L as i8, size::SPACE_S as i8);
    let frame = Frame::new().fill(kit.palette.surface).inner_margin(margin);
    let panel = Panel::top("address-wanted")
        .resizable(false)
        .show_separator_line(false)
        .frame(frame);
    let (sentence, word) = (kit.t("address-wanted"), kit.t("address-add"));
    let say = |ui: &mut Ui| {
        let ink = kit.palette.ink;
        let said = words::with_icon(ui, glyph::MAP_PIN, &sentence, size::BODY, ink);
        words::tell_politely(ui, &said, &sentence);
    };
    let button = |ui: &mut Ui| Button::new(&word).show(ui, kit).clicked();
    let pressed = panel.show(ui, |ui| {
        if ui.available_width() < BESIDE_WIDTH_MIN {
            say(ui);
            return button(ui);
        }
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let pressed = button(ui);
                ui.with_layout(Layout::left_to_right(Align::Center), say);
                pressed
            })
            .inner
        })
        .inner
    });
    if pressed.inner {
        out.push(Message::Desk(DeskMessage::OpenSettings(true)));
    }
}

/// The page of a second call: over it stands the first, with the way back to it.
fn beside_call(ui: &mut Ui, kit: &Kit, model: &Model, contents: impl FnOnce(&mut Ui)) -> bool {
    let facts = model.call.facts(kit.now);
    let mut strip = call_strip(kit, Seat::Caller, &facts, model.desk.link);
    strip.action = Some((kit.t("back-to-call"), "Esc"));
    let back = top_strip(ui, kit, &strip);
    bare_page(ui, kit, contents);
    back
}

/// On a low window the pad stands beside the field, or under it if the window is narrow, too.
fn low(
    ui: &mut Ui,
    kit: &Kit,
    model: &Model,
    own: &Shown<'_>,
    seen: &Seen,
    out: &mut Vec<Message>,
) {
    const PAD: f32 = 228.0;
    const BESIDE_WIDTH_MIN: f32 = 480.0;
    let height_of_key = |height: f32| {
        let key = (height - NAME - 3.0 * size::SPACE_S) / 4.0;
        key.clamp(size::TARGET, KEY_HEIGHT + size::SPACE_XXL)
    };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let room = ui.max_rect().shrink2(vec2(size::SPACE_L, size::SPACE_L));
        let beside = room.width() >= BESIDE_WIDTH_MIN;
        let pad = if beside { PAD + size::SPACE_XL } else { 0.0 };
        let left = Rect::from_min_size(room.min, vec2(room.width() - pad, room.height()));
        ui.scope_builder(UiBuilder::new().max_rect(left), |ui| {
            ui.spacing_mut().item_spacing.y = size::SPACE_M;
            number_field(ui, kit, model, out);
            call_button(ui, kit, seen, out);
            let rest = room.bottom() - ui.cursor().top();
            if !beside {
                out.extend(dial_pad(ui, kit, KEY_HEIGHT).map(Message::Digit));
            } else if rest >= size::BAR {
                let (rect, _) =
                    ui.allocate_exact_size(vec2(left.width(), rest), egui::Sense::hover());
                own.show(ui, kit, rect, size::RADIUS_CONTROL, Fit::Contain);
            }
        });
        if beside {
            let right = Rect::from_min_max(pos2(room.right() - PAD, room.top()), room.max);
            ui.scope_builder(UiBuilder::new().max_rect(right), |ui| {
                ui.add_space(NAME); // in line with the field, not with its name
                out.extend(dial_pad(ui, kit, height_of_key(room.height())).map(Message::Digit));
            });
        }
    });
}

fn number_field(ui: &mut Ui, kit: &Kit, model: &Model, out: &mut Vec<Message>) {
    let id = Id::unique("number");
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing = vec2(size::SPACE_S, size::SPACE_XS);
        let mut label = None;
        if model.number_wrong {
            words::alert(
                ui,
                &kit.t("number-wrong"),
                &kit.t("number-wrong"),
                size::BODY,
                kit.palette.danger,
            );
        } else {
            label = Some(words::strong(ui, &kit.t("number-field"), size::BODY, kit.palette.ink).id);
        }
        ui.horizontal(|ui| {
            let mut text = model.number.clone();
            let width = (ui.available_width() - size::MAIN - size::SPACE_S).max(size::TARGET);
            let name = kit.t("number-field");
            let hint = kit.t("number-hint");
            let response = ui
                .allocate_ui(vec2(width, size::MAIN), |ui| {
                    let points = if text.is_empty() {
                        size::BODY
                    } else {
                        size::TITLE
                    };
                    let field = Field::new(&name).hint(&hint);
                    let field = match label {
                        Some(label) => field.labelled_by(label),
                        None => field.label_spoken_only(),
                    };
                    field
                        .points(points)
                        .height(size::MAIN)
                        .chars_max(32)
                        .role(Role::PhoneNumberInput)
                        .id(id)
                        .show(ui, kit, &mut text)
                })
                .inner;
            if screen_opened(ui.ctx(), "home") {
                response.request_focus();
            }
            if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                response.request_focus();
                out.push(Message::Dial);
            } else if response.changed() {
                out.push(Message::NumberEdited(text));
            }
            let erase = kit.t("erase");
            let button = Button::new(&erase)
                .icon(glyph::BACKSPACE)
                .icon_only()
                .exact(size::MAIN, size::MAIN);
            if button
                .enabled(!model.number.is_empty())
                .show(ui, kit)
                .clicked()
            {
                out.push(Message::Erase);
            }
        });
    });
}

fn call_button(ui: &mut Ui, kit: &Kit, seen: &Seen, out: &mut Vec<Message>) {
    let word = kit.t("call");
    let key = kit.t("key-enter");
    let button = Button::new(&word)
        .icon(glyph::PHONE)
        .key(&key)
        .kind(Kind::Call)
        .main()
        .fill();
    if button.show(ui, kit).clicked() || seen.keys.pressed_unfocused(ui.ctx(), Key::Enter) {
        out.push(Message::Dial);
    }
}
