//! The interpreter's screens: they read the model and say what the user did.

mod call;
mod home;
mod invitation;
mod seats;

use egui::Ui;
use vrs_domain::Urgency;
use vrs_ui::host::Seen;
use vrs_ui::screens::{Shown, settings, sign_in};
use vrs_ui::situation::{Seat, clock_words, resting_strip};
use vrs_ui::theme::size;
use vrs_ui::widgets::{Fact, Form, Strip};
use vrs_ui::{Kit, glyph};

use crate::message::Message;
use crate::model::{Model, Screen};

/// Icon and name of the app's first page.
const FIRST_PAGE: (&str, &str) = (glyph::HEADSET, "page-calls");

/// Draws the screen the model asks for.
pub(crate) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen) -> Vec<Message> {
    let desk = &model.desk;
    let of_desk = |message: Option<_>| message.map(Message::Desk).into_iter().collect();
    let out = match model.screen() {
        Screen::SignIn => of_desk(sign_in(ui, kit, desk, Seat::Interpreter)),
        Screen::Settings => of_desk(settings(
            ui,
            kit,
            desk,
            &strip(kit, model),
            FIRST_PAGE,
            desk.account.as_deref(),
        )),
        Screen::Home => home::show(ui, kit, model, seen),
        Screen::Invitation => invitation::show(ui, kit, model, seen),
        Screen::Call => call::show(ui, kit, model, seen),
    };
    let in_call = model.screen() == Screen::Call;
    desk.toasts
        .show(ui, kit, if in_call { size::BAR } else { 0.0 });
    out
}

/// The strip while there is no call.
fn strip(kit: &Kit, model: &Model) -> Strip {
    let left = model.wrap_up_left(kit.now);
    let mut ready = if left.is_some() {
        Strip::new(Form::Idle, glyph::PAUSE, kit.t("ca-wrap-up"))
    } else if model.is_available() {
        Strip::new(Form::Live, glyph::CHECK, kit.t("ca-available"))
    } else {
        let key = format!("ca-{}", model.activity.word());
        Strip::new(Form::Idle, glyph::PAUSE, kit.t(&key))
    };
    ready.facts.extend(left.map(|left| Fact {
        name: kit.t("wrap-up-left"),
        value: clock_words(left),
        clock: true,
        spare: false,
    }));
    let id = model.desk.account.as_ref();
    ready.facts.extend(id.map(|id| Fact {
        name: kit.t("signed-in-ca"),
        value: id.clone(),
        clock: false,
        spare: false,
    }));
    resting_strip(kit, model.desk.link, id.is_some(), ready)
}

/// Icon and words of a call that is more than ordinary.
fn urgency_look(urgency: Option<Urgency>) -> Option<(&'static str, &'static str)> {
    match urgency? {
        Urgency::Emergency => Some((glyph::SIREN, "urgency-emergency")),
        Urgency::Urgent => Some((glyph::WARNING, "urgency-urgent")),
        Urgency::Standard => None,
    }
}

/// The interpreter's own picture.
fn own_picture<'a>(kit: &Kit, model: &Model, seen: &'a Seen) -> Shown<'a> {
    Shown::own(seen, kit, model.desk.choices.mirrored, false)
}
