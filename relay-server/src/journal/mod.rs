//! The journal: what happened to every session, on disk before anybody acts on it.
//!
//! What it is: append-only segment files of length-prefixed, checksummed, hash-chained records
//! ([`frame`]); one writer thread that gathers records and makes them durable with one fsync
//! ([`Journal`]); a verifier that names the first byte range that is wrong ([`verify()`]); snapshots,
//! so that a start need not replay everything ([`Options::snapshots`]); the signed head, published
//! elsewhere ([`Checkpoint`]).
//! What it is not: it decides nothing about sessions and is never edited; a correction is a new
//! record. The rebuildable views are in [`crate::store`].
//!
//! Promises: an append that was acknowledged survives a power cut (R02). A record that was being
//! written when the power went is cut at the next start and reported. Anything else that does not
//! fit stops the start and is named (R04). After an error every append is refused until
//! [`Journal::reopen`] succeeds (R03).
//! Start reading at [`Journal::open`].

mod beside;
mod checkpoint;
mod convert;
mod disk;
pub mod export;
mod filter;
pub mod frame;
mod handle;
mod keep;
mod lock;
mod note;
mod options;
mod publish;
mod reader;
mod record;
mod recover;
pub mod repair;
mod replay;
mod scan;
mod snapshot;
#[cfg(test)]
mod tests;
mod verify;
mod whole;
mod writer;

pub use checkpoint::{
    Checkpoint, CheckpointError, Described, Standing, public_key_file, signing_key, verifier_key,
};
pub use convert::NotAnEvent;
pub use disk::{Disk, RealDisk, SegmentFile};
pub use filter::{Filter, Instant, KindWord, UnknownKind, WrongTime};
pub use handle::{AppendError, Health, Host, Journal, Opened};
pub use lock::{DataLock, LockError};
pub use note::{NoteError, Signer, Verifier};
pub use options::{Options, Rotation, WallClock};
pub use publish::Publishing;
pub use reader::{Line, ReadError, is_journal, read, read_lines};
pub use record::{Entry, Kind, Placed, Record};
pub use replay::{Replay, SessionFault, Stranded};
pub use scan::{Chain, Damage, JournalError, TornTail};
pub use snapshot::Ignored;
pub use verify::{Report, verify, verify_record};
