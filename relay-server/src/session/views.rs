//! Writes the views of sessions, registrations and presence into the store.
//!
//! One thread owns the store, because it may touch the disk; whoever has news puts it into a
//! bounded queue and never waits. A view that cannot be written is dropped and counted: the
//! journal has it, and the next start rebuilds every view from there (docs/adr/0002).

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use relay_core::session::SessionView;
use tracing::{error, warn};

use crate::store::{ENDED_KEPT_MAX, PresenceRow, RegistrationRow, SessionRow, Store, StoreResult};

/// Changes that may wait for the store.
const CHANGES_WAITING_MAX: usize = 16 * 1024;

#[derive(Debug)]
enum Change {
    Session(Box<SessionRow>),
    Registered(RegistrationRow),
    Unregistered { account: String, binding: String },
    Present(PresenceRow),
    Absent { interpreter: String },
}

/// Takes news for the views.
#[derive(Debug, Clone)]
pub struct Views {
    changes: Option<SyncSender<Change>>,
}

impl Views {
    /// Starts the thread that owns `store`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(store: Box<dyn Store>) -> std::io::Result<Self> {
        let (changes, waiting) = sync_channel(CHANGES_WAITING_MAX);
        std::thread::Builder::new()
            .name("views".into())
            .spawn(move || write(store.as_ref(), &waiting))?;
        Ok(Self {
            changes: Some(changes),
        })
    }

    /// Keeps nothing: for a switchboard that nobody looks at from outside.
    #[must_use]
    pub const fn discarded() -> Self {
        Self { changes: None }
    }

    /// A session is as `view` says; its row stays for a while after its end.
    pub fn session(&self, view: &SessionView) {
        self.put(Change::Session(Box::new(view.into())));
    }

    /// A device registered.
    pub fn registered(&self, row: RegistrationRow) {
        self.put(Change::Registered(row));
    }

    /// A device's registration is over.
    pub fn unregistered(&self, account: &str, binding: &str) {
        self.put(Change::Unregistered {
            account: account.into(),
            binding: binding.into(),
        });
    }

    /// An interpreter is signed in and does this.
    pub fn present(&self, row: PresenceRow) {
        self.put(Change::Present(row));
    }

    /// An interpreter signed out.
    pub fn absent(&self, interpreter: &str) {
        self.put(Change::Absent {
            interpreter: interpreter.into(),
        });
    }

    fn put(&self, change: Change) {
        let Some(changes) = &self.changes else { return };
        match changes.try_send(change) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                metrics::counter!("visavis_views_dropped_total").increment(1);
            }
            Err(TrySendError::Disconnected(_)) => warn!("the views are no longer written"),
        }
    }
}

fn write(store: &dyn Store, changes: &Receiver<Change>) {
    let mut ended = VecDeque::new();
    let mut failing = false;
    for change in changes {
        match apply(store, &mut ended, change) {
            Ok(()) => failing = false,
            // The engine's errors repeat until it is opened again: one line is enough.
            Err(error) if !failing => {
                failing = true;
                error!(%error, "the store cannot be written; views are stale until the next start");
            }
            Err(_) => metrics::counter!("visavis_views_dropped_total").increment(1),
        }
    }
}

fn apply(store: &dyn Store, ended: &mut VecDeque<String>, change: Change) -> StoreResult<()> {
    match change {
        Change::Session(row) => {
            store.put_session(&row)?;
            if row.ended.is_some() {
                ended.push_back(row.session);
            }
            if ended.len() > ENDED_KEPT_MAX
                && let Some(oldest) = ended.pop_front()
            {
                store.remove_session(&oldest)?;
            }
            Ok(())
        }
        Change::Registered(row) => store.put_registration(&row),
        Change::Unregistered { account, binding } => store.remove_registration(&account, &binding),
        Change::Present(row) => store.put_presence(&row),
        Change::Absent { interpreter } => store.remove_presence(&interpreter),
    }
}
