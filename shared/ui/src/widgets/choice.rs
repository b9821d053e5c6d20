//! One of a few: a row of buttons of which one is chosen; and a switch.

use egui::accesskit::Role;
use egui::{CornerRadius, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use egui_phosphor::bold as glyph;

use super::paint;
use crate::kit::Kit;
use crate::theme::{self, size};

/// Draws the choices in a row that wraps; the index newly chosen. `name` is the group's name.
pub fn choice(
    ui: &mut Ui,
    kit: &Kit,
    name: &str,
    words: &[String],
    chosen: usize,
) -> Option<usize> {
    let mut picked = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(size::SPACE_S, size::SPACE_S);
        for (index, word) in words.iter().enumerate() {
            if option(ui, kit, name, word, index == chosen).clicked() && index != chosen {
                picked = Some(index);
            }
        }
    });
    picked
}

fn option(ui: &mut Ui, kit: &Kit, group: &str, word: &str, chosen: bool) -> Response {
    let palette = &kit.palette;
    let text = ui
        .painter()
        .layout_no_wrap(word.to_owned(), theme::bold(size::BODY), palette.ink);
    let mark = size::ICON + size::SPACE_S;
    let width = text.size().x + 2.0 * size::SPACE_L + mark;
    let (rect, response) = ui.allocate_exact_size(vec2(width, size::TARGET), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, chosen, word));
    ui.ctx()
        .accesskit_node_builder(response.id, |node| node.set_description(group));
    let radius = CornerRadius::same(size::RADIUS_CONTROL);
    let (fill, edge) = if chosen {
        (
            palette.accent_soft,
            Stroke::new(size::EDGE_SELECTED, palette.accent),
        )
    } else {
        (palette.surface, Stroke::new(size::EDGE, palette.line))
    };
    let fill = if response.hovered() {
        paint::toward(fill, palette.ink, 0.08)
    } else {
        fill
    };
    let painter = ui.painter();
    painter.rect(rect, radius, fill, edge, StrokeKind::Inside);
    let mark_at = pos2(
        rect.left() + size::SPACE_L + size::ICON / 2.0,
        rect.center().y,
    );
    if chosen {
        paint::icon(painter, mark_at, glyph::CHECK, size::ICON, palette.accent);
    } else {
        painter.circle_stroke(mark_at, 7.0, Stroke::new(size::EDGE, palette.line));
    }
    let text_at = pos2(
        rect.left() + size::SPACE_L + mark,
        rect.center().y - text.size().y / 2.0,
    );
    painter.galley(text_at, text, palette.ink);
    if response.has_focus() {
        paint::focus_ring(ui, rect, radius, palette);
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// Draws a switch of this height; says whether it was pressed. Its accessible name is `name`.
pub fn switch(ui: &mut Ui, kit: &Kit, name: &str, on: bool, height: f32) -> Response {
    let palette = &kit.palette;
    let body = vec2(height * 1.8, height);
    let target = vec2(body.x.max(size::TARGET), body.y.max(size::TARGET));
    let (target, response) = ui.allocate_exact_size(target, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Switch, true, on, name));
    let rect = egui::Rect::from_center_size(target.center(), body);
    let radius = CornerRadius::same((height / 2.0).min(255.0) as u8);
    let (fill, edge, knob, mark) = if on {
        (palette.call, Stroke::NONE, palette.on_fill, palette.call)
    } else {
        (
            palette.surface,
            Stroke::new(size::EDGE_SELECTED, palette.line),
            palette.ink_2,
            palette.surface,
        )
    };
    let painter = ui.painter();
    painter.rect(rect, radius, fill, edge, StrokeKind::Inside);
    let way = ui.ctx().animate_bool(response.id, on);
    let inset = height / 2.0;
    let x = egui::lerp(rect.left() + inset..=rect.right() - inset, way);
    let center = pos2(x, rect.center().y);
    painter.circle_filled(center, inset - height * 0.12, knob);
    let glyph = if on { glyph::CHECK } else { glyph::X };
    paint::icon(painter, center, glyph, height * 0.42, mark);
    if response.has_focus() {
        paint::focus_ring(ui, rect, radius, palette);
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}
