//! name-addr and addr-spec: From, To, Contact, Route, Record-Route (RFC 3261 section 20).

use super::chars::{is_token_byte, is_wsp, quote, take_quoted};
use super::params::Params;
use super::uri::Uri;
use std::fmt;

/// An address with an optional display name and header parameters. `Debug` leaves out who is
/// meant.
#[derive(Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// Display name, quoting resolved.
    pub display: Option<String>,
    /// The address.
    pub uri: Uri,
    /// Header parameters (tag, expires, q, +sip.instance, ...).
    pub params: Params,
}

impl NameAddr {
    /// An address without display name and parameters.
    pub fn new(uri: Uri) -> Self {
        Self {
            display: None,
            uri,
            params: Params::new(),
        }
    }

    /// The `tag` parameter; `None` when absent or empty.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The same address with another tag.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", Some(tag));
        self
    }

    /// Reads one address. In the form without angle brackets every parameter belongs to the
    /// header, and a URI with headers or a comma is refused (RFC 3261 section 20).
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim_matches(is_wsp);
        let (display, rest) = if value.starts_with('"') {
            let (display, rest) = take_quoted(value)?;
            (Some(display), rest.trim_start_matches(is_wsp))
        } else if let Some(open) = value.find('<') {
            let (words, rest) = value.split_at(open);
            let words = words.trim_matches(is_wsp);
            let fine = words
                .bytes()
                .all(|b| is_token_byte(b) || b == b' ' || b == b'\t' || !b.is_ascii());
            if !fine {
                return None;
            }
            ((!words.is_empty()).then(|| words.to_owned()), rest)
        } else {
            return Self::parse_bare(value);
        };
        let (uri, rest) = rest.strip_prefix('<')?.split_once('>')?;
        Some(Self {
            display,
            uri: Uri::parse(uri)?,
            params: parse_rest(rest)?,
        })
    }

    fn parse_bare(value: &str) -> Option<Self> {
        let cut = value.find(';').unwrap_or(value.len());
        let (uri, rest) = value.split_at(cut);
        let uri = uri.trim_matches(is_wsp);
        if uri.contains([',', '?']) {
            return None;
        }
        Some(Self {
            display: None,
            uri: Uri::parse(uri)?,
            params: parse_rest(rest)?,
        })
    }
}

impl fmt::Debug for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameAddr({:?})", self.uri)
    }
}

fn parse_rest(rest: &str) -> Option<Params> {
    let rest = rest.trim_matches(is_wsp);
    match rest.strip_prefix(';') {
        Some(params) => Params::parse_header(params),
        None => rest.is_empty().then(Params::new),
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", quote(display))?;
        }
        write!(f, "<{}>", self.uri)?;
        self.params.write_header(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_outside_brackets_belong_to_the_header() {
        let bare = NameAddr::parse("sip:a@b;tag=1").unwrap();
        assert!(bare.uri.params.is_empty());
        assert_eq!(bare.tag(), Some("1"));
        let bracketed = NameAddr::parse("<sip:a@b;x>;tag=1").unwrap();
        assert!(bracketed.uri.params.has("x") && !bracketed.params.has("x"));
    }

    #[test]
    fn a11_display_names_cannot_smuggle_headers() {
        let mut address = NameAddr::new(Uri::sip("a", "b.test"));
        address.display = Some("x\"\r\nVia: evil".to_owned());
        let printed = address.to_string();
        assert!(!printed.contains(['\r', '\n']));
        assert_eq!(
            NameAddr::parse(&printed).unwrap().display.as_deref(),
            Some("x\"  Via: evil")
        );
    }
}
