//! What must hold of a message beyond its lines (RFC 3261 sections 8.1.1 and 20, RFC 4475).
//!
//! Liberal where RFC 4475 says one may be (a bad Date, an overlong Expires or Max-Forwards are
//! not looked at), strict where a mistake would confuse transactions, dialogs or routing.

use super::chars::is_wsp;
use super::error::ParseError;
use super::via::BRANCH_COOKIE;
use super::{Headers, Method, Request, Response};

/// Headers that may stand once only.
const SINGLE: [&str; 6] = [
    "Call-ID",
    "CSeq",
    "From",
    "To",
    "Max-Forwards",
    "Content-Type",
];

pub(super) fn request(request: &Request) -> Result<(), ParseError> {
    let headers = &request.headers;
    common(headers)?;
    let cseq = headers.cseq().ok_or(ParseError::Header("CSeq"))?;
    if cseq.method != request.method {
        return Err(match request.method {
            Method::Other(_) => ParseError::UnknownMethodMismatch,
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Info
            | Method::Invite
            | Method::Message
            | Method::Notify
            | Method::Options
            | Method::Prack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe
            | Method::Update => ParseError::MethodMismatch,
        });
    }
    if let Some(value) = headers.get("Max-Forwards") {
        let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        if !digits {
            return Err(ParseError::Header("Max-Forwards"));
        }
    }
    headers
        .addresses("Route")
        .ok_or(ParseError::Header("Route"))?;
    Ok(())
}

pub(super) fn response(response: &Response) -> Result<(), ParseError> {
    common(&response.headers)?;
    response.headers.cseq().ok_or(ParseError::Header("CSeq"))?;
    Ok(())
}

fn common(headers: &Headers) -> Result<(), ParseError> {
    for name in SINGLE {
        if headers.get_all(name).nth(1).is_some() {
            return Err(ParseError::Repeated(name));
        }
    }
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        if !headers.has(name) {
            return Err(ParseError::Missing(name));
        }
    }
    let vias = headers.vias().ok_or(ParseError::Header("Via"))?;
    if vias
        .first()
        .is_some_and(|via| via.params.get("branch") == Some(BRANCH_COOKIE))
    {
        return Err(ParseError::Header("Via"));
    }
    headers.from().ok_or(ParseError::Header("From"))?;
    headers.to().ok_or(ParseError::Header("To"))?;
    let call_id = headers.call_id().unwrap_or("");
    if call_id.is_empty() || call_id.contains(is_wsp) {
        return Err(ParseError::Header("Call-ID"));
    }
    headers.contacts().ok_or(ParseError::Header("Contact"))?;
    headers
        .addresses("Record-Route")
        .ok_or(ParseError::Header("Record-Route"))?;
    Ok(())
}
