//! Civic locations on the wire: PIDF-LO (RFC 4119, with the civic address of RFC 5139).
//!
//! What it is: [`write()`] makes a document of a location, for emergency services and for one's own
//! provider; [`read()`] takes one from a stranger; [`Element`] is the XML that both others and this
//! crate's documents are written with.
//! What it is not: it knows no SIP, resolves no reference and expands no entity; it reads no clock.
//! Start reading at [`read()`].

mod read;
mod write;
mod xml;

pub use read::{InvalidDocument, read};
pub use write::write;
pub use xml::Element;

/// The media type of a PIDF (RFC 3863 section 6).
pub const MEDIA_TYPE: &str = "application/pidf+xml";

/// Namespace of the root and its tuples (RFC 3863).
const PIDF: &str = "urn:ietf:params:xml:ns:pidf";
/// Namespace of what holds a location (RFC 4119).
const GEOPRIV: &str = "urn:ietf:params:xml:ns:pidf:geopriv10";
/// Namespace of what may be done with it (RFC 4119).
const POLICY: &str = "urn:ietf:params:xml:ns:pidf:geopriv10:basicPolicy";
/// Namespace of civic addresses (RFC 5139).
const CIVIC: &str = "urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr";
