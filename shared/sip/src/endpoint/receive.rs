//! Dispatch: which transaction, dialog or application a message is for.

use super::compose::{ALLOW, SUPPORTED};
use super::transactions::{Machine, Use};
use super::{CallHandle, Endpoint, Event, FlowId, TransactionHandle};
use crate::dialog::DialogId;
use crate::framer::{PING, PONG};
use crate::limit::TRANSACTIONS_MAX;
use crate::message::{Message, Method, Request, Response, Scheme, parse_or_reply};
use crate::transaction::{ClientKey, Reaction, ServerKey};
use std::time::Instant;

impl Endpoint {
    /// One whole message came in: a WebSocket frame, a datagram, or what a
    /// [`crate::StreamFramer`] cut out of a stream. Keep-alives are answered.
    pub fn receive(&mut self, now: Instant, flow: FlowId, bytes: &[u8]) {
        let Some(open) = self.flows.get(&flow) else {
            return;
        };
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            if open.kind.is_reliable() && bytes.starts_with(PING) {
                self.send(flow, PONG.to_vec());
            }
            return;
        }
        match parse_or_reply(bytes) {
            Ok(Message::Request(request)) => self.receive_request(now, flow, request),
            Ok(Message::Response(response)) => self.receive_response(now, flow, &response),
            Err(refused) => {
                if let Some(mut reply) = refused.reply {
                    self.tag_refusal(&mut reply);
                    self.add_product("Server", &mut reply.headers);
                    self.send(flow, reply.to_bytes());
                }
                self.emit(Event::Malformed {
                    flow,
                    error: refused.error,
                });
            }
        }
    }

    fn tag_refusal(&mut self, reply: &mut Response) {
        let tagless = reply.headers.to().is_some_and(|to| to.tag().is_none());
        if let (true, Some(to)) = (tagless, reply.headers.get("To")) {
            let tagged = format!("{to};tag={}", self.random.word());
            reply.headers.set("To", &tagged);
        }
        if reply.status == 501 {
            reply.headers.push("Allow", ALLOW);
        }
    }

    fn receive_request(&mut self, now: Instant, flow: FlowId, request: Request) {
        let Some(key) = ServerKey::of(flow, &request) else {
            return;
        };
        if let Some(id) = self.server_keys.get(&key).copied()
            && self.feed_server(now, id, &request)
        {
            return;
        }
        match request.method {
            Method::Ack => self.receive_ack(now, &request),
            Method::Cancel => self.receive_cancel(now, flow, key, &request),
            Method::Bye
            | Method::Info
            | Method::Invite
            | Method::Message
            | Method::Notify
            | Method::Options
            | Method::Prack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe
            | Method::Update
            | Method::Other(_) => self.new_request(now, flow, key, request),
        }
    }

    /// A copy of a request, or the ACK of a refusal. `false`: it is for the dialog after all.
    fn feed_server(&mut self, now: Instant, id: u64, request: &Request) -> bool {
        let Some(transaction) = self.transactions.get_mut(&id) else {
            return false;
        };
        let reaction = match &mut transaction.machine {
            Machine::InviteServer(machine) if request.method == Method::Ack => {
                machine.receive_ack(now)
            }
            Machine::InviteServer(machine) => machine.receive_copy(),
            Machine::Server(machine) => machine.receive_copy(),
            Machine::InviteClient(_) | Machine::Client(_) => Reaction::default(),
        };
        let flow = transaction.flow;
        self.transmit(flow, &reaction);
        self.settle(id);
        !reaction.deliver
    }

    fn new_request(&mut self, now: Instant, flow: FlowId, key: ServerKey, request: Request) {
        if self.transactions.len() >= TRANSACTIONS_MAX {
            let busy = self.response_with(flow, &request, 503, &[("Retry-After", "10")]);
            self.send(flow, busy.to_bytes());
            return;
        }
        if let Some((status, extra)) = self.unacceptable(&request) {
            let extra: Vec<_> = extra
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            self.answer_at_once(now, flow, key, &request, status, &extra);
            return;
        }
        let tagged = request.headers.to().is_some_and(|to| to.tag().is_some());
        if tagged && request.method != Method::Register {
            self.receive_in_dialog(now, flow, key, request);
            return;
        }
        match request.method {
            Method::Invite => self.receive_invite(now, flow, key, request),
            Method::Bye | Method::Info | Method::Prack | Method::Update => {
                self.answer_at_once(now, flow, key, &request, 481, &[]);
            }
            Method::Ack
            | Method::Cancel
            | Method::Message
            | Method::Notify
            | Method::Options
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe
            | Method::Other(_) => {
                let tag = self.random.word();
                let id = self.start_server(now, flow, key, &request, Use::Incoming, tag);
                self.emit(Event::IncomingRequest {
                    txn: TransactionHandle(id),
                    flow,
                    request,
                });
            }
        }
    }

    /// What RFC 3261 section 8.2 has a user agent refuse before any application looks.
    fn unacceptable(&self, request: &Request) -> Option<(u16, Vec<(&'static str, String)>)> {
        if matches!(request.method, Method::Other(_)) {
            return Some((501, vec![("Allow", ALLOW.to_owned())]));
        }
        if matches!(request.uri.scheme, Scheme::Other(_)) && !request.uri.is_sos() {
            return Some((416, Vec::new()));
        }
        let required = request.headers.list("Require").unwrap_or_default();
        let unknown: Vec<&str> = required
            .into_iter()
            .filter(|tag| !SUPPORTED.iter().any(|have| have.eq_ignore_ascii_case(tag)))
            .collect();
        if !unknown.is_empty() {
            return Some((420, vec![("Unsupported", unknown.join(", "))]));
        }
        match request.method {
            Method::Register if !request.headers.to().is_some_and(|to| to.uri.is_sip()) => {
                Some((400, Vec::new()))
            }
            Method::Invite => unacceptable_session(request),
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Info
            | Method::Message
            | Method::Notify
            | Method::Options
            | Method::Prack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe
            | Method::Update
            | Method::Other(_) => None,
        }
    }

    /// Answers a request for good in a transaction of its own, so that copies get the same.
    pub(super) fn answer_at_once(
        &mut self,
        now: Instant,
        flow: FlowId,
        key: ServerKey,
        request: &Request,
        status: u16,
        extra: &[(&str, &str)],
    ) {
        let response = self.response_with(flow, request, status, extra);
        let id = self.start_server(now, flow, key, request, Use::Incoming, String::new());
        self.answer(now, id, &response);
    }

    fn receive_in_dialog(&mut self, now: Instant, flow: FlowId, key: ServerKey, request: Request) {
        let call = DialogId::of_request(&request).and_then(|id| self.dialogs.get(&id).copied());
        match call {
            Some(call) => self.dialog_request(now, flow, key, call, request),
            None => self.answer_at_once(now, flow, key, &request, 481, &[]),
        }
    }

    fn receive_response(&mut self, now: Instant, flow: FlowId, response: &Response) {
        // A response with a second Via was meant for a proxy (section 8.1.3.3).
        if response.headers.vias().is_none_or(|vias| vias.len() != 1) {
            return;
        }
        let Some(key) = ClientKey::of(flow, response) else {
            return;
        };
        let Some(id) = self.client_keys.get(&key).copied() else {
            return;
        };
        let Some(transaction) = self.transactions.get_mut(&id) else {
            return;
        };
        let sent = &transaction.request;
        let reaction = match &mut transaction.machine {
            Machine::InviteClient(machine) => machine.receive(now, response.status, || {
                super::uac::ack_of_refusal(sent, response).to_bytes()
            }),
            Machine::Client(machine) => machine.receive(now, response.status),
            Machine::InviteServer(_) | Machine::Server(_) => Reaction::default(),
        };
        let (serves, request) = (transaction.serves, transaction.request.clone());
        self.transmit(flow, &reaction);
        self.settle(id);
        if !reaction.deliver {
            return;
        }
        match serves {
            Use::Invite(call) => self.invite_response(now, flow, call, &request, response),
            Use::Reinvite(call) => self.reinvite_response(now, flow, call, &request, response),
            Use::Bye(call) => self.bye_response(now, flow, call, &request, response),
            Use::Info(call) => self.info_response(now, flow, call, &request, response),
            Use::Register(registration) => {
                self.register_response(now, flow, registration, response)
            }
            Use::Standalone(handle) => {
                self.standalone_response(now, flow, handle, &request, response)
            }
            Use::Nobody | Use::IncomingInvite(_) | Use::IncomingReinvite(_) | Use::Incoming => {}
        }
    }

    /// The call a CANCEL's INVITE belongs to, if there is one.
    pub(super) fn cancelled_use(&self, flow: FlowId, cancel: &Request) -> Option<(u64, Use)> {
        let key = ServerKey::cancelled(flow, cancel)?;
        let id = *self.server_keys.get(&key)?;
        Some((id, self.transactions.get(&id)?.serves))
    }

    /// The call an ACK belongs to.
    pub(super) fn acknowledged_call(&self, ack: &Request) -> Option<CallHandle> {
        self.dialogs.get(&DialogId::of_request(ack)?).copied()
    }
}

/// 415 for a body no session is described in, 406 for a peer that takes no SDP.
fn unacceptable_session(request: &Request) -> Option<(u16, Vec<(&'static str, String)>)> {
    if !request.body.is_empty() {
        let content = request.headers.content_type().unwrap_or_default();
        if content != "application/sdp" && !content.starts_with("multipart/") {
            return Some((415, vec![("Accept", "application/sdp".to_owned())]));
        }
    }
    if request.headers.has("Accept") {
        let takes = request.headers.list("Accept").unwrap_or_default();
        let sdp = takes.iter().any(|range| {
            let range = range
                .split(';')
                .next()
                .unwrap_or("")
                .trim()
                .to_ascii_lowercase();
            matches!(range.as_str(), "application/sdp" | "application/*" | "*/*")
        });
        if !sdp {
            return Some((
                406,
                vec![(
                    "Warning",
                    "399 visavis \"session descriptions are application/sdp\"".to_owned(),
                )],
            ));
        }
    }
    None
}
