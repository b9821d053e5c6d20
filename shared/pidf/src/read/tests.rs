//! What we write, what others write, and what nobody should.

use proptest::prelude::*;

use super::*;
use crate::write;

const NOW_MS: u64 = 1_795_277_045_000;

fn round(location: &CivicLocation) -> Result<CivicLocation, InvalidDocument> {
    read(&write(
        "pres:+15550100001@relay.test".into(),
        location,
        NOW_MS,
    ))
}

/// A document with this in its location-info.
fn holding(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"pres:a@b\"\n\
         xmlns:g=\"urn:ietf:params:xml:ns:pidf:geopriv10\"\n\
         xmlns:c=\"urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr\">\n\
         <tuple id=\"a\"><status><g:geopriv><g:location-info>{inside}</g:location-info>\n\
         <g:usage-rules/></g:geopriv></status></tuple></presence>"
    )
}

#[test]
fn f22_what_we_write_is_read_as_it_was() {
    let text = "country=US;A1=NY;A3=New York;RD=Broadway & 5th <\"x\">;HNO=123;PC=10007";
    let location: CivicLocation = text.parse().unwrap();
    assert_eq!(round(&location), Ok(location));
}

#[test]
fn f22_what_others_write_is_read() {
    // As in RFC 6442 section 5 and RFC 5139 section 5: other prefixes, indentation, a device
    // instead of a tuple, things that nobody here knows.
    let document = "\u{feff}<?xml version='1.0'?><!-- hello --><p:presence \
        xmlns:p='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' \
        entity='pres:a@b'><dm:device id='x'><geopriv \
        xmlns='urn:ietf:params:xml:ns:pidf:geopriv10'><location-info>\n\
        <civicAddress xml:lang='en-AU' xmlns='urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr' \
        xmlns:z='urn:z'>\n  <country>AU</country>\n  <A1>\n NSW\n </A1><A3>Wollongong</A3>\
        <RD>Northfield &#38; <![CDATA[East]]></RD><LMK/><z:RD>nowhere</z:RD></civicAddress>\
        </location-info><usage-rules/></geopriv></dm:device></p:presence>\n<!-- bye -->";
    let location = read(document.as_bytes()).unwrap();
    assert_eq!(
        location.to_string(),
        "country=AU;A1=NSW;A3=Wollongong;RD=Northfield & East"
    );
}

#[test]
fn a29_hostile_documents_are_refused_by_name() {
    let good = "<c:civicAddress><c:country>US</c:country></c:civicAddress>";
    assert!(read(holding(good).as_bytes()).is_ok());
    let bomb = "<!DOCTYPE presence [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
    let bomb = holding(good).replace("\n<presence", &format!("{bomb}<presence"));
    let deep = format!("{}{}", "<x>".repeat(100), "</x>".repeat(100));
    let other = "urn:ietf:params:xml:ns:pidf:geopriv10:civicLoc";
    let cases = [
        (bomb, InvalidDocument::DocumentType),
        (
            holding("<c:civicAddress><c:country>&a;</c:country></c:civicAddress>"),
            InvalidDocument::Malformed,
        ),
        (
            holding("<c:civicAddress><c:country>&#0;</c:country></c:civicAddress>"),
            InvalidDocument::Malformed,
        ),
        (
            holding("<c:civicAddress><c:country>U<c:A1>S</c:A1></c:country></c:civicAddress>"),
            InvalidDocument::Malformed,
        ),
        (holding(&deep), InvalidDocument::Depth),
        (
            holding(&"x".repeat(PIDF_BYTES_MAX)),
            InvalidDocument::Length,
        ),
        (
            holding(good).replace(CIVIC, other),
            InvalidDocument::NoAddress,
        ),
        (holding("<g:Point/>"), InvalidDocument::NoAddress),
        (holding(&good.repeat(2)), InvalidDocument::Several),
        (
            holding(good).replace(" xmlns=\"urn:ietf:params:xml:ns:pidf\"", ""),
            InvalidDocument::Root,
        ),
        (String::new(), InvalidDocument::Root),
        ("<a/>".to_owned(), InvalidDocument::Root),
        (format!("{}<a/>", holding(good)), InvalidDocument::Root),
        (
            format!("{}stray", holding(good)),
            InvalidDocument::Malformed,
        ),
        ("not XML".to_owned(), InvalidDocument::Malformed),
        (
            holding(good).replace("</presence>", ""),
            InvalidDocument::Malformed,
        ),
        (
            holding("<c:civicAddress><c:A1>NY</c:A1></c:civicAddress>"),
            InvalidLocation::NoCountry.into(),
        ),
        (
            holding("<c:civicAddress><c:A1>NY</c:A1><c:A1>NJ</c:A1></c:civicAddress>"),
            InvalidLocation::Twice(CivicElement::A1).into(),
        ),
        (
            holding("<c:civicAddress><c:RD>a;b</c:RD></c:civicAddress>"),
            InvalidLocation::Semicolon(CivicElement::Rd).into(),
        ),
    ];
    for (document, why) in cases {
        assert_eq!(read(document.as_bytes()), Err(why), "{document}");
    }
    assert_eq!(read(b"<a>\xff</a>"), Err(InvalidDocument::Malformed));
    let unknown = holding("<c:civicAddress><c:STREET>Elm</c:STREET></c:civicAddress>");
    let said = read(unknown.as_bytes()).unwrap_err().to_string();
    assert!(said.contains("STREET") && !said.contains("Elm"), "{said}");
}

proptest! {
    #[test]
    fn f22_every_location_comes_back(text in "\\PC{0,200}", other in "[ <>&'\"\\]a-z]{0,60}") {
        let text = format!("country=DE;LOC={text};RD={other}");
        if let Ok(location) = text.parse::<CivicLocation>() {
            prop_assert_eq!(round(&location), Ok(location));
        }
    }

    #[test]
    fn a29_no_octets_at_all_upset_the_reader(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(read(&octets));
        let inside = String::from_utf8_lossy(&octets).into_owned();
        drop(read(holding(&inside).as_bytes()));
        drop(read(holding(&format!("<c:civicAddress>{inside}</c:civicAddress>")).as_bytes()));
    }
}
