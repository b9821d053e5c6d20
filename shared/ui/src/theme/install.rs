//! Puts the fonts and the look into egui.

use std::sync::Arc;

use egui::{
    Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Stroke, TextStyle,
};

use super::{Palette, Theme, size};

const REGULAR: &[u8] = include_bytes!("../../assets/AtkinsonHyperlegibleNext-Regular-Tabular.ttf");
const BOLD: &[u8] = include_bytes!("../../assets/AtkinsonHyperlegibleNext-Bold-Tabular.ttf");

const BOLD_FAMILY: &str = "bold";
const ICON_FAMILY: &str = "icons";

/// Ordinary text of a size.
#[must_use]
pub fn regular(points: f32) -> FontId {
    FontId::new(points, FontFamily::Proportional)
}

/// Strong text of a size.
#[must_use]
pub fn bold(points: f32) -> FontId {
    FontId::new(points, FontFamily::Name(BOLD_FAMILY.into()))
}

/// A Phosphor icon of a size.
#[must_use]
pub fn icon(points: f32) -> FontId {
    FontId::new(points, FontFamily::Name(ICON_FAMILY.into()))
}

/// Gives `ctx` our fonts; once, before the first frame.
///
/// egui's own fonts stay behind ours: what a peer types may be of any script.
pub fn install_fonts(ctx: &egui::Context) {
    let mut fonts = FontDefinitions::default();
    let mut add = |name: &str, bytes: &'static [u8]| {
        fonts
            .font_data
            .insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    };
    add("atkinson", REGULAR);
    add("atkinson-bold", BOLD);
    add("phosphor", egui_phosphor::Variant::Bold.font_bytes());
    let fallbacks = fonts
        .families
        .get(&FontFamily::Proportional)
        .cloned()
        .unwrap_or_default();
    let behind = |first: &str| {
        let mut names = vec![first.to_owned()];
        names.extend(fallbacks.iter().cloned());
        names
    };
    let (plain, strong) = (behind("atkinson"), behind("atkinson-bold"));
    fonts.families.insert(FontFamily::Proportional, plain);
    fonts
        .families
        .insert(FontFamily::Name(BOLD_FAMILY.into()), strong);
    fonts.families.insert(
        FontFamily::Name(ICON_FAMILY.into()),
        vec!["phosphor".to_owned()],
    );
    ctx.set_fonts(fonts);
}

/// Gives `ctx` the colours of `theme` and the user's text size in per cent (100 to 300).
pub fn install_look(ctx: &egui::Context, theme: Theme, scale_percent: u16, reduced_motion: bool) {
    let palette = theme.palette();
    ctx.set_theme(if palette.dark {
        egui::Theme::Dark
    } else {
        egui::Theme::Light
    });
    ctx.all_styles_mut(|style| restyle(style, &palette, reduced_motion));
    ctx.set_zoom_factor(f32::from(scale_percent.clamp(100, 300)) / 100.0);
    // Ctrl + and Ctrl - would zoom past what the settings know.
    ctx.options_mut(|options| options.zoom_with_keyboard = false);
}

fn restyle(style: &mut egui::Style, palette: &Palette, reduced_motion: bool) {
    style.text_styles = [
        (TextStyle::Small, regular(size::META)),
        (TextStyle::Body, regular(size::BODY)),
        (TextStyle::Button, bold(size::BODY)),
        (TextStyle::Monospace, regular(size::BODY)),
        (TextStyle::Heading, bold(size::TITLE)),
    ]
    .into();
    style.animation_time = if reduced_motion { 0.0 } else { size::MOTION_S };
    style.interaction.selectable_labels = false; // what is relayed is not to be copied
    style.interaction.tooltip_delay = 0.3;
    style.spacing.item_spacing = egui::vec2(size::SPACE_M, size::SPACE_M);
    style.spacing.button_padding = egui::vec2(size::SPACE_L, size::SPACE_M);
    style.spacing.interact_size = egui::vec2(size::TARGET, size::TARGET);
    style.spacing.scroll = egui::style::ScrollStyle::thin();
    style.visuals = visuals(palette);
}

fn visuals(palette: &Palette) -> egui::Visuals {
    let mut visuals = if palette.dark {
        egui::Visuals::dark()
    } else {
        egui::Visuals::light()
    };
    visuals.override_text_color = Some(palette.ink);
    visuals.panel_fill = palette.bg;
    visuals.window_fill = palette.surface;
    visuals.window_stroke = Stroke::new(size::EDGE, palette.line);
    visuals.window_corner_radius = CornerRadius::same(size::RADIUS_CONTROL);
    visuals.menu_corner_radius = CornerRadius::same(size::RADIUS_CONTROL);
    visuals.extreme_bg_color = palette.surface;
    visuals.text_edit_bg_color = Some(palette.surface);
    visuals.hyperlink_color = palette.accent;
    visuals.selection.bg_fill = palette.accent_soft;
    visuals.selection.stroke = Stroke::new(size::EDGE, palette.accent);
    if palette.outlined {
        visuals.selection.bg_fill = palette.accent.linear_multiply(0.4);
    }
    visuals.text_cursor.stroke = Stroke::new(2.0, palette.ink);
    for widget in [
        &mut visuals.widgets.noninteractive,
        &mut visuals.widgets.inactive,
        &mut visuals.widgets.hovered,
        &mut visuals.widgets.active,
        &mut visuals.widgets.open,
    ] {
        widget.corner_radius = CornerRadius::same(size::RADIUS_CONTROL);
        widget.fg_stroke.color = palette.ink;
        widget.bg_stroke = Stroke::new(size::EDGE, palette.line);
        widget.bg_fill = palette.raised;
        widget.weak_bg_fill = palette.raised;
        widget.expansion = 0.0;
    }
    visuals.window_shadow.color = Color32::TRANSPARENT;
    visuals.popup_shadow.color = Color32::TRANSPARENT;
    visuals
}
