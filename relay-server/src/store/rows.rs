//! The rows of the views, in words that any tool can read.

use relay_core::Now;
use relay_core::session::{Session, SessionView};
use serde::{Deserialize, Serialize};

/// One session as it stood at its last event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// 32 hexadecimal digits.
    pub session: String,
    /// Canonical state.
    pub state: String,
    /// What the telephone is doing.
    pub telephone: String,
    /// CA id, once assigned.
    pub interpreter: Option<String>,
    /// Number of the assignment.
    pub epoch: Option<u32>,
    /// What kind of call it is.
    pub call: String,
    /// How urgent it is.
    pub urgency: String,
    /// Who calls, unless the network withholds it.
    pub caller: Option<String>,
    /// The dialled number.
    pub number: String,
    /// Such as `ase/en`.
    pub languages: String,
    /// When the call was placed, milliseconds UTC.
    pub placed_at_ms: u64,
    /// Session clock, milliseconds.
    pub session_ms: u64,
    /// Conversation clock, milliseconds.
    pub conversation_ms: u64,
    /// Number of the session's last event.
    pub event: u64,
    /// Why it ended, once it has.
    pub ended: Option<String>,
}

impl SessionRow {
    /// A session as its records tell it. Its clock stands still: any moment gives the same row.
    #[must_use]
    pub fn replayed(session: &Session) -> Self {
        Self::from(&session.view(Now {
            mono_ms: 0,
            utc_ms: 0,
        }))
    }
}

impl From<&SessionView> for SessionRow {
    fn from(view: &SessionView) -> Self {
        Self {
            session: view.session.to_string(),
            state: view.state.to_string(),
            telephone: view.telephone.to_string(),
            interpreter: view.interpreter.as_ref().map(ToString::to_string),
            epoch: view.epoch.map(|e| e.0),
            call: view.kind.to_string(),
            urgency: view.urgency.to_string(),
            caller: view.caller.as_ref().map(ToString::to_string),
            number: view.number.to_string(),
            languages: view.languages.to_string(),
            placed_at_ms: view.placed_at_ms,
            session_ms: view.session_ms,
            conversation_ms: view.conversation_ms,
            event: view.sequence,
            ended: view.ended.map(|r| r.to_string()),
        }
    }
}

/// One registered device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationRow {
    /// The account's user name.
    pub account: String,
    /// What tells the account's devices apart: instance id, or contact.
    pub binding: String,
    /// The contact address.
    pub contact: String,
    /// When it ends, milliseconds UTC.
    pub expires_at_ms: u64,
    /// What the device calls itself.
    pub user_agent: Option<String>,
}

/// One signed-in interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceRow {
    /// CA id.
    pub interpreter: String,
    /// `available`, `invited`, `in_call` or `away`.
    pub availability: String,
    /// Such as `ase/en`.
    pub languages: Vec<String>,
    /// Such as `medical`.
    pub skills: Vec<String>,
    /// Since when, milliseconds UTC.
    pub since_ms: u64,
}
