//! Every colour of the product; no other file names one.

use egui::Color32;

/// A look the user chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Theme {
    /// Dark ink on white.
    #[default]
    Light,
    /// Light ink on near-black.
    Dark,
    /// Black, white and pure colours, every edge drawn.
    Contrast,
}

impl Theme {
    /// Every look, in the order settings show them.
    pub const ALL: [Self; 3] = [Self::Light, Self::Dark, Self::Contrast];

    /// The word used by flags and in the settings file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Contrast => "contrast",
        }
    }

    /// Reads what [`Self::word`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.word() == word)
    }

    /// The colours of ordinary pages.
    #[must_use]
    pub const fn palette(self) -> Palette {
        match self {
            Self::Light => LIGHT,
            Self::Dark => DARK,
            Self::Contrast => CONTRAST,
        }
    }

    /// The colours around a live picture: dark in every look, so that nothing glares beside hands.
    #[must_use]
    pub const fn stage(self) -> Palette {
        match self {
            Self::Light | Self::Dark => STAGE,
            Self::Contrast => CONTRAST,
        }
    }
}

/// The colours one look gives to each purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// Behind everything.
    pub bg: Color32,
    /// Cards, strips, fields.
    pub surface: Color32,
    /// Controls that are not the main action.
    pub raised: Color32,
    /// Text.
    pub ink: Color32,
    /// Quieter text.
    pub ink_2: Color32,
    /// Edges of controls (at least 3:1 against what is beside them).
    pub line: Color32,
    /// Edges of cards: decoration only.
    pub hairline: Color32,
    /// The main action, selection, progress.
    pub accent: Color32,
    /// Behind something selected.
    pub accent_soft: Color32,
    /// Placing and answering calls.
    pub call: Color32,
    /// Hanging up, declining, failures.
    pub danger: Color32,
    /// Waiting, attention.
    pub warn: Color32,
    /// Text on `accent`, `call`, `danger`, `warn` and `ink`.
    pub on_fill: Color32,
    /// The keyboard's focus ring.
    pub focus: Color32,
    /// Around a picture, and where no picture has come yet.
    pub surround: Color32,
    /// Whether ink is lighter than its background.
    pub dark: bool,
    /// Whether every control shows its edge.
    pub outlined: bool,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const LIGHT: Palette = Palette {
    bg: rgb(0xF6F7F9),
    surface: rgb(0xFFFFFF),
    raised: rgb(0xEDF0F4),
    ink: rgb(0x14181D),
    ink_2: rgb(0x465160),
    line: rgb(0x7C8796),
    hairline: rgb(0xDDE2E9),
    accent: rgb(0x0A58CA),
    accent_soft: rgb(0xE2ECFC),
    call: rgb(0x0B6B37),
    danger: rgb(0xA81E1A),
    warn: rgb(0x7A4F00),
    on_fill: rgb(0xFFFFFF),
    focus: rgb(0x083E91),
    surround: rgb(0x1A1C1F),
    dark: false,
    outlined: false,
};

const DARK: Palette = Palette {
    bg: rgb(0x0F1317),
    surface: rgb(0x1A2027),
    raised: rgb(0x262E37),
    ink: rgb(0xF2F5F8),
    ink_2: rgb(0xB4BFCB),
    line: rgb(0x7B8896),
    hairline: rgb(0x2C353F),
    accent: rgb(0x8AB8FF),
    accent_soft: rgb(0x1F3350),
    call: rgb(0x5BD39A),
    danger: rgb(0xFF8F86),
    warn: rgb(0xFFCB6B),
    on_fill: rgb(0x0F1317),
    focus: rgb(0xFFD84D),
    surround: rgb(0x1A1C1F),
    dark: true,
    outlined: false,
};

/// [`DARK`] on neutral grey: no tint beside skin.
const STAGE: Palette = Palette {
    bg: rgb(0x1A1C1F),
    surface: rgb(0x222529),
    raised: rgb(0x31353A),
    hairline: rgb(0x363A40),
    ..DARK
};

const CONTRAST: Palette = Palette {
    bg: rgb(0x000000),
    surface: rgb(0x000000),
    raised: rgb(0x000000),
    ink: rgb(0xFFFFFF),
    ink_2: rgb(0xFFFFFF),
    line: rgb(0xFFFFFF),
    hairline: rgb(0xFFFFFF),
    accent: rgb(0xFFFF00),
    accent_soft: rgb(0x000000),
    call: rgb(0x00FF66),
    danger: rgb(0xFF8080),
    warn: rgb(0xFFFF00),
    on_fill: rgb(0x000000),
    focus: rgb(0x00FFFF),
    surround: rgb(0x000000),
    dark: true,
    outlined: true,
};

/// Two colours that meet on screen, and the contrast they must have (WCAG 2.2, 1.4.3 and 1.4.11).
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// The names of both, front first.
    pub names: (&'static str, &'static str),
    /// Text, icon or edge.
    pub front: Color32,
    /// What it lies on.
    pub back: Color32,
    /// Least contrast ratio.
    pub ratio_min: f32,
}

impl Palette {
    /// Every pair of colours that the widgets put together.
    #[must_use]
    pub fn pairs(&self) -> Vec<Pair> {
        const TEXT: f32 = 4.5;
        const EDGE: f32 = 3.0;
        let pair = |names, front, back, ratio_min| Pair {
            names,
            front,
            back,
            ratio_min,
        };
        let mut pairs = Vec::new();
        for (on, back) in [
            ("bg", self.bg),
            ("surface", self.surface),
            ("raised", self.raised),
        ] {
            for (what, front) in [
                ("ink", self.ink),
                ("ink_2", self.ink_2),
                ("accent", self.accent),
                ("call", self.call),
                ("danger", self.danger),
                ("warn", self.warn),
            ] {
                pairs.push(pair((what, on), front, back, TEXT));
            }
            pairs.push(pair(("focus", on), self.focus, back, EDGE));
        }
        for (on, back) in [("bg", self.bg), ("surface", self.surface)] {
            pairs.push(pair(("line", on), self.line, back, EDGE));
        }
        for (on, back) in [
            ("accent", self.accent),
            ("call", self.call),
            ("danger", self.danger),
            ("warn", self.warn),
            ("ink", self.ink),
            ("ink_2", self.ink_2),
        ] {
            pairs.push(pair(("on_fill", on), self.on_fill, back, TEXT));
        }
        for (what, front) in [("ink", self.ink), ("accent", self.accent)] {
            pairs.push(pair((what, "accent_soft"), front, self.accent_soft, TEXT));
        }
        pairs
    }
}

/// WCAG 2 contrast ratio of two opaque colours, 1 to 21.
#[must_use]
pub fn contrast_ratio(a: Color32, b: Color32) -> f32 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// WCAG 2 relative luminance, 0 to 1.
#[must_use]
pub fn luminance(color: Color32) -> f32 {
    let channel = |value: u8| {
        let value = f32::from(value) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u17_every_pair_of_colours_has_the_contrast_it_needs() {
        for theme in Theme::ALL {
            for palette in [theme.palette(), theme.stage()] {
                for pair in palette.pairs() {
                    let ratio = contrast_ratio(pair.front, pair.back);
                    assert!(
                        ratio >= pair.ratio_min,
                        "{theme:?}: {:?} is {ratio:.2}",
                        pair.names
                    );
                }
            }
        }
    }

    #[test]
    fn u1_the_two_tones_of_the_flash_differ_clearly_in_brightness() {
        for theme in Theme::ALL {
            let palette = theme.palette();
            assert!(contrast_ratio(palette.call, palette.bg) >= 3.0, "{theme:?}");
        }
    }

    #[test]
    fn black_on_white_is_twenty_one() {
        assert!((contrast_ratio(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 0.01);
    }
}
