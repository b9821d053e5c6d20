//! Words on a page, in the few sizes there are.

use egui::accesskit::{Live, Role};
use egui::{Color32, Label, Response, RichText, Sense, Ui, pos2, vec2};

use super::paint;
use crate::kit::Kit;
use crate::theme::{self, size};

/// Ordinary words that wrap.
pub fn plain(ui: &mut Ui, text: &str, points: f32, color: Color32) -> Response {
    ui.add(
        Label::new(
            RichText::new(text)
                .font(theme::regular(points))
                .color(color),
        )
        .wrap(),
    )
}

/// Strong words that wrap.
pub fn strong(ui: &mut Ui, text: &str, points: f32, color: Color32) -> Response {
    ui.add(Label::new(RichText::new(text).font(theme::bold(points)).color(color)).wrap())
}

/// A strong word with the key that does the same, as under a large button without words.
pub fn with_key(ui: &mut Ui, kit: &Kit, word: &str, key: &str) {
    let color = kit.palette.ink;
    let text = ui
        .painter()
        .layout_no_wrap(word.to_owned(), theme::bold(size::LEAD), color);
    let cap = paint::key_cap_size(ui.painter(), key);
    let whole = vec2(
        text.size().x + size::SPACE_M + cap.x,
        text.size().y.max(cap.y),
    );
    let (rect, _) = ui.allocate_exact_size(whole, Sense::hover());
    let text_at = pos2(rect.left(), rect.center().y - text.size().y / 2.0);
    let key_at = pos2(rect.left() + text.size().x + size::SPACE_M, rect.center().y);
    ui.painter().galley(text_at, text, color);
    paint::key_cap(ui.painter(), key_at, key, color);
}

/// A heading that a screen reader tells at once.
pub fn alert(ui: &mut Ui, text: &str, spoken: &str, points: f32, color: Color32) {
    let response = strong(ui, text, points, color);
    tell_at_once(ui, &response, spoken);
}

/// Makes a screen reader tell this at once, in these words.
pub fn tell_at_once(ui: &Ui, response: &Response, spoken: &str) {
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(Role::Alert);
        node.set_live(Live::Assertive);
        node.set_label(spoken);
        node.clear_value();
    });
}

/// Makes a screen reader tell this when it has a moment, in these words.
pub fn tell_politely(ui: &Ui, response: &Response, spoken: &str) {
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(Role::Status);
        node.set_live(Live::Polite);
        node.set_label(spoken);
        node.clear_value();
    });
}

/// Strong words after an icon.
pub fn with_icon(ui: &mut Ui, glyph: &str, text: &str, points: f32, color: Color32) -> Response {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = size::SPACE_S;
        let (rect, _) = ui.allocate_exact_size(vec2(points, points) * 1.2, Sense::hover());
        paint::icon(ui.painter(), rect.center(), glyph, points * 1.2, color);
        strong(ui, text, points, color)
    })
    .inner
}

/// A key as printed on a keyboard, beside a control that has no words.
pub fn key(ui: &mut Ui, kit: &Kit, key: &str) {
    let cap = paint::key_cap_size(ui.painter(), key);
    let (rect, _) = ui.allocate_exact_size(cap, Sense::hover());
    paint::key_cap(ui.painter(), rect.left_center(), key, kit.palette.ink);
}
