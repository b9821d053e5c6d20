//! What must come through a restart (R02): a conversation goes on, its clocks are right, whoever
//! comes back is taken up again, and whoever does not is named within a bound.

use std::collections::BTreeMap;

use relay_server::journal::{Entry, Kind, Placed};
use vrs_domain::limit::REASSIGN_TIMEOUT;
use vrs_domain::{CallKind, Urgency};

use super::CLOCKS_APART_MS;
use super::audit::{Audit, CALLER, HEARING, key};
use super::session::{Chair, LEAD, Phase, RELIEF, Session, rank};
use super::witness::Seen;

/// The leg of the lead.
const INTERPRETER: &str = "interpreter";

/// A leg is back or given up within this time, in milliseconds: 90 s of grace, 32 s for an offer
/// that nobody answers, 30 s for a path that is not found, and something for the way.
const BACK_WITHIN_MS: u64 = 157_000;
/// A restart that seems to have taken longer is the wall clock's mistake, in milliseconds.
const GONE_MAX_MS: u64 = 3_600_000;
/// The server notes this often that it is there, in milliseconds.
const NOTED_EVERY_MS: u64 = 1_000;
/// An offer to a telephone that is there is answered or given up within this time, in milliseconds.
const OFFERED_WITHIN_MS: u64 = 45_000;

/// How a session comes through restarts.
#[derive(Debug)]
pub(super) struct Endures {
    /// How often the server had begun to live when the last record was made.
    life: usize,
    /// How far into the run the last record was made, and its stamps: the wall clock's and the
    /// session clock's.
    last: (u64, u64, u64),
    /// A moment by which the session clock goes: so long into the run, and what it showed.
    anchor: (u64, u64),
    /// Legs that were there before the restart and have no media yet, since when.
    awaited: BTreeMap<String, u64>,
    /// Since when, on the session clock, another interpreter has been sought for it.
    sought_ms: Option<u64>,
    /// How often it was taken up.
    times: u32,
}

impl Endures {
    pub(super) fn new(now: u64, at_ms: u64, life: usize) -> Self {
        Self {
            life,
            last: (now, at_ms, 0),
            anchor: (now, 0),
            awaited: BTreeMap::new(),
            sought_ms: None,
            times: 0,
        }
    }

    /// What the session clock must show when a record is made: it goes by the time that passes,
    /// and over a restart by the wall clock, from when the server was there last: `alive`, so long
    /// into the run and in UTC.
    fn expected(&self, now: u64, at_ms: u64, alive: Option<(u64, u64)>) -> u64 {
        let (last_now, last_at_ms, last_ms) = self.last;
        let (since, showed) = self.anchor;
        let Some(alive) = alive else {
            return showed + now.saturating_sub(since);
        };
        let (alive, alive_at_ms) = alive.max((last_now, last_at_ms));
        let gone_ms = at_ms.saturating_sub(alive_at_ms).min(GONE_MAX_MS);
        last_ms + (alive - last_now) + gone_ms
    }

    /// Whether somebody without whom there is no conversation has not come back (F43).
    pub(super) fn is_torn(&self) -> bool {
        let needed = [CALLER, HEARING, INTERPRETER];
        needed.iter().any(|leg| self.awaited.contains_key(*leg))
    }

    /// Takes out the legs that should have been heard of by now.
    fn forgotten(&mut self, now: u64) -> Vec<String> {
        let long = |since: u64| now.saturating_sub(since) > BACK_WITHIN_MS;
        let legs = self.awaited.extract_if(.., |_, since| long(*since));
        legs.map(|(leg, _)| leg).collect()
    }

    /// Whoever had an interpreter waits for another one as long as is promised: that nobody has
    /// signed in yet after a restart is no reason to give up.
    fn is_impatient(&self, kind: &Kind, session_ms: u64) -> bool {
        let gives_up = matches!(kind, Kind::Ended { reason, .. } if reason == "interpreter_lost");
        let waited = self.sought_ms.map(|since| session_ms.saturating_sub(since));
        let long = |waited: u64| u128::from(waited) >= REASSIGN_TIMEOUT.as_millis();
        gives_up && self.times > 0 && !waited.is_some_and(long)
    }

    /// Since when an interpreter is sought.
    fn seeks(&mut self, kind: &Kind, session_ms: u64) {
        match kind {
            Kind::InterpreterLost { .. } => self.sought_ms = Some(session_ms),
            Kind::InterpreterAssigned { seat, .. } if seat == LEAD => self.sought_ms = None,
            _ => {}
        }
    }

    /// A leg is back, given up, or another's.
    fn heard_of(&mut self, kind: &Kind) {
        match kind {
            Kind::LegConnected { leg } | Kind::LegDropped { leg } => {
                self.awaited.remove(leg);
            }
            Kind::InterpreterLost { .. } => {
                self.awaited.remove(INTERPRETER);
            }
            Kind::SeatLeft { seat } => {
                self.awaited.remove(seat);
            }
            Kind::InterpreterRelieved { .. } => {
                self.awaited.remove(INTERPRETER);
                if let Some(since) = self.awaited.remove(RELIEF) {
                    self.awaited.insert(INTERPRETER.to_owned(), since);
                }
            }
            _ => {}
        }
    }
}

/// Whom the server gives up with a record, and whether they had been awaited since a restart.
fn given_up(session: &Session, kind: &Kind) -> Option<(String, bool)> {
    let (who, leg) = match kind {
        Kind::LegDropped { leg } => (leg.clone(), leg.as_str()),
        Kind::InterpreterLost { interpreter, .. } => (interpreter.clone(), INTERPRETER),
        Kind::Ended { reason, .. } if reason == "caller_lost" => (CALLER.to_owned(), CALLER),
        Kind::Ended { reason, .. } if reason == "hearing_lost" => (HEARING.to_owned(), HEARING),
        _ => return None,
    };
    Some((who, session.endures.awaited.contains_key(leg)))
}

/// A new life of the server begins with a word about every session, and with the right one.
fn first_word(session: &Session, kind: &Kind, reborn: bool) -> Option<&'static str> {
    let cut = matches!(kind, Kind::Ended { reason, .. } if reason == "server_restarted");
    let resumed = matches!(kind, Kind::Resumed { .. });
    match (reborn, cut || resumed) {
        (true, false) => Some("R02: goes on after a restart without a word"),
        (false, true) => Some("R02: speaks of a restart that has not been"),
        _ if cut && session.answered => Some("R02: a conversation was ended by a restart"),
        _ if resumed && !session.answered => Some("R02: what was no conversation goes on"),
        _ => None,
    }
}

impl Audit {
    /// Whose telephone is in a session.
    pub(super) fn has_line(&mut self, id: &str, placed: &Placed) {
        let relayed = placed.call != CallKind::PointToPoint.word();
        let numbers = [Some(&placed.number), placed.caller.as_ref()];
        let mut numbers = numbers.into_iter().flatten();
        let long = numbers
            .find(|number| number.starts_with('+'))
            .filter(|_| relayed);
        let index = long.and_then(|number| number[number.len() - 4..].parse().ok());
        if let Some(index) = index {
            self.lines.entry(index).or_default().push(id.to_owned());
        }
    }

    /// Holds each record to what went before, over restarts of the server.
    pub(super) fn through_restarts(&mut self, now: u64, entry: &Entry) {
        let lives = self.timeline.lives(now);
        let id = entry.session.as_str();
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let reborn = lives > session.endures.life;
        let mut found = Vec::new();
        found.extend(first_word(session, &entry.kind, reborn).map(str::to_owned));
        let shows = entry.session_ms;
        let alive = self.timeline.alive(session.endures.life).filter(|_| reborn);
        let expected = session.endures.expected(now, entry.at_ms, alive);
        // Of a life that began and ended without a word of this session only its end counts.
        let known = !reborn || lives == session.endures.life + 1;
        if known && shows.abs_diff(expected) > CLOCKS_APART_MS {
            found.push(format!(
                "the session clock shows {shows} ms, not {expected} ms"
            ));
        }
        // Who did not come back by the time the server died once more has as long again.
        let died = self.timeline.died(session.endures.life).filter(|_| reborn);
        let forgotten = session.endures.forgotten(died.unwrap_or(now)).into_iter();
        found.extend(forgotten.map(|leg| format!("R02: nobody knows what became of the {leg}")));
        let (last_now, _, last_ms) = session.endures.last;
        if let Kind::Resumed { alive_ms } = entry.kind
            && lives == session.endures.life + 1
            && let Some(died) = died
        {
            let until = last_ms + died.saturating_sub(last_now);
            let early = until.saturating_sub(alive_ms) > NOTED_EVERY_MS + CLOCKS_APART_MS;
            if early || alive_ms > until + CLOCKS_APART_MS {
                found.push(format!("talked until {alive_ms} ms, not until {until} ms"));
            }
        }
        let given_up = given_up(session, &entry.kind);
        let endures = &mut session.endures;
        if endures.is_impatient(&entry.kind, shows) {
            found.push("R02: no other interpreter was waited for after a restart".to_owned());
        }
        endures.seeks(&entry.kind, shows);
        endures.life = lives;
        endures.last = (now, entry.at_ms, shows);
        if reborn {
            endures.anchor = (now, shows);
        }
        let waited = !endures.awaited.is_empty();
        endures.heard_of(&entry.kind);
        let complete = waited && endures.awaited.is_empty();
        if complete && matches!(entry.kind, Kind::LegConnected { .. }) {
            self.count("taken_up_again");
        }
        if let Some((who, awaited)) = given_up {
            if awaited {
                self.count("stayed_away");
            }
            self.given_up.push((id.to_owned(), who, now));
        }
        for what in found {
            self.complain(id, &what);
        }
    }

    /// A conversation goes on after a restart: invitations that were out are forgotten, whoever
    /// is wanted is wanted anew, and everybody else is awaited. `clock` is the record's number
    /// and what the session clock shows.
    pub(super) fn resumed(&mut self, now: u64, id: &str, clock: (u64, u64), alive_ms: u64) {
        let (sequence, session_ms) = clock;
        let mut free = Vec::new();
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.talk.pause(alive_ms);
        // Whoever was being called back is called back anew.
        let missing = session.missing.values_mut();
        missing.for_each(|missing| missing.heard_ms = session_ms);
        let rank = session.rank.min(rank(Urgency::Urgent.word()));
        let mut awaited = Vec::new();
        for (seat, chair) in &mut session.chairs {
            match &chair.phase {
                Phase::Taken(_) if seat == LEAD => awaited.push(INTERPRETER.to_owned()),
                Phase::Taken(_) => awaited.push(seat.clone()),
                Phase::Asked(who, _) => free.push((seat.clone(), who.clone())),
                Phase::Waiting => {}
            }
            if !matches!(chair.phase, Phase::Taken(_)) {
                *chair = Chair::new(rank, sequence, now);
            }
        }
        let direct = session.kind == CallKind::PointToPoint.word();
        let parties = [CALLER, HEARING].into_iter().filter(|_| !direct);
        let parties = parties.filter(|leg| !session.missing.contains_key(*leg));
        awaited.extend(parties.map(str::to_owned));
        let endures = &mut session.endures;
        endures.awaited = awaited.into_iter().map(|leg| (leg, now)).collect();
        endures.times += 1;
        let again = endures.times == 2;
        for (seat, who) in free {
            self.set_free(now, &key(id, &seat), &who);
        }
        self.count("resumed");
        if direct {
            self.count("resumed_directly");
        }
        if again {
            self.count("resumed_twice");
        }
    }

    /// Whoever came back after a restart is not given up, and no telephone that is there is left
    /// without sound.
    pub(super) fn nobody_is_left_behind(&mut self, seen: &Seen) {
        for (id, who, lost_at) in std::mem::take(&mut self.given_up) {
            let mut lines = self.lines.iter().filter(|(_, ids)| ids.contains(&id));
            let line = lines.next().map(|(index, _)| format!("telephone {index}"));
            let place = line
                .filter(|_| who == HEARING)
                .unwrap_or_else(|| id.clone());
            let part = (place, who);
            let returns = seen.returns.get(&part).into_iter().flatten();
            let Some(back) = returns.filter(|at| **at <= lost_at).max().copied() else {
                continue;
            };
            let leaves = seen.leaves.get(&part).into_iter().flatten();
            let left = leaves.copied().any(|at| (back..=lost_at).contains(&at));
            let same_life = self.timeline.lives(back) == self.timeline.lives(lost_at);
            if self.timeline.unparted && same_life && !left {
                let who = part.1;
                self.complain(&id, &format!("R02: {who} came back and was given up"));
            }
        }
        for &(line, heard, since) in &seen.unheard {
            let at = heard.at_ms;
            let sessions = self.lines.get(&line).cloned().unwrap_or_default();
            let long = at.saturating_sub(since) > OFFERED_WITHIN_MS;
            for id in sessions {
                if long && seen.counts(heard) && self.is_held(&id, HEARING, since, at) {
                    self.complain(&id, "R02: its telephone was left without sound");
                }
            }
        }
    }
}
