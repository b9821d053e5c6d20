//! A short message that goes away by itself.

use std::time::{Duration, Instant};

use egui::accesskit::{Live, Role};
use egui::{Align2, Area, CornerRadius, Frame, Id, Margin, Order, Stroke, Ui, WidgetInfo, vec2};
use egui_phosphor::bold as glyph;

use super::paint;
use crate::kit::Kit;
use crate::strings::Value;
use crate::theme::{self, size};

const SHOWN: Duration = Duration::from_secs(8);
const KEPT_MAX: usize = 3;

/// A message: the key of its sentence and the values put in.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The key of its sentence.
    pub key: &'static str,
    /// The values put in.
    pub values: Vec<(&'static str, Value)>,
}

/// The messages shown now, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Toasts(Vec<(Note, Instant)>);

impl Toasts {
    /// Shows a message; the oldest goes when there are too many.
    pub fn push(&mut self, now: Instant, note: Note) {
        self.0.retain(|(shown, _)| *shown != note);
        self.0.push((note, now));
        if self.0.len() > KEPT_MAX {
            self.0.remove(0);
        }
    }

    /// Takes away what was shown long enough.
    pub fn expire(&mut self, now: Instant) {
        self.0
            .retain(|(_, since)| now.saturating_duration_since(*since) < SHOWN);
    }

    /// The messages shown now.
    pub fn iter(&self) -> impl Iterator<Item = &Note> {
        self.0.iter().map(|(note, _)| note)
    }

    /// Draws them `above` the window's lower edge, in points.
    pub fn show(&self, ui: &Ui, kit: &Kit, above: f32) {
        if self.0.is_empty() {
            return;
        }
        let palette = &kit.palette;
        let offset = vec2(0.0, -above - size::SPACE_L);
        Area::new(Id::unique("toasts"))
            .order(Order::Foreground)
            .anchor(Align2::CENTER_BOTTOM, offset)
            .show(ui, |ui| {
                for note in self.iter() {
                    let words = kit.with(note.key, &note.values);
                    Frame::new()
                        .fill(palette.ink)
                        .stroke(Stroke::new(size::EDGE, palette.bg))
                        .corner_radius(CornerRadius::same(size::RADIUS_CONTROL))
                        .inner_margin(Margin::symmetric(size::SPACE_L as i8, size::SPACE_M as i8))
                        .show(ui, |ui| {
                            let room = (ui.ctx().content_rect().width() * 0.7).min(560.0);
                            let text = ui.painter().layout(
                                words.clone(),
                                theme::bold(size::BODY),
                                palette.on_fill,
                                room,
                            );
                            let icon = size::ICON + size::SPACE_M;
                            let (rect, response) = ui.allocate_exact_size(
                                vec2(text.size().x + icon, text.size().y.max(size::ICON)),
                                egui::Sense::hover(),
                            );
                            response
                                .widget_info(|| WidgetInfo::labeled(Role::Status, true, &words));
                            ui.ctx().accesskit_node_builder(response.id, |node| {
                                node.set_live(Live::Polite)
                            });
                            let icon_at =
                                egui::pos2(rect.left() + size::ICON / 2.0, rect.center().y);
                            paint::icon(
                                ui.painter(),
                                icon_at,
                                glyph::INFO,
                                size::ICON,
                                palette.on_fill,
                            );
                            let text_at = egui::pos2(
                                rect.left() + icon,
                                rect.center().y - text.size().y / 2.0,
                            );
                            ui.painter().galley(text_at, text, palette.on_fill);
                        });
                }
            });
        ui.ctx().request_repaint_after(Duration::from_millis(500));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    #[test]
    fn a_toast_goes_by_itself_and_few_are_kept() {
        let start = epoch();
        let mut toasts = Toasts::default();
        for key in ["a", "b", "c", "d", "d"] {
            toasts.push(
                start,
                Note {
                    key,
                    values: Vec::new(),
                },
            );
        }
        assert_eq!(
            toasts.iter().map(|note| note.key).collect::<Vec<_>>(),
            ["b", "c", "d"]
        );
        toasts.expire(start + SHOWN);
        assert_eq!(toasts.iter().count(), 0);
    }
}
