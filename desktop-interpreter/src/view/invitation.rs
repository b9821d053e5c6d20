//! A caller asks: the whole window says for whom, in which languages, and how long it waits.

use egui::{Align, CentralPanel, Frame, Key, Layout, Rect, Ui, UiBuilder, pos2, vec2};
use vrs_domain::{CallKind, PhoneNumber, Seat};
use vrs_ui::host::Seen;
use vrs_ui::situation::{language_words, number_words};
use vrs_ui::theme::size;
use vrs_ui::widgets::{Button, Kind, Outline, countdown_ring, flash_border, words};
use vrs_ui::{Kit, glyph, screen_opened};

use super::urgency_look;
use crate::message::Message;
use crate::model::{Model, telephone_of};

const COLUMN: f32 = 720.0;

pub(super) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen) -> Vec<Message> {
    let _opened = screen_opened(ui.ctx(), "invitation");
    let (mut accept, mut decline) = (false, false);
    CentralPanel::default()
        .frame(Frame::new().fill(kit.palette.bg))
        .show(ui, |ui| {
            let room = ui
                .max_rect()
                .shrink2(vec2(size::SPACE_XXXL, size::SPACE_XXL));
            // Title, number, gap, ring, buttons: by the height there is.
            let flat = room.height() < size::FLAT;
            let (heading, large, gap, ring, button) = if flat {
                (size::LEAD, size::LEAD, size::SPACE_S, 80.0, size::FIELD)
            } else if room.height() < size::LOW {
                (size::TITLE, size::TITLE, size::SPACE_L, 128.0, size::MAIN)
            } else {
                (
                    size::TITLE,
                    size::DISPLAY,
                    size::SPACE_XXXL,
                    216.0,
                    size::MAIN + size::SPACE_L,
                )
            };
            let height = heading * 1.3 + gap + ring + gap + button;
            let width = room.width().min(COLUMN);
            let corner = pos2(
                room.center().x - width / 2.0,
                (room.center().y - height / 2.0).max(room.top()),
            );
            let place = Rect::from_min_size(corner, vec2(width, height));
            ui.scope_builder(UiBuilder::new().max_rect(place), |ui| {
                ui.spacing_mut().item_spacing = vec2(size::SPACE_M, 0.0);
                title(ui, kit, model, heading);
                ui.add_space(gap);
                ui.horizontal(|ui| {
                    let left = model.invitation_left(kit.now);
                    countdown_ring(
                        ui,
                        kit,
                        &kit.t("invitation-left"),
                        left,
                        model.invitation_time(),
                        ring,
                    );
                    ui.add_space((gap - size::SPACE_M).max(0.0));
                    facts(ui, kit, model, ring, large);
                });
                ui.add_space(gap);
                ui.horizontal(|ui| {
                    let half = (width - size::SPACE_L) / 2.0;
                    ui.spacing_mut().item_spacing.x = size::SPACE_L;
                    let (word, key) = (kit.t("accept"), kit.t("key-space"));
                    let mut yes = Button::new(&word).icon(glyph::CHECK).kind(Kind::Call);
                    if !flat {
                        yes = yes.key(&key);
                    }
                    accept = yes
                        .outline(Outline::Round)
                        .main()
                        .exact(half, button)
                        .show(ui, kit)
                        .clicked();
                    let word = kit.t("decline");
                    let mut no = Button::new(&word).icon(glyph::X).kind(Kind::Danger);
                    if !flat {
                        no = no.key("Esc");
                    }
                    decline = no
                        .outline(Outline::Square)
                        .main()
                        .exact(half, button)
                        .show(ui, kit)
                        .clicked();
                });
            });
            flash_border(ui, kit);
        });
    if accept || seen.keys.pressed_unfocused(ui.ctx(), Key::Space) {
        vec![Message::Accept]
    } else if decline || seen.keys.pressed(ui.ctx(), Key::Escape) {
        vec![Message::Decline]
    } else {
        Vec::new()
    }
}

/// What is asked, and whether lives may depend on it.
fn title(ui: &mut Ui, kit: &Kit, model: &Model, points: f32) {
    let invitation = model.invitation.as_ref().map(|(invitation, _)| invitation);
    let seat = invitation.and_then(|invitation| invitation.seat);
    let kind = invitation.and_then(|invitation| invitation.kind);
    let key = match (seat, kind) {
        (Some(Seat::Relief), _) => "invitation-relief",
        (Some(Seat::Team), _) => "invitation-team",
        (Some(Seat::Supervisor), _) => "invitation-supervisor",
        (_, Some(CallKind::RelayInbound)) => "invitation-inbound",
        _ => "invitation",
    };
    let title = kit.t(key);
    let ink = kit.palette.ink;
    match urgency_look(invitation.and_then(|invitation| invitation.urgency)) {
        Some((glyph, word)) => {
            let said = format!("{}. {title}", kit.t(word));
            let response = words::with_icon(ui, glyph, &said, points, kit.palette.danger);
            words::tell_at_once(ui, &response, &said);
        }
        None => words::alert(ui, &title, &title, points, ink),
    }
}

/// The number and the languages, beside the ring and as high as it.
fn facts(ui: &mut Ui, kit: &Kit, model: &Model, height: f32, large: f32) {
    let palette = &kit.palette;
    let invitation = model.invitation.as_ref().map(|(invitation, _)| invitation);
    let number = invitation.and_then(telephone_of);
    let inbound = invitation.is_some_and(|it| it.kind == Some(CallKind::RelayInbound));
    let languages = invitation.and_then(|invitation| invitation.languages);
    let gap = if large < size::DISPLAY {
        size::SPACE_S
    } else {
        size::SPACE_XL
    };
    let languages = languages.filter(|_| large > size::LEAD); // no room for them on a flat window
    let width = ui.available_width();
    ui.allocate_ui_with_layout(
        vec2(width, height),
        Layout::left_to_right(Align::Center),
        |ui| {
            ui.set_min_height(height);
            ui.vertical(|ui| {
                // Centred: one name and one value for each fact.
                let second = languages.map_or(0.0, |_| (size::BODY + size::LEAD) * 1.3 + gap);
                let lines = (size::BODY + large) * 1.3 + second;
                ui.add_space(((height - lines) / 2.0).max(0.0));
                let name = if inbound {
                    "invitation-from"
                } else {
                    "invitation-number"
                };
                words::plain(ui, &kit.t(name), size::BODY, palette.ink_2);
                let shown = if number.is_some() {
                    number_words(kit, number)
                } else {
                    kit.t("telephone-number-hidden")
                };
                let response = words::strong(ui, &shown, large, palette.ink);
                if let Some(spelled) = number.map(PhoneNumber::spoken) {
                    ui.ctx()
                        .accesskit_node_builder(response.id, |node| node.set_description(spelled));
                }
                if let Some(pair) = languages {
                    ui.add_space(gap);
                    words::plain(
                        ui,
                        &kit.t("invitation-languages"),
                        size::BODY,
                        palette.ink_2,
                    );
                    words::strong(ui, &language_words(kit, pair), size::LEAD, palette.ink);
                }
            });
        },
    );
}
