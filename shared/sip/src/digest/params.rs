//! `Digest name=value, name="value"` of challenges and credentials.

use crate::limit::PARAMS_MAX;
use crate::message::chars::{is_token, is_wsp, split_outside, take_quoted};

/// The parameters of one challenge or one set of credentials, quoting resolved.
pub(super) struct AuthParams(Vec<(String, String)>);

impl AuthParams {
    /// Reads a value whose scheme is Digest; `None` for another scheme, a repeated parameter or
    /// broken syntax.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim_matches(is_wsp).split_once(is_wsp)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut params = Self(Vec::new());
        for part in split_outside(rest, ',', PARAMS_MAX)? {
            let part = part.trim_matches(is_wsp);
            if part.is_empty() {
                continue;
            }
            let (name, value) = part.split_once('=')?;
            let (name, value) = (name.trim_matches(is_wsp), value.trim_matches(is_wsp));
            let value = if value.starts_with('"') {
                take_quoted(value).filter(|(_, rest)| rest.is_empty())?.0
            } else {
                value.to_owned()
            };
            if !is_token(name) || params.get(name).is_some() {
                return None;
            }
            params.0.push((name.to_owned(), value));
        }
        Some(params)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}
