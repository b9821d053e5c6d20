//! Asking interpreters: each of them one thing at a time, as the queue says.
//!
//! A CANCEL has to wait for the first answer to its INVITE (RFC 3261 section 9.1). What takes an
//! invitation back may so reach an interpreter after the next invitation, which would find them
//! busy. The next one therefore waits here until the last leg of that interpreter is over.

use std::collections::BTreeMap;
use std::time::Instant;

use relay_core::session::Decline;
use vrs_domain::{CaId, EndReason, Epoch, LanguagePair, Leg, PhoneNumber, SessionId};
use vrs_sip::{Body, CallHandle, InviteParams, NameAddr, Uri};

use super::actor::{Actor, Use};
use super::outgoing::session_headers;
use super::wire;
use crate::session::Message;

/// What an interpreter is asked.
#[derive(Debug)]
pub struct Invitation {
    /// For which session.
    pub session: SessionId,
    /// Who is asked.
    pub ca: CaId,
    /// Which assignment this would be.
    pub epoch: Epoch,
    /// Our SDP offer.
    pub sdp: String,
    /// The number to be called.
    pub number: PhoneNumber,
    /// What is to be interpreted.
    pub languages: LanguagePair,
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
}

impl Actor {
    /// Asks the interpreter at the device they registered last, or as soon as they are rid of
    /// what they had before: the queue is the authority (Q2).
    pub(super) fn invite(&mut self, now: Instant, invitation: Invitation) {
        let is_theirs = |used: &Use| {
            let invited = used.invited.as_ref();
            invited.is_some_and(|(asked, _)| *asked == invitation.ca)
        };
        let before = self.calls.iter().filter(|(_, used)| is_theirs(used));
        let before: Vec<_> = before.map(|(call, _)| *call).collect();
        for call in before {
            if let Some(used) = self.forget(call) {
                self.end(now, call, used, EndReason::InvitationTimedOut);
            }
        }
        if self.closing.has(&invitation.ca) {
            self.closing.held.insert(invitation.ca.clone(), invitation);
        } else {
            self.send_invitation(now, invitation);
        }
    }

    fn send_invitation(&mut self, now: Instant, invitation: Invitation) {
        let Invitation {
            session,
            ca,
            epoch,
            sdp,
            number,
            languages,
        } = invitation;
        let binding = self.registrar.bindings(ca.as_str()).last().cloned();
        let target = binding
            .as_ref()
            .and_then(|binding| Uri::parse(&binding.contact));
        let (Some(binding), Some(target)) = (binding, target) else {
            let how = Decline::Lost;
            self.directory()
                .tell(session, Message::InterpreterRefused { ca, epoch, how });
            return;
        };
        let mut headers = session_headers(session);
        headers.extend([
            (wire::EPOCH.to_owned(), epoch.to_string()),
            (wire::CALLED_NUMBER.to_owned(), number.to_string()),
            (wire::LANGUAGES.to_owned(), languages.to_string()),
            ("Recv-Info".to_owned(), String::new()),
        ]);
        headers.extend(self.correlation_header(session));
        let from = NameAddr {
            display: Some("Relay".into()),
            ..NameAddr::new(Uri::sip("relay", &self.domain))
        };
        let to = NameAddr::new(Uri::sip(ca.as_str(), &self.domain));
        let params = InviteParams {
            target,
            from,
            to,
            contact_user: "relay".into(),
            headers,
            body: Body::sdp(&sdp),
            credentials: None,
        };
        let call = self.endpoint.invite(now, binding.flow, params);
        let mut used = Use::new(session, Leg::Interpreter, Some(ca.to_string()));
        used.invited = Some((ca, epoch));
        used.instance = binding.instance;
        self.remember(call, used);
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
        held.retain(|_, waits| (waits.session, waits.epoch) != (session, epoch));
        let is_it = |used: &Use| {
            let asked = used.invited.as_ref().map(|(_, epoch)| *epoch);
            used.session == session && asked == Some(epoch)
        };
        let call = self.calls.iter().find(|(_, used)| is_it(used));
        if let Some(call) = call.map(|(call, _)| *call)
            && let Some(used) = self.forget(call)
        {
            self.end(now, call, used, reason);
        }
    }

    /// Ends a leg that was forgotten, by CANCEL or BYE.
    pub(super) fn end(&mut self, now: Instant, call: CallHandle, used: Use, reason: EndReason) {
        if let Some((ca, _)) = used.invited {
            self.closing.legs.insert(call, ca);
        }
        let headers = wire::reason_headers(reason);
        self.endpoint.hang_up_with(now, call, None, headers);
    }

    /// A call is gone for good: whoever waited for that is asked now.
    pub(super) fn on_call_over(&mut self, now: Instant, call: CallHandle) {
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
