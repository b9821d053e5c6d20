//! Reads records back, for the views, `journal show`, `journal export` and replay.

use std::path::Path;

use super::frame::Hash;
use super::record::Record;
use super::scan::{Chain, Damage, Found, JournalError, scan, segments};

/// Reading stopped: the journal cannot be used, or the reader's own function said no.
pub type ReadError = JournalError;

/// A record as it is read and as it is written.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// What it says.
    pub record: &'a Record,
    /// The JSON text that is in the file, byte for byte: what its hash is of.
    pub text: &'a [u8],
    /// Its hash in the chain.
    pub hash: &'a Hash,
}

/// Shows every record of the journal in `folder`, in order, to `visit`. Only reads: a torn tail is
/// left where it is. May run beside a server; the record being written is then not shown.
///
/// # Errors
/// The first thing that is wrong, with record, file and offset.
pub fn read(folder: &Path, mut visit: impl FnMut(Record)) -> Result<u64, ReadError> {
    let scan = scan(folder, &mut |found| {
        visit(decode(found)?);
        Ok::<_, JournalError>(())
    })?;
    Ok(scan.chain.sequence)
}

/// As [`read`], with the written form of each record; stops where `visit` says so. Returns where the
/// chain ends.
///
/// # Errors
/// As [`read`], or what `visit` said.
pub fn read_lines<E: From<JournalError>>(
    folder: &Path,
    mut visit: impl FnMut(Line<'_>) -> Result<(), E>,
) -> Result<Chain, E> {
    let scan = scan(folder, &mut |found| {
        visit(Line {
            record: &decode(found)?,
            text: found.payload,
            hash: found.hash,
        })
    })?;
    Ok(scan.chain)
}

/// Whether there are journal files in `folder`.
///
/// # Errors
/// When it cannot be read; a missing one has none.
pub fn is_journal(folder: &Path) -> Result<bool, ReadError> {
    Ok(!segments(folder)?.is_empty())
}

/// The record in a frame.
pub(super) fn decode(found: &Found<'_>) -> Result<Record, JournalError> {
    decode_text(found.sequence, found.payload).map_err(|damage| found.damaged(damage))
}

/// The record in a payload, which must say that it is number `sequence`.
pub(super) fn decode_text(sequence: u64, text: &[u8]) -> Result<Record, Damage> {
    let record: Record = serde_json::from_slice(text).map_err(|_| Damage::Unreadable)?;
    if record.sequence == sequence {
        Ok(record)
    } else {
        Err(Damage::Broken)
    }
}
