//! A call ended: why, how far it came, and what can be done.

use egui::{Align, Key, Layout, Rect, Ui, UiBuilder, pos2, vec2};
use vrs_ui::host::Seen;
use vrs_ui::screens::top_strip;
use vrs_ui::situation::{Seat, clock_words, end_words, is_trouble, stations};
use vrs_ui::theme::size;
use vrs_ui::widgets::{Button, Fact, Form, Kind, Strip, journey, words};
use vrs_ui::{Kit, glyph, screen_opened};

use super::bare_page;
use crate::message::Message;
use crate::model::{Ended, Model};

pub(super) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen, out: &mut Vec<Message>) {
    let _opened = screen_opened(ui.ctx(), "ended");
    let Some(Ended { end, facts }) = &model.ended else {
        return;
    };
    let sentence = end_words(kit, Seat::Caller, end.reason, facts.conversation.is_some());
    let trouble = end.reason.is_none_or(is_trouble);
    let form = if trouble { Form::Problem } else { Form::Over };
    let mut strip = Strip::new(form, glyph::PHONE_DISCONNECT, kit.t("ended"));
    if trouble && facts.conversation.is_none() {
        strip.sentence = kit.t("ended-failed");
    }
    let lasted = clock_words(facts.conversation.unwrap_or(facts.session));
    strip.facts.push(Fact::clock(kit.t("clock-time"), lasted));
    top_strip(ui, kit, &strip);
    let (mut again, mut back) = (false, false);
    bare_page(ui, kit, |ui| {
        let room = ui.max_rect();
        let width = (room.width() - 2.0 * size::SPACE_L).min(640.0);
        let flat = room.height() < size::FLAT;
        let height = if flat { 180.0 } else { 340.0_f32 };
        let top = (room.center().y - height / 2.0).max(room.top() + size::SPACE_L);
        let place = Rect::from_min_max(
            pos2(room.center().x - width / 2.0, top),
            pos2(room.center().x + width / 2.0, room.bottom()),
        );
        ui.scope_builder(
            UiBuilder::new()
                .max_rect(place)
                .layout(Layout::top_down(Align::Center)),
            |ui| {
                ui.spacing_mut().item_spacing.y = size::SPACE_S;
                if !flat {
                    let failed = end.reason.filter(|reason| is_trouble(*reason));
                    journey(ui, kit, &kit.t("journey"), &stations(kit, facts, failed));
                    ui.add_space(size::SPACE_L);
                }
                let points = if room.height() < size::LOW {
                    size::LEAD
                } else {
                    size::TITLE
                };
                words::strong(ui, &sentence, points, kit.palette.ink);
                let code = end.status.filter(|_| trouble).map(|status| {
                    let code = kit.with("ended-code", &[("code", status.to_string().into())]);
                    kit.with("details", &[("detail", code.into())])
                });
                if let Some(code) = code {
                    words::plain(ui, &code, size::META, kit.palette.ink_2);
                }
                ui.add_space(size::SPACE_L);
                ui.allocate_ui_with_layout(
                    vec2(width, size::MAIN),
                    Layout::left_to_right(Align::Center),
                    |ui| {
                        let half = (width - size::SPACE_M) / 2.0;
                        ui.spacing_mut().item_spacing.x = size::SPACE_M;
                        let word = kit.t("back");
                        back = Button::new(&word)
                            .key("Esc")
                            .main()
                            .exact(half, size::MAIN)
                            .show(ui, kit)
                            .clicked();
                        let (word, key) = (kit.t("call-again"), kit.t("key-enter"));
                        let button = Button::new(&word)
                            .icon(glyph::PHONE)
                            .key(&key)
                            .kind(Kind::Call)
                            .main();
                        again = button
                            .enabled(facts.number.is_some())
                            .exact(half, size::MAIN)
                            .show(ui, kit)
                            .clicked();
                    },
                );
            },
        );
    });
    if again || seen.keys.pressed_unfocused(ui.ctx(), Key::Enter) {
        out.push(Message::CallAgain);
    } else if back || seen.keys.pressed(ui.ctx(), Key::Escape) {
        out.push(Message::LeaveEnded);
    }
}
