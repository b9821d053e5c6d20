//! A location as a document.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use vrs_domain::{CivicElement, CivicLocation};

use crate::{CIVIC, Element, GEOPRIV, PIDF, POLICY};

/// Whoever gets it may keep it for so long (RFC 4119 section 2.2.2: a day when nothing is said).
const RETENTION: Duration = Duration::hours(24);

/// One tuple with one civic address, so that there is one way to read it (RFC 5491 section 3.1).
///
/// `entity` is a URI of whom it is about, `utc_ms` now, in milliseconds since 1970. It may be passed
/// on, for a day, and says that somebody typed it (RFC 4119 sections 2.2.2 and 6.1).
#[must_use]
pub fn write(entity: String, location: &CivicLocation, utc_ms: u64) -> Vec<u8> {
    let address = location
        .elements()
        .map(|(element, value)| Element::of(tag(element), value));
    let mut rules = Element::new("gp:usage-rules")
        // The call taker has to tell those who drive there.
        .child(Element::of("gbp:retransmission-allowed", "true"));
    rules =
        rules.children(expiry(utc_ms).map(|expiry| Element::of("gbp:retention-expiry", expiry)));
    let geopriv = Element::new("gp:geopriv")
        .child(
            Element::new("gp:location-info")
                .child(Element::new("ca:civicAddress").children(address)),
        )
        .child(rules)
        // Somebody typed it; nothing measured it.
        .child(Element::of("gp:method", "Manual"));
    Element::new("presence")
        .attribute("xmlns", PIDF)
        .attribute("xmlns:gp", GEOPRIV)
        .attribute("xmlns:gbp", POLICY)
        .attribute("xmlns:ca", CIVIC)
        .attribute("entity", entity)
        .child(
            Element::new("tuple")
                .attribute("id", "registered-location")
                .child(Element::new("status").child(geopriv)),
        )
        .document()
}

/// Until when it may be kept; none past the year 9999.
fn expiry(utc_ms: u64) -> Option<String> {
    let seconds = i64::try_from(utc_ms / 1_000).ok()?;
    let now = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    now.checked_add(RETENTION)?.format(&Rfc3339).ok()
}

const fn tag(element: CivicElement) -> &'static str {
    match element {
        CivicElement::Country => "ca:country",
        CivicElement::A1 => "ca:A1",
        CivicElement::A2 => "ca:A2",
        CivicElement::A3 => "ca:A3",
        CivicElement::A4 => "ca:A4",
        CivicElement::A5 => "ca:A5",
        CivicElement::A6 => "ca:A6",
        CivicElement::Prm => "ca:PRM",
        CivicElement::Prd => "ca:PRD",
        CivicElement::Rd => "ca:RD",
        CivicElement::Sts => "ca:STS",
        CivicElement::Pod => "ca:POD",
        CivicElement::Pom => "ca:POM",
        CivicElement::RdSec => "ca:RDSEC",
        CivicElement::RdBr => "ca:RDBR",
        CivicElement::RdSubBr => "ca:RDSUBBR",
        CivicElement::Hno => "ca:HNO",
        CivicElement::Hns => "ca:HNS",
        CivicElement::Lmk => "ca:LMK",
        CivicElement::Loc => "ca:LOC",
        CivicElement::Flr => "ca:FLR",
        CivicElement::Nam => "ca:NAM",
        CivicElement::Pc => "ca:PC",
        CivicElement::Bld => "ca:BLD",
        CivicElement::Unit => "ca:UNIT",
        CivicElement::Room => "ca:ROOM",
        CivicElement::Seat => "ca:SEAT",
        CivicElement::Plc => "ca:PLC",
        CivicElement::Pcn => "ca:PCN",
        CivicElement::PoBox => "ca:POBOX",
        CivicElement::AddCode => "ca:ADDCODE",
    }
}
