//! Reads records back, for the views, `journal show` and replay.

use std::path::Path;

use super::record::Record;
use super::scan::{Damage, Found, JournalError, Scan, scan};

/// Reading stopped: the journal cannot be used, or the reader's own function said no.
pub type ReadError = JournalError;

/// Shows every record of the journal in `folder`, in order, to `visit`. Only reads: a torn tail is
/// left where it is. May run beside a server; the record being written is then not shown.
///
/// # Errors
/// The first thing that is wrong, with record, file and offset.
pub fn read(folder: &Path, mut visit: impl FnMut(Record)) -> Result<u64, ReadError> {
    let scan = scan_records(folder, &mut |record| visit(record))?;
    Ok(scan.chain.sequence)
}

pub(super) fn scan_records(
    folder: &Path,
    visit: &mut dyn FnMut(Record),
) -> Result<Scan, JournalError> {
    scan(folder, &mut |found| {
        visit(decode(found)?);
        Ok(())
    })
}

fn decode(found: &Found<'_>) -> Result<Record, JournalError> {
    let record: Record =
        serde_json::from_slice(found.payload).map_err(|_| found.damaged(Damage::Unreadable))?;
    if record.sequence != found.sequence {
        return Err(found.damaged(Damage::Broken));
    }
    Ok(record)
}
