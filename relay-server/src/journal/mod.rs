//! The journal: what happened to every session, on disk before anybody acts on it.
//!
//! What it is: append-only segment files of length-prefixed, checksummed, hash-chained records
//! ([`frame`]); one writer thread that gathers records and makes them durable with one fsync
//! ([`Journal`]); a verifier that names the first byte range that is wrong ([`verify()`]).
//! What it is not: it decides nothing about sessions and is never edited; a correction is a new
//! record. The rebuildable views are in [`crate::store`].
//!
//! Promises: an append that was acknowledged survives a power cut (R02). A record that was being
//! written when the power went is cut at the next start and reported. Anything else that does not
//! fit stops the start and is named (R04). After an error every append is refused until
//! [`Journal::reopen`] succeeds (R03).
//! Start reading at [`Journal::open`].

mod convert;
mod disk;
pub mod frame;
mod lock;
mod reader;
mod record;
mod replay;
mod scan;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use convert::NotAnEvent;
pub use disk::{Disk, RealDisk, SegmentFile};
pub use lock::{DataLock, LockError};
pub use reader::{ReadError, read};
pub use record::{Entry, Kind, Placed, Record};
pub use replay::{Replay, SessionFault};
pub use scan::{Chain, Damage, JournalError, TornTail};
pub use verify::{Report, verify};
pub use writer::{AppendError, Health, Host, Journal, Opened};
