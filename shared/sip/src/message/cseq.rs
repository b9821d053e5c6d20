//! The CSeq header (RFC 3261 section 20.16).

use super::{Method, chars::is_wsp};
use std::fmt;

/// Sequence number and method of a request within its dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// Sequence number, below 2^31 by rule; up to 2^32-1 is read.
    pub number: u32,
    /// The request's method.
    pub method: Method,
}

impl CSeq {
    /// Reads `number LWS method`; leading zeros are allowed.
    pub fn parse(value: &str) -> Option<Self> {
        let (number, method) = value.trim_matches(is_wsp).split_once(is_wsp)?;
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            number: number.parse().ok()?,
            method: Method::from_token(method.trim_matches(is_wsp))?,
        })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}
