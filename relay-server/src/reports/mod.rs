//! What the regulator asks for, computed from the journal and from nothing else.
//!
//! What it is: call detail records ([`cdr`]) and the speed of answer ([`speed`]). What it is not:
//! no figure here is ever typed in or corrected; a report is a function of the journal (F40).
//! Start reading at [`ended_sessions`].

pub mod cdr;
pub mod speed;

use std::path::Path;

use relay_core::session::Session;

use crate::journal::{JournalError, Replay, SessionFault, read};

/// What a reading of the journal left over.
#[derive(Debug)]
pub struct Rest {
    /// Sessions that have not ended.
    pub open: Vec<Session>,
    /// Sessions whose events cannot be their history; they are in no report.
    pub faults: Vec<SessionFault>,
}

/// Shows every session that has ended, in the order of their ends, to `visit`.
///
/// # Errors
/// When the journal is damaged.
pub fn ended_sessions(
    journal: &Path,
    mut visit: impl FnMut(Session),
) -> Result<Rest, JournalError> {
    let mut replay = Replay::default();
    read(journal, |record| {
        if let Some(ended) = replay.take(&record) {
            visit(ended);
        }
    })?;
    let (open, faults) = replay.finish();
    Ok(Rest { open, faults })
}
