//! The blocks of additional data (RFC 7852 section 4) that a relay provider knows.

use vrs_domain::PhoneNumber;
use vrs_pidf::Element;

use super::Facts;

/// Namespaces of the blocks (RFC 7852 section 8) and of vCards in XML (RFC 6351).
const PROVIDER: &str = "urn:ietf:params:xml:ns:EmergencyCallData:ProviderInfo";
const SERVICE: &str = "urn:ietf:params:xml:ns:EmergencyCallData:ServiceInfo";
const SUBSCRIBER: &str = "urn:ietf:params:xml:ns:EmergencyCallData:SubscriberInfo";
const COMMENT: &str = "urn:ietf:params:xml:ns:EmergencyCallData:Comment";
const VCARD: &str = "urn:ietf:params:xml:ns:vcard-4.0";

/// One block: the last word of its media type and of its purpose, and the document.
pub(super) struct Block {
    pub(super) name: &'static str,
    pub(super) document: Vec<u8>,
}

/// All of them; `reference` ties them to one another (RFC 7852 section 4: the data provider
/// reference).
pub(super) fn all(facts: &Facts<'_>, reference: &str) -> [Block; 4] {
    let block = |name, root: Element| Block {
        name,
        document: root.document(),
    };
    [
        block("ProviderInfo", provider(facts, reference)),
        block("ServiceInfo", service(reference)),
        block("SubscriberInfo", subscriber(facts, reference)),
        block("Comment", comment(facts, reference)),
    ]
}

/// Who we are, and how to reach us (section 4.1).
fn provider(facts: &Facts<'_>, reference: &str) -> Element {
    let (id, series) = match &facts.service.nena_company_id {
        Some(id) => (format!("urn:nena:companyid:{id}"), "NENA"),
        None => (facts.domain.to_owned(), "domain"),
    };
    let contact = facts.callback().map_or_else(
        || format!("sip:relay@{}", facts.domain),
        |number| tel(number, facts.domain),
    );
    Element::new("pi:EmergencyCallData.ProviderInfo")
        .attribute("xmlns:pi", PROVIDER)
        .child(Element::of("pi:DataProviderReference", reference))
        .child(Element::of(
            "pi:DataProviderString",
            &facts.service.provider,
        ))
        .child(Element::of("pi:ProviderID", id))
        .child(Element::of("pi:ProviderIDSeries", series))
        .child(Element::of("pi:TypeOfProvider", "Relay Provider"))
        .child(Element::of("pi:ContactURI", contact))
        .child(Element::of("pi:Language", "en"))
}

/// What the service is (section 4.2): a person relays, over whatever internet access there is.
fn service(reference: &str) -> Element {
    Element::new("svc:EmergencyCallData.ServiceInfo")
        .attribute("xmlns:svc", SERVICE)
        .child(Element::of("svc:DataProviderReference", reference))
        .child(Element::of("svc:ServiceEnvironment", "Unknown"))
        .child(Element::of("svc:ServiceType", "relay"))
        .child(Element::of("svc:ServiceType", "OTT"))
        .child(Element::of("svc:ServiceMobility", "Unknown"))
}

/// Who calls (section 4.4). Withholding one's number is a matter of single calls and says nothing
/// here: whoever is to help may know the name.
fn subscriber(facts: &Facts<'_>, reference: &str) -> Element {
    let number = facts.caller.map(PhoneNumber::as_str);
    // A card needs a name (RFC 6350 section 6.2.1).
    let name = facts.name.or(number).unwrap_or("Unknown");
    let telephone = facts.caller.map(|number| {
        let uri = Element::of("uri", tel(number, facts.domain));
        Element::new("tel").child(uri)
    });
    let card = Element::new("vcard")
        .attribute("xmlns", VCARD)
        .child(Element::new("fn").child(Element::of("text", name)))
        .children(telephone);
    Element::new("sub:EmergencyCallData.SubscriberInfo")
        .attribute("xmlns:sub", SUBSCRIBER)
        .attribute("privacyRequested", "false")
        .child(Element::of("sub:DataProviderReference", reference))
        .child(Element::new("sub:SubscriberData").child(card))
}

/// What has no element of its own, for people to read (section 4.5): the CA id, and the call-back
/// number once more.
fn comment(facts: &Facts<'_>, reference: &str) -> Element {
    let relayed = match facts.ca {
        Some(ca) => format!("Relayed by VRS interpreter CA {ca}"),
        // Called back while the interpreter, too, is being replaced.
        None => "Relayed by a VRS interpreter who is just being assigned".to_owned(),
    };
    let back = match facts.callback() {
        Some(number) => format!("; call back {number}"),
        None => String::new(),
    };
    let provider = &facts.service.provider;
    let text = format!(
        "{relayed} of {provider}{back}. The caller is Deaf, hard of hearing or DeafBlind and signs by video."
    );
    Element::new("com:EmergencyCallData.Comment")
        .attribute("xmlns:com", COMMENT)
        .child(Element::of("com:DataProviderReference", reference))
        .child(Element::of("com:Comment", text).attribute("xml:lang", "en"))
}

/// RFC 3966: a service code is no global number and needs a context.
fn tel(number: &PhoneNumber, domain: &str) -> String {
    if number.is_service_code() {
        format!("tel:{number};phone-context={domain}")
    } else {
        format!("tel:{number}")
    }
}
