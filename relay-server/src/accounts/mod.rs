//! Who may sign in: callers by telephone number, interpreters by CA id.
//!
//! What it is: one file, `accounts.jsonl` in the data folder, written atomically by
//! `relay-server account …` and re-read by a running server when it changes. It holds digest HA1
//! values (RFC 8760), never passwords.
//! What it is not: it checks no digest; it hands HA1 values to who does.
//! Start reading at [`AccountStore`].

mod account;
mod store;

pub use account::{Account, AccountError, Digests, PASSWORD_SIGNS_MIN, Role};
pub use store::AccountStore;
pub use vrs_sip::digest::Algorithm as DigestAlgorithm;
