//! SIP → domain: what peers ask for.

use std::time::Instant;

use relay_core::queue::InterpreterProfile;
use relay_core::session::Decline;
use tracing::{debug, info};
use vrs_domain::{CaId, CallCenter, EndReason, Leg, Urgency};
use vrs_sip::{
    CallHandle, Contacts, Event, FlowId, Headers, Method, Reason, Request, Response,
    TransactionHandle, multipart,
};

use super::actor::{Actor, Use};
use super::auth::Verdict;
use super::place::Refusal;
use super::registrar::{self, Binding, Gone};
use super::{away, wire};
use crate::accounts::{Account, Role};
use crate::session::driver;
use crate::session::{Message, News};
use crate::store::RegistrationRow;

/// What we understand (RFC 3261 section 20.5).
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REGISTER";
const SDP: &str = "application/sdp";

impl Actor {
    pub(super) fn on_event(&mut self, now: Instant, event: Event) {
        if let Event::HungUp { call }
        | Event::Ended { call, .. }
        | Event::Failed { call, .. }
        | Event::Cancelled { call, .. } = event
        {
            self.on_call_over(now, call);
        }
        match event {
            Event::IncomingInvite {
                call,
                flow,
                request,
            } => self.on_invite(now, call, flow, &request),
            Event::IncomingRequest { txn, flow, request } => {
                self.on_request(now, txn, flow, &request)
            }
            Event::Reinvite { call, request } => self.on_reinvite(now, call, &request),
            Event::Acked { call, body } => self.on_acked(call, body),
            Event::Progress { call, response } => self.on_progress(call, &response),
            Event::Answered { call, response } if self.is_fork(call) => {
                self.on_fork_answered(now, call, &response);
            }
            Event::Answered { call, response } => self.on_answered(now, call, &response),
            Event::Failed {
                call,
                status,
                response,
            } if self.is_fork(call) => {
                self.on_fork_failed(now, call, status, response.is_some());
            }
            Event::Failed {
                call,
                status,
                response,
            } => self.on_failed(now, call, status, response.is_some()),
            Event::Info { call, request } => self.on_info(call, &request),
            Event::ReinviteResult {
                call,
                status,
                response,
            } => self.on_reinvite_result(call, status, response.as_ref()),
            // The peer ended the call for a reason that is not its party's wish.
            Event::Ended {
                call,
                reason: Some(reason),
                ..
            } if is_failure(&reason) => self.on_gone(call, News::Lost),
            // A CANCEL has headers.
            Event::Cancelled { call, headers } if headers.is_empty() => {
                self.on_caller_away(now, call);
            }
            Event::Cancelled { call, .. } | Event::Ended { call, .. } => {
                self.on_gone(call, News::HungUp);
            }
            Event::FlowLost { call } => self.on_call_flow_lost(now, call),
            Event::HungUp { call } => {
                self.forget(call);
            }
            Event::Malformed { flow, error } => {
                info!(flow = flow.0, %error, "malformed SIP refused")
            }
            Event::InfoFailed { .. }
            | Event::Registered { .. }
            | Event::EnclosureRefused { .. }
            | Event::RegistrationFailed { .. }
            | Event::Response { .. } => {}
        }
    }

    /// A call is over from the other side. That of a leg which has another call by now, because its
    /// party was called anew, says nothing about it.
    fn on_gone(&mut self, call: CallHandle, news: News) {
        let is_leg = self.is_leg(call);
        if let Some(used) = self.forget(call).filter(|_| is_leg) {
            self.tell_of(&used, news);
        }
    }

    fn on_request(
        &mut self,
        now: Instant,
        txn: TransactionHandle,
        flow: FlowId,
        request: &Request,
    ) {
        if request.method == Method::Register {
            return self.on_register(now, txn, flow, request);
        }
        // A08: nothing is delivered for strangers, and nothing of this kind for anyone yet.
        let status = if request.method == Method::Options {
            200
        } else {
            405
        };
        let headers = vec![
            ("Allow".into(), ALLOW.into()),
            ("Accept".into(), SDP.into()),
        ];
        self.endpoint.respond(now, txn, status, headers, None);
    }

    fn on_register(
        &mut self,
        now: Instant,
        txn: TransactionHandle,
        flow: FlowId,
        request: &Request,
    ) {
        if self.flows.get(flow).is_none_or(|open| open.trunk.is_some()) {
            return self.endpoint.respond(now, txn, 403, Vec::new(), None);
        }
        let account = match self.verify(now, flow, request) {
            Verdict::Known(account) => account,
            Verdict::Challenge(challenges) => {
                return self
                    .endpoint
                    .respond(now, txn, 401, challenge_headers(challenges), None);
            }
            Verdict::TooMany(seconds) => {
                let headers = vec![("Retry-After".into(), seconds.to_string())];
                return self.endpoint.respond(now, txn, 503, headers, None);
            }
            Verdict::Wrong(challenges) => {
                info!(flow = flow.0, "registration refused: wrong credentials");
                metrics::counter!("visavis_authentication_failures_total").increment(1);
                return self
                    .endpoint
                    .respond(now, txn, 401, challenge_headers(challenges), None);
            }
        };
        // A07: only one's own address of record can be registered.
        if request
            .headers
            .to()
            .and_then(|to| to.uri.user_decoded())
            .as_deref()
            != Some(account.username())
        {
            info!(
                flow = flow.0,
                "registration refused: another account's address"
            );
            return self.endpoint.respond(now, txn, 403, Vec::new(), None);
        }
        self.bind(now, txn, flow, request, &account);
    }

    pub(super) fn verify(&mut self, now: Instant, flow: FlowId, request: &Request) -> Verdict {
        match self.flows.get(flow) {
            Some(open) => self.auth.verify(now, open.peer.ip(), request),
            None => Verdict::Challenge(Vec::new()),
        }
    }

    fn bind(
        &mut self,
        now: Instant,
        txn: TransactionHandle,
        flow: FlowId,
        request: &Request,
        account: &Account,
    ) {
        let user = account.username();
        let expires = request
            .headers
            .get("Expires")
            .and_then(|value| value.trim().parse::<u32>().ok());
        let parsed = match request.headers.contacts() {
            Some(Contacts::List(list)) => list.into_iter().next(),
            Some(Contacts::Star) | None => None,
        };
        let asked = parsed
            .as_ref()
            .and_then(|c| c.params.get("expires")?.parse().ok())
            .or(expires);
        self.flows.set_user(flow, user);
        let Some(contact) = parsed.filter(|_| asked != Some(0)) else {
            // Contact: * with Expires: 0, a contact given up, or a mere question.
            if asked == Some(0) {
                let gone = self.registrar.unbind(user, flow);
                self.gone(gone);
            }
            return self
                .endpoint
                .respond(now, txn, 200, self.contacts(now, user), None);
        };
        let granted = registrar::granted(asked);
        let instance = contact
            .params
            .get("+sip.instance")
            .map(|value| value.trim_matches('"').to_owned());
        let binding = Binding {
            flow,
            contact: contact.uri.to_string(),
            instance,
            expires: now + granted,
        };
        let row = RegistrationRow {
            account: user.to_owned(),
            binding: binding.contact.clone(),
            contact: binding.contact.clone(),
            expires_at_ms: self.services.clock.now().utc_ms + granted.as_millis() as u64,
            user_agent: request.headers.get("User-Agent").map(str::to_owned),
        };
        match self.registrar.bind(user, binding.clone()) {
            Ok(Some(before)) => self.close_flow(now, before),
            Ok(None) => {}
            Err(error) => {
                info!(%error, "registration refused");
                let headers = vec![self.warning(&error.to_string())];
                return self.endpoint.respond(now, txn, 403, headers, None);
            }
        }
        self.services.views.registered(row);
        if let Role::Interpreter {
            ca_id,
            languages,
            skills,
            gender,
            supervisor,
            ..
        } = account.role()
        {
            let profile = InterpreterProfile {
                languages: languages.clone(),
                skills: skills.clone(),
                gender: *gender,
                supervisor: *supervisor,
            };
            let chosen = match wire::chosen(request.headers.get(wire::AVAILABILITY)) {
                Ok(chosen) => chosen,
                Err(error) => {
                    let headers = vec![self.warning(&format!("{}: {error}", wire::AVAILABILITY))];
                    return self.endpoint.respond(now, txn, 400, headers, None);
                }
            };
            self.queue().sign_in(ca_id.clone(), profile, chosen);
        }
        self.resume_calls(user, flow);
        self.see_off(now);
        self.ring_newcomer(now, user, &binding);
        let mut headers = self.contacts(now, user);
        if request
            .headers
            .get_all("Supported")
            .any(|value| value.contains("outbound"))
        {
            headers.push(("Require".into(), "outbound".into()));
        }
        if let Some(turn) = &self.turn {
            let now_s = self.services.clock.now().utc_ms / 1_000;
            headers.extend(turn.headers(user, now_s));
        }
        self.grant(now, txn, request, account, headers);
    }

    /// The standing bindings, as a registrar must list them (RFC 3261 section 10.3 step 8).
    fn contacts(&self, now: Instant, user: &str) -> Vec<(String, String)> {
        let bindings = self.registrar.bindings(user).iter();
        let list = bindings.map(|binding| {
            let left = binding.expires.saturating_duration_since(now).as_secs();
            let instance = binding
                .instance
                .as_ref()
                .map(|i| format!(";+sip.instance=\"{i}\""))
                .unwrap_or_default();
            (
                "Contact".to_owned(),
                format!("<{}>{instance};expires={left}", binding.contact),
            )
        });
        list.collect()
    }

    /// Devices are gone; an interpreter without any takes no more calls.
    pub(super) fn gone(&mut self, gone: Vec<Gone>) {
        for Gone { user, contact } in gone {
            self.services.views.unregistered(&user, &contact);
            if self.registrar.bindings(&user).is_empty()
                && let Some(account) = self.auth.account(&user)
                && let Role::Interpreter { ca_id, .. } = account.role()
            {
                self.queue().sign_out(ca_id.clone());
            }
        }
    }

    fn on_invite(&mut self, now: Instant, call: CallHandle, flow: FlowId, request: &Request) {
        match self.accept_invite(now, flow, request) {
            Ok(place) => {
                let taken_up = self.taken_up(&place);
                let session = taken_up.unwrap_or(place.session);
                let leg = place.placed.kind.calling();
                let account = place.placed.caller.as_ref().map(ToString::to_string);
                let account = account.filter(|_| place.trunk.is_none());
                let mut used = Use::new(session, leg, account);
                used.incoming = true;
                used.placed = Some((place.placed.kind, place.placed.urgency));
                used.resumes = away::resumes(&place);
                used.emergency = place.placed.urgency == Urgency::Emergency;
                used.trunk.clone_from(&place.trunk);
                used.instance = self.registrar.instance_on(flow);
                used.correlation = Some(place.correlation.clone());
                used.wants_status = wants_status(&request.headers);
                if taken_up.is_some() {
                    self.taken_up_times = self.taken_up_times.wrapping_add(1).max(1);
                    used.offered = self.taken_up_times;
                }
                let offered = used.offered;
                self.remember(call, used);
                if taken_up.is_some() {
                    let offer = place.offer;
                    let back = Message::CallerBack { offer, offered };
                    self.directory().tell(session, back);
                } else {
                    driver::spawn(self.services.clone(), place);
                }
            }
            Err(Refusal::Challenge(challenges)) => {
                self.endpoint
                    .reject(now, call, 401, challenge_headers(challenges));
            }
            Err(Refusal::Reason(reason)) => {
                info!(%reason, "call refused");
                metrics::counter!("visavis_calls_refused_total", "reason" => reason.word())
                    .increment(1);
                self.endpoint.reject(
                    now,
                    call,
                    reason.sip_status(),
                    wire::refusal_headers(reason),
                );
            }
            Err(Refusal::Busy(seconds, why)) => {
                info!(why, "call refused");
                let mut headers = wire::reason_headers(EndReason::TooManyCalls);
                headers.extend([
                    ("Retry-After".into(), seconds.to_string()),
                    self.warning(why),
                ]);
                self.endpoint.reject(now, call, 503, headers);
            }
            Err(Refusal::Why(reason, why)) => {
                info!(%reason, why, "call refused");
                metrics::counter!("visavis_calls_refused_total", "reason" => reason.word())
                    .increment(1);
                let mut headers = wire::refusal_headers(reason);
                headers.push(self.warning(&why));
                self.endpoint
                    .reject(now, call, reason.sip_status(), headers);
            }
        }
    }

    pub(super) fn warning(&self, why: &str) -> (String, String) {
        ("Warning".into(), format!("399 {} \"{why}\"", self.domain))
    }

    /// The media plane decides about a new offer on a standing leg; without a body the peer asks
    /// for ours (RFC 3261 section 14.2).
    fn on_reinvite(&mut self, now: Instant, call: CallHandle, request: &Request) {
        let offer = sdp(&request.headers, &request.body);
        let readable = offer.is_some() || request.body.is_empty();
        let Some(used) = self.leg_of(call).filter(|_| readable) else {
            self.endpoint.answer_reinvite(now, call, 488, None);
            return;
        };
        self.tell_of(used, News::Reoffered { sdp: offer });
    }

    /// An ACK with a body answers an offer of ours (RFC 3264 section 4).
    fn on_acked(&mut self, call: CallHandle, body: Option<Vec<u8>>) {
        let answer = body.and_then(|body| String::from_utf8(body).ok());
        if let Some(sdp) = answer.filter(|sdp| !sdp.is_empty())
            && let Some(used) = self.leg_of(call)
        {
            self.tell_of(used, News::Reanswered { sdp });
        }
    }

    fn on_progress(&mut self, call: CallHandle, response: &Response) {
        let Some(used) = self.calls.get(&call) else {
            return;
        };
        let called = used.leg == Leg::Hearing || self.is_fork(call);
        if called && matches!(response.status, 180 | 183) {
            let sdp = sdp(&response.headers, &response.body);
            let rang = Message::CalledRang { sdp };
            self.directory().tell(used.session, rang);
        }
    }

    fn on_answered(&mut self, now: Instant, call: CallHandle, response: &Response) {
        let body = sdp(&response.headers, &response.body);
        let wants_status = wants_status(&response.headers);
        let Some(used) = self.calls.get_mut(&call) else {
            // Answered after we gave it up: nobody is left to talk.
            self.endpoint.hang_up(now, call, None);
            return;
        };
        used.wants_status = wants_status;
        used.answered = true;
        used.enclosed = None;
        let (session, leg, invited) = (used.session, used.leg, used.invited.clone());
        let sdp = body.unwrap_or_default();
        let message = match (leg, invited) {
            (Leg::Hearing, _) => {
                let flow = self.endpoint.call_flow(call);
                let address = flow.and_then(|flow| Some(self.flows.get(flow)?.peer.ip()));
                Message::CalledAnswered { leg, sdp, address }
            }
            (_, Some(asked)) => {
                let center = self.center(&asked.ca);
                Message::InterpreterAnswered { asked, center, sdp }
            }
            (_, None) => return debug!("an answer to nothing we asked"),
        };
        // A telephone that answered is in the record before the conversation is: a kill in between
        // leaves nobody on the line of whom the next process knows nothing. An interpreter's leg
        // belongs to the session only once they have the seat.
        if leg.seat().is_none() {
            self.bind_leg(call);
        }
        self.directory().tell(session, message);
        if leg.seat().is_some() {
            self.bind_leg(call);
        }
    }

    /// Where an interpreter works, as their account says.
    fn center(&self, ca: &CaId) -> Option<CallCenter> {
        let account = self.auth.account(ca.as_str())?;
        match account.role() {
            Role::Interpreter { center, .. } => center.clone(),
            Role::Caller { .. } => None,
        }
    }

    /// An interpreter asks for another one; nobody else may.
    fn on_info(&mut self, call: CallHandle, request: &Request) {
        let asked: Option<wire::SeatRequest> = serde_json::from_slice(&request.body).ok();
        let Some(used) = self.calls.get(&call) else {
            return;
        };
        let (Some(asked), Leg::Interpreter) = (asked, used.leg) else {
            return info!(session = %used.session, leg = %used.leg, "an INFO that says nothing");
        };
        let reason = asked.reason.as_ref().map(|reason| reason.parse());
        let (Ok(seat), Ok(reason)) = (asked.seat.parse(), reason.transpose()) else {
            return info!(session = %used.session, "an unknown seat or reason was asked for");
        };
        let message = if asked.withdraw {
            Message::SeatWithdrawn { seat }
        } else {
            Message::SeatAsked { seat, reason }
        };
        self.directory().tell(used.session, message);
    }

    fn on_reinvite_result(&mut self, call: CallHandle, status: u16, response: Option<&Response>) {
        let Some(used) = self.leg_of(call) else {
            return;
        };
        let sdp = response
            .filter(|_| (200..300).contains(&status))
            .and_then(|response| sdp(&response.headers, &response.body));
        self.tell_of(used, News::ReinviteAnswered { sdp });
    }

    fn on_failed(&mut self, now: Instant, call: CallHandle, status: u16, answered: bool) {
        let Some(mut used) = self.forget(call) else {
            return;
        };
        if self.place_bare(now, &mut used, status, answered) {
            return;
        }
        let message = match (used.leg, used.invited.clone()) {
            (Leg::Hearing, _) => Message::CalledFailed {
                leg: Leg::Hearing,
                // Without a word from the gateway it is the trunk that failed, not the telephone.
                reason: if answered {
                    hearing_failure(status)
                } else {
                    EndReason::TrunkUnavailable
                },
            },
            (_, Some(asked)) => Message::InterpreterRefused {
                asked,
                how: declined(status),
                unfit: matches!(status, 415 | 488 | 606),
            },
            (_, None) => return self.tell_of(&used, News::Lost),
        };
        self.directory().tell(used.session, message);
    }
}

/// What a failure of the telephone's leg means.
fn hearing_failure(status: u16) -> EndReason {
    match status {
        486 | 600 => EndReason::HearingBusy,
        408 | 480 | 487 => EndReason::HearingNoAnswer,
        404 | 410 | 484 | 604 => EndReason::NumberInvalid,
        415 | 488 | 606 => EndReason::MediaFailed,
        403 | 433 | 603 | 607 | 608 => EndReason::NumberRefused,
        _ => EndReason::TrunkUnavailable,
    }
}

/// Whether a BYE says that the leg broke down rather than that somebody hung up: any cause but
/// normal clearing and its like (Q.850 causes 16, 17 and 31; RFC 3326).
fn is_failure(reason: &Reason) -> bool {
    let normal = match reason.protocol.to_ascii_uppercase().as_str() {
        "Q.850" => matches!(reason.cause, 16 | 17 | 31),
        "SIP" => !matches!(reason.cause, 408 | 481 | 500..600),
        _ => true,
    };
    !normal
}

/// What a failure of an invitation means.
fn declined(status: u16) -> Decline {
    match status {
        486 | 480 | 600 | 603 => Decline::Declined,
        _ => Decline::Lost,
    }
}

pub(super) fn challenge_headers(challenges: Vec<String>) -> Vec<(String, String)> {
    challenges
        .into_iter()
        .map(|challenge| ("WWW-Authenticate".to_owned(), challenge))
        .collect()
}

pub(super) fn sdp(headers: &Headers, body: &[u8]) -> Option<String> {
    let is_sdp = multipart::is_type(headers.get("Content-Type")?, SDP);
    (is_sdp && !body.is_empty())
        .then(|| String::from_utf8(body.to_vec()).ok())
        .flatten()
}

pub(super) fn wants_status(headers: &Headers) -> bool {
    headers.lists_token("Recv-Info", wire::STATUS_PACKAGE)
}
