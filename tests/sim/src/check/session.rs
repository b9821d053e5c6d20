//! A session as its records tell it: who sits where, and the conversation clock.
//!
//! What it is not: the server's own machine; it is written anew, so that both must agree.

use std::collections::{BTreeMap, BTreeSet};

use relay_server::journal::{Kind, Placed};
use vrs_domain::{CallKind, Leg, Urgency};

use super::resumption::Endures;

/// The seat that every relayed call has.
pub(super) const LEAD: &str = "lead";
/// The seat of whoever takes over.
pub(super) const RELIEF: &str = "relief";

/// What has become of a seat that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    Waiting,
    Asked(String, u32),
    Taken(String),
}

/// A seat that somebody wants or has.
#[derive(Debug, Clone)]
pub(super) struct Chair {
    pub(super) phase: Phase,
    /// The smaller, the sooner; then by arrival.
    pub(super) rank: usize,
    /// The record by which it came into the queue.
    pub(super) arrival: u64,
    pub(super) entered_ms: u64,
    /// Since when nobody is being asked.
    pub(super) waits_since_ms: u64,
}

impl Chair {
    pub(super) fn new(rank: usize, arrival: u64, now: u64) -> Self {
        Self {
            phase: Phase::Waiting,
            rank,
            arrival,
            entered_ms: now,
            waits_since_ms: now,
        }
    }

    pub(super) fn who(&self) -> Option<&String> {
        match &self.phase {
            Phase::Waiting => None,
            Phase::Asked(who, _) | Phase::Taken(who) => Some(who),
        }
    }
}

/// Stretches of conversation: with whom, from and until on the session clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Talk {
    stretches: Vec<(String, u64, Option<u64>)>,
}

impl Talk {
    /// From here on it goes on with somebody, or with nobody in between, or not at all.
    fn set(&mut self, with: Option<&str>, now: u64) {
        if let Some((who, _, until @ None)) = self.stretches.last_mut() {
            if with == Some(who) {
                return;
            }
            *until = Some(now);
        }
        if let Some(who) = with {
            self.stretches.push((who.to_owned(), now, None));
        }
    }

    /// Nobody talks from here on; what seemed to go on after it did not.
    pub(super) fn pause(&mut self, at_ms: u64) {
        if let Some((_, from, until @ None)) = self.stretches.last_mut() {
            *until = Some(at_ms.max(*from));
        }
    }

    /// All of it.
    pub(super) fn total(&self, now: u64) -> u64 {
        let length = |(_, from, until): &(String, u64, Option<u64>)| {
            until.unwrap_or(now).saturating_sub(*from)
        };
        self.stretches.iter().map(length).sum()
    }

    /// With whoever has it now, without another one in between.
    pub(super) fn with_last(&self, now: u64) -> u64 {
        let Some((last, ..)) = self.stretches.last() else {
            return 0;
        };
        let theirs = self.stretches.iter().rev();
        let theirs = theirs.take_while(|(who, ..)| who == last);
        theirs
            .map(|(_, from, until)| until.unwrap_or(now).saturating_sub(*from))
            .sum()
    }

    pub(super) fn stretches(&self) -> usize {
        self.stretches.len()
    }
}

/// A leg of an emergency call that is missing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Missing {
    /// When the last word of it came, on the session clock.
    pub(super) heard_ms: u64,
    pub(super) failures: u32,
}

/// One call.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) rank: usize,
    pub(super) kind: String,
    pub(super) languages: String,
    pub(super) skill: Option<String>,
    pub(super) gender: Option<String>,
    pub(super) chairs: BTreeMap<String, Chair>,
    pub(super) epoch: u32,
    pub(super) answered: bool,
    pub(super) talk: Talk,
    pub(super) missing: BTreeMap<String, Missing>,
    /// Why a relief was asked for last.
    pub(super) relief_why: Option<String>,
    /// The lead was lost, and nobody has come since.
    pub(super) orphaned: bool,
    /// Legs whose media is there.
    seen: BTreeSet<String>,
    /// How it comes through restarts.
    pub(super) endures: Endures,
    pub(super) ended: bool,
}

impl Session {
    pub(super) fn new(
        placed: &Placed,
        arrival: u64,
        now: u64,
        (at_ms, life): (u64, usize),
    ) -> Self {
        let rank = rank(&placed.urgency);
        let mut chairs = BTreeMap::new();
        if placed.call != CallKind::PointToPoint.word() {
            chairs.insert(LEAD.to_owned(), Chair::new(rank, arrival, now));
        }
        Self {
            rank,
            kind: placed.call.clone(),
            languages: placed.languages.clone(),
            skill: placed.skill.clone(),
            gender: placed.gender.clone(),
            chairs,
            epoch: 0,
            answered: false,
            talk: Talk::default(),
            missing: BTreeMap::new(),
            relief_why: None,
            orphaned: false,
            seen: BTreeSet::new(),
            endures: Endures::new(now, at_ms, life),
            ended: false,
        }
    }

    pub(super) fn is_emergency(&self) -> bool {
        self.rank == rank(Urgency::Emergency.word())
    }

    /// Whether the wishes of a chair may still bind.
    pub(super) fn wishes(&self, chair: &Chair, now: u64, patience_ms: u64) -> bool {
        let any = self.skill.is_some() || self.gender.is_some();
        any && !self.is_emergency() && now.saturating_sub(chair.entered_ms) <= patience_ms
    }

    pub(super) fn lead(&self) -> Option<&String> {
        let lead = self.chairs.get(LEAD)?;
        match &lead.phase {
            Phase::Taken(who) => Some(who),
            Phase::Waiting | Phase::Asked(..) => None,
        }
    }

    /// Whose media is there: nobody talks before the caller sees the lead.
    fn sees(&mut self, kind: &Kind) {
        let lead = Leg::Interpreter.word();
        match kind {
            Kind::LegConnected { leg } => {
                self.seen.insert(leg.clone());
            }
            Kind::InterpreterLost { .. } => {
                self.seen.remove(lead);
            }
            Kind::SeatLeft { seat } => {
                self.seen.remove(seat);
            }
            Kind::InterpreterRelieved { .. } => {
                self.seen.remove(lead);
                if self.seen.remove(RELIEF) {
                    self.seen.insert(lead.to_owned());
                }
            }
            Kind::Resumed { .. } => self.seen.clear(),
            _ => {}
        }
    }

    /// Sets the conversation clock by who is there after a record.
    pub(super) fn settle(&mut self, kind: &Kind, session_ms: u64) {
        self.sees(kind);
        let alone = self.kind == CallKind::PointToPoint.word();
        let all_there = self.missing.is_empty() && !self.endures.is_torn();
        let complete = self.answered && all_there && !self.ended;
        let lead = self.lead().cloned();
        let lead = lead.filter(|_| self.seen.contains(Leg::Interpreter.word()));
        let with = if alone { Some(String::new()) } else { lead };
        let with = with.filter(|_| complete);
        self.talk.set(with.as_deref(), session_ms);
    }
}

pub(super) fn rank(urgency: &str) -> usize {
    let known = Urgency::ALL.iter().position(|one| one.word() == urgency);
    known.unwrap_or(Urgency::ALL.len())
}
