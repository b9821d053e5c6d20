//! The ordered list of header fields.

use super::chars::{blank_controls, is_clean_value, is_token, is_wsp, split_outside};
use super::{CSeq, NameAddr, Reason, Via};
use crate::limit::LIST_VALUES_MAX;
use std::fmt;

/// Header fields in the order they stand. Names compare without regard to case, and a compact
/// form (RFC 3261 section 7.3.3) equals its long one. Content-Length is not among them: it frames
/// the message and is written anew. `Debug` prints names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

/// The Contact header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contacts {
    /// `*`: all bindings (only in a REGISTER with Expires 0).
    Star,
    /// The addresses, over all Contact lines.
    List(Vec<NameAddr>),
}

/// The long name of a compact form, of the RFCs that define one.
pub(crate) fn long_name(name: &str) -> &str {
    if name.len() != 1 {
        return name;
    }
    match name.as_bytes().first().map(u8::to_ascii_lowercase) {
        Some(b'a') => "Accept-Contact",
        Some(b'b') => "Referred-By",
        Some(b'c') => "Content-Type",
        Some(b'd') => "Request-Disposition",
        Some(b'e') => "Content-Encoding",
        Some(b'f') => "From",
        Some(b'i') => "Call-ID",
        Some(b'j') => "Reject-Contact",
        Some(b'k') => "Supported",
        Some(b'l') => "Content-Length",
        Some(b'm') => "Contact",
        Some(b'n') => "Identity-Info",
        Some(b'o') => "Event",
        Some(b'r') => "Refer-To",
        Some(b's') => "Subject",
        Some(b't') => "To",
        Some(b'u') => "Allow-Events",
        Some(b'v') => "Via",
        Some(b'x') => "Session-Expires",
        Some(b'y') => "Identity",
        _ => name,
    }
}

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// Every value of `name`, line by line; a line may still hold a comma separated list.
    pub fn get_all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let name = long_name(name);
        self.0
            .iter()
            .filter(move |(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether `name` is present.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Appends a header. A name that is no token, or Content-Length, is not added; control
    /// characters in the value become spaces, so one call never writes two lines (A11).
    pub fn push(&mut self, name: &str, value: &str) {
        if let Some(pair) = clean(name, value) {
            self.0.push(pair);
        }
    }

    /// Puts a header in front of all others.
    pub fn push_front(&mut self, name: &str, value: &str) {
        if let Some(pair) = clean(name, value) {
            self.0.insert(0, pair);
        }
    }

    /// Replaces every occurrence of `name` by one value, at the first one's place.
    pub fn set(&mut self, name: &str, value: &str) {
        let Some(pair) = clean(name, value) else {
            return;
        };
        match self
            .0
            .iter()
            .position(|(have, _)| have.eq_ignore_ascii_case(&pair.0))
        {
            None => self.0.push(pair),
            Some(first) => {
                let mut index = 0;
                let name = pair.0.clone();
                self.0.retain(|(have, _)| {
                    index += 1;
                    index - 1 <= first || !have.eq_ignore_ascii_case(&name)
                });
                self.0[first] = pair;
            }
        }
    }

    /// Removes every occurrence of `name`.
    pub fn remove(&mut self, name: &str) {
        let name = long_name(name);
        self.0.retain(|(have, _)| !have.eq_ignore_ascii_case(name));
    }

    /// All headers in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many header lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The items of a comma separated header over all its lines, trimmed; empty items are left
    /// out. `None` when quoting is broken or there are too many.
    pub fn list(&self, name: &str) -> Option<Vec<&str>> {
        let mut items = Vec::new();
        for line in self.get_all(name) {
            for item in split_outside(line, ',', LIST_VALUES_MAX)? {
                let item = item.trim_matches(is_wsp);
                if !item.is_empty() {
                    items.push(item);
                }
            }
            if items.len() > LIST_VALUES_MAX {
                return None;
            }
        }
        Some(items)
    }

    /// Whether a comma separated list of tokens names `token`, without regard to case.
    pub fn lists_token(&self, name: &str, token: &str) -> bool {
        self.list(name)
            .is_some_and(|items| items.iter().any(|item| item.eq_ignore_ascii_case(token)))
    }

    /// The From address; `None` when absent or malformed.
    pub fn from(&self) -> Option<NameAddr> {
        NameAddr::parse(self.get("From")?)
    }

    /// The To address; `None` when absent or malformed.
    pub fn to(&self) -> Option<NameAddr> {
        NameAddr::parse(self.get("To")?)
    }

    /// The Call-ID.
    pub fn call_id(&self) -> Option<&str> {
        self.get("Call-ID")
    }

    /// The CSeq; `None` when absent or malformed.
    pub fn cseq(&self) -> Option<CSeq> {
        CSeq::parse(self.get("CSeq")?)
    }

    /// The topmost Via.
    pub fn top_via(&self) -> Option<Via> {
        let line = self.get("Via")?;
        Via::parse(split_outside(line, ',', LIST_VALUES_MAX)?.first()?)
    }

    /// Every Via in order; `None` when one is malformed.
    pub fn vias(&self) -> Option<Vec<Via>> {
        let mut vias = Vec::new();
        for line in self.get_all("Via") {
            for item in split_outside(line, ',', LIST_VALUES_MAX)? {
                vias.push(Via::parse(item)?);
            }
        }
        (vias.len() <= LIST_VALUES_MAX).then_some(vias)
    }

    /// The addresses of `name` (Route, Record-Route, Contact) over all lines; `None` when one is
    /// malformed.
    pub fn addresses(&self, name: &str) -> Option<Vec<NameAddr>> {
        let mut addresses = Vec::new();
        for line in self.get_all(name) {
            for item in split_outside(line, ',', LIST_VALUES_MAX)? {
                addresses.push(NameAddr::parse(item)?);
            }
        }
        (addresses.len() <= LIST_VALUES_MAX).then_some(addresses)
    }

    /// The Contact header; an empty list when absent, `None` when malformed.
    pub fn contacts(&self) -> Option<Contacts> {
        if self
            .get_all("Contact")
            .any(|line| line.trim_matches(is_wsp) == "*")
        {
            return (self.get_all("Contact").count() == 1).then_some(Contacts::Star);
        }
        self.addresses("Contact").map(Contacts::List)
    }

    /// The Expires header, seconds. Present but not a number of 32 bits counts as `default_s`
    /// (RFC 4475 section 3.1.2.4).
    pub fn expires(&self, default_s: u32) -> Option<u32> {
        self.get("Expires")
            .map(|value| value.trim_matches(is_wsp).parse().unwrap_or(default_s))
    }

    /// The first Reason; `None` when absent or malformed.
    pub fn reason(&self) -> Option<Reason> {
        Reason::parse(self.get("Reason")?)
    }

    /// Type and subtype of the body in lower case, without parameters.
    pub fn content_type(&self) -> Option<String> {
        let value = self.get("Content-Type")?;
        let media = value.split(';').next().unwrap_or(value);
        Some(
            media
                .split('/')
                .map(|part| part.trim_matches(is_wsp).to_ascii_lowercase())
                .collect::<Vec<_>>()
                .join("/"),
        )
    }

    /// About how many octets they print to.
    pub(crate) fn printed_length(&self) -> usize {
        self.0
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum()
    }

    /// Appends every line of `name` found in `other`, in order.
    pub(crate) fn copy_from(&mut self, other: &Self, name: &str) {
        for value in other.get_all(name) {
            self.push(name, value);
        }
    }
}

/// A header line that prints as one line, or nothing.
fn clean(name: &str, value: &str) -> Option<(String, String)> {
    let name = long_name(name);
    if !is_token(name) || name.eq_ignore_ascii_case("Content-Length") {
        return None;
    }
    let mut value = value.trim_matches(is_wsp).to_owned();
    if !is_clean_value(&value) {
        blank_controls(&mut value);
        value = value.trim_matches(is_wsp).to_owned();
    }
    Some((name.to_owned(), value))
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(pairs: T) -> Self {
        let mut headers = Self::new();
        for (name, value) in pairs {
            headers.push(name, value);
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_long_forms_are_one_header() {
        let headers: Headers = [
            ("v", "SIP/2.0/TCP a;branch=z9hG4bK1"),
            ("Via", "SIP/2.0/TCP b"),
        ]
        .into_iter()
        .collect();
        assert_eq!(headers.get_all("VIA").count(), 2);
        assert_eq!(headers.get_all("v").count(), 2);
        assert_eq!(headers.top_via().unwrap().host, "a");
    }

    #[test]
    fn a11_pushed_values_stay_one_line_and_bad_names_are_not_added() {
        let mut headers = Headers::new();
        headers.push("Subject", "x\r\nP-Asserted-Identity: <sip:boss@x>");
        headers.push("P-Asserted-Identity\x0b", "y");
        headers.push("X Y", "z");
        headers.push("Content-Length", "9");
        assert_eq!(headers.len(), 1);
        assert_eq!(
            headers.get("Subject"),
            Some("x  P-Asserted-Identity: <sip:boss@x>")
        );
    }

    #[test]
    fn set_replaces_all_in_the_first_place() {
        let mut headers: Headers = [("Aa", "1"), ("Bb", "2"), ("aa", "3"), ("Cc", "4")]
            .into_iter()
            .collect();
        headers.set("aa", "9");
        assert_eq!(
            headers.iter().collect::<Vec<_>>(),
            [("aa", "9"), ("Bb", "2"), ("Cc", "4")]
        );
    }
}
