//! How loud somebody is, to look at.

use egui::accesskit::Role;
use egui::{CornerRadius, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use vrs_domain::Loudness;

use crate::kit::Kit;
use crate::theme::{self, size};

const BARS: usize = 14;
const QUIET_DBFS: f32 = -60.0;
/// From here on a voice is too loud.
const LOUD_DBFS: f32 = -6.0;

/// Draws a name and a level in dBFS (0 is full scale, -60 and below is silence).
///
/// Loud bars are taller as well as of another colour.
pub fn level_meter(ui: &mut Ui, kit: &Kit, name: &str, level_dbfs: f32) {
    let palette = &kit.palette;
    let name_width = size::SPACE_XXXL + size::SPACE_S;
    let (rect, response) = ui.allocate_exact_size(
        vec2(ui.available_width(), size::SPACE_XL + size::SPACE_XS),
        Sense::hover(),
    );
    let share = lit_share(level_dbfs);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Meter, true, name);
        info.value = Some(f64::from((share * 100.0).round()));
        info
    });
    let painter = ui.painter();
    let name_at = pos2(rect.left(), rect.center().y);
    painter.text(
        name_at,
        egui::Align2::LEFT_CENTER,
        name,
        theme::regular(size::BODY),
        palette.ink,
    );
    let bars = Rect::from_min_max(pos2(rect.left() + name_width, rect.top()), rect.max);
    let step = bars.width() / BARS as f32;
    for bar in 0..BARS {
        let from = bar as f32 / BARS as f32;
        let loud = QUIET_DBFS * (1.0 - from) >= LOUD_DBFS;
        let height = if loud {
            size::SPACE_XL - 2.0
        } else {
            size::SPACE_L
        };
        let center = pos2(bars.left() + step * (bar as f32 + 0.5), bars.center().y);
        let place = Rect::from_center_size(center, vec2((step - 3.0).max(2.0), height));
        let radius = CornerRadius::same(2);
        if from < share {
            let color = if loud { palette.warn } else { palette.call };
            painter.rect_filled(place, radius, color);
        } else {
            painter.rect_stroke(
                place,
                radius,
                Stroke::new(1.0, palette.line),
                StrokeKind::Inside,
            );
        }
    }
}

/// A level in dBFS that stands for a step of loudness.
#[must_use]
pub const fn loudness_dbfs(loudness: Loudness) -> f32 {
    match loudness {
        Loudness::Silent => -60.0,
        Loudness::Soft => -42.0,
        Loudness::Normal => -25.0,
        Loudness::Loud => -10.0,
    }
}

/// The share (0 to 1) of the bars that are lit.
fn lit_share(level_dbfs: f32) -> f32 {
    if level_dbfs.is_nan() {
        0.0
    } else {
        (1.0 - level_dbfs / QUIET_DBFS).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_lights_nothing_and_full_scale_everything() {
        assert!(lit_share(f32::NEG_INFINITY) == 0.0 && lit_share(f32::NAN) == 0.0);
        assert!(lit_share(-90.0) == 0.0 && lit_share(0.0) == 1.0 && lit_share(6.0) == 1.0);
        assert!((lit_share(-30.0) - 0.5).abs() < 1e-6);
    }
}
