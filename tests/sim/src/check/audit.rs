//! The journal, record by record: seats, epochs, clocks, ends.

use std::collections::{BTreeMap, BTreeSet};

use relay_server::journal::{Kind, Record};
use sha2::{Digest, Sha256};
use vrs_domain::limit::{EMERGENCY_RECALLS_MAX, RELIEF_AFTER};
use vrs_domain::{CallKind, Urgency};

use super::fairness::Misses;
use super::session::{Chair, LEAD, Missing, Phase, RELIEF, Session, rank};
use super::witness::Sayings;
use super::{Counts, Timeline, Verdict};

/// Interpreters who are there all the time are signed in by then, in milliseconds.
const SIGNED_IN_MS: u64 = 2_000;
/// Something is heard of a missing leg within this time, in milliseconds: it rings for 30 s, and
/// the longest pause between two tries is 26 s.
const HEARD_WITHIN_MS: u64 = 65_000;

/// From when until when, in milliseconds into the run.
type Held = (u64, Option<u64>);

pub(super) struct Audit {
    pub(super) timeline: Timeline,
    /// How far into the run the last record was made.
    now_ms: u64,
    pub(super) sessions: BTreeMap<String, Session>,
    /// Interpreter to the seat that they have or are asked for.
    pub(super) busy: BTreeMap<String, String>,
    /// When an interpreter would not take a session.
    pub(super) declined: BTreeMap<(String, String), u64>,
    /// Session and who is in it, from when until when the journal says so.
    held: BTreeMap<(String, String), Vec<Held>>,
    violations: Vec<String>,
    /// When, which seat or interpreter was passed over, and the words for it.
    pub(super) suspected: Vec<(u64, String, String)>,
    /// Interpreters who are there all the time.
    pub(super) always_there: BTreeSet<String>,
    /// Those of them who have nothing to do, since when.
    pub(super) free_since: BTreeMap<String, u64>,
    /// Invitations in a row that each interpreter let go by.
    pub(super) misses: BTreeMap<String, Misses>,
    /// What each interpreter said of their work.
    pub(super) sayings: Sayings,
    counts: Counts,
    hash: Sha256,
    pub(super) records: u64,
    /// Sessions of each telephone, by the number of its plan.
    pub(super) lines: BTreeMap<u32, Vec<String>>,
    /// Session, who the server lost there, and when.
    pub(super) given_up: Vec<(String, String, u64)>,
}

/// What the server does is in the journal before, but for the two clocks, in milliseconds.
const WRITTEN_WITHIN_MS: u64 = 1_000;

/// The leg of the calling subscriber.
pub(super) const CALLER: &str = "caller";
/// The telephone's.
pub(super) const HEARING: &str = "hearing";

/// The name of a seat of a session.
pub(super) fn key(id: &str, seat: &str) -> String {
    format!("{id}/{seat}")
}

impl Audit {
    pub(super) fn new(timeline: Timeline, always_there: &[String], sayings: Sayings) -> Self {
        let free = always_there.iter().map(|ca| (ca.clone(), SIGNED_IN_MS));
        Self {
            timeline,
            now_ms: 0,
            sessions: BTreeMap::new(),
            busy: BTreeMap::new(),
            declined: BTreeMap::new(),
            held: BTreeMap::new(),
            violations: Vec::new(),
            suspected: Vec::new(),
            always_there: always_there.iter().cloned().collect(),
            free_since: free.collect(),
            misses: BTreeMap::new(),
            sayings,
            counts: Counts::new(),
            hash: Sha256::new(),
            records: 0,
            lines: BTreeMap::new(),
            given_up: Vec::new(),
        }
    }

    /// Whose call the server ended has no part in the session any more: least of all an interpreter
    /// on whom the others count.
    pub(super) fn dismissed(&mut self, session: &str, who: &str, at: u64) {
        if self.is_held(session, who, at, at) {
            self.complain(
                session,
                &format!("goes on with {who}, whose call was ended"),
            );
        }
    }

    /// Whether the journal has somebody in a session all the time since then and some time longer
    /// than `at`.
    pub(super) fn is_held(&self, session: &str, who: &str, since: u64, at: u64) -> bool {
        let key = (session.to_owned(), who.to_owned());
        let held = self.held.get(&key).into_iter().flatten();
        let still = |(from, until): &Held| {
            *from <= since && until.is_none_or(|until| until > at + WRITTEN_WITHIN_MS)
        };
        held.copied().any(|one| still(&one))
    }

    fn holds(&mut self, now: u64, session: &str, who: &str) {
        let key = (session.to_owned(), who.to_owned());
        self.held.entry(key).or_default().push((now, None));
    }

    fn lets_go(&mut self, now: u64, session: &str, who: &str) {
        let key = (session.to_owned(), who.to_owned());
        let held = self.held.get_mut(&key).and_then(|held| held.last_mut());
        if let Some((_, until @ None)) = held {
            *until = Some(now);
        }
    }

    pub(super) fn finish(mut self) -> Verdict {
        let suspected = self.suspected.drain(..).map(|(_, _, what)| what);
        self.violations.extend(suspected);
        Verdict {
            violations: self.violations,
            hash: hex::encode(self.hash.finalize()),
            records: self.records,
            sessions: self.sessions.len(),
            counts: self.counts,
        }
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(super) fn complain(&mut self, id: &str, what: &str) {
        self.violations.push(format!("{id}: {what}"));
    }

    pub(super) fn take(&mut self, record: &Record) {
        let bytes = serde_json::to_vec(record).unwrap_or_default();
        self.hash.update(&bytes);
        let entry = &record.entry;
        let now = self.timeline.elapsed(entry.at_ms, self.now_ms);
        self.now_ms = self.now_ms.max(now);
        let (id, session_ms) = (entry.session.as_str(), entry.session_ms);
        self.liveness(now);
        self.through_restarts(now, entry);
        self.still_called_back(id, session_ms, &entry.kind);
        match &entry.kind {
            Kind::CallPlaced(placed) => {
                let stamp = (entry.at_ms, self.timeline.lives(now));
                let session = Session::new(placed, record.sequence, now, stamp);
                self.has_line(id, placed);
                self.count_placed(placed);
                self.holds(now, id, CALLER);
                self.sessions.insert(id.to_owned(), session);
            }
            Kind::InterpreterInvited {
                seat,
                interpreter,
                epoch,
            } => self.invited(now, id, seat, interpreter, *epoch),
            Kind::InvitationDeclined {
                seat,
                interpreter,
                how,
                ..
            } => self.refused(now, id, seat, interpreter, how),
            Kind::InterpreterAssigned {
                seat,
                interpreter,
                epoch,
                ..
            } => self.assigned(now, id, seat, interpreter, *epoch),
            Kind::InterpreterLost { .. } => self.lost(now, id, record.sequence),
            Kind::InterpreterRelieved { from, to } => self.relieved(now, id, from, to),
            Kind::SeatAsked { seat, why } => {
                self.seat_asked(now, id, seat, why.as_deref(), (record.sequence, session_ms));
            }
            Kind::SeatLeft { seat } => self.seat_left(now, id, seat),
            Kind::LegDropped { leg } => self.dropped(now, id, leg, session_ms),
            Kind::LegStillMissing { leg } => self.still_missing(id, leg, session_ms),
            Kind::LegRestored { leg } => self.restored(now, id, leg),
            Kind::CalledAnswered { .. } => {
                self.holds(now, id, HEARING);
                if let Some(session) = self.sessions.get_mut(id) {
                    session.answered = true;
                }
            }
            Kind::DialingFailed { .. } => self.count("redialled"),
            Kind::Resumed { alive_ms } => {
                self.resumed(now, id, (record.sequence, session_ms), *alive_ms);
            }
            Kind::LegConnected { .. }
            | Kind::LegBound { .. }
            | Kind::HoldBegan { .. }
            | Kind::HoldEnded { .. }
            | Kind::DialingStarted { .. }
            | Kind::CalledRang => {}
            Kind::Ended {
                reason,
                stage,
                total_ms,
                conversation_ms,
            } => {
                self.clocks(id, (*total_ms, *conversation_ms, session_ms));
                self.ended(now, id, reason, stage);
            }
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.settle(&entry.kind, session_ms);
        }
    }

    fn count_placed(&mut self, placed: &relay_server::journal::Placed) {
        let kinds = [
            (CallKind::RelayOutbound, "outbound"),
            (CallKind::RelayInbound, "inbound"),
            (CallKind::PointToPoint, "point_to_point"),
        ];
        for (kind, what) in kinds {
            if kind.word() == placed.call {
                self.count(what);
            }
        }
        let features = [
            (placed.urgency == Urgency::Emergency.word(), "emergency"),
            (placed.urgency == Urgency::Urgent.word(), "urgent"),
            (placed.anonymous, "anonymous"),
            (placed.skill.is_some(), "skill"),
            (placed.gender.is_some(), "gender"),
        ];
        for (_, what) in features.into_iter().filter(|(is, _)| *is) {
            self.count(what);
        }
    }

    // ---- seats ----

    fn invited(&mut self, now: u64, id: &str, seat: &str, interpreter: &str, epoch: u32) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let stale = epoch <= session.epoch;
        session.epoch = session.epoch.max(epoch);
        match session.chairs.get_mut(seat) {
            Some(chair) if chair.phase == Phase::Waiting => {
                chair.phase = Phase::Asked(interpreter.to_owned(), epoch);
            }
            Some(_) => self.complain(id, "Q1: somebody asked while somebody else has it"),
            None => self.complain(id, "Q1: somebody asked for a seat that nobody wants"),
        }
        if stale {
            self.complain(id, &format!("Q4: epoch {epoch} is not newer"));
        }
        self.offered(now, id, seat, interpreter);
    }

    fn refused(&mut self, now: u64, id: &str, seat: &str, interpreter: &str, how: &str) {
        let refusal = (id.to_owned(), interpreter.to_owned());
        self.declined.insert(refusal, now);
        if let Some(session) = self.sessions.get_mut(id)
            && let Some(chair) = session.chairs.get_mut(seat)
        {
            chair.phase = Phase::Waiting;
            chair.waits_since_ms = now;
        }
        self.missed(now, interpreter, how == "timed_out");
        self.clear(now, &key(id, seat));
        self.set_free(now, &key(id, seat), interpreter);
    }

    fn assigned(&mut self, now: u64, id: &str, seat: &str, interpreter: &str, epoch: u32) {
        self.missed(now, interpreter, false);
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let expected = Phase::Asked(interpreter.to_owned(), epoch);
        let chair = session.chairs.get_mut(seat);
        let before = chair.map(|chair| {
            let taken = Phase::Taken(interpreter.to_owned());
            std::mem::replace(&mut chair.phase, taken)
        });
        let orphaned = std::mem::take(&mut session.orphaned);
        match &before {
            Some(Phase::Taken(other)) => {
                self.complain(id, &format!("Q1: {interpreter} took it from {other}"));
            }
            before if before.as_ref() != Some(&expected) => {
                let what = format!("Q4: {interpreter} took it without being asked");
                self.complain(id, &what);
            }
            _ => {}
        }
        self.holds(now, id, interpreter);
        let mine = key(id, seat);
        if self.busy.get(interpreter) != Some(&mine) {
            let what = format!("Q2: {interpreter} took it while bound to another seat");
            self.complain(id, &what);
        }
        match seat {
            LEAD if orphaned => self.count("replaced"),
            "team" => self.count("team"),
            "supervisor" => self.count("supervisor"),
            _ => {}
        }
        // All who had declined the session may be asked for its other seats from now on.
        self.declined.retain(|(session, _), _| session != id);
        if let Some(session) = self.sessions.get_mut(id) {
            let waiting = session.chairs.values_mut();
            waiting.for_each(|chair| chair.waits_since_ms = now);
        }
    }

    fn lost(&mut self, now: u64, id: &str, sequence: u64) {
        self.count("interpreter_lost");
        self.vacated(now, id, LEAD);
        if let Some(session) = self.sessions.get_mut(id) {
            // They have talked already: they come before those who have not.
            let rank = session.rank.min(rank(Urgency::Urgent.word()));
            let chair = Chair::new(rank, sequence, now);
            session.chairs.insert(LEAD.into(), chair);
            session.orphaned = true;
        }
    }

    fn relieved(&mut self, now: u64, id: &str, from: &str, to: &str) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let relief = session.chairs.remove(RELIEF);
        let right = session.lead().is_some_and(|lead| lead == from)
            && relief.is_some_and(|relief| relief.phase == Phase::Taken(to.to_owned()));
        let rotation = session.relief_why.as_deref() == Some("rotation");
        if !right {
            self.complain(id, &format!("Q1: {to} relieved {from} without a seat"));
        }
        self.count(if rotation { "rotation" } else { "relief" });
        self.vacated(now, id, LEAD);
        self.lets_go(now, id, from);
        // Nobody relieves their successor at once.
        self.declined.insert((id.to_owned(), from.to_owned()), now);
        if let Some(session) = self.sessions.get_mut(id) {
            let mut chair = Chair::new(0, 0, now);
            chair.phase = Phase::Taken(to.to_owned());
            session.chairs.insert(LEAD.into(), chair);
        }
        self.busy.insert(to.to_owned(), key(id, LEAD));
    }

    fn seat_asked(
        &mut self,
        now: u64,
        id: &str,
        seat: &str,
        why: Option<&str>,
        (sequence, session_ms): (u64, u64),
    ) {
        self.count("seat_asked");
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let rank = session.rank.min(rank(Urgency::Urgent.word()));
        let chair = Chair::new(rank, sequence, now);
        let before = session.chairs.insert(seat.to_owned(), chair);
        let talked_ms = session.talk.with_last(session_ms);
        if seat == RELIEF {
            session.relief_why = why.map(str::to_owned);
        }
        if before.is_some() {
            self.complain(id, "Q1: a seat was asked for twice");
        }
        if why == Some("rotation") && u128::from(talked_ms) < RELIEF_AFTER.as_millis() {
            let what = format!("F4: a change of shift after {talked_ms} ms");
            self.complain(id, &what);
        }
    }

    fn seat_left(&mut self, now: u64, id: &str, seat: &str) {
        let session = self.sessions.get(id);
        let chair = session.and_then(|session| session.chairs.get(seat));
        let taken = chair.map(|chair| matches!(chair.phase, Phase::Taken(_)));
        self.count(if taken == Some(true) {
            "seat_left"
        } else {
            "withdrawn"
        });
        self.clear(now, &key(id, seat));
        self.vacated(now, id, seat);
    }

    /// A seat is empty, whoever had it or was asked for it.
    fn vacated(&mut self, now: u64, id: &str, seat: &str) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let chair = session.chairs.remove(seat);
        let Some(chair) = chair else { return };
        self.given_up(now, &chair);
        if let Some(who) = chair.who() {
            self.lets_go(now, id, who);
            self.set_free(now, &key(id, seat), who);
        }
    }

    // ---- emergencies (F21) ----

    fn dropped(&mut self, now: u64, id: &str, leg: &str, session_ms: u64) {
        self.count("leg_dropped");
        self.lets_go(now, id, leg);
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let missing = Missing {
            heard_ms: session_ms,
            failures: 0,
        };
        session.missing.insert(leg.to_owned(), missing);
        if !session.is_emergency() {
            self.complain(id, "F21: only emergency calls are called back");
        }
    }

    fn still_missing(&mut self, id: &str, leg: &str, session_ms: u64) {
        self.count("still_missing");
        let session = self.sessions.get_mut(id);
        if let Some(missing) = session.and_then(|session| session.missing.get_mut(leg)) {
            missing.heard_ms = session_ms;
            missing.failures += 1;
        }
    }

    fn restored(&mut self, now: u64, id: &str, leg: &str) {
        self.count("leg_restored");
        self.holds(now, id, leg);
        let session = self.sessions.get_mut(id);
        if session.is_some_and(|session| session.missing.remove(leg).is_none()) {
            self.complain(id, "F21: a leg came back that was not missing");
        }
    }

    /// There is never silence about a missing leg, unless the server itself is gone.
    fn still_called_back(&mut self, id: &str, session_ms: u64, kind: &Kind) {
        let cut = matches!(kind, Kind::Ended { reason, .. } if reason == "server_restarted");
        if cut || matches!(kind, Kind::Resumed { .. }) {
            return;
        }
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let mut silent = None;
        for (leg, missing) in &mut session.missing {
            let silence = session_ms.saturating_sub(missing.heard_ms);
            if silence > HEARD_WITHIN_MS {
                silent = Some(format!("F21: nothing of the {leg} for {silence} ms"));
                missing.heard_ms = session_ms;
            }
        }
        if let Some(what) = silent {
            self.complain(id, &what);
        }
    }

    // ---- the end ----

    /// Both durations to the millisecond, whatever the wall clock does (F32, F33, F40).
    fn clocks(&mut self, id: &str, clock: (u64, u64, u64)) {
        let (total, conversation, session_ms) = clock;
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let talked = session.talk.total(session_ms);
        let stretches = session.talk.stretches();
        if total != session_ms || conversation != talked || conversation > total {
            let what = format!("{conversation} ms of {total} ms talked, not {talked}");
            self.complain(id, &what);
        }
        if stretches > 1 {
            self.count("stretches");
        }
    }

    fn ended(&mut self, now: u64, id: &str, reason: &str, stage: &str) {
        let known = [
            "subscriber_offline",
            "subscriber_declined",
            "subscriber_busy",
            "subscriber_no_answer",
            "callee_hung_up",
            "caller_cancelled",
            "hearing_hung_up",
            "interpreter_lost",
            "server_restarted",
            "journal_unavailable",
        ];
        if let Some(what) = known.into_iter().find(|known| *known == reason) {
            self.count(what);
        }
        self.lets_go(now, id, CALLER);
        self.lets_go(now, id, HEARING);
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let twice = std::mem::replace(&mut session.ended, true);
        let tried = session.missing.values().map(|missing| missing.failures);
        let tried = tried.max().unwrap_or(0);
        let given_up = matches!(reason, "caller_lost" | "hearing_lost")
            && session.is_emergency()
            && stage != "request_received"
            && tried < EMERGENCY_RECALLS_MAX;
        let waited = session.missing.contains_key(HEARING) && !session.missing.contains_key(CALLER);
        let given_up = given_up || (reason == "hearing_lost" && waited && session.is_emergency());
        let deserted = reason == "interpreter_hung_up" && session.is_emergency();
        let seats: Vec<_> = session.chairs.keys().cloned().collect();
        for seat in seats {
            self.clear(now, &key(id, &seat));
            self.vacated(now, id, &seat);
        }
        if twice {
            self.complain(id, "Q3: ended twice");
        }
        if given_up {
            let what = format!("F21: {reason} after {tried} attempts to call back");
            self.complain(id, &what);
        }
        if deserted {
            self.complain(id, "F21: an interpreter ended an emergency call");
        }
    }
}
