//! The countdown of an invitation.

use egui::accesskit::Role;
use egui::{Align2, Sense, Stroke, Ui, WidgetInfo, vec2};
use std::time::Duration;

use super::paint;
use crate::kit::Kit;
use crate::theme::{self, size};

/// Draws a ring that empties as `left` runs down from `whole`, with the seconds inside.
pub fn countdown_ring(
    ui: &mut Ui,
    kit: &Kit,
    name: &str,
    left: Duration,
    whole: Duration,
    diameter: f32,
) {
    let palette = &kit.palette;
    let (rect, response) = ui.allocate_exact_size(vec2(diameter, diameter), Sense::hover());
    let seconds = left.as_millis().div_ceil(1000);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Timer, true, name);
        info.value = Some(seconds as f64);
        info
    });
    let share = left.as_secs_f32() / whole.as_secs_f32().max(0.001);
    let thickness = diameter / 16.0;
    let radius = (diameter - thickness) / 2.0;
    let painter = ui.painter();
    let track = if palette.outlined {
        Stroke::new(1.0, palette.line)
    } else {
        Stroke::new(thickness, palette.hairline)
    };
    painter.line(paint::arc(rect.center(), radius, 1.0), track);
    let color = if seconds <= 5 {
        palette.warn
    } else {
        palette.accent
    };
    painter.line(
        paint::arc(rect.center(), radius, share),
        Stroke::new(thickness, color),
    );
    let points = (diameter * 0.34).max(size::TITLE);
    painter.text(
        rect.center(),
        Align2::CENTER_CENTER,
        seconds,
        theme::bold(points),
        palette.ink,
    );
}
