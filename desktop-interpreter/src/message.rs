//! Everything that can happen in the interpreter's app.

use vrs_client::Event;
use vrs_domain::{Activity, ReliefReason, Seat};
use vrs_ui::desk::DeskMessage;

use crate::glue::Told;
use crate::model::Asking;

/// Something happened: in the engine, on the shared screens, or on the interpreter's own.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The engine tells something.
    Engine(Box<Told>),
    /// Signing in, settings, text.
    Desk(DeskMessage),
    /// Calls may come, or not.
    ToggleAvailable,
    /// At a break, a meal, a training, or simply away.
    Pause(Activity),
    /// Calls may come at once: the wrap-up is over.
    Ready,
    /// Take the invitation.
    Accept,
    /// Refuse the invitation.
    Decline,
    /// End the call.
    End,
    /// The own microphone on or off.
    ToggleMicrophone,
    /// The telephone's sound on or off.
    ToggleSpeaker,
    /// The choice of another interpreter goes to this step.
    Show(Asking),
    /// Ask for another interpreter; for a relief with the reason.
    Ask(Seat, Option<ReliefReason>),
    /// Take that back.
    Withdraw(Seat),
}

impl From<Event> for Message {
    fn from(event: Event) -> Self {
        Self::Engine(Box::new(event.into()))
    }
}
