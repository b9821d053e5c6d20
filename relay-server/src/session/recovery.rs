//! After a restart: what the journal says was still going on is brought to its end.
//!
//! Sessions are read back from their events while the journal is opened; the ones without an end
//! get one, named `server_restarted`, so that no record stays open for ever.

use std::collections::BTreeMap;

use relay_core::session::{CallEvent, EventKind, Input, ReplayError, Session};
use tracing::{info, warn};

use super::clock::Clock;
use crate::journal::{AppendError, Entry, Journal, Record};

/// Gathers the sessions that have no end yet, while the journal is read.
#[derive(Debug, Default)]
pub struct Unfinished {
    open: BTreeMap<String, Result<Session, ReplayError>>,
}

impl Unfinished {
    /// Takes the next record.
    pub fn visit(&mut self, record: &Record) {
        let Ok(event) = CallEvent::try_from(&record.entry) else { return };
        let key = record.entry.session.clone();
        match &event.kind {
            EventKind::CallPlaced(_) => {
                self.open.insert(key, Session::begin(&event));
            }
            EventKind::Ended { .. } => {
                self.open.remove(&key);
            }
            EventKind::InterpreterInvited { .. }
            | EventKind::InvitationDeclined { .. }
            | EventKind::InterpreterAssigned { .. }
            | EventKind::LegConnected { .. }
            | EventKind::DialingStarted
            | EventKind::TelephoneRang
            | EventKind::HearingAnswered => {
                if let Some(Ok(session)) = self.open.get_mut(&key)
                    && let Err(error) = session.apply(&event)
                {
                    self.open.insert(key, Err(error));
                }
            }
        }
    }

    /// Writes the missing ends.
    ///
    /// # Errors
    /// When the journal cannot be written; the server must not start then.
    pub async fn close(self, journal: &Journal, clock: Clock) -> Result<(), AppendError> {
        for (id, session) in self.open {
            let mut session = match session {
                Ok(session) => session,
                Err(error) => {
                    warn!(session = id, %error, "a session's record does not replay");
                    continue;
                }
            };
            let now = clock.now();
            session.resume(now);
            match session.propose(now, &Input::Restarted) {
                Ok(step) => {
                    journal.append(Entry::from(&step.event)).await?;
                    info!(session = id, "ended after a restart");
                }
                Err(refusal) => warn!(session = id, %refusal, "a session could not be ended"),
            }
        }
        Ok(())
    }
}
