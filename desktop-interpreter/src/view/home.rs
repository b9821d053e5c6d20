//! Before a call: one big switch, the last call, and how the caller will see the interpreter.

use std::time::Duration;

use egui::{Align, Key, Layout, Ui, vec2};
use vrs_domain::Activity;
use vrs_ui::host::Seen;
use vrs_ui::screens::{first_page, with_preview};
use vrs_ui::situation::{Seat, clock_words, end_words};
use vrs_ui::theme::size;
use vrs_ui::widgets::{Button, card, choice, switch, words};
use vrs_ui::{Kit, screen_opened};

use super::{FIRST_PAGE, own_picture, strip};
use crate::message::Message;
use crate::model::{LastCall, Model};

/// The time that is left is shown to the second.
const TICK: Duration = Duration::from_millis(250);
const COLUMN: f32 = 400.0;
const BLOCK_HEIGHT: f32 = 536.0;
const LOW_BLOCK_HEIGHT: f32 = 392.0;

pub(super) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen) -> Vec<Message> {
    let _opened = screen_opened(ui.ctx(), "home");
    let own = own_picture(kit, model, seen);
    let heading = kit.t("sees-you-caller");
    let mut chosen = None;
    let contents = |ui: &mut Ui| {
        let low = ui.available_height() < BLOCK_HEIGHT;
        let height = if low { LOW_BLOCK_HEIGHT } else { BLOCK_HEIGHT };
        let width = if low {
            ui.available_width() - 2.0 * size::SPACE_L
        } else {
            COLUMN
        };
        with_preview(ui, kit, vec2(width, height), (&heading, &own), |ui| {
            if !low {
                ui.spacing_mut().item_spacing.y = size::SPACE_XS;
                words::strong(
                    ui,
                    &kit.t("availability-heading"),
                    size::BODY,
                    kit.palette.ink,
                );
            }
            let margin = if low { size::SPACE_L } else { size::SPACE_XXL };
            card(ui, kit, margin, |ui| {
                ui.set_min_size(vec2(
                    ui.available_width(),
                    ui.available_height() - margin - 1.0,
                ));
                chosen = availability(ui, kit, model, low);
                last_call(ui, kit, model.last.as_ref());
            });
        });
    };
    let left = first_page(
        ui,
        kit,
        &model.desk,
        &strip(kit, model),
        FIRST_PAGE,
        contents,
    );
    let mut out: Vec<Message> = left.map(Message::Desk).into_iter().collect();
    out.extend(chosen);
    let wraps_up = model.wrap_up_left(kit.now).is_some();
    if wraps_up {
        ui.ctx().request_repaint_after(TICK);
    }
    if seen.keys.pressed(ui.ctx(), Key::A) {
        out.push(if wraps_up {
            Message::Ready
        } else {
            Message::ToggleAvailable
        });
    }
    out
}

/// The switch, and under it what else the interpreter may be doing.
fn availability(ui: &mut Ui, kit: &Kit, model: &Model, low: bool) -> Option<Message> {
    let palette = &kit.palette;
    let on = model.is_available();
    let left = model.wrap_up_left(kit.now);
    let about = kit.t(match (on, left) {
        (_, Some(_)) => "wrap-up-about",
        (true, None) => "availability-on-about",
        (false, None) => "availability-off-about",
    });
    let word = left.map_or_else(
        || kit.t(&format!("activity-{}", model.activity.word())),
        |left| format!("{} {}", kit.t("wrap-up"), clock_words(left)),
    );
    let height = if low {
        size::FIELD
    } else {
        size::MAIN + size::SPACE_S
    };
    let points = if low { size::TITLE } else { size::DISPLAY };
    ui.spacing_mut().item_spacing.y = if low { size::SPACE_S } else { size::SPACE_L };
    let now = kit.t("take-calls-now");
    let (mut pressed, mut ready) = (false, false);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = size::SPACE_L;
        pressed = switch(ui, kit, &kit.t("availability"), on, height).clicked();
        if left.is_some() {
            ready = Button::new(&now).key("A").show(ui, kit).clicked();
        } else {
            words::key(ui, kit, "A");
        }
    });
    words::strong(ui, &word, points, palette.ink);
    words::plain(ui, &about, size::BODY, palette.ink_2);
    words::strong(ui, &kit.t("pause"), size::BODY, palette.ink);
    let pauses = Activity::ALL
        .iter()
        .filter(|activity| **activity != Activity::Available);
    let pauses: Vec<_> = pauses.copied().collect();
    let names = pauses
        .iter()
        .map(|pause| kit.t(&format!("activity-{}", pause.word())));
    let names: Vec<_> = names.collect();
    let at = pauses.iter().position(|pause| *pause == model.activity);
    let group = kit.t("availability-heading");
    let picked = choice(ui, kit, &group, &names, at.unwrap_or(usize::MAX));
    let pause = picked.and_then(|index| pauses.get(index));
    let pause = pause.map(|pause| Message::Pause(*pause));
    let pressed = pressed.then_some(Message::ToggleAvailable);
    ready.then_some(Message::Ready).or(pressed).or(pause)
}

fn last_call(ui: &mut Ui, kit: &Kit, last: Option<&LastCall>) {
    let palette = &kit.palette;
    let clocks = |last: &LastCall| {
        format!(
            "{} {}  ·  {} {}",
            kit.t("clock-session"),
            clock_words(last.facts.session),
            kit.t("clock-conversation"),
            clock_words(last.facts.conversation.unwrap_or_default()),
        )
    };
    let sentence = last.map_or_else(
        || kit.t("last-call-none"),
        |last| {
            end_words(
                kit,
                Seat::Interpreter,
                last.end.reason,
                last.facts.conversation.is_some(),
            )
        },
    );
    ui.with_layout(Layout::bottom_up(Align::Min), |ui| {
        ui.spacing_mut().item_spacing.y = size::SPACE_XS;
        if let Some(last) = last {
            words::plain(ui, &clocks(last), size::META, palette.ink_2);
        }
        words::plain(ui, &sentence, size::BODY, palette.ink);
        words::strong(ui, &kit.t("last-call"), size::BODY, palette.ink);
        let line = egui::Stroke::new(1.0, palette.hairline);
        let (rule, _) = ui.allocate_exact_size(
            vec2(ui.available_width(), size::SPACE_L),
            egui::Sense::hover(),
        );
        ui.painter().hline(rule.x_range(), rule.center().y, line);
    });
}
