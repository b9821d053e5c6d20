//! The visual ring: the window's edge breathes while a call comes in.

use egui::{CornerRadius, Id, LayerId, Order, Stroke, StrokeKind, Ui};
use std::time::Duration;

use crate::kit::Kit;
use crate::theme::size;

/// Breaths per second; below the three flashes of WCAG 2.3.1 with room to spare.
pub const FLASH_HZ: f32 = 1.25;

/// Draws the breathing border around the whole window, and asks for the next frame.
///
/// Under reduced motion it is a still border of full thickness.
pub fn flash_border(ui: &Ui, kit: &Kit) {
    flash(ui, kit, size::SPACE_M);
}

/// The same, thin enough to hide nothing of a call that goes on.
pub fn thin_flash_border(ui: &Ui, kit: &Kit) {
    flash(ui, kit, size::SPACE_XS);
}

fn flash(ui: &Ui, kit: &Kit, half: f32) {
    let palette = &kit.palette;
    let rect = ui.ctx().content_rect();
    let breath = if kit.reduced_motion {
        1.0
    } else {
        kit.breath(1.0 / FLASH_HZ)
    };
    let thickness = half + half * breath;
    let color = palette.bg.lerp_to_gamma(palette.call, 0.35 + 0.65 * breath);
    let layer = LayerId::new(Order::Foreground, Id::unique("flash"));
    let painter = ui.ctx().layer_painter(layer);
    painter.rect_stroke(
        rect,
        CornerRadius::ZERO,
        Stroke::new(thickness, color),
        StrokeKind::Inside,
    );
    if !kit.reduced_motion {
        ui.ctx().request_repaint_after(Duration::from_millis(40));
    }
}

#[cfg(test)]
mod tests {
    use super::FLASH_HZ;

    #[test]
    fn u1_the_flash_is_safe_for_photosensitive_people() {
        const { assert!(FLASH_HZ <= 2.0, "WCAG 2.3.1 allows three flashes a second") };
    }
}
