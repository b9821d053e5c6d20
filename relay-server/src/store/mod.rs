//! The views: sessions, registrations and presence as the console and the drivers ask for them.
//!
//! What it is: the [`Store`] trait, its embedded form over sled ([`SledStore`]) and its twin in
//! memory ([`MemoryStore`]); both pass the same conformance tests.
//! What it is not: it is never the truth. That is [`crate::journal`]; every start clears the views
//! and fills them again from it ([`Rebuild`]), so a damaged or deleted store loses nothing.
//! Calls may touch the disk: from async code make them on a blocking thread.
//! Start reading at [`Store`], then [`open()`].

mod memory;
mod open;
mod rebuild;
mod rows;
mod sled_store;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

pub use memory::MemoryStore;
pub use open::{Quarantined, open};
pub use rebuild::{ENDED_KEPT_MAX, Rebuild, Restored, fill, filled};
pub use rows::{PresenceRow, RegistrationRow, SessionRow};
pub use sled_store::SledStore;

/// Why a view cannot be read or written; calls go on, the journal is what counts.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error("the store is open in another process")]
    Locked,
    /// The engine failed; after an I/O error it stays failed until it is opened again.
    #[error("the store failed: {0}")]
    Engine(String),
    /// A row is not what was written.
    #[error("a row of '{view}' is damaged; the store is rebuilt at the next start")]
    Damaged {
        /// The view.
        view: &'static str,
    },
    /// The folder cannot be moved or made.
    #[error("the store folder cannot be used: {0}")]
    Folder(std::io::Error),
}

/// Result of a store operation.
pub type StoreResult<T> = Result<T, StoreError>;

/// The views. A `put` replaces the row with the same key.
///
/// # Errors
/// Every method returns [`StoreError`] when the engine fails or a row is damaged.
#[allow(clippy::missing_errors_doc, reason = "said once for the trait")]
pub trait Store: Debug + Send + Sync {
    /// Writes a session's row; key: `session`.
    fn put_session(&self, row: &SessionRow) -> StoreResult<()>;
    /// Removes a session's row; a missing one is no error.
    fn remove_session(&self, session: &str) -> StoreResult<()>;
    /// One session.
    fn session(&self, session: &str) -> StoreResult<Option<SessionRow>>;
    /// All sessions in order of their ids.
    fn sessions(&self) -> StoreResult<Vec<SessionRow>>;

    /// Writes a registration; key: `account` and `binding`.
    fn put_registration(&self, row: &RegistrationRow) -> StoreResult<()>;
    /// Removes a registration; a missing one is no error.
    fn remove_registration(&self, account: &str, binding: &str) -> StoreResult<()>;
    /// The registrations of one account in order of their bindings.
    fn registrations_of(&self, account: &str) -> StoreResult<Vec<RegistrationRow>>;
    /// All registrations in order of accounts and bindings.
    fn registrations(&self) -> StoreResult<Vec<RegistrationRow>>;

    /// Writes an interpreter's presence; key: `interpreter`.
    fn put_presence(&self, row: &PresenceRow) -> StoreResult<()>;
    /// Removes an interpreter's presence; a missing one is no error.
    fn remove_presence(&self, interpreter: &str) -> StoreResult<()>;
    /// All interpreters that are signed in, in order of their CA ids.
    fn presences(&self) -> StoreResult<Vec<PresenceRow>>;

    /// Empties all views.
    fn clear(&self) -> StoreResult<()>;
}
