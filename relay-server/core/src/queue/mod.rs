//! Interpreters and waiting seats: who is asked for which call.
//!
//! What it is: the single authority on who is asked and who has whom. A seat of a session has at
//! most one interpreter (Q1), an interpreter at most one invitation or seat (Q2); emergency calls
//! come first (Q5), then urgent ones, then first come, first served (Q6); among the free
//! interpreters the one who has been idle longest is asked, then the smaller CA id.
//! What it is not: it invites nobody and has no lock, clock or timer; one driver owns it.
//! Start reading at [`Queue::next`].
//!
//! # The driver's protocol
//! After every change, and whenever [`Queue::poll_timeout`] is reached:
//! 1. [`Queue::handle_timeout`] until it returns `None`: each answer is an invitation that has
//!    lapsed; its session is told `InvitationDeclined { how: TimedOut }`.
//! 2. [`Queue::next`] until it returns `None`: each answer is a [`Match`] that already counts as
//!    invited; its session is told `Matched`.
//! 3. [`Queue::poll_change`] until it returns `None`: each answer is an interpreter whose
//!    [`Queue::availability`] is to be published.
//!
//! When an interpreter answers, the queue is asked *first* ([`Queue::accepted`],
//! [`Queue::declined`]), then the session. [`QueueError::Stale`], [`QueueError::UnknownSession`]
//! and [`QueueError::UnknownInterpreter`] mean that the word is about an asking that is over (Q4):
//! that interpreter's leg is hung up and the session hears nothing.
//!
//! # Sessions and seats
//! A session asks for each [`Seat`] with [`Queue::enter`], and gives it up with
//! [`Queue::vacate`]. [`Queue::relieve`] puts the relief in the lead's place. Until
//! [`Queue::leave`] the session is known, seats or none, and its epochs grow.
//!
//! # Who fits
//! Languages are never given up, save by emergency calls for which nobody is free: they are offered
//! to whoever interprets between the same sign language and another spoken one. A supervisor's seat
//! is offered to supervisors, who are otherwise interpreters like all the others. Skill and gender
//! are wishes:
//! - Somebody free who fulfils all wishes is preferred; then skill without gender, then gender
//!   without skill, then anybody.
//! - A wish binds for `wish_patience`, and only while somebody signed in and not away could fulfil
//!   it, in a call or not (F14, F5). Gender is given up first: it binds while somebody could
//!   fulfil it *with* the skill that binds. After the patience neither binds.
//! - Emergency calls have no wishes.
//!
//! # Who is asked again
//! An interpreter who declined a session (or let it lapse, or was relieved in it) is passed over
//! for every seat of that session for [`DECLINE_MEMORY`] (in an emergency
//! [`EMERGENCY_DECLINE_MEMORY`]), or until they become available anew, or sign out and in, or
//! somebody accepts a seat of it.
//! Meanwhile everybody else is asked; when all who are free have declined, the session keeps its
//! place and waits, and those behind it may be served by the same interpreters. Declining ends an
//! interpreter's idle time, so within a round nobody is asked twice before all have been asked.
//! At most [`DECLINES_REMEMBERED_MAX`] declines are remembered per session and per interpreter,
//! the oldest is forgotten: this bounds the search and not the waiting.
//!
//! # Who is left alone
//! - After a call: wrap-up for `QueueRules::wrap_up`, unless they chose something else meanwhile
//!   or say that they are available. Idle time counts from the end of the call, so that nobody
//!   loses their turn by it.
//! - After too large a share of time in calls: a rest until the share is below the rule
//!   ([`Queue::is_resting`]). Saying "available" does not end it, signing out does.
//! - After `missed_max` invitations in a row that lapsed: away until they choose available.
//!
//! Emergency calls are offered to those in wrap-up or at rest too, if nobody else is willing.
//!
//! # Cost
//! n seats and m interpreters: each operation is O(log n + log m), with a constant bounded by the
//! number of language pairs × skills × genders and [`DECLINES_REMEMBERED_MAX`]. What ends by
//! itself (a decline, a wish, a wrap-up, a rest) costs as much once more, in the first
//! [`Queue::handle_timeout`] or [`Queue::next`] after its end. `vrs-bench` measures it.

mod choose;
mod class;
mod declines;
mod lane;
mod line;
mod occupancy;
mod roster;
mod shelves;
mod types;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_rules;
#[cfg(test)]
mod tests_wishes;
#[cfg(test)]
mod twins;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use vrs_domain::{
    Activity, Availability, CaId, Epoch, LanguagePair, Seat, SessionId, Urgency, limit,
};

use choose::Search;
use class::{CaKey, Pool, Want};
use declines::Declines;
use line::{Chair, Line, Order, Phase};
use roster::{Engagement, Roster};
pub use types::{
    InterpreterProfile, Match, Occupancy, QueueError, QueueRules, QueueSummary, Request,
};

/// For how long an interpreter who declined a session is passed over for it.
pub const DECLINE_MEMORY: Duration = Duration::from_secs(30);
/// The same in an emergency: where there is nobody else, whoever just missed it is asked again.
pub const EMERGENCY_DECLINE_MEMORY: Duration = Duration::from_secs(5);
/// Most declines remembered per session, and per interpreter.
pub const DECLINES_REMEMBERED_MAX: usize = 16;
/// Most interpreters signed in or in a call at once.
pub const INTERPRETERS_MAX: usize = 10_000;
/// Interpreters whose change of availability nobody has asked for, from which on newcomers are
/// refused: a driver that publishes never comes near.
pub const CHANGES_PENDING_MAX: usize = 2 * INTERPRETERS_MAX;
/// Most sessions known at once, waiting or with interpreters, emergencies excepted.
pub const SESSIONS_KNOWN_MAX: usize = limit::QUEUE_SESSIONS_MAX + INTERPRETERS_MAX;
/// Seats beyond `limit::QUEUE_SESSIONS_MAX` that may wait, and sessions beyond
/// [`SESSIONS_KNOWN_MAX`], if they are emergency calls.
pub const EMERGENCY_RESERVE: usize = 1_000;

/// The queue. See the module for its protocol.
#[derive(Debug)]
pub struct Queue {
    rules: QueueRules,
    /// Every session that is known, with its latest epoch.
    epochs: BTreeMap<SessionId, Epoch>,
    chairs: BTreeMap<(SessionId, Seat), Chair>,
    line: Line,
    roster: Roster,
    declines: Declines,
    /// When invitations lapse.
    deadlines: BTreeSet<(Instant, SessionId, Seat)>,
}

impl Default for Queue {
    fn default() -> Self {
        Self::new(QueueRules::default())
    }
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(rules: QueueRules) -> Self {
        Self {
            rules,
            epochs: BTreeMap::new(),
            chairs: BTreeMap::new(),
            line: Line::new(),
            roster: Roster::new(rules),
            declines: Declines::default(),
            deadlines: BTreeSet::new(),
        }
    }

    // ---- interpreters ----

    /// An interpreter signed in, or refreshed it: their profile is renewed. The newly signed in are
    /// available, or in the call that they were in; others keep what they were.
    ///
    /// # Errors
    /// [`QueueError::Full`] past [`INTERPRETERS_MAX`].
    pub fn sign_in(
        &mut self,
        ca: &CaId,
        profile: InterpreterProfile,
        now: Instant,
    ) -> Result<(), QueueError> {
        self.roster.sign_in(CaKey::from(ca), profile, now)
    }

    /// An interpreter chose what to do. An invitation that is out stays out, a call goes on; what
    /// was chosen holds afterwards. Becoming available ends wrap-up and the absence after
    /// unanswered invitations, and forgets their declines. What they do already changes nothing.
    ///
    /// # Errors
    /// [`QueueError::UnknownInterpreter`].
    pub fn set_activity(
        &mut self,
        ca: &CaId,
        activity: Activity,
        now: Instant,
    ) -> Result<(), QueueError> {
        let ca = CaKey::from(ca);
        if self.roster.set_activity(ca, activity, now)? && activity == Activity::Available {
            self.declines.forget_interpreter(ca);
        }
        Ok(())
    }

    /// An interpreter signed out or was lost. An invitation that was out is returned: its session
    /// is to be told `InvitationDeclined { how: Lost }`. A seat that they have stays theirs until
    /// [`Self::vacate`], [`Self::relieve`] or [`Self::leave`]. All else about them is forgotten, but
    /// how busy they were.
    pub fn sign_out(&mut self, ca: &CaId, now: Instant) -> Option<Match> {
        let key = CaKey::from(ca);
        let engagement = self.roster.sign_out(key, now);
        self.declines.forget_interpreter(key);
        let Some(Engagement::Invited(session, seat)) = engagement else {
            return None;
        };
        let epoch = self.chairs.get(&(session, seat))?.epoch;
        self.wait_again(session, seat);
        Some(Match {
            session,
            seat,
            ca: ca.clone(),
            epoch,
        })
    }

    /// What an interpreter is doing.
    #[must_use]
    pub fn availability(&self, ca: &CaId) -> Availability {
        self.roster.availability(CaKey::from(ca))
    }

    /// Whether an interpreter is passed over for all but emergencies because of too much time in
    /// calls.
    #[must_use]
    pub fn is_resting(&self, ca: &CaId) -> bool {
        self.roster.is_resting(CaKey::from(ca))
    }

    /// The profile that an interpreter signed in with.
    #[must_use]
    pub fn profile(&self, ca: &CaId) -> Option<&InterpreterProfile> {
        self.roster.profile(CaKey::from(ca))
    }

    /// Whether anybody who interprets between these languages is signed in, free or not.
    #[must_use]
    pub fn has_any(&self, languages: LanguagePair) -> bool {
        self.roster.has_any(languages)
    }

    /// An interpreter whose availability changed since they were last returned, the smaller CA id
    /// first. To be called until it returns `None`.
    pub fn poll_change(&mut self) -> Option<CaId> {
        self.roster.poll_change()?.id()
    }

    // ---- sessions ----

    /// A seat begins to wait; its session is known from here on.
    ///
    /// # Errors
    /// [`QueueError::AlreadyWaiting`]; [`QueueError::Full`] past `limit::QUEUE_SESSIONS_MAX` or
    /// [`SESSIONS_KNOWN_MAX`] (emergency calls: and [`EMERGENCY_RESERVE`] more).
    pub fn enter(&mut self, request: Request, now: Instant) -> Result<(), QueueError> {
        let key = (request.session, request.seat);
        if self.chairs.contains_key(&key) {
            return Err(QueueError::AlreadyWaiting);
        }
        // Places are kept free, so that others who wait never turn an emergency call away.
        let reserve = match request.urgency {
            Urgency::Emergency => EMERGENCY_RESERVE,
            Urgency::Urgent | Urgency::Standard => 0,
        };
        let known = self.epochs.contains_key(&request.session);
        if self.line.len() >= limit::QUEUE_SESSIONS_MAX + reserve
            || (!known && self.epochs.len() >= SESSIONS_KNOWN_MAX + reserve)
        {
            return Err(QueueError::Full);
        }
        self.epochs.entry(request.session).or_default();
        let chair = self.chair(&request, now);
        self.line.join(&chair);
        self.chairs.insert(key, chair);
        Ok(())
    }

    /// A seat is over: its waiting, its invitation or its assignment. Whoever was asked or
    /// assigned is free again and returned. The session stays known; strangers do nothing.
    pub fn vacate(&mut self, session: SessionId, seat: Seat, now: Instant) -> Option<Match> {
        let chair = self.chairs.remove(&(session, seat))?;
        match chair.phase {
            Phase::Waiting => {
                self.line.withdraw(&chair);
                self.line.depart(&chair);
            }
            Phase::Invited { deadline, .. } => {
                self.deadlines.remove(&(deadline, session, seat));
                self.line.depart(&chair);
            }
            Phase::Assigned { .. } => {}
        }
        let ca = chair.phase.engaged()?;
        self.roster.set_free(ca, now);
        Some(Match {
            session,
            seat,
            ca: ca.id()?,
            epoch: chair.epoch,
        })
    }

    /// The accepted relief becomes the lead. Whoever was asked for the lead or had it is free
    /// again and returned, and a former lead is not asked to relieve their successor for
    /// [`DECLINE_MEMORY`]. Without an accepted relief nothing changes.
    pub fn relieve(&mut self, session: SessionId, now: Instant) -> Option<Match> {
        let relief = self.chairs.get(&(session, Seat::Relief))?;
        match relief.phase {
            Phase::Assigned { .. } => {}
            Phase::Waiting | Phase::Invited { .. } => return None,
        }
        let lead = self.chairs.get(&(session, Seat::Lead));
        let had_it = lead.is_some_and(|chair| matches!(chair.phase, Phase::Assigned { .. }));
        let former = self.vacate(session, Seat::Lead, now);
        if let Some(former) = former.as_ref().filter(|_| had_it) {
            let until = now.checked_add(DECLINE_MEMORY).unwrap_or(now);
            let ca = CaKey::from(&former.ca);
            self.declines.remember(session, ca, until);
        }
        if let Some(mut chair) = self.chairs.remove(&(session, Seat::Relief)) {
            chair.order.seat = Seat::Lead;
            self.chairs.insert((session, Seat::Lead), chair);
        }
        former
    }

    /// A session is over with all its seats, and no longer known. Whoever was asked or assigned
    /// is free again and returned, in the order of [`Seat::ALL`].
    pub fn leave(&mut self, session: SessionId, now: Instant) -> Vec<Match> {
        self.epochs.remove(&session);
        self.declines.forget_session(session);
        let seats = Seat::ALL.iter();
        seats
            .filter_map(|seat| self.vacate(session, *seat, now))
            .collect()
    }

    /// After a restart: an assignment from the journal is put back as it was. Its interpreter need
    /// not be signed in; once they are, they are in this call.
    ///
    /// # Errors
    /// [`QueueError::AlreadyWaiting`], [`QueueError::Engaged`], [`QueueError::Full`].
    #[expect(clippy::too_many_arguments, reason = "a line of the journal")]
    pub fn resume(
        &mut self,
        session: SessionId,
        seat: Seat,
        ca: &CaId,
        epoch: Epoch,
        urgency: Urgency,
        languages: LanguagePair,
        now: Instant,
    ) -> Result<(), QueueError> {
        if self.chairs.contains_key(&(session, seat)) {
            return Err(QueueError::AlreadyWaiting);
        }
        let ca = CaKey::from(ca);
        self.roster.resume(ca, now)?;
        let request = Request {
            session,
            seat,
            languages,
            urgency,
            skill: None,
            gender: None,
        };
        let mut chair = self.chair(&request, now);
        chair.epoch = epoch;
        chair.phase = Phase::Assigned { ca };
        self.chairs.insert((session, seat), chair);
        let latest = self.epochs.entry(session).or_default();
        *latest = epoch.max(*latest);
        Ok(())
    }

    /// After a restart: a session goes on whose latest asking was this one. Without it the next
    /// would have an epoch that the session has seen already, and refuses (Q4).
    pub fn resume_after(&mut self, session: SessionId, latest: Epoch) {
        let known = self.epochs.entry(session).or_default();
        *known = latest.max(*known);
    }

    /// Where a session's lead stands among the seats of its languages, those being offered
    /// included and supervisors' not: 1 is next. `None` once an interpreter has it.
    #[must_use]
    pub fn position(&self, session: SessionId) -> Option<u32> {
        let chair = self.chairs.get(&(session, Seat::Lead))?;
        match chair.phase {
            Phase::Waiting | Phase::Invited { .. } => self.line.position(chair),
            Phase::Assigned { .. } => None,
        }
    }

    /// For how long a session's lead has been in the queue, its waiting included.
    #[must_use]
    pub fn waited(&self, session: SessionId, now: Instant) -> Option<Duration> {
        let chair = self.chairs.get(&(session, Seat::Lead))?;
        Some(now.saturating_duration_since(chair.entered))
    }

    // ---- decisions ----

    /// The next seat and the interpreter to ask for it, who counts as invited from here on until
    /// the invitation times out. Returns a match whenever a free interpreter and a waiting seat
    /// fit and that interpreter has not just declined that session (Q8). To be called until it
    /// returns `None`.
    pub fn next(&mut self, now: Instant) -> Option<Match> {
        self.advance(now);
        let search = Search {
            line: &self.line,
            roster: &self.roster,
            declines: &self.declines,
        };
        let (Order { session, seat, .. }, key) = search.choose()?;
        let ca = key.id()?;
        let chair = self.chairs.get_mut(&(session, seat))?;
        self.line.withdraw(chair);
        let latest = self.epochs.entry(session).or_default();
        *latest = latest.next();
        let epoch = *latest;
        let deadline = now.checked_add(self.rules.invitation_timeout);
        let deadline = deadline.unwrap_or(now);
        chair.epoch = epoch;
        chair.phase = Phase::Invited { ca: key, deadline };
        self.deadlines.insert((deadline, session, seat));
        self.roster.invite(key, session, seat);
        Some(Match {
            session,
            seat,
            ca,
            epoch,
        })
    }

    /// The invited interpreter took the seat: it is theirs (Q1, Q2), and their call begins.
    ///
    /// # Errors
    /// [`QueueError::UnknownSession`], [`QueueError::UnknownInterpreter`];
    /// [`QueueError::Stale`] when this invitation is not the one that is out.
    pub fn accepted(
        &mut self,
        session: SessionId,
        seat: Seat,
        ca: &CaId,
        epoch: Epoch,
        now: Instant,
    ) -> Result<(), QueueError> {
        let deadline = self.invited(session, seat, ca, epoch)?;
        self.deadlines.remove(&(deadline, session, seat));
        let ca = CaKey::from(ca);
        if let Some(chair) = self.chairs.get_mut(&(session, seat)) {
            chair.phase = Phase::Assigned { ca };
            self.line.depart(chair);
        }
        self.declines.forget_session(session);
        self.roster.accept(ca, now);
        Ok(())
    }

    /// The invited interpreter will not take it, or was lost: the seat waits on at its old place,
    /// the interpreter is free for others.
    ///
    /// # Errors
    /// As [`Self::accepted`].
    pub fn declined(
        &mut self,
        session: SessionId,
        seat: Seat,
        ca: &CaId,
        epoch: Epoch,
        now: Instant,
    ) -> Result<(), QueueError> {
        self.invited(session, seat, ca, epoch)?;
        let ca = CaKey::from(ca);
        self.roster.answered(ca);
        self.decline(session, seat, ca, now);
        Ok(())
    }

    /// The session had no use for a match, for it knows epochs up to `latest`: the interpreter was
    /// never asked and has declined nothing, and the seat waits on at its old place.
    ///
    /// # Errors
    /// As [`Self::accepted`].
    pub fn hand_back(
        &mut self,
        session: SessionId,
        seat: Seat,
        ca: &CaId,
        epoch: Epoch,
        latest: Epoch,
    ) -> Result<(), QueueError> {
        self.invited(session, seat, ca, epoch)?;
        self.resume_after(session, latest);
        self.wait_again(session, seat);
        self.roster.never_asked(CaKey::from(ca));
        Ok(())
    }

    /// When [`Self::handle_timeout`] and [`Self::next`] may have something new to say. May change
    /// with every call that changes the queue.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let lapse = self.deadlines.first().map(|(deadline, ..)| *deadline);
        let due = [
            lapse,
            self.declines.next_expiry(),
            self.roster.next_due(),
            self.line.next_impatient(),
        ];
        due.into_iter().flatten().min()
    }

    /// An invitation that has lapsed; it counts as declined. To be called until it returns `None`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Match> {
        self.advance(now);
        let (deadline, session, seat) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        let chair = self.chairs.get(&(session, seat))?;
        let ca = chair.phase.engaged()?;
        let lapsed = Match {
            session,
            seat,
            ca: ca.id()?,
            epoch: chair.epoch,
        };
        self.roster.missed(ca);
        self.decline(session, seat, ca, now);
        Some(lapsed)
    }

    /// How many are where.
    #[must_use]
    pub fn summary(&self) -> QueueSummary {
        let count = |availability| self.roster.count(availability);
        let breaks = [
            Availability::Break,
            Availability::Meal,
            Availability::Training,
        ];
        QueueSummary {
            waiting: self.line.len(),
            available: count(Availability::Available),
            invited: count(Availability::Invited),
            in_call: count(Availability::InCall),
            wrap_up: count(Availability::WrapUp),
            on_break: breaks.into_iter().map(count).sum(),
            away: count(Availability::Away),
        }
    }

    // ---- inside ----

    /// Everything that ends by itself, invitations excepted.
    fn advance(&mut self, now: Instant) {
        self.declines.forget_until(now);
        self.roster.advance(now);
        while let Some((session, seat)) = self.line.pop_impatient(now) {
            if let Some(chair) = self.chairs.get_mut(&(session, seat)) {
                self.line.withdraw(chair);
                chair.wishes_until = None;
                self.line.offer(chair);
            }
        }
    }

    /// A seat that begins to wait now.
    fn chair(&mut self, request: &Request, now: Instant) -> Chair {
        let plain = Want::plain(request.languages, Pool::of(request.seat));
        let want = match request.urgency {
            Urgency::Emergency => plain,
            Urgency::Urgent | Urgency::Standard => plain.wishing(request.skill, request.gender),
        };
        let patience = now.checked_add(self.rules.wish_patience);
        Chair {
            want,
            order: Order {
                urgency: request.urgency,
                arrival: self.line.arrive(),
                session: request.session,
                seat: request.seat,
            },
            entered: now,
            wishes_until: patience.filter(|_| want.has_wishes()),
            epoch: Epoch::default(),
            phase: Phase::Waiting,
        }
    }

    /// The deadline of this invitation, if it is the one that is out (Q4).
    fn invited(
        &self,
        session: SessionId,
        seat: Seat,
        ca: &CaId,
        epoch: Epoch,
    ) -> Result<Instant, QueueError> {
        if !self.epochs.contains_key(&session) {
            return Err(QueueError::UnknownSession);
        }
        let key = CaKey::from(ca);
        if !self.roster.is_present(key) {
            return Err(QueueError::UnknownInterpreter);
        }
        let chair = self.chairs.get(&(session, seat)).ok_or(QueueError::Stale)?;
        match chair.phase {
            Phase::Invited { ca, deadline } if ca == key && chair.epoch == epoch => Ok(deadline),
            Phase::Invited { .. } | Phase::Waiting | Phase::Assigned { .. } => {
                Err(QueueError::Stale)
            }
        }
    }

    fn decline(&mut self, session: SessionId, seat: Seat, ca: CaKey, now: Instant) {
        self.wait_again(session, seat);
        let chair = self.chairs.get(&(session, seat));
        let urgency = chair.map_or(Urgency::Standard, |chair| chair.order.urgency);
        let until = now.checked_add(decline_memory(urgency)).unwrap_or(now);
        self.declines.remember(session, ca, until);
        self.roster.set_free(ca, now);
    }

    /// An invited seat waits for the next interpreter, at its old place.
    fn wait_again(&mut self, session: SessionId, seat: Seat) {
        let Some(chair) = self.chairs.get_mut(&(session, seat)) else {
            return;
        };
        match chair.phase {
            Phase::Invited { deadline, .. } => {
                self.deadlines.remove(&(deadline, session, seat));
            }
            Phase::Waiting | Phase::Assigned { .. } => {}
        }
        chair.phase = Phase::Waiting;
        self.line.offer(chair);
    }
}

const fn decline_memory(urgency: Urgency) -> Duration {
    match urgency {
        Urgency::Emergency => EMERGENCY_DECLINE_MEMORY,
        Urgency::Urgent | Urgency::Standard => DECLINE_MEMORY,
    }
}
