//! The caller's screens: they read the model and say what the user did.

mod call;
mod ended;
mod home;
mod incoming;

use egui::{CentralPanel, Frame, Ui};
use vrs_domain::PhoneNumber;
use vrs_ui::desk::DeskMessage;
use vrs_ui::host::Seen;
use vrs_ui::screens::{FramePress, Shown, SignInView, page_frame, settings_page, sign_in_page};
use vrs_ui::situation::{Seat, link_strip};
use vrs_ui::widgets::{Fact, Form, Page, Placeholder, Strip};
use vrs_ui::{Kit, glyph};

use crate::message::Message;
use crate::model::{Model, Screen};

/// Draws the screen the model asks for.
pub(crate) fn show(ui: &mut Ui, kit: &Kit, model: &Model, seen: &Seen) -> Vec<Message> {
    let mut out = Vec::new();
    match model.screen() {
        Screen::SignIn => {
            let desk = &model.desk;
            let view = SignInView {
                seat: Seat::Caller,
                form: &desk.form,
                busy: desk.signing_in,
                problem: desk.problem.as_ref(),
            };
            out.extend(sign_in_page(ui, kit, &view).map(|change| DeskMessage::SignIn(change).into()));
        }
        Screen::Settings => settings(ui, kit, model, &mut out),
        Screen::Home => home::show(ui, kit, model, seen, &mut out),
        Screen::Incoming => incoming::show(ui, kit, model, seen, &mut out),
        Screen::Call => call::show(ui, kit, model, seen, &mut out),
        Screen::Ended => ended::show(ui, kit, model, seen, &mut out),
    }
    model.desk.toasts.show(ui, kit);
    out
}

fn settings(ui: &mut Ui, kit: &Kit, model: &Model, out: &mut Vec<Message>) {
    let desk = &model.desk;
    let mut change = None;
    let contents = |ui: &mut Ui| {
        let account = desk.account.as_deref().map(account_words);
        change = settings_page(ui, kit, &desk.choices, &desk.devices, account.as_deref());
    };
    paged(ui, kit, model, 1, contents, out);
    out.extend(change.map(|change| DeskMessage::Settings(change).into()));
}

/// Draws the strip, the rail and a page of it; says whether another page was picked.
fn paged(
    ui: &mut Ui,
    kit: &Kit,
    model: &Model,
    chosen: usize,
    contents: impl FnOnce(&mut Ui),
    out: &mut Vec<Message>,
) {
    let signed_in = model.desk.account.is_some();
    let first = if signed_in { kit.t("page-dial") } else { kit.t("sign-in") };
    let first_icon = if signed_in { glyph::NUMPAD } else { glyph::SIGN_IN };
    let settings = kit.t("page-settings");
    let pages = [Page { icon: first_icon, word: &first }, Page { icon: glyph::GEAR_SIX, word: &settings }];
    let strip = resting_strip(kit, model);
    match page_frame(ui, kit, &strip, (&pages, chosen), contents) {
        Some(FramePress::Page(page)) => out.push(DeskMessage::OpenSettings(page == 1).into()),
        Some(FramePress::Strip) | None => {}
    }
}

/// The strip while there is no call.
fn resting_strip(kit: &Kit, model: &Model) -> Strip {
    if let Some(strip) = link_strip(kit, model.desk.link) {
        return strip;
    }
    let mut strip = Strip::new(Form::Idle, glyph::CHECK, kit.t("ready"));
    if let Some(account) = &model.desk.account {
        let value = account_words(account);
        strip.facts.push(Fact { name: kit.t("signed-in"), value, clock: false });
    }
    strip
}

/// An account as people write it.
fn account_words(account: &str) -> String {
    account.parse::<PhoneNumber>().map_or_else(|_| account.to_owned(), |number| number.spaced())
}

/// The user's own picture.
fn own_picture<'a>(model: &Model, seen: &'a Seen, words: &'a OwnWords) -> Shown<'a> {
    let off = model.call.as_ref().is_some_and(|call| call.camera_off);
    let empty = if off {
        Placeholder { icon: glyph::VIDEO_CAMERA_SLASH, words: &words.off }
    } else {
        Placeholder { icon: glyph::VIDEO_CAMERA, words: &words.none }
    };
    Shown { view: &seen.local, name: &words.name, tag: &words.tag, mirrored: model.desk.choices.mirrored, empty }
}

/// The words around the user's own picture.
struct OwnWords {
    name: String,
    tag: String,
    off: String,
    none: String,
}

impl OwnWords {
    fn new(kit: &Kit) -> Self {
        Self {
            name: kit.t("your-picture"),
            tag: kit.t("you"),
            off: kit.t("no-picture-camera-off"),
            none: kit.t("no-picture-camera"),
        }
    }
}

/// Draws `contents` on the page's background, without strip or rail.
fn bare_page(ui: &mut Ui, kit: &Kit, contents: impl FnOnce(&mut Ui)) {
    CentralPanel::default().frame(Frame::new().fill(kit.palette.bg)).show(ui, contents);
}
