//! What is on the wire: requests, responses, and the headers a user agent must understand.
//!
//! What it is: our own tokenizer ([`parse()`]), our own [`Method`], [`Uri`], [`NameAddr`], [`Via`]
//! and an ordered [`Headers`] list, and printing that cannot be talked into a second header.
//! What it is not: a full object model of every SIP header; a header nobody here acts upon stays
//! text.
//!
//! rsip 0.4 is the vocabulary as far as it is right: its transport tokens with their default
//! ports and its table of status codes are used through the `vocabulary` file. Ours and why:
//! rsip's `Method` is a closed enum matched without regard to case (RFC 3261 section 7.1: methods
//! are case-sensitive, unknown ones must be answerable with 501); its URI parser refuses legal
//! user parts (`;`, `,`, `%00`) and its Via parser refuses folded white space (six of the thirteen
//! valid messages of RFC 4475); its digest types hold `nc` in eight bits and lack SHA-512-256.
//!
//! Start reading at [`parse()`].

pub(crate) mod chars;
mod cseq;
mod error;
mod headers;
mod method;
mod name_addr;
mod params;
mod parse;
mod reason;
mod uri;
mod validate;
mod via;
mod vocabulary;

pub use cseq::CSeq;
pub use error::ParseError;
pub(crate) use headers::long_name;
pub use headers::{Contacts, Headers};
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::Params;
pub use parse::parse;
pub(crate) use parse::{content_length, header_section_length, parse_or_reply};
pub use reason::Reason;
pub use uri::{Scheme, Uri};
pub use via::Via;
pub use vocabulary::{Transport, reason_phrase};

use std::fmt;

/// A SIP request (RFC 3261 section 7.1). `Debug` leaves the private parts out.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Request-URI: whom it is asked of.
    pub uri: Uri,
    /// Header fields in order, without Content-Length.
    pub headers: Headers,
    /// Body octets.
    pub body: Vec<u8>,
}

/// A SIP response (RFC 3261 section 7.2). `Debug` leaves the private parts out.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code, 100 to 699.
    pub status: u16,
    /// Reason phrase as written.
    pub reason: String,
    /// Header fields in order, without Content-Length.
    pub headers: Headers,
    /// Body octets.
    pub body: Vec<u8>,
}

/// Either kind of message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Request {
    /// The octets on the wire; Content-Length is computed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let start = format!("{} {} SIP/2.0\r\n", self.method, self.uri);
        print(start, &self.headers, &self.body)
    }
}

impl Response {
    /// The octets on the wire; Content-Length is computed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut reason = self.reason.clone();
        chars::blank_controls(&mut reason);
        let start = format!("SIP/2.0 {:03} {reason}\r\n", self.status);
        print(start, &self.headers, &self.body)
    }

    /// 100 to 199.
    pub fn is_provisional(&self) -> bool {
        self.status < 200
    }

    /// 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Message {
    /// The octets on the wire; Content-Length is computed.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }

    /// The header fields of either kind.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }
}

fn print(start: String, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut out = start.into_bytes();
    out.reserve(headers.printed_length() + body.len() + 32);
    for (name, value) in headers.iter() {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
    out
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Request({}, {} header fields, {} body octets)",
            self.method,
            self.headers.len(),
            self.body.len()
        )
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Response({}, {} header fields, {} body octets)",
            self.status,
            self.headers.len(),
            self.body.len()
        )
    }
}
