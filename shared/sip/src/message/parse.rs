//! The tokenizer: octets to [`Message`], one pass, nothing quadratic.
//!
//! A request that is refused is, where RFC 3261 section 8.2 lets us, refused with an answer: the
//! headers read so far (Via, From, To, Call-ID, CSeq) are enough to write one.

use super::chars::{is_clean_value, is_token, is_wsp};
use super::error::ParseError;
use super::headers::long_name;
use super::{Headers, Message, Method, Request, Response, Uri, reason_phrase, validate};
use crate::limit::{HEADERS_MAX, LINE_BYTES_MAX, MESSAGE_BYTES_MAX};

/// Reads one whole message: a WebSocket frame, a datagram, or what [`crate::StreamFramer`] cut
/// out. Octets beyond Content-Length are ignored (RFC 3261 section 18.3).
///
/// # Errors
/// Says what is wrong with the message; [`ParseError::status`] is what a request would be
/// answered with.
pub fn parse(bytes: &[u8]) -> Result<Message, ParseError> {
    parse_or_reply(bytes).map_err(|refused| refused.error)
}

/// A message that was not accepted, and the answer the sender may get.
pub(crate) struct Refused {
    pub(crate) error: ParseError,
    /// Present only for requests other than ACK that had a Via to answer along.
    pub(crate) reply: Option<Response>,
}

enum StartLine<'a> {
    Request {
        method: Method,
        uri: &'a str,
        version_known: bool,
    },
    Response {
        status: u16,
        reason: &'a str,
    },
}

/// What the header section holds, and the first thing wrong in it.
struct Section {
    headers: Headers,
    content_length: Option<usize>,
    fault: Option<ParseError>,
    body_at: usize,
}

/// As [`parse`], with the answer for a refused request.
pub(crate) fn parse_or_reply(bytes: &[u8]) -> Result<Message, Refused> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(Refused {
            error: ParseError::TooLarge,
            reply: None,
        });
    }
    let start = bytes
        .iter()
        .take_while(|b| matches!(b, b'\r' | b'\n'))
        .count();
    let bytes = &bytes[start..];
    let silent = |error| Refused { error, reply: None };
    let line_end = find(bytes, b"\r\n").ok_or_else(|| silent(ParseError::Incomplete))?;
    if line_end > LINE_BYTES_MAX {
        return Err(silent(ParseError::TooLarge));
    }
    let line =
        std::str::from_utf8(&bytes[..line_end]).map_err(|_| silent(ParseError::StartLine))?;
    let first = start_line(line).map_err(silent)?;
    let section = header_section(bytes, line_end + 2);
    let body = cut_body(bytes, &section);
    match first {
        StartLine::Request {
            method,
            uri,
            version_known,
        } => {
            let result = request(&method, uri, version_known, &section, body);
            result.map(Message::Request).map_err(|error| {
                let reply = (method != Method::Ack)
                    .then(|| refusal(&section.headers, error.status()))
                    .flatten();
                Refused { error, reply }
            })
        }
        StartLine::Response { status, reason } => {
            response(status, reason, section, body).map_err(silent)
        }
    }
}

fn request(
    method: &Method,
    uri: &str,
    version_known: bool,
    section: &Section,
    body: Result<Vec<u8>, ParseError>,
) -> Result<Request, ParseError> {
    if !version_known {
        return Err(ParseError::Version);
    }
    if let Some(fault) = &section.fault {
        return Err(fault.clone());
    }
    let uri = Uri::parse(uri)
        .filter(|uri| uri.headers.is_empty())
        .ok_or(ParseError::RequestUri)?;
    let request = Request {
        method: method.clone(),
        uri,
        headers: section.headers.clone(),
        body: body?,
    };
    validate::request(&request)?;
    Ok(request)
}

fn response(
    status: u16,
    reason: &str,
    section: Section,
    body: Result<Vec<u8>, ParseError>,
) -> Result<Message, ParseError> {
    if let Some(fault) = section.fault {
        return Err(fault);
    }
    let response = Response {
        status,
        reason: reason.to_owned(),
        headers: section.headers,
        body: body?,
    };
    validate::response(&response)?;
    Ok(Message::Response(response))
}

fn start_line(line: &str) -> Result<StartLine<'_>, ParseError> {
    if line.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return Err(ParseError::StartLine);
    }
    let (first, rest) = line.split_once(' ').ok_or(ParseError::StartLine)?;
    if first
        .get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case("SIP/"))
    {
        if !first.eq_ignore_ascii_case("SIP/2.0") {
            return Err(ParseError::Version);
        }
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        if code.is_empty() || !code.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ParseError::StartLine);
        }
        let status = code
            .parse()
            .ok()
            .filter(|s| (100..700).contains(s) && code.len() == 3);
        return Ok(StartLine::Response {
            status: status.ok_or(ParseError::StatusCode)?,
            reason,
        });
    }
    let method = Method::from_token(first).ok_or(ParseError::StartLine)?;
    let (uri, version) = rest.rsplit_once(' ').ok_or(ParseError::StartLine)?;
    if version.is_empty() || uri.is_empty() {
        // Extra spaces around the Request-URI or after the version (RFC 4475 3.1.2.9, 3.1.2.10):
        // the method is known, so let the caller answer.
        return Ok(StartLine::Request {
            method,
            uri: "",
            version_known: true,
        });
    }
    let name = version.get(..4).ok_or(ParseError::StartLine)?;
    if !name.eq_ignore_ascii_case("SIP/") {
        return Err(ParseError::StartLine);
    }
    Ok(StartLine::Request {
        method,
        uri,
        version_known: &version[4..] == "2.0",
    })
}

/// Reads header lines, unfolding as it goes. Goes on after a bad line, so that an answer can be
/// written from the good ones.
fn header_section(bytes: &[u8], start: usize) -> Section {
    let mut section = Section {
        headers: Headers::new(),
        content_length: None,
        fault: None,
        body_at: bytes.len(),
    };
    let mut at = start;
    let mut count = 0;
    loop {
        let Some(end) = find(&bytes[at..], b"\r\n").map(|length| at + length) else {
            section.fault.get_or_insert(ParseError::Incomplete);
            return section;
        };
        if end == at {
            section.body_at = end + 2;
            return section;
        }
        let mut line = bytes[at..end].to_vec();
        at = end + 2;
        while matches!(bytes.get(at), Some(b' ' | b'\t')) {
            let Some(more) = find(&bytes[at..], b"\r\n").map(|length| at + length) else {
                break;
            };
            while matches!(line.last(), Some(b' ' | b'\t')) {
                line.pop();
            }
            line.push(b' ');
            line.extend_from_slice(trim_wsp(&bytes[at..more]));
            at = more + 2;
        }
        count += 1;
        if count > HEADERS_MAX || line.len() > LINE_BYTES_MAX {
            section.fault.get_or_insert(ParseError::TooLarge);
            if count > HEADERS_MAX {
                return section;
            }
        } else if let Err(fault) = header_line(&line, &mut section) {
            section.fault.get_or_insert(fault);
        }
    }
}

fn header_line(line: &[u8], section: &mut Section) -> Result<(), ParseError> {
    let line = std::str::from_utf8(line).map_err(|_| ParseError::HeaderLine)?;
    let (name, value) = line.split_once(':').ok_or(ParseError::HeaderLine)?;
    let (name, value) = (name.trim_end_matches(is_wsp), value.trim_matches(is_wsp));
    if !is_token(name) || !is_clean_value(value) {
        return Err(ParseError::HeaderLine);
    }
    let name = long_name(name);
    if name.eq_ignore_ascii_case("Content-Length") {
        if section.content_length.is_some() {
            return Err(ParseError::ContentLength);
        }
        // An unreadable one counts as seen: a second, readable one must not heal it.
        let length = content_length(value);
        section.content_length = Some(length.unwrap_or(usize::MAX));
        return length.map(|_| ()).ok_or(ParseError::ContentLength);
    }
    section.headers.push(name, value);
    Ok(())
}

/// A Content-Length value: digits only.
pub(crate) fn content_length(value: &str) -> Option<usize> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().ok()).flatten()
}

fn cut_body(bytes: &[u8], section: &Section) -> Result<Vec<u8>, ParseError> {
    let body = bytes.get(section.body_at..).unwrap_or_default();
    match section.content_length {
        None => Ok(body.to_vec()),
        Some(length) => body
            .get(..length)
            .map(<[u8]>::to_vec)
            .ok_or(ParseError::ContentLength),
    }
}

/// The answer to a refused request: what RFC 3261 section 8.2.6.2 copies, as far as it is there.
fn refusal(headers: &Headers, status: u16) -> Option<Response> {
    headers.get("Via")?;
    let mut reply = Headers::new();
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        reply.copy_from(headers, name);
    }
    Some(Response {
        status,
        reason: reason_phrase(status),
        headers: reply,
        body: Vec::new(),
    })
}

/// Length of the start line and header section with its closing empty line; `None` while it is
/// not complete. `from` is where a search may begin (all before it was searched already).
pub(crate) fn header_section_length(bytes: &[u8], from: usize) -> Option<usize> {
    find(&bytes[from..], b"\r\n\r\n").map(|at| from + at + 4)
}

/// Cuts spaces and tabs only: other control characters must stay to be seen and refused (A11).
fn trim_wsp(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = line {
        line = rest;
    }
    line
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
}
