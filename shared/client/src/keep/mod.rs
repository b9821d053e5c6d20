//! What stays on the user's machine between two starts: settings in a file, the password in the
//! system's key store. Nothing of a conversation is ever kept.
//!
//! What it is not: the engine does not read it; the apps do, and hand the engine what it needs.
//! Start reading at [`Settings`] and [`PasswordKeeper`].

mod password;
mod settings;

pub use password::{Keeper, MemoryKeeper, PasswordKeeper, Place, SystemKeeper};
pub use settings::{Installation, KeptLocation, Settings, SettingsFile};

/// Why something could not be kept or read back.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The system names no folder for settings (no home directory).
    #[error("this system names no folder for settings")]
    NoFolder,
    /// The settings file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The settings file is not valid TOML, or a setting has the wrong kind of value.
    #[error("{path} is not a settings file: {detail}")]
    Damaged {
        /// The file.
        path: String,
        /// The line and what is wrong with it; never a setting's value.
        detail: String,
    },
    /// The key store refused.
    #[error("the system's key store: {0}")]
    KeyStore(String),
}
