//! Fills the views from the journal at every start.

use std::collections::VecDeque;

use relay_core::session::Session;

use super::{MemoryStore, SessionRow, SledStore, Store, StoreError, StoreResult};
use crate::journal::{Record, Replay, SessionFault, Stranded};

/// Ended sessions that the view keeps, newest last.
pub const ENDED_KEPT_MAX: usize = 1000;

/// Gathers what the views will hold while the journal is read:
/// `Journal::open(folder, |record| rebuild.take(&record))`.
#[derive(Debug, Default)]
pub struct Rebuild {
    replay: Replay,
    ended: VecDeque<SessionRow>,
}

/// What the journal knew.
#[derive(Debug)]
pub struct Restored {
    /// Sessions that had not ended when the server stopped; each must now be ended (or resumed).
    pub open: Vec<Session>,
    /// Sessions whose records cannot be their history; tell the operator.
    pub faults: Vec<SessionFault>,
    /// Legs that may have been left behind by the last sessions that ended.
    pub stranded: Vec<Stranded>,
    /// What the view of sessions holds.
    pub rows: Vec<SessionRow>,
}

impl Rebuild {
    /// Takes the next record.
    pub fn take(&mut self, record: &Record) {
        if let Some(session) = self.replay.take(record) {
            if self.ended.len() == ENDED_KEPT_MAX {
                self.ended.pop_front();
            }
            self.ended.push_back(SessionRow::replayed(&session));
        }
    }

    /// What the journal knew.
    #[must_use]
    pub fn finish(mut self) -> Restored {
        let stranded = self.replay.stranded();
        let (open, faults) = self.replay.finish();
        let rows = self
            .ended
            .into_iter()
            .chain(open.iter().map(SessionRow::replayed));
        Restored {
            rows: rows.collect(),
            open,
            faults,
            stranded,
        }
    }
}

/// Empties the store and writes what the journal knew. Registrations and presence start empty:
/// the connections they stood for are gone.
///
/// # Errors
/// When the store cannot be written.
pub fn fill(store: &dyn Store, rows: &[SessionRow]) -> StoreResult<()> {
    store.clear()?;
    rows.iter().try_for_each(|row| store.put_session(row))
}

/// The store that was opened, filled; when it does not take that, one in memory, and why: the
/// views are no reason not to serve.
#[must_use]
pub fn filled(
    opened: StoreResult<SledStore>,
    rows: &[SessionRow],
) -> (Box<dyn Store>, Option<StoreError>) {
    let filled = opened.and_then(|store| fill(&store, rows).map(|()| store));
    let why = match filled {
        Ok(store) => return (Box::new(store), None),
        Err(why) => why,
    };
    let store = MemoryStore::default();
    // Memory takes everything.
    fill(&store, rows).ok();
    (Box::new(store), Some(why))
}
