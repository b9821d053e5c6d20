//! How a window is divided: strip, rail and page; and the stage of a call.

use egui::{CentralPanel, Frame, Margin, Panel, Rect, Ui, UiBuilder, pos2, vec2};

use crate::conversation::Conversation;
use crate::kit::Kit;
use crate::theme::size;
use crate::widgets::{
    BarItem, BarPress, EndButton, Fit, Look, Page, Placeholder, Station, Strip, Typed, VideoView, call_bar, journey,
    name_tag, rail, state_strip, text_pane,
};

/// What was done in the frame around a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramePress {
    /// The page of this index.
    Page(usize),
    /// The strip's action.
    Strip,
}

/// Draws strip, rail and page.
pub fn page_frame(
    ui: &mut Ui,
    kit: &Kit,
    strip: &Strip,
    (pages, chosen): (&[Page<'_>], usize),
    contents: impl FnOnce(&mut Ui),
) -> Option<FramePress> {
    let palette = kit.palette;
    let mut press = None;
    if top_strip(ui, kit, strip) {
        press = Some(FramePress::Strip);
    }
    let rail_frame = Frame::new().fill(palette.surface).inner_margin(Margin::same(size::SPACE_S as i8));
    Panel::left("rail").exact_size(size::RAIL).resizable(false).show_separator_line(false).frame(rail_frame).show(
        ui,
        |ui| {
            if let Some(page) = rail(ui, kit, pages, chosen) {
                press = Some(FramePress::Page(page));
            }
        },
    );
    CentralPanel::default().frame(Frame::new().fill(palette.bg)).show(ui, contents);
    press
}

/// Draws the strip over the window's upper edge; says whether its action was pressed.
pub fn top_strip(ui: &mut Ui, kit: &Kit, strip: &Strip) -> bool {
    let frame = Frame::new().fill(kit.palette.surface);
    Panel::top("strip")
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| state_strip(ui, kit, strip))
        .inner
}

/// A picture with what surrounds it.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The picture.
    pub view: &'a VideoView,
    /// Its accessible name.
    pub name: &'a str,
    /// The name in its corner.
    pub tag: &'a str,
    /// Left and right swapped.
    pub mirrored: bool,
    /// What is drawn instead of a missing picture.
    pub empty: Placeholder<'a>,
}

impl Shown<'_> {
    /// Draws it into `rect`, all of it seen.
    pub fn show(&self, ui: &mut Ui, kit: &Kit, rect: Rect, radius: u8, fit: Fit) {
        let look = Look { name: self.name, fit, mirrored: self.mirrored, radius, empty: self.empty };
        let place = self.view.show(ui, kit, rect, &look);
        if self.view.has_picture() && place.width() > 180.0 && !self.tag.is_empty() {
            name_tag(ui, kit, place, self.tag);
        }
    }
}

/// What the stage of a call shows.
pub struct Stage<'a> {
    /// The state of the call.
    pub strip: &'a Strip,
    /// The other person.
    pub remote: Shown<'a>,
    /// The user.
    pub local: Shown<'a>,
    /// The way of the call, until the other person is seen.
    pub way: Option<(&'a str, [Station; 3])>,
    /// Text is shown; `None` leaves it to the window's width.
    pub text_open: Option<bool>,
    /// The text.
    pub conversation: &'a Conversation,
    /// The other person's name beside their text.
    pub peer: &'a str,
    /// The controls.
    pub bar: &'a [BarItem],
    /// The control that ends the call.
    pub end: &'a EndButton,
}

/// What the user did on the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StagePress {
    /// Something in the bar.
    Bar(BarPress),
    /// Something typed.
    Typed(Typed),
}

/// Whether the text is shown in a window of this width, given what the user asked for.
#[must_use]
pub fn text_is_open(asked: Option<bool>, width: f32) -> bool {
    asked.unwrap_or(width >= size::NARROW)
}

/// Draws a call: the other person's picture has all the room that the rest leaves.
///
/// `beside` draws a column at the left, if there is one (its width on a wide window is handed in).
pub fn call_stage(ui: &mut Ui, kit: &Kit, stage: &Stage<'_>, beside: Option<Beside<'_>>) -> Vec<StagePress> {
    let dark = kit.on_stage();
    let palette = dark.palette;
    let mut presses = Vec::new();
    let width = ui.available_width();
    let wide = width >= size::NARROW;
    top_strip(ui, kit, stage.strip);
    let bar_frame = Frame::new().fill(palette.surface).inner_margin(Margin::symmetric(size::SPACE_L as i8, size::SPACE_S as i8));
    let bar = Panel::bottom("bar").exact_size(size::BAR).resizable(false).show_separator_line(false).frame(bar_frame);
    bar.show(ui, |ui| presses.extend(call_bar(ui, &dark, stage.bar, stage.end).map(StagePress::Bar)));
    if let Some(beside) = beside {
        if wide {
            let frame = Frame::new().fill(palette.bg).inner_margin(Margin::same(size::SPACE_L as i8));
            let column = Panel::left("beside").exact_size(beside.width).resizable(false).show_separator_line(false).frame(frame);
            column.show(ui, |ui| (beside.column)(ui, &dark));
        } else {
            let frame = Frame::new().fill(palette.bg).inner_margin(Margin::symmetric(size::SPACE_L as i8, size::SPACE_S as i8));
            let row = Panel::top("beside").resizable(false).show_separator_line(false).frame(frame);
            row.show(ui, |ui| (beside.row)(ui, &dark));
        }
    }
    let open = text_is_open(stage.text_open, width);
    if open {
        let side = if wide { 328.0 } else { (width * 0.42).max(220.0) };
        let frame = Frame::new().fill(palette.bg).inner_margin(Margin::same(size::SPACE_M as i8));
        let column = Panel::right("side").exact_size(side).resizable(false).show_separator_line(false).frame(frame);
        column.show(ui, |ui| {
            if wide {
                let shape = vec2(ui.available_width(), ui.available_width() * 3.0 / 4.0);
                let (rect, _) = ui.allocate_exact_size(shape, egui::Sense::hover());
                stage.local.show(ui, &dark, rect, size::RADIUS_CONTROL, Fit::Cover);
                ui.add_space(size::SPACE_S);
            }
            presses.extend(text_pane(ui, &dark, stage.conversation, stage.peer).map(StagePress::Typed));
        });
    }
    CentralPanel::default().frame(Frame::new().fill(palette.bg)).show(ui, |ui| {
        let whole = ui.max_rect();
        let own = if open && wide { None } else { Some(own_place(whole, wide)) };
        let beside_own = own.map_or(whole, |own| Rect::from_min_max(whole.min, pos2(own.left(), whole.bottom())));
        match &stage.way {
            Some((name, stations)) if !stage.remote.view.has_picture() => way(ui, &dark, beside_own, name, stations),
            Some(_) | None => {
                // Beside the own picture where that costs nothing, else under its corner.
                let free = beside_own.width() >= whole.height() * 4.0 / 3.0;
                let place = if free { beside_own } else { whole };
                ui.painter().rect_filled(whole, egui::CornerRadius::ZERO, palette.surround);
                stage.remote.show(ui, &dark, place, 0, Fit::Contain);
            }
        }
        if let Some(own) = own {
            let edge = egui::CornerRadius::same(size::RADIUS_CONTROL + 2);
            ui.painter().rect_filled(own.expand(2.0), edge, palette.bg);
            stage.local.show(ui, &dark, own, size::RADIUS_CONTROL, Fit::Cover);
        }
    });
    presses
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

/// The own picture's place when it lies over the stage: the upper right corner.
fn own_place(whole: Rect, wide: bool) -> Rect {
    let width = (whole.width() * 0.24).clamp(112.0, 260.0);
    let inset = if wide { size::SPACE_L } else { size::SPACE_S };
    let corner = pos2(whole.right() - width - inset, whole.top() + inset);
    Rect::from_min_size(corner, vec2(width, width * 3.0 / 4.0))
}

fn way(ui: &mut Ui, kit: &Kit, whole: Rect, name: &str, stations: &[Station; 3]) {
    const HEIGHT: f32 = 140.0;
    let top = whole.center().y - HEIGHT / 2.0;
    let place = Rect::from_min_max(pos2(whole.left() + size::SPACE_L, top), pos2(whole.right() - size::SPACE_L, whole.bottom()));
    ui.scope_builder(UiBuilder::new().max_rect(place), |ui| journey(ui, kit, name, stations));
}

/// Draws `left` and the user's own picture beside each other, as one block in the middle of the page.
///
/// On a window too narrow for both, `left` stands alone; on one too low, the page scrolls.
pub fn with_preview(
    ui: &mut Ui,
    kit: &Kit,
    block: egui::Vec2,
    (heading, picture): (&str, &Shown<'_>),
    left: impl FnOnce(&mut Ui),
) {
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let room = ui.max_rect();
        let margin = if room.width() < size::NARROW { size::SPACE_L } else { size::SPACE_XXXL };
        let gap = size::SPACE_XXXL;
        let beside = room.width() - 2.0 * margin - gap - block.x;
        let top = room.top() + ((room.height() - block.y) / 2.0).max(size::SPACE_L);
        let heading_height = size::BODY * 1.3 + size::SPACE_XS;
        let picture_width = beside.min((block.y - heading_height) * 4.0 / 3.0);
        let alone = picture_width < 240.0;
        let left_width = if alone { block.x.min(room.width() - 2.0 * margin) } else { block.x };
        let whole = if alone { left_width } else { left_width + gap + picture_width };
        let corner = pos2(room.center().x - whole / 2.0, top);
        let place = Rect::from_min_size(corner, vec2(left_width, block.y));
        ui.scope_builder(UiBuilder::new().max_rect(place), left);
        if alone {
            return;
        }
        let place = Rect::from_min_size(corner + vec2(left_width + gap, 0.0), vec2(picture_width, block.y));
        ui.scope_builder(UiBuilder::new().max_rect(place), |ui| {
            ui.spacing_mut().item_spacing.y = size::SPACE_XS;
            crate::widgets::words::strong(ui, heading, size::BODY, kit.palette.ink);
            let shape = vec2(picture_width, picture_width * 3.0 / 4.0);
            let (rect, _) = ui.allocate_exact_size(shape, egui::Sense::hover());
            picture.show(ui, kit, rect, size::RADIUS_CARD, Fit::Cover);
        });
    });
}
