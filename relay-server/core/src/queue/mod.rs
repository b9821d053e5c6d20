//! Interpreters and waiting sessions: who is asked for which call.
//!
//! What it is: the single authority on who is asked and who has whom. A session has at most one
//! interpreter (Q1), an interpreter at most one invitation or session (Q2); emergency calls come
//! first (Q5), then first come, first served within a language pair (Q6); among the free
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
//!
//! When an interpreter answers, the queue is asked *first* ([`Queue::accepted`],
//! [`Queue::declined`]), then the session. [`QueueError::Stale`] means that the word is about an
//! asking that is over (Q4): that interpreter's leg is hung up and the session hears nothing.
//! When the session is over, [`Queue::leave`] frees whoever was with it.
//!
//! # Who is asked again
//! An interpreter who declined a session (or let it lapse, or was lost) is passed over for that
//! session for [`DECLINE_MEMORY`], or until they turn away and available again, or sign out and in.
//! Meanwhile everybody else is asked; when all who are free have declined, the session keeps its
//! place and waits, and those behind it may be served by the same interpreters. Declining ends an
//! interpreter's idle time, so within a round nobody is asked twice before all have been asked.
//! At most [`DECLINES_REMEMBERED_MAX`] declines are remembered per session and per interpreter,
//! the oldest is forgotten: this bounds the search and not the waiting.
//!
//! # Cost
//! n sessions and m interpreters: each operation is O(log n + log m), with a constant bounded by
//! the number of language pairs and [`DECLINES_REMEMBERED_MAX`].

mod declines;
mod lane;
mod roster;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use vrs_domain::{Availability, CaId, Epoch, LanguagePair, PhoneNumber, SessionId, Skill, limit};

use declines::Declines;
use lane::Lane;
use roster::{Engagement, Roster};

/// For how long an interpreter who declined a session is passed over for it.
pub const DECLINE_MEMORY: Duration = Duration::from_secs(30);
/// Most declines remembered per session, and per interpreter.
pub const DECLINES_REMEMBERED_MAX: usize = 16;
/// Most interpreters signed in at once.
pub const INTERPRETERS_MAX: usize = 10_000;

/// Sessions beyond `limit::QUEUE_SESSIONS_MAX` that may wait if they are emergency calls.
pub const EMERGENCY_RESERVE: usize = 1_000;

/// Which sessions come first; the smaller, the sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Answered before everything else (F18).
    Emergency,
    /// Everything else.
    Normal,
}

impl Priority {
    /// Every value, soonest first.
    pub const ALL: &'static [Self] = &[Self::Emergency, Self::Normal];

    /// The priority of a call to `number`.
    #[must_use]
    pub fn of(number: &PhoneNumber) -> Self {
        if number.is_emergency() {
            Self::Emergency
        } else {
            Self::Normal
        }
    }
}

/// What an interpreter can do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InterpreterProfile {
    /// Between which languages they interpret.
    pub languages: Vec<LanguagePair>,
    /// In which fields they are trained; shown, not yet asked for (F14).
    pub skills: Vec<Skill>,
}

/// An interpreter for a session: an invitation, or the assignment it became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Which session.
    pub session: SessionId,
    /// Which interpreter.
    pub ca: CaId,
    /// Grows with each asking for this session.
    pub epoch: Epoch,
}

/// Why the queue did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// Too many sessions wait, or too many interpreters are signed in; try later.
    #[error("the queue is full")]
    Full,
    /// The session is in the queue already; the driver's mistake.
    #[error("the session is in the queue already")]
    AlreadyWaiting,
    /// No interpreter with this CA id is signed in.
    #[error("this interpreter is not signed in")]
    UnknownInterpreter,
    /// The word is about an asking that is over, or never was (Q4).
    #[error("this invitation or assignment is over")]
    Stale,
}

/// How many are where, for gauges and the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueSummary {
    /// Sessions without an interpreter, those being offered included.
    pub waiting: usize,
    /// Interpreters ready for an invitation.
    pub available: usize,
    /// Interpreters being asked.
    pub invited: usize,
    /// Interpreters in a session.
    pub in_call: usize,
    /// Interpreters signed in and taking no calls.
    pub away: usize,
}

/// A session as the queue knows it.
#[derive(Debug)]
struct Entry {
    languages: LanguagePair,
    priority: Priority,
    /// Order of arrival; a decline does not change it.
    arrival: u64,
    entered: Instant,
    latest: Epoch,
    phase: Phase,
}

#[derive(Debug, Clone)]
enum Phase {
    Waiting,
    Invited { ca: CaId, deadline: Instant },
    Assigned { ca: CaId },
}

impl Entry {
    /// Who is asked or assigned.
    fn engaged(&self) -> Option<&CaId> {
        match &self.phase {
            Phase::Waiting => None,
            Phase::Invited { ca, .. } | Phase::Assigned { ca } => Some(ca),
        }
    }
}

/// Sessions that are ready to be matched, in the order in which they will be.
type Ready = BTreeSet<(Priority, u64, SessionId)>;

/// The queue. See the module for its protocol.
#[derive(Debug)]
pub struct Queue {
    sessions: BTreeMap<SessionId, Entry>,
    ready: BTreeMap<LanguagePair, Ready>,
    /// Every session without an interpreter, for positions.
    lanes: BTreeMap<(LanguagePair, Priority), Lane>,
    roster: Roster,
    declines: Declines,
    deadlines: BTreeSet<(Instant, SessionId)>,
    arrivals: u64,
    waiting: usize,
    invitation_timeout: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        Self::with_invitation_timeout(limit::INVITATION_TIMEOUT)
    }
}

impl Queue {
    /// An empty queue that asks each interpreter for `limit::INVITATION_TIMEOUT`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty queue that asks each interpreter for `invitation_timeout`.
    #[must_use]
    pub fn with_invitation_timeout(invitation_timeout: Duration) -> Self {
        Self {
            sessions: BTreeMap::new(),
            ready: BTreeMap::new(),
            lanes: BTreeMap::new(),
            roster: Roster::default(),
            declines: Declines::default(),
            deadlines: BTreeSet::new(),
            arrivals: 0,
            waiting: 0,
            invitation_timeout,
        }
    }

    // ---- interpreters ----

    /// An interpreter signed in, or refreshed it: their profile is renewed. The newly signed in are
    /// available; others keep what they were.
    ///
    /// # Errors
    /// [`QueueError::Full`] past [`INTERPRETERS_MAX`].
    pub fn sign_in(
        &mut self,
        ca: CaId,
        profile: InterpreterProfile,
        now: Instant,
    ) -> Result<(), QueueError> {
        self.roster.sign_in(ca, profile, now)
    }

    /// An interpreter takes calls (`true`) or does not. An invitation that is out stays out.
    /// Becoming available forgets their declines.
    ///
    /// # Errors
    /// [`QueueError::UnknownInterpreter`].
    pub fn set_availability(
        &mut self,
        ca: &CaId,
        available: bool,
        now: Instant,
    ) -> Result<(), QueueError> {
        if self.roster.set_available(ca, available, now)? && available {
            self.declines.forget_interpreter(ca);
        }
        Ok(())
    }

    /// An interpreter signed out or was lost. An invitation that was out is returned: it counts as
    /// declined, and its session is to be told `InvitationDeclined { how: Lost }`. A session that
    /// they are in stays theirs until [`Self::leave`] or [`Self::released`].
    pub fn sign_out(&mut self, ca: &CaId) -> Option<Match> {
        let engagement = self.roster.sign_out(ca);
        self.declines.forget_interpreter(ca);
        let Some(Engagement::Invited(session)) = engagement else {
            return None;
        };
        let epoch = self.sessions.get(&session)?.latest;
        self.wait_again(session);
        Some(Match {
            session,
            ca: ca.clone(),
            epoch,
        })
    }

    /// What an interpreter is doing; `None` when not signed in.
    #[must_use]
    pub fn availability(&self, ca: &CaId) -> Option<Availability> {
        self.roster.availability(ca)
    }

    /// The profile that an interpreter signed in with.
    #[must_use]
    pub fn profile(&self, ca: &CaId) -> Option<&InterpreterProfile> {
        self.roster.profile(ca)
    }

    /// Whether anybody who interprets between these languages is signed in, free or not.
    #[must_use]
    pub fn has_any(&self, languages: LanguagePair) -> bool {
        self.roster.has_any(languages)
    }

    // ---- sessions ----

    /// A session begins to wait.
    ///
    /// # Errors
    /// [`QueueError::Full`] past `limit::QUEUE_SESSIONS_MAX` (emergency calls: and
    /// [`EMERGENCY_RESERVE`] more), [`QueueError::AlreadyWaiting`].
    pub fn enter(
        &mut self,
        session: SessionId,
        languages: LanguagePair,
        priority: Priority,
        now: Instant,
    ) -> Result<(), QueueError> {
        if self.sessions.contains_key(&session) {
            return Err(QueueError::AlreadyWaiting);
        }
        // Places are kept free, so that others who wait never turn an emergency call away.
        let most = match priority {
            Priority::Emergency => limit::QUEUE_SESSIONS_MAX + EMERGENCY_RESERVE,
            Priority::Normal => limit::QUEUE_SESSIONS_MAX,
        };
        if self.waiting >= most {
            return Err(QueueError::Full);
        }
        let arrival = self.arrivals;
        self.arrivals = self.arrivals.saturating_add(1);
        self.lanes
            .entry((languages, priority))
            .or_default()
            .push(arrival);
        self.ready
            .entry(languages)
            .or_default()
            .insert((priority, arrival, session));
        self.waiting += 1;
        self.sessions.insert(
            session,
            Entry {
                languages,
                priority,
                arrival,
                entered: now,
                latest: Epoch::default(),
                phase: Phase::Waiting,
            },
        );
        Ok(())
    }

    /// A session is over, whatever it was waiting for. Whoever was asked or assigned is free
    /// again and returned. Unknown sessions do nothing.
    pub fn leave(&mut self, session: SessionId, now: Instant) -> Option<Match> {
        let entry = self.sessions.remove(&session)?;
        self.declines.forget_session(session);
        match &entry.phase {
            Phase::Waiting => self.unready(session, &entry),
            Phase::Invited { deadline, .. } => {
                self.deadlines.remove(&(*deadline, session));
                self.unlane(&entry);
            }
            Phase::Assigned { .. } => {}
        }
        let ca = entry.engaged()?.clone();
        self.roster.set_free(&ca, now);
        Some(Match {
            session,
            ca,
            epoch: entry.latest,
        })
    }

    /// Where a session stands among those of its languages, those being offered included:
    /// 1 is next. `None` once an interpreter has it.
    #[must_use]
    pub fn position(&self, session: SessionId) -> Option<u32> {
        let entry = self.sessions.get(&session)?;
        if matches!(entry.phase, Phase::Assigned { .. }) {
            return None;
        }
        let sooner = |p: &&Priority| **p < entry.priority;
        let ahead = Priority::ALL.iter().filter(sooner).map(|p| {
            let lane = self.lanes.get(&(entry.languages, *p));
            lane.map_or(0, Lane::len)
        });
        let lane = self.lanes.get(&(entry.languages, entry.priority))?;
        Some(ahead.sum::<u32>().saturating_add(lane.rank(entry.arrival)?))
    }

    /// For how long a session has been in the queue.
    #[must_use]
    pub fn waited(&self, session: SessionId, now: Instant) -> Option<Duration> {
        let entry = self.sessions.get(&session)?;
        Some(now.saturating_duration_since(entry.entered))
    }

    // ---- decisions ----

    /// The next session and the interpreter to ask for it, who counts as invited from here on
    /// until the invitation times out. Returns a match whenever a free interpreter and a
    /// waiting session fit and that interpreter has not just declined that session (Q8). To be
    /// called until it returns `None`.
    pub fn next(&mut self, now: Instant) -> Option<Match> {
        self.declines.forget_until(now);
        let mut best: Option<((Priority, u64, SessionId), CaId)> = None;
        for (languages, ready) in &self.ready {
            let Some((order, ca)) = self.first_fit(*languages, ready) else {
                continue;
            };
            if best.as_ref().is_none_or(|(sooner, _)| order < *sooner) {
                best = Some((order, ca));
            }
        }
        let ((priority, arrival, session), ca) = best?;
        let entry = self.sessions.get_mut(&session)?;
        if let Some(ready) = self.ready.get_mut(&entry.languages) {
            ready.remove(&(priority, arrival, session));
        }
        let deadline = now.checked_add(self.invitation_timeout).unwrap_or(now);
        entry.latest = entry.latest.next();
        entry.phase = Phase::Invited {
            ca: ca.clone(),
            deadline,
        };
        let epoch = entry.latest;
        self.deadlines.insert((deadline, session));
        self.roster.engage(&ca, Engagement::Invited(session));
        Some(Match { session, ca, epoch })
    }

    /// The first session of these languages that somebody free has not just declined, and the
    /// longest idle of those. Both loops pass over remembered declines only, so each makes at
    /// most `DECLINES_REMEMBERED_MAX + 1` steps.
    fn first_fit(
        &self,
        languages: LanguagePair,
        ready: &Ready,
    ) -> Option<((Priority, u64, SessionId), CaId)> {
        self.roster.free(languages).next()?;
        ready.iter().find_map(|order| {
            let willing = |ca: &&CaId| !self.declines.contains(order.2, ca);
            let ca = self.roster.free(languages).find(willing)?;
            Some((*order, ca.clone()))
        })
    }

    /// The invited interpreter took the session: it is theirs (Q1, Q2).
    ///
    /// # Errors
    /// [`QueueError::Stale`] when this invitation is not the one that is out.
    pub fn accepted(
        &mut self,
        session: SessionId,
        ca: &CaId,
        epoch: Epoch,
    ) -> Result<(), QueueError> {
        let deadline = self.invited(session, ca, epoch)?;
        self.deadlines.remove(&(deadline, session));
        let Some(mut entry) = self.sessions.remove(&session) else {
            return Err(QueueError::Stale);
        };
        self.unlane(&entry);
        entry.phase = Phase::Assigned { ca: ca.clone() };
        self.sessions.insert(session, entry);
        self.declines.forget_session(session);
        self.roster.engage(ca, Engagement::InCall(session));
        Ok(())
    }

    /// The invited interpreter will not take it, or was lost: the session waits on at its old
    /// place, the interpreter is free for others.
    ///
    /// # Errors
    /// [`QueueError::Stale`] when this invitation is not the one that is out.
    pub fn declined(
        &mut self,
        session: SessionId,
        ca: &CaId,
        epoch: Epoch,
        now: Instant,
    ) -> Result<(), QueueError> {
        self.invited(session, ca, epoch)?;
        self.decline(session, ca, now);
        Ok(())
    }

    /// The assigned interpreter is free again; the session has left the queue.
    ///
    /// # Errors
    /// [`QueueError::Stale`] when this assignment is not the present one.
    pub fn released(
        &mut self,
        session: SessionId,
        ca: &CaId,
        epoch: Epoch,
        now: Instant,
    ) -> Result<(), QueueError> {
        let entry = self.sessions.get(&session).ok_or(QueueError::Stale)?;
        match &entry.phase {
            Phase::Assigned { ca: assigned } if assigned == ca && entry.latest == epoch => {
                self.leave(session, now);
                Ok(())
            }
            Phase::Assigned { .. } | Phase::Invited { .. } | Phase::Waiting => {
                Err(QueueError::Stale)
            }
        }
    }

    /// When [`Self::handle_timeout`] and [`Self::next`] may have something new to say. May change
    /// with every call that changes the queue.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let lapse = self.deadlines.first().map(|(deadline, _)| *deadline);
        match (lapse, self.declines.next_expiry()) {
            (Some(lapse), Some(expiry)) => Some(lapse.min(expiry)),
            (lapse, expiry) => lapse.or(expiry),
        }
    }

    /// An invitation that has lapsed; it counts as declined. To be called until it returns `None`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Match> {
        self.declines.forget_until(now);
        let (deadline, session) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        let entry = self.sessions.get(&session)?;
        let lapsed = Match {
            session,
            ca: entry.engaged()?.clone(),
            epoch: entry.latest,
        };
        self.decline(session, &lapsed.ca, now);
        Some(lapsed)
    }

    /// How many are where. Counts every interpreter: for gauges, not for decisions.
    #[must_use]
    pub fn summary(&self) -> QueueSummary {
        let mut summary = QueueSummary {
            waiting: self.waiting,
            ..QueueSummary::default()
        };
        for availability in self.roster.availabilities() {
            match availability {
                Availability::Available => summary.available += 1,
                Availability::Invited => summary.invited += 1,
                Availability::InCall => summary.in_call += 1,
                Availability::Away => summary.away += 1,
            }
        }
        summary
    }

    // ---- inside ----

    /// The deadline of this invitation, if it is the one that is out (Q4).
    fn invited(&self, session: SessionId, ca: &CaId, epoch: Epoch) -> Result<Instant, QueueError> {
        let entry = self.sessions.get(&session).ok_or(QueueError::Stale)?;
        match &entry.phase {
            Phase::Invited {
                ca: asked,
                deadline,
            } if asked == ca && entry.latest == epoch => Ok(*deadline),
            Phase::Invited { .. } | Phase::Waiting | Phase::Assigned { .. } => {
                Err(QueueError::Stale)
            }
        }
    }

    fn decline(&mut self, session: SessionId, ca: &CaId, now: Instant) {
        self.wait_again(session);
        let until = now.checked_add(DECLINE_MEMORY).unwrap_or(now);
        self.declines.remember(session, ca, until);
        self.roster.set_free(ca, now);
    }

    /// An invited session waits for the next interpreter, at its old place.
    fn wait_again(&mut self, session: SessionId) {
        let Some(entry) = self.sessions.get_mut(&session) else {
            return;
        };
        if let Phase::Invited { deadline, .. } = &entry.phase {
            self.deadlines.remove(&(*deadline, session));
        }
        entry.phase = Phase::Waiting;
        let order = (entry.priority, entry.arrival, session);
        self.ready.entry(entry.languages).or_default().insert(order);
    }

    /// A waiting session is no longer to be matched.
    fn unready(&mut self, session: SessionId, entry: &Entry) {
        if let Some(ready) = self.ready.get_mut(&entry.languages) {
            ready.remove(&(entry.priority, entry.arrival, session));
        }
        self.unlane(entry);
    }

    /// A session no longer counts among those without an interpreter.
    fn unlane(&mut self, entry: &Entry) {
        if let Some(lane) = self.lanes.get_mut(&(entry.languages, entry.priority)) {
            lane.remove(entry.arrival);
        }
        self.waiting = self.waiting.saturating_sub(1);
    }
}
