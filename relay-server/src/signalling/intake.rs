//! SIP → domain: what peers ask for.

use std::time::Instant;

use relay_core::session::Decline;
use tracing::{debug, info};
use vrs_domain::{CaId, EndReason, Epoch, LanguagePair, Leg, PhoneNumber, SessionId};
use vrs_sip::{
    CallHandle, Contacts, Event, FlowId, Headers, Method, Request, Response, TransactionHandle, Uri,
};

use super::actor::{Actor, Use};
use super::auth::Verdict;
use super::registrar::{self, Binding, Gone};
use super::wire;
use crate::accounts::{Account, Role};
use crate::session::driver;
use crate::session::{Message, Place};
use crate::store::RegistrationRow;

/// What we understand (RFC 3261 section 20.5).
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REGISTER";
/// Calls one account may have at once.
const CALLS_PER_ACCOUNT_MAX: usize = 3;
const SDP: &str = "application/sdp";

impl Actor {
    pub(super) fn on_event(&mut self, now: Instant, event: Event) {
        if let Event::HungUp { call }
        | Event::Ended { call, .. }
        | Event::Failed { call, .. }
        | Event::Cancelled { call } = event
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
            Event::Answered { call, response } => self.on_answered(now, call, &response),
            Event::Failed {
                call,
                status,
                response,
            } => self.on_failed(call, status, response.is_some()),
            Event::Cancelled { call } | Event::Ended { call, .. } => {
                if let Some(used) = self.forget(call) {
                    self.directory()
                        .tell(used.session, Message::HungUp(used.leg));
                }
            }
            Event::FlowLost { call } => self.on_call_flow_lost(now, call),
            Event::HungUp { call } => {
                self.forget(call);
            }
            Event::Malformed { flow, error } => {
                info!(flow = flow.0, %error, "malformed SIP refused")
            }
            Event::Info { .. }
            | Event::InfoFailed { .. }
            | Event::ReinviteResult { .. }
            | Event::Registered { .. }
            | Event::RegistrationFailed { .. }
            | Event::Response { .. } => {}
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

    fn verify(&mut self, now: Instant, flow: FlowId, request: &Request) -> Verdict {
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
        match self.registrar.bind(user, binding) {
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
        } = account.role()
        {
            let away = request
                .headers
                .get(wire::AVAILABILITY)
                .is_some_and(|word| word.trim() == "away");
            self.queue()
                .sign_in(ca_id.clone(), languages.clone(), skills.clone(), !away);
        }
        self.resume_calls(user, flow);
        let mut headers = self.contacts(now, user);
        if request
            .headers
            .get_all("Supported")
            .any(|value| value.contains("outbound"))
        {
            headers.push(("Require".into(), "outbound".into()));
        }
        self.endpoint.respond(now, txn, 200, headers, None);
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
                let session = place.session;
                let account = Some(place.caller.to_string());
                let mut used = Use::new(session, Leg::Caller, account);
                used.instance = self.registrar.instance_on(flow);
                used.correlation = Some(place.correlation.clone());
                used.wants_status = wants_status(&request.headers);
                self.remember(call, used);
                driver::spawn(self.services.clone(), place);
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
                let headers = vec![
                    ("Retry-After".into(), seconds.to_string()),
                    self.warning(why),
                ];
                self.endpoint.reject(now, call, 503, headers);
            }
            Err(Refusal::Status(status, why)) => {
                info!(status, why, "call refused");
                let headers = vec![self.warning(why)];
                self.endpoint.reject(now, call, status, headers);
            }
        }
    }

    fn warning(&self, why: &str) -> (String, String) {
        ("Warning".into(), format!("399 {} \"{why}\"", self.domain))
    }

    /// Who calls whom, in which languages, with which media; all of it checked.
    fn accept_invite(
        &mut self,
        now: Instant,
        flow: FlowId,
        request: &Request,
    ) -> Result<Place, Refusal> {
        if self.stopping.is_cancelled() {
            return Err(Refusal::Reason(EndReason::ServiceStopping));
        }
        let open = self
            .flows
            .get(flow)
            .ok_or(Refusal::Status(503, "the connection is gone"))?;
        if open.trunk.is_some() {
            return Err(Refusal::Reason(EndReason::NotAllowed));
        }
        let user = open.user.clone();
        let account = match user.and_then(|user| self.auth.account(&user)) {
            Some(account) => account,
            None => match self.verify(now, flow, request) {
                Verdict::Known(account) => account,
                Verdict::Challenge(challenges) | Verdict::Wrong(challenges) => {
                    return Err(Refusal::Challenge(challenges));
                }
                Verdict::TooMany(seconds) => {
                    return Err(Refusal::Busy(seconds, "too many wrong passwords"));
                }
            },
        };
        // A09: nobody calls in another's name.
        if request
            .headers
            .from()
            .and_then(|from| from.uri.user_decoded())
            .as_deref()
            != Some(account.username())
        {
            return Err(Refusal::Reason(EndReason::NotAllowed));
        }
        let Role::Caller { number: caller } = account.role() else {
            return Err(Refusal::Reason(EndReason::NotAllowed));
        };
        let user = account.username();
        let same = |used: &&Use| used.leg == Leg::Caller && used.account.as_deref() == Some(user);
        let running = self.calls.values().filter(same).count();
        if running >= CALLS_PER_ACCOUNT_MAX || !self.auth.may_call(now, user) {
            return Err(Refusal::Busy(
                wire::RETRY_AFTER_S,
                "too many calls of this account",
            ));
        }
        let number = dialled(&request.uri).ok_or(Refusal::Reason(EndReason::NumberInvalid))?;
        let languages = match request.headers.get(wire::LANGUAGES) {
            Some(text) => text
                .trim()
                .parse()
                .map_err(|_| Refusal::Status(400, "VRS-Languages is not like ase/en"))?,
            None => LanguagePair::default(),
        };
        let offer = sdp(&request.headers, &request.body)
            .ok_or(Refusal::Status(488, "an SDP offer is needed"))?;
        let session = SessionId(self.new_uuid().as_u128());
        Ok(Place {
            session,
            caller: caller.clone(),
            number,
            languages,
            offer,
            correlation: wire::correlation(&request.headers)
                .unwrap_or_else(|| self.new_uuid().simple().to_string()),
        })
    }

    /// The media plane decides about a new offer on a standing leg; without a body the peer asks
    /// for ours (RFC 3261 section 14.2).
    fn on_reinvite(&mut self, now: Instant, call: CallHandle, request: &Request) {
        let offer = sdp(&request.headers, &request.body);
        let readable = offer.is_some() || request.body.is_empty();
        let Some(used) = self.calls.get(&call).filter(|_| readable) else {
            self.endpoint.answer_reinvite(now, call, 488, None);
            return;
        };
        let (session, leg) = (used.session, used.leg);
        self.directory()
            .tell(session, Message::Reoffered { leg, sdp: offer });
    }

    /// An ACK with a body answers an offer of ours (RFC 3264 section 4).
    fn on_acked(&mut self, call: CallHandle, body: Option<Vec<u8>>) {
        let answer = body.and_then(|body| String::from_utf8(body).ok());
        if let Some(sdp) = answer.filter(|sdp| !sdp.is_empty())
            && let Some(used) = self.calls.get(&call)
        {
            let leg = used.leg;
            self.directory()
                .tell(used.session, Message::Reanswered { leg, sdp });
        }
    }

    fn on_progress(&mut self, call: CallHandle, response: &Response) {
        let Some(used) = self.calls.get(&call) else {
            return;
        };
        if used.leg == Leg::Hearing && matches!(response.status, 180 | 183) {
            let sdp = sdp(&response.headers, &response.body);
            self.directory()
                .tell(used.session, Message::HearingRang { sdp });
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
        let (session, leg, invited) = (used.session, used.leg, used.invited.clone());
        let sdp = body.unwrap_or_default();
        match (leg, invited) {
            (Leg::Hearing, _) => self
                .directory()
                .tell(session, Message::HearingAnswered { sdp }),
            (Leg::Interpreter, Some((ca, epoch))) => {
                self.directory()
                    .tell(session, Message::InterpreterAnswered { ca, epoch, sdp });
            }
            (Leg::Interpreter | Leg::Caller, _) => debug!("an answer to nothing we asked"),
        }
    }

    fn on_failed(&mut self, call: CallHandle, status: u16, answered: bool) {
        let Some(used) = self.forget(call) else {
            return;
        };
        let message = match (used.leg, used.invited) {
            (Leg::Hearing, _) => Message::HearingFailed {
                // Without a word from the gateway it is the trunk that failed, not the telephone.
                reason: if answered {
                    hearing_failure(status)
                } else {
                    EndReason::TrunkUnavailable
                },
            },
            (Leg::Interpreter, Some((ca, epoch))) => Message::InterpreterRefused {
                ca,
                epoch,
                how: declined(status),
            },
            (Leg::Interpreter | Leg::Caller, _) => Message::Lost(used.leg),
        };
        self.directory().tell(used.session, message);
    }
}

/// Why an INVITE is not taken.
enum Refusal {
    Challenge(Vec<String>),
    Reason(EndReason),
    Status(u16, &'static str),
    /// 503, to be tried again after so many seconds.
    Busy(u32, &'static str),
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

/// What a failure of an invitation means.
fn declined(status: u16) -> Decline {
    match status {
        486 | 480 | 600 | 603 => Decline::Declined,
        _ => Decline::Lost,
    }
}

fn challenge_headers(challenges: Vec<String>) -> Vec<(String, String)> {
    challenges
        .into_iter()
        .map(|challenge| ("WWW-Authenticate".to_owned(), challenge))
        .collect()
}

/// The telephone number in a Request-URI: `sip:+1…@domain` or `tel:+1…` (R34, R35).
fn dialled(uri: &Uri) -> Option<PhoneNumber> {
    uri.user_decoded()?.parse().ok()
}

fn sdp(headers: &Headers, body: &[u8]) -> Option<String> {
    let kind = headers.get("Content-Type")?;
    let is_sdp = kind
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(SDP));
    (is_sdp && !body.is_empty())
        .then(|| String::from_utf8(body.to_vec()).ok())
        .flatten()
}

fn wants_status(headers: &Headers) -> bool {
    headers.lists_token("Recv-Info", wire::STATUS_PACKAGE)
}

/// A CA id and epoch, as sent with an invitation.
pub(super) type Invited = (CaId, Epoch);
