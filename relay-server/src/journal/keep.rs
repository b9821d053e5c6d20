//! Which records a start still needs, and the snapshot of them.
//!
//! A session's state is the fold of its events, and a view's row is made from that state: so what is
//! kept is events. Needed are those of sessions that have not ended, of the sessions that ended
//! last (the views show them), and of sessions that do not replay (each start tells the operator).
//! All other records change nothing when they are replayed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use super::reader::{decode, decode_text};
use super::record::Record;
use super::replay::Replay;
use super::scan::{Chain, Damage, Found, JournalError, scan_part};
use super::snapshot::{Snapshot, snapshots};

/// Sessions that do not replay and are carried along. There should be none; with more than this,
/// every start reads everything.
const FAULTED_KEPT_MAX: usize = 1000;

/// Why no snapshot was made. The start after this one replays more; nothing else is lost.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the journal in {0} does not hold record {1} as it was written")]
    Elsewhere(String, u64),
    #[error("more than {FAULTED_KEPT_MAX} sessions do not replay")]
    Faults,
    #[error("cannot write the snapshot: {0}")]
    Io(#[from] std::io::Error),
}

/// The records that matter up to here.
#[derive(Debug)]
pub(super) struct Kept {
    replay: Replay,
    sessions: BTreeMap<String, Vec<(u64, Vec<u8>)>>,
    /// Oldest first.
    ended: VecDeque<String>,
    faulted: BTreeSet<String>,
    ended_max: usize,
}

impl Kept {
    /// Keeps the last `ended_max` ended sessions, as the views do.
    pub(super) fn new(ended_max: usize) -> Self {
        Self {
            replay: Replay::default(),
            sessions: BTreeMap::new(),
            ended: VecDeque::new(),
            faulted: BTreeSet::new(),
            ended_max,
        }
    }

    /// Takes the next record and its payload.
    pub(super) fn take(&mut self, record: &Record, payload: &[u8]) {
        let id = &record.entry.session;
        if self.faulted.contains(id) {
            return;
        }
        let faults = self.replay.faults().len();
        let ended = self.replay.take(record).is_some();
        let list = self.sessions.entry(id.clone()).or_default();
        list.push((record.sequence, payload.to_vec()));
        if self.replay.faults().len() > faults {
            self.faulted.insert(id.clone());
        }
        if ended {
            self.ended.push_back(id.clone());
        }
        while self.ended.len() > self.ended_max
            && let Some(oldest) = self.ended.pop_front()
        {
            if !self.faulted.contains(&oldest) {
                self.sessions.remove(&oldest);
                self.replay.forget(&oldest);
            }
        }
    }

    fn snapshot(self, head: Chain) -> Result<Snapshot, KeepError> {
        if self.faulted.len() > FAULTED_KEPT_MAX {
            return Err(KeepError::Faults);
        }
        let mut records: Vec<_> = self.sessions.into_values().flatten().collect();
        records.sort_unstable_by_key(|(sequence, _)| *sequence);
        Ok(Snapshot { head, records })
    }
}

/// Makes the snapshot of the journal in `folder` at `head` and writes it. Reads what came since the
/// snapshot before; may run beside the writer, because nothing up to `head` changes any more.
///
/// # Errors
/// Why there is none.
pub(super) fn write_snapshot(
    folder: &Path,
    head: Chain,
    ended_max: usize,
) -> Result<(), KeepError> {
    let earlier = snapshots(folder)?
        .into_iter()
        .filter(|(sequence, _)| *sequence <= head.sequence);
    for (sequence, path) in earlier {
        let Ok(snapshot) = Snapshot::load(&path, sequence) else {
            continue;
        };
        match go_on(folder, snapshot, head, ended_max) {
            Ok(snapshot) => return Ok(snapshot.store(folder)?),
            // It is of another journal; the one before, or the whole journal, may do.
            Err(KeepError::Elsewhere(..)) => {}
            Err(error) => return Err(error),
        }
    }
    let none = Snapshot {
        head: Chain::default(),
        records: Vec::new(),
    };
    Ok(go_on(folder, none, head, ended_max)?.store(folder)?)
}

fn go_on(
    folder: &Path,
    from: Snapshot,
    head: Chain,
    ended_max: usize,
) -> Result<Snapshot, KeepError> {
    let elsewhere = |sequence| KeepError::Elsewhere(folder.display().to_string(), sequence);
    let mut kept = Kept::new(ended_max);
    for (sequence, payload) in &from.records {
        let record = decode_text(*sequence, payload).map_err(|_: Damage| elsewhere(*sequence))?;
        kept.take(&record, payload);
    }
    let mut at_head = head.sequence == 0 || from.head == head;
    scan_part(
        folder,
        from.head.sequence,
        head.sequence,
        &mut |found: &Found<'_>| {
            let here = Chain {
                sequence: found.sequence,
                hash: *found.hash,
            };
            for known in [from.head, head] {
                if here.sequence == known.sequence && here.hash != known.hash {
                    return Err(elsewhere(here.sequence));
                }
            }
            if here.sequence > from.head.sequence && here.sequence <= head.sequence {
                kept.take(&decode(found)?, found.payload);
            }
            at_head |= here == head;
            Ok(())
        },
    )?;
    if !at_head {
        return Err(elsewhere(head.sequence));
    }
    kept.snapshot(head)
}
