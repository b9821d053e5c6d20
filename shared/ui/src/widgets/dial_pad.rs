//! The twelve keys of a telephone.

use egui::{Ui, vec2};

use super::Button;
use crate::kit::Kit;
use crate::theme::size;

const KEYS: [(char, &str); 12] = [
    ('1', "1"),
    ('2', "2"),
    ('3', "3"),
    ('4', "4"),
    ('5', "5"),
    ('6', "6"),
    ('7', "7"),
    ('8', "8"),
    ('9', "9"),
    ('*', "*"),
    ('0', "0"),
    ('#', "#"),
];

/// Draws the pad over the width that is left, keys `key_height` points tall; the key pressed.
pub fn dial_pad(ui: &mut Ui, kit: &Kit, key_height: f32) -> Option<char> {
    dial_rows(ui, kit, 3, key_height)
}

/// The same with so many keys in a row, where there is little height.
pub fn dial_rows(ui: &mut Ui, kit: &Kit, columns: usize, key_height: f32) -> Option<char> {
    let gap = size::SPACE_S;
    let width = (ui.available_width() - (columns - 1) as f32 * gap) / columns as f32;
    let mut pressed = None;
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing = vec2(gap, gap);
        for row in KEYS.chunks(columns) {
            ui.horizontal(|ui| {
                for (key, word) in row {
                    let name = match key {
                        '*' => kit.t("dial-star"),
                        '#' => kit.t("dial-hash"),
                        _ => (*word).to_owned(),
                    };
                    let button = Button::new(word)
                        .name(&name)
                        .exact(width, key_height)
                        .points(size::TITLE);
                    if button.show(ui, kit).clicked() {
                        pressed = Some(*key);
                    }
                }
            });
        }
    });
    pressed
}
