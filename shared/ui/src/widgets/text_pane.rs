//! Real-time text beside the picture.

use egui::accesskit::Role;
use egui::{
    Align, CornerRadius, Frame, Key, Margin, ScrollArea, Sense, Stroke, Ui, WidgetInfo, pos2, vec2,
};

use super::field::Field;
use vrs_domain::{TEXT_NAME_CALLER, TEXT_NAME_INTERPRETER};

use crate::conversation::{Author, Conversation, Line};
use crate::kit::Kit;
use crate::theme::{self, size};

/// What the user did in the pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// The field now holds this.
    Changed(String),
    /// The line is finished.
    Finished,
}

/// Draws the conversation and the field under it; `peer` is the other person's name, where a line
/// brings none of its own.
pub fn text_pane(ui: &mut Ui, kit: &Kit, conversation: &Conversation, peer: &str) -> Option<Typed> {
    let mut typed = None;
    let field = size::FIELD + size::SPACE_M;
    let room = (ui.available_height() - field).max(size::TARGET);
    ui.allocate_ui(vec2(ui.available_width(), room), |ui| {
        ui.set_min_height(room);
        if conversation.lines().len() == 0 {
            empty(ui, kit);
            return;
        }
        ScrollArea::vertical()
            .id_salt("text")
            .auto_shrink(false)
            .stick_to_bottom(true)
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = size::SPACE_S;
                let mut before = None;
                for line in conversation.lines().filter(|line| !line.text.is_empty()) {
                    let name = match line.author {
                        Author::Me => kit.t("text-me"),
                        Author::Peer(source) => writer(kit, conversation.name(source), peer),
                    };
                    draw_line(ui, kit, line, &name, before != Some(line.author));
                    before = Some(line.author);
                }
            });
    });
    let mut draft = conversation.draft().to_owned();
    let hint = kit.t("text-hint");
    let name = kit.t("text-field");
    let response = Field::new(&name)
        .hint(&hint)
        .label_spoken_only()
        .points(size::BODY)
        .chars_max(1000)
        .show(ui, kit, &mut draft);
    if response.changed() {
        typed = Some(Typed::Changed(draft));
    }
    if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        response.request_focus();
        typed = Some(Typed::Finished);
    }
    typed
}

fn empty(ui: &mut Ui, kit: &Kit) {
    let room = ui.available_size();
    let color = kit.palette.ink_2;
    let text = ui.painter().layout(
        kit.t("text-about"),
        theme::regular(size::META),
        color,
        room.x,
    );
    let (rect, response) = ui.allocate_exact_size(room, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, kit.t("text-about")));
    ui.painter().galley(
        pos2(rect.left(), rect.bottom() - text.size().y),
        text,
        color,
    );
}

/// What to call somebody whom the server calls so: parts in the call in the user's language.
fn writer(kit: &Kit, name: &str, peer: &str) -> String {
    let number = name
        .strip_prefix(TEXT_NAME_INTERPRETER)
        .and_then(|rest| rest.strip_prefix(' '))
        .and_then(|number| number.parse::<u32>().ok());
    match (name, number) {
        ("", _) => peer.to_owned(),
        (TEXT_NAME_CALLER, _) => kit.t("text-caller"),
        (TEXT_NAME_INTERPRETER, _) => kit.t("text-interpreter"),
        (_, Some(number)) => kit.with(
            "text-interpreter-number",
            &[("number", number.to_string().into())],
        ),
        (other, None) => other.to_owned(),
    }
}

fn draw_line(ui: &mut Ui, kit: &Kit, line: &Line, name: &str, first: bool) {
    let palette = &kit.palette;
    let mine = line.author == Author::Me;
    let layout = egui::Layout::top_down(if mine { Align::Max } else { Align::Min });
    let indent = (ui.available_width() * 0.14).min(size::SPACE_XXXL);
    ui.with_layout(layout, |ui| {
        if first {
            super::words::strong(ui, name, size::META, palette.ink_2);
            ui.add_space(-size::SPACE_XS);
        }
        let room = ui.available_width() - indent - 2.0 * size::SPACE_M;
        let text = ui.painter().layout(
            line.text.clone(),
            theme::regular(size::BODY),
            palette.ink,
            room,
        );
        let (fill, edge) = if mine {
            (palette.accent_soft, Stroke::new(size::EDGE, palette.accent))
        } else {
            (
                palette.raised,
                Stroke::new(
                    if palette.outlined { size::EDGE } else { 0.0 },
                    palette.line,
                ),
            )
        };
        Frame::new()
            .fill(fill)
            .stroke(edge)
            .corner_radius(CornerRadius::same(size::RADIUS_CONTROL))
            .inner_margin(Margin::symmetric(size::SPACE_M as i8, size::SPACE_S as i8))
            .show(ui, |ui| {
                let (rect, response) = ui.allocate_exact_size(text.size(), Sense::hover());
                let spoken = format!("{name}: {}", line.text);
                response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
                ui.painter().galley(rect.min, text, palette.ink);
            });
    });
}
