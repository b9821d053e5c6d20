//! Requests outside dialogs: ours, and the answers to theirs.

use super::api::Body;
use super::compose::{add_headers, set_body};
use super::transactions::Use;
use super::uac::next_attempt;
use super::{ClientTransactionHandle, Endpoint, Event, FlowId, RequestParams, TransactionHandle};
use crate::digest::{Answer, DigestSession};
use crate::message::{CSeq, Headers, Method, Request, Response, reason_phrase};
use std::time::Instant;

/// A request of ours until its final answer.
pub(super) struct Standalone {
    digest: Option<DigestSession>,
}

impl Endpoint {
    /// Sends a request outside any dialog (OPTIONS, MESSAGE, ...). [`Event::Response`] follows in
    /// any case. INVITE, ACK and CANCEL have their own ways and are answered 405 here.
    pub fn request(
        &mut self,
        now: Instant,
        flow: FlowId,
        params: RequestParams,
    ) -> ClientTransactionHandle {
        let handle = ClientTransactionHandle(self.new_id());
        let digest = params
            .credentials
            .map(|credentials| DigestSession::new(credentials, flow));
        self.standalones.insert(handle, Standalone { digest });
        if matches!(params.method, Method::Invite | Method::Ack | Method::Cancel) {
            self.standalone_failed(handle, 405);
            return handle;
        }
        let mut headers = Headers::new();
        headers.push("Max-Forwards", "70");
        headers.push(
            "From",
            &params.from.with_tag(&self.random.word()).to_string(),
        );
        headers.push("To", &params.to.to_string());
        headers.push("Call-ID", &self.random.word());
        headers.push(
            "CSeq",
            &CSeq {
                number: 1,
                method: params.method.clone(),
            }
            .to_string(),
        );
        add_headers(&mut headers, &params.headers);
        let mut request = Request {
            method: params.method,
            uri: params.target,
            headers,
            body: Vec::new(),
        };
        request.uri.headers.clear();
        if let Some(body) = &params.body {
            set_body(&mut request.headers, &mut request.body, body);
        }
        self.start_client(now, flow, request, Use::Standalone(handle));
        handle
    }

    pub(super) fn standalone_response(
        &mut self,
        now: Instant,
        flow: FlowId,
        handle: ClientTransactionHandle,
        sent: &Request,
        response: &Response,
    ) {
        if response.is_provisional() {
            return;
        }
        let Some(standalone) = self.standalones.get_mut(&handle) else {
            return;
        };
        let challenged = matches!(response.status, 401 | 407);
        if challenged
            && let Some(digest) = &mut standalone.digest
            && digest.challenged(flow, response) == Answer::Retry
        {
            let mut again = next_attempt(sent, None);
            digest.authorize(flow, &mut again, &mut self.random);
            self.start_client(now, flow, again, Use::Standalone(handle));
            return;
        }
        self.standalones.remove(&handle);
        self.emit(Event::Response {
            txn_client: handle,
            response: response.clone(),
        });
    }

    pub(super) fn standalone_failed(&mut self, handle: ClientTransactionHandle, status: u16) {
        if self.standalones.remove(&handle).is_some() {
            let response = Response {
                status,
                reason: reason_phrase(status),
                headers: Headers::new(),
                body: Vec::new(),
            };
            self.emit(Event::Response {
                txn_client: handle,
                response,
            });
        }
    }

    /// Answers an [`Event::IncomingRequest`]. Only the first final answer is sent.
    pub fn respond(
        &mut self,
        now: Instant,
        txn: TransactionHandle,
        status: u16,
        headers: Vec<(String, String)>,
        body: Option<Body>,
    ) {
        let Some(transaction) = self.transactions.get(&txn.0) else {
            return;
        };
        if transaction.serves != Use::Incoming || !(100..700).contains(&status) {
            return;
        }
        let tag = if status == 100 {
            ""
        } else {
            transaction.local_tag.as_str()
        };
        let mut response = self.response_to(transaction.flow, &transaction.request, status, tag);
        add_headers(&mut response.headers, &headers);
        if let Some(body) = &body {
            set_body(&mut response.headers, &mut response.body, body);
        }
        self.answer(now, txn.0, &response);
    }
}
