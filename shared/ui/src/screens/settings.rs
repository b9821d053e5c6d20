//! Settings: how it looks, which devices, which way calls take, which account.

use egui::{Align, Layout, Ui, vec2};
use egui_phosphor::bold as glyph;

use super::place::place as place_fields;
use crate::kit::Kit;
use crate::place::{Place, PlaceChange};
use crate::strings::Language;
use crate::theme::{Theme, size};
use crate::widgets::{Button, card, choice, words};

/// The text sizes offered, in per cent.
pub const TEXT_SIZES: [u16; 5] = size::SCALES_PERCENT;

/// What the user chose so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// The look.
    pub theme: Theme,
    /// The language of the app's own words.
    pub language: Language,
    /// Text size in per cent.
    pub text_percent: u16,
    /// Nothing moves.
    pub still: bool,
    /// The own picture is shown as in a mirror.
    pub mirrored: bool,
    /// The camera's name; `None` is the system's choice.
    pub camera: Option<String>,
    /// The microphone's name; `None` is the system's choice.
    pub microphone: Option<String>,
    /// The speaker's name; `None` is the system's choice.
    pub speaker: Option<String>,
    /// Picture and sound pass only through the provider's relay.
    pub relay_only: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            theme: Theme::default(),
            language: Language::default(),
            text_percent: 100,
            still: false,
            mirrored: false,
            camera: None,
            microphone: None,
            speaker: None,
            relay_only: false,
        }
    }
}

/// Which devices there are, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceNames {
    /// Cameras.
    pub cameras: Vec<String>,
    /// Microphones.
    pub microphones: Vec<String>,
    /// Speakers.
    pub speakers: Vec<String>,
}

/// What the user did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The choices are these now.
    Chosen(Box<Choices>),
    /// Where the caller is.
    Place(PlaceChange),
    /// Sign out.
    SignOut,
}

/// Draws the page over the room that is left; `account` is who is signed in, `place` where they
/// are, for callers.
pub fn settings_page(
    ui: &mut Ui,
    kit: &Kit,
    choices: &Choices,
    names: &DeviceNames,
    account: Option<&str>,
    place: Option<&Place>,
) -> Option<Change> {
    let mut new = choices.clone();
    let mut moved = None;
    let mut sign_out = false;
    page(ui, |ui| {
        ui.spacing_mut().item_spacing.y = size::SPACE_XL;
        words::strong(ui, &kit.t("settings"), size::TITLE, kit.palette.ink);
        // It is whose it is: it has to be known who that is.
        if let Some(place) = place.filter(|_| account.is_some()) {
            section(ui, kit, "settings-address", |ui| {
                moved = place_fields(ui, kit, place);
            });
        }
        section(ui, kit, "settings-look", |ui| look(ui, kit, &mut new));
        section(ui, kit, "settings-devices", |ui| {
            devices(ui, kit, names, &mut new)
        });
        section(ui, kit, "settings-network", |ui| network(ui, kit, &mut new));
        if let Some(account) = account {
            section(ui, kit, "settings-account", |ui| {
                let line = kit.with("settings-signed-in", &[("account", account.into())]);
                words::plain(ui, &line, size::BODY, kit.palette.ink);
                let word = kit.t("sign-out");
                sign_out = Button::new(&word)
                    .icon(glyph::SIGN_OUT)
                    .show(ui, kit)
                    .clicked();
            });
        }
    });
    if let Some(moved) = moved {
        return Some(Change::Place(moved));
    }
    if sign_out {
        return Some(Change::SignOut);
    }
    (new != *choices).then(|| Change::Chosen(Box::new(new)))
}

fn section(ui: &mut Ui, kit: &Kit, title: &str, contents: impl FnOnce(&mut Ui)) {
    card(ui, kit, size::SPACE_XL, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = size::SPACE_L;
        words::strong(ui, &kit.t(title), size::LEAD, kit.palette.ink);
        contents(ui);
    });
}

/// A name at the left and its control at the right, or above each other on a narrow window.
fn row(ui: &mut Ui, kit: &Kit, name: &str, control: impl FnOnce(&mut Ui)) {
    const NAMES: f32 = 180.0;
    let color = kit.palette.ink;
    if ui.available_width() < 640.0 {
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = size::SPACE_S;
            words::strong(ui, name, size::BODY, color);
            control(ui);
        });
        return;
    }
    ui.horizontal_top(|ui| {
        let height = size::TARGET;
        ui.allocate_ui_with_layout(
            vec2(NAMES, height),
            Layout::left_to_right(Align::Center),
            |ui| {
                ui.set_min_size(vec2(NAMES, height));
                words::strong(ui, name, size::BODY, color);
            },
        );
        ui.vertical(control);
    });
}

fn look(ui: &mut Ui, kit: &Kit, new: &mut Choices) {
    let themes = [
        kit.t("theme-light"),
        kit.t("theme-dark"),
        kit.t("theme-contrast"),
    ];
    pick(
        ui,
        kit,
        "settings-theme",
        &themes,
        &Theme::ALL,
        &mut new.theme,
    );
    let sizes: Vec<String> = TEXT_SIZES
        .iter()
        .map(|percent| {
            kit.with(
                "settings-percent",
                &[("percent", u32::from(*percent).into())],
            )
        })
        .collect();
    pick(
        ui,
        kit,
        "settings-text-size",
        &sizes,
        &TEXT_SIZES,
        &mut new.text_percent,
    );
    let languages = Language::ALL.map(|language| language.own_name().to_owned());
    pick(
        ui,
        kit,
        "settings-language",
        &languages,
        &Language::ALL,
        &mut new.language,
    );
    let motion = [kit.t("settings-motion-on"), kit.t("settings-motion-off")];
    pick(
        ui,
        kit,
        "settings-motion",
        &motion,
        &[false, true],
        &mut new.still,
    );
    let mirror = [kit.t("settings-mirror-off"), kit.t("settings-mirror-on")];
    pick(
        ui,
        kit,
        "settings-mirror",
        &mirror,
        &[false, true],
        &mut new.mirrored,
    );
}

fn pick<T: Copy + PartialEq>(
    ui: &mut Ui,
    kit: &Kit,
    key: &str,
    shown: &[String],
    values: &[T],
    chosen: &mut T,
) {
    let name = kit.t(key);
    let index = values.iter().position(|value| value == chosen).unwrap_or(0);
    row(ui, kit, &name, |ui| {
        if let Some(value) =
            choice(ui, kit, &name, shown, index).and_then(|index| values.get(index))
        {
            *chosen = *value;
        }
    });
}

fn devices(ui: &mut Ui, kit: &Kit, names: &DeviceNames, new: &mut Choices) {
    let synthetic = ("synthetic", kit.t("device-synthetic"));
    device(
        ui,
        kit,
        "settings-camera",
        (&synthetic, &names.cameras),
        &mut new.camera,
    );
    device(
        ui,
        kit,
        "settings-microphone",
        (&synthetic, &names.microphones),
        &mut new.microphone,
    );
    device(
        ui,
        kit,
        "settings-speaker",
        (&("none", kit.t("device-none")), &names.speakers),
        &mut new.speaker,
    );
    words::plain(
        ui,
        &kit.t("settings-devices-about"),
        size::META,
        kit.palette.ink_2,
    );
}

fn network(ui: &mut Ui, kit: &Kit, new: &mut Choices) {
    let ways = [kit.t("settings-way-any"), kit.t("settings-way-relay")];
    pick(
        ui,
        kit,
        "settings-way",
        &ways,
        &[false, true],
        &mut new.relay_only,
    );
    words::plain(
        ui,
        &kit.t("settings-way-about"),
        size::META,
        kit.palette.ink_2,
    );
}

/// The system's choice, the devices there are, the one chosen though it is not there, and the special one.
fn device(
    ui: &mut Ui,
    kit: &Kit,
    key: &str,
    (special, names): (&(&str, String), &[String]),
    chosen: &mut Option<String>,
) {
    const NAME_CHARS_MAX: usize = 40;
    const NAMES_MAX: usize = 8;
    let mut values: Vec<Option<String>> = vec![None];
    values.extend(names.iter().take(NAMES_MAX).cloned().map(Some));
    let elsewhere = chosen.as_deref().is_some_and(|name| name != special.0);
    if elsewhere && !values.contains(chosen) {
        values.push(chosen.clone());
    }
    values.push(Some(special.0.to_owned()));
    let shown: Vec<String> = values
        .iter()
        .map(|value| match value {
            None => kit.t("device-default"),
            Some(name) if name == special.0 => special.1.clone(),
            Some(name) => name.chars().take(NAME_CHARS_MAX).collect(),
        })
        .collect();
    let name = kit.t(key);
    let index = values.iter().position(|value| value == chosen).unwrap_or(0);
    row(ui, kit, &name, |ui| {
        if let Some(value) =
            choice(ui, kit, &name, &shown, index).and_then(|index| values.get(index))
        {
            chosen.clone_from(value);
        }
    });
}

/// The column in which settings stand: not wider than what is read at a glance.
const COLUMN_MAX: f32 = 860.0;

/// Draws `contents` in a scrolled column, centred on wide windows.
fn page(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let margin = if ui.available_width() < size::NARROW {
        size::SPACE_L
    } else {
        size::SPACE_XXXL
    };
    egui::ScrollArea::vertical()
        .auto_shrink(false)
        .show(ui, |ui| {
            let width = (ui.available_width() - 2.0 * margin).min(COLUMN_MAX);
            ui.add_space(margin.min(size::SPACE_XXL));
            ui.horizontal(|ui| {
                ui.add_space(((ui.available_width() - width) / 2.0).max(margin));
                ui.vertical(|ui| {
                    ui.set_width(width);
                    contents(ui);
                });
            });
            ui.add_space(margin);
        });
}
