//! Who has just declined what; bounded on both sides.
//!
//! What it is not: the record of declines, which is the session's events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use vrs_domain::{CaId, SessionId};

use super::DECLINES_REMEMBERED_MAX;

/// Remembered declines. An interpreter is passed over for a session that they have declined.
#[derive(Debug, Default)]
pub(super) struct Declines {
    by_session: BTreeMap<SessionId, BTreeMap<CaId, Instant>>,
    by_interpreter: BTreeMap<CaId, BTreeMap<SessionId, Instant>>,
    by_expiry: BTreeSet<(Instant, SessionId, CaId)>,
}

impl Declines {
    pub(super) fn contains(&self, session: SessionId, ca: &CaId) -> bool {
        self.by_session
            .get(&session)
            .is_some_and(|declined| declined.contains_key(ca))
    }

    pub(super) fn remember(&mut self, session: SessionId, ca: &CaId, until: Instant) {
        self.forget(session, ca);
        if let Some(oldest) = oldest_when_full(self.by_session.get(&session)) {
            self.forget(session, &oldest);
        }
        if let Some(oldest) = oldest_when_full(self.by_interpreter.get(ca)) {
            self.forget(oldest, ca);
        }
        self.by_session
            .entry(session)
            .or_default()
            .insert(ca.clone(), until);
        self.by_interpreter
            .entry(ca.clone())
            .or_default()
            .insert(session, until);
        self.by_expiry.insert((until, session, ca.clone()));
    }

    /// Forgets what has expired at `now`.
    pub(super) fn forget_until(&mut self, now: Instant) {
        while let Some((until, session, ca)) = self.by_expiry.first().cloned() {
            if until > now {
                break;
            }
            self.forget(session, &ca);
        }
    }

    pub(super) fn forget_session(&mut self, session: SessionId) {
        for ca in self
            .by_session
            .remove(&session)
            .unwrap_or_default()
            .into_keys()
        {
            self.forget_half(session, &ca);
        }
    }

    pub(super) fn forget_interpreter(&mut self, ca: &CaId) {
        let sessions = self
            .by_interpreter
            .get(ca)
            .map(|s| s.keys().copied().collect());
        let sessions: Vec<SessionId> = sessions.unwrap_or_default();
        for session in sessions {
            self.forget(session, ca);
        }
    }

    /// When the next decline is forgotten.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.by_expiry.first().map(|(until, _, _)| *until)
    }

    fn forget(&mut self, session: SessionId, ca: &CaId) {
        if let Some(declined) = self.by_session.get_mut(&session) {
            declined.remove(ca);
            if declined.is_empty() {
                self.by_session.remove(&session);
            }
        }
        self.forget_half(session, ca);
    }

    /// All but the session's own index.
    fn forget_half(&mut self, session: SessionId, ca: &CaId) {
        let Some(declined) = self.by_interpreter.get_mut(ca) else {
            return;
        };
        if let Some(until) = declined.remove(&session) {
            self.by_expiry.remove(&(until, session, ca.clone()));
        }
        if declined.is_empty() {
            self.by_interpreter.remove(ca);
        }
    }
}

fn oldest_when_full<K: Clone + Ord>(declined: Option<&BTreeMap<K, Instant>>) -> Option<K> {
    let full = declined.filter(|d| d.len() >= DECLINES_REMEMBERED_MAX)?;
    full.iter()
        .min_by_key(|(_, until)| **until)
        .map(|(key, _)| key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::some_instant;
    use std::time::Duration;

    fn ca(number: usize) -> CaId {
        number.to_string().parse().unwrap()
    }

    #[test]
    fn memory_is_bounded_on_both_sides_and_the_oldest_goes_first() {
        let mut declines = Declines::default();
        let start = some_instant();
        let at = |n: usize| start + Duration::from_secs(n as u64);
        for n in 0..100 {
            declines.remember(SessionId(7), &ca(n), at(n));
            declines.remember(SessionId(1000 + n as u128), &ca(999), at(n));
        }
        assert_eq!(
            declines.by_session[&SessionId(7)].len(),
            DECLINES_REMEMBERED_MAX
        );
        assert_eq!(
            declines.by_interpreter[&ca(999)].len(),
            DECLINES_REMEMBERED_MAX
        );
        assert!(!declines.contains(SessionId(7), &ca(0)));
        assert!(declines.contains(SessionId(7), &ca(99)));
        assert!(declines.contains(SessionId(1099), &ca(999)));
    }

    #[test]
    fn the_three_indices_empty_together() {
        let mut declines = Declines::default();
        let start = some_instant();
        for n in 0..10 {
            declines.remember(SessionId(n % 3), &ca(n as usize % 4), start);
        }
        declines.forget_session(SessionId(0));
        declines.forget_interpreter(&ca(1));
        assert_eq!(declines.next_expiry(), Some(start));
        declines.forget_until(start);
        assert!(declines.by_session.is_empty());
        assert!(declines.by_interpreter.is_empty());
        assert!(declines.by_expiry.is_empty());
    }
}
