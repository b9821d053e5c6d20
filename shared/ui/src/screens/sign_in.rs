//! Signing in: three fields, one button, and a sentence when it did not work.

use egui::accesskit::Role;
use egui::{
    Align, CentralPanel, CornerRadius, Frame, Id, Key, Layout, Margin, Panel, Rect, ScrollArea,
    Stroke, Ui, UiBuilder, WidgetInfo, vec2,
};
use egui_phosphor::bold as glyph;
use vrs_domain::Sensitive;

use crate::kit::Kit;
use crate::situation::Seat;
use crate::theme::size;
use crate::widgets::{Button, Field, Kind, Reach, Station, icon, journey, words};

/// What is in the fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// `host:port`.
    pub server: String,
    /// Telephone number or CA id.
    pub account: String,
    /// The password.
    pub password: Sensitive<String>,
    /// Keep the password in the system's key store.
    pub remember: bool,
}

impl Form {
    /// Whether all three are there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !(self.server.trim().is_empty()
            || self.account.trim().is_empty()
            || self.password.expose().is_empty())
    }
}

/// Why signing in did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A field is empty.
    Missing,
    /// Wrong number or password.
    WrongPassword,
    /// The account may not sign in.
    Forbidden,
    /// No answer.
    Unreachable(String),
    /// The certificate is not trusted.
    NotTrusted(String),
    /// The server has trouble; its SIP status.
    Server(u16),
}

impl Problem {
    /// The sentence, and the detail behind it if there is one.
    #[must_use]
    pub fn words(&self, kit: &Kit, seat: Seat) -> (String, Option<String>) {
        let (key, detail) = match self {
            Self::Missing if seat == Seat::Interpreter => ("sign-in-missing-ca", None),
            Self::Missing => ("sign-in-missing", None),
            Self::WrongPassword => ("sign-in-wrong-password", None),
            Self::Forbidden => ("sign-in-forbidden", None),
            Self::Unreachable(detail) => ("sign-in-unreachable", Some(detail.clone())),
            Self::NotTrusted(detail) => ("sign-in-not-trusted", Some(detail.clone())),
            Self::Server(status) => ("sign-in-server-trouble", Some(status.to_string())),
        };
        (kit.t(key), detail)
    }
}

/// What the page shows.
#[derive(Debug, Clone, Copy)]
pub struct SignInView<'a> {
    /// Which app it is.
    pub seat: Seat,
    /// What is in the fields.
    pub form: &'a Form,
    /// Signing in is under way.
    pub busy: bool,
    /// Why it did not work.
    pub problem: Option<&'a Problem>,
}

/// What the user did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormChange {
    /// The fields hold this now.
    Edited(Form),
    /// Sign in.
    Submitted,
    /// Open the settings.
    Settings,
}

/// How much of a window there is.
#[derive(Debug, Clone, Copy)]
struct Room {
    wide: bool,
    low: bool,
}

/// Draws the page over the whole window.
pub fn sign_in_page(ui: &mut Ui, kit: &Kit, view: &SignInView<'_>) -> Option<FormChange> {
    let room = Room {
        wide: ui.available_width() >= size::NARROW,
        low: ui.available_height() < size::LOW,
    };
    let wide = room.wide;
    if wide {
        let half = (ui.available_width() * 0.48).round();
        let frame = Frame::new()
            .fill(kit.theme.stage().surround)
            .inner_margin(Margin::same(size::SPACE_XXXL as i8));
        Panel::left("welcome")
            .exact_size(half)
            .resizable(false)
            .show_separator_line(false)
            .frame(frame)
            .show(ui, |ui| {
                welcome(ui, &kit.on_stage(), view.seat);
            });
    }
    let mut change = None;
    CentralPanel::default()
        .frame(Frame::new().fill(kit.palette.bg))
        .show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                let margin = if wide {
                    size::SPACE_XXXL
                } else {
                    size::SPACE_XL
                };
                let column =
                    (ui.available_width() - 2.0 * margin).min(if room.low { 560.0 } else { 440.0 });
                let left = (ui.available_width() - column) / 2.0;
                // Centred by its own height of the frame before.
                let memory = Id::unique("sign-in-height");
                let height: f32 = ui.data(|data| data.get_temp(memory)).unwrap_or(480.0);
                let top = ((ui.available_height() - height) / 2.0).max(size::SPACE_L);
                let place =
                    Rect::from_min_size(ui.cursor().min + vec2(left, top), vec2(column, 0.0));
                let used = ui.scope_builder(
                    UiBuilder::new()
                        .max_rect(place)
                        .layout(Layout::top_down(Align::Min)),
                    |ui| {
                        change = form(ui, kit, view, room);
                    },
                );
                let used = used.response.rect.height();
                ui.add_space(size::SPACE_L);
                if (used - height).abs() > 0.5 {
                    ui.data_mut(|data| data.insert_temp(memory, used));
                    ui.ctx().request_discard("the form's height is known now");
                }
            });
        });
    change
}

/// The name of the product and what it does, on the dark half.
fn welcome(ui: &mut Ui, kit: &Kit, seat: Seat) {
    let palette = &kit.palette;
    ui.horizontal(|ui| {
        mark(ui, kit, size::DISPLAY);
        words::strong(ui, &kit.t("product"), size::TITLE, palette.ink);
    });
    let lead = match seat {
        Seat::Caller => kit.t("sign-in-caller-lead"),
        Seat::Interpreter => kit.t("sign-in-interpreter-lead"),
    };
    let figure = 2.0 * 36.0 + 3.0 * size::SPACE_XL;
    let rest = ui.available_height();
    ui.add_space((rest * 0.5 - figure).max(size::SPACE_XL));
    words::strong(ui, &lead, size::DISPLAY, palette.ink);
    ui.add_space(size::SPACE_XXL);
    let station = |icon, key: &str| Station {
        icon,
        name: kit.t(key),
        reach: Reach::Now,
    };
    let first = match seat {
        Seat::Caller => "journey-you",
        Seat::Interpreter => "journey-caller",
    };
    let second = match seat {
        Seat::Caller => "journey-interpreter",
        Seat::Interpreter => "journey-you",
    };
    let stations = [
        station(glyph::USER, first),
        station(glyph::HANDS_CLAPPING, second),
        station(glyph::PHONE, "journey-telephone"),
    ];
    let still = Kit {
        reduced_motion: true,
        ..kit.clone()
    };
    journey(ui, &still, &kit.t("journey"), &stations);
}

/// The product's mark: two half discs, flat sides facing, as two people face to face.
fn mark(ui: &mut Ui, kit: &Kit, height: f32) {
    let (rect, _) = ui.allocate_exact_size(vec2(height, height), egui::Sense::hover());
    for (side, color) in [(-1.0_f32, kit.palette.accent), (1.0, kit.palette.call)] {
        let flat = rect.center() + vec2(side * 2.0, 0.0);
        let radius = height / 2.0;
        let points = (0..=24).map(|step| {
            let angle = step as f32 / 24.0 * std::f32::consts::PI;
            flat + radius * vec2(side * angle.sin(), -angle.cos())
        });
        ui.painter().add(egui::Shape::convex_polygon(
            points.collect(),
            color,
            Stroke::NONE,
        ));
    }
}

fn form(ui: &mut Ui, kit: &Kit, view: &SignInView<'_>, room: Room) -> Option<FormChange> {
    ui.spacing_mut().item_spacing.y = if room.low {
        size::SPACE_S
    } else {
        size::SPACE_L
    };
    let mut change = None;
    ui.horizontal(|ui| {
        if !room.wide {
            mark(ui, kit, size::SPACE_XXL);
        }
        words::strong(ui, &kit.t("sign-in-title"), size::TITLE, kit.palette.ink);
        if room.low {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                change = settings_button(ui, kit)
            });
        }
    });
    let mut form = view.form.clone();
    let submitted = fields(ui, kit, view.seat, room, &mut form);
    remember(ui, kit, &mut form);
    if form != *view.form {
        change = Some(FormChange::Edited(form));
    }
    if let Some(problem) = view.problem {
        problem_box(ui, kit, problem, view.seat);
    }
    let (label, key) = (
        kit.t(if view.busy { "sign-in-busy" } else { "sign-in" }),
        kit.t("key-enter"),
    );
    let button = Button::new(&label)
        .kind(Kind::Primary)
        .main()
        .fill()
        .key(&key)
        .enabled(!view.busy);
    if (button.show(ui, kit).clicked() || submitted) && !view.busy {
        change = Some(FormChange::Submitted);
    }
    if !room.low {
        ui.vertical_centered(|ui| change = settings_button(ui, kit).or(change.take()));
    }
    change
}

fn settings_button(ui: &mut Ui, kit: &Kit) -> Option<FormChange> {
    let word = kit.t("page-settings");
    let button = Button::new(&word).icon(glyph::GEAR_SIX).kind(Kind::Plain);
    button
        .show(ui, kit)
        .clicked()
        .then_some(FormChange::Settings)
}

/// Draws the three fields; says whether Enter was pressed in one.
fn fields(ui: &mut Ui, kit: &Kit, seat: Seat, room: Room, form: &mut Form) -> bool {
    let (account, account_hint) = match seat {
        Seat::Caller => (kit.t("sign-in-number"), kit.t("sign-in-number-hint")),
        Seat::Interpreter => (kit.t("sign-in-ca"), kit.t("sign-in-ca-hint")),
    };
    let (server, server_hint) = (kit.t("sign-in-server"), kit.t("sign-in-server-hint"));
    let secret = kit.t("sign-in-password");
    let before = form.clone();
    let mut password = form.password.expose().clone();
    let first = Field::new(&server)
        .hint(&server_hint)
        .role(Role::UrlInput)
        .show(ui, kit, &mut form.server);
    let account = Field::new(&account).hint(&account_hint).chars_max(40);
    let secret = Field::new(&secret).secret().role(Role::PasswordInput);
    let (second, third) = if room.low {
        ui.columns(2, |columns| {
            let second = account.show(&mut columns[0], kit, &mut form.account);
            (second, secret.show(&mut columns[1], kit, &mut password))
        })
    } else {
        (
            account.show(ui, kit, &mut form.account),
            secret.show(ui, kit, &mut password),
        )
    };
    form.password = Sensitive::new(password);
    give_keyboard(ui, [&first, &second, &third], &before);
    ui.input(|input| input.key_pressed(Key::Enter))
        && [first, second, third]
            .iter()
            .any(egui::Response::lost_focus)
}

/// The first empty field has the keyboard when the page opens.
fn give_keyboard(ui: &Ui, fields: [&egui::Response; 3], form: &Form) {
    let opened = Id::unique("sign-in-opened");
    if ui.data(|data| data.get_temp(opened).unwrap_or(false)) {
        return;
    }
    ui.data_mut(|data| data.insert_temp(opened, true));
    let contents = [
        form.server.as_str(),
        form.account.as_str(),
        form.password.expose().as_str(),
    ];
    let empty = contents
        .iter()
        .position(|content| content.is_empty())
        .unwrap_or(2);
    fields[empty].request_focus();
}

fn remember(ui: &mut Ui, kit: &Kit, form: &mut Form) {
    let palette = &kit.palette;
    let word = kit.t("sign-in-remember");
    let font = crate::theme::regular(size::BODY);
    let room = ui.available_width() - size::ICON - size::SPACE_M - size::SPACE_XS;
    let text = ui.painter().layout(word.clone(), font, palette.ink, room);
    let height = text.size().y.max(size::TARGET);
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), height), egui::Sense::click());
    if response.clicked() {
        form.remember = !form.remember;
    }
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, form.remember, &word));
    let center = egui::pos2(
        rect.left() + size::ICON / 2.0 + size::SPACE_XS,
        rect.center().y,
    );
    let square = Rect::from_center_size(center, vec2(size::ICON, size::ICON) + vec2(4.0, 4.0));
    let radius = CornerRadius::same(size::RADIUS_KEY);
    if form.remember {
        ui.painter().rect_filled(square, radius, palette.accent);
        icon(
            ui.painter(),
            center,
            glyph::CHECK,
            size::BODY,
            palette.on_fill,
        );
    } else {
        let edge = Stroke::new(size::EDGE, palette.line);
        ui.painter().rect(
            square,
            radius,
            palette.surface,
            edge,
            egui::StrokeKind::Inside,
        );
    }
    let at = egui::pos2(
        square.right() + size::SPACE_M,
        rect.center().y - text.size().y / 2.0,
    );
    ui.painter().galley(at, text, palette.ink);
    if response.has_focus() {
        crate::widgets::focus_ring(ui, rect, radius, palette);
    }
}

fn problem_box(ui: &mut Ui, kit: &Kit, problem: &Problem, seat: Seat) {
    let palette = &kit.palette;
    let (sentence, detail) = problem.words(kit, seat);
    let frame = Frame::new()
        .fill(palette.surface)
        .stroke(Stroke::new(size::EDGE_SELECTED, palette.danger))
        .corner_radius(CornerRadius::same(size::RADIUS_CONTROL))
        .inner_margin(Margin::same(size::SPACE_L as i8));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            let (rect, _) =
                ui.allocate_exact_size(vec2(size::ICON_L, size::ICON_L), egui::Sense::hover());
            icon(
                ui.painter(),
                rect.center(),
                glyph::WARNING,
                size::ICON_L,
                palette.danger,
            );
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = size::SPACE_XS;
                words::alert(ui, &sentence, &sentence, size::BODY, palette.ink);
                if let Some(detail) = detail {
                    let line = kit.with("details", &[("detail", detail.into())]);
                    words::plain(ui, &line, size::META, palette.ink_2);
                }
            });
        });
    });
}
