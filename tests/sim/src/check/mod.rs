//! What must never happen: watched while a run goes on, and read in its journal afterwards.
//!
//! What it is: [`Witness`] takes down what people see; [`verdict`] reads the journal and holds it
//! to the promises, record by record ([`audit`]), the queue's among them ([`fairness`]) and what
//! must come through a restart ([`resumption`]); what people were told, to what it knew by then
//! ([`chronicle`]).
//! Start reading at [`verdict`].

mod audit;
mod chronicle;
mod fairness;
mod live;
mod resumption;
mod session;
mod timeline;
mod witness;

use std::path::Path;

use relay_server::journal::Replay;

use audit::Audit;
use chronicle::Chronicle;
pub use live::{Fit, unlike};
pub use timeline::Timeline;
pub use witness::{Asking, Counts, Status, Witness};

/// The two clocks are read a moment apart, in milliseconds.
const CLOCKS_APART_MS: u64 = 50;

/// What the journal and the witness say about a run that is over.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// What must never happen and did.
    pub violations: Vec<String>,
    /// Over every record.
    pub hash: String,
    /// Records in the journal.
    pub records: u64,
    /// Sessions in the journal.
    pub sessions: usize,
    /// How often each kind of call and each feature occurred.
    pub counts: Counts,
}

/// Reads the journal in `folder` and holds it to the promises.
#[must_use]
pub fn verdict(
    folder: &Path,
    witness: &Witness,
    timeline: &Timeline,
    always_there: &[String],
) -> Verdict {
    let sayings = std::mem::take(&mut witness.seen().sayings);
    let mut audit = Audit::new(timeline.clone(), always_there, sayings);
    let mut chronicle = Chronicle::new(timeline.clone());
    let mut replay = Replay::default();
    let read = relay_server::journal::read(folder, |record| {
        replay.take(&record);
        audit.take(&record);
        let talk = audit.sessions.get(&record.entry.session);
        chronicle.take(&record, talk.map(|session| &session.talk));
    });
    let mut violations = std::mem::take(&mut witness.seen().violations);
    match read {
        Ok(records) => audit.records = records,
        Err(error) => violations.push(format!("journal: {error}")),
    }
    for fault in replay.faults() {
        violations.push(format!("replay != state: {fault:?}"));
    }
    for session in replay.open().keys() {
        violations.push(format!("Q3: session {session} never ended"));
    }
    // What somebody was told must be in the journal, whatever died meanwhile.
    let mut seen = witness.seen();
    violations.extend(chronicle.knew_nothing_of(&seen));
    for (session, who, heard) in std::mem::take(&mut seen.dismissed) {
        if seen.counts(heard) {
            audit.dismissed(&session, &who, heard.at_ms);
        }
    }
    audit.nobody_is_left_behind(&seen);
    let counts = std::mem::take(&mut seen.counts);
    drop(seen);
    let mut verdict = audit.finish();
    for (what, count) in counts {
        *verdict.counts.entry(what).or_default() += count;
    }
    violations.append(&mut verdict.violations);
    verdict.violations = violations;
    verdict
}
