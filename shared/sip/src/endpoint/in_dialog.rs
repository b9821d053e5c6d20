//! Inside a call: BYE, INFO, re-INVITE, both ways.

use super::call::{Phase, Reinviting};
use super::compose::{ALLOW, add_headers, set_body};
use super::transactions::Use;
use super::uac::next_attempt;
use super::{Body, CallHandle, Endpoint, Event, FlowId};
use crate::digest::Answer;
use crate::message::{Headers, Method, Reason, Request, Response};
use crate::transaction::ServerKey;
use std::time::{Duration, Instant};

/// Tries of one re-INVITE that meets 491 each time.
const REINVITE_TRIES_MAX: u32 = 4;
/// Timer steps of RFC 3261 section 14.1.
const GLARE_STEP: Duration = Duration::from_millis(10);

impl Endpoint {
    /// A request in a dialog of ours. Answers go out on the flow the request came in on.
    pub(super) fn dialog_request(
        &mut self,
        now: Instant,
        flow: FlowId,
        key: ServerKey,
        handle: CallHandle,
        request: Request,
    ) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let in_order = call
            .dialog
            .as_mut()
            .is_some_and(|dialog| dialog.accept_cseq(number));
        let phase = call.phase;
        if !in_order {
            self.answer_at_once(now, flow, key, &request, 500, &[("Retry-After", "1")]);
            return;
        }
        match request.method {
            Method::Bye => self.receive_bye(now, flow, key, handle, &request),
            Method::Options => {
                let extra = [("Allow", ALLOW), ("Accept", "application/sdp")];
                self.answer_at_once(now, flow, key, &request, 200, &extra);
            }
            Method::Info | Method::Invite if phase == Phase::Ending => {
                self.answer_at_once(now, flow, key, &request, 481, &[]);
            }
            Method::Info if !self.takes_package(&request) => {
                let packages = self.config.info_packages.join(", ");
                let extra = [("Recv-Info", packages.as_str())];
                self.answer_at_once(now, flow, key, &request, 469, &extra);
            }
            Method::Info => {
                self.answer_at_once(now, flow, key, &request, 200, &[]);
                self.emit(Event::Info {
                    call: handle,
                    request,
                });
            }
            Method::Invite => self.receive_reinvite(now, flow, key, handle, request),
            Method::Ack
            | Method::Cancel
            | Method::Message
            | Method::Notify
            | Method::Prack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe
            | Method::Update
            | Method::Other(_) => {
                self.answer_at_once(now, flow, key, &request, 405, &[("Allow", ALLOW)])
            }
        }
    }

    /// INFO without a package is the old kind, which always meant whatever both sides knew.
    fn takes_package(&self, info: &Request) -> bool {
        info.headers.get("Info-Package").is_none_or(|package| {
            let name = package.split(';').next().unwrap_or_default().trim();
            self.config
                .info_packages
                .iter()
                .any(|ours| ours.eq_ignore_ascii_case(name))
        })
    }

    fn receive_bye(
        &mut self,
        now: Instant,
        flow: FlowId,
        key: ServerKey,
        handle: CallHandle,
        bye: &Request,
    ) {
        self.answer_at_once(now, flow, key, bye, 200, &[]);
        let Some(call) = self.calls.get(&handle) else {
            return;
        };
        let (phase, silent, wanted) = (call.phase, call.silent, call.bye_wanted.is_some());
        let pending = match phase {
            // The caller gives up its own INVITE by BYE instead of CANCEL (section 15.1.2).
            Phase::Incoming => call.transaction,
            Phase::Confirmed => call.reinvite_in,
            Phase::Inviting | Phase::Ending => None,
        };
        if phase == Phase::Inviting {
            // A called party must not do that; its INVITE answer is still to come.
            return;
        }
        if let Some(id) = pending
            && let Some(response) = self.invite_answer(handle, id, 487, &[], None)
        {
            self.answer(now, id, &response);
        }
        if phase == Phase::Ending {
            // Both hung up at once: our BYE may never be answered, and need not be.
            self.finish_hang_up(now, handle);
            return;
        }
        self.remove_call(handle);
        if wanted {
            self.emit(Event::HungUp { call: handle });
        } else if !silent {
            self.emit(Event::Ended {
                call: handle,
                reason: bye.headers.reason(),
                headers: bye.headers.clone(),
            });
        }
    }

    /// Sends BYE; the call lives on until it is answered.
    pub(super) fn send_bye(
        &mut self,
        now: Instant,
        handle: CallHandle,
        headers: Vec<(String, String)>,
    ) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        call.phase = Phase::Ending;
        call.reinvite_out = None;
        call.accepted = None;
        call.bye_wanted = None;
        let flow = call.flow;
        let pending = call.reinvite_in.take();
        let Some(dialog) = &mut call.dialog else {
            self.finish_hang_up(now, handle);
            return;
        };
        let mut bye = dialog.request(Method::Bye, None);
        add_headers(&mut bye.headers, &headers);
        if let Some(digest) = &mut call.digest {
            digest.begin();
            digest.authorize(flow, &mut bye, &mut self.random);
        }
        if let Some(id) = pending
            && let Some(response) = self.invite_answer(handle, id, 487, &[], None)
        {
            self.answer(now, id, &response);
        }
        self.reschedule_call(handle);
        self.start_client(now, flow, bye, Use::Bye(handle));
    }

    pub(super) fn bye_response(
        &mut self,
        now: Instant,
        flow: FlowId,
        handle: CallHandle,
        sent: &Request,
        response: &Response,
    ) {
        if response.is_provisional() {
            return;
        }
        match self.answer_challenge(flow, handle, sent, response) {
            Some(again) => {
                self.start_client(now, flow, again, Use::Bye(handle));
            }
            None => self.finish_hang_up(now, handle),
        }
    }

    /// Our hang_up is over: answered, or never to be.
    pub(super) fn finish_hang_up(&mut self, _now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.get(&handle) else {
            return;
        };
        let silent = call.silent;
        self.remove_call(handle);
        if !silent {
            self.emit(Event::HungUp { call: handle });
        }
    }

    /// A challenge inside a dialog: the request again with credentials, if we have any for this
    /// flow and did not try before (A06).
    fn answer_challenge(
        &mut self,
        flow: FlowId,
        handle: CallHandle,
        sent: &Request,
        response: &Response,
    ) -> Option<Request> {
        if !matches!(response.status, 401 | 407) {
            return None;
        }
        let call = self.calls.get_mut(&handle)?;
        let digest = call.digest.as_mut()?;
        if digest.challenged(flow, response) == Answer::GiveUp {
            return None;
        }
        let dialog = call.dialog.as_mut()?;
        dialog.local_cseq = dialog.local_cseq.wrapping_add(1);
        let mut again = next_attempt(sent, Some(dialog.local_cseq));
        digest.authorize(flow, &mut again, &mut self.random);
        Some(again)
    }

    /// Sends INFO in the dialog (RFC 6086; the caller gives Info-Package). Only a failure is
    /// reported.
    pub fn info(
        &mut self,
        now: Instant,
        call: CallHandle,
        headers: Vec<(String, String)>,
        body: Body,
    ) {
        let Some(known) = self.calls.get_mut(&call) else {
            return;
        };
        let flow = known.flow;
        let alive = known.phase != Phase::Ending;
        let Some(dialog) = known.dialog.as_mut().filter(|_| alive) else {
            self.emit(Event::InfoFailed { call, status: 481 });
            return;
        };
        let mut info = dialog.request(Method::Info, None);
        add_headers(&mut info.headers, &headers);
        set_body(&mut info.headers, &mut info.body, &body);
        if let Some(digest) = &mut known.digest {
            digest.begin();
            digest.authorize(flow, &mut info, &mut self.random);
        }
        self.start_client(now, flow, info, Use::Info(call));
    }

    pub(super) fn info_response(
        &mut self,
        now: Instant,
        flow: FlowId,
        handle: CallHandle,
        sent: &Request,
        response: &Response,
    ) {
        if response.is_provisional() || response.is_success() {
            return;
        }
        match self.answer_challenge(flow, handle, sent, response) {
            Some(again) => {
                self.start_client(now, flow, again, Use::Info(handle));
            }
            None => self.info_finished(now, handle, response.status),
        }
    }

    pub(super) fn info_finished(&mut self, now: Instant, handle: CallHandle, status: u16) {
        if !self.calls.contains_key(&handle) {
            return;
        }
        self.emit(Event::InfoFailed {
            call: handle,
            status,
        });
        self.dialog_unknown_to_peer(now, handle, status);
    }

    /// 481 to a request in an established dialog: the peer has forgotten it (section 12.2.1.2).
    fn dialog_unknown_to_peer(&mut self, _now: Instant, handle: CallHandle, status: u16) {
        let established = self
            .calls
            .get(&handle)
            .is_some_and(|call| call.phase == Phase::Confirmed);
        if status == 481 && established {
            self.remove_call(handle);
            let reason = Some(Reason::sip(481, "the peer does not know this call"));
            self.emit(Event::Ended {
                call: handle,
                reason,
                headers: Headers::new(),
            });
        }
    }

    /// Offers a changed session. [`Event::ReinviteResult`] follows; 491 (both at once) is tried
    /// again after the pause of section 14.1.
    pub fn reinvite(&mut self, now: Instant, call: CallHandle, body: Body) {
        let Some(known) = self.calls.get_mut(&call) else {
            return;
        };
        let free = known.phase == Phase::Confirmed
            && known.reinvite_out.is_none()
            && known.bye_wanted.is_none();
        if !free || known.reinvite_in.is_some() || known.accepted.is_some() {
            self.emit(Event::ReinviteResult {
                call,
                status: 491,
                response: None,
            });
            return;
        }
        known.reinvite_out = Some(Reinviting {
            body,
            tries: 0,
            retry_at: None,
        });
        self.send_reinvite(now, call);
    }

    fn send_reinvite(&mut self, now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let flow = call.flow;
        let contact = call.contact.to_string();
        let (Some(dialog), Some(reinvite)) = (&mut call.dialog, &mut call.reinvite_out) else {
            return;
        };
        reinvite.tries += 1;
        reinvite.retry_at = None;
        let mut request = dialog.request(Method::Invite, None);
        request.headers.push("Contact", &contact);
        request.headers.push("Allow", ALLOW);
        request.headers.push("Supported", "outbound");
        set_body(&mut request.headers, &mut request.body, &reinvite.body);
        if let Some(digest) = &mut call.digest {
            digest.begin();
            digest.authorize(flow, &mut request, &mut self.random);
        }
        self.start_client(now, flow, request, Use::Reinvite(handle));
    }

    pub(super) fn retry_reinvite(&mut self, now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let Some(reinvite) = &mut call.reinvite_out else {
            return;
        };
        if call.reinvite_in.is_some() || call.accepted.is_some() {
            // Theirs came first and is not done: a little later.
            reinvite.retry_at = Some(now + Duration::from_millis(500));
        } else {
            self.send_reinvite(now, handle);
        }
    }

    pub(super) fn reinvite_response(
        &mut self,
        now: Instant,
        flow: FlowId,
        handle: CallHandle,
        sent: &Request,
        response: &Response,
    ) {
        if response.is_provisional() {
            return;
        }
        if response.is_success() {
            self.reinvite_accepted(handle, sent, response);
            return;
        }
        if let Some(again) = self.answer_challenge(flow, handle, sent, response) {
            self.start_client(now, flow, again, Use::Reinvite(handle));
            return;
        }
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let owner = call.caller;
        let Some(reinvite) = &mut call.reinvite_out else {
            return;
        };
        if response.status == 491 && reinvite.tries < REINVITE_TRIES_MAX {
            // The owner of the Call-ID waits longer, so that the other comes first.
            let (low, high) = if owner { (2100, 4000) } else { (0, 2000) };
            let pause = self.random.between(
                Duration::from_millis(low),
                Duration::from_millis(high),
                GLARE_STEP,
            );
            reinvite.retry_at = Some(now + pause);
            self.reschedule_call(handle);
            return;
        }
        self.reinvite_finished(now, handle, response.status, Some(response.clone()));
    }

    fn reinvite_accepted(&mut self, handle: CallHandle, sent: &Request, response: &Response) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let acknowledged = call.ack.as_ref().map(|(number, _)| *number);
        if acknowledged.is_some() && acknowledged == response.headers.cseq().map(|cseq| cseq.number)
        {
            self.repeat_ack(handle, response);
            return;
        }
        if let Some(dialog) = &mut call.dialog {
            dialog.refresh_target(&response.headers);
        }
        let wanted = call.reinvite_out.take().is_some();
        self.send_ack(handle, sent);
        self.reschedule_call(handle);
        if wanted {
            self.emit(Event::ReinviteResult {
                call: handle,
                status: response.status,
                response: Some(response.clone()),
            });
        }
    }

    pub(super) fn reinvite_finished(
        &mut self,
        now: Instant,
        handle: CallHandle,
        status: u16,
        response: Option<Response>,
    ) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        if call.reinvite_out.take().is_none() {
            return;
        }
        self.reschedule_call(handle);
        self.emit(Event::ReinviteResult {
            call: handle,
            status,
            response,
        });
        self.dialog_unknown_to_peer(now, handle, status);
    }

    fn receive_reinvite(
        &mut self,
        now: Instant,
        flow: FlowId,
        key: ServerKey,
        handle: CallHandle,
        request: Request,
    ) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let ours = call
            .reinvite_out
            .as_ref()
            .is_some_and(|reinvite| reinvite.retry_at.is_none());
        if ours || call.phase == Phase::Inviting {
            self.answer_at_once(now, flow, key, &request, 491, &[]);
            return;
        }
        if call.phase == Phase::Incoming || call.reinvite_in.is_some() || call.accepted.is_some() {
            // Theirs before is not done (section 14.2).
            let wait = (self.random.number() % 10).to_string();
            self.answer_at_once(now, flow, key, &request, 500, &[("Retry-After", &wait)]);
            return;
        }
        if let Some(dialog) = &mut call.dialog {
            dialog.refresh_target(&request.headers);
        }
        let id = self.start_server(
            now,
            flow,
            key,
            &request,
            Use::IncomingReinvite(handle),
            String::new(),
        );
        if let Some(call) = self.calls.get_mut(&handle) {
            call.reinvite_in = Some(id);
        }
        self.emit(Event::Reinvite {
            call: handle,
            request,
        });
    }

    /// Answers the peer's re-INVITE. A 2xx is repeated until its ACK.
    pub fn answer_reinvite(
        &mut self,
        now: Instant,
        call: CallHandle,
        status: u16,
        body: Option<Body>,
    ) {
        let Some(known) = self.calls.get_mut(&call) else {
            return;
        };
        let final_status = (200..700).contains(&status);
        let Some(id) = known.reinvite_in.take_if(|_| final_status) else {
            return;
        };
        let Some(response) = self.invite_answer(call, id, status, &[], body.as_ref()) else {
            return;
        };
        if status < 300 {
            self.send_accepted(now, call, id, &response);
        } else {
            self.answer(now, id, &response);
        }
    }
}
