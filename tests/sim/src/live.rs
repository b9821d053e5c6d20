//! What a running server holds, seen from outside: its sessions, and whether it can write.
//!
//! The sessions are those that it writes into its views, at every event (`session::views`); a
//! thread of its own writes them, so whoever looks waits for that thread first.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use relay_server::journal::{Health, Journal};
use relay_server::session::views::Views;
use relay_server::store::{
    MemoryStore, PresenceRow, RegistrationRow, SessionRow, Store, StoreResult,
};
use tokio_util::sync::CancellationToken;

use crate::check::Witness;
use crate::disk::CANNOT_SYNC;
use crate::world::elapsed_ms;

/// Nobody's CA id: whoever hears of it has written everything before.
const MARK: &str = "mark";
/// The thread that writes is not waited for any longer; this is real time.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);

/// The views of a server.
#[derive(Debug)]
pub struct Live {
    views: Views,
    store: Arc<MemoryStore>,
    marks: Receiver<()>,
}

impl Live {
    /// Views of which nothing is known yet.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> std::io::Result<Self> {
        let store = Arc::new(MemoryStore::default());
        let (mark, marks) = sync_channel(1);
        let shared = Shared {
            store: Arc::clone(&store),
            mark,
        };
        let views = Views::start(Box::new(shared))?;
        Ok(Self {
            views,
            store,
            marks,
        })
    }

    /// The end that a server writes into.
    #[must_use]
    pub fn views(&self) -> Views {
        self.views.clone()
    }

    /// What the server holds now of each session that it has said anything of; `None` when its
    /// views are not written.
    #[must_use]
    pub fn sessions(&self) -> Option<Vec<SessionRow>> {
        self.views.absent(MARK);
        self.marks.recv_timeout(WRITTEN_WITHIN).ok()?;
        self.store.sessions().ok()
    }
}

/// Tells when the mark comes by.
#[derive(Debug)]
struct Shared {
    store: Arc<MemoryStore>,
    mark: SyncSender<()>,
}

impl Store for Shared {
    fn put_session(&self, row: &SessionRow) -> StoreResult<()> {
        self.store.put_session(row)
    }

    fn remove_session(&self, session: &str) -> StoreResult<()> {
        self.store.remove_session(session)
    }

    fn session(&self, session: &str) -> StoreResult<Option<SessionRow>> {
        self.store.session(session)
    }

    fn sessions(&self) -> StoreResult<Vec<SessionRow>> {
        self.store.sessions()
    }

    fn put_registration(&self, row: &RegistrationRow) -> StoreResult<()> {
        self.store.put_registration(row)
    }

    fn remove_registration(&self, account: &str, binding: &str) -> StoreResult<()> {
        self.store.remove_registration(account, binding)
    }

    fn registrations_of(&self, account: &str) -> StoreResult<Vec<RegistrationRow>> {
        self.store.registrations_of(account)
    }

    fn registrations(&self) -> StoreResult<Vec<RegistrationRow>> {
        self.store.registrations()
    }

    fn put_presence(&self, row: &PresenceRow) -> StoreResult<()> {
        self.store.put_presence(row)
    }

    fn remove_presence(&self, interpreter: &str) -> StoreResult<()> {
        if interpreter == MARK {
            // Whoever asked may have waited for too long.
            let _gone = self.mark.try_send(());
        }
        self.store.remove_presence(interpreter)
    }

    fn presences(&self) -> StoreResult<Vec<PresenceRow>> {
        self.store.presences()
    }

    fn clear(&self) -> StoreResult<()> {
        self.store.clear()
    }
}

/// Since when the journal cannot be written, in milliseconds into the run.
#[derive(Debug, Clone, Default)]
pub struct Broken(Arc<Mutex<Option<u64>>>);

impl Broken {
    /// Looks after a journal until its server dies.
    #[must_use]
    pub fn of(journal: &Journal, witness: Witness, halt: CancellationToken) -> Self {
        let broken = Self::default();
        let (noted, mut health) = (broken.clone(), journal.health());
        tokio::spawn(async move {
            while health.changed().await.is_ok() && !halt.is_cancelled() {
                let failed = match &*health.borrow_and_update() {
                    Health::Working => None,
                    Health::Failed(cause) if cause.contains(CANNOT_SYNC) => Some("sync_failed"),
                    Health::Failed(_) => Some("disk_failed"),
                };
                let mut since = noted.since();
                if since.is_none() {
                    failed.into_iter().for_each(|what| witness.saw(what));
                }
                let now_ms = u64::try_from(elapsed_ms()).unwrap_or(u64::MAX);
                *since = failed.map(|_| since.unwrap_or(now_ms));
            }
        });
        broken
    }

    /// Nothing, as long as it can be written.
    #[must_use]
    pub fn since_ms(&self) -> Option<u64> {
        *self.since()
    }

    fn since(&self) -> MutexGuard<'_, Option<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
