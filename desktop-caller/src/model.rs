//! What the caller's app knows.

use vrs_client::{CallEnd, CallView, Invitation};
use vrs_domain::PhoneNumber;
use vrs_ui::conversation::Conversation;
use vrs_ui::desk::Desk;
use vrs_ui::situation::CallFacts;

use crate::glue::Ongoing;

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
    pub call: Ongoing,
    /// The call on hold beside it.
    pub parked: Option<CallView>,
    /// The text of the parked call.
    pub parked_text: Conversation,
    /// The user is dialling a second call.
    pub adding: bool,
    /// How the last call ended, until the user has read it.
    pub ended: Option<Ended>,
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
    /// Dialling, also a second call during the first.
    Home,
    /// Somebody calls, and there is no call.
    Incoming,
    /// A call is being made or held.
    Call,
    /// A call ended.
    Ended,
}

impl Model {
    /// Whether a second call may be placed or taken beside the one there is.
    #[must_use]
    pub fn may_add(&self) -> bool {
        let call = self.call.view();
        let beside = self.parked.is_none() && self.incoming.is_none();
        beside && call.is_some_and(|call| call.connected && !call.is_emergency())
    }

    /// The screen that follows from what is known: the most urgent wins.
    #[must_use]
    pub const fn screen(&self) -> Screen {
        if self.call.view().is_some() {
            if self.adding {
                Screen::Home
            } else {
                Screen::Call
            }
        } else if self.incoming.is_some() {
            Screen::Incoming
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
}

/// An account, or who calls, as people write it.
#[must_use]
pub fn account_words(account: &str) -> String {
    account
        .parse::<PhoneNumber>()
        .map_or_else(|_| account.to_owned(), |number| number.spaced())
}
