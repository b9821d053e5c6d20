//! Why octets are not a SIP message we act upon.

use thiserror::Error;

/// The peer's fault, named; never holds what the peer wrote.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// More octets, headers or header octets than [`crate::limit`] allows.
    #[error("message exceeds a size limit")]
    TooLarge,
    /// The start line is neither a request line nor a status line.
    #[error("start line is malformed")]
    StartLine,
    /// A protocol version other than SIP/2.0.
    #[error("SIP version is not supported")]
    Version,
    /// The Request-URI is not well formed, bracketed, or carries headers.
    #[error("Request-URI is malformed")]
    RequestUri,
    /// A status code outside 100 to 699.
    #[error("status code is out of range")]
    StatusCode,
    /// A header line without a name, with control characters, with bare CR or LF, or not UTF-8.
    #[error("a header line is malformed")]
    HeaderLine,
    /// The header section does not end.
    #[error("message is incomplete")]
    Incomplete,
    /// A header that every message must have is missing.
    #[error("header {0} is missing")]
    Missing(&'static str),
    /// A header that may occur once occurs more often.
    #[error("header {0} is repeated")]
    Repeated(&'static str),
    /// A header value is not well formed or out of range.
    #[error("header {0} is malformed")]
    Header(&'static str),
    /// Content-Length is negative, repeated, not a number, or larger than the message.
    #[error("Content-Length is wrong")]
    ContentLength,
    /// CSeq names another method than the start line.
    #[error("CSeq method differs from the request's")]
    MethodMismatch,
    /// As [`ParseError::MethodMismatch`], of a method we do not know.
    #[error("unknown method, and CSeq differs")]
    UnknownMethodMismatch,
}

impl ParseError {
    /// The status a request with this fault is answered with (RFC 4475 sections 3.1.2 and 3.3).
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge => 513,
            Self::Version => 505,
            Self::UnknownMethodMismatch => 501,
            Self::StartLine
            | Self::RequestUri
            | Self::StatusCode
            | Self::HeaderLine
            | Self::Incomplete
            | Self::Missing(_)
            | Self::Repeated(_)
            | Self::Header(_)
            | Self::ContentLength
            | Self::MethodMismatch => 400,
        }
    }
}
