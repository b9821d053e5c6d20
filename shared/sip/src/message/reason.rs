//! The Reason header (RFC 3326): why a request was sent.

use super::chars::{is_token, is_wsp, quote, split_outside, take_quoted};
use crate::limit::PARAMS_MAX;
use std::fmt;

/// Why a call ended, as its peer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// `SIP`, `Q.850` or another protocol token.
    pub protocol: String,
    /// Cause code within that protocol; 0 when none was given.
    pub cause: u16,
    /// Human-readable text; empty when none was given.
    pub text: String,
}

impl Reason {
    /// A reason that names a SIP status.
    pub fn sip(cause: u16, text: impl Into<String>) -> Self {
        Self {
            protocol: "SIP".to_owned(),
            cause,
            text: text.into(),
        }
    }

    /// Reads the first reason of a header value; `None` when it is not well formed.
    pub fn parse(value: &str) -> Option<Self> {
        let first = split_outside(value, ',', PARAMS_MAX)?.first().copied()?;
        let mut parts = split_outside(first, ';', PARAMS_MAX)?.into_iter();
        let protocol = parts.next()?.trim_matches(is_wsp);
        if !is_token(protocol) {
            return None;
        }
        let mut reason = Self {
            protocol: protocol.to_owned(),
            cause: 0,
            text: String::new(),
        };
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (name.trim_matches(is_wsp), value.trim_matches(is_wsp));
            if name.eq_ignore_ascii_case("cause") {
                reason.cause = value.parse().ok()?;
            } else if name.eq_ignore_ascii_case("text") {
                reason.text = take_quoted(value).map_or_else(|| value.to_owned(), |(text, _)| text);
            }
        }
        Some(reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if is_token(&self.protocol) {
            &self.protocol
        } else {
            "SIP"
        })?;
        if self.cause != 0 {
            write!(f, ";cause={}", self.cause)?;
        }
        if !self.text.is_empty() {
            write!(f, ";text={}", quote(&self.text))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_survives_print_and_parse() {
        let reason = Reason::sip(486, "Hearing party \"busy\"; sorry");
        assert_eq!(Reason::parse(&reason.to_string()), Some(reason));
        assert_eq!(
            Reason::parse("Q.850 ;cause=16 ;text=\"x\", SIP;cause=1").map(|r| r.cause),
            Some(16)
        );
        assert_eq!(Reason::parse("SIP;cause=99999"), None);
    }
}
