//! The telephone's keys in a call: under the picture, above the controls.

use egui::{Event, Frame, Key, Margin, Panel, Ui};
use vrs_domain::Sensitive;

use crate::desk::DeskMessage;
use crate::glyph;
use crate::key_pad::KeyPad;
use crate::keys::Keys;
use crate::kit::Kit;
use crate::theme::size;
use crate::widgets::{BarItem, dial_rows, words};

/// All keys stand in one row of this width, and in two where there is less.
const ROW_WIDTH_MAX: f32 = 880.0;
const ROW_WIDTH_MIN: f32 = 12.0 * size::TARGET + 11.0 * size::SPACE_S;

/// The control that shows the keys.
pub(super) fn control(kit: &Kit, open: bool) -> BarItem {
    BarItem {
        icon: glyph::DOTS_NINE,
        word: kit.t("keys"),
        name: kit.t(if open { "keys-hide" } else { "keys-show" }),
        key: Key::K,
        pressed: open,
    }
}

/// Draws the keys and what was pressed; keys that were pressed in this frame.
pub(super) fn show(ui: &mut Ui, dark: &Kit, pad: &KeyPad) -> Vec<DeskMessage> {
    let margin = Margin::symmetric(size::SPACE_L as i8, size::SPACE_S as i8);
    let frame = Frame::new().fill(dark.palette.bg).inner_margin(margin);
    let panel = Panel::bottom("keys")
        .resizable(false)
        .show_separator_line(false)
        .frame(frame);
    let pressed = panel.show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = size::SPACE_XS;
        echo(ui, dark, pad);
        let width = ui.available_width();
        let columns = if width < ROW_WIDTH_MIN { 6 } else { 12 };
        ui.scope(|ui| {
            ui.set_max_width(width.min(ROW_WIDTH_MAX));
            dial_rows(ui, dark, columns, size::TARGET)
        })
        .inner
    });
    pressed.inner.map(press).into_iter().collect()
}

/// What was pressed here and at the telephone, to be seen and not only heard.
fn echo(ui: &mut Ui, kit: &Kit, pad: &KeyPad) {
    ui.spacing_mut().interact_size.y = size::ICON; // nothing here is pressed
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = size::SPACE_XL;
        let sent = match pad.keys_sent() {
            "" => kit.t("keys-about"),
            keys => kit.with("keys-sent", &[("keys", spaced(keys).into())]),
        };
        let said = words::strong(ui, &sent, size::BODY, kit.palette.ink);
        words::tell_politely(ui, &said, &sent);
        if !pad.keys_heard().is_empty() {
            let keys = spaced(pad.keys_heard());
            let heard = kit.with("keys-heard", &[("keys", keys.into())]);
            let said = words::strong(ui, &heard, size::BODY, kit.palette.accent);
            words::tell_politely(ui, &said, &heard);
        }
    });
}

/// With spaces between, so that a screen reader says keys and no number.
fn spaced(keys: &str) -> String {
    let keys: Vec<String> = keys.chars().map(String::from).collect();
    keys.join(" ")
}

/// Keys of the keyboard that are on a telephone, too, unless they are typed into a field. One that
/// is held down counts once.
pub(super) fn typed(ui: &Ui, keys: Keys) -> Vec<DeskMessage> {
    if keys.typing() {
        return Vec::new();
    }
    let events = ui.input(|input| input.events.clone());
    let held = |event: &Event| {
        matches!(
            event,
            Event::Key {
                pressed: true,
                repeat: true,
                ..
            }
        )
    };
    if events.iter().any(held) {
        return Vec::new();
    }
    let written = events.iter().filter_map(|event| {
        if let Event::Text(text) = event {
            Some(text.chars())
        } else {
            None
        }
    });
    let on_telephone = |key: &char| key.is_ascii_digit() || matches!(key, '*' | '#');
    written.flatten().filter(on_telephone).map(press).collect()
}

fn press(key: char) -> DeskMessage {
    DeskMessage::Press(Sensitive::new(key))
}
