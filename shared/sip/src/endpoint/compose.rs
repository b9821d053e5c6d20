//! What we write: responses, Via, product names, the headers every call carries.

use super::api::Body;
use super::{Endpoint, FlowId, FlowKind};
use crate::limit::LIST_VALUES_MAX;
use crate::message::chars::split_outside;
use crate::message::{Headers, Request, Response, Via, long_name, reason_phrase};

/// Methods we act upon.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO";
/// Extensions we understand in Require.
pub(super) const SUPPORTED: [&str; 1] = ["outbound"];

/// Headers an application cannot set: they are the dialog's and the transaction's.
const OURS: [&str; 8] = [
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Content-Length",
    "Max-Forwards",
    "Record-Route",
];

impl Endpoint {
    /// Puts our Via on top of a request.
    pub(super) fn add_via(&self, flow: FlowId, request: &mut Request, branch: &str) {
        let Some(open) = self.flows.get(&flow) else {
            return;
        };
        let rport = if open.kind == FlowKind::Datagram {
            ";rport"
        } else {
            ""
        };
        let via = format!(
            "SIP/2.0/{} {};branch={branch}{rport}",
            open.kind.transport(),
            open.local.via_sent_by
        );
        request.headers.push_front("Via", &via);
    }

    /// Names our product: `User-Agent` in requests, `Server` in responses (RFC 3261 sections
    /// 20.35 and 20.41).
    pub(super) fn add_product(&self, name: &'static str, headers: &mut Headers) {
        if !self.config.user_agent.is_empty() && !headers.has(name) {
            headers.push(name, &self.config.user_agent);
        }
    }

    /// A response as RFC 3261 section 8.2.6 wants it. An empty `local_tag` adds none.
    pub(super) fn response_to(
        &self,
        flow: FlowId,
        request: &Request,
        status: u16,
        local_tag: &str,
    ) -> Response {
        let mut headers = Headers::new();
        for (index, line) in request.headers.get_all("Via").enumerate() {
            let stamped = if index == 0 {
                self.stamp_via(flow, line)
            } else {
                None
            };
            headers.push("Via", stamped.as_deref().unwrap_or(line));
        }
        headers.copy_from(&request.headers, "From");
        let untagged = request
            .headers
            .to()
            .filter(|to| to.tag().is_none() && !local_tag.is_empty());
        match untagged {
            // The address is kept as the peer wrote it: it must find it equal.
            Some(_) => {
                let to = request.headers.get("To").unwrap_or_default();
                headers.push("To", &format!("{to};tag={local_tag}"));
            }
            None => headers.copy_from(&request.headers, "To"),
        }
        headers.copy_from(&request.headers, "Call-ID");
        headers.copy_from(&request.headers, "CSeq");
        if status == 100 {
            headers.copy_from(&request.headers, "Timestamp");
        }
        self.add_product("Server", &mut headers);
        Response {
            status,
            reason: reason_phrase(status),
            headers,
            body: Vec::new(),
        }
    }

    /// The first Via line with `received` and `rport` filled in (RFC 3261 section 18.2.1,
    /// RFC 3581); `None` when there is nothing to fill in.
    fn stamp_via(&self, flow: FlowId, line: &str) -> Option<String> {
        let peer = self.flows.get(&flow)?.peer?;
        let items = split_outside(line, ',', LIST_VALUES_MAX)?;
        let mut via = Via::parse(items.first()?)?;
        let address = peer.ip().to_string();
        let wants_port = via.params.get("rport").is_some_and(str::is_empty);
        if via.host == address && !wants_port {
            return None;
        }
        via.params.set("received", Some(&address));
        if wants_port {
            via.params.set("rport", Some(&peer.port().to_string()));
        }
        let mut stamped = via.to_string();
        for item in items.iter().skip(1) {
            stamped.push_str(", ");
            stamped.push_str(item.trim());
        }
        Some(stamped)
    }

    /// A response with an extra header or two, for what the endpoint answers by itself.
    pub(super) fn response_with(
        &mut self,
        flow: FlowId,
        request: &Request,
        status: u16,
        extra: &[(&str, &str)],
    ) -> Response {
        let tag = self.random.word();
        let mut response = self.response_to(flow, request, status, &tag);
        for (name, value) in extra {
            response.headers.push(name, value);
        }
        response
    }
}

/// Adds the application's headers, without letting it touch those that are ours.
pub(super) fn add_headers(headers: &mut Headers, extra: &[(String, String)]) {
    for (name, value) in extra {
        let long = long_name(name);
        if !OURS.iter().any(|ours| ours.eq_ignore_ascii_case(long)) {
            headers.push(name, value);
        }
    }
}

/// Sets the body and its type.
pub(super) fn set_body(headers: &mut Headers, body: &mut Vec<u8>, new: &Body) {
    headers.set("Content-Type", &new.content_type);
    body.clone_from(&new.bytes);
}
