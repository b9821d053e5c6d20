//! The interpreters who are signed in, and which of them are free.
//!
//! What it is not: it knows of sessions only whose they are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use vrs_domain::{Availability, CaId, LanguagePair, SessionId};

use super::{INTERPRETERS_MAX, InterpreterProfile, QueueError};

/// What an interpreter is bound to; at most one thing (Q2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engagement {
    Free,
    Invited(SessionId),
    InCall(SessionId),
}

#[derive(Debug)]
struct SignedIn {
    profile: InterpreterProfile,
    languages: BTreeSet<LanguagePair>,
    available: bool,
    /// Signed out while in a call: kept until the call is over, and asked for nothing.
    leaving: bool,
    idle_since: Instant,
    engagement: Engagement,
}

/// Everybody signed in, with the free ones in order of asking.
#[derive(Debug, Default)]
pub(super) struct Roster {
    known: BTreeMap<CaId, SignedIn>,
    free: BTreeMap<LanguagePair, BTreeSet<(Instant, CaId)>>,
    signed_in: BTreeMap<LanguagePair, usize>,
}

impl Roster {
    pub(super) fn sign_in(
        &mut self,
        ca: CaId,
        profile: InterpreterProfile,
        now: Instant,
    ) -> Result<(), QueueError> {
        let languages: BTreeSet<_> = profile.languages.iter().copied().collect();
        let one = match self.take(&ca) {
            Some(known) => SignedIn {
                profile,
                languages,
                available: known.available || known.leaving,
                leaving: false,
                ..known
            },
            None if self.known.len() >= INTERPRETERS_MAX => return Err(QueueError::Full),
            None => SignedIn {
                profile,
                languages,
                available: true,
                leaving: false,
                idle_since: now,
                engagement: Engagement::Free,
            },
        };
        self.put(ca, one);
        Ok(())
    }

    /// Returns whether anything changed.
    pub(super) fn set_available(
        &mut self,
        ca: &CaId,
        available: bool,
        now: Instant,
    ) -> Result<bool, QueueError> {
        let mut one = match self.take(ca) {
            Some(one) if one.leaving => {
                self.put(ca.clone(), one);
                return Err(QueueError::UnknownInterpreter);
            }
            Some(one) => one,
            None => return Err(QueueError::UnknownInterpreter),
        };
        let changed = one.available != available;
        if changed {
            one.available = available;
            one.idle_since = now;
        }
        self.put(ca.clone(), one);
        Ok(changed)
    }

    /// Returns what they were bound to; in a call they are kept until [`Self::set_free`].
    pub(super) fn sign_out(&mut self, ca: &CaId) -> Option<Engagement> {
        let mut one = self.take(ca)?;
        let engagement = one.engagement;
        if let Engagement::InCall(_) = engagement {
            one.leaving = true;
            self.put(ca.clone(), one);
        }
        Some(engagement)
    }

    pub(super) fn engage(&mut self, ca: &CaId, engagement: Engagement) {
        if let Some(mut one) = self.take(ca) {
            one.engagement = engagement;
            self.put(ca.clone(), one);
        }
    }

    /// Bound to nothing again; idle from `now`.
    pub(super) fn set_free(&mut self, ca: &CaId, now: Instant) {
        let Some(mut one) = self.take(ca) else {
            return;
        };
        if one.leaving {
            return;
        }
        one.engagement = Engagement::Free;
        one.idle_since = now;
        self.put(ca.clone(), one);
    }

    /// Those who may be asked, the longest idle first, then the smaller CA id.
    pub(super) fn free(&self, languages: LanguagePair) -> impl Iterator<Item = &CaId> {
        self.free
            .get(&languages)
            .into_iter()
            .flatten()
            .map(|(_, ca)| ca)
    }

    pub(super) fn has_any(&self, languages: LanguagePair) -> bool {
        self.signed_in
            .get(&languages)
            .is_some_and(|count| *count > 0)
    }

    pub(super) fn availability(&self, ca: &CaId) -> Option<Availability> {
        self.known
            .get(ca)
            .filter(|one| !one.leaving)
            .map(SignedIn::availability)
    }

    pub(super) fn profile(&self, ca: &CaId) -> Option<&InterpreterProfile> {
        self.known
            .get(ca)
            .filter(|one| !one.leaving)
            .map(|one| &one.profile)
    }

    pub(super) fn availabilities(&self) -> impl Iterator<Item = Availability> {
        self.known
            .values()
            .filter(|one| !one.leaving)
            .map(SignedIn::availability)
    }

    /// Out of every index; what comes back is to be [`Self::put`] or dropped.
    fn take(&mut self, ca: &CaId) -> Option<SignedIn> {
        let one = self.known.remove(ca)?;
        for languages in &one.languages {
            if one.is_free()
                && let Some(free) = self.free.get_mut(languages)
            {
                free.remove(&(one.idle_since, ca.clone()));
            }
            if !one.leaving
                && let Some(count) = self.signed_in.get_mut(languages)
            {
                *count = count.saturating_sub(1);
            }
        }
        Some(one)
    }

    fn put(&mut self, ca: CaId, one: SignedIn) {
        for languages in &one.languages {
            if one.is_free() {
                self.free
                    .entry(*languages)
                    .or_default()
                    .insert((one.idle_since, ca.clone()));
            }
            if !one.leaving {
                *self.signed_in.entry(*languages).or_default() += 1;
            }
        }
        self.known.insert(ca, one);
    }
}

impl SignedIn {
    fn is_free(&self) -> bool {
        self.available && !self.leaving && self.engagement == Engagement::Free
    }

    const fn availability(&self) -> Availability {
        match (self.engagement, self.available) {
            (Engagement::Invited(_), _) => Availability::Invited,
            (Engagement::InCall(_), _) => Availability::InCall,
            (Engagement::Free, true) => Availability::Available,
            (Engagement::Free, false) => Availability::Away,
        }
    }
}
