//! What a running server holds of its sessions, compared with what its journal makes of them.

use std::collections::BTreeMap;
use std::path::Path;

use relay_server::journal::{Record, Replay};
use relay_server::store::SessionRow;

/// How well the journal can be expected to fit.
#[derive(Debug, Clone, Copy)]
pub struct Fit {
    /// Records when this life of the server began.
    pub head: u64,
    /// It cannot be written, or was not until the end: something may wait in memory.
    pub broken: bool,
    /// Nothing is under way.
    pub at_rest: bool,
}

/// A session as its records tell it.
#[derive(Debug, Default)]
struct Written {
    /// After each of its records.
    rows: Vec<SessionRow>,
    /// How many of them were made in this life.
    of_this_life: usize,
}

/// What is wrong with the sessions that a server holds; how many are right is added to `right`.
pub fn unlike(folder: &Path, live: &[SessionRow], fit: Fit, right: &mut u64) -> Vec<String> {
    let mut replay = Replay::default();
    let mut written: BTreeMap<String, Written> = BTreeMap::new();
    let mut take = |record: Record| {
        let ended = replay.take(&record);
        let id = &record.entry.session;
        if let Some(session) = ended.as_ref().or_else(|| replay.open().get(id)) {
            let known = written.entry(id.clone()).or_default();
            known.rows.push(SessionRow::replayed(session));
            known.of_this_life += usize::from(record.sequence > fit.head);
        }
    };
    if let Err(error) = relay_server::journal::read(folder, &mut take) {
        // A file that was being begun when the disk failed is made anew.
        let found = (!fit.broken).then(|| format!("journal of a running server: {error}"));
        return found.into_iter().collect();
    }
    let mut found = Vec::new();
    for one in live {
        match compare(one, written.remove(&one.session).as_ref(), fit) {
            None => *right += 1,
            Some(what) => found.push(format!("live != replay: {what}")),
        }
    }
    // What is under way may be written and not known yet, but no more than one record of it.
    let behind = usize::from(!fit.at_rest);
    let unknown = written.iter().filter(|(_, its)| its.of_this_life > behind);
    // Sessions that are ended by the start itself never run.
    let ran = unknown.filter(|(_, its)| {
        let ended = its.rows.last().is_some_and(|row| row.ended.is_some());
        !(ended && its.of_this_life == 1)
    });
    found.extend(ran.map(|(id, _)| format!("live != replay: the server knows nothing of {id}")));
    found
}

fn compare(live: &SessionRow, written: Option<&Written>, fit: Fit) -> Option<String> {
    let rows = written.map_or(&[][..], |written| &written.rows);
    let at = usize::try_from(live.event).unwrap_or(usize::MAX);
    let Some(then) = rows.get(at) else {
        let what = format!("{live:?} is ahead of its {} records", rows.len());
        return (!fit.broken).then_some(what);
    };
    // The clocks go on from the event until it is written.
    let later = live.session_ms.checked_sub(then.session_ms);
    let talked = live.conversation_ms.checked_sub(then.conversation_ms);
    let same = SessionRow {
        session_ms: then.session_ms,
        conversation_ms: then.conversation_ms,
        ..live.clone()
    };
    let behind = rows.len() - 1 - at;
    let fits = same == *then
        && later.is_some_and(|later| talked.is_some_and(|talked| talked <= later))
        && behind <= usize::from(!fit.at_rest);
    (!fits).then(|| format!("{live:?}, {behind} records before the last, should be {then:?}"))
}
