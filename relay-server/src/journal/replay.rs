//! Turns records back into sessions while they are read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use relay_core::session::{CallEvent, Dialog, EventKind, Session};
use vrs_domain::{EndReason, Leg, SessionId};

use super::record::Record;

/// A BYE is on its way so soon after its session's end was recorded, in milliseconds.
const STRANDED_MS: u64 = 5_000;
/// Most sessions that end within that time.
const STRANDED_MAX: usize = 10_000;

/// A session whose events cannot be its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFault {
    /// The session.
    pub session: String,
    /// Number of the first record that does not fit.
    pub record: u64,
    /// Why it does not.
    pub why: String,
}

/// A leg that was answered, of a session that is over: its party may not know that yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranded {
    /// Of which session.
    pub session: SessionId,
    /// Which leg.
    pub leg: Leg,
    /// By what it is found again.
    pub dialog: Dialog,
    /// Why the session ended.
    pub reason: EndReason,
}

impl Stranded {
    /// The legs of a session that is about to end for `reason`.
    #[must_use]
    pub fn of(session: &Session, reason: EndReason) -> Vec<Self> {
        let dialogs = session.state().parties().map(|parties| &parties.dialogs);
        let stranded = |(leg, dialog): (&Leg, &Dialog)| Self {
            session: session.id(),
            leg: *leg,
            dialog: dialog.clone(),
            reason,
        };
        dialogs.into_iter().flatten().map(stranded).collect()
    }
}

/// Replays a journal as it is read; keeps only sessions that have not ended.
#[derive(Debug, Default)]
pub struct Replay {
    open: BTreeMap<String, Session>,
    closed: BTreeSet<String>,
    /// The sessions of `faults`.
    faulted: BTreeSet<String>,
    faults: Vec<SessionFault>,
    /// Legs of sessions that ended last, with when that was.
    stranded: VecDeque<(u64, Vec<Stranded>)>,
}

impl Replay {
    /// Takes the next record; returns the session if this record ended it.
    pub fn take(&mut self, record: &Record) -> Option<Session> {
        let id = &record.entry.session;
        let recent =
            |(at_ms, _): &(u64, _)| record.entry.at_ms <= at_ms.saturating_add(STRANDED_MS);
        while self.stranded.front().is_some_and(|ended| !recent(ended)) {
            self.stranded.pop_front();
        }
        match self.step(record) {
            Ok(ended) => ended,
            Err(why) => {
                // One fault per session: what follows a wrong record means nothing.
                if self.faulted.insert(id.clone()) {
                    self.faults.push(SessionFault {
                        session: id.clone(),
                        record: record.sequence,
                        why,
                    });
                }
                self.open.remove(id);
                self.closed.insert(id.clone());
                None
            }
        }
    }

    fn step(&mut self, record: &Record) -> Result<Option<Session>, String> {
        let id = &record.entry.session;
        if self.closed.contains(id) {
            return Err("the session is over".into());
        }
        let event = CallEvent::try_from(&record.entry).map_err(|e| e.to_string())?;
        let Some(session) = self.open.get_mut(id) else {
            let session = Session::begin(&event).map_err(|e| e.to_string())?;
            self.open.insert(id.clone(), session);
            return Ok(None);
        };
        let legs = if let EventKind::Ended { reason, .. } = &event.kind {
            Stranded::of(session, *reason)
        } else {
            Vec::new()
        };
        session.apply(&event).map_err(|e| e.to_string())?;
        if !session.is_over() {
            return Ok(None);
        }
        if self.stranded.len() == STRANDED_MAX {
            self.stranded.pop_front();
        }
        self.stranded.push_back((event.at_ms, legs));
        self.closed.insert(id.clone());
        Ok(self.open.remove(id))
    }

    /// Forgets a session that has ended: what would still come of it is then taken for the
    /// beginning of another one. For those who replay without an end.
    pub(super) fn forget(&mut self, session: &str) {
        self.closed.remove(session);
    }

    /// Sessions seen.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.open.len() + self.closed.len()
    }

    /// Sessions that do not replay.
    #[must_use]
    pub fn faults(&self) -> &[SessionFault] {
        &self.faults
    }

    /// Sessions that have not ended; their clocks stand still at their last events.
    #[must_use]
    pub const fn open(&self) -> &BTreeMap<String, Session> {
        &self.open
    }

    /// The legs of the sessions that ended right before the last record: a process that was killed
    /// then may not have hung up on them.
    #[must_use]
    pub fn stranded(&mut self) -> Vec<Stranded> {
        let ended = std::mem::take(&mut self.stranded);
        ended.into_iter().flat_map(|(_, legs)| legs).collect()
    }

    /// Gives the sessions that have not ended and the faults.
    #[must_use]
    pub fn finish(self) -> (Vec<Session>, Vec<SessionFault>) {
        (self.open.into_values().collect(), self.faults)
    }
}
