//! What the caller's app knows.

use std::time::Instant;

use vrs_client::{CallEnd, CallStats, CallView, Invitation};
use vrs_domain::{PhoneNumber, SessionState, TelephoneState};
use vrs_ui::automation::Scene;
use vrs_ui::desk::Desk;
use vrs_ui::situation::CallFacts;

use crate::glue;

/// Everything the views draw.
#[derive(Debug, Default)]
pub struct Model {
    /// Signing in, settings, text: what both apps have.
    pub desk: Desk,
    /// What is in the number field.
    pub number: String,
    /// The number in the field was not a telephone number when Call was pressed.
    pub number_wrong: bool,
    /// Called as soon as signed in (a flag).
    pub call_at_start: Option<PhoneNumber>,
    /// A call that comes in and was not yet answered.
    pub incoming: Option<Invitation>,
    /// The call as it is.
    pub call: Option<CallView>,
    /// Since when the telephone rings.
    pub ringing_since: Option<Instant>,
    /// How the last call ended, until the user has read it.
    pub ended: Option<Ended>,
    /// Figures of the last call.
    pub stats: CallStats,
    /// How the last call ended, for the report.
    pub last_end: Option<CallEnd>,
}

/// How a call ended, and how far it had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub end: CallEnd,
    /// How far it had come.
    pub facts: CallFacts,
}

/// Which screen is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Signing in.
    SignIn,
    /// Settings.
    Settings,
    /// Dialling.
    Home,
    /// Somebody calls.
    Incoming,
    /// A call is being made or held.
    Call,
    /// A call ended.
    Ended,
}

impl Model {
    /// The screen that follows from what is known: the most urgent wins.
    #[must_use]
    pub const fn screen(&self) -> Screen {
        if self.incoming.is_some() {
            Screen::Incoming
        } else if self.call.is_some() {
            Screen::Call
        } else if self.desk.settings_open {
            Screen::Settings
        } else if self.desk.account.is_none() {
            Screen::SignIn
        } else if self.ended.is_some() {
            Screen::Ended
        } else {
            Screen::Home
        }
    }

    /// The call in the words of the kit.
    #[must_use]
    pub fn facts(&self, now: Instant) -> CallFacts {
        self.call.as_ref().map_or_else(CallFacts::default, |call| glue::facts(call, self.ringing_since, now))
    }

    /// What the script sees.
    #[must_use]
    pub fn scene(&self) -> Scene {
        let state = self.call.as_ref().and_then(|call| call.state);
        let refused = !self.desk.script.is_idle() && self.desk.problem.is_some();
        Scene {
            relay_active: state == Some(SessionState::RelayActive),
            ended: self.last_end.is_some() && self.call.is_none() || refused,
        }
    }

    /// Takes over a new snapshot of the call.
    pub fn take_call(&mut self, now: Instant, call: CallView) {
        if call.telephone == TelephoneState::Ringing {
            self.ringing_since.get_or_insert(now);
        } else {
            self.ringing_since = None;
        }
        if call.connected {
            self.incoming = None;
        }
        self.ended = None;
        self.call = Some(call);
    }
}
