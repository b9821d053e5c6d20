//! The caller's screens: they read the model and say what the user did.

mod beside;
mod call;
mod ended;
mod home;
mod incoming;

use egui::{CentralPanel, Frame, Ui};
use vrs_domain::PhoneNumber;
use vrs_ui::host::Seen;
use vrs_ui::screens::{Shown, settings, sign_in};
use vrs_ui::situation::{Seat, resting_strip};
use vrs_ui::theme::size;
use vrs_ui::widgets::{Fact, Form, Strip};
use vrs_ui::{Kit, glyph};

use crate::message::Message;
use crate::model::{Model, Screen, account_words};

/// Icon and name of the app's first page.
const FIRST_PAGE: (&str, &str) = (glyph::NUMPAD, "page-dial");

/// Draws the screen the model asks for.
pub(crate) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen) -> Vec<Message> {
    let mut out = Vec::new();
    let desk = &model.desk;
    match model.screen() {
        Screen::SignIn => out.extend(sign_in(ui, kit, desk, Seat::Caller).map(Message::Desk)),
        Screen::Settings => {
            let account = desk.account.as_deref().map(account_words);
            let strip = strip(kit, model);
            let done = settings(ui, kit, desk, &strip, FIRST_PAGE, account.as_deref());
            out.extend(done.map(Message::Desk));
        }
        Screen::Home => home::show(ui, kit, model, seen, &mut out),
        Screen::Incoming => incoming::show(ui, kit, model, seen, &mut out),
        Screen::Call => call::show(ui, kit, model, seen, &mut out),
        Screen::Ended => ended::show(ui, kit, model, seen, &mut out),
    }
    let above = if model.screen() == Screen::Call {
        size::BAR
    } else {
        0.0
    };
    desk.toasts.show(ui, kit, above);
    out
}

/// The strip while there is no call.
fn strip(kit: &Kit, model: &Model) -> Strip {
    let mut ready = Strip::new(Form::Idle, glyph::CHECK, kit.t("ready"));
    if let Some(account) = &model.desk.account {
        let value = account_words(account);
        ready.facts.push(Fact {
            name: kit.t("signed-in"),
            value,
            clock: false,
            spare: false,
        });
    }
    resting_strip(kit, model.desk.link, model.desk.account.is_some(), ready)
}

/// A number as people write it and as it is read aloud, or the name the call came with.
fn who_words(kit: &Kit, from: &str) -> (String, String) {
    if from.is_empty() {
        return (kit.t("incoming-unknown"), kit.t("incoming-unknown"));
    }
    from.parse::<PhoneNumber>().map_or_else(
        |_| (from.to_owned(), from.to_owned()),
        |number| (number.spaced(), number.spoken()),
    )
}

/// The user's own picture.
fn own_picture<'a>(kit: &Kit, model: &Model, seen: &'a Seen) -> Shown<'a> {
    let off = model.call.view().is_some_and(|call| call.camera_off);
    Shown::own(seen, kit, model.desk.choices.mirrored, off)
}

/// Draws `contents` on the page's background, without strip or rail.
fn bare_page(ui: &mut Ui, kit: &Kit, contents: impl FnOnce(&mut Ui)) {
    CentralPanel::default()
        .frame(Frame::new().fill(kit.palette.bg))
        .show(ui, contents);
}
