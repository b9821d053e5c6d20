//! What goes along when the telephone is called in an emergency (F20, F22).
//!
//! What it is: the caller's name and registered location, the provider, the number to call back
//! and the CA id (47 CFR 9.14(b)(2)(iv) and (d)), as bodies beside the SDP: a PIDF-LO that
//! `Geolocation` points at (RFC 6442), and blocks of additional data that `Call-Info` points at
//! (RFC 7852). [`bare`] sees to it that a gateway which cannot take them still gets the call.
//! What it is not: it routes nothing (no LoST query, RFC 5222): the gateway knows its PSAPs.
//! Start reading at [`enclose`].

pub(super) mod bare;
mod blocks;
#[cfg(test)]
mod tests;

use uuid::Uuid;
use vrs_domain::{CaId, CivicLocation, PhoneNumber};
use vrs_sip::{Body, Part, multipart};

use crate::config::Emergency;

/// Every part but the SDP: it is there to be pointed at, and whoever does not know its type lets it
/// be (RFC 5621 section 5, RFC 7852 section 6.4).
const DISPOSITION: &str = "by-reference;handling=optional";

/// What is known of a call for help.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// The domain of accounts.
    pub(super) domain: &'a str,
    /// The provider and its number.
    pub(super) service: &'a Emergency,
    /// The caller's own number.
    pub(super) caller: Option<&'a PhoneNumber>,
    /// The caller's name.
    pub(super) name: Option<&'a str>,
    /// Where the caller is registered.
    pub(super) location: Option<&'a CivicLocation>,
    /// Who interprets at this moment.
    pub(super) ca: Option<&'a CaId>,
    /// Random, and new for each INVITE: boundary, content ids and references are made from it.
    pub(super) id: Uuid,
    /// Now, in milliseconds since 1970.
    pub(super) utc_ms: u64,
}

impl Facts<'_> {
    /// The number to call back: the service's, or else the caller's own, which rings them through
    /// an interpreter.
    fn callback(&self) -> Option<&PhoneNumber> {
        self.service.callback.as_ref().or(self.caller)
    }
}

/// The headers and the body of an INVITE with this offer.
pub(super) fn enclose(sdp: &str, facts: &Facts<'_>) -> (Vec<(String, String)>, Body) {
    let id = facts.id.simple();
    // No address literal with colons belongs behind the @ of a content id (RFC 2392).
    let host = if facts.domain.contains(':') {
        "relay.invalid"
    } else {
        facts.domain
    };
    let mut headers = vec![("Priority".to_owned(), "emergency".to_owned())];
    let mut parts = vec![Part::new("application/sdp", sdp)];
    let enclosed = |kind: &str, word: &str, document| {
        Part::new(kind, document)
            .with("Content-ID", &format!("<{word}.{id}@{host}>"))
            .with("Content-Disposition", DISPOSITION)
    };
    if let Some(location) = facts.location {
        let caller = facts.caller.map_or("anonymous", PhoneNumber::as_str);
        let entity = format!("pres:{caller}@{}", facts.domain);
        let document = vrs_pidf::write(entity, location, facts.utc_ms);
        parts.push(enclosed(vrs_pidf::MEDIA_TYPE, "Location", document));
        let at = format!("<cid:Location.{id}@{host}>");
        headers.push(("Geolocation".to_owned(), at));
        // RFC 6442 section 4.2: whoever routes the call may look at it.
        headers.push(("Geolocation-Routing".to_owned(), "yes".to_owned()));
    }
    for block in blocks::all(facts, &format!("{id}@{host}")) {
        let name = block.name;
        let kind = format!("application/EmergencyCallData.{name}+xml");
        parts.push(enclosed(&kind, name, block.document));
        let pointer = format!("<cid:{name}.{id}@{host}>;purpose=EmergencyCallData.{name}");
        headers.push(("Call-Info".to_owned(), pointer));
    }
    (
        headers,
        multipart::compose(&format!("visavis-{id}"), &parts),
    )
}
