//! The configuration file: read, checked, resolved.
//!
//! What it is: TOML text → [`raw`] (what is written, with its lines) → [`Config`] (what is meant:
//! addresses, absolute paths, durations, secrets read from their files). Every problem found is
//! reported at once, each with its line and a way out.
//! What it is not: it opens no socket and writes no file.
//! Start reading at [`Config::load`].

mod problem;
pub mod raw;
mod reader;
mod resolve;
mod resolved;
mod rules;
mod sample;
#[cfg(test)]
mod tests;

pub use problem::{ConfigError, Problem};
pub use resolved::{
    Config, Emergency, JournalSettings, Listen, LogFormat, LogSettings, Numbers, QueueSettings,
    Server, SipSettings, TlsFiles, Trunk, TrunkHost, TrunkTransport, TurnSettings,
};
pub use sample::sample;
