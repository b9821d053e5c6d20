//! What an INVITE tells beside its offer, found as a public safety answering point finds it: by
//! what `Geolocation` (RFC 6442) and `Call-Info` (RFC 7852) point at.

use std::collections::BTreeMap;

use quick_xml::NsReader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use serde::Serialize;
use vrs_sip::{Part, Request, multipart};

const SDP: &str = "application/sdp";
const CIVIC: &str = "urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr";
const GEOPRIV: &str = "urn:ietf:params:xml:ns:pidf:geopriv10";
const PROVIDER: &str = "urn:ietf:params:xml:ns:EmergencyCallData:ProviderInfo";
const COMMENT: &str = "urn:ietf:params:xml:ns:EmergencyCallData:Comment";
const VCARD: &str = "urn:ietf:params:xml:ns:vcard-4.0";

/// What emergency services were told of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The civic address, element by element; empty when none was told.
    pub location: BTreeMap<String, String>,
    /// How the location was found, such as `Manual`.
    pub method: Option<String>,
    /// The provider's name.
    pub provider: Option<String>,
    /// What kind of provider it is.
    pub provider_type: Option<String>,
    /// The number to call back.
    pub callback: Option<String>,
    /// The caller's name.
    pub subscriber: Option<String>,
    /// The caller's own number.
    pub number: Option<String>,
    /// What is there for people to read.
    pub comment: Option<String>,
    /// The interpreter's CA id, out of that.
    pub ca: Option<String>,
}

/// The offer of an INVITE, which may be one part of several (RFC 5621 section 3).
pub(crate) fn offer(request: &Request) -> String {
    let part = parts(request).into_iter().find(|part| part.is(SDP));
    let bytes = part.map_or_else(|| request.body.clone(), |part| part.bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What an INVITE tells; none when it points at nothing.
pub(crate) fn read(request: &Request) -> Option<Told> {
    let parts = parts(request);
    let geolocation = request.headers.get("Geolocation");
    let pointers: Vec<_> = request.headers.get_all("Call-Info").collect();
    if geolocation.is_none() && pointers.is_empty() {
        return None;
    }
    let block = |name: &str| {
        let purpose = format!("purpose=EmergencyCallData.{name}");
        let pointer = pointers.iter().find(|value| value.ends_with(&purpose));
        let part = pointer.and_then(|value| pointed_at(&parts, value));
        part.and_then(|part| leaves(&part.bytes))
            .unwrap_or_default()
    };
    let location = geolocation.and_then(|value| pointed_at(&parts, value));
    let location = location.and_then(|part| leaves(&part.bytes));
    let location = location.unwrap_or_default();
    let (provider, subscriber) = (block("ProviderInfo"), block("SubscriberInfo"));
    let comment = text(&block("Comment"), COMMENT, "Comment");
    let civic = location.iter().filter(|leaf| leaf.namespace == CIVIC);
    let number = |uri: String| uri.strip_prefix("tel:").map(str::to_owned);
    Some(Told {
        location: civic
            .map(|leaf| (leaf.name.clone(), leaf.text.clone()))
            .collect(),
        method: text(&location, GEOPRIV, "method"),
        provider: text(&provider, PROVIDER, "DataProviderString"),
        provider_type: text(&provider, PROVIDER, "TypeOfProvider"),
        callback: text(&provider, PROVIDER, "ContactURI").and_then(number),
        subscriber: text(&subscriber, VCARD, "text"),
        number: text(&subscriber, VCARD, "uri").and_then(number),
        ca: comment.as_deref().and_then(ca_in),
        comment,
    })
}

fn parts(request: &Request) -> Vec<Part> {
    let content_type = request.headers.get("Content-Type").unwrap_or_default();
    multipart::parse(content_type, &request.body).unwrap_or_default()
}

/// The part whose id a `<cid:…>` names (RFC 2392).
fn pointed_at<'a>(parts: &'a [Part], header: &str) -> Option<&'a Part> {
    let id = header.split_once("<cid:")?.1.split_once('>')?.0;
    let id = format!("<{id}>");
    parts
        .iter()
        .find(|part| part.header("Content-ID") == Some(&id))
}

/// The digits after the word CA.
fn ca_in(comment: &str) -> Option<String> {
    let after = comment.split_once(" CA ")?.1;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

/// An element that holds text.
struct Leaf {
    namespace: String,
    name: String,
    text: String,
}

fn text(leaves: &[Leaf], namespace: &str, name: &str) -> Option<String> {
    let mut all = leaves.iter();
    let leaf = all.find(|leaf| leaf.namespace == namespace && leaf.name == name);
    leaf.map(|leaf| leaf.text.clone())
}

/// Every element that holds text; `None` when it is not well-formed XML.
fn leaves(document: &[u8]) -> Option<Vec<Leaf>> {
    let mut reader = NsReader::from_str(std::str::from_utf8(document).ok()?);
    let mut open: Vec<Leaf> = Vec::new();
    let mut leaves = Vec::new();
    loop {
        let (resolved, event) = reader.read_resolved_event().ok()?;
        match event {
            Event::Start(start) => {
                let namespace = match resolved {
                    ResolveResult::Bound(namespace) => namespace.as_ref().to_vec(),
                    ResolveResult::Unbound | ResolveResult::Unknown(_) => Vec::new(),
                };
                open.push(Leaf {
                    namespace: String::from_utf8(namespace).ok()?,
                    name: String::from_utf8(start.local_name().as_ref().to_vec()).ok()?,
                    text: String::new(),
                });
            }
            Event::Text(text) => {
                if let Some(leaf) = open.last_mut() {
                    leaf.text.push_str(&text.decode().ok()?);
                }
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().ok()?;
                let text = resolve_predefined_entity(&name)?;
                open.last_mut()?.text.push_str(text);
            }
            Event::End(_) => {
                let mut leaf = open.pop()?;
                // Others indent.
                leaf.text = leaf.text.trim().to_owned();
                leaves.extend(Some(leaf).filter(|leaf| !leaf.text.is_empty()));
            }
            Event::Eof => return Some(leaves),
            Event::Empty(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the manner of RFC 7852 figure 17 and RFC 6442 section 5, with prefixes of its own.
    const INVITE: &str = "INVITE sip:911@x SIP/2.0
Via: SIP/2.0/TLS x;branch=z9hG4bK1
Max-Forwards: 70
From: <sips:a@x>;tag=1
To: <sips:911@x>
Call-ID: 1
CSeq: 1 INVITE
Contact: <sips:a@x>
Geolocation: <cid:target@x>
Call-Info: <http://x/photo.jpg>;purpose=icon
Call-Info: <cid:two@x>;purpose=EmergencyCallData.Comment
Call-Info: <cid:one@x>;purpose=EmergencyCallData.ProviderInfo
Content-Type: multipart/mixed; boundary=b1
Content-Length: LENGTH

--b1
Content-Type: application/sdp

v=0
--b1
Content-Type: application/pidf+xml
Content-ID: <target@x>

<?xml version=\"1.0\"?>
<p:presence xmlns:p=\"urn:ietf:params:xml:ns:pidf\" entity=\"pres:a@x\">
 <p:tuple id=\"a\"><p:status>
  <geopriv xmlns=\"urn:ietf:params:xml:ns:pidf:geopriv10\"><location-info>
   <cl:civicAddress xmlns:cl=\"urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr\">
    <cl:country>AU</cl:country><cl:NAM> Smith &amp; Sons </cl:NAM>
   </cl:civicAddress></location-info>
   <method>Manual</method>
  </geopriv></p:status></p:tuple>
</p:presence>
--b1
Content-Type: application/EmergencyCallData.ProviderInfo+xml
Content-ID: <one@x>
Content-Disposition: by-reference;handling=optional

<EmergencyCallData.ProviderInfo
  xmlns=\"urn:ietf:params:xml:ns:EmergencyCallData:ProviderInfo\">
 <DataProviderString>Exemplar
 </DataProviderString><ContactURI>tel:+15550100100</ContactURI>
</EmergencyCallData.ProviderInfo>
--b1
Content-Type: application/EmergencyCallData.Comment+xml
Content-ID: <two@x>

<c:Comment xmlns:c=\"urn:ietf:params:xml:ns:EmergencyCallData:Comment\">by CA 77.</c:Comment>
--b1--
";

    fn invite(text: &str) -> Request {
        let text = text.replace('\n', "\r\n");
        let body = text.split_once("\r\n\r\n").expect("a body").1.len();
        let text = text.replace("LENGTH", &body.to_string());
        match vrs_sip::parse(text.as_bytes()) {
            Ok(vrs_sip::Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn f20_what_others_write_is_understood() {
        let request = invite(INVITE);
        assert_eq!(offer(&request), "v=0");
        let told = read(&request).expect("something is told");
        let location = [("NAM", "Smith & Sons"), ("country", "AU")];
        let location = location.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(told.location, location.into());
        assert_eq!(told.method.as_deref(), Some("Manual"));
        assert_eq!(told.provider.as_deref(), Some("Exemplar"));
        assert_eq!(told.callback.as_deref(), Some("+15550100100"));
        assert_eq!(told.ca.as_deref(), Some("77"));
        assert_eq!(told.subscriber, None);
    }

    #[test]
    fn a_pointer_that_leads_nowhere_tells_nothing() {
        let told = read(&invite(&INVITE.replace("<cid:target@x>", "<cid:gone@x>")));
        assert!(told.is_some_and(|told| told.location.is_empty()));
        let foreign = INVITE.replace("geopriv10:civicAddr", "geopriv10:other");
        let told = read(&invite(&foreign));
        assert!(told.is_some_and(|told| told.location.is_empty()));
    }
}
