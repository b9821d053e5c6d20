//! `journal verify`: the chain, then the meaning.

use std::fmt;
use std::path::Path;

use super::frame::Hash;
use super::reader::decode;
use super::repair::{Repair, repairs};
use super::replay::{Replay, SessionFault};
use super::scan::{Chain, JournalError, TornTail, scan};

/// What a verification found.
#[derive(Debug)]
pub struct Report {
    /// Records in the journal.
    pub records: u64,
    /// Segment files.
    pub segments: usize,
    /// Hash of the last record, in hexadecimal digits: note it elsewhere to detect a cut journal.
    pub head: String,
    /// Sessions in the journal.
    pub sessions: usize,
    /// Sessions that have not ended (they run, or the server was killed).
    pub open: usize,
    /// An unfinished record at the end, if any.
    pub torn: Option<TornTail>,
    /// Sessions whose events cannot be their history.
    pub faults: Vec<SessionFault>,
    /// Each time that records were taken out by `journal repair`, oldest first.
    pub repairs: Vec<Repair>,
    /// The hash of the record that was asked for, when it is in the journal.
    pub asked: Option<Hash>,
    /// Where the chain ends.
    pub end: Chain,
}

impl Report {
    /// Whether everything is as it should be; a torn tail is.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.faults.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            records,
            segments,
            head,
            sessions,
            open,
            torn,
            faults,
            repairs,
            asked: _,
            end: _,
        } = self;
        writeln!(
            f,
            "{records} records in {segments} files, chain whole, head {head}"
        )?;
        write!(f, "{sessions} sessions, {open} not ended")?;
        if let Some(torn) = torn {
            let (bytes, offset, file) = (torn.bytes, torn.offset, torn.file.display());
            write!(
                f,
                "\n{bytes} bytes of an unfinished record at byte {offset} of {file}; the next start cuts them"
            )?;
        }
        for repair in repairs {
            write!(f, "\n{repair}")?;
        }
        for fault in faults {
            write!(
                f,
                "\nsession {} does not replay: record {}: {}",
                fault.session, fault.record, fault.why
            )?;
        }
        Ok(())
    }
}

/// Checks every byte of the journal in `folder` and replays every session. Only reads.
///
/// # Errors
/// The first damaged place; sessions that do not replay are in the report instead.
pub fn verify(folder: &Path) -> Result<Report, JournalError> {
    verify_record(folder, 0)
}

/// As [`verify`]; [`Report::asked`] is the hash of record `ask`.
///
/// # Errors
/// As [`verify`].
pub fn verify_record(folder: &Path, ask: u64) -> Result<Report, JournalError> {
    let mut replay = Replay::default();
    let mut asked = None;
    let scan = scan(folder, &mut |found| {
        if found.sequence == ask {
            asked = Some(*found.hash);
        }
        replay.take(&decode(found)?);
        Ok::<_, JournalError>(())
    })?;
    let sessions = replay.sessions();
    let (open, faults) = replay.finish();
    Ok(Report {
        records: scan.chain.sequence,
        segments: scan.segments,
        head: hex::encode(scan.chain.hash),
        sessions,
        open: open.len(),
        torn: scan.torn,
        faults,
        repairs: repairs(folder)?,
        asked,
        end: scan.chain,
    })
}
