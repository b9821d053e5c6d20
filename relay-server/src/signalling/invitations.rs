//! Asking interpreters: each of them one thing at a time, as the queue says.
//!
//! A CANCEL has to wait for the first answer to its INVITE (RFC 3261 section 9.1). What takes an
//! invitation back may so reach an interpreter after the next invitation, which would find them
//! busy. The next one therefore waits here until the last leg of that interpreter is over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use relay_core::queue::Match;
use relay_core::session::Decline;
use vrs_domain::{CaId, CallKind, EndReason, Epoch, LanguagePair, PhoneNumber, SessionId, Urgency};
use vrs_sip::{Body, CallHandle, InviteParams, NameAddr, Uri};

use super::actor::{Actor, Use};
use super::outgoing::session_headers;
use super::wire;
use crate::session::Message;

/// What an interpreter is asked.
#[derive(Debug)]
pub struct Invitation {
    /// Who, for which seat of which session.
    pub asked: Match,
    /// Our SDP offer.
    pub sdp: String,
    /// What kind of call it is.
    pub kind: CallKind,
    /// How urgent it is.
    pub urgency: Urgency,
    /// The number that is called.
    pub number: PhoneNumber,
    /// Who calls, unless they withhold it.
    pub caller: Option<PhoneNumber>,
    /// What is to be interpreted.
    pub languages: LanguagePair,
    /// After this time the next one is asked.
    pub answer_within: Duration,
}

impl Invitation {
    fn headers(&self) -> Vec<(String, String)> {
        let mut headers = session_headers(self.asked.session);
        headers.extend([
            (wire::SEAT.to_owned(), self.asked.seat.to_string()),
            (wire::EPOCH.to_owned(), self.asked.epoch.to_string()),
            (wire::KIND.to_owned(), self.kind.to_string()),
            (wire::URGENCY.to_owned(), self.urgency.to_string()),
            (wire::CALLED_NUMBER.to_owned(), self.number.to_string()),
            (wire::LANGUAGES.to_owned(), self.languages.to_string()),
            (
                wire::ANSWER_WITHIN.to_owned(),
                self.answer_within.as_secs().to_string(),
            ),
            ("Recv-Info".to_owned(), wire::SEAT_PACKAGE.to_owned()),
        ]);
        let caller = self.caller.as_ref();
        headers.extend(caller.map(|caller| (wire::CALLER_NUMBER.to_owned(), caller.to_string())));
        headers
    }
}

/// Legs of interpreters that are being ended, and who waits for that.
#[derive(Debug, Default)]
pub(super) struct Closing {
    legs: BTreeMap<CallHandle, CaId>,
    held: BTreeMap<CaId, Invitation>,
}

impl Closing {
    fn has(&self, ca: &CaId) -> bool {
        self.legs.values().any(|closing| closing == ca)
    }

    /// The interpreter's leg is being ended.
    pub(super) fn begin(&mut self, call: CallHandle, ca: CaId) {
        self.legs.insert(call, ca);
    }

    /// Nobody is to be asked for this session any more.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.held.retain(|_, waits| waits.asked.session != session);
    }
}

impl Actor {
    /// Asks the interpreter at the device they registered last, or as soon as they are rid of
    /// what they had before: the queue is the authority (Q2).
    pub(super) fn invite(&mut self, now: Instant, invitation: Invitation) {
        let is_theirs = |used: &Use| {
            let invited = used.invited.as_ref();
            invited.is_some_and(|asked| asked.ca == invitation.asked.ca)
        };
        let before = self.calls.iter().filter(|(_, used)| is_theirs(used));
        let before: Vec<_> = before.map(|(call, _)| *call).collect();
        for call in before {
            if let Some(used) = self.forget(call) {
                self.end(now, call, used, EndReason::InvitationTimedOut);
            }
        }
        if self.closing.has(&invitation.asked.ca) {
            let ca = invitation.asked.ca.clone();
            self.closing.held.insert(ca, invitation);
        } else {
            self.send_invitation(now, invitation);
        }
    }

    fn send_invitation(&mut self, now: Instant, invitation: Invitation) {
        let asked = &invitation.asked;
        let binding = self.registrar.bindings(asked.ca.as_str()).last().cloned();
        let target = binding
            .as_ref()
            .and_then(|binding| Uri::parse(&binding.contact));
        let (Some(binding), Some(target)) = (binding, target) else {
            let (asked, how) = (invitation.asked, Decline::Lost);
            let session = asked.session;
            let refused = Message::InterpreterRefused {
                asked,
                how,
                unfit: false,
            };
            return self.directory().tell(session, refused);
        };
        let mut headers = invitation.headers();
        headers.extend(self.correlation_header(asked.session));
        let from = NameAddr {
            display: Some("Relay".into()),
            ..NameAddr::new(Uri::sip("relay", &self.domain))
        };
        let to = NameAddr::new(Uri::sip(asked.ca.as_str(), &self.domain));
        let params = InviteParams {
            target,
            from,
            to,
            contact_user: "relay".into(),
            headers,
            body: Body::sdp(&invitation.sdp),
            credentials: None,
        };
        let call = self.endpoint.invite(now, binding.flow, params);
        let asked = invitation.asked;
        let account = Some(asked.ca.to_string());
        let mut used = Use::new(asked.session, asked.seat.leg(), account);
        used.invited = Some(asked);
        used.instance = binding.instance;
        self.remember(call, used);
    }

    /// The end of this invitation says that they count as away.
    pub(super) fn tell_away(&mut self, asked: &Match) {
        let leg = (asked.session, asked.seat.leg());
        let call = self.legs.get(&leg);
        let used = call.and_then(|call| self.calls.get_mut(call));
        if let Some(used) = used.filter(|used| used.invited.as_ref() == Some(asked)) {
            used.away = true;
        }
    }

    /// Takes back one asking, however many came after it.
    pub(super) fn cancel_invitation(
        &mut self,
        now: Instant,
        session: SessionId,
        epoch: Epoch,
        reason: EndReason,
    ) {
        let held = &mut self.closing.held;
        held.retain(|_, waits| (waits.asked.session, waits.asked.epoch) != (session, epoch));
        let is_it = |used: &Use| {
            let asked = used.invited.as_ref().map(|asked| asked.epoch);
            used.session == session && asked == Some(epoch)
        };
        let call = self.calls.iter().find(|(_, used)| is_it(used));
        if let Some(call) = call.map(|(call, _)| *call)
            && let Some(used) = self.forget(call)
        {
            self.end(now, call, used, reason);
        }
    }

    /// A call is gone for good.
    pub(super) fn on_call_over(&mut self, now: Instant, call: CallHandle) {
        self.departing.over(call);
        self.on_rid_of(now, call);
    }

    /// An interpreter is rid of a leg: whoever waited for that is asked now.
    pub(super) fn on_rid_of(&mut self, now: Instant, call: CallHandle) {
        let Some(ca) = self.closing.legs.remove(&call) else {
            return;
        };
        if !self.closing.has(&ca)
            && let Some(invitation) = self.closing.held.remove(&ca)
        {
            self.send_invitation(now, invitation);
        }
    }
}
