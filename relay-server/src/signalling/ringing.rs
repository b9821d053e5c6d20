//! Ringing every device of a subscriber at once: the first that answers has the call, the others
//! are told that it was answered elsewhere (RFC 3326 section 2).

use std::time::Instant;

use tracing::info;
use vrs_domain::{CallKind, EndReason, Leg, PhoneNumber, SessionId};
use vrs_sip::{Body, CallHandle, InviteParams, NameAddr, Response, Uri};

use super::actor::{Actor, Use};
use super::outgoing::session_headers;
use super::registrar::Binding;
use super::wire;
use crate::session::Message;

/// A subscriber to be called.
#[derive(Debug)]
pub struct Ringing {
    /// For which session.
    pub session: SessionId,
    /// Which leg it becomes.
    pub leg: Leg,
    /// Whose devices.
    pub subscriber: PhoneNumber,
    /// The SDP offer: ours, or the calling subscriber's own.
    pub sdp: String,
    /// What kind of call it is.
    pub kind: CallKind,
    /// Who calls, unless they withhold it.
    pub caller: Option<PhoneNumber>,
    /// Whether it is a lost party of an emergency call that is called back (F21).
    pub recalled: bool,
}

/// A ringing that goes on.
#[derive(Debug)]
pub(super) struct Rung {
    /// For devices that sign in meanwhile.
    ringing: Ringing,
    /// One call for each device that has not refused.
    forks: Vec<CallHandle>,
    /// The best reason that a device gave for refusing.
    failure: EndReason,
}

impl Actor {
    /// Rings all devices; a subscriber without any is offline.
    pub(super) fn ring(&mut self, now: Instant, ringing: Ringing) {
        let (session, leg) = (ringing.session, ringing.leg);
        let devices = self
            .registrar
            .bindings(ringing.subscriber.as_str())
            .to_vec();
        let forks: Vec<_> = devices
            .into_iter()
            .filter_map(|device| self.fork(now, &ringing, device))
            .collect();
        info!(%session, %leg, devices = forks.len(), "ringing");
        // Whoever was lost in an emergency is waited for (F21).
        if forks.is_empty() && !ringing.recalled {
            let reason = EndReason::SubscriberOffline;
            let failed = Message::CalledFailed { leg, reason };
            return self.directory().tell(session, failed);
        }
        let failure = EndReason::SubscriberNoAnswer;
        let rung = Rung {
            ringing,
            forks,
            failure,
        };
        self.rung.insert((session, leg), rung);
    }

    /// A device that signs in while its account rings, rings too.
    pub(super) fn ring_newcomer(&mut self, now: Instant, user: &str, device: &Binding) {
        let theirs = |rung: &Rung| {
            let new = |call: &CallHandle| self.endpoint.call_flow(*call) != Some(device.flow);
            rung.ringing.subscriber.as_str() == user && rung.forks.iter().all(new)
        };
        let mut keys: Vec<_> = self.rung.keys().copied().collect();
        keys.retain(|key| self.rung.get(key).is_some_and(theirs));
        for key in keys {
            let Some(mut rung) = self.rung.remove(&key) else {
                continue;
            };
            rung.forks
                .extend(self.fork(now, &rung.ringing, device.clone()));
            self.rung.insert(key, rung);
        }
    }

    fn fork(&mut self, now: Instant, ringing: &Ringing, device: Binding) -> Option<CallHandle> {
        let target = Uri::parse(&device.contact)?;
        let mut headers = session_headers(ringing.session);
        headers.extend([
            (wire::KIND.to_owned(), ringing.kind.to_string()),
            ("Recv-Info".to_owned(), String::new()),
        ]);
        if ringing.recalled {
            headers.push(("Priority".to_owned(), "emergency".to_owned()));
        }
        headers.extend(self.correlation_header(ringing.session));
        let from = match &ringing.caller {
            Some(caller) => NameAddr::new(Uri::sip_at(caller.as_str(), &self.domain)),
            None => NameAddr {
                display: Some("Anonymous".into()),
                ..NameAddr::new(Uri::sip("anonymous", "anonymous.invalid"))
            },
        };
        let number = ringing.subscriber.as_str();
        let params = InviteParams {
            target,
            from,
            to: NameAddr::new(Uri::sip_at(number, &self.domain)),
            contact_user: "relay".into(),
            headers,
            body: Body::sdp(&ringing.sdp),
            credentials: None,
        };
        let call = self.endpoint.invite(now, device.flow, params);
        let mut used = Use::new(ringing.session, ringing.leg, Some(number.to_owned()));
        used.instance = device.instance;
        used.emergency = ringing.recalled;
        // Only the one that answers becomes the leg.
        self.calls.insert(call, used);
        Some(call)
    }

    /// One of several devices rings: whoever calls hears of the first.
    pub(super) fn is_fork(&self, call: CallHandle) -> bool {
        self.calls
            .get(&call)
            .and_then(|used| self.rung.get(&(used.session, used.leg)))
            .is_some_and(|rung| rung.forks.contains(&call))
    }

    /// A device answered: it is the leg, the others stop ringing.
    pub(super) fn on_fork_answered(&mut self, now: Instant, call: CallHandle, answer: &Response) {
        let Some(used) = self.calls.get_mut(&call) else {
            return;
        };
        used.answered = true;
        used.wants_status = super::intake::wants_status(&answer.headers);
        let (session, leg) = (used.session, used.leg);
        let sdp = super::intake::sdp(&answer.headers, &answer.body).unwrap_or_default();
        self.legs.insert((session, leg), call);
        if let Some(rung) = self.rung.remove(&(session, leg)) {
            let others = rung.forks.into_iter().filter(|fork| *fork != call);
            self.give_up(now, others, EndReason::AnsweredElsewhere);
        }
        let flow = self.endpoint.call_flow(call);
        let address = flow.and_then(|flow| Some(self.flows.get(flow)?.peer.ip()));
        // As a telephone's, its leg is in the record before the conversation is.
        self.bind_leg(call);
        let answered = Message::CalledAnswered { leg, sdp, address };
        self.directory().tell(session, answered);
    }

    /// A device refused, or cannot be reached. When none is left, the call has failed; one that
    /// declined for all of them (6xx, RFC 3261 section 21.6) ends the ringing at once.
    ///
    /// A device whose connection broke comes back on another one, and rings there
    /// ([`Self::ring_newcomer`]): as long as nobody has refused, it is waited for until the session
    /// says that it took too long.
    pub(super) fn on_fork_failed(
        &mut self,
        now: Instant,
        call: CallHandle,
        status: u16,
        answered: bool,
    ) {
        let Some(used) = self.calls.remove(&call) else {
            return;
        };
        let key = (used.session, used.leg);
        let Some(rung) = self.rung.get_mut(&key) else {
            return;
        };
        rung.forks.retain(|fork| *fork != call);
        match status {
            600..700 => rung.failure = EndReason::SubscriberDeclined,
            486 => rung.failure = EndReason::SubscriberBusy,
            415 | 488 => rung.failure = EndReason::MediaFailed,
            _ => {}
        }
        if !rung.forks.is_empty() && status < 600 {
            return;
        }
        let broke = status == 503 && !answered;
        if broke && rung.failure == EndReason::SubscriberNoAnswer {
            info!(session = %used.session, leg = %used.leg, "waits for a device to come back");
            return;
        }
        if let Some(rung) = self.rung.remove(&key) {
            self.give_up(now, rung.forks.into_iter(), rung.failure);
            let (leg, reason) = (used.leg, rung.failure);
            let failed = Message::CalledFailed { leg, reason };
            self.directory().tell(used.session, failed);
        }
    }

    /// Nobody is to answer any more.
    pub(super) fn stop_ringing(
        &mut self,
        now: Instant,
        session: SessionId,
        leg: Leg,
        reason: EndReason,
    ) {
        if let Some(rung) = self.rung.remove(&(session, leg)) {
            self.give_up(now, rung.forks.into_iter(), reason);
        }
    }

    fn give_up(
        &mut self,
        now: Instant,
        forks: impl Iterator<Item = CallHandle>,
        reason: EndReason,
    ) {
        for fork in forks {
            self.calls.remove(&fork);
            let headers = wire::reason_headers(reason);
            self.endpoint.hang_up_with(now, fork, None, headers);
        }
    }
}
