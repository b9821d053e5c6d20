//! Calls we place: INVITE, its answers, CANCEL.

use super::call::{Call, Cancelling, Phase};
use super::compose::{ALLOW, add_headers, set_body};
use super::transactions::Use;
use super::{CallHandle, Endpoint, Event, FlowId, InviteParams};
use crate::dialog::{Dialog, DialogId};
use crate::digest::{Answer, DigestSession};
use crate::message::{CSeq, Headers, Method, NameAddr, Reason, Request, Response, Uri};
use crate::transaction::TRANSACTION_TIMEOUT;
use std::time::Instant;

impl Endpoint {
    /// Places a call. Events: Progress, then Answered or Failed. A challenge is answered once.
    pub fn invite(&mut self, now: Instant, flow: FlowId, params: InviteParams) -> CallHandle {
        let handle = CallHandle(self.new_id());
        let contact = self.contact_on(flow, &params.contact_user);
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
                method: Method::Invite,
            }
            .to_string(),
        );
        let contact =
            contact.unwrap_or_else(|| NameAddr::new(Uri::sip(&params.contact_user, "invalid")));
        headers.push("Contact", &contact.to_string());
        headers.push("Allow", ALLOW);
        headers.push("Supported", "outbound");
        add_headers(&mut headers, &params.headers);
        let mut invite = Request {
            method: Method::Invite,
            uri: params.target,
            headers,
            body: Vec::new(),
        };
        invite.uri.headers.clear();
        set_body(&mut invite.headers, &mut invite.body, &params.body);
        let mut call = Call::new(
            flow,
            Phase::Inviting,
            invite.clone(),
            contact,
            params.contact_user,
        );
        call.digest = params
            .credentials
            .map(|credentials| DigestSession::new(credentials, flow));
        self.calls.insert(handle, call);
        if let Some(open) = self.flows.get_mut(&flow) {
            open.calls.insert(handle);
        }
        self.send_invite(now, handle, invite);
        handle
    }

    fn send_invite(&mut self, now: Instant, handle: CallHandle, invite: Request) {
        let Some(call) = self.calls.get(&handle) else {
            return;
        };
        let flow = call.flow;
        let Some(id) = self.start_client(now, flow, invite, Use::Invite(handle)) else {
            return;
        };
        let sent = self
            .transactions
            .get(&id)
            .map(|transaction| transaction.request.clone());
        if let (Some(call), Some(sent)) = (self.calls.get_mut(&handle), sent) {
            call.transaction = Some(id);
            call.invite = sent;
            call.provisional_seen = false;
        }
    }

    /// Our INVITE ended without a response.
    pub(super) fn invite_failed(&mut self, handle: CallHandle, status: u16) {
        let Some(call) = self.calls.get(&handle) else {
            return;
        };
        if call.phase != Phase::Inviting {
            return;
        }
        let wanted = call.cancelling.is_some();
        self.remove_call(handle);
        self.emit(if wanted {
            Event::HungUp { call: handle }
        } else {
            Event::Failed {
                call: handle,
                status,
                response: None,
            }
        });
    }

    pub(super) fn invite_response(
        &mut self,
        now: Instant,
        flow: FlowId,
        handle: CallHandle,
        sent: &Request,
        response: &Response,
    ) {
        if response.is_success() {
            self.invite_accepted(now, flow, handle, sent, response);
        } else if self
            .calls
            .get(&handle)
            .is_some_and(|call| call.phase == Phase::Inviting)
        {
            if response.is_provisional() {
                self.invite_progress(now, handle, sent, response);
            } else {
                self.invite_refused(now, flow, handle, sent, response);
            }
        }
    }

    fn invite_progress(
        &mut self,
        now: Instant,
        handle: CallHandle,
        sent: &Request,
        response: &Response,
    ) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        call.provisional_seen = true;
        let tagged =
            response.status > 100 && response.headers.to().is_some_and(|to| to.tag().is_some());
        if tagged
            && call.dialog.is_none()
            && let Some(dialog) = Dialog::of_caller(sent, response)
        {
            self.dialogs.insert(dialog.id.clone(), handle);
            call.dialog = Some(dialog);
        }
        if call.cancelling.is_some() {
            self.send_cancel(now, handle);
        } else if response.status > 100 {
            self.emit(Event::Progress {
                call: handle,
                response: response.clone(),
            });
        }
    }

    fn invite_refused(
        &mut self,
        now: Instant,
        flow: FlowId,
        handle: CallHandle,
        sent: &Request,
        response: &Response,
    ) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        if call.cancelling.is_some() {
            self.remove_call(handle);
            self.emit(Event::HungUp { call: handle });
            return;
        }
        let challenged = matches!(response.status, 401 | 407);
        if challenged
            && let Some(digest) = &mut call.digest
            && digest.challenged(flow, response) == Answer::Retry
        {
            let mut again = next_attempt(sent, None);
            digest.authorize(flow, &mut again, &mut self.random);
            if let Some(dialog) = call.dialog.take() {
                self.dialogs.remove(&dialog.id);
            }
            self.send_invite(now, handle, again);
            return;
        }
        self.remove_call(handle);
        self.emit(Event::Failed {
            call: handle,
            status: response.status,
            response: Some(response.clone()),
        });
    }

    fn invite_accepted(
        &mut self,
        now: Instant,
        flow: FlowId,
        handle: CallHandle,
        sent: &Request,
        response: &Response,
    ) {
        let id = DialogId::of_response(response);
        let known = self.calls.get(&handle);
        let first = known.is_some_and(|call| call.phase == Phase::Inviting);
        if !first {
            let same = known
                .is_some_and(|call| call.dialog.as_ref().map(|dialog| &dialog.id) == id.as_ref());
            if same {
                self.repeat_ack(handle, response);
            } else {
                self.refuse_second_answer(now, flow, sent, response);
            }
            return;
        }
        let Some(mut dialog) = Dialog::of_caller(sent, response) else {
            self.remove_call(handle);
            self.emit(Event::Failed {
                call: handle,
                status: 502,
                response: Some(response.clone()),
            });
            return;
        };
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        if let Some(early) = &call.dialog {
            if early.id == dialog.id {
                // INFO may have gone either way while it was early: the numbers go on.
                dialog.local_cseq = early.local_cseq;
                dialog.remote_cseq = early.remote_cseq;
            }
            self.dialogs.remove(&early.id);
        }
        self.dialogs.insert(dialog.id.clone(), handle);
        call.dialog = Some(dialog);
        call.phase = Phase::Confirmed;
        let cancelling = call.cancelling.take();
        self.send_ack(handle, sent);
        self.reschedule_call(handle);
        match cancelling {
            Some(cancelling) => self.send_bye(now, handle, cancelling.headers),
            None => self.emit(Event::Answered {
                call: handle,
                response: response.clone(),
            }),
        }
    }

    /// ACK of a 2xx to `sent`, our INVITE or re-INVITE (section 13.2.2.4).
    pub(super) fn send_ack(&mut self, handle: CallHandle, sent: &Request) {
        let branch = format!("z9hG4bK{}", self.random.word());
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let (Some(dialog), Some(cseq)) = (&mut call.dialog, sent.headers.cseq()) else {
            return;
        };
        let mut ack = dialog.request(Method::Ack, Some(cseq.number));
        let flow = call.flow;
        ack.headers.copy_from(&sent.headers, "Authorization");
        ack.headers.copy_from(&sent.headers, "Proxy-Authorization");
        self.add_via(flow, &mut ack, &branch);
        self.add_product("User-Agent", &mut ack.headers);
        let bytes = ack.to_bytes();
        if let Some(call) = self.calls.get_mut(&handle) {
            call.ack = Some((cseq.number, bytes.clone()));
        }
        self.send(flow, bytes);
    }

    /// A copy of a 2xx we acknowledged already.
    pub(super) fn repeat_ack(&mut self, handle: CallHandle, response: &Response) {
        let cseq = response.headers.cseq().map(|cseq| cseq.number);
        let Some(call) = self.calls.get(&handle) else {
            return;
        };
        if let Some((number, bytes)) = &call.ack
            && cseq == Some(*number)
        {
            let (flow, bytes) = (call.flow, bytes.clone());
            self.send(flow, bytes);
        }
    }

    /// A fork's second answer, or an answer to a call given up: acknowledged and ended.
    fn refuse_second_answer(
        &mut self,
        now: Instant,
        flow: FlowId,
        sent: &Request,
        response: &Response,
    ) {
        let Some(mut dialog) = Dialog::of_caller(sent, response) else {
            return;
        };
        let cseq = sent.headers.cseq().map(|cseq| cseq.number);
        let mut ack = dialog.request(Method::Ack, cseq);
        let branch = format!("z9hG4bK{}", self.random.word());
        self.add_via(flow, &mut ack, &branch);
        self.send(flow, ack.to_bytes());
        let bye = dialog.request(Method::Bye, None);
        self.start_client(now, flow, bye, Use::Nobody);
    }

    /// Ends a call at any point: CANCEL before the answer, a refusal (603) of a call not taken
    /// yet, BYE after. [`Event::HungUp`] follows when the peer agreed or will not answer.
    pub fn hang_up(&mut self, now: Instant, call: CallHandle, reason: Option<Reason>) {
        self.hang_up_with(now, call, reason, Vec::new());
    }

    /// As [`Endpoint::hang_up`], with further headers in the CANCEL, BYE or refusal.
    pub fn hang_up_with(
        &mut self,
        now: Instant,
        call: CallHandle,
        reason: Option<Reason>,
        headers: Vec<(String, String)>,
    ) {
        let mut headers = headers;
        if let Some(reason) = reason {
            headers.push(("Reason".to_owned(), reason.to_string()));
        }
        let Some(known) = self.calls.get_mut(&call) else {
            return;
        };
        match known.phase {
            Phase::Inviting if known.cancelling.is_none() => {
                known.cancelling = Some(Cancelling {
                    headers,
                    sent: false,
                    give_up_at: None,
                });
                // Without a provisional a CANCEL could overtake its INVITE (section 9.1).
                if known.provisional_seen {
                    self.send_cancel(now, call);
                }
            }
            Phase::Incoming => {
                self.refuse(now, call, 603, &headers);
                self.emit(Event::HungUp { call });
            }
            Phase::Confirmed
                if known.accepted.is_some() && self.flows.contains_key(&known.flow) =>
            {
                // The called party waits for the ACK before its BYE (section 15).
                known.bye_wanted.get_or_insert(headers);
            }
            Phase::Confirmed => self.send_bye(now, call, headers),
            Phase::Inviting | Phase::Ending => {}
        }
    }

    fn send_cancel(&mut self, now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let Some(cancelling) = &mut call.cancelling else {
            return;
        };
        if cancelling.sent {
            return;
        }
        cancelling.sent = true;
        cancelling.give_up_at = Some(now + TRANSACTION_TIMEOUT);
        let invite = &call.invite;
        let mut headers = Headers::new();
        for name in ["Via", "Max-Forwards", "Route", "From", "To", "Call-ID"] {
            headers.copy_from(&invite.headers, name);
        }
        let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
        headers.push(
            "CSeq",
            &CSeq {
                number,
                method: Method::Cancel,
            }
            .to_string(),
        );
        add_headers(&mut headers, &cancelling.headers);
        let cancel = Request {
            method: Method::Cancel,
            uri: invite.uri.clone(),
            headers,
            body: Vec::new(),
        };
        let flow = call.flow;
        self.start_cancel(now, flow, cancel);
        self.reschedule_call(handle);
    }

    /// Neither the INVITE nor its CANCEL were answered for 64*T1: the call is over (section 9.1).
    pub(super) fn cancel_unanswered(&mut self, handle: CallHandle) {
        if let Some(id) = self.calls.get(&handle).and_then(|call| call.transaction) {
            self.forget(id);
        }
        self.remove_call(handle);
        self.emit(Event::HungUp { call: handle });
    }
}

/// The request again, after a challenge: new Via to come, next sequence number.
pub(super) fn next_attempt(sent: &Request, number: Option<u32>) -> Request {
    let mut again = sent.clone();
    again.headers.remove("Via");
    if let Some(cseq) = sent.headers.cseq() {
        let number = number.unwrap_or_else(|| cseq.number.wrapping_add(1));
        again.headers.set(
            "CSeq",
            &CSeq {
                number,
                method: cseq.method,
            }
            .to_string(),
        );
    }
    again
}

/// ACK of a 300-699 (section 17.1.1.3): part of the INVITE's transaction.
pub(super) fn ack_of_refusal(invite: &Request, response: &Response) -> Request {
    let mut headers = Headers::new();
    if let Some(via) = invite.headers.get("Via") {
        headers.push("Via", via);
    }
    for name in ["Max-Forwards", "Route", "From"] {
        headers.copy_from(&invite.headers, name);
    }
    headers.copy_from(&response.headers, "To");
    headers.copy_from(&invite.headers, "Call-ID");
    let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
    headers.push(
        "CSeq",
        &CSeq {
            number,
            method: Method::Ack,
        }
        .to_string(),
    );
    for name in ["Authorization", "Proxy-Authorization"] {
        headers.copy_from(&invite.headers, name);
    }
    Request {
        method: Method::Ack,
        uri: invite.uri.clone(),
        headers,
        body: Vec::new(),
    }
}
