//! What people saw while a run went on; shared by all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use tokio::time::Instant;
use vrs_domain::Seat;

/// A device hears within this time, in milliseconds, that another one decided for it.
const LOSES_WITHIN_MS: u128 = 5_000;

/// What somebody counted.
pub type Counts = BTreeMap<&'static str, u64>;

/// An interpreter was asked, as their app saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// The session, as 32 hexadecimal digits.
    pub session: String,
    /// Which seat.
    pub seat: Seat,
    /// CA id.
    pub interpreter: String,
    /// Number of the asking.
    pub epoch: u32,
}

/// How a session stands, as somebody was told; the words are those of docs/flows/wire.md.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)] // the wire's names
pub struct Status {
    pub session: String,
    pub state: String,
    pub kind: String,
    pub urgency: String,
    pub telephone: String,
    pub interpreter: Option<String>,
    #[serde(default)]
    pub relief: Option<String>,
    #[serde(default)]
    pub team: Option<String>,
    #[serde(default)]
    pub supervisor: Option<String>,
    #[serde(default)]
    pub missing: BTreeSet<String>,
    #[serde(default)]
    pub held: BTreeSet<String>,
    pub number: Option<String>,
    pub session_ms: u64,
    pub conversation_ms: u64,
    #[serde(default)]
    pub refused: Option<serde_json::Value>,
}

impl Status {
    /// Who sits where, by the words of the seats.
    #[must_use]
    pub fn crew(&self) -> BTreeMap<&'static str, &str> {
        let seats = [
            (Seat::Lead, &self.interpreter),
            (Seat::Relief, &self.relief),
            (Seat::Team, &self.team),
            (Seat::Supervisor, &self.supervisor),
        ];
        let taken = seats
            .into_iter()
            .filter_map(|(seat, who)| Some((seat.word(), who.as_deref()?)));
        taken.collect()
    }
}

/// When somebody heard something, in milliseconds into the run, and of which life of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) at_ms: u64,
    pub(super) life: u32,
}

/// What people saw.
#[derive(Debug, Clone, Default)]
pub struct Witness(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Session and canonical state, as headers told a person.
    pub(super) told: Vec<(String, String, Heard)>,
    /// What a person was told at length.
    pub(super) statuses: Vec<(Status, Heard)>,
    /// Lives whose word does not count from some time on, in milliseconds into the run.
    forgiven: BTreeMap<u32, u64>,
    pub(super) violations: Vec<String>,
    calls: u64,
    pub(super) counts: Counts,
    /// All invitations, in order.
    pub(super) askings: Vec<(Asking, Heard)>,
    /// Those that became a seat, in order.
    pub(super) seated: Vec<(Asking, Heard)>,
    /// Devices by the session they rang in.
    rang: BTreeMap<String, u32>,
    /// Who is in a session with an answered device, since when.
    held: BTreeMap<String, BTreeMap<String, Instant>>,
    /// When a device declined for all devices of its account, by session.
    declined: BTreeMap<String, Instant>,
    /// What each interpreter said of their work.
    pub(super) sayings: Sayings,
    /// Session and who was in it (a CA id, or `caller`), when the server ended their call.
    pub(super) dismissed: Vec<(String, String, Heard)>,
    /// Session (or line) and who has a part in it.
    there: BTreeSet<(String, String)>,
    /// When somebody took up their part in a session again, after the server had died.
    pub(super) returns: BTreeMap<(String, String), Vec<u64>>,
    /// When somebody gave up their part in a session, or their connection broke.
    pub(super) leaves: BTreeMap<(String, String), Vec<u64>>,
    /// Telephones by number that the server left without sound, when, and since when it was there.
    pub(super) unheard: Vec<(u32, Heard, u64)>,
    began: Option<Instant>,
}

/// By interpreter: when, in milliseconds into the run, and whether it was that they work.
pub(super) type Sayings = BTreeMap<String, Vec<(u64, bool)>>;

impl Seen {
    fn elapsed_ms(&self) -> u64 {
        let elapsed = self.began.map_or(0, |began| began.elapsed().as_millis());
        u64::try_from(elapsed).unwrap_or(u64::MAX)
    }

    /// Whether the server's word counts.
    pub(super) fn counts(&self, heard: Heard) -> bool {
        let since = self.forgiven.get(&heard.life);
        since.is_none_or(|since| heard.at_ms < *since)
    }

    fn hears(&self, life: u32) -> Heard {
        let at_ms = self.elapsed_ms();
        Heard { at_ms, life }
    }
}

impl Witness {
    /// The run begins.
    pub fn begin(&self) {
        self.seen().began = Some(Instant::now());
    }

    /// Somebody was told that a session is in a state.
    pub fn told(&self, session: &str, state: &str, life: u32) {
        let mut seen = self.seen();
        let heard = seen.hears(life);
        seen.told.push((session.into(), state.into(), heard));
    }

    /// Somebody was told at length how a session stands.
    pub fn told_status(&self, status: Status, life: u32) {
        let mut seen = self.seen();
        let heard = seen.hears(life);
        seen.statuses.push((status, heard));
        *seen.counts.entry("told").or_default() += 1;
    }

    /// The server died while its journal could not be written, so many milliseconds into the run:
    /// what it had told people since then, nobody could keep.
    pub fn forgive(&self, life: u32, since_ms: u64) {
        self.seen().forgiven.insert(life, since_ms);
    }

    /// A request was sent.
    pub fn called(&self) {
        self.seen().calls += 1;
    }

    /// Something happened that must not.
    pub fn violation(&self, what: String) {
        self.seen().violations.push(what);
    }

    /// Something happened that is worth counting.
    pub fn saw(&self, what: &'static str) {
        *self.seen().counts.entry(what).or_default() += 1;
    }

    /// As [`Self::saw`], for many at once.
    pub fn saw_many(&self, what: &'static str, count: u64) {
        *self.seen().counts.entry(what).or_default() += count;
    }

    /// An invitation arrived.
    pub fn asked(&self, asking: &Asking, life: u32) {
        let mut seen = self.seen();
        let heard = seen.hears(life);
        seen.askings.push((asking.clone(), heard));
    }

    /// Whoever was asked has the seat.
    pub fn seated(&self, asking: &Asking, life: u32) {
        let mut seen = self.seen();
        if !seen.seated.iter().any(|(known, _)| known == asking) {
            let heard = seen.hears(life);
            seen.seated.push((asking.clone(), heard));
        }
    }

    /// All invitations so far, and those that became a seat, in order.
    #[must_use]
    pub fn askings(&self) -> (Vec<Asking>, Vec<Asking>) {
        let seen = self.seen();
        let plain = |list: &[(Asking, Heard)]| list.iter().map(|(one, _)| one.clone()).collect();
        (plain(&seen.askings), plain(&seen.seated))
    }

    /// An interpreter says that they work, or that they take a break.
    pub fn says(&self, interpreter: &str, works: bool) {
        let mut seen = self.seen();
        let at = seen.elapsed_ms();
        let list = seen.sayings.entry(interpreter.to_owned());
        list.or_default().push((at, works));
    }

    /// The server ended the call of somebody who was in a session.
    pub fn dismissed(&self, session: &str, who: &str, life: u32) {
        let mut seen = self.seen();
        let heard = seen.hears(life);
        seen.dismissed.push((session.into(), who.into(), heard));
    }

    /// A device rings.
    pub fn rings(&self, session: &str) {
        let mut seen = self.seen();
        let rang = seen.rang.entry(session.to_owned()).or_default();
        *rang += 1;
        if *rang == 2 {
            *seen.counts.entry("forked").or_default() += 1;
        }
    }

    /// A device declined a session for all devices of its account (603).
    pub fn declined_for_all(&self, session: &str) {
        let mut seen = self.seen();
        seen.declined.insert(session.to_owned(), Instant::now());
    }

    /// A device that rang `since` then rings no more: if another one declined for both, this has
    /// to be soon after.
    pub fn falls_silent(&self, session: &str, since: Instant) {
        let mut seen = self.seen();
        let Some(declined) = seen.declined.get(session).copied() else {
            return;
        };
        // What rings later rings anew: a lost party of an emergency call is called again.
        if since > declined {
            return;
        }
        *seen.counts.entry("declined_for_all").or_default() += 1;
        if declined.elapsed().as_millis() > LOSES_WITHIN_MS {
            let what = format!("{session}: a device rang on after another one had declined");
            seen.violations.push(what);
        }
    }

    /// A device's answer was taken.
    pub fn holds(&self, session: &str, device: &str) {
        let mut seen = self.seen();
        let held = seen.held.entry(session.to_owned()).or_default();
        held.entry(device.to_owned()).or_insert_with(Instant::now);
    }

    /// A device's call is over. When another one was in the same session meanwhile, and for longer
    /// than it takes to be told, the call had two winners, if it should have been `alone`.
    pub fn lets_go(&self, session: &str, device: &str, alone: bool) {
        let mut seen = self.seen();
        let Some(held) = seen.held.get_mut(session) else {
            return;
        };
        let Some(since) = held.remove(device) else {
            return;
        };
        let both = |other: &Instant| since.max(*other).elapsed().as_millis() > LOSES_WITHIN_MS;
        let other = held.iter().find(|(_, since)| alone && both(since));
        if let Some((other, _)) = other {
            let what = format!("{session}: {device} and {other} were both in the call");
            seen.violations.push(what);
        }
    }

    /// Somebody has a part in a session: a subscriber by side, an interpreter by CA id.
    pub fn arrives(&self, session: &str, who: &str) {
        let part = (session.to_owned(), who.to_owned());
        self.seen().there.insert(part);
    }

    /// They have it no more, or their connection broke.
    pub fn leaves(&self, session: &str, who: &str) {
        let part = (session.to_owned(), who.to_owned());
        let mut seen = self.seen();
        let at = seen.elapsed_ms();
        seen.there.remove(&part);
        seen.leaves.entry(part).or_default().push(at);
    }

    /// The server took up a session again with them.
    pub fn comes_back(&self, session: &str, who: &str) {
        let part = (session.to_owned(), who.to_owned());
        let mut seen = self.seen();
        let at = seen.elapsed_ms();
        seen.there.insert(part.clone());
        seen.returns.entry(part).or_default().push(at);
    }

    /// Whether somebody has a part in a session.
    #[must_use]
    pub fn is_there(&self, session: &str, who: &str) -> bool {
        let part = (session.to_owned(), who.to_owned());
        self.seen().there.contains(&part)
    }

    /// A telephone has heard nothing for long from a server that has been there `since`.
    pub fn heard_nothing(&self, telephone: u32, since: Instant, life: u32) {
        let mut seen = self.seen();
        let heard = seen.hears(life);
        let there = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let since = heard.at_ms.saturating_sub(there);
        seen.unheard.push((telephone, heard, since));
    }

    /// How many requests were sent.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.seen().calls
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
