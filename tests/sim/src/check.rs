//! What must never happen: watched while a run goes on, and read in its journal afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use relay_server::journal::{Kind, Record, Replay};
use sha2::{Digest, Sha256};
use vrs_domain::limit::MISSED_INVITATIONS_MAX;
use vrs_domain::{CallKind, Urgency};

/// Requests that came this close together may be served in either order, in milliseconds.
const AT_ONCE_MS: u64 = 2_000;
/// Records this close together may stand in either order, in milliseconds.
const ONE_MOMENT_MS: u64 = 10;
/// Somebody who is free and somebody who waits find each other within this time (Q8).
const FOUND_WITHIN_MS: u64 = 3_000;
/// The two clocks are read a moment apart, in milliseconds.
const CLOCKS_APART_MS: u64 = 50;
/// For how long a decline is remembered, in milliseconds ([`relay_core::queue::DECLINE_MEMORY`]).
const DECLINE_MEMORY_MS: u64 = 30_000;

/// The seat that every relayed call has.
const LEAD: &str = "lead";

/// Interpreters who are there all the time are signed in by then, in milliseconds.
const SIGNED_IN_MS: u64 = 2_000;

/// What people saw; shared by all of them.
#[derive(Debug, Clone, Default)]
pub struct Witness(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// Session and canonical state, as a person was told, and in which life of the server.
    told: BTreeSet<(String, String, u32)>,
    /// Lives whose word does not count.
    forgiven: BTreeSet<u32>,
    violations: Vec<String>,
    calls: u64,
}

impl Witness {
    /// Somebody was told that a session is in a state.
    pub fn told(&self, session: &str, state: &str, life: u32) {
        let told = (session.to_owned(), state.to_owned(), life);
        self.seen().told.insert(told);
    }

    /// The server died while its disk failed: what it had told people then, nobody could keep.
    pub fn forgive(&self, life: u32) {
        self.seen().forgiven.insert(life);
    }

    /// A request was sent.
    pub fn called(&self) {
        self.seen().calls += 1;
    }

    /// Something happened that must not.
    pub fn violation(&self, what: String) {
        self.seen().violations.push(what);
    }

    /// How many requests were sent.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.seen().calls
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the journal and the witness say about a run that is over.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// What must never happen and did.
    pub violations: Vec<String>,
    /// Over every record.
    pub hash: String,
    /// Records in the journal.
    pub records: u64,
    /// Sessions in the journal.
    pub sessions: usize,
}

/// Reads the journal in `folder` and holds it to the promises.
#[must_use]
pub fn verdict(
    folder: &Path,
    witness: &Witness,
    timeline: &Timeline,
    always_there: &[String],
) -> Verdict {
    let mut audit = Audit {
        timeline: timeline.clone(),
        free_since: always_there
            .iter()
            .map(|ca| (ca.clone(), SIGNED_IN_MS))
            .collect(),
        ..Audit::default()
    };
    let mut replay = Replay::default();
    let read = relay_server::journal::read(folder, |record| {
        replay.take(&record);
        audit.take(&record);
    });
    let mut violations = std::mem::take(&mut witness.seen().violations);
    match read {
        Ok(records) => audit.records = records,
        Err(error) => violations.push(format!("journal: {error}")),
    }
    for fault in replay.faults() {
        violations.push(format!("replay != state: {fault:?}"));
    }
    for session in replay.open().keys() {
        violations.push(format!("Q3: session {session} never ended"));
    }
    // What somebody was told must be in the journal, whatever died meanwhile.
    let seen = witness.seen();
    let counts = |life: &u32| !seen.forgiven.contains(life);
    for (session, state, _) in seen.told.iter().filter(|(_, _, life)| counts(life)) {
        let known = audit.reached.get(session);
        if !known.is_some_and(|reached| reached.contains(state.as_str())) {
            violations.push(format!(
                "{session} was told {state}, of which the journal knows nothing"
            ));
        }
    }
    violations.append(&mut audit.violations);
    violations.extend(audit.suspected.drain(..).map(|(_, _, what)| what));
    Verdict {
        violations,
        hash: hex::encode(audit.hash.finalize()),
        records: audit.records,
        sessions: audit.sessions.len(),
    }
}

/// When the wall clock was set, so that its stamps can be read.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// UTC at the beginning of the run, in milliseconds.
    pub zero_ms: u64,
    /// Since when (milliseconds into the run) the clock has been wrong by how much.
    pub steps: Vec<(u64, i64)>,
}

impl Timeline {
    /// How long into the run a stamp was made, after one that was made `last_ms` into it: the
    /// first stretch of the run in which the clock can have shown it.
    fn elapsed(&self, stamp_ms: u64, last_ms: u64) -> u64 {
        let begins = std::iter::once((0, 0)).chain(self.steps.iter().copied());
        let ends = self.steps.iter().map(|(since, _)| *since);
        begins
            .zip(ends.chain([u64::MAX]))
            .filter_map(|((since, wrong), until)| {
                let right = stamp_ms.checked_add_signed(-wrong)?;
                let elapsed = right.checked_sub(self.zero_ms)?;
                let after = elapsed + CLOCKS_APART_MS >= last_ms;
                ((since..=until).contains(&elapsed) && after).then_some(elapsed)
            })
            .min()
            .unwrap_or(last_ms)
    }
}

#[derive(Default)]
struct Audit {
    timeline: Timeline,
    /// How far into the run the last record was made.
    now_ms: u64,
    sessions: BTreeMap<String, Session>,
    /// Interpreter to the session they are in.
    engaged: BTreeMap<String, String>,
    /// When an interpreter would not take a session.
    declined: BTreeMap<(String, String), u64>,
    reached: BTreeMap<String, BTreeSet<&'static str>>,
    violations: Vec<String>,
    /// When, which session or interpreter was passed over, and the words for it.
    suspected: Vec<(u64, String, String)>,
    /// Interpreters who are there all the time and have nothing to do, since when.
    free_since: BTreeMap<String, u64>,
    /// How many invitations in a row each of them let go by.
    misses: BTreeMap<String, u32>,
    /// Those of them who are asked or engaged.
    busy: BTreeSet<String>,
    hash: Sha256,
    records: u64,
}

struct Session {
    placed: u64,
    placed_ms: u64,
    /// Since when nobody is being asked.
    waits_since_ms: u64,
    /// The smaller, the sooner.
    rank: usize,
    relayed: bool,
    languages: String,
    /// By seat.
    invited: BTreeMap<String, (String, u32)>,
    /// By seat.
    assigned: BTreeMap<String, String>,
    epoch: u32,
    /// When whoever was called answered, on the session clock.
    answered_ms: Option<u64>,
    /// Somebody was missing for a while, or the server was.
    paused: bool,
    ended: bool,
}

impl Session {
    /// For an interpreter to lead it, whom nobody is being asked for.
    fn waits(&self) -> bool {
        let led = self.assigned.contains_key(LEAD) || self.invited.contains_key(LEAD);
        self.relayed && !self.ended && !led
    }
}

fn rank(urgency: &str) -> usize {
    let known = Urgency::ALL.iter().position(|one| one.word() == urgency);
    known.unwrap_or(Urgency::ALL.len())
}

impl Audit {
    fn take(&mut self, record: &Record) {
        let bytes = serde_json::to_vec(record).unwrap_or_default();
        self.hash.update(&bytes);
        let entry = &record.entry;
        let at_ms = self.timeline.elapsed(entry.at_ms, self.now_ms);
        self.now_ms = self.now_ms.max(at_ms);
        let id = entry.session.clone();
        self.liveness(at_ms);
        let reached = self.reached.entry(id.clone()).or_default();
        match &entry.kind {
            Kind::CallPlaced(placed) => {
                reached.insert("request_received");
                let session = Session {
                    placed: record.sequence,
                    placed_ms: at_ms,
                    waits_since_ms: at_ms,
                    rank: rank(&placed.urgency),
                    relayed: placed.call != CallKind::PointToPoint.word(),
                    languages: placed.languages.clone(),
                    invited: BTreeMap::new(),
                    assigned: BTreeMap::new(),
                    epoch: 0,
                    answered_ms: None,
                    paused: false,
                    ended: false,
                };
                self.sessions.insert(id, session);
            }
            Kind::InterpreterInvited {
                seat,
                interpreter,
                epoch,
            } => self.invited(at_ms, &id, seat, interpreter, *epoch),
            Kind::InvitationDeclined {
                seat,
                interpreter,
                how,
                ..
            } => {
                let key = (id.clone(), interpreter.clone());
                self.declined.insert(key, at_ms);
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.invited.remove(seat);
                    session.waits_since_ms = at_ms;
                }
                self.set_free(interpreter, at_ms);
                self.missed(interpreter, how == "timed_out");
            }
            Kind::InterpreterAssigned {
                seat,
                interpreter,
                epoch,
                ..
            } => {
                reached.insert("interpreter_assigned");
                self.missed(interpreter, false);
                self.assigned(&id, seat, interpreter, *epoch);
            }
            Kind::InterpreterLost { interpreter, .. } => {
                self.vacated(&id, LEAD, at_ms);
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.paused = true;
                    // They have talked already: they come before those who have not.
                    session.rank = session.rank.min(rank("urgent"));
                    session.waits_since_ms = at_ms;
                }
                self.set_free(interpreter, at_ms);
            }
            Kind::InterpreterRelieved { to, .. } => {
                self.vacated(&id, LEAD, at_ms);
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.assigned.remove("relief");
                    session.assigned.insert(LEAD.into(), to.clone());
                }
            }
            Kind::SeatLeft { seat } => self.vacated(&id, seat, at_ms),
            Kind::LegDropped { .. } | Kind::Resumed { .. } => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.paused = true;
                }
            }
            Kind::SeatAsked { .. }
            | Kind::LegConnected { .. }
            | Kind::LegBound { .. }
            | Kind::LegStillMissing { .. }
            | Kind::LegRestored { .. }
            | Kind::DialingFailed { .. }
            | Kind::CalledRang => {}
            Kind::DialingStarted { .. } => drop(reached.insert("hearing_party_dialing")),
            Kind::CalledAnswered { .. } => {
                reached.insert("relay_active");
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.answered_ms = Some(entry.session_ms);
                }
            }
            Kind::Ended {
                reason,
                total_ms,
                conversation_ms,
                ..
            } => {
                reached.insert("call_ended");
                let clock = (*total_ms, *conversation_ms, entry.session_ms);
                self.clocks(&id, at_ms, clock, reason == "server_restarted");
                self.clear(at_ms, &id);
                self.ended(&id, at_ms);
            }
        }
    }

    fn invited(&mut self, now: u64, id: &str, seat: &str, interpreter: &str, epoch: u32) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let again = session.invited.contains_key(seat) || session.assigned.contains_key(seat);
        let stale = epoch <= session.epoch;
        let asked = (interpreter.to_owned(), epoch);
        session.invited.insert(seat.to_owned(), asked);
        session.epoch = epoch;
        if again {
            self.complain(id, "Q1: somebody asked while somebody else has it".into());
        }
        if stale {
            self.complain(id, format!("Q4: epoch {epoch} is not newer"));
        }
        if let Some(other) = self.engaged.get(interpreter) {
            let what = format!("Q2: {interpreter} is asked while in {other}");
            self.complain(id, what);
        }
        self.longest_idle(id, now, interpreter);
        self.busy.insert(interpreter.to_owned());
        self.clear(now, id);
        self.clear(now, interpreter);
        self.overtaking(now, id, interpreter);
    }

    /// Both durations to the millisecond, whatever the wall clock does (F32, F33, F40).
    fn clocks(&mut self, id: &str, now: u64, clock: (u64, u64, u64), restarted: bool) {
        let (total, conversation, session_ms) = clock;
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let lasted = now.saturating_sub(session.placed_ms);
        let most = session
            .answered_ms
            .map_or(0, |at| session_ms.saturating_sub(at));
        let right = conversation == most || session.paused && conversation <= most;
        if total != session_ms || !right {
            let what = format!("{conversation} ms of {total} ms talked, not {most}");
            self.complain(id, what);
        }
        // The clock stands still while there is no server.
        if !restarted && total.abs_diff(lasted) > CLOCKS_APART_MS {
            self.complain(id, format!("lasted {lasted} ms and not {total} ms"));
        }
    }

    /// Q8: nobody waits while somebody who could come has nothing to do.
    fn liveness(&mut self, now: u64) {
        let mut left = Vec::new();
        for (id, session) in &mut self.sessions {
            if !session.waits() || now.saturating_sub(session.waits_since_ms) < FOUND_WITHIN_MS {
                continue;
            }
            let free = self.free_since.iter().find(|(ca, since)| {
                let refused = self.declined.get(&(id.clone(), (*ca).clone()));
                let forgotten = DECLINE_MEMORY_MS + FOUND_WITHIN_MS;
                !self.busy.contains(*ca)
                    && now.saturating_sub(**since) >= FOUND_WITHIN_MS
                    && refused.is_none_or(|at| now.saturating_sub(*at) > forgotten)
            });
            if let Some((ca, _)) = free {
                left.push((id.clone(), format!("Q8: waits although {ca} is free")));
                session.waits_since_ms = now;
            }
        }
        for (id, what) in left {
            self.complain(&id, what);
        }
    }

    /// Of those who are free, the one who has been so for longest is asked.
    fn longest_idle(&mut self, id: &str, now: u64, interpreter: &str) {
        let Some(chosen) = self.free_since.get(interpreter).copied() else {
            return;
        };
        let passed = self.free_since.iter().find(|(ca, since)| {
            let refused = self.declined.get(&(id.to_owned(), (*ca).clone()));
            let forgotten = DECLINE_MEMORY_MS + FOUND_WITHIN_MS;
            !self.busy.contains(*ca)
                && **since + AT_ONCE_MS < chosen
                && refused.is_none_or(|at| now.saturating_sub(*at) > forgotten)
        });
        if let Some((ca, _)) = passed {
            let what =
                format!("{id}: {interpreter} was asked although {ca} has been idle for longer");
            self.suspected.push((now, ca.clone(), what));
        }
    }

    /// A seat is empty, whoever had it or was asked for it.
    fn vacated(&mut self, id: &str, seat: &str, now: u64) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let asked = session.invited.remove(seat).map(|(ca, _)| ca);
        let assigned = session.assigned.remove(seat);
        if let Some(interpreter) = &assigned {
            self.engaged.remove(interpreter);
        }
        for interpreter in assigned.into_iter().chain(asked) {
            self.set_free(&interpreter, now);
        }
    }

    /// Whoever lets several invitations in a row go by is asked no more.
    fn missed(&mut self, interpreter: &str, missed: bool) {
        let row = self.misses.entry(interpreter.to_owned()).or_default();
        *row = if missed { *row + 1 } else { 0 };
        if *row >= MISSED_INVITATIONS_MAX {
            self.free_since.remove(interpreter);
        }
    }

    fn set_free(&mut self, interpreter: &str, now: u64) {
        self.busy.remove(interpreter);
        if let Some(since) = self.free_since.get_mut(interpreter) {
            *since = now;
        }
    }

    /// Q5 and Q6: nobody who waits longer, or more urgently, is passed over.
    fn overtaking(&mut self, now: u64, id: &str, interpreter: &str) {
        let Some(chosen) = self.sessions.get(id) else {
            return;
        };
        let mut passed = Vec::new();
        for (other_id, other) in &self.sessions {
            let waits = other.waits();
            let sooner = (other.rank, other.placed) < (chosen.rank, chosen.placed);
            let long = now.saturating_sub(other.waits_since_ms) > ONE_MOMENT_MS
                && now.saturating_sub(other.placed_ms) > AT_ONCE_MS
                && chosen.placed_ms.abs_diff(other.placed_ms) > AT_ONCE_MS;
            let refused = self
                .declined
                .get(&(other_id.clone(), interpreter.to_owned()))
                .is_some_and(|at| now.saturating_sub(*at) <= DECLINE_MEMORY_MS + AT_ONCE_MS);
            if waits && sooner && long && !refused && other.languages == chosen.languages {
                passed.push(other_id.clone());
            }
        }
        for other in passed {
            let what = format!("{id}: Q5/Q6: {interpreter} was asked although {other} waits");
            self.suspected.push((now, other, what));
        }
    }

    /// Decisions of one moment may be written in another order than they were made.
    fn clear(&mut self, now: u64, passed: &str) {
        self.suspected
            .retain(|(at, other, _)| other != passed || now.saturating_sub(*at) > ONE_MOMENT_MS);
    }

    fn assigned(&mut self, id: &str, seat: &str, interpreter: &str, epoch: u32) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let expected = session.invited.remove(seat);
        let twice = session
            .assigned
            .insert(seat.to_owned(), interpreter.to_owned());
        if expected != Some((interpreter.to_owned(), epoch)) {
            self.complain(id, format!("Q4: {interpreter} took it without being asked"));
        }
        if let Some(other) = twice {
            self.complain(id, format!("Q1: {interpreter} took it from {other}"));
        }
        if let Some(other) = self.engaged.insert(interpreter.to_owned(), id.to_owned()) {
            let what = format!("Q2: {interpreter} took it while in {other}");
            self.complain(id, what);
        }
    }

    fn ended(&mut self, id: &str, now: u64) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let twice = std::mem::replace(&mut session.ended, true);
        let assigned = std::mem::take(&mut session.assigned);
        let invited = std::mem::take(&mut session.invited);
        for interpreter in assigned.values() {
            self.engaged.remove(interpreter);
        }
        let asked = invited.into_values().map(|(ca, _)| ca);
        for interpreter in assigned.into_values().chain(asked) {
            self.set_free(&interpreter, now);
        }
        if twice {
            self.complain(id, "Q3: ended twice".into());
        }
    }

    fn complain(&mut self, id: &str, what: String) {
        self.violations.push(format!("{id}: {what}"));
    }
}
