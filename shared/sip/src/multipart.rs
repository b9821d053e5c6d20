//! Bodies of several parts (RFC 2046 section 5.1, as RFC 5621 has them in SIP).
//!
//! What it is: `multipart/mixed` from parts to octets and back. What it is not: it does not know
//! what the parts mean, and encodes nothing: SIP is clean for eight bits (RFC 5621 section 3).

use crate::endpoint::Body;
use crate::limit::{BODY_PARTS_MAX, HEADERS_MAX, LINE_BYTES_MAX};

/// One part of a body.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// Content-Type and whatever else describes the part, in order.
    pub headers: Vec<(String, String)>,
    /// The octets.
    pub bytes: Vec<u8>,
}

impl Part {
    /// A part of the given type.
    #[must_use]
    pub fn new(content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            bytes: bytes.into(),
        }
    }

    /// The same part with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |(there, _): &&(String, String)| there.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(named)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the part is of this type, its parameters left aside. A part that does not say is
    /// plain text (RFC 2046 section 5.1).
    #[must_use]
    pub fn is(&self, content_type: &str) -> bool {
        is_type(
            self.header("Content-Type").unwrap_or("text/plain"),
            content_type,
        )
    }
}

/// Whether the value of a Content-Type header, its parameters left aside, is this type.
#[must_use]
pub fn is_type(value: &str, content_type: &str) -> bool {
    let media = value.split(';').next().unwrap_or(value);
    media.trim().eq_ignore_ascii_case(content_type)
}

/// Puts parts into one `multipart/mixed` body.
///
/// The boundary is 1 to 70 letters, digits and hyphens that stand in no part: whoever calls draws
/// it at random. A header cannot break out of its line; line ends in it become spaces.
#[must_use]
pub fn compose(boundary: &str, parts: &[Part]) -> Body {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        for (name, value) in &part.headers {
            let value = value.replace(['\r', '\n'], " ");
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&part.bytes);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Body::new(&format!("multipart/mixed;boundary=\"{boundary}\""), bytes)
}

/// Takes a `multipart` body apart.
///
/// `None` when the Content-Type names no multipart or no boundary, when the last delimiter is
/// missing, when a header is no header, and past the limits of [`crate::limit`].
#[must_use]
pub fn parse(content_type: &str, body: &[u8]) -> Option<Vec<Part>> {
    let boundary = boundary(content_type)?;
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    // Where the part that is being read begins; none before the first delimiter.
    let mut begin = None;
    let mut at = 0;
    while let Some(found) = find(&body[at..], delimiter.as_bytes()).map(|found| at + found) {
        let after = found + delimiter.len();
        at = after;
        let starts_line = found == 0 || body[..found].ends_with(b"\r\n");
        let Some((last, next)) = line_end(&body[after..]).filter(|_| starts_line) else {
            continue;
        };
        if let Some(begin) = begin {
            // The line end before a delimiter is the delimiter's. Where a part ends as it begins
            // there is none but that of its empty line.
            let end = found.saturating_sub(2).max(begin);
            parts.push(part(&body[begin..end])?);
            if parts.len() > BODY_PARTS_MAX {
                return None;
            }
        }
        if last {
            return Some(parts);
        }
        begin = Some(after + next);
        at = after + next;
    }
    None
}

/// The boundary parameter, without its quotes.
fn boundary(content_type: &str) -> Option<String> {
    let (media, parameters) = content_type.split_once(';')?;
    let family = media.trim().split('/').next()?;
    if !family.eq_ignore_ascii_case("multipart") {
        return None;
    }
    // No boundary holds a semicolon (RFC 2046 section 5.1.1), so the list can be split at them.
    let named = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case("boundary");
        is_it.then(|| value.trim().trim_matches('"').to_owned())
    });
    named.filter(|boundary| (1..=70).contains(&boundary.len()))
}

/// Whether the delimiter that ends here is the last one, and how many octets its line still has;
/// none when what follows does not belong to a delimiter.
fn line_end(rest: &[u8]) -> Option<(bool, usize)> {
    let last = rest.starts_with(b"--");
    let mut at = if last { 2 } else { 0 };
    while matches!(rest.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    match &rest[at..] {
        // The last delimiter may end the body.
        [] if last => Some((true, at)),
        [b'\r', b'\n', ..] => Some((last, at + 2)),
        _ => None,
    }
}

fn part(octets: &[u8]) -> Option<Part> {
    let (head, bytes) = if let Some(bytes) = octets.strip_prefix(b"\r\n") {
        (&[][..], bytes)
    } else if let Some(end) = find(octets, b"\r\n\r\n") {
        (&octets[..end], &octets[end + 4..])
    } else {
        // Headers alone, with the delimiter behind their empty line.
        (octets, &[][..])
    };
    let head = std::str::from_utf8(head).ok()?;
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n").filter(|line| !line.is_empty()) {
        if line.len() > LINE_BYTES_MAX || headers.len() >= HEADERS_MAX {
            return None;
        }
        if line.starts_with([' ', '\t']) {
            // A folded line goes on.
            let (_, value) = headers.last_mut()?;
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let bytes = bytes.to_vec();
    Some(Part { headers, bytes })
}

fn find(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDARY: &str = "b-0123456789abcdef";

    fn round(parts: &[Part]) -> Option<Vec<Part>> {
        let body = compose(BOUNDARY, parts);
        parse(&body.content_type, &body.bytes)
    }

    #[test]
    fn what_is_composed_is_what_rfc_2046_shows() {
        let body = compose(
            "b",
            &[
                Part::new("application/sdp", "v=0\r\n"),
                Part::new("text/plain", "hello").with("Content-ID", "<1@x>"),
            ],
        );
        assert_eq!(body.content_type, "multipart/mixed;boundary=\"b\"");
        assert_eq!(
            String::from_utf8_lossy(&body.bytes),
            "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\nContent-ID: <1@x>\r\n\r\nhello\r\n--b--\r\n"
        );
    }

    #[test]
    fn what_others_write_is_read() {
        let body = "a preamble\r\n--x y\r\nno delimiter\r\n--x\r\n\r\nplain\r\n--x \t\r\n\
                    content-type:\r\n  text/html ; charset=utf-8\r\n\r\n<p>--x</p>\r\n--x\r\n\
                    Content-Type: a/b\r\n\r\n--x--";
        let parts = parse("Multipart/Mixed; charset=a; Boundary=x", body.as_bytes()).unwrap();
        assert_eq!(parts.len(), 3);
        assert!(parts[0].is("text/plain"));
        assert_eq!(parts[0].bytes, b"plain");
        assert!(parts[1].is("TEXT/HTML"));
        assert_eq!(parts[1].bytes, b"<p>--x</p>");
        assert!(parts[2].is("a/b") && parts[2].bytes.is_empty());
    }

    #[test]
    fn a29_what_is_no_multipart_is_none() {
        for (content_type, body) in [
            ("application/sdp", "v=0\r\n"),
            ("multipart/mixed", "--x\r\n\r\n--x--"),
            ("multipart/mixed;boundary=", "----"),
            ("multipart/mixed;boundary=x", ""),
            ("multipart/mixed;boundary=x", "--x\r\n\r\nnever ends"),
            (
                "multipart/mixed;boundary=x",
                "--x\r\nno header\r\n\r\n\r\n--x--",
            ),
            (
                "multipart/mixed;boundary=x",
                "--x\r\n folded\r\n\r\n\r\n--x--",
            ),
        ] {
            assert_eq!(
                parse(content_type, body.as_bytes()).map(|p| p.len()),
                None,
                "{body:?}"
            );
        }
        let many = vec![Part::new("text/plain", "a"); BODY_PARTS_MAX + 1];
        assert!(round(&many).is_none());
    }

    #[test]
    fn a11_a_header_of_a_part_cannot_begin_another_one() {
        let part = Part::new("text/plain", "a").with("Content-ID", "<1>\r\nEvil: yes\r\n\r\nbody");
        let parts = round(&[part]).unwrap();
        assert_eq!(parts[0].header("Evil"), None);
        assert_eq!(parts[0].bytes, b"a");
    }

    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        let awkward = prop_oneof![
            Just(b"\r\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"--".to_vec()),
            Just(b"\r\n--b-0123456789abcde".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..20),
        ];
        proptest::collection::vec(awkward, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn parts_come_back_as_they_went(bodies in proptest::collection::vec(bodies(), 1..6)) {
            prop_assume!(bodies.iter().all(|b| find(b, BOUNDARY.as_bytes()).is_none()));
            let parts: Vec<_> = bodies.into_iter().map(|b| Part::new("application/x", b)).collect();
            prop_assert_eq!(round(&parts).map(|p| p == parts), Some(true));
        }

        #[test]
        fn a29_no_octets_at_all_upset_the_reader(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(parse("multipart/mixed;boundary=a", &octets));
            let pieces: Vec<u8> = octets.iter().flat_map(|o| match o % 5 {
                0 => b"--a".to_vec(),
                1 => b"\r\n".to_vec(),
                2 => b"--".to_vec(),
                3 => b":".to_vec(),
                _ => vec![*o],
            }).collect();
            drop(parse("multipart/mixed;boundary=a", &pieces));
        }
    }
}
