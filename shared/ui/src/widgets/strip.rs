//! The state strip: what the call is doing, always at the top of the window.

use egui::accesskit::{Live, Role};
use egui::{
    Align2, Color32, CornerRadius, Pos2, Rect, Sense, Shape as Drawn, Stroke, Ui, UiBuilder,
    WidgetInfo, pos2, vec2,
};

use super::{Button, Kind, paint};
use crate::kit::Kit;
use crate::theme::{self, Palette, size};

/// Tells states apart by form, beside colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Nothing is going on: a circle's outline.
    Idle,
    /// Something is awaited: a diamond.
    Waiting,
    /// Something is being done: a hexagon.
    Working,
    /// People are talking: a filled circle.
    Live,
    /// It is over: a square.
    Over,
    /// It needs the user: a triangle.
    Problem,
}

impl Form {
    const fn color(self, palette: &Palette) -> Color32 {
        match self {
            Self::Idle | Self::Over => palette.ink_2,
            Self::Waiting => palette.warn,
            Self::Working => palette.accent,
            Self::Live => palette.call,
            Self::Problem => palette.danger,
        }
    }
}

/// A short fact with its name: a clock, or who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// The fact: minutes and seconds, a number.
    pub value: String,
    /// It counts time.
    pub clock: bool,
    /// It is left out where there is little room.
    pub spare: bool,
}

impl Fact {
    /// A clock.
    #[must_use]
    pub const fn clock(name: String, value: String) -> Self {
        Self {
            name,
            value,
            clock: true,
            spare: false,
        }
    }

    /// Something that is good to know where there is room for it.
    #[must_use]
    pub const fn spare(name: String, value: String) -> Self {
        Self {
            name,
            value,
            clock: false,
            spare: true,
        }
    }
}

/// What the strip shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strip {
    /// Its form.
    pub form: Form,
    /// A Phosphor icon inside the form.
    pub icon: &'static str,
    /// What is going on, as a sentence.
    pub sentence: String,
    /// The same for a screen reader, where counting aloud would disturb.
    pub spoken: Option<String>,
    /// Must be told at once.
    pub urgent: bool,
    /// Clocks and other facts at the right.
    pub facts: Vec<Fact>,
    /// The next thing to do: its word and its key.
    pub action: Option<(String, &'static str)>,
}

impl Strip {
    /// A strip that only says something.
    #[must_use]
    pub fn new(form: Form, icon: &'static str, sentence: String) -> Self {
        Self {
            form,
            icon,
            sentence,
            spoken: None,
            urgent: false,
            facts: Vec::new(),
            action: None,
        }
    }
}

/// Draws the strip over the whole width; says whether its action was pressed.
pub fn state_strip(ui: &mut Ui, kit: &Kit, strip: &Strip) -> bool {
    let palette = &kit.palette;
    let width = ui.available_width();
    let narrow = width < size::NARROW;
    let points = if narrow { size::BODY } else { size::LEAD };
    let named = width >= size::TINY;
    let facts = strip.facts.iter().filter(|fact| !(narrow && fact.spare));
    let facts_width: f32 = facts
        .clone()
        .map(|fact| fact_size(ui, fact, points, named) + size::SPACE_XL)
        .sum();
    let action_width = strip.action.as_ref().map_or(0.0, |(word, key)| {
        let painter = ui.painter();
        let text = painter.layout_no_wrap(word.clone(), theme::bold(size::BODY), palette.ink);
        let key = if key.is_empty() {
            0.0
        } else {
            paint::key_cap_size(painter, key).x + size::SPACE_M
        };
        text.size().x + key + 2.0 * size::SPACE_L + size::SPACE_L
    });
    let form_width = size::SPACE_L + size::SPACE_XXL + size::SPACE_M;
    let room = (width - form_width - facts_width - action_width - size::SPACE_L).max(size::TARGET);
    let text = ui.painter().layout(
        strip.sentence.clone(),
        theme::bold(points),
        palette.ink,
        room,
    );
    let height = (text.size().y + size::SPACE_L).max(size::STRIP);
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    response.widget_info(|| {
        WidgetInfo::labeled(
            Role::Status,
            true,
            strip.spoken.as_ref().unwrap_or(&strip.sentence),
        )
    });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_live(if strip.urgent {
            Live::Assertive
        } else {
            Live::Polite
        });
    });
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::ZERO, palette.surface);
    painter.hline(
        rect.x_range(),
        rect.bottom() - 0.5,
        Stroke::new(1.0, palette.hairline),
    );
    let middle = rect.center().y;
    let form_center = pos2(rect.left() + size::SPACE_L + size::SPACE_L, middle);
    draw_form(painter, palette, form_center, strip.form, strip.icon);
    painter.galley(
        pos2(rect.left() + form_width, middle - text.size().y / 2.0),
        text,
        palette.ink,
    );
    let mut right = rect.right() - size::SPACE_L - action_width;
    for fact in facts.rev() {
        right -= draw_fact(ui, palette, pos2(right, middle), fact, points, named) + size::SPACE_XL;
    }
    let Some((word, key)) = &strip.action else {
        return false;
    };
    let place = Rect::from_min_size(
        pos2(rect.right() - action_width, middle - size::TARGET / 2.0),
        vec2(action_width - size::SPACE_L, size::TARGET),
    );
    let mut pressed = false;
    ui.scope_builder(UiBuilder::new().max_rect(place), |ui| {
        let mut button = Button::new(word)
            .kind(Kind::Secondary)
            .exact(place.width(), size::TARGET);
        if !key.is_empty() {
            button = button.key(key);
        }
        pressed = button.show(ui, kit).clicked();
    });
    pressed
}

fn fact_size(ui: &Ui, fact: &Fact, points: f32, named: bool) -> f32 {
    let painter = ui.painter();
    let value = painter.layout_no_wrap(fact.value.clone(), theme::bold(points), Color32::WHITE);
    if !named {
        return value.size().x;
    }
    let name = painter.layout_no_wrap(
        fact.name.clone(),
        theme::regular(size::META),
        Color32::WHITE,
    );
    name.size().x + size::SPACE_S + value.size().x
}

/// Draws a fact that ends at `right`, with its name if there is room; returns its width.
fn draw_fact(
    ui: &mut Ui,
    palette: &Palette,
    right: Pos2,
    fact: &Fact,
    points: f32,
    named: bool,
) -> f32 {
    let painter = ui.painter();
    let value = painter.text(
        right,
        Align2::RIGHT_CENTER,
        &fact.value,
        theme::bold(points),
        palette.ink,
    );
    let mut whole = value;
    if named {
        let name_at = pos2(value.left() - size::SPACE_S, right.y);
        let font = theme::regular(size::META);
        whole |= painter.text(
            name_at,
            Align2::RIGHT_CENTER,
            &fact.name,
            font,
            palette.ink_2,
        );
    }
    let id = ui.scope_id().with("fact").with(&fact.name);
    let response = ui.interact(whole, id, Sense::hover());
    response.widget_info(|| {
        let role = if fact.clock { Role::Timer } else { Role::Label };
        WidgetInfo::labeled(role, true, format!("{} {}", fact.name, fact.value))
    });
    whole.width()
}

fn draw_form(painter: &egui::Painter, palette: &Palette, center: Pos2, form: Form, icon: &str) {
    const RADIUS: f32 = 17.0;
    let color = form.color(palette);
    let corners = |count: usize, turn: f32, radius: f32| -> Vec<Pos2> {
        (0..count)
            .map(|corner| {
                let angle = (corner as f32 / count as f32 + turn) * std::f32::consts::TAU;
                center + radius * vec2(angle.sin(), -angle.cos())
            })
            .collect()
    };
    let mut ink = palette.on_fill;
    let mut at = center;
    match form {
        Form::Idle => {
            painter.circle_stroke(center, RADIUS - 1.0, Stroke::new(2.0, color));
            ink = color;
        }
        Form::Live => {
            painter.circle_filled(center, RADIUS, color);
        }
        Form::Waiting => {
            painter.add(Drawn::convex_polygon(
                corners(4, 0.0, RADIUS + 4.0),
                color,
                Stroke::NONE,
            ));
        }
        Form::Working => {
            painter.add(Drawn::convex_polygon(
                corners(6, 0.0, RADIUS + 2.0),
                color,
                Stroke::NONE,
            ));
        }
        Form::Over => {
            let square = Rect::from_center_size(center, vec2(RADIUS, RADIUS) * 1.75);
            painter.rect_filled(square, CornerRadius::same(3), color);
        }
        Form::Problem => {
            at.y += 5.0;
            let triangle = corners(3, 0.0, RADIUS + 6.0)
                .into_iter()
                .map(|p| p + vec2(0.0, 4.0))
                .collect();
            painter.add(Drawn::convex_polygon(triangle, color, Stroke::NONE));
        }
    }
    let points = match form {
        Form::Idle | Form::Live | Form::Over | Form::Working => size::ICON,
        Form::Waiting | Form::Problem => size::BODY,
    };
    paint::icon(painter, at, icon, points, ink);
}
