//! Strokes and glyphs that several widgets share.

use egui::{
    Align2, Color32, CornerRadius, Painter, Pos2, Rect, Stroke, StrokeKind, Ui, Vec2, pos2, vec2,
};

use crate::theme::{self, Palette, size};

/// Draws the ring around what has the keyboard.
pub fn focus_ring(ui: &Ui, rect: Rect, radius: CornerRadius, palette: &Palette) {
    let grow = size::FOCUS_GAP + size::FOCUS_RING / 2.0;
    let ring = rect.expand(grow);
    let radius = radius + CornerRadius::same(grow as u8);
    let stroke = Stroke::new(size::FOCUS_RING, palette.focus);
    // Over whatever lies next to it, but never outside the window.
    let painter = ui.painter().with_clip_rect(ui.ctx().content_rect());
    painter.rect_stroke(ring, radius, stroke, StrokeKind::Middle);
}

/// Draws an icon centred on a point.
pub fn icon(painter: &Painter, center: Pos2, glyph: &str, points: f32, color: Color32) {
    painter.text(
        center,
        Align2::CENTER_CENTER,
        glyph,
        theme::icon(points),
        color,
    );
}

/// The size of a printed key.
#[must_use]
pub(super) fn key_cap_size(painter: &Painter, key: &str) -> Vec2 {
    let text = painter.layout_no_wrap(key.to_owned(), theme::bold(size::META), Color32::WHITE);
    vec2((text.size().x + 12.0).max(24.0), 24.0)
}

/// Draws a key as printed on a keyboard, with its left edge at `left_center`.
pub(super) fn key_cap(painter: &Painter, left_center: Pos2, key: &str, color: Color32) {
    let cap = key_cap_size(painter, key);
    let rect = Rect::from_min_size(left_center - vec2(0.0, cap.y / 2.0), cap);
    let stroke = Stroke::new(size::EDGE, color.gamma_multiply(0.75));
    painter.rect_stroke(
        rect,
        CornerRadius::same(size::RADIUS_KEY),
        stroke,
        StrokeKind::Inside,
    );
    painter.text(
        rect.center(),
        Align2::CENTER_CENTER,
        key,
        theme::bold(size::META),
        color,
    );
}

/// A colour a little nearer to another, for hovering and pressing.
#[must_use]
pub(super) fn toward(from: Color32, to: Color32, share: f32) -> Color32 {
    from.lerp_to_gamma(to, share)
}

/// Points on an arc, clockwise from the top, for a share (0 to 1) of the circle.
#[must_use]
pub(super) fn arc(center: Pos2, radius: f32, share: f32) -> Vec<Pos2> {
    let steps = (share.clamp(0.0, 1.0) * 96.0).ceil().max(1.0) as usize;
    (0..=steps)
        .map(|step| {
            let turn = share * step as f32 / steps as f32 * std::f32::consts::TAU;
            pos2(
                center.x + radius * turn.sin(),
                center.y - radius * turn.cos(),
            )
        })
        .collect()
}
