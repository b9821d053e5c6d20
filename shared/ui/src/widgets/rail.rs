//! The column of pages at the left.

use egui::accesskit::Role;
use egui::{CornerRadius, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use super::paint;
use crate::kit::Kit;
use crate::theme::{self, size};

/// One page: its icon and its word.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// A Phosphor icon.
    pub icon: &'a str,
    /// Its name.
    pub word: &'a str,
}

/// Draws the pages from top to bottom; the index newly chosen.
pub fn rail(ui: &mut Ui, kit: &Kit, pages: &[Page<'_>], chosen: usize) -> Option<usize> {
    let palette = &kit.palette;
    let mut picked = None;
    ui.spacing_mut().item_spacing.y = size::SPACE_S;
    for (index, page) in pages.iter().enumerate() {
        let here = index == chosen;
        let desired = vec2(ui.available_width(), size::MAIN + size::SPACE_S);
        let (rect, response) = ui.allocate_exact_size(desired, Sense::click());
        response.widget_info(|| WidgetInfo::selected(Role::Tab, true, here, page.word));
        let radius = CornerRadius::same(size::RADIUS_CONTROL);
        let color = if here { palette.accent } else { palette.ink_2 };
        if here {
            let edge = if palette.outlined {
                Stroke::new(size::EDGE_SELECTED, palette.accent)
            } else {
                Stroke::NONE
            };
            ui.painter()
                .rect(rect, radius, palette.accent_soft, edge, StrokeKind::Inside);
        } else if response.hovered() {
            ui.painter().rect_filled(rect, radius, palette.raised);
        }
        let center = rect.center();
        paint::icon(
            ui.painter(),
            pos2(center.x, center.y - size::SPACE_M),
            page.icon,
            size::ICON_L,
            color,
        );
        let word_color = if here { palette.accent } else { palette.ink };
        let font = theme::bold(size::META);
        let text = ui
            .painter()
            .layout_no_wrap(page.word.to_owned(), font, word_color);
        let at = pos2(
            center.x - text.size().x / 2.0,
            center.y + size::SPACE_L - text.size().y / 2.0 + 2.0,
        );
        ui.painter().galley(at, text, word_color);
        if response.has_focus() {
            paint::focus_ring(ui, rect.shrink(size::FOCUS_RING), radius, palette);
        }
        if response
            .on_hover_cursor(egui::CursorIcon::PointingHand)
            .clicked()
            && !here
        {
            picked = Some(index);
        }
    }
    picked
}
