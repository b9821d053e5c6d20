//! How a window is divided while there is no call: strip, rail and page.

use egui::{CentralPanel, Frame, Margin, Panel, Rect, ScrollArea, Ui, UiBuilder, Vec2, pos2, vec2};

use super::settings::settings_page;
use super::shown::Shown;
use super::sign_in::{SignInView, sign_in_page};
use crate::desk::{Desk, DeskMessage};
use crate::glyph;
use crate::kit::Kit;
use crate::situation::Seat;
use crate::theme::size;
use crate::widgets::{Fit, Page, Strip, rail, state_strip, words};

/// Draws the strip over the window's upper edge; says whether its action was pressed.
pub fn top_strip(ui: &mut Ui, kit: &Kit, strip: &Strip) -> bool {
    let frame = Frame::new().fill(kit.palette.surface);
    let panel = Panel::top("strip")
        .resizable(false)
        .show_separator_line(false)
        .frame(frame);
    panel.show(ui, |ui| state_strip(ui, kit, strip)).inner
}

/// Draws the page on which the user signs in.
pub fn sign_in(ui: &mut Ui, kit: &Kit, desk: &Desk, seat: Seat) -> Option<DeskMessage> {
    let view = SignInView {
        seat,
        form: &desk.form,
        busy: desk.signing_in,
        problem: desk.problem.as_ref(),
    };
    sign_in_page(ui, kit, &view).map(DeskMessage::SignIn)
}

/// Draws strip, rail and the app's first page (`first` is its icon and the key of its name).
pub fn first_page(
    ui: &mut Ui,
    kit: &Kit,
    desk: &Desk,
    strip: &Strip,
    first: (&str, &str),
    contents: impl FnOnce(&mut Ui),
) -> Option<DeskMessage> {
    paged(ui, kit, desk, strip, (first, 0), contents)
}

/// Draws strip, rail and the settings; `account` is who is signed in, as people write it.
pub fn settings(
    ui: &mut Ui,
    kit: &Kit,
    desk: &Desk,
    strip: &Strip,
    first: (&str, &str),
    account: Option<&str>,
) -> Option<DeskMessage> {
    let mut change = None;
    let contents = |ui: &mut Ui| {
        change = settings_page(
            ui,
            kit,
            &desk.choices,
            &desk.devices,
            account,
            desk.place.as_ref(),
        )
    };
    let left = paged(ui, kit, desk, strip, (first, 1), contents);
    left.or(change.map(DeskMessage::Settings))
}

fn paged(
    ui: &mut Ui,
    kit: &Kit,
    desk: &Desk,
    strip: &Strip,
    ((icon, key), chosen): ((&str, &str), usize),
    contents: impl FnOnce(&mut Ui),
) -> Option<DeskMessage> {
    let signed_in = desk.account.is_some();
    let (icon, word) = if signed_in {
        (icon, kit.t(key))
    } else {
        (glyph::SIGN_IN, kit.t("sign-in"))
    };
    let settings = kit.t("page-settings");
    let pages = [
        Page { icon, word: &word },
        Page {
            icon: glyph::GEAR_SIX,
            word: &settings,
        },
    ];
    top_strip(ui, kit, strip);
    let margin = Margin::same(size::SPACE_S as i8);
    let frame = Frame::new().fill(kit.palette.surface).inner_margin(margin);
    let column = Panel::left("rail")
        .exact_size(size::RAIL)
        .resizable(false)
        .show_separator_line(false)
        .frame(frame);
    let picked = column.show(ui, |ui| rail(ui, kit, &pages, chosen)).inner;
    CentralPanel::default()
        .frame(Frame::new().fill(kit.palette.bg))
        .show(ui, contents);
    picked.map(|page| DeskMessage::OpenSettings(page == 1))
}

/// Draws `left` and the user's own picture beside each other, as one block in the middle of the page.
///
/// On a window too narrow for both, `left` stands alone; on one too low, the page scrolls.
pub fn with_preview(
    ui: &mut Ui,
    kit: &Kit,
    block: Vec2,
    (heading, picture): (&str, &Shown<'_>),
    left: impl FnOnce(&mut Ui),
) {
    const PICTURE_WIDTH_MIN: f32 = 240.0;
    const GAP: f32 = size::SPACE_XXXL;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let room = ui.max_rect();
        let margin = if room.width() < size::NARROW {
            size::SPACE_L
        } else {
            size::SPACE_XXXL
        };
        let heading_height = size::BODY * 1.3 + size::SPACE_XS;
        let free = room.width() - 2.0 * margin - GAP - block.x;
        let picture_width = free.min((block.y - heading_height) * 4.0 / 3.0);
        let alone = picture_width < PICTURE_WIDTH_MIN;
        let left_width = if alone {
            block.x.min(room.width() - 2.0 * margin)
        } else {
            block.x
        };
        let whole = if alone {
            left_width
        } else {
            left_width + GAP + picture_width
        };
        let top = room.top() + ((room.height() - block.y) / 2.0).max(size::SPACE_L);
        let corner = pos2(room.center().x - whole / 2.0, top);
        let place = Rect::from_min_size(corner, vec2(left_width, block.y));
        ui.scope_builder(UiBuilder::new().max_rect(place), left);
        if alone {
            return;
        }
        let place = Rect::from_min_size(
            corner + vec2(left_width + GAP, 0.0),
            vec2(picture_width, block.y),
        );
        ui.scope_builder(UiBuilder::new().max_rect(place), |ui| {
            ui.spacing_mut().item_spacing.y = size::SPACE_XS;
            words::strong(ui, heading, size::BODY, kit.palette.ink);
            let shape = vec2(picture_width, picture_width * 3.0 / 4.0);
            let (rect, _) = ui.allocate_exact_size(shape, egui::Sense::hover());
            picture.show(ui, kit, rect, size::RADIUS_CARD, Fit::Cover);
        });
    });
}
