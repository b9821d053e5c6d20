//! Passwords: in the system's key store, or in memory until the app is closed; never in a file.

use std::collections::HashMap;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use vrs_domain::Sensitive;

use super::KeepError;

/// The name under which the key store files our passwords.
const SERVICE: &str = "Visavis";
/// A key store that does not answer within this time counts as absent.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where passwords are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The system's key store (Keychain, Credential Manager, Secret Service).
    System,
    /// This program's memory: forgotten when it ends.
    MemoryOnly,
}

/// Keeps one password per account.
pub trait PasswordKeeper: Send + Sync {
    /// Where they are kept, so that the window can say so.
    fn place(&self) -> Place;
    /// Keeps `password` for `account`, replacing an earlier one.
    ///
    /// # Errors
    /// [`KeepError::KeyStore`] when the store refuses (locked, full).
    fn keep(&self, account: &str, password: &Sensitive<String>) -> Result<(), KeepError>;
    /// The password of `account`, if one is kept.
    ///
    /// # Errors
    /// [`KeepError::KeyStore`] when the store refuses.
    fn recall(&self, account: &str) -> Result<Option<Sensitive<String>>, KeepError>;
    /// Forgets the password of `account`; no error if there is none.
    ///
    /// # Errors
    /// [`KeepError::KeyStore`] when the store refuses.
    fn forget(&self, account: &str) -> Result<(), KeepError>;
}

/// The system's key store.
#[derive(Debug)]
pub struct SystemKeeper(());

fn refused(error: &keyring::Error) -> KeepError {
    // The store's own words never hold the password; our wrapper does not add it.
    KeepError::KeyStore(error.to_string())
}

impl SystemKeeper {
    /// Looks for the key store; waits at most three seconds for it.
    ///
    /// # Errors
    /// [`KeepError::KeyStore`] when there is none (no session bus, no store installed) or it does not answer.
    pub fn open() -> Result<Self, KeepError> {
        let (answer, wait) = sync_channel(1);
        // Asking may start a service over D-Bus, which may hang; a window must not hang with it.
        let looker = std::thread::Builder::new().name("visavis-keystore".into());
        let started = looker.spawn(move || {
            let status = keyring::Entry::store_status()
                .as_ref()
                .map(|_| ())
                .map_err(ToString::to_string);
            drop(answer.send(status));
        });
        started.map_err(|error| KeepError::KeyStore(error.to_string()))?;
        match wait.recv_timeout(PATIENCE) {
            Ok(Ok(())) => Ok(Self(())),
            Ok(Err(text)) => Err(KeepError::KeyStore(text)),
            Err(_) => Err(KeepError::KeyStore("it does not answer".into())),
        }
    }

    fn entry(account: &str) -> Result<keyring::Entry, KeepError> {
        keyring::Entry::new(SERVICE, account).map_err(|e| refused(&e))
    }
}

impl PasswordKeeper for SystemKeeper {
    fn place(&self) -> Place {
        Place::System
    }

    fn keep(&self, account: &str, password: &Sensitive<String>) -> Result<(), KeepError> {
        Self::entry(account)?
            .set_password(password.expose())
            .map_err(|e| refused(&e))
    }

    fn recall(&self, account: &str) -> Result<Option<Sensitive<String>>, KeepError> {
        match Self::entry(account)?.get_password() {
            Ok(password) => Ok(Some(Sensitive::new(password))),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(refused(&error)),
        }
    }

    fn forget(&self, account: &str) -> Result<(), KeepError> {
        match Self::entry(account)?.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(refused(&error)),
        }
    }
}

/// Keeps passwords while the program runs: the twin for tests and for systems without a key store.
#[derive(Default)]
pub struct MemoryKeeper {
    passwords: Mutex<HashMap<String, Sensitive<String>>>,
}

impl PasswordKeeper for MemoryKeeper {
    fn place(&self) -> Place {
        Place::MemoryOnly
    }

    fn keep(&self, account: &str, password: &Sensitive<String>) -> Result<(), KeepError> {
        let mut passwords = self
            .passwords
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        passwords.insert(account.to_owned(), password.clone());
        Ok(())
    }

    fn recall(&self, account: &str) -> Result<Option<Sensitive<String>>, KeepError> {
        let passwords = self
            .passwords
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(passwords.get(account).cloned())
    }

    fn forget(&self, account: &str) -> Result<(), KeepError> {
        self.passwords
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(account);
        Ok(())
    }
}

/// The keeper an app uses, and why it is not the system's if it is not.
pub struct Keeper {
    /// Where passwords go.
    pub keeper: Box<dyn PasswordKeeper>,
    /// Set when there is no key store: tell the user that the password is remembered until the app is closed.
    pub without_key_store: Option<KeepError>,
}

impl Keeper {
    /// The system's key store, or memory when there is none. Takes at most three seconds.
    #[must_use]
    pub fn open() -> Self {
        match SystemKeeper::open() {
            Ok(system) => Self {
                keeper: Box::new(system),
                without_key_store: None,
            },
            Err(error) => Self {
                keeper: Box::new(MemoryKeeper::default()),
                without_key_store: Some(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keeper: &dyn PasswordKeeper) {
        let account = "visavis-test-account";
        keeper.forget(account).unwrap();
        assert_eq!(keeper.recall(account).unwrap(), None);
        keeper.keep(account, &Sensitive::new("one".into())).unwrap();
        keeper.keep(account, &Sensitive::new("two".into())).unwrap();
        assert_eq!(
            keeper.recall(account).unwrap(),
            Some(Sensitive::new("two".into()))
        );
        keeper.forget(account).unwrap();
        assert_eq!(keeper.recall(account).unwrap(), None);
    }

    #[test]
    fn memory_keeps_replaces_and_forgets() {
        check(&MemoryKeeper::default());
    }

    #[test]
    fn without_a_key_store_the_app_is_told_and_memory_is_used() {
        let keeper = Keeper::open();
        let system = keeper.keeper.place() == Place::System;
        assert_eq!(system, keeper.without_key_store.is_none());
        if !system {
            check(&*keeper.keeper);
        }
    }
}
