//! The queue once more, slow and obvious: every decision by looking at everything.
//!
//! What it is not: bounded or fast. The tests hold the real queue to it.

use std::collections::BTreeMap;
use std::time::Instant;

use vrs_domain::{CaId, Epoch, LanguagePair, SessionId, limit};

use super::{DECLINE_MEMORY, Match, Priority};

#[derive(Debug, Clone)]
pub(super) struct ModelSession {
    pub(super) id: SessionId,
    pub(super) languages: LanguagePair,
    pub(super) priority: Priority,
    pub(super) epoch: Epoch,
    /// With the invitation's deadline, none once accepted.
    pub(super) engaged: Option<(CaId, Option<Instant>)>,
}

#[derive(Debug, Clone)]
pub(super) struct ModelInterpreter {
    pub(super) languages: Vec<LanguagePair>,
    pub(super) available: bool,
    pub(super) leaving: bool,
    pub(super) idle_since: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    /// In order of arrival.
    pub(super) sessions: Vec<ModelSession>,
    pub(super) interpreters: BTreeMap<CaId, ModelInterpreter>,
    pub(super) declines: BTreeMap<(SessionId, CaId), Instant>,
}

impl Model {
    pub(super) fn session(&mut self, id: SessionId) -> Option<&mut ModelSession> {
        self.sessions.iter_mut().find(|s| s.id == id)
    }

    pub(super) fn engaged(&self, ca: &CaId) -> Option<&ModelSession> {
        let with = |s: &&ModelSession| s.engaged.as_ref().is_some_and(|(one, _)| one == ca);
        self.sessions.iter().find(with)
    }

    /// The invitation that is out for exactly this asking.
    pub(super) fn invited(&self, id: SessionId, ca: &CaId, epoch: Epoch) -> bool {
        self.sessions.iter().any(|s| {
            let asked = s
                .engaged
                .as_ref()
                .is_some_and(|(one, d)| one == ca && d.is_some());
            s.id == id && s.epoch == epoch && asked
        })
    }

    pub(super) fn decline(&mut self, id: SessionId, now: Instant) {
        if let Some((ca, _)) = self.session(id).and_then(|s| s.engaged.take()) {
            self.declines.insert((id, ca.clone()), now + DECLINE_MEMORY);
            self.free(&ca, now);
        }
    }

    pub(super) fn leave(&mut self, id: SessionId, now: Instant) -> Option<Match> {
        let place = self.sessions.iter().position(|s| s.id == id)?;
        let gone = self.sessions.remove(place);
        self.declines.retain(|(session, _), _| *session != id);
        let (ca, _) = gone.engaged?;
        self.free(&ca, now);
        Some(Match {
            session: id,
            ca,
            epoch: gone.epoch,
        })
    }

    fn free(&mut self, ca: &CaId, now: Instant) {
        if let Some(one) = self.interpreters.get_mut(ca) {
            one.idle_since = now;
            if one.leaving {
                self.interpreters.remove(ca);
            }
        }
    }

    fn fits(
        &self,
        session: &ModelSession,
        ca: &CaId,
        one: &ModelInterpreter,
        now: Instant,
    ) -> bool {
        let declined = self.declines.get(&(session.id, ca.clone()));
        one.available
            && !one.leaving
            && self.engaged(ca).is_none()
            && one.languages.contains(&session.languages)
            && declined.is_none_or(|until| *until <= now)
    }

    /// Q5, Q6, Q8 and the tie-break, spelled out.
    pub(super) fn next(&mut self, now: Instant) -> Option<Match> {
        let mut waiting: Vec<_> = self
            .sessions
            .iter()
            .filter(|s| s.engaged.is_none())
            .collect();
        waiting.sort_by_key(|s| s.priority); // stable: arrival stays the second key
        let (id, ca) = waiting.into_iter().find_map(|session| {
            let fitting = self
                .interpreters
                .iter()
                .filter(|(ca, one)| self.fits(session, ca, one, now));
            let (ca, _) = fitting.min_by_key(|(ca, one)| (one.idle_since, (*ca).clone()))?;
            Some((session.id, ca.clone()))
        })?;
        let session = self.session(id)?;
        session.epoch = session.epoch.next();
        session.engaged = Some((ca.clone(), Some(now + limit::INVITATION_TIMEOUT)));
        Some(Match {
            session: id,
            ca,
            epoch: session.epoch,
        })
    }

    pub(super) fn position(&self, id: SessionId) -> Option<u32> {
        let unserved = |s: &ModelSession| s.engaged.as_ref().is_none_or(|(_, d)| d.is_some());
        let place = self.sessions.iter().position(|s| s.id == id)?;
        let one = &self.sessions[place];
        let ahead = self.sessions.iter().enumerate().filter(|(other, s)| {
            unserved(s)
                && s.languages == one.languages
                && (s.priority, *other) < (one.priority, place)
        });
        unserved(one).then(|| ahead.count() as u32 + 1)
    }
}
