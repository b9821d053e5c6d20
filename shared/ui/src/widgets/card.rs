//! A surface that holds what belongs together.

use egui::{CornerRadius, Frame, InnerResponse, Margin, Stroke, Ui};

use crate::kit::Kit;
use crate::theme::size;

/// Draws a card with this inner margin in points.
pub fn card<R>(
    ui: &mut Ui,
    kit: &Kit,
    margin: f32,
    contents: impl FnOnce(&mut Ui) -> R,
) -> InnerResponse<R> {
    let palette = &kit.palette;
    let edge = if palette.outlined { size::EDGE } else { 1.0 };
    Frame::new()
        .fill(palette.surface)
        .stroke(Stroke::new(edge, palette.hairline))
        .corner_radius(CornerRadius::same(size::RADIUS_CARD))
        .inner_margin(Margin::same(margin as i8))
        .show(ui, contents)
}
