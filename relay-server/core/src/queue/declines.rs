//! Who has just declined what; bounded on both sides.
//!
//! What it is not: the record of declines, which is the session's events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use vrs_domain::SessionId;

use super::DECLINES_REMEMBERED_MAX;
use super::class::CaKey;

/// Remembered declines. An interpreter is passed over for a session that they have declined.
#[derive(Debug, Default)]
pub(super) struct Declines {
    /// Oldest first; short, so that a walk through it is the quickest search.
    by_session: BTreeMap<SessionId, Vec<(CaKey, Instant)>>,
    /// Oldest first.
    by_interpreter: BTreeMap<CaKey, Vec<(SessionId, Instant)>>,
    by_expiry: BTreeSet<(Instant, SessionId, CaKey)>,
}

impl Declines {
    /// Who has just declined this session.
    pub(super) fn of(&self, session: SessionId) -> &[(CaKey, Instant)] {
        self.by_session.get(&session).map_or(&[], Vec::as_slice)
    }

    pub(super) fn remember(&mut self, session: SessionId, ca: CaKey, until: Instant) {
        self.forget(session, ca);
        if let Some(oldest) = oldest_when_full(self.by_session.get(&session)) {
            self.forget(session, oldest);
        }
        if let Some(oldest) = oldest_when_full(self.by_interpreter.get(&ca)) {
            self.forget(oldest, ca);
        }
        let declined = self.by_session.entry(session).or_default();
        declined.push((ca, until));
        let declined = self.by_interpreter.entry(ca).or_default();
        declined.push((session, until));
        self.by_expiry.insert((until, session, ca));
    }

    /// Forgets what has expired at `now`.
    pub(super) fn forget_until(&mut self, now: Instant) {
        while let Some((until, session, ca)) = self.by_expiry.first().copied() {
            if until > now {
                break;
            }
            self.forget(session, ca);
            self.by_expiry.remove(&(until, session, ca));
        }
    }

    pub(super) fn forget_session(&mut self, session: SessionId) {
        let declined = self.by_session.remove(&session);
        for (ca, until) in declined.unwrap_or_default() {
            forget_half(&mut self.by_interpreter, ca, session);
            self.by_expiry.remove(&(until, session, ca));
        }
    }

    pub(super) fn forget_interpreter(&mut self, ca: CaKey) {
        let declined = self.by_interpreter.remove(&ca);
        for (session, until) in declined.unwrap_or_default() {
            forget_half(&mut self.by_session, session, ca);
            self.by_expiry.remove(&(until, session, ca));
        }
    }

    /// When the next decline is forgotten.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.by_expiry.first().map(|(until, _, _)| *until)
    }

    fn forget(&mut self, session: SessionId, ca: CaKey) {
        forget_half(&mut self.by_session, session, ca);
        if let Some(until) = forget_half(&mut self.by_interpreter, ca, session) {
            self.by_expiry.remove(&(until, session, ca));
        }
    }
}

/// Forgets one side of a decline.
fn forget_half<K: Ord, V: PartialEq + Copy>(
    index: &mut BTreeMap<K, Vec<(V, Instant)>>,
    key: K,
    value: V,
) -> Option<Instant> {
    let declined = index.get_mut(&key)?;
    let place = declined.iter().position(|(other, _)| *other == value)?;
    let (_, until) = declined.remove(place);
    if declined.is_empty() {
        index.remove(&key);
    }
    Some(until)
}

fn oldest_when_full<K: Copy>(declined: Option<&Vec<(K, Instant)>>) -> Option<K> {
    let full = declined.filter(|d| d.len() >= DECLINES_REMEMBERED_MAX)?;
    full.first().map(|(key, _)| *key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::some_instant;
    use std::time::Duration;
    use vrs_domain::CaId;

    fn ca(number: usize) -> CaKey {
        CaKey::from(&number.to_string().parse::<CaId>().unwrap())
    }

    fn contains(declines: &Declines, session: u128, number: usize) -> bool {
        let declined = declines.of(SessionId(session));
        declined.iter().any(|(who, _)| *who == ca(number))
    }

    #[test]
    fn memory_is_bounded_on_both_sides_and_the_oldest_goes_first() {
        let mut declines = Declines::default();
        let start = some_instant();
        let at = |n: usize| start + Duration::from_secs(n as u64);
        for n in 0..100 {
            declines.remember(SessionId(7), ca(n), at(n));
            declines.remember(SessionId(1000 + n as u128), ca(999), at(n));
        }
        assert_eq!(declines.of(SessionId(7)).len(), DECLINES_REMEMBERED_MAX);
        assert_eq!(
            declines.by_interpreter[&ca(999)].len(),
            DECLINES_REMEMBERED_MAX
        );
        assert!(!contains(&declines, 7, 0));
        assert!(contains(&declines, 7, 99));
        assert!(contains(&declines, 1099, 999));
        assert_eq!(declines.by_expiry.len(), 2 * DECLINES_REMEMBERED_MAX);
    }

    #[test]
    fn the_three_indices_empty_together() {
        let mut declines = Declines::default();
        let start = some_instant();
        for n in 0..10 {
            declines.remember(SessionId(n % 3), ca(n as usize % 4), start);
        }
        declines.forget_session(SessionId(0));
        declines.forget_interpreter(ca(1));
        assert_eq!(declines.next_expiry(), Some(start));
        declines.forget_until(start);
        assert!(declines.by_session.is_empty());
        assert!(declines.by_interpreter.is_empty());
        assert!(declines.by_expiry.is_empty());
    }
}
