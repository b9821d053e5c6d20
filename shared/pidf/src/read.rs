//! A location out of a document that a stranger wrote.

use quick_xml::NsReader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use vrs_domain::limit::PIDF_BYTES_MAX;
use vrs_domain::{CivicElement, CivicLocation, InvalidLocation};

use crate::{CIVIC, GEOPRIV, PIDF};

/// Elements may be within one another so deep; a PIDF-LO needs seven.
const DEPTH_MAX: usize = 24;

/// Why a document is not taken. No message repeats a value: it is where somebody lives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDocument {
    /// It is too large.
    #[error("a location document has at most {PIDF_BYTES_MAX} bytes")]
    Length,
    /// It is not well-formed XML in UTF-8, or names an entity of its own.
    #[error("the location document is not well-formed XML in UTF-8")]
    Malformed,
    /// It has a document type declaration, with which entities are defined; no PIDF needs one.
    #[error("a location document has no document type declaration")]
    DocumentType,
    /// Its elements are too deep within one another.
    #[error("the elements of a location document are at most {DEPTH_MAX} deep")]
    Depth,
    /// Its root is not `presence` in the namespace of RFC 3863.
    #[error("the root of a location document is presence of urn:ietf:params:xml:ns:pidf")]
    Root,
    /// It has no civic address, as of somebody who tells coordinates.
    #[error("the location document has no civicAddress of RFC 5139 in a location-info")]
    NoAddress,
    /// It has several, and nobody can know which is meant (RFC 5491 section 3.1).
    #[error("the location document has more than one civicAddress")]
    Several,
    /// The address in it is none.
    #[error(transparent)]
    Address(#[from] InvalidLocation),
}

/// The one civic address of a PIDF-LO.
///
/// Elements of other namespaces are ignored wherever they are; an element of the civic namespace
/// that RFC 5139 does not know is refused, so that no part of an address is lost in silence.
///
/// # Errors
/// [`InvalidDocument`] says what is wrong, without a value of the document.
pub fn read(document: &[u8]) -> Result<CivicLocation, InvalidDocument> {
    if document.len() > PIDF_BYTES_MAX {
        return Err(InvalidDocument::Length);
    }
    let text = std::str::from_utf8(document).map_err(|_| InvalidDocument::Malformed)?;
    // Some write a byte order mark.
    let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().expand_empty_elements = true;
    let mut reading = Reading::default();
    loop {
        let (resolved, event) = reader
            .read_resolved_event()
            .map_err(|_| InvalidDocument::Malformed)?;
        match event {
            Event::Start(start) => reading.open(name(&resolved, &start))?,
            Event::End(_) => reading.close()?,
            Event::Text(text) => {
                let text = text.decode().map_err(|_| InvalidDocument::Malformed)?;
                reading.text(&text)?;
            }
            Event::CData(data) => {
                let text = data.decode().map_err(|_| InvalidDocument::Malformed)?;
                reading.text(&text)?;
            }
            Event::GeneralRef(reference) => reading.text(&sign(&reference)?)?,
            Event::DocType(_) => return Err(InvalidDocument::DocumentType),
            Event::Eof => return reading.finish(),
            // Empty elements come as a start and an end.
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// What an element is called.
#[derive(PartialEq, Eq)]
enum Name {
    Presence,
    LocationInfo,
    CivicAddress,
    /// An element of the civic address.
    Part(String),
    Other,
}

fn name(resolved: &ResolveResult<'_>, start: &BytesStart<'_>) -> Name {
    let ResolveResult::Bound(namespace) = resolved else {
        return Name::Other;
    };
    let (local, is) = (start.local_name(), |uri: &str| {
        namespace.as_ref() == uri.as_bytes()
    });
    match local.as_ref() {
        b"presence" if is(PIDF) => Name::Presence,
        b"location-info" if is(GEOPRIV) => Name::LocationInfo,
        b"civicAddress" if is(CIVIC) => Name::CivicAddress,
        part if is(CIVIC) => Name::Part(String::from_utf8_lossy(part).into_owned()),
        _ => Name::Other,
    }
}

/// A sign that is written by its number, or one of the five that XML names itself.
fn sign(reference: &BytesRef<'_>) -> Result<String, InvalidDocument> {
    let malformed = |_| InvalidDocument::Malformed;
    if let Some(sign) = reference.resolve_char_ref().map_err(malformed)? {
        return Ok(sign.to_string());
    }
    let name = reference.decode().map_err(|_| InvalidDocument::Malformed)?;
    let text = resolve_predefined_entity(&name).ok_or(InvalidDocument::Malformed)?;
    Ok(text.to_owned())
}

/// How far the document was read.
#[derive(Default)]
struct Reading {
    path: Vec<Name>,
    /// The root has been there.
    rooted: bool,
    addresses: usize,
    /// The element of the address that is open, and its text so far.
    part: Option<(CivicElement, String)>,
    parts: Vec<(CivicElement, String)>,
}

impl Reading {
    fn open(&mut self, name: Name) -> Result<(), InvalidDocument> {
        if self.path.len() >= DEPTH_MAX {
            return Err(InvalidDocument::Depth);
        }
        if self.path.is_empty() && (self.rooted || name != Name::Presence) {
            return Err(InvalidDocument::Root);
        }
        self.rooted = true;
        if self.part.is_some() {
            // A value holds no elements.
            return Err(InvalidDocument::Malformed);
        }
        let inside = self.path.last();
        if name == Name::CivicAddress && inside == Some(&Name::LocationInfo) {
            self.addresses += 1;
        }
        if let Name::Part(word) = &name
            && inside == Some(&Name::CivicAddress)
            && self.addresses == 1
        {
            let element = word.parse().map_err(InvalidLocation::from)?;
            self.part = Some((element, String::new()));
        }
        self.path.push(name);
        Ok(())
    }

    fn close(&mut self) -> Result<(), InvalidDocument> {
        self.path.pop().ok_or(InvalidDocument::Malformed)?;
        if let Some((element, text)) = self.part.take() {
            // Values are tokens: whoever indents means nothing by it.
            let words = text.split(['\t', '\r', '\n', ' ']);
            let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
            // An empty element says as much as none.
            if !words.is_empty() {
                self.parts.push((element, words.join(" ")));
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), InvalidDocument> {
        match &mut self.part {
            Some((_, value)) => value.push_str(text),
            None if self.path.is_empty() && !text.trim().is_empty() => {
                return Err(InvalidDocument::Malformed);
            }
            None => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<CivicLocation, InvalidDocument> {
        if !self.path.is_empty() {
            return Err(InvalidDocument::Malformed);
        }
        match self.addresses {
            _ if !self.rooted => Err(InvalidDocument::Root),
            0 => Err(InvalidDocument::NoAddress),
            1 => Ok(CivicLocation::from_elements(self.parts)?),
            _ => Err(InvalidDocument::Several),
        }
    }
}

#[cfg(test)]
mod tests;
