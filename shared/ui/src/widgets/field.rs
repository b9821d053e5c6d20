//! A text field with its name above it.

use egui::accesskit::Role;
use egui::{CornerRadius, Frame, Id, Margin, Response, Stroke, StrokeKind, TextEdit, Ui, vec2};

use super::{paint, words};
use crate::kit::Kit;
use crate::theme::{self, size};

/// A text field; [`Self::show`] draws it.
#[must_use = "a field is drawn by show"]
pub struct Field<'a> {
    label: &'a str,
    hint: &'a str,
    secret: bool,
    points: f32,
    height: f32,
    chars_max: usize,
    visible_label: bool,
    role: Option<Role>,
    id: Option<Id>,
    labelled_by: Option<Id>,
}

impl<'a> Field<'a> {
    /// A field with this name.
    pub const fn new(label: &'a str) -> Self {
        Self {
            label,
            hint: "",
            secret: false,
            points: size::LEAD,
            height: size::FIELD,
            chars_max: 128,
            visible_label: true,
            role: None,
            id: None,
            labelled_by: None,
        }
    }

    /// What is shown while it is empty.
    pub const fn hint(mut self, hint: &'a str) -> Self {
        self.hint = hint;
        self
    }

    /// Shows dots instead of letters.
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The size of its text, in points.
    pub const fn points(mut self, points: f32) -> Self {
        self.points = points;
        self
    }

    /// Its height, in points.
    pub const fn height(mut self, height: f32) -> Self {
        self.height = height;
        self
    }

    /// The most characters it takes.
    pub const fn chars_max(mut self, chars: usize) -> Self {
        self.chars_max = chars;
        self
    }

    /// Its name is only spoken.
    pub const fn label_spoken_only(mut self) -> Self {
        self.visible_label = false;
        self
    }

    /// Its name is in a label drawn elsewhere.
    pub const fn labelled_by(mut self, label: Id) -> Self {
        self.visible_label = false;
        self.labelled_by = Some(label);
        self
    }

    /// What kind of text a screen reader announces.
    pub const fn role(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// A fixed id, so that it can be given the keyboard.
    pub const fn id(mut self, id: Id) -> Self {
        self.id = Some(id);
        self
    }

    /// Draws it over the width that is left.
    pub fn show(self, ui: &mut Ui, kit: &Kit, text: &mut String) -> Response {
        let palette = &kit.palette;
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = size::SPACE_XS;
            let visuals = ui.visuals_mut();
            visuals.override_text_color = Some(palette.ink);
            visuals.weak_text_color = Some(palette.ink_2);
            visuals.text_cursor.stroke.color = palette.ink;
            let label = self
                .visible_label
                .then(|| words::strong(ui, self.label, size::BODY, palette.ink));
            let background = ui.painter().add(egui::Shape::Noop);
            let width = ui.available_width();
            let mut edit = TextEdit::singleline(text)
                .hint_text(egui::RichText::new(self.hint).font(theme::regular(self.points)))
                .password(self.secret)
                .font(theme::regular(self.points))
                .text_color(palette.ink)
                .char_limit(self.chars_max)
                .desired_width(width)
                .align(egui::Align2::LEFT_CENTER)
                .frame(Frame::NONE.inner_margin(Margin::symmetric(size::SPACE_L as i8, 0)))
                .min_size(vec2(width, self.height));
            if let Some(id) = self.id {
                edit = edit.id(id);
            }
            let response = ui.add_sized(vec2(width, self.height), edit);
            let rect = response.rect;
            let radius = CornerRadius::same(size::RADIUS_CONTROL);
            let stroke = Stroke::new(size::EDGE, palette.line);
            let fill = palette.surface;
            let body = egui::epaint::RectShape::new(rect, radius, fill, stroke, StrokeKind::Inside);
            ui.painter().set(background, body);
            if response.has_focus() {
                paint::focus_ring(ui, rect, radius, palette);
            }
            let response = match label.map(|label| label.id).or(self.labelled_by) {
                Some(label) => response.labelled_by(label),
                None => response.accessible_name(self.label),
            };
            if let Some(role) = self.role {
                ui.ctx()
                    .accesskit_node_builder(response.id, |node| node.set_role(role));
            }
            response
        })
        .inner
    }
}
