//! Every bound of this crate, with its unit.
//!
//! What it is: constants only. What it is not: settings; a server tightens them in front of us.

/// Largest whole message accepted, octets (start line, headers and body).
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Longest unfolded header line or start line, octets.
pub const LINE_BYTES_MAX: usize = 8 * 1024;
/// Most header fields in one message.
pub const HEADERS_MAX: usize = 256;
/// Most values of one comma separated list (Via, Route, Contact).
pub const LIST_VALUES_MAX: usize = 128;
/// Most parameters of one URI, address or Via.
pub const PARAMS_MAX: usize = 64;
/// Most parts of one multipart body.
pub const BODY_PARTS_MAX: usize = 32;
/// Longest silence between two octets of one unfinished message is the driver's to police; this
/// is the most that a [`crate::StreamFramer`] keeps while it waits, octets.
pub const STREAM_BUFFER_BYTES_MAX: usize = MESSAGE_BYTES_MAX + 4 * 1024;
/// Most transactions alive at once in one endpoint; beyond it new requests get 503.
pub const TRANSACTIONS_MAX: usize = 100_000;
/// Most calls alive at once in one endpoint; beyond it new INVITEs get 503.
pub const CALLS_MAX: usize = 50_000;
/// Most digest nonces whose use is remembered against replay.
pub const NONCES_MAX: usize = 65_536;
/// Seconds a registration lasts when nobody says otherwise (RFC 3261 section 10.2.1.1).
pub const EXPIRES_DEFAULT_S: u32 = 3600;
