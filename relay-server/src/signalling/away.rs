//! Callers whose connection broke before their call was answered. A change of network lasts a
//! second and is no wish to give up: the session waits on at its place in the queue, and the next
//! INVITE of the same account to the same number takes it up.
//!
//! In an emergency nobody has to call again (F21): as soon as an interpreter is there, the
//! caller's devices are rung.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::info;
use vrs_domain::{CallKind, Leg, PhoneNumber, SessionId};
use vrs_sip::CallHandle;

use super::actor::{Actor, Use};
use crate::session::{News, Place};

/// A caller has this long to come back.
const AWAY_MAX: Duration = Duration::from_secs(10);
/// So long in an emergency: until an interpreter is there, within reason.
const AWAY_EMERGENCY_MAX: Duration = Duration::from_secs(600);

/// A call to be taken up again.
#[derive(Debug)]
struct Waiting {
    account: String,
    number: PhoneNumber,
    emergency: bool,
    until: Instant,
}

/// Sessions whose caller is away; at most one for each call in the queue.
#[derive(Debug, Default)]
pub(super) struct Away(BTreeMap<SessionId, Waiting>);

impl Away {
    /// When [`Actor::away_for_good`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.0.values().map(|waiting| waiting.until).min()
    }

    /// The session is over.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.0.remove(&session);
    }
}

impl Actor {
    /// The connection under an INVITE broke before it had its answer.
    pub(super) fn on_caller_away(&mut self, now: Instant, call: CallHandle) {
        let is_leg = self.is_leg(call);
        let Some(used) = self.forget(call).filter(|_| is_leg) else {
            return;
        };
        let (session, leg) = (used.session, used.leg);
        let Use {
            account: Some(account),
            resumes: Some(number),
            emergency,
            ..
        } = used
        else {
            return self.tell_party(session, leg, News::HungUp);
        };
        info!(%session, emergency, "the caller's connection broke; their place is kept");
        let patience = if emergency {
            AWAY_EMERGENCY_MAX
        } else {
            AWAY_MAX
        };
        let waiting = Waiting {
            account,
            number,
            emergency,
            until: now + patience,
        };
        self.away.0.insert(session, waiting);
    }

    /// The session that a new request takes up, if its caller had to leave one.
    pub(super) fn taken_up(&mut self, place: &Place) -> Option<SessionId> {
        let number = resumes(place)?;
        let caller = place.placed.caller.as_ref()?;
        let theirs =
            |waiting: &Waiting| waiting.account == caller.as_str() && waiting.number == number;
        let mut waiting = self.away.0.iter();
        let (&session, _) = waiting.find(|(_, waiting)| theirs(waiting))?;
        self.away.forget(session);
        info!(%session, "the caller is back");
        Some(session)
    }

    /// An interpreter is there and the caller is not. In an emergency they are called back now.
    pub(super) fn answered_while_away(&mut self, session: SessionId) {
        if self.away.0.get(&session).is_some_and(|one| one.emergency) {
            self.away.forget(session);
            self.tell_party(session, Leg::Caller, News::Lost);
        }
    }

    /// Who has not come back by now is lost.
    pub(super) fn away_for_good(&mut self, now: Instant) {
        let gone = self.away.0.extract_if(.., |_, one| one.until <= now);
        let gone: Vec<_> = gone.map(|(session, _)| session).collect();
        for session in gone {
            self.tell_party(session, Leg::Caller, News::Lost);
        }
    }
}

/// The number of a call that can be taken up by another INVITE: between subscribers the called one
/// already has the media of the first.
pub(super) fn resumes(place: &Place) -> Option<PhoneNumber> {
    match place.placed.kind {
        CallKind::RelayOutbound => Some(place.placed.number.clone()),
        CallKind::RelayInbound | CallKind::PointToPoint => None,
    }
}
