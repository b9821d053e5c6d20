//! Control strings within T.140 text (ITU-T T.140 section 8, as RFC 9071 section 4.2.4 repeats
//! it): they are never cut, and what they say about the rendition is remembered.

/// Longest string between SOS and ST, in characters; what is longer is text.
const STRING_CHARS_MAX: usize = 256;
/// Longest parameters of a rendition; what is longer is text.
const PARAMETERS_MAX: usize = 16;

const ESCAPE: char = '\u{1b}';
const RENDITION: char = '\u{9b}';
const STRING: char = '\u{98}';
const STRING_END: char = '\u{9c}';

/// What a character is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// One that is shown, or takes away what was.
    Text,
    /// Part of a control string.
    Control,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Text,
    Escape,
    Rendition(String),
    /// So many characters of it so far.
    String(usize),
}

/// Where in a control string one writer is, and which rendition is theirs.
#[derive(Debug, Clone, Default)]
pub(super) struct Control {
    within: Within,
    /// The parameters they set last; empty: plain.
    rendition: String,
}

impl Control {
    /// Takes the next character.
    pub(super) fn step(&mut self, c: char) -> Step {
        match &mut self.within {
            Within::Text => {
                self.within = match c {
                    ESCAPE => Within::Escape,
                    RENDITION => Within::Rendition(String::new()),
                    STRING => Within::String(0),
                    _ => return Step::Text,
                };
            }
            Within::Escape => self.within = Within::Text,
            Within::Rendition(parameters) => {
                if c == 'm' {
                    let parameters = std::mem::take(parameters);
                    let plain = matches!(parameters.as_str(), "" | "0" | "\0");
                    self.rendition = if plain { String::new() } else { parameters };
                    self.within = Within::Text;
                } else if parameters.len() >= PARAMETERS_MAX {
                    self.within = Within::Text;
                } else {
                    parameters.push(c);
                }
            }
            Within::String(length) => {
                *length += 1;
                if c == STRING_END || *length > STRING_CHARS_MAX {
                    self.within = Within::Text;
                }
            }
        }
        Step::Control
    }

    /// Whether no control string is open.
    pub(super) fn is_text(&self) -> bool {
        self.within == Within::Text
    }

    /// Somebody else gets the turn: an open control string will not be finished. Whether the
    /// rendition has to be reset.
    pub(super) fn leave(&mut self) -> bool {
        self.within = Within::Text;
        !self.rendition.is_empty()
    }

    /// Sets the writer's rendition again; empty if it is plain.
    pub(super) fn rendition(&self) -> Vec<char> {
        if self.rendition.is_empty() {
            return Vec::new();
        }
        let parameters = self.rendition.chars();
        std::iter::once(RENDITION)
            .chain(parameters)
            .chain(['m'])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(control: &mut Control, text: &str) -> String {
        let shown = |c: &char| control.step(*c) == Step::Text;
        text.chars().filter(shown).collect()
    }

    #[test]
    fn control_strings_are_not_shown_and_the_rendition_is_remembered() {
        let mut control = Control::default();
        let text = "a\u{1b}ab\u{98}anything\u{9c}c\u{9b}31md";
        assert_eq!(steps(&mut control, text), "abcd");
        assert_eq!(control.rendition().iter().collect::<String>(), "\u{9b}31m");
        assert!(control.leave());
        for plain in ["\u{9b}0m", "\u{9b}\0m", "\u{9b}m"] {
            assert_eq!(steps(&mut control, "\u{9b}4m"), "");
            assert_eq!(steps(&mut control, plain), "");
            assert!(!control.leave(), "{plain:?}");
        }
    }

    #[test]
    fn what_is_never_closed_ends_by_itself() {
        let mut control = Control::default();
        let long = "x".repeat(1_000);
        assert_eq!(steps(&mut control, &format!("\u{98}{long}")).len(), 743);
        let long = "1".repeat(100);
        assert_eq!(steps(&mut control, &format!("\u{9b}{long}")).len(), 83);
        assert!(control.is_text());
    }
}
