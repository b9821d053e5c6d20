//! The one button of the product, from a key of the dial pad to Answer.

use egui::accesskit::Role;
use egui::{
    Color32, CornerRadius, Galley, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
    pos2, vec2,
};
use std::sync::Arc;

use super::paint;
use crate::kit::Kit;
use crate::theme::{self, Palette, size};

/// What pressing does to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// The screen's main action.
    Primary,
    /// Places or answers a call.
    Call,
    /// Ends or refuses a call.
    Danger,
    /// Anything else.
    #[default]
    Secondary,
    /// Anything else, without a body.
    Plain,
}

/// How the outline tells it apart without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outline {
    /// Rounded corners.
    #[default]
    Rounded,
    /// Round: yes, answer.
    Round,
    /// Square: no, decline.
    Square,
}

/// Where the icon stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Arrange {
    #[default]
    Beside,
    Under,
    IconOnly,
}

/// How wide it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Width {
    #[default]
    Fit,
    Fill,
    Exact(f32),
}

/// A button; [`Self::show`] draws it.
#[derive(Debug, Clone)]
#[must_use = "a button is drawn by show"]
pub struct Button<'a> {
    label: &'a str,
    name: Option<&'a str>,
    icon: Option<&'a str>,
    key: Option<&'a str>,
    kind: Kind,
    outline: Outline,
    arrange: Arrange,
    width: Width,
    height: f32,
    points: f32,
    enabled: bool,
    pressed: Option<bool>,
}

impl<'a> Button<'a> {
    /// A button with a word on it, which is also its accessible name.
    pub const fn new(label: &'a str) -> Self {
        Self {
            label,
            name: None,
            icon: None,
            key: None,
            kind: Kind::Secondary,
            outline: Outline::Rounded,
            arrange: Arrange::Beside,
            width: Width::Fit,
            height: size::TARGET,
            points: size::BODY,
            enabled: true,
            pressed: None,
        }
    }

    /// The accessible name, where it must say more than the word on the button.
    pub const fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// A Phosphor icon before (or above) the word.
    pub const fn icon(mut self, glyph: &'a str) -> Self {
        self.icon = Some(glyph);
        self
    }

    /// The key that does the same, printed on the button.
    pub const fn key(mut self, key: &'a str) -> Self {
        self.key = Some(key);
        self
    }

    /// What pressing does.
    pub const fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Its outline.
    pub const fn outline(mut self, outline: Outline) -> Self {
        self.outline = outline;
        self
    }

    /// The icon above the word, as in the bar under a picture.
    pub const fn under(mut self) -> Self {
        self.arrange = Arrange::Under;
        self.height = size::MAIN;
        self.points = size::META;
        self
    }

    /// The icon alone; the word becomes the tooltip and the accessible name.
    pub const fn icon_only(mut self) -> Self {
        self.arrange = Arrange::IconOnly;
        self
    }

    /// The size of a main action.
    pub const fn main(mut self) -> Self {
        self.height = size::MAIN;
        self.points = size::LEAD;
        self
    }

    /// As wide as there is room.
    pub const fn fill(mut self) -> Self {
        self.width = Width::Fill;
        self
    }

    /// An exact width and height in points (never below the least target).
    pub const fn exact(mut self, width: f32, height: f32) -> Self {
        self.width = Width::Exact(width);
        self.height = height;
        self
    }

    /// The size of its word, in points.
    pub const fn points(mut self, points: f32) -> Self {
        self.points = points;
        self
    }

    /// Whether it can be pressed now.
    pub const fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Makes it a toggle that is pressed in, or not.
    pub const fn pressed(mut self, pressed: bool) -> Self {
        self.pressed = Some(pressed);
        self
    }

    /// Draws it and says whether it was pressed.
    pub fn show(self, ui: &mut Ui, kit: &Kit) -> Response {
        let colors = self.colors(&kit.palette);
        let pad = if self.height >= size::MAIN {
            size::SPACE_XL
        } else {
            size::SPACE_L
        };
        let room = match self.width {
            Width::Fit => ui.available_width(),
            Width::Fill => ui.available_width(),
            Width::Exact(width) => width,
        };
        let parts = self.layout(ui, room, pad, colors.ink);
        let wanted = match self.width {
            Width::Fit => parts.size.x,
            Width::Fill | Width::Exact(_) => room,
        };
        let desired = vec2(
            wanted.max(size::TARGET),
            parts.size.y.max(self.height).max(size::TARGET),
        );
        let sense = if self.enabled {
            Sense::click()
        } else {
            Sense::hover()
        };
        let (rect, response) = ui.allocate_exact_size(desired, sense);
        self.describe(ui, &response);
        if ui.is_rect_visible(rect) {
            self.paint(ui, kit, rect, &response, &parts, colors);
        }
        let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
        if self.arrange == Arrange::IconOnly {
            response.on_hover_text(self.label)
        } else {
            response
        }
    }

    fn describe(&self, ui: &Ui, response: &Response) {
        let name = self.name.unwrap_or(self.label);
        response.widget_info(|| match self.pressed {
            Some(pressed) => WidgetInfo::selected(Role::Button, self.enabled, pressed, name),
            None => WidgetInfo::labeled(Role::Button, self.enabled, name),
        });
        if let Some(key) = self.key {
            ui.ctx()
                .accesskit_node_builder(response.id, |node| node.set_keyboard_shortcut(key));
        }
    }

    fn layout(&self, ui: &Ui, room: f32, pad: f32, ink: Color32) -> Parts {
        let painter = ui.painter();
        let icon = match (self.icon, self.arrange) {
            (None, _) => 0.0,
            (Some(_), Arrange::Beside) => {
                if self.points >= size::LEAD {
                    size::ICON_L
                } else {
                    size::ICON
                }
            }
            (Some(_), Arrange::IconOnly) if self.height > size::MAIN => size::DISPLAY,
            (Some(_), Arrange::Under | Arrange::IconOnly) => size::ICON_L,
        };
        let key = self
            .key
            .map_or(Vec2::ZERO, |key| paint::key_cap_size(painter, key));
        let icon_room = if icon > 0.0 {
            icon + size::SPACE_S
        } else {
            0.0
        };
        let key_room = if key.x > 0.0 {
            key.x + size::SPACE_M
        } else {
            0.0
        };
        let text_room = match self.arrange {
            Arrange::Beside => room - 2.0 * pad - icon_room - key_room,
            Arrange::Under => (room - size::SPACE_L).max(size::MAIN),
            Arrange::IconOnly => 0.0,
        };
        let font = theme::bold(self.points);
        let text = painter.layout(
            self.label.to_owned(),
            font,
            ink,
            text_room.max(size::TARGET),
        );
        let size = match self.arrange {
            Arrange::Beside => vec2(
                2.0 * pad + icon_room + text.size().x + key_room,
                text.size().y + size::SPACE_L,
            ),
            Arrange::Under => vec2(
                (text.size().x
                    + if key.x > 0.0 {
                        key.x + size::SPACE_S
                    } else {
                        0.0
                    }
                    + size::SPACE_L)
                    .max(size::FIELD + size::SPACE_XXXL + size::SPACE_S),
                icon + size::SPACE_XS + text.size().y.max(key.y) + size::SPACE_M,
            ),
            Arrange::IconOnly => vec2(size::TARGET, size::TARGET),
        };
        Parts {
            icon,
            key,
            text,
            size,
        }
    }

    fn paint(
        &self,
        ui: &Ui,
        kit: &Kit,
        rect: Rect,
        response: &Response,
        parts: &Parts,
        colors: Colors,
    ) {
        let radius = match self.outline {
            Outline::Rounded => CornerRadius::same(size::RADIUS_CONTROL),
            Outline::Round => CornerRadius::same((rect.height() / 2.0).min(255.0) as u8),
            Outline::Square => CornerRadius::same(2),
        };
        let mut fill = colors.fill;
        if self.enabled && response.is_pointer_button_down_on() {
            fill = paint::toward(fill, colors.press, 0.22);
        } else if self.enabled && response.hovered() {
            fill = paint::toward(fill, colors.press, 0.12);
        }
        let painter = if self.enabled {
            ui.painter().clone()
        } else {
            let mut faded = ui.painter().clone();
            faded.multiply_opacity(0.45);
            faded
        };
        painter.rect(rect, radius, fill, colors.edge, StrokeKind::Inside);
        let center = rect.center();
        match self.arrange {
            Arrange::Beside => self.paint_beside(&painter, rect, parts, colors.ink),
            Arrange::Under => {
                let line = parts.text.size().y.max(parts.key.y);
                let top = center.y - (parts.icon + size::SPACE_XS + line) / 2.0;
                paint::icon(
                    &painter,
                    pos2(center.x, top + parts.icon / 2.0),
                    self.icon.unwrap_or_default(),
                    parts.icon,
                    colors.ink,
                );
                let middle = top + parts.icon + size::SPACE_XS + line / 2.0;
                let gap = if parts.key.x > 0.0 {
                    size::SPACE_S
                } else {
                    0.0
                };
                let left = center.x - (parts.text.size().x + gap + parts.key.x) / 2.0;
                painter.galley(
                    pos2(left, middle - parts.text.size().y / 2.0),
                    parts.text.clone(),
                    colors.ink,
                );
                if let Some(key) = self.key {
                    paint::key_cap(
                        &painter,
                        pos2(left + parts.text.size().x + gap, middle),
                        key,
                        colors.ink,
                    );
                }
            }
            Arrange::IconOnly => paint::icon(
                &painter,
                center,
                self.icon.unwrap_or_default(),
                parts.icon,
                colors.ink,
            ),
        }
        if response.has_focus() {
            paint::focus_ring(ui, rect, radius, &kit.palette);
        }
    }

    fn paint_beside(&self, painter: &egui::Painter, rect: Rect, parts: &Parts, ink: Color32) {
        let icon_room = if parts.icon > 0.0 {
            parts.icon + size::SPACE_S
        } else {
            0.0
        };
        let key_room = if parts.key.x > 0.0 {
            parts.key.x + size::SPACE_M
        } else {
            0.0
        };
        let whole = icon_room + parts.text.size().x + key_room;
        let mut x = rect.center().x - whole / 2.0;
        let y = rect.center().y;
        if let Some(glyph) = self.icon {
            paint::icon(
                painter,
                pos2(x + parts.icon / 2.0, y),
                glyph,
                parts.icon,
                ink,
            );
            x += icon_room;
        }
        painter.galley(
            pos2(x, y - parts.text.size().y / 2.0),
            parts.text.clone(),
            ink,
        );
        x += parts.text.size().x + size::SPACE_M;
        if let Some(key) = self.key {
            paint::key_cap(painter, pos2(x, y), key, ink);
        }
    }

    fn colors(&self, palette: &Palette) -> Colors {
        let filled = |fill| Colors {
            fill,
            ink: palette.on_fill,
            edge: Stroke::NONE,
            press: palette.on_fill,
        };
        match self.kind {
            Kind::Primary => filled(palette.accent),
            Kind::Call => filled(palette.call),
            Kind::Danger => filled(palette.danger),
            Kind::Secondary | Kind::Plain if self.pressed == Some(true) => filled(palette.ink),
            Kind::Secondary => {
                let edge = if palette.dark && !palette.outlined {
                    Stroke::NONE
                } else {
                    Stroke::new(size::EDGE, palette.line)
                };
                let fill = if palette.dark {
                    palette.raised
                } else {
                    palette.surface
                };
                Colors {
                    fill,
                    ink: palette.ink,
                    edge,
                    press: palette.ink,
                }
            }
            Kind::Plain => Colors {
                fill: Color32::TRANSPARENT,
                ink: palette.ink,
                edge: Stroke::NONE,
                press: palette.ink,
            },
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Colors {
    fill: Color32,
    ink: Color32,
    edge: Stroke,
    press: Color32,
}

struct Parts {
    icon: f32,
    key: Vec2,
    text: Arc<Galley>,
    size: Vec2,
}
