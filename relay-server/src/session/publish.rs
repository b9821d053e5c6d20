//! What everyone else may read of the sessions: one snapshot each, never a lock on a session.

use std::collections::BTreeMap;
use std::sync::Arc;

use relay_core::session::SessionView;
use tokio::sync::watch;
use vrs_domain::SessionId;

/// Snapshots of all running sessions.
pub type Board = BTreeMap<SessionId, Arc<SessionView>>;

/// The writing end; every driver has one.
#[derive(Debug, Clone)]
pub struct Publisher(Arc<watch::Sender<Board>>);

impl Default for Publisher {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Board::new())))
    }
}

impl Publisher {
    /// Replaces a session's snapshot.
    pub fn publish(&self, view: SessionView) {
        self.0.send_modify(|board| {
            board.insert(view.session, Arc::new(view));
        });
    }

    /// The session is over and its record is in the journal.
    pub fn remove(&self, session: SessionId) {
        self.0.send_modify(|board| {
            board.remove(&session);
        });
    }

    /// The reading end.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Board> {
        self.0.subscribe()
    }
}
