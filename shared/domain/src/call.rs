//! What kind of call a session is, and who has which part in it.

use std::fmt;
use std::str::FromStr;

use crate::state::{Leg, UnknownWord, words};

words! {
    /// What kind of call a session is.
    CallKind, "kind of call" {
        /// A Deaf caller calls a telephone through an interpreter.
        RelayOutbound = "relay_outbound",
        /// A telephone calls a subscriber through an interpreter.
        RelayInbound = "relay_inbound",
        /// One subscriber calls another: no interpreter, nothing is billed.
        PointToPoint = "point_to_point",
    }
}

impl CallKind {
    /// The leg that asked for the call.
    #[must_use]
    pub const fn calling(self) -> Leg {
        match self {
            Self::RelayOutbound | Self::PointToPoint => Leg::Caller,
            Self::RelayInbound => Leg::Hearing,
        }
    }

    /// The leg that is called.
    #[must_use]
    pub const fn called(self) -> Leg {
        match self {
            Self::RelayOutbound => Leg::Hearing,
            Self::RelayInbound => Leg::Caller,
            Self::PointToPoint => Leg::Callee,
        }
    }

    /// Whether an interpreter takes part.
    #[must_use]
    pub const fn is_relayed(self) -> bool {
        match self {
            Self::RelayOutbound | Self::RelayInbound => true,
            Self::PointToPoint => false,
        }
    }
}

words! {
    /// How soon a session has to find an interpreter; the first comes first.
    Urgency, "urgency" {
        /// An emergency number: ahead of everything, and neither leg may stay lost (F18, F21).
        Emergency = "emergency",
        /// The crisis line, or a conversation that lost its interpreter.
        Urgent = "urgent",
        /// Everything else.
        Standard = "standard",
    }
}

words! {
    /// Why an interpreter asks to be relieved.
    ReliefReason, "reason for relief" {
        /// The ordinary change after a while; not before ten minutes of conversation (F4).
        Rotation = "rotation",
        /// Illness or injury.
        Illness = "illness",
        /// The interpreter knows a party, or is a party to the matter.
        Conflict = "conflict",
        /// Signer and interpreter do not understand each other.
        Understanding = "understanding",
        /// The caller asked for somebody else.
        Requested = "requested",
    }
}

impl ReliefReason {
    /// Whether it counts before ten minutes of conversation (F4).
    #[must_use]
    pub const fn is_at_once(self) -> bool {
        match self {
            Self::Rotation => false,
            Self::Illness | Self::Conflict | Self::Understanding | Self::Requested => true,
        }
    }
}

/// Longest name of a call centre, in characters.
const CENTER_CHARS_MAX: usize = 40;

/// The call centre or home workstation at which an interpreter works (domain list F38).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallCenter(String);

/// The text is not the name of a call centre.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a call centre is 1 to {CENTER_CHARS_MAX} of a-z, A-Z, 0-9, '-', '_' and '.'")]
pub struct InvalidCallCenter;

impl FromStr for CallCenter {
    type Err = InvalidCallCenter;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if text.is_empty() || text.len() > CENTER_CHARS_MAX || !text.bytes().all(good) {
            return Err(InvalidCallCenter);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for CallCenter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Legs(u8);

impl Legs {
    const fn bit(leg: Leg) -> u8 {
        1 << leg as u8
    }

    /// Whether `leg` is in it.
    #[must_use]
    pub const fn has(self, leg: Leg) -> bool {
        self.0 & Self::bit(leg) != 0
    }

    /// The same with `leg`.
    #[must_use]
    pub const fn with(self, leg: Leg) -> Self {
        Self(self.0 | Self::bit(leg))
    }

    /// The same without `leg`.
    #[must_use]
    pub const fn without(self, leg: Leg) -> Self {
        Self(self.0 & !Self::bit(leg))
    }

    /// Every leg in it, in order.
    pub fn iter(self) -> impl Iterator<Item = Leg> {
        Leg::ALL.iter().copied().filter(move |leg| self.has(*leg))
    }

    /// Whether nobody is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_legs_knows_its_members() {
        for &leg in Leg::ALL {
            let one = Legs::default().with(leg);
            for &other in Leg::ALL {
                assert_eq!(one.has(other), leg == other);
            }
            assert!(one.without(leg).is_empty());
        }
    }

    #[test]
    fn f38_a_call_centre_is_a_short_plain_word() {
        assert_eq!(
            "home-7.denver".parse::<CallCenter>().map(|c| c.to_string()),
            Ok("home-7.denver".into())
        );
        for wrong in ["", "two words", "a\n", &"x".repeat(41)] {
            assert!(wrong.parse::<CallCenter>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn who_calls_is_never_who_is_called() {
        for &kind in CallKind::ALL {
            assert_ne!(kind.calling(), kind.called());
        }
    }
}
