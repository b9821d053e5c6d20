//! Identifiers: handed in by drivers, never drawn here.

use std::fmt;
use std::str::FromStr;

use crate::limit;

/// One relayed call from request to end; 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u128);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

/// The text is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a session id is 32 hexadecimal digits")]
pub struct InvalidSessionId;

impl FromStr for SessionId {
    type Err = InvalidSessionId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidSessionId);
        }
        u128::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| InvalidSessionId)
    }
}

/// An interpreter's public number: users see this, never a name (domain list F12).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaId(String);

/// The text is not a CA id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a CA id is 1 to {} digits", limit::CA_ID_DIGITS_MAX)]
pub struct InvalidCaId;

impl FromStr for CaId {
    type Err = InvalidCaId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        if text.is_empty() || text.len() > limit::CA_ID_DIGITS_MAX || !digits {
            return Err(InvalidCaId);
        }
        Ok(Self(text.to_owned()))
    }
}

impl CaId {
    /// The digits as typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Counts the assignments of a session, so that a late word from an earlier one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch of the next assignment.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_id_round_trips_through_text() {
        let id = SessionId(0x1234_5678_9abc_def0);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("12".parse::<SessionId>(), Err(InvalidSessionId));
        assert_eq!(
            "+2345678901234567890123456789012".parse::<SessionId>(),
            Err(InvalidSessionId)
        );
    }

    #[test]
    fn ca_id_takes_digits_only() {
        assert_eq!(
            "1234".parse::<CaId>().map(|c| c.to_string()),
            Ok("1234".into())
        );
        for bad in ["", "12a", "12345678901", "+12", " 12"] {
            assert_eq!(bad.parse::<CaId>(), Err(InvalidCaId), "{bad:?}");
        }
    }
}
