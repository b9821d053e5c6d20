//! The views over sled 0.34. Each row carries a checksum of its own, and every walk stops at the
//! first error: a damaged sled answers the same error for ever.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{PresenceRow, RegistrationRow, SessionRow, Store, StoreError, StoreResult};

/// Most rows a view may hold; a walk that meets more is on a damaged store.
const ROWS_MAX: usize = 1_000_000;
/// Between account and binding in a key; neither may hold it.
const SEPARATOR: u8 = 0;

/// Views in a sled database; see [`super::open()`] for how it is opened safely.
#[derive(Debug, Clone)]
pub struct SledStore {
    db: sled::Db,
    sessions: View,
    registrations: View,
    presences: View,
}

#[derive(Debug, Clone)]
struct View {
    name: &'static str,
    tree: sled::Tree,
}

fn engine(error: sled::Error) -> StoreError {
    StoreError::Engine(error.to_string())
}

impl SledStore {
    pub(super) fn over(db: sled::Db) -> StoreResult<Self> {
        let view = |name| {
            db.open_tree(name)
                .map(|tree| View { name, tree })
                .map_err(engine)
        };
        Ok(Self {
            sessions: view("sessions")?,
            registrations: view("registrations")?,
            presences: view("presences")?,
            db,
        })
    }

    /// Reads every row once, so that damage shows now and not in the middle of a call.
    pub(super) fn probe(&self) -> StoreResult<()> {
        self.sessions()?;
        self.registrations()?;
        self.presences()?;
        Ok(())
    }

    /// Hands what was written to the operating system. Not power-safe, and need not be.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn flush(&self) -> StoreResult<()> {
        self.db.flush().map(drop).map_err(engine)
    }
}

impl View {
    fn put(&self, key: &[u8], row: &impl Serialize) -> StoreResult<()> {
        let json = serde_json::to_vec(row).map_err(|e| StoreError::Engine(e.to_string()))?;
        let mut value = crc32fast::hash(&json).to_le_bytes().to_vec();
        value.extend_from_slice(&json);
        self.tree.insert(key, value).map(drop).map_err(engine)
    }

    fn remove(&self, key: &[u8]) -> StoreResult<()> {
        self.tree.remove(key).map(drop).map_err(engine)
    }

    fn get<T: DeserializeOwned>(&self, key: &[u8]) -> StoreResult<Option<T>> {
        match self.tree.get(key).map_err(engine)? {
            Some(value) => self.decode(&value).map(Some),
            None => Ok(None),
        }
    }

    fn walk<T: DeserializeOwned>(&self, iter: sled::Iter) -> StoreResult<Vec<T>> {
        let mut rows = Vec::new();
        for item in iter {
            let (_, value) = item.map_err(engine)?;
            rows.push(self.decode(&value)?);
            if rows.len() > ROWS_MAX {
                return Err(StoreError::Damaged { view: self.name });
            }
        }
        Ok(rows)
    }

    fn decode<T: DeserializeOwned>(&self, value: &[u8]) -> StoreResult<T> {
        let damaged = || StoreError::Damaged { view: self.name };
        let (crc, json) = value.split_at_checked(4).ok_or_else(damaged)?;
        if crc != crc32fast::hash(json).to_le_bytes() {
            return Err(damaged());
        }
        serde_json::from_slice(json).map_err(|_| damaged())
    }
}

fn binding_key(account: &str, binding: &str) -> Vec<u8> {
    let mut key = account_prefix(account);
    key.extend_from_slice(binding.as_bytes());
    key
}

fn account_prefix(account: &str) -> Vec<u8> {
    let mut key = account.as_bytes().to_vec();
    key.push(SEPARATOR);
    key
}

impl Store for SledStore {
    fn put_session(&self, row: &SessionRow) -> StoreResult<()> {
        self.sessions.put(row.session.as_bytes(), row)
    }

    fn remove_session(&self, session: &str) -> StoreResult<()> {
        self.sessions.remove(session.as_bytes())
    }

    fn session(&self, session: &str) -> StoreResult<Option<SessionRow>> {
        self.sessions.get(session.as_bytes())
    }

    fn sessions(&self) -> StoreResult<Vec<SessionRow>> {
        self.sessions.walk(self.sessions.tree.iter())
    }

    fn put_registration(&self, row: &RegistrationRow) -> StoreResult<()> {
        self.registrations
            .put(&binding_key(&row.account, &row.binding), row)
    }

    fn remove_registration(&self, account: &str, binding: &str) -> StoreResult<()> {
        self.registrations.remove(&binding_key(account, binding))
    }

    fn registrations_of(&self, account: &str) -> StoreResult<Vec<RegistrationRow>> {
        self.registrations
            .walk(self.registrations.tree.scan_prefix(account_prefix(account)))
    }

    fn registrations(&self) -> StoreResult<Vec<RegistrationRow>> {
        self.registrations.walk(self.registrations.tree.iter())
    }

    fn put_presence(&self, row: &PresenceRow) -> StoreResult<()> {
        self.presences.put(row.interpreter.as_bytes(), row)
    }

    fn remove_presence(&self, interpreter: &str) -> StoreResult<()> {
        self.presences.remove(interpreter.as_bytes())
    }

    fn presences(&self) -> StoreResult<Vec<PresenceRow>> {
        self.presences.walk(self.presences.tree.iter())
    }

    fn clear(&self) -> StoreResult<()> {
        for view in [&self.sessions, &self.registrations, &self.presences] {
            view.tree.clear().map_err(engine)?;
        }
        Ok(())
    }
}
