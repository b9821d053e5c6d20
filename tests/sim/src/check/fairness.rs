//! The queue's promises: who is asked for what (Q2, Q5, Q6, Q8), and who is left alone.

use vrs_domain::limit::{MISSED_INVITATIONS_MAX, WISH_PATIENCE};

use super::audit::{Audit, key};
use super::session::{Chair, Phase, Session};
use crate::cast::talents;

/// Requests that came this close together may be served in either order, in milliseconds.
const AT_ONCE_MS: u64 = 2_000;
/// Records this close together may stand in either order, in milliseconds.
const ONE_MOMENT_MS: u64 = 10;
/// Somebody who is free and somebody who waits find each other within this time (Q8).
const FOUND_WITHIN_MS: u64 = 3_000;
/// For how long a decline is remembered, in milliseconds ([`relay_core::queue::DECLINE_MEMORY`]).
const DECLINE_MEMORY_MS: u64 = 30_000;
/// Whoever signed in this long before they missed an invitation may have been heard only then.
const SIGN_IN_TAKES_MS: u64 = 60_000;

/// The seat that only supervisors are asked for.
const SUPERVISOR: &str = "supervisor";

/// Invitations in a row that an interpreter let go by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Misses {
    /// Since they answered one.
    row: u32,
    /// Since they can last have become available anew.
    sure: u32,
    /// When the last of them was, as long as they were not too many.
    at: u64,
}

impl Audit {
    /// An invitation goes out.
    pub(super) fn offered(&mut self, now: u64, id: &str, seat: &str, interpreter: &str) {
        let mine = key(id, seat);
        self.bound_once(now, id, &mine, interpreter);
        self.left_alone(now, id, interpreter);
        if seat == SUPERVISOR && !talents(interpreter).supervisor {
            self.complain(id, &format!("{interpreter} is no supervisor"));
        }
        self.longest_idle(now, id, seat, interpreter);
        self.busy.insert(interpreter.to_owned(), mine.clone());
        self.clear(now, &mine);
        self.clear(now, interpreter);
        self.overtaking(now, id, seat, interpreter);
    }

    /// Q2: at most one seat or invitation at any time.
    fn bound_once(&mut self, now: u64, id: &str, mine: &str, interpreter: &str) {
        let Some(other) = self.busy.get(interpreter).cloned() else {
            return;
        };
        let (session, seat) = other.split_once('/').unwrap_or_default();
        let chair = self.sessions.get(session);
        let chair = chair.and_then(|session| session.chairs.get(seat));
        let what = format!("{mine}: Q2: {interpreter} is asked while bound to {other}");
        match chair.map(|chair| &chair.phase) {
            // Its end may be written a moment later than the queue knew of it.
            Some(Phase::Asked(who, _)) if who == interpreter => {
                self.suspected.push((now, other, what));
            }
            Some(Phase::Taken(who)) if who == interpreter => self.complain(id, &what),
            Some(_) | None => {}
        }
    }

    /// Whoever let several invitations in a row go by is asked when they say that they work.
    fn left_alone(&mut self, now: u64, id: &str, interpreter: &str) {
        let Misses { sure, at, .. } = self.misses.get(interpreter).copied().unwrap_or_default();
        if sure < MISSED_INVITATIONS_MAX || self.timeline.is_reborn(at, now) {
            return;
        }
        if !self.has_said_they_work(interpreter, at, now) {
            let what = format!("{interpreter} was asked although they had missed {sure} in a row");
            self.complain(id, &what);
        }
    }

    /// Whether they may have become available anew since `at`.
    fn has_said_they_work(&self, interpreter: &str, at: u64, now: u64) -> bool {
        let since = at.saturating_sub(SIGN_IN_TAKES_MS);
        let said = self.sayings.get(interpreter).into_iter().flatten();
        let mut works = said.filter(|(_, works)| *works);
        works.any(|(at, _)| (since..=now).contains(at))
    }

    /// Since when somebody who has nothing to do can have been asked: a break is no idleness.
    fn idle_since(&self, interpreter: &str, now: u64) -> Option<u64> {
        let since = *self.free_since.get(interpreter)?;
        let said = self.sayings.get(interpreter).into_iter().flatten();
        match said.rev().find(|(at, _)| *at <= now) {
            Some((at, true)) => Some(since.max(*at)),
            Some((_, false)) => None,
            None => Some(since),
        }
    }

    /// Q8: nobody waits while somebody who could come has nothing to do.
    pub(super) fn liveness(&mut self, now: u64) {
        if self.free_since.is_empty() {
            return;
        }
        let mut left = Vec::new();
        for (id, session) in &self.sessions {
            for (seat, chair) in &session.chairs {
                let long = now.saturating_sub(chair.waits_since_ms) >= FOUND_WITHIN_MS;
                let waits = chair.phase == Phase::Waiting && long;
                if session.ended || !waits || binds(session, chair, now) {
                    continue;
                }
                let free = self.free_since.keys().find(|ca| {
                    let idle = self
                        .idle_since(ca, now)
                        .is_some_and(|since| now.saturating_sub(since) >= FOUND_WITHIN_MS);
                    idle && self.fits(now, id, seat, ca)
                });
                if let Some(ca) = free {
                    left.push((id.clone(), seat.clone(), ca.clone()));
                }
            }
        }
        for (id, seat, ca) in left {
            self.complain(&id, &format!("Q8: {seat} waits although {ca} is free"));
            let session = self.sessions.get_mut(&id);
            if let Some(chair) = session.and_then(|session| session.chairs.get_mut(&seat)) {
                chair.waits_since_ms = now;
            }
        }
    }

    /// Whether somebody who is free could have been asked for a seat.
    fn fits(&self, now: u64, id: &str, seat: &str, interpreter: &str) -> bool {
        // Everybody here interprets English and nothing else.
        let spoken = self.sessions.get(id).map(|session| &session.languages);
        let refused = (id.to_owned(), interpreter.to_owned());
        let refused = self.declined.get(&refused);
        let forgotten = DECLINE_MEMORY_MS + FOUND_WITHIN_MS;
        !self.busy.contains_key(interpreter)
            && spoken.is_some_and(|spoken| spoken == "ase/en")
            && (seat != SUPERVISOR || talents(interpreter).supervisor)
            && refused.is_none_or(|at| now.saturating_sub(*at) > forgotten)
    }

    /// Of those who are free, the one who has been so for longest is asked: among all, or, where
    /// there are wishes, among those who are alike.
    fn longest_idle(&mut self, now: u64, id: &str, seat: &str, interpreter: &str) {
        let Some(chosen) = self.idle_since(interpreter, now) else {
            return;
        };
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let wishes = session.skill.is_some() || session.gender.is_some();
        let mine = talents(interpreter);
        let alike = |ca: &str| {
            let theirs = talents(ca);
            (theirs.skill, theirs.gender) == (mine.skill, mine.gender)
        };
        let passed = self.free_since.keys().find(|ca| {
            let longer = self
                .idle_since(ca, now)
                .is_some_and(|since| since + AT_ONCE_MS < chosen);
            longer && (!wishes || alike(ca)) && self.fits(now, id, seat, ca)
        });
        if let Some(ca) = passed {
            let what =
                format!("{id}: {interpreter} was asked although {ca} has been idle for longer");
            self.suspected.push((now, ca.clone(), what));
        }
    }

    /// Whoever lets several invitations in a row go by is asked no more.
    pub(super) fn missed(&mut self, now: u64, interpreter: &str, missed: bool) {
        let mut misses = self.misses.get(interpreter).copied().unwrap_or_default();
        if !missed || self.timeline.is_reborn(misses.at, now) {
            misses = Misses::default();
        }
        if self.has_said_they_work(interpreter, misses.at, now) {
            misses.sure = 0;
        }
        if missed {
            misses.row += 1;
            misses.sure += 1;
            if misses.sure <= MISSED_INVITATIONS_MAX {
                misses.at = now;
            }
        }
        self.misses.insert(interpreter.to_owned(), misses);
        if misses.row == MISSED_INVITATIONS_MAX {
            self.count("away");
        }
    }

    /// Somebody has a seat no more.
    pub(super) fn set_free(&mut self, now: u64, mine: &str, interpreter: &str) {
        if self.busy.get(interpreter).is_none_or(|other| other != mine) {
            return;
        }
        self.busy.remove(interpreter);
        let row = self.misses.get(interpreter).map_or(0, |misses| misses.row);
        if row >= MISSED_INVITATIONS_MAX || !self.always_there.contains(interpreter) {
            self.free_since.remove(interpreter);
        } else {
            self.free_since.insert(interpreter.to_owned(), now);
        }
    }

    /// A seat was given up: if it had only just begun to wait, the queue may have chosen somebody
    /// for it of whom nobody hears, and whose time of having nothing to do begins anew.
    pub(super) fn given_up(&mut self, now: u64, chair: &Chair) {
        let fresh = now.saturating_sub(chair.waits_since_ms) <= ONE_MOMENT_MS;
        if chair.phase == Phase::Waiting && fresh {
            self.free_since.values_mut().for_each(|since| *since = now);
        }
    }

    /// Q5 and Q6: nobody who waits longer, or more urgently, is passed over.
    fn overtaking(&mut self, now: u64, id: &str, seat: &str, interpreter: &str) {
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let Some(chosen) = session.chairs.get(seat) else {
            return;
        };
        let mut passed = Vec::new();
        for (other_id, other) in &self.sessions {
            if other.ended || other.languages != session.languages {
                continue;
            }
            let refused = (other_id.clone(), interpreter.to_owned());
            let refused = self.declined.get(&refused);
            let refused =
                refused.is_some_and(|at| now.saturating_sub(*at) <= DECLINE_MEMORY_MS + AT_ONCE_MS);
            for (other_seat, chair) in &other.chairs {
                let able = other_seat != SUPERVISOR || talents(interpreter).supervisor;
                let sooner = (chair.rank, chair.arrival) < (chosen.rank, chosen.arrival);
                let long = now.saturating_sub(chair.waits_since_ms) > ONE_MOMENT_MS
                    && now.saturating_sub(chair.entered_ms) > AT_ONCE_MS
                    && chosen.entered_ms.abs_diff(chair.entered_ms) > AT_ONCE_MS;
                let waits = chair.phase == Phase::Waiting && !binds(other, chair, now);
                if waits && sooner && long && able && !refused {
                    passed.push(key(other_id, other_seat));
                }
            }
        }
        for other in passed {
            let what = format!("{id}: Q5/Q6: {interpreter} was asked although {other} waits");
            self.suspected.push((now, other, what));
        }
    }

    /// Decisions of one moment may be written in another order than they were made.
    pub(super) fn clear(&mut self, now: u64, passed: &str) {
        self.suspected
            .retain(|(at, other, _)| other != passed || now.saturating_sub(*at) > ONE_MOMENT_MS);
    }
}

/// Whether a wish may keep somebody who is free from being asked.
fn binds(session: &Session, chair: &Chair, now: u64) -> bool {
    let patience = u64::try_from(WISH_PATIENCE.as_millis()).unwrap_or(u64::MAX);
    session.wishes(chair, now, patience + FOUND_WITHIN_MS)
}
