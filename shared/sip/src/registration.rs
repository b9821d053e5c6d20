//! One registration of a client (RFC 3261 section 10.2, RFC 5626 contacts).
//!
//! What it is: what a REGISTER says, what was granted, when to refresh. What it is not: a
//! transaction; the endpoint sends what [`Registration::request`] writes.

use crate::digest::DigestSession;
use crate::limit::EXPIRES_DEFAULT_S;
use crate::message::{CSeq, Contacts, Headers, Method, NameAddr, Request, Response, Uri};
use crate::{Enclosure, FlowId};
use std::time::{Duration, Instant};

/// Where a registration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A REGISTER is on its way.
    Registering,
    /// Granted; refreshed at the given time.
    Registered { refresh_at: Instant },
    /// A REGISTER with Expires 0 is on its way.
    Unregistering,
}

/// A client's binding of its contact to its address of record.
pub(crate) struct Registration {
    pub(crate) flow: FlowId,
    pub(crate) state: State,
    pub(crate) registrar: Uri,
    pub(crate) aor: NameAddr,
    pub(crate) contact: NameAddr,
    pub(crate) headers: Vec<(String, String)>,
    /// Goes along until it is granted.
    pub(crate) enclosure: Option<Enclosure>,
    /// The REGISTER on its way, or the last one, has the enclosure.
    pub(crate) enclosed: bool,
    pub(crate) expires_s: u32,
    pub(crate) call_id: String,
    pub(crate) from_tag: String,
    pub(crate) cseq: u32,
    pub(crate) digest: Option<DigestSession>,
    /// Headers or the wish to leave changed while a REGISTER was on its way.
    pub(crate) again: bool,
    /// The user asked to unregister.
    pub(crate) leaving: bool,
    /// 423 was answered already.
    pub(crate) interval_raised: bool,
}

impl Registration {
    /// The next REGISTER, without Via.
    pub(crate) fn request(&mut self) -> Request {
        self.cseq += 1;
        let expires_s = if self.leaving { 0 } else { self.expires_s };
        let mut headers = Headers::new();
        headers.push("Max-Forwards", "70");
        headers.push(
            "From",
            &self.aor.clone().with_tag(&self.from_tag).to_string(),
        );
        headers.push("To", &self.aor.to_string());
        headers.push("Call-ID", &self.call_id);
        headers.push(
            "CSeq",
            &CSeq {
                number: self.cseq,
                method: Method::Register,
            }
            .to_string(),
        );
        let mut contact = self.contact.clone();
        contact.params.set("expires", Some(&expires_s.to_string()));
        headers.push("Contact", &contact.to_string());
        headers.push("Expires", &expires_s.to_string());
        headers.push("Supported", "path, outbound");
        for (name, value) in &self.headers {
            headers.push(name, value);
        }
        let enclosure = self.enclosure.as_ref().filter(|_| !self.leaving);
        self.enclosed = enclosure.is_some();
        let mut body = Vec::new();
        if let Some(enclosure) = enclosure {
            for (name, value) in &enclosure.headers {
                headers.push(name, value);
            }
            headers.push("Content-Type", &enclosure.body.content_type);
            body.clone_from(&enclosure.body.bytes);
        }
        Request {
            method: Method::Register,
            uri: self.registrar.clone(),
            headers,
            body,
        }
    }

    /// Seconds the registrar granted our contact: its `expires` parameter, else Expires, else
    /// what we asked for.
    pub(crate) fn granted_s(&self, response: &Response) -> u32 {
        let listed = match response.headers.contacts() {
            Some(Contacts::List(list)) => list,
            Some(Contacts::Star) | None => Vec::new(),
        };
        let ours = listed
            .iter()
            .find(|contact| contact.uri.same_address(&self.contact.uri));
        ours.and_then(|contact| contact.params.get("expires"))
            .map(|value| value.parse().unwrap_or(EXPIRES_DEFAULT_S))
            .or_else(|| response.headers.expires(EXPIRES_DEFAULT_S))
            .unwrap_or(self.expires_s)
    }

    /// Takes a grant: refreshes at half of it, never sooner than a second from now.
    pub(crate) fn granted(&mut self, now: Instant, expires_s: u32) {
        let wait = Duration::from_secs(u64::from(expires_s)) / 2;
        self.state = State::Registered {
            refresh_at: now + wait.max(Duration::from_secs(1)),
        };
    }

    /// When it wants to send the next REGISTER by itself.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Registered { refresh_at } => Some(refresh_at),
            State::Registering | State::Unregistering => None,
        }
    }
}
