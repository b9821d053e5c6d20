//! What the interpreter's app knows.

use std::time::{Duration, Instant};

use vrs_client::{CallEnd, Invitation};
use vrs_domain::{LanguagePair, limit};
use vrs_ui::desk::Desk;
use vrs_ui::situation::CallFacts;

use crate::glue::Ongoing;

/// Everything the views draw.
#[derive(Debug)]
pub struct Model {
    /// Signing in, settings, text: what both apps have.
    pub desk: Desk,
    /// Calls may come.
    pub available: bool,
    /// Invitations are taken without a key (a flag).
    pub auto_accept: bool,
    /// A caller asks, since when.
    pub invitation: Option<(Invitation, Instant)>,
    /// The languages of the call, from its invitation.
    pub languages: Option<LanguagePair>,
    /// The call as it is.
    pub call: Ongoing,
    /// How loud it is.
    pub levels: Levels,
    /// How the last call ended.
    pub last: Option<LastCall>,
}

/// How loud both are, in dBFS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// The interpreter's microphone.
    pub me_dbfs: f32,
    /// The telephone.
    pub them_dbfs: f32,
}

impl Levels {
    /// Nobody says anything.
    pub const SILENCE: Self = Self {
        me_dbfs: -120.0,
        them_dbfs: -120.0,
    };
}

/// How a call ended, and how long it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastCall {
    /// How it ended.
    pub end: CallEnd,
    /// Its clocks.
    pub facts: CallFacts,
}

/// Which screen is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Signing in.
    SignIn,
    /// Settings.
    Settings,
    /// Available or away.
    Home,
    /// A caller asks.
    Invitation,
    /// A call.
    Call,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            desk: Desk::default(),
            available: true,
            auto_accept: false,
            invitation: None,
            languages: None,
            call: Ongoing::default(),
            levels: Levels::SILENCE,
            last: None,
        }
    }
}

impl Model {
    /// The screen that follows from what is known: the most urgent wins.
    #[must_use]
    pub const fn screen(&self) -> Screen {
        if self.invitation.is_some() {
            Screen::Invitation
        } else if self.call.view().is_some() {
            Screen::Call
        } else if self.desk.settings_open {
            Screen::Settings
        } else if self.desk.account.is_none() {
            Screen::SignIn
        } else {
            Screen::Home
        }
    }

    /// How long the invitation still waits.
    #[must_use]
    pub fn invitation_left(&self, now: Instant) -> Duration {
        self.invitation
            .as_ref()
            .map_or(Duration::ZERO, |(_, since)| {
                limit::INVITATION_TIMEOUT.saturating_sub(now.saturating_duration_since(*since))
            })
    }
}
