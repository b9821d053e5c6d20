//! Helpers for what may go into a log line: cut it, mask it.
//!
//! Whatever is private by type (`Sensitive<T>`, `PhoneNumber`) needs none of this; these are for
//! text that arrives from the network.

/// Longest text from the network that a log line carries, in bytes (attack list A31).
pub const TEXT_BYTES_MAX: usize = 1024;

/// The text as a log may hold it: at most [`TEXT_BYTES_MAX`] bytes, control signs and line
/// separators replaced, so that one record stays one line in any viewer.
#[must_use]
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(TEXT_BYTES_MAX));
    for c in text.chars() {
        let shown = match c {
            '\u{2028}' | '\u{2029}' | '\u{85}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        };
        if out.len() + shown.len_utf8() > TEXT_BYTES_MAX {
            out.push('…');
            break;
        }
        out.push(shown);
    }
    out
}

/// A telephone number, account or token shown by its last two signs only: `…99`.
#[must_use]
pub fn tail(text: &str) -> String {
    let signs = text.chars().count();
    let shown: String = text.chars().skip(signs.saturating_sub(2)).collect();
    if signs <= 4 {
        "…".to_owned()
    } else {
        format!("…{shown}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a31_a_line_stays_one_line_and_is_cut() {
        assert_eq!(
            line("a\r\nb\u{2028}c\u{1b}[31m"),
            "a\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}[31m"
        );
        let long = line(&"é".repeat(4000));
        assert!(long.len() <= TEXT_BYTES_MAX + '…'.len_utf8());
        assert!(long.ends_with('…'));
    }

    #[test]
    fn the_tail_does_not_give_a_short_value_away() {
        assert_eq!(tail("+15550100199"), "…99");
        assert_eq!(tail("1234"), "…");
        assert_eq!(tail(""), "…");
    }
}
