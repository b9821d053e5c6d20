//! What somebody types while the proxy runs.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use vrs_impair::{Direction, Profile, ProfileError};

/// One line of orders.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Order {
    /// `up PROFILE`, `down PROFILE`.
    Profile(Direction, Profile),
    /// `cut up`, `cut down`.
    Cut(Direction),
    /// `restore up`, `restore down`.
    Restore(Direction),
    /// `move CLIENT`.
    Move(SocketAddr),
    /// `report`.
    Report,
}

/// Why a line is no order.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OrderError {
    #[error(
        "no such order; there are `up PROFILE`, `down PROFILE`, `cut up`, `cut down`, \
         `restore up`, `restore down`, `move CLIENT` and `report`"
    )]
    Unknown,
    #[error("move takes the address that a client sends from, such as 127.0.0.1:5071")]
    NoAddress,
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl FromStr for Order {
    type Err = OrderError;

    fn from_str(line: &str) -> Result<Self, OrderError> {
        let words: Vec<&str> = line.split_whitespace().collect();
        Ok(match words.as_slice() {
            ["up", profile] => Self::Profile(Direction::Up, profile.parse()?),
            ["down", profile] => Self::Profile(Direction::Down, profile.parse()?),
            ["cut", "up"] => Self::Cut(Direction::Up),
            ["cut", "down"] => Self::Cut(Direction::Down),
            ["restore", "up"] => Self::Restore(Direction::Up),
            ["restore", "down"] => Self::Restore(Direction::Down),
            ["move", client] => Self::Move(client.parse().map_err(|_| OrderError::NoAddress)?),
            ["report"] => Self::Report,
            _ => return Err(OrderError::Unknown),
        })
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |direction: &Direction| match direction {
            Direction::Up => "up",
            Direction::Down => "down",
        };
        match self {
            Self::Profile(direction, profile) => write!(f, "{} {profile}", word(direction)),
            Self::Cut(direction) => write!(f, "cut {}", word(direction)),
            Self::Restore(direction) => write!(f, "restore {}", word(direction)),
            Self::Move(client) => write!(f, "move {client}"),
            Self::Report => f.write_str("report"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_back_as_they_are_printed() {
        for line in [
            "up loss=5,delay=50",
            "down clear",
            "cut up",
            "cut down",
            "restore up",
            "restore down",
            "move 127.0.0.1:5071",
            "move [::1]:5071",
            "report",
        ] {
            assert_eq!(line.parse::<Order>().unwrap().to_string(), line);
        }
        assert_eq!("  cut   up ".parse(), Ok(Order::Cut(Direction::Up)));
    }

    #[test]
    fn what_is_no_order_is_told_what_is_one() {
        let refused = |line: &str| line.parse::<Order>().unwrap_err();
        for line in ["", "cut", "cut sideways", "up", "up a b", "report all"] {
            assert_eq!(refused(line), OrderError::Unknown, "{line}");
        }
        assert_eq!(refused("move nobody"), OrderError::NoAddress);
        assert!(refused("up los=5").to_string().contains("'los'"));
    }
}
