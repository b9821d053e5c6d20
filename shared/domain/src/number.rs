//! Telephone numbers: parsed once, at the edge.

use std::fmt;
use std::str::FromStr;

use crate::limit::{E164_DIGITS_MAX, E164_DIGITS_MIN};

/// A telephone number in E.164 form (`+15550100199`) or a short service code (`911`, `411`).
///
/// `Debug` shows the last two digits only, so that a stray `{:?}` gives nobody away;
/// `Display` is the dialable form without separators (RFC 3966 global-number-digits).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneNumber(String);

/// Why a text is not a telephone number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNumber {
    /// Nothing was dialled.
    #[error("no number was given")]
    Empty,
    /// A sign that is neither a digit nor a separator.
    #[error("'{0}' does not belong in a telephone number")]
    Character(char),
    /// Too few or too many digits.
    #[error("a telephone number has {E164_DIGITS_MIN} to {E164_DIGITS_MAX} digits, this has {0}")]
    Length(usize),
    /// Ten digits whose area code starts with 0 or 1.
    #[error("no North American area code starts with {0}")]
    AreaCode(char),
}

impl FromStr for PhoneNumber {
    type Err = InvalidNumber;

    /// Takes what people type: spaces, dots, dashes and parentheses are ignored; ten digits, or
    /// eleven starting with 1, are North American.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (plus, rest) = text
            .strip_prefix('+')
            .map_or((false, text), |rest| (true, rest));
        let mut digits = String::with_capacity(E164_DIGITS_MAX);
        for c in rest.chars() {
            match c {
                '0'..='9' => digits.push(c),
                ' ' | '-' | '.' | '(' | ')' | '\u{a0}' => {}
                other => return Err(InvalidNumber::Character(other)),
            }
        }
        if digits.is_empty() {
            return Err(InvalidNumber::Empty);
        }
        if !plus
            && digits.len() == 3
            && (digits.ends_with("11") || digits == "988" || digits == "112")
        {
            return Ok(Self(digits));
        }
        if !plus && digits.len() == 10 {
            digits.insert(0, '1');
        }
        if !(E164_DIGITS_MIN..=E164_DIGITS_MAX).contains(&digits.len()) {
            return Err(InvalidNumber::Length(digits.len()));
        }
        if let Some(national) = digits.strip_prefix('1') {
            if national.len() != 10 {
                return Err(InvalidNumber::Length(digits.len()));
            }
            if let Some(first @ ('0' | '1')) = national.chars().next() {
                return Err(InvalidNumber::AreaCode(first));
            }
        }
        Ok(Self(format!("+{digits}")))
    }
}

impl PhoneNumber {
    /// `911`, `411` and the like: no plus sign, routed by the country's own rules.
    #[must_use]
    pub fn is_service_code(&self) -> bool {
        !self.0.starts_with('+')
    }

    /// 911 or 112: ahead of everything (domain list F18).
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        matches!(self.0.as_str(), "911" | "112")
    }

    /// The dialable form, as [`fmt::Display`] writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As people write it: `+1 555 010 0199`.
    #[must_use]
    pub fn spaced(&self) -> String {
        match self.0.strip_prefix("+1") {
            Some(n) if n.len() == 10 => format!("+1 {} {} {}", &n[..3], &n[3..6], &n[6..]),
            _ => self.0.clone(),
        }
    }

    /// For a screen reader: digits one by one, in groups (`plus 1, 5 5 5, 0 1 0, 0 1 9 9`).
    #[must_use]
    pub fn spoken(&self) -> String {
        let groups = self.spaced();
        let spell = |group: &str| {
            group
                .chars()
                .map(String::from)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let spelled: Vec<_> = groups
            .split(' ')
            .map(|g| spell(g).replace('+', "plus"))
            .collect();
        spelled.join(", ")
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail = self.0.len().saturating_sub(2);
        write!(f, "PhoneNumber(…{})", &self.0[tail..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str, expect: Result<&str, InvalidNumber>) {
        let got = typed.parse::<PhoneNumber>().map(|n| n.to_string());
        assert_eq!(got, expect.map(str::to_owned), "{typed:?}");
    }

    #[test]
    fn u10_numbers_are_taken_as_people_write_them() {
        check("+15550100199", Ok("+15550100199"));
        check("(555) 010-0199", Ok("+15550100199"));
        check("1.555.010.0199", Ok("+15550100199"));
        check("+44 20 7946 0018", Ok("+442079460018"));
        check("911", Ok("911"));
        check("988", Ok("988"));
    }

    #[test]
    fn impossible_numbers_say_why() {
        check("", Err(InvalidNumber::Empty));
        check("  ", Err(InvalidNumber::Empty));
        check("555-CALL", Err(InvalidNumber::Character('C')));
        check("12345", Err(InvalidNumber::Length(5)));
        check("+1234567890123456", Err(InvalidNumber::Length(16)));
        check("155501001999", Err(InvalidNumber::Length(12)));
        check("055 010 0199", Err(InvalidNumber::AreaCode('0')));
    }

    #[test]
    fn debug_does_not_give_the_number_away() {
        let number: PhoneNumber = "+15550100199".parse().unwrap();
        assert_eq!(format!("{number:?}"), "PhoneNumber(…99)");
        assert_eq!(number.spaced(), "+1 555 010 0199");
        assert_eq!(number.spoken(), "plus 1, 5 5 5, 0 1 0, 0 1 9 9");
    }
}
