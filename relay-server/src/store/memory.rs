//! The views in memory: for tests, and for a server whose disk store failed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{PresenceRow, RegistrationRow, SessionRow, Store, StoreResult};

/// Views that are gone with the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    views: Mutex<Views>,
}

#[derive(Debug, Default)]
struct Views {
    sessions: BTreeMap<String, SessionRow>,
    registrations: BTreeMap<(String, String), RegistrationRow>,
    presences: BTreeMap<String, PresenceRow>,
}

impl MemoryStore {
    fn views(&self) -> MutexGuard<'_, Views> {
        // Every change is one insert or remove: a panic elsewhere leaves the maps whole.
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn put_session(&self, row: &SessionRow) -> StoreResult<()> {
        self.views()
            .sessions
            .insert(row.session.clone(), row.clone());
        Ok(())
    }

    fn remove_session(&self, session: &str) -> StoreResult<()> {
        self.views().sessions.remove(session);
        Ok(())
    }

    fn session(&self, session: &str) -> StoreResult<Option<SessionRow>> {
        Ok(self.views().sessions.get(session).cloned())
    }

    fn sessions(&self) -> StoreResult<Vec<SessionRow>> {
        Ok(self.views().sessions.values().cloned().collect())
    }

    fn put_registration(&self, row: &RegistrationRow) -> StoreResult<()> {
        self.views()
            .registrations
            .insert((row.account.clone(), row.binding.clone()), row.clone());
        Ok(())
    }

    fn remove_registration(&self, account: &str, binding: &str) -> StoreResult<()> {
        self.views()
            .registrations
            .remove(&(account.to_owned(), binding.to_owned()));
        Ok(())
    }

    fn registrations_of(&self, account: &str) -> StoreResult<Vec<RegistrationRow>> {
        Ok(self
            .views()
            .registrations
            .values()
            .filter(|r| r.account == account)
            .cloned()
            .collect())
    }

    fn registrations(&self) -> StoreResult<Vec<RegistrationRow>> {
        Ok(self.views().registrations.values().cloned().collect())
    }

    fn put_presence(&self, row: &PresenceRow) -> StoreResult<()> {
        self.views()
            .presences
            .insert(row.interpreter.clone(), row.clone());
        Ok(())
    }

    fn remove_presence(&self, interpreter: &str) -> StoreResult<()> {
        self.views().presences.remove(interpreter);
        Ok(())
    }

    fn presences(&self) -> StoreResult<Vec<PresenceRow>> {
        Ok(self.views().presences.values().cloned().collect())
    }

    fn clear(&self) -> StoreResult<()> {
        *self.views() = Views::default();
        Ok(())
    }
}
