//! The interpreters who are signed in, and which of them may be asked.
//!
//! What it is not: it knows of sessions only whose they are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use vrs_domain::{Activity, Availability, LanguagePair, Seat, SessionId};

use super::class::{CaKey, Class, Pool, Want};
use super::occupancy::{Calls, Gone};
use super::shelves::{Shelf, Shelves, Standing};
use super::{
    CHANGES_PENDING_MAX, INTERPRETERS_MAX, InterpreterProfile, Occupancy, QueueError, QueueRules,
};

/// What an interpreter is bound to; at most one thing (Q2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engagement {
    Free,
    Invited(SessionId, Seat),
    InCall { since: Instant },
}

#[derive(Debug)]
struct Known {
    profile: InterpreterProfile,
    /// Every class of seat that they can take.
    classes: Vec<Class>,
    activity: Activity,
    /// Signed in. The others are kept until their call is over, and asked for nothing.
    present: bool,
    idle_since: Instant,
    wrap_until: Option<Instant>,
    rest_until: Option<Instant>,
    /// Invitations in a row that were not answered.
    missed: u32,
    engagement: Engagement,
    calls: Calls,
}

/// Everybody signed in, with the free ones in order of asking.
#[derive(Debug)]
pub(super) struct Roster {
    known: BTreeMap<CaKey, Known>,
    /// How busy those were who signed out: nobody works off a rest by coming back.
    gone: Gone,
    shelves: Shelves,
    rules: QueueRules,
}

impl Roster {
    pub(super) fn new(rules: QueueRules) -> Self {
        Self {
            known: BTreeMap::new(),
            gone: Gone::default(),
            shelves: Shelves::new(),
            rules,
        }
    }

    pub(super) fn sign_in(
        &mut self,
        ca: CaKey,
        profile: InterpreterProfile,
        now: Instant,
    ) -> Result<(), QueueError> {
        if !self.known.contains_key(&ca) {
            let full = self.known.len() >= INTERPRETERS_MAX
                || self.shelves.changes_pending() >= CHANGES_PENDING_MAX;
            if full {
                return Err(QueueError::Full);
            }
            self.newcomer(ca, now);
        }
        let rules = self.rules;
        let Some(one) = self.known.get_mut(&ca) else {
            return Ok(());
        };
        let before = one.standing();
        self.shelves.take(ca, &one.classes, before);
        one.classes = classes_of(&profile);
        one.profile = profile;
        if !one.present {
            one.present = true;
            one.activity = Activity::Available;
            one.rest(now, rules);
        }
        let after = one.standing();
        self.shelves.put(ca, &one.classes, after);
        self.shelves.compare(ca, before, after);
        Ok(())
    }

    /// Returns whether anything changed.
    pub(super) fn set_activity(
        &mut self,
        ca: CaKey,
        activity: Activity,
        now: Instant,
    ) -> Result<bool, QueueError> {
        if !self.is_present(ca) {
            return Err(QueueError::UnknownInterpreter);
        }
        let changed = self.change(ca, |one| {
            let changed = one.activity != activity;
            if !changed && one.wrap_until.is_none() {
                return false;
            }
            if changed {
                one.activity = activity;
                one.idle_since = now;
            }
            one.wrap_until = None;
            if activity == Activity::Available {
                one.missed = 0;
            }
            true
        });
        Ok(changed.unwrap_or(false))
    }

    /// Returns what they were bound to; in a call they are kept until [`Self::set_free`].
    pub(super) fn sign_out(&mut self, ca: CaKey, now: Instant) -> Option<Engagement> {
        let engagement = self.known.get(&ca).filter(|one| one.present)?.engagement;
        self.change(ca, |one| {
            one.present = false;
            one.wrap_until = None;
            one.rest_until = None;
        });
        match engagement {
            Engagement::InCall { .. } => {}
            Engagement::Free | Engagement::Invited(..) => self.dismiss(ca, now),
        }
        Some(engagement)
    }

    pub(super) fn invite(&mut self, ca: CaKey, session: SessionId, seat: Seat) {
        self.change(ca, |one| {
            one.engagement = Engagement::Invited(session, seat)
        });
    }

    pub(super) fn accept(&mut self, ca: CaKey, now: Instant) {
        self.change(ca, |one| one.begin_call(now));
    }

    /// In a call from before a restart, whether signed in or not.
    pub(super) fn resume(&mut self, ca: CaKey, now: Instant) -> Result<(), QueueError> {
        match self.known.get(&ca).map(|one| one.engagement) {
            Some(Engagement::Free) => {}
            Some(Engagement::Invited(..) | Engagement::InCall { .. }) => {
                return Err(QueueError::Engaged);
            }
            None if self.known.len() >= INTERPRETERS_MAX => return Err(QueueError::Full),
            None => self.newcomer(ca, now),
        }
        self.accept(ca, now);
        Ok(())
    }

    /// Their invitation never reached them: they are as free, and as long idle, as they were.
    pub(super) fn never_asked(&mut self, ca: CaKey) {
        self.change(ca, |one| one.engagement = Engagement::Free);
    }

    /// They said no: they are there.
    pub(super) fn answered(&mut self, ca: CaKey) {
        self.change(ca, |one| one.missed = 0);
    }

    /// An invitation went unanswered; after several in a row they are away.
    pub(super) fn missed(&mut self, ca: CaKey) {
        let most = self.rules.missed_max;
        self.change(ca, |one| {
            one.missed = one.missed.saturating_add(1);
            if most > 0 && one.missed >= most && one.activity == Activity::Available {
                one.activity = Activity::Away;
                one.wrap_until = None;
            }
        });
    }

    /// Bound to nothing again; idle from `now`, and after a call first in wrap-up.
    pub(super) fn set_free(&mut self, ca: CaKey, now: Instant) {
        let rules = self.rules;
        let present = self.change(ca, |one| {
            match one.engagement {
                Engagement::InCall { since } => one.end_call(since, now, rules),
                Engagement::Free | Engagement::Invited(..) => {}
            }
            one.engagement = Engagement::Free;
            one.idle_since = now;
            one.present
        });
        if present == Some(false) {
            self.dismiss(ca, now);
        }
    }

    /// Somebody who is not signed in, with what is remembered of them.
    fn newcomer(&mut self, ca: CaKey, now: Instant) {
        let mut one = Known::absent(now);
        one.calls = self.gone.take(ca).unwrap_or_default();
        self.known.insert(ca, one);
    }

    fn dismiss(&mut self, ca: CaKey, now: Instant) {
        let until = |rule: Occupancy| now.checked_add(rule.window);
        let until = self.rules.occupancy.and_then(until);
        if let (Some(one), Some(until)) = (self.known.remove(&ca), until) {
            self.gone.keep(ca, one.calls, until);
        }
    }

    /// Ends the wrap-ups and rests that are over at `now`.
    pub(super) fn advance(&mut self, now: Instant) {
        self.gone.forget_until(now);
        while let Some(ca) = self.shelves.first_due(now) {
            let ended = self.change(ca, |one| {
                one.wrap_until = one.wrap_until.filter(|until| *until > now);
                one.rest_until = one.rest_until.filter(|until| *until > now);
            });
            if ended.is_none() {
                return;
            }
        }
    }

    /// When the next wrap-up or rest is over.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.shelves.next_due()
    }

    /// Those who may be asked, the longest idle first, then the smaller CA id.
    pub(super) fn ready(&self, class: Class) -> impl Iterator<Item = CaKey> {
        self.shelves.ready(class)
    }

    /// Those in wrap-up or resting, in the same order: for emergencies.
    pub(super) fn reserve(&self, plain: Want) -> impl Iterator<Item = CaKey> {
        self.shelves.reserve(plain)
    }

    /// Whether anybody of this class is signed in and not away.
    pub(super) fn on_shift(&self, class: Class) -> bool {
        self.shelves.on_shift(class)
    }

    pub(super) fn has_any(&self, languages: LanguagePair) -> bool {
        self.shelves.has_any(languages)
    }

    pub(super) fn is_present(&self, ca: CaKey) -> bool {
        self.known.get(&ca).is_some_and(|one| one.present)
    }

    pub(super) fn availability(&self, ca: CaKey) -> Availability {
        let one = self.known.get(&ca);
        one.map_or(Availability::Offline, |one| one.standing().availability)
    }

    pub(super) fn is_resting(&self, ca: CaKey) -> bool {
        let one = self.known.get(&ca);
        one.is_some_and(|one| one.rest_until.is_some())
    }

    pub(super) fn profile(&self, ca: CaKey) -> Option<&InterpreterProfile> {
        let one = self.known.get(&ca).filter(|one| one.present);
        one.map(|one| &one.profile)
    }

    /// How many signed-in interpreters are doing this.
    pub(super) fn count(&self, availability: Availability) -> usize {
        self.shelves.count(availability)
    }

    pub(super) fn poll_change(&mut self) -> Option<CaKey> {
        self.shelves.poll_change()
    }

    /// The only way to change somebody known: every index follows.
    fn change<R>(&mut self, ca: CaKey, change: impl FnOnce(&mut Known) -> R) -> Option<R> {
        let one = self.known.get_mut(&ca)?;
        let before = one.standing();
        let result = change(one);
        let after = one.standing();
        if before != after {
            self.shelves.take(ca, &one.classes, before);
            self.shelves.put(ca, &one.classes, after);
            self.shelves.compare(ca, before, after);
        }
        Some(result)
    }
}

/// Every class of seat that such an interpreter can take.
fn classes_of(profile: &InterpreterProfile) -> Vec<Class> {
    let languages: BTreeSet<_> = profile.languages.iter().copied().collect();
    let pools = Pool::ALL.into_iter().filter(|pool| match pool {
        Pool::Everybody => true,
        Pool::Supervisors => profile.supervisor,
    });
    let pools: Vec<Pool> = pools.collect();
    let plain = languages
        .into_iter()
        .flat_map(|pair| pools.iter().map(move |pool| Want::plain(pair, *pool)));
    let able = |want: &Want| {
        want.skill.is_none_or(|s| profile.skills.contains(&s))
            && want.gender.is_none_or(|g| profile.gender == Some(g))
    };
    let wants = plain.flat_map(Want::with_every_wish).filter(able);
    wants.map(Want::class).collect()
}

impl Known {
    /// Somebody who is not signed in.
    fn absent(now: Instant) -> Self {
        Self {
            profile: InterpreterProfile::default(),
            classes: Vec::new(),
            activity: Activity::Available,
            present: false,
            idle_since: now,
            wrap_until: None,
            rest_until: None,
            missed: 0,
            engagement: Engagement::Free,
            calls: Calls::default(),
        }
    }

    fn begin_call(&mut self, now: Instant) {
        self.engagement = Engagement::InCall { since: now };
        self.missed = 0;
        self.wrap_until = None;
        self.rest_until = None;
    }

    fn end_call(&mut self, since: Instant, now: Instant, rules: QueueRules) {
        if let Some(rule) = rules.occupancy {
            self.calls.record(since, now, rule);
        }
        self.rest(now, rules);
        let wraps = self.present && self.activity == Activity::Available;
        if wraps && !rules.wrap_up.is_zero() {
            self.wrap_until = now.checked_add(rules.wrap_up);
        }
    }

    /// Whoever is here rests for what they have done.
    fn rest(&mut self, now: Instant, rules: QueueRules) {
        let rest_until = |rule| self.calls.rest_until(rule, now);
        self.rest_until = rules
            .occupancy
            .and_then(rest_until)
            .filter(|_| self.present);
    }

    const fn standing(&self) -> Standing {
        let availability = if self.present {
            self.availability()
        } else {
            Availability::Offline
        };
        let shelf = match availability {
            Availability::Available if self.rest_until.is_none() => Shelf::Ready,
            Availability::Available | Availability::WrapUp => Shelf::Reserve,
            Availability::Invited
            | Availability::InCall
            | Availability::Break
            | Availability::Meal
            | Availability::Training
            | Availability::Away
            | Availability::Offline => Shelf::None,
        };
        Standing {
            shelf,
            idle_since: self.idle_since,
            availability,
            on_shift: self.present && !matches!(self.activity, Activity::Away),
            wrap_until: self.wrap_until,
            rest_until: self.rest_until,
        }
    }

    const fn availability(&self) -> Availability {
        match (self.engagement, self.activity) {
            (Engagement::Invited(..), _) => Availability::Invited,
            (Engagement::InCall { .. }, _) => Availability::InCall,
            (Engagement::Free, Activity::Available) if self.wrap_until.is_some() => {
                Availability::WrapUp
            }
            (Engagement::Free, Activity::Available) => Availability::Available,
            (Engagement::Free, Activity::Break) => Availability::Break,
            (Engagement::Free, Activity::Meal) => Availability::Meal,
            (Engagement::Free, Activity::Training) => Availability::Training,
            (Engagement::Free, Activity::Away) => Availability::Away,
        }
    }
}
