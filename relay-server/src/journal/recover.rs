//! Reads a journal at the start: every byte of the chain is checked; what a snapshot stands for is
//! not decoded again.

use std::collections::VecDeque;
use std::path::Path;

use super::frame::Hash;
use super::reader::{decode, decode_text};
use super::record::Record;
use super::scan::{Found, JournalError, Scan, scan};
use super::snapshot::{Ignored, Snapshot, snapshots};

/// What a start found.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) scan: Scan,
    /// The record of the snapshot that was used.
    pub(super) snapshot: Option<u64>,
    pub(super) ignored: Vec<Ignored>,
    /// The hash of the record that was asked for.
    pub(super) asked: Option<Hash>,
}

/// Checks the whole chain in `folder` and shows `visit` what has to be replayed, in order: with
/// snapshots, the records that the newest good one holds and all after it; otherwise every record.
/// Both give the same sessions and views. `ask` is a record whose hash is wanted.
///
/// # Errors
/// The first record that is wrong, whatever the snapshots say. Snapshots are never an error.
pub(super) fn recover(
    folder: &Path,
    use_snapshots: bool,
    ask: Option<u64>,
    visit: &mut dyn FnMut(Record),
) -> Result<Recovered, JournalError> {
    let mut ignored = Vec::new();
    let mut asked = None;
    let list = if use_snapshots {
        snapshots(folder).map_err(JournalError::io(folder))?
    } else {
        Vec::new()
    };
    for (sequence, file) in list {
        let outcome = match Snapshot::load(&file, sequence) {
            Ok(snapshot) => replay(folder, snapshot, ask, &mut asked, visit),
            Err(why) => Err(Halt::Unfit(why)),
        };
        match outcome {
            Ok(scan) => {
                return Ok(Recovered {
                    scan,
                    snapshot: Some(sequence),
                    ignored,
                    asked,
                });
            }
            Err(Halt::Unfit(why)) => ignored.push(Ignored { file, why }),
            Err(Halt::Journal(error)) => return Err(error),
        }
    }
    let scan = scan(folder, &mut |found| {
        note(found, ask, &mut asked);
        visit(decode(found)?);
        Ok::<_, JournalError>(())
    })?;
    Ok(Recovered {
        scan,
        snapshot: None,
        ignored,
        asked,
    })
}

enum Halt {
    Journal(JournalError),
    /// Nothing was shown to anybody yet.
    Unfit(String),
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

fn note(found: &Found<'_>, ask: Option<u64>, asked: &mut Option<Hash>) {
    if ask == Some(found.sequence) {
        *asked = Some(*found.hash);
    }
}

fn replay(
    folder: &Path,
    snapshot: Snapshot,
    ask: Option<u64>,
    asked: &mut Option<Hash>,
    visit: &mut dyn FnMut(Record),
) -> Result<Scan, Halt> {
    let Snapshot { head, records } = snapshot;
    let mut kept = VecDeque::from(records);
    // Nothing is shown before the chain has reached the snapshot: until then it may not fit.
    let mut held = Vec::with_capacity(kept.len());
    let scan = scan(folder, &mut |found| {
        note(found, ask, asked);
        if found.sequence > head.sequence {
            visit(decode(found)?);
            return Ok(());
        }
        if let Some((_, payload)) = kept.pop_front_if(|(next, _)| *next == found.sequence) {
            if payload != found.payload {
                let why = format!("its record {} is not the journal's", found.sequence);
                return Err(Halt::Unfit(why));
            }
            let record = decode_text(found.sequence, &payload);
            held.push(record.map_err(|damage| found.damaged(damage))?);
        }
        if found.sequence == head.sequence {
            if *found.hash != head.hash {
                let why = format!("record {} of the journal is another one", head.sequence);
                return Err(Halt::Unfit(why));
            }
            held.drain(..).for_each(&mut *visit);
        }
        Ok(())
    })?;
    if scan.chain.sequence < head.sequence {
        let (end, at) = (scan.chain.sequence, head.sequence);
        let why = format!("it is of record {at}, but the journal ends with record {end}");
        return Err(Halt::Unfit(why));
    }
    Ok(scan)
}
