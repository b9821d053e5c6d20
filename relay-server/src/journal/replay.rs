//! Turns records back into sessions while they are read.

use std::collections::{BTreeMap, BTreeSet};

use relay_core::session::{CallEvent, Session};

use super::record::Record;

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

/// Replays a journal as it is read; keeps only sessions that have not ended.
#[derive(Debug, Default)]
pub struct Replay {
    open: BTreeMap<String, Session>,
    closed: BTreeSet<String>,
    /// The sessions of `faults`.
    faulted: BTreeSet<String>,
    faults: Vec<SessionFault>,
}

impl Replay {
    /// Takes the next record; returns the session if this record ended it.
    pub fn take(&mut self, record: &Record) -> Option<Session> {
        let id = &record.entry.session;
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
        session.apply(&event).map_err(|e| e.to_string())?;
        if !session.is_over() {
            return Ok(None);
        }
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

    /// Gives the sessions that have not ended and the faults.
    #[must_use]
    pub fn finish(self) -> (Vec<Session>, Vec<SessionFault>) {
        (self.open.into_values().collect(), self.faults)
    }
}
