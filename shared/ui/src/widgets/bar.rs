//! The bar of controls under the picture of a call.

use egui::{Align, Key, Layout, Ui};

use super::{Button, Kind};
use crate::kit::Kit;
use crate::theme::size;

/// A control of the bar: a toggle with its icon, its word and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarItem {
    /// A Phosphor icon.
    pub icon: &'static str,
    /// The word under it.
    pub word: String,
    /// What pressing does, for a screen reader.
    pub name: String,
    /// The key that does the same.
    pub key: Key,
    /// Something is switched off: muted, camera off, text hidden.
    pub pressed: bool,
}

/// The control that ends the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndButton {
    /// Its word.
    pub word: String,
    /// Its accessible name.
    pub name: String,
    /// Its icon.
    pub icon: &'static str,
}

/// What was pressed in the bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarPress {
    /// The control of this index.
    Item(usize),
    /// The call is to end.
    End,
}

/// Room for a control with its word, and for the end of the call, in points.
const ITEM: f32 = 108.0;
const END: f32 = 200.0;

/// Draws the controls at the left and the end of the call at the right.
pub fn call_bar(ui: &mut Ui, kit: &Kit, items: &[BarItem], end: &EndButton) -> Option<BarPress> {
    let mut pressed = None;
    let narrow = ui.available_width() < size::NARROW * 0.8;
    let wanted = items.len() as f32 * (ITEM + size::SPACE_S) + END;
    let tiny = ui.available_width() < size::TINY.max(wanted);
    ui.spacing_mut().item_spacing.x = size::SPACE_S;
    ui.horizontal_centered(|ui| {
        for (index, item) in items.iter().enumerate() {
            if tiny {
                let button = Button::new(&item.name)
                    .icon(item.icon)
                    .icon_only()
                    .pressed(item.pressed);
                if button.exact(size::MAIN, size::MAIN).show(ui, kit).clicked() {
                    pressed = Some(BarPress::Item(index));
                }
                continue;
            }
            let mut button = Button::new(&item.word)
                .name(&item.name)
                .icon(item.icon)
                .under()
                .pressed(item.pressed);
            if !narrow {
                button = button.key(item.key.name());
            }
            if button.show(ui, kit).clicked() {
                pressed = Some(BarPress::Item(index));
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let mut button = Button::new(&end.word)
                .name(&end.name)
                .icon(end.icon)
                .kind(Kind::Danger)
                .main();
            if !narrow {
                button = button.key("Esc Esc");
            }
            if button.show(ui, kit).clicked() {
                pressed = Some(BarPress::End);
            }
        });
    });
    pressed
}
