//! What the interpreter's app knows.

use std::time::{Duration, Instant};

use vrs_client::{CallEnd, Invitation};
use vrs_domain::{Activity, CallKind, Leg, PhoneNumber, Seat, limit};
use vrs_ui::desk::Desk;
use vrs_ui::situation::CallFacts;

use crate::glue::Ongoing;

/// Everything the views draw.
#[derive(Debug)]
pub struct Model {
    /// Signing in, settings, text: what both apps have.
    pub desk: Desk,
    /// What the interpreter chose to do.
    pub activity: Activity,
    /// Until then nobody is sent: the time after a call.
    pub wrap_up_until: Option<Instant>,
    /// Invitations are taken without a key (a flag).
    pub auto_accept: bool,
    /// A caller asks, since when.
    pub invitation: Option<(Invitation, Instant)>,
    /// What the call was announced as.
    pub announced: Invitation,
    /// How far the choice of another interpreter is.
    pub asking: Asking,
    /// Who was asked for and has not come yet.
    pub sought: Option<Seat>,
    /// The call as it is.
    pub call: Ongoing,
    /// How loud it is.
    pub levels: Levels,
    /// How the last call ended.
    pub last: Option<LastCall>,
}

/// The steps of asking for another interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Asking {
    /// Nothing is asked.
    #[default]
    Closed,
    /// For whom?
    Whom,
    /// Why a relief?
    Why,
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
            activity: Activity::Available,
            wrap_up_until: None,
            auto_accept: false,
            invitation: None,
            announced: Invitation::default(),
            asking: Asking::Closed,
            sought: None,
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

    /// Whether calls may come.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.activity == Activity::Available
    }

    /// For how long nobody is sent yet after a call.
    #[must_use]
    pub fn wrap_up_left(&self, now: Instant) -> Option<Duration> {
        let until = self.wrap_up_until.filter(|_| self.is_available())?;
        let left = until.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// The seat the interpreter has in the call.
    #[must_use]
    pub fn seat(&self) -> Seat {
        let leg = self.call.view().map(|call| call.leg);
        leg.and_then(Leg::seat).unwrap_or(Seat::Lead)
    }

    /// The number of the telephone in the call, which may be the one that called.
    #[must_use]
    pub fn telephone(&self) -> Option<&PhoneNumber> {
        telephone_of(&self.announced)
    }

    /// How long the invitation still waits.
    #[must_use]
    pub fn invitation_left(&self, now: Instant) -> Duration {
        let since = self.invitation.as_ref().map_or(now, |(_, since)| *since);
        self.invitation_time()
            .saturating_sub(now.saturating_duration_since(since))
    }

    /// How long the invitation stands in all.
    #[must_use]
    pub fn invitation_time(&self) -> Duration {
        let asked = self.invitation.as_ref();
        let said = asked.and_then(|(invitation, _)| invitation.answer_within);
        said.unwrap_or(limit::INVITATION_TIMEOUT)
    }
}

/// The number of the telephone in an announced call.
#[must_use]
pub fn telephone_of(announced: &Invitation) -> Option<&PhoneNumber> {
    match announced.kind {
        Some(CallKind::RelayInbound) => announced.caller.as_ref(),
        _ => announced.number.as_ref(),
    }
}
