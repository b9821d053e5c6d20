//! Parameters after a semicolon: of URIs, of addresses, of Via.

use super::chars::{self, is_token, is_wsp, quote, split_outside, take_quoted};
use crate::limit::PARAMS_MAX;
use std::fmt::{self, Write};

/// An ordered list of parameters. Names compare without regard to case. A quoted value is kept
/// with its quotes as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, Option<String>)>);

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `name`: `None` when absent, the empty string when it has no value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_deref().unwrap_or(""))
    }

    /// As [`Params::get`], with the quotes of a quoted string resolved.
    pub fn unquoted(&self, name: &str) -> Option<String> {
        let value = self.get(name)?;
        Some(take_quoted(value).map_or_else(|| value.to_owned(), |(text, _)| text))
    }

    /// Whether `name` is present, with or without value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets or replaces a parameter; `None` for one without value.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(ToOwned::to_owned);
        match self
            .0
            .iter_mut()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
        {
            Some(slot) => slot.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// As [`Params::set`], for building in one expression.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.set(name, value);
        self
    }

    /// Removes a parameter.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(have, _)| !have.eq_ignore_ascii_case(name));
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads header parameters (generic-param): `text` starts after the first semicolon.
    pub(crate) fn parse_header(text: &str) -> Option<Self> {
        let mut params = Self::new();
        for part in split_outside(text, ';', PARAMS_MAX)? {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(value.trim_matches(is_wsp))),
                None => (part, None),
            };
            let name = name.trim_matches(is_wsp);
            if !is_token(name) || !value.is_none_or(is_header_value) {
                return None;
            }
            params
                .0
                .push((name.to_owned(), value.map(ToOwned::to_owned)));
        }
        Some(params)
    }

    /// Reads URI parameters: `text` starts after the first semicolon; escapes are normalised.
    pub(crate) fn parse_uri(text: &str) -> Option<Self> {
        let mut params = Self::new();
        for part in text.split(';') {
            if params.0.len() >= PARAMS_MAX {
                return None;
            }
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(chars::normalise(value, is_uri_param_byte)?)),
                None => (part, None),
            };
            let name = chars::normalise(name, is_uri_param_byte)?;
            if name.is_empty() {
                return None;
            }
            params.0.push((name, value));
        }
        Some(params)
    }

    /// Writes them as header parameters; what is neither token, host nor quoted string is quoted.
    pub(crate) fn write_header(&self, f: &mut impl Write) -> fmt::Result {
        for (name, value) in &self.0 {
            if !is_token(name) {
                continue;
            }
            match value {
                None => write!(f, ";{name}")?,
                Some(value) if is_header_value(value) => write!(f, ";{name}={value}")?,
                Some(value) => write!(f, ";{name}={}", quote(value))?,
            }
        }
        Ok(())
    }

    /// Writes them as URI parameters; what the grammar does not allow is escaped.
    pub(crate) fn write_uri(&self, f: &mut impl Write) -> fmt::Result {
        for (name, value) in &self.0 {
            write!(f, ";{}", chars::escape(name, is_uri_param_byte))?;
            if let Some(value) = value {
                write!(f, "={}", chars::escape(value, is_uri_param_byte))?;
            }
        }
        Ok(())
    }
}

/// param-unreserved of RFC 3261 section 25.1.
fn is_uri_param_byte(byte: u8) -> bool {
    b"[]/:&+$".contains(&byte)
}

/// gen-value: token, host or quoted string. The characters of absolute paths and addresses are
/// tolerated unquoted, because deployed peers write them so (`received=::1`, `purpose=a/b`).
fn is_header_value(value: &str) -> bool {
    if value.starts_with('"') {
        return chars::is_clean_value(value)
            && take_quoted(value).is_some_and(|(_, rest)| rest.is_empty());
    }
    !value.is_empty()
        && value
            .bytes()
            .all(|b| chars::is_token_byte(b) || b"[]:/@&$?=()".contains(&b))
}
