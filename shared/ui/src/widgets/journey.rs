//! The way of a call: you, the interpreter, the telephone; or you and the other subscriber.

use egui::accesskit::Role;
use egui::{Color32, CornerRadius, Pos2, Rect, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use egui_phosphor::bold as glyph;

use super::paint;
use crate::kit::Kit;
use crate::theme::{self, size};

/// How far the call has come at one of its stations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Not yet.
    Ahead,
    /// Being reached now.
    Now,
    /// Reached.
    There,
    /// It went wrong here.
    Failed,
}

/// One station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// A Phosphor icon.
    pub icon: &'static str,
    /// Who it is.
    pub name: String,
    /// How far the call has come.
    pub reach: Reach,
}

/// Draws the stations in a row over the width that is left.
pub fn journey(ui: &mut Ui, kit: &Kit, name: &str, stations: &[Station]) {
    const RADIUS: f32 = 36.0;
    const PATH: f32 = 4.0;
    let palette = &kit.palette;
    let width = ui.available_width().min(640.0);
    let column = width / stations.len().max(1) as f32;
    let texts: Vec<_> = stations
        .iter()
        .map(|station| {
            let font = theme::bold(size::BODY);
            let color = if station.reach == Reach::Ahead {
                palette.ink_2
            } else {
                palette.ink
            };
            ui.painter()
                .layout(station.name.clone(), font, color, column - size::SPACE_S)
        })
        .collect();
    let text_height = texts.iter().map(|text| text.size().y).fold(0.0, f32::max);
    let height = 2.0 * RADIUS + size::SPACE_L + text_height;
    let left_gap = (ui.available_width() - width) / 2.0;
    let (outer, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, name));
    let rect = Rect::from_min_size(outer.min + vec2(left_gap, 0.0), vec2(width, height));
    let center = |index: usize| {
        pos2(
            rect.left() + column * (index as f32 + 0.5),
            rect.top() + RADIUS,
        )
    };
    let painter = ui.painter();
    for (index, next) in stations.iter().skip(1).enumerate() {
        let reached = next.reach != Reach::Ahead;
        let color = if reached {
            palette.accent
        } else {
            palette.line
        };
        let (from, to) = (
            center(index).x + RADIUS + size::SPACE_S,
            center(index + 1).x - RADIUS - size::SPACE_S,
        );
        if reached {
            painter.hline(from..=to, center(index).y, Stroke::new(PATH, color));
        } else {
            dots(ui, from, to, center(index).y, PATH / 2.0, color);
        }
    }
    for (index, (station, text)) in stations.iter().zip(texts).enumerate() {
        draw_station(ui, kit, center(index), RADIUS, station);
        let at = pos2(
            center(index).x - text.size().x / 2.0,
            rect.top() + 2.0 * RADIUS + size::SPACE_L,
        );
        ui.painter().galley(at, text, palette.ink);
    }
}

fn dots(ui: &Ui, from: f32, to: f32, y: f32, radius: f32, color: Color32) {
    let count = ((to - from) / size::SPACE_M).floor().max(1.0) as usize;
    for dot in 0..count {
        let x = from + (to - from) * (dot as f32 + 0.5) / count as f32;
        ui.painter().circle_filled(pos2(x, y), radius, color);
    }
}

fn draw_station(ui: &Ui, kit: &Kit, center: Pos2, radius: f32, station: &Station) {
    let palette = &kit.palette;
    let painter = ui.painter();
    let (fill, edge, ink, badge) = match station.reach {
        Reach::Ahead => (palette.surface, palette.line, palette.ink_2, None),
        Reach::Now => (palette.accent_soft, palette.accent, palette.accent, None),
        Reach::There => (
            palette.accent,
            palette.accent,
            palette.on_fill,
            Some((glyph::CHECK, palette.call)),
        ),
        Reach::Failed => (
            palette.surface,
            palette.danger,
            palette.danger,
            Some((glyph::X, palette.danger)),
        ),
    };
    if station.reach == Reach::Now {
        let breath = kit.breath(1.6);
        let halo = Stroke::new(3.0, palette.accent.gamma_multiply(0.35));
        painter.circle_stroke(center, radius + 5.0 + 3.0 * breath, halo);
    }
    painter.circle(center, radius - 1.0, fill, Stroke::new(2.0, edge));
    paint::icon(painter, center, station.icon, 32.0, ink);
    if let Some((mark, color)) = badge {
        let at = center + vec2(radius * 0.74, -radius * 0.74);
        let place = Rect::from_center_size(at, vec2(26.0, 26.0));
        let round = station.reach == Reach::There;
        let corner = if round {
            CornerRadius::same(13)
        } else {
            CornerRadius::same(3)
        };
        painter.rect_filled(
            place.expand(3.0),
            corner + CornerRadius::same(3),
            palette.bg,
        );
        painter.rect_filled(place, corner, color);
        paint::icon(painter, at, mark, 16.0, palette.on_fill);
    }
}
