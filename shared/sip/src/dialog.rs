//! Dialogs (RFC 3261 section 12): who the two ends are and how a request reaches the other.

use crate::message::{CSeq, Contacts, Headers, Method, NameAddr, Request, Response, Uri};

/// Names a dialog as this end sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DialogId {
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty for a peer of RFC 2543.
    pub remote_tag: String,
}

impl DialogId {
    /// The dialog a request that came in belongs to; `None` without a To tag.
    pub fn of_request(request: &Request) -> Option<Self> {
        Some(Self {
            call_id: request.headers.call_id()?.to_owned(),
            local_tag: request.headers.to()?.tag()?.to_owned(),
            remote_tag: request.headers.from()?.tag().unwrap_or("").to_owned(),
        })
    }

    /// The dialog a response that came in belongs to; `None` without a To tag.
    pub fn of_response(response: &Response) -> Option<Self> {
        Some(Self {
            call_id: response.headers.call_id()?.to_owned(),
            local_tag: response.headers.from()?.tag()?.to_owned(),
            remote_tag: response.headers.to()?.tag()?.to_owned(),
        })
    }
}

/// One end's view of a dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// Its name.
    pub id: DialogId,
    /// Our address with our tag: From of our requests.
    pub local: NameAddr,
    /// The peer's address with its tag: To of our requests.
    pub remote: NameAddr,
    /// Where the peer wants requests: its Contact.
    pub remote_target: Uri,
    /// Proxies that asked to stay on the way, in the order we use them.
    pub route_set: Vec<NameAddr>,
    /// Sequence number of our last request.
    pub local_cseq: u32,
    /// Sequence number of the peer's last request.
    pub remote_cseq: Option<u32>,
}

impl Dialog {
    /// The caller's dialog, from its INVITE and a response with a To tag (section 12.1.2).
    pub fn of_caller(invite: &Request, response: &Response) -> Option<Self> {
        let mut route_set = response.headers.addresses("Record-Route")?;
        route_set.reverse();
        Some(Self {
            id: DialogId::of_response(response)?,
            local: invite.headers.from()?,
            remote: response.headers.to()?,
            remote_target: contact(&response.headers).unwrap_or_else(|| invite.uri.clone()),
            route_set,
            local_cseq: invite.headers.cseq()?.number,
            remote_cseq: None,
        })
    }

    /// The called party's dialog, from the INVITE and the tag it answers with (section 12.1.1).
    /// A peer of RFC 2543 without Contact is reached at its From address.
    pub fn of_called(invite: &Request, local_tag: &str) -> Option<Self> {
        let remote = invite.headers.from()?;
        Some(Self {
            id: DialogId {
                call_id: invite.headers.call_id()?.to_owned(),
                local_tag: local_tag.to_owned(),
                remote_tag: remote.tag().unwrap_or("").to_owned(),
            },
            local: invite.headers.to()?.with_tag(local_tag),
            remote_target: contact(&invite.headers).unwrap_or_else(|| remote.uri.clone()),
            remote,
            route_set: invite.headers.addresses("Record-Route")?,
            local_cseq: 0,
            remote_cseq: Some(invite.headers.cseq()?.number),
        })
    }

    /// Takes the peer's new Contact from a re-INVITE or its answer (section 12.2).
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Some(target) = contact(headers) {
            self.remote_target = target;
        }
    }

    /// Whether a request's CSeq is in order; if so it is the last one seen.
    pub fn accept_cseq(&mut self, number: u32) -> bool {
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return false;
        }
        self.remote_cseq = Some(number);
        true
    }

    /// A request in this dialog without Via, Contact and body. ACK takes `cseq`, others the next
    /// number.
    pub fn request(&mut self, method: Method, cseq: Option<u32>) -> Request {
        let number = cseq.unwrap_or_else(|| {
            self.local_cseq = self.local_cseq.wrapping_add(1) & 0x7fff_ffff;
            self.local_cseq
        });
        let mut headers = Headers::new();
        let mut uri = self.remote_target.clone();
        uri.headers.clear();
        uri.params.remove("method");
        let mut routes: Vec<String> = self.route_set.iter().map(ToString::to_string).collect();
        if let Some(first) = self.route_set.first()
            && !first.uri.params.has("lr")
        {
            // A strict router (section 12.2.1.1) wants itself as Request-URI.
            routes.remove(0);
            routes.push(format!("<{uri}>"));
            uri = first.uri.clone();
            uri.headers.clear();
        }
        headers.push("Max-Forwards", "70");
        for route in routes {
            headers.push("Route", &route);
        }
        headers.push("From", &self.local.to_string());
        headers.push("To", &self.remote.to_string());
        headers.push("Call-ID", &self.id.call_id);
        headers.push(
            "CSeq",
            &CSeq {
                number,
                method: method.clone(),
            }
            .to_string(),
        );
        Request {
            method,
            uri,
            headers,
            body: Vec::new(),
        }
    }
}

fn contact(headers: &Headers) -> Option<Uri> {
    match headers.contacts()? {
        Contacts::Star => None,
        Contacts::List(list) => list.into_iter().next().map(|contact| contact.uri),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, parse};

    fn invite(record_route: &str) -> Request {
        let text = format!(
            "INVITE sip:us@x SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=f\r\nTo: <sip:us@x>\r\n\
             Call-ID: c\r\nCSeq: 7 INVITE\r\nContact: <sip:a@1.invalid;transport=ws>\r\n{record_route}\r\n"
        );
        match parse(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a request"),
        }
    }

    #[test]
    fn loose_routers_stand_in_route_and_the_target_in_the_request_line() {
        let mut dialog =
            Dialog::of_called(&invite("Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n"), "t").unwrap();
        let bye = dialog.request(Method::Bye, None);
        assert_eq!(bye.uri.to_string(), "sip:a@1.invalid;transport=ws");
        assert_eq!(
            bye.headers.get_all("Route").collect::<Vec<_>>(),
            ["<sip:p1;lr>", "<sip:p2;lr>"]
        );
        assert_eq!(bye.headers.cseq().unwrap().number, 1);
    }

    #[test]
    fn a_strict_router_stands_in_the_request_line() {
        let mut dialog =
            Dialog::of_called(&invite("Record-Route: <sip:p1>, <sip:p2;lr>\r\n"), "t").unwrap();
        let bye = dialog.request(Method::Bye, None);
        assert_eq!(bye.uri.to_string(), "sip:p1");
        let routes: Vec<_> = bye.headers.get_all("Route").collect();
        assert_eq!(routes, ["<sip:p2;lr>", "<sip:a@1.invalid;transport=ws>"]);
    }

    #[test]
    fn sequence_numbers_only_grow() {
        let mut dialog = Dialog::of_called(&invite(""), "t").unwrap();
        assert!(!dialog.accept_cseq(7));
        assert!(dialog.accept_cseq(9));
        assert!(!dialog.accept_cseq(8));
    }
}
