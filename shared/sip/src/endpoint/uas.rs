//! Calls we take: an INVITE that came in, its answers, CANCEL, ACK.

use super::call::{Accepted, Call, Phase};
use super::compose::{ALLOW, add_headers, set_body};
use super::transactions::{Machine, Use};
use super::{Body, CallHandle, Endpoint, Event, FlowId};
use crate::dialog::Dialog;
use crate::limit::CALLS_MAX;
use crate::message::{NameAddr, Reason, Request, Response, Uri};
use crate::transaction::{ServerKey, T1, T2, TRANSACTION_TIMEOUT};
use std::time::{Duration, Instant};

/// How often an unanswered INVITE's last provisional is repeated (section 13.3.1.1), so that
/// proxies on the way do not give up on a caller who waits in a queue.
const PROVISIONAL_EVERY: Duration = Duration::from_secs(60);

impl Endpoint {
    pub(super) fn receive_invite(
        &mut self,
        now: Instant,
        flow: FlowId,
        key: ServerKey,
        request: Request,
    ) {
        if self.calls.len() >= CALLS_MAX {
            self.answer_at_once(now, flow, key, &request, 503, &[("Retry-After", "10")]);
            return;
        }
        let tag = self.random.word();
        let Some(dialog) = Dialog::of_called(&request, &tag) else {
            self.answer_at_once(now, flow, key, &request, 400, &[]);
            return;
        };
        let handle = CallHandle(self.new_id());
        let user = request.uri.user.clone().unwrap_or_default();
        let contact = self
            .contact_on(flow, &user)
            .unwrap_or_else(|| NameAddr::new(Uri::sip(&user, "invalid")));
        let kept = Request {
            body: Vec::new(),
            ..request.clone()
        };
        let id = self.start_server(now, flow, key, &request, Use::IncomingInvite(handle), tag);
        let mut call = Call::new(flow, Phase::Incoming, kept, contact, user);
        call.transaction = Some(id);
        self.dialogs.insert(dialog.id.clone(), handle);
        call.dialog = Some(dialog);
        self.calls.insert(handle, call);
        if let Some(open) = self.flows.get_mut(&flow) {
            open.calls.insert(handle);
        }
        self.emit(Event::IncomingInvite {
            call: handle,
            flow,
            request,
        });
    }

    /// Tells the caller how its call is doing: 180, 182, 183. Repeated every minute until the
    /// final answer.
    pub fn progress(
        &mut self,
        now: Instant,
        call: CallHandle,
        status: u16,
        headers: Vec<(String, String)>,
        body: Option<Body>,
    ) {
        let known = self
            .calls
            .get(&call)
            .filter(|known| known.phase == Phase::Incoming);
        let (Some(id), true) = (
            known.and_then(|known| known.transaction),
            (101..200).contains(&status),
        ) else {
            return;
        };
        let Some(response) = self.invite_answer(call, id, status, &headers, body.as_ref()) else {
            return;
        };
        self.answer(now, id, &response);
        if let Some(known) = self.calls.get_mut(&call) {
            known.repeat_at = Some(now + PROVISIONAL_EVERY);
        }
        self.reschedule_call(call);
    }

    pub(super) fn repeat_provisional(&mut self, now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        call.repeat_at = (call.phase == Phase::Incoming).then(|| now + PROVISIONAL_EVERY);
        let Some(transaction) = call.transaction.and_then(|id| self.transactions.get(&id)) else {
            return;
        };
        if let Machine::InviteServer(machine) = &transaction.machine {
            let (flow, reaction) = (transaction.flow, machine.receive_copy());
            self.transmit(flow, &reaction);
        }
    }

    /// Takes the call: 200 with the session description, repeated until the ACK
    /// ([`Event::Acked`]); without an ACK for 32 s the call ends with reason SIP 408.
    pub fn accept(
        &mut self,
        now: Instant,
        call: CallHandle,
        headers: Vec<(String, String)>,
        body: Body,
    ) {
        let known = self
            .calls
            .get(&call)
            .filter(|known| known.phase == Phase::Incoming);
        let Some(id) = known.and_then(|known| known.transaction) else {
            return;
        };
        let Some(response) = self.invite_answer(call, id, 200, &headers, Some(&body)) else {
            return;
        };
        if let Some(known) = self.calls.get_mut(&call) {
            known.phase = Phase::Confirmed;
            known.repeat_at = None;
        }
        self.send_accepted(now, call, id, &response);
    }

    /// Refuses the call for good with a 300-699; the handle is gone, no event follows.
    pub fn reject(
        &mut self,
        now: Instant,
        call: CallHandle,
        status: u16,
        headers: Vec<(String, String)>,
    ) {
        self.refuse(now, call, status.clamp(300, 699), &headers);
    }

    pub(super) fn refuse(
        &mut self,
        now: Instant,
        call: CallHandle,
        status: u16,
        headers: &[(String, String)],
    ) {
        let known = self
            .calls
            .get(&call)
            .filter(|known| known.phase == Phase::Incoming);
        let Some(id) = known.and_then(|known| known.transaction) else {
            return;
        };
        if let Some(response) = self.invite_answer(call, id, status, headers, None) {
            self.answer(now, id, &response);
        }
        self.remove_call(call);
    }

    /// A response to an INVITE or re-INVITE of theirs, with what makes a dialog in it.
    pub(super) fn invite_answer(
        &self,
        handle: CallHandle,
        id: u64,
        status: u16,
        headers: &[(String, String)],
        body: Option<&Body>,
    ) -> Option<Response> {
        let transaction = self.transactions.get(&id)?;
        let call = self.calls.get(&handle)?;
        let request = &transaction.request;
        let mut response =
            self.response_to(transaction.flow, request, status, &transaction.local_tag);
        if status < 300 {
            response.headers.copy_from(&request.headers, "Record-Route");
            response.headers.push("Contact", &call.contact.to_string());
            response.headers.push("Allow", ALLOW);
            response.headers.push("Supported", "outbound");
        }
        add_headers(&mut response.headers, headers);
        if let Some(body) = body {
            set_body(&mut response.headers, &mut response.body, body);
        }
        Some(response)
    }

    /// Sends a 2xx and repeats it until its ACK.
    pub(super) fn send_accepted(
        &mut self,
        now: Instant,
        handle: CallHandle,
        id: u64,
        response: &Response,
    ) {
        let flow = self
            .transactions
            .get(&id)
            .map(|transaction| transaction.flow);
        self.answer(now, id, response);
        let cseq = response.headers.cseq().map(|cseq| cseq.number);
        let (Some(call), Some(flow), Some(cseq)) = (self.calls.get_mut(&handle), flow, cseq) else {
            return;
        };
        call.accepted = Some(Accepted {
            response: response.to_bytes(),
            flow,
            cseq,
            copy_at: now + T1,
            copy_after: T1,
            give_up_at: now + TRANSACTION_TIMEOUT,
        });
        self.reschedule_call(handle);
    }

    pub(super) fn repeat_accepted(&mut self, now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let now_on = call.flow;
        let Some(accepted) = &mut call.accepted else {
            return;
        };
        accepted.copy_after = (accepted.copy_after * 2).min(T2);
        accepted.copy_at = now + accepted.copy_after;
        let bytes = accepted.response.clone();
        // The flow the INVITE came on, or the one its call was moved to.
        let flow = if self.flows.contains_key(&accepted.flow) {
            accepted.flow
        } else {
            now_on
        };
        self.send(flow, bytes);
    }

    /// 64*T1 without an ACK: the dialog is ended (section 13.3.1.4).
    pub(super) fn never_acknowledged(&mut self, now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        call.accepted = None;
        if let Some(headers) = call.bye_wanted.take() {
            self.send_bye(now, handle, headers);
            return;
        }
        let reason = Reason::sip(408, "ACK did not arrive");
        call.silent = true;
        self.emit(Event::Ended {
            call: handle,
            reason: Some(reason.clone()),
            headers: crate::Headers::new(),
        });
        self.send_bye(now, handle, vec![("Reason".to_owned(), reason.to_string())]);
    }

    pub(super) fn receive_ack(&mut self, now: Instant, ack: &Request) {
        let Some(handle) = self.acknowledged_call(ack) else {
            return;
        };
        let number = ack.headers.cseq().map(|cseq| cseq.number);
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        if call.accepted.as_ref().map(|accepted| accepted.cseq) != number {
            return;
        }
        call.accepted = None;
        let bye = call.bye_wanted.take();
        self.reschedule_call(handle);
        match bye {
            Some(headers) => self.send_bye(now, handle, headers),
            None => {
                let body = (!ack.body.is_empty()).then(|| ack.body.clone());
                self.emit(Event::Acked { call: handle, body });
            }
        }
    }

    pub(super) fn receive_cancel(
        &mut self,
        now: Instant,
        flow: FlowId,
        key: ServerKey,
        cancel: &Request,
    ) {
        let Some((id, serves)) = self.cancelled_use(flow, cancel) else {
            self.answer_at_once(now, flow, key, cancel, 481, &[]);
            return;
        };
        let Some(transaction) = self.transactions.get(&id) else {
            return;
        };
        let answered = match &transaction.machine {
            Machine::InviteServer(machine) => machine.is_answered(),
            Machine::Server(_) | Machine::InviteClient(_) | Machine::Client(_) => true,
        };
        // The tag of the INVITE's own answers (section 9.2).
        let tag = transaction.local_tag.clone();
        let request = transaction.request.clone();
        let ok = self.response_to(flow, cancel, 200, &tag);
        let cancel_id = self.start_server(now, flow, key, cancel, Use::Incoming, tag.clone());
        self.answer(now, cancel_id, &ok);
        if answered {
            return;
        }
        let terminated = self.response_to(flow, &request, 487, &tag);
        self.answer(now, id, &terminated);
        match serves {
            Use::IncomingInvite(call) => {
                self.remove_call(call);
                let headers = cancel.headers.clone();
                self.emit(Event::Cancelled { call, headers });
            }
            Use::IncomingReinvite(call) => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.reinvite_in = None;
                }
            }
            Use::Invite(_)
            | Use::Reinvite(_)
            | Use::Bye(_)
            | Use::Info(_)
            | Use::Register(_)
            | Use::Standalone(_)
            | Use::Nobody
            | Use::Incoming => {}
        }
    }
}
