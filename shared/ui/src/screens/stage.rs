//! The stage of a call: the other person large, everything else out of the way.

use egui::{
    CentralPanel, CornerRadius, Frame, Key, Margin, Panel, Rect, Ui, UiBuilder, pos2, vec2,
};

use super::frame::top_strip;
use super::keys_row;
use super::shown::Shown;
use crate::desk::{Desk, DeskMessage};
use crate::glyph;
use crate::keys::Keys;
use crate::kit::Kit;
use crate::theme::size;
use crate::widgets::{
    BarItem, BarPress, EndButton, Fit, Notice, Station, Strip, call_bar, journey, notice,
    text_pane, thin_flash_border,
};

/// What the stage of a call shows.
pub struct Stage<'a> {
    /// The state of the call.
    pub strip: Strip,
    /// What else wants a word.
    pub notice: Option<Notice>,
    /// The other person.
    pub other: Shown<'a>,
    /// The user.
    pub own: Shown<'a>,
    /// The way of the call, until the other person is seen.
    pub way: Vec<Station>,
    /// The other person's name beside their text.
    pub peer: String,
    /// The controls; those for the telephone's keys and for text are added.
    pub bar: Vec<BarItem>,
    /// There is a telephone that takes keys.
    pub keys: bool,
    /// The words on the button that ends the call: first, and after one Escape.
    pub end: (&'static str, &'static str),
}

/// What the user did on the stage.
#[derive(Debug, Clone, PartialEq)]
pub enum StagePress {
    /// The control of this index.
    Item(usize),
    /// The button of this index in the notice.
    Notice(usize),
    /// End the call.
    End,
    /// Text, or Escape.
    Desk(DeskMessage),
}

/// A column at the left on wide windows, a row under the strip on narrow ones.
pub struct Beside<'a> {
    /// The column's width in points.
    pub width: f32,
    /// Draws the column.
    pub column: &'a mut dyn FnMut(&mut Ui, &Kit),
    /// Draws the row.
    pub row: &'a mut dyn FnMut(&mut Ui, &Kit),
}

/// Draws a call: the other person's picture has all the room that the rest leaves.
pub fn call_stage(
    ui: &mut Ui,
    kit: &Kit,
    desk: &Desk,
    keys: Keys,
    stage: Stage<'_>,
    beside: Option<Beside<'_>>,
) -> Vec<StagePress> {
    let dark = kit.on_stage();
    let wide = ui.available_width() >= size::NARROW;
    let text_open = desk.text_open.unwrap_or(wide);
    let keys_open = stage.keys && desk.key_pad.open;
    let mut bar = stage.bar;
    let keys_item = stage.keys.then_some(bar.len());
    bar.extend(stage.keys.then(|| keys_row::control(kit, keys_open)));
    let text_item = bar.len();
    bar.push(text_control(kit, text_open));
    let mut presses = Vec::new();

    top_strip(ui, kit, &stage.strip);
    if let Some(notice) = &stage.notice {
        presses.extend(under_strip(ui, kit, keys, notice));
    }
    presses.extend(bottom_bar(ui, &dark, desk, &bar, stage.end));
    if keys_open {
        let mut pressed = keys_row::show(ui, &dark, &desk.key_pad);
        // Digits that a notice prints on its buttons are its own.
        if !stage.notice.as_ref().is_some_and(takes_digits) {
            pressed.extend(keys_row::typed(ui, keys));
        }
        presses.extend(pressed.into_iter().map(StagePress::Desk));
    }
    // While keys are pressed on a low window, the other person needs what is left.
    let height = ui.ctx().content_rect().height();
    let cramped = keys_open && height < size::LOW;
    if let Some(beside) = beside.filter(|_| wide || !cramped) {
        draw_beside(ui, &dark, beside, wide);
    }
    if text_open {
        presses.extend(text_side(ui, &dark, desk, &stage.own, &stage.peer, wide));
    }
    // On a flat window the other person has all there is.
    let flat = height < size::FLAT;
    let own = (!(text_open && wide || flat || cramped)).then_some(&stage.own);
    let frame = Frame::new().fill(dark.palette.bg);
    CentralPanel::default().frame(frame).show(ui, |ui| {
        middle(ui, &dark, &stage.other, own, &stage.way, wide)
    });

    presses.extend(pressed_keys(ui, keys, &bar));
    for press in &mut presses {
        if *press == StagePress::Item(text_item) {
            *press = StagePress::Desk(DeskMessage::ShowText(!text_open));
        } else if keys_item.is_some_and(|item| *press == StagePress::Item(item)) {
            *press = StagePress::Desk(DeskMessage::ShowKeys(!keys_open));
        }
    }
    presses
}

/// The notice between strip and picture, on the page's own colours like the strip.
fn under_strip(ui: &mut Ui, kit: &Kit, keys: Keys, said: &Notice) -> Vec<StagePress> {
    let margin = Margin::symmetric(size::SPACE_L as i8, size::SPACE_S as i8);
    let frame = Frame::new()
        .fill(kit.palette.accent_soft)
        .inner_margin(margin);
    let panel = fixed(Panel::top("notice").frame(frame));
    let clicked = panel.show(ui, |ui| notice(ui, kit, said)).inner;
    if said.urgent {
        thin_flash_border(ui, kit);
    }
    let by_key = said
        .actions
        .iter()
        .position(|action| keys.pressed(ui.ctx(), action.key));
    let pressed = clicked.or(by_key);
    pressed.map(StagePress::Notice).into_iter().collect()
}

fn takes_digits(said: &Notice) -> bool {
    let digit = |key: Key| key.name().chars().all(|name| name.is_ascii_digit());
    said.actions.iter().any(|action| digit(action.key))
}

fn text_control(kit: &Kit, open: bool) -> BarItem {
    BarItem {
        icon: glyph::CHAT_CENTERED_TEXT,
        word: kit.t("text"),
        name: kit.t(if open { "text-hide" } else { "text-show" }),
        key: Key::T,
        pressed: false,
    }
}

fn pressed_keys(ui: &Ui, keys: Keys, bar: &[BarItem]) -> Vec<StagePress> {
    let mut presses: Vec<StagePress> = bar
        .iter()
        .enumerate()
        .filter(|(_, item)| keys.pressed(ui.ctx(), item.key))
        .map(|(index, _)| StagePress::Item(index))
        .collect();
    if keys.pressed(ui.ctx(), Key::Escape) {
        presses.push(StagePress::Desk(DeskMessage::Escape));
    }
    presses
}

fn bottom_bar(
    ui: &mut Ui,
    dark: &Kit,
    desk: &Desk,
    bar: &[BarItem],
    end: (&str, &str),
) -> Option<StagePress> {
    let word = if desk.one_escape_left(dark.now) {
        end.1
    } else {
        end.0
    };
    let end = EndButton {
        word: dark.t(word),
        name: dark.t(end.0),
        icon: glyph::PHONE_X,
    };
    let margin = Margin::symmetric(size::SPACE_L as i8, size::SPACE_S as i8);
    let panel = Panel::bottom("bar")
        .exact_size(size::BAR)
        .frame(Frame::new().fill(dark.palette.surface).inner_margin(margin));
    let pressed = fixed(panel)
        .show(ui, |ui| call_bar(ui, dark, bar, &end))
        .inner;
    pressed.map(|press| match press {
        BarPress::Item(index) => StagePress::Item(index),
        BarPress::End => StagePress::End,
    })
}

fn draw_beside(ui: &mut Ui, dark: &Kit, beside: Beside<'_>, wide: bool) {
    let frame = Frame::new().fill(dark.palette.bg);
    if wide {
        let frame = frame.inner_margin(Margin::same(size::SPACE_L as i8));
        let panel = Panel::left("beside").exact_size(beside.width).frame(frame);
        fixed(panel).show(ui, |ui| (beside.column)(ui, dark));
    } else {
        let frame =
            frame.inner_margin(Margin::symmetric(size::SPACE_L as i8, size::SPACE_XS as i8));
        fixed(Panel::top("beside").frame(frame)).show(ui, |ui| (beside.row)(ui, dark));
    }
}

/// The column at the right: on a wide window the own picture, and under it the text.
fn text_side(
    ui: &mut Ui,
    dark: &Kit,
    desk: &Desk,
    own: &Shown<'_>,
    peer: &str,
    wide: bool,
) -> Option<StagePress> {
    const WIDTH: f32 = 328.0;
    const NARROW_WIDTH_MIN: f32 = 220.0;
    let width = if wide {
        WIDTH
    } else {
        (ui.available_width() * 0.42).max(NARROW_WIDTH_MIN)
    };
    let frame = Frame::new()
        .fill(dark.palette.bg)
        .inner_margin(Margin::same(size::SPACE_M as i8));
    let panel = Panel::right("side").exact_size(width).frame(frame);
    let typed = fixed(panel).show(ui, |ui| {
        if wide {
            let shape = vec2(ui.available_width(), ui.available_width() * 3.0 / 4.0);
            let (rect, _) = ui.allocate_exact_size(shape, egui::Sense::hover());
            own.show(ui, dark, rect, size::RADIUS_CONTROL, Fit::Cover);
            ui.add_space(size::SPACE_S);
        }
        text_pane(ui, dark, &desk.conversation, peer)
    });
    typed
        .inner
        .map(|typed| StagePress::Desk(DeskMessage::Typed(typed)))
}

/// The other person, or the way of the call; the own picture in the corner if it is handed in.
fn middle(
    ui: &mut Ui,
    dark: &Kit,
    other: &Shown<'_>,
    own: Option<&Shown<'_>>,
    way: &[Station],
    wide: bool,
) {
    let whole = ui.max_rect();
    let corner = own_place(whole, wide);
    let beside_own = match own {
        Some(_) => Rect::from_min_max(whole.min, pos2(corner.left(), whole.bottom())),
        None => whole,
    };
    if other.has_picture() {
        // Beside the own picture where that costs nothing, else under its corner.
        let free = beside_own.width() >= whole.height() * 4.0 / 3.0;
        ui.painter()
            .rect_filled(whole, CornerRadius::ZERO, dark.palette.surround);
        other.show(
            ui,
            dark,
            if free { beside_own } else { whole },
            0,
            Fit::Contain,
        );
    } else {
        draw_way(ui, dark, beside_own, way);
    }
    if let Some(own) = own {
        let edge = CornerRadius::same(size::RADIUS_CONTROL + 2);
        ui.painter()
            .rect_filled(corner.expand(2.0), edge, dark.palette.bg);
        own.show(ui, dark, corner, size::RADIUS_CONTROL, Fit::Cover);
    }
}

/// The own picture's place when it lies over the stage: the upper right corner.
fn own_place(whole: Rect, wide: bool) -> Rect {
    let width = (whole.width() * 0.24).clamp(112.0, 260.0);
    let inset = if wide { size::SPACE_L } else { size::SPACE_S };
    let corner = pos2(whole.right() - width - inset, whole.top() + inset);
    Rect::from_min_size(corner, vec2(width, width * 3.0 / 4.0))
}

fn draw_way(ui: &mut Ui, kit: &Kit, whole: Rect, stations: &[Station]) {
    const HEIGHT: f32 = 140.0;
    let top = whole.center().y - HEIGHT / 2.0;
    let left = pos2(whole.left() + size::SPACE_L, top);
    let place = Rect::from_min_max(left, pos2(whole.right() - size::SPACE_L, whole.bottom()));
    ui.scope_builder(UiBuilder::new().max_rect(place), |ui| {
        journey(ui, kit, &kit.t("journey"), stations)
    });
}

/// A panel whose edge nobody drags.
fn fixed(panel: Panel) -> Panel {
    panel.resizable(false).show_separator_line(false)
}
