//! What is enclosed, read back with a reader that we did not write.

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

use super::*;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n";
const NOW_MS: u64 = 1_795_277_045_000;

/// Path, by qualified names, and text of each element that holds text.
fn leaves(document: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(document).expect("UTF-8");
    // This reader lets pass what XML 1.0 has no room for; those of others do not.
    let is_left_out = |c: char| matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    assert!(!text.contains(is_left_out), "{text:?}");
    let mut reader = Reader::from_str(text);
    let mut path: Vec<(String, String)> = Vec::new();
    let mut leaves = Vec::new();
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
                for attribute in start.attributes() {
                    attribute.expect("a well-formed attribute");
                }
                path.push((name, String::new()));
            }
            Event::Text(text) => {
                if let Some((_, so_far)) = path.last_mut() {
                    so_far.push_str(&text.decode().expect("UTF-8"));
                }
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().expect("UTF-8");
                let (_, so_far) = path.last_mut().expect("inside an element");
                so_far.push_str(resolve_predefined_entity(&name).expect("a predefined entity"));
            }
            Event::End(_) => {
                let names: Vec<_> = path.iter().map(|(name, _)| name.as_str()).collect();
                let at = names.join("/");
                let (_, text) = path.pop().expect("an open element");
                if !text.is_empty() {
                    leaves.push((at, text));
                }
            }
            Event::Eof => return leaves,
            Event::Decl(_) => {}
            other @ (Event::Empty(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::PI(_)
            | Event::DocType(_)) => panic!("{other:?} is never written"),
        }
    }
}

struct Told {
    headers: Vec<(String, String)>,
    parts: Vec<Part>,
}

impl Told {
    fn of(facts: &Facts<'_>) -> Self {
        let (headers, body) = enclose(SDP, facts);
        let parts = multipart::parse(&body.content_type, &body.bytes).expect("a multipart body");
        Self { headers, parts }
    }

    fn headers(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(there, _)| there == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The part that a header points at.
    fn at(&self, pointer: &str) -> &Part {
        let cid = pointer
            .split(['<', '>'])
            .nth(1)
            .and_then(|uri| uri.strip_prefix("cid:"));
        let id = format!("<{}>", cid.expect("a cid URL"));
        let part = self
            .parts
            .iter()
            .find(|part| part.header("Content-ID") == Some(&id));
        part.expect("a part of this id")
    }

    fn block(&self, name: &str) -> Vec<(String, String)> {
        let purpose = format!(";purpose=EmergencyCallData.{name}");
        let pointers = self.headers("Call-Info");
        let pointer = pointers.iter().find(|value| value.ends_with(&purpose));
        let part = self.at(pointer.expect("a pointer"));
        assert!(part.is(&format!("application/EmergencyCallData.{name}+xml")));
        leaves(&part.bytes)
    }

    fn value(&self, block: &str, element: &str) -> String {
        let leaves = self.block(block);
        let found = leaves.iter().find(|(path, _)| path.ends_with(element));
        found
            .unwrap_or_else(|| panic!("{element} in {leaves:?}"))
            .1
            .clone()
    }
}

fn id() -> Uuid {
    Uuid::from_u128(0x1234_5678)
}

fn with_facts<T>(change: impl FnOnce(&mut Facts<'_>) -> T, check: impl FnOnce(Told, T)) {
    let service = Emergency {
        provider: "Example Relay".into(),
        nena_company_id: None,
        callback: "+15550100100".parse().ok(),
    };
    let (caller, ca) = ("+15550100001".parse().unwrap(), "1234".parse().unwrap());
    let text = "country=US;A1=NY;A3=New York;RD=Broadway;HNO=123;PC=10007";
    let location = text.parse().unwrap();
    let mut facts = Facts {
        domain: "relay.test",
        service: &service,
        caller: Some(&caller),
        name: Some("Ana Ruiz"),
        location: Some(&location),
        ca: Some(&ca),
        id: id(),
        utc_ms: NOW_MS,
    };
    let changed = change(&mut facts);
    check(Told::of(&facts), changed);
}

#[test]
fn f20_name_location_provider_callback_and_ca_id_go_along() {
    with_facts(
        |_| (),
        |told, ()| {
            assert!(told.parts[0].is("application/sdp"));
            assert_eq!(told.parts[0].bytes, SDP.as_bytes());
            assert_eq!(told.headers("Priority"), ["emergency"]);
            assert_eq!(told.value("SubscriberInfo", "vcard/fn/text"), "Ana Ruiz");
            assert_eq!(told.value("SubscriberInfo", "tel/uri"), "tel:+15550100001");
            let provider = |element| told.value("ProviderInfo", element);
            assert_eq!(provider("pi:DataProviderString"), "Example Relay");
            assert_eq!(provider("pi:ProviderID"), "relay.test");
            assert_eq!(provider("pi:ProviderIDSeries"), "domain");
            assert_eq!(provider("pi:TypeOfProvider"), "Relay Provider");
            assert_eq!(provider("pi:ContactURI"), "tel:+15550100100");
            assert_eq!(told.value("ServiceInfo", "svc:ServiceType"), "relay");
            let comment = told.value("Comment", "com:Comment");
            assert!(
                comment.starts_with(
                    "Relayed by VRS interpreter CA 1234 of Example Relay; call back +15550100100."
                ),
                "{comment}"
            );
            // One provider, one reference (RFC 7852 section 4).
            for block in ["ProviderInfo", "ServiceInfo", "SubscriberInfo", "Comment"] {
                let reference = told.value(block, "DataProviderReference");
                assert_eq!(reference, format!("{}@relay.test", id().simple()));
            }
        },
    );
}

#[test]
fn f22_the_registered_location_is_a_pidf_lo_that_geolocation_points_at() {
    with_facts(
        |_| (),
        |told, ()| {
            let [pointer] = told.headers("Geolocation")[..] else {
                panic!("one location");
            };
            assert_eq!(told.headers("Geolocation-Routing"), ["yes"]);
            let part = told.at(pointer);
            assert!(part.is("application/pidf+xml"));
            assert_eq!(
                part.header("Content-Disposition"),
                Some("by-reference;handling=optional")
            );
            let leaves = leaves(&part.bytes);
            let address = "presence/tuple/status/gp:geopriv/gp:location-info/ca:civicAddress/ca:";
            let elements: Vec<_> = leaves
                .iter()
                .filter_map(|(path, text)| Some((path.strip_prefix(address)?, text.as_str())))
                .collect();
            let expected = [
                ("country", "US"),
                ("A1", "NY"),
                ("A3", "New York"),
                ("RD", "Broadway"),
                ("HNO", "123"),
                ("PC", "10007"),
            ];
            assert_eq!(elements, expected);
            let rest: Vec<_> = leaves[expected.len()..]
                .iter()
                .map(|(path, text)| (path.rsplit('/').next().unwrap(), text.as_str()))
                .collect();
            assert_eq!(
                rest,
                [
                    ("gbp:retransmission-allowed", "true"),
                    ("gbp:retention-expiry", "2026-11-22T16:04:05Z"),
                    ("gp:method", "Manual")
                ]
            );
        },
    );
}

#[test]
fn f22_without_a_location_everything_else_is_told() {
    with_facts(
        |facts| facts.location = None,
        |told, ()| {
            assert!(told.headers("Geolocation").is_empty());
            assert!(told.headers("Geolocation-Routing").is_empty());
            assert!(
                !told
                    .parts
                    .iter()
                    .any(|part| part.is("application/pidf+xml"))
            );
            assert_eq!(told.headers("Call-Info").len(), 4);
            assert_eq!(told.value("SubscriberInfo", "vcard/fn/text"), "Ana Ruiz");
        },
    );
}

#[test]
fn f20_what_is_not_known_has_a_stand_in() {
    let service = Emergency {
        nena_company_id: Some("VISAV".into()),
        ..Emergency::of("relay.test")
    };
    let caller: PhoneNumber = "+15550100001".parse().unwrap();
    let facts = Facts {
        domain: "relay.test",
        service: &service,
        caller: Some(&caller),
        name: None,
        location: None,
        ca: None,
        id: id(),
        utc_ms: NOW_MS,
    };
    let told = Told::of(&facts);
    assert_eq!(
        told.value("ProviderInfo", "pi:ProviderID"),
        "urn:nena:companyid:VISAV"
    );
    assert_eq!(told.value("ProviderInfo", "pi:ProviderIDSeries"), "NENA");
    assert_eq!(
        told.value("ProviderInfo", "pi:ContactURI"),
        "tel:+15550100001"
    );
    assert_eq!(
        told.value("SubscriberInfo", "vcard/fn/text"),
        "+15550100001"
    );
    let comment = told.value("Comment", "com:Comment");
    assert!(comment.contains("just being assigned") && comment.contains("call back +15550100001"));
    let nobody = Facts {
        caller: None,
        ..facts
    };
    let told = Told::of(&nobody);
    assert_eq!(
        told.value("ProviderInfo", "pi:ContactURI"),
        "sip:relay@relay.test"
    );
    assert_eq!(told.value("SubscriberInfo", "vcard/fn/text"), "Unknown");
}

#[test]
fn a11_an_address_literal_as_domain_makes_no_broken_content_id() {
    with_facts(
        |facts| facts.domain = "::1",
        |told, ()| assert!(told.headers("Call-Info")[0].contains("@relay.invalid>")),
    );
}

/// Every sign that means something to XML or to MIME, and some that XML cannot hold.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<&\"'>".to_owned()),
        Just("]]>".to_owned()),
        Just("</text><!--".to_owned()),
        Just("&amp;&#10;".to_owned()),
        Just("\r\n--visavis-".to_owned()),
        Just("\u{0}\u{1b}\u{ffff}".to_owned()),
        any::<String>(),
    ];
    proptest::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn f20_no_name_upsets_the_reader_and_every_printable_one_arrives_as_it_is(
        name in hostile(),
        value in hostile(),
    ) {
        prop_assume!(!name.is_empty());
        let service = Emergency {
            provider: name.clone(),
            ..Emergency::of("relay.test")
        };
        let location = format!("country=US;LOC={value}").parse::<CivicLocation>().ok();
        let facts = Facts {
            domain: "relay.test",
            service: &service,
            caller: None,
            name: Some(&name),
            location: location.as_ref(),
            ca: None,
            id: id(),
            utc_ms: NOW_MS,
        };
        let told = Told::of(&facts);
        prop_assert_eq!(told.parts.len(), 5 + usize::from(location.is_some()));
        let shown = told.value("SubscriberInfo", "vcard/fn/text");
        let is_plain = |text: &str| !text.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}'..='\u{ffff}'));
        if is_plain(&name) {
            prop_assert_eq!(&shown, &name);
            prop_assert_eq!(&told.value("ProviderInfo", "pi:DataProviderString"), &name);
        }
        if let Some(location) = &location {
            let leaves = leaves(&told.at(told.headers("Geolocation")[0]).bytes);
            let written = leaves.iter().find(|(path, _)| path.ends_with("ca:LOC"));
            let kept = location.elements().find(|(element, _)| element.word() == "LOC");
            prop_assert_eq!(written.map(|(_, text)| text.as_str()), kept.map(|(_, text)| text));
        }
    }
}
