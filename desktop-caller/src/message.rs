//! Everything that can happen in the caller's app.

use vrs_client::Event;
use vrs_ui::desk::DeskMessage;

use crate::glue::Told;

/// Something happened: in the engine, on the shared screens, or on the caller's own.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The engine tells something.
    Engine(Box<Told>),
    /// Signing in, settings, text.
    Desk(DeskMessage),
    /// The number field holds this now.
    NumberEdited(String),
    /// A key of the dial pad.
    Digit(char),
    /// The last digit is taken back.
    Erase,
    /// Call the number in the field.
    Dial,
    /// Take the call that comes in.
    Answer,
    /// Refuse the call that comes in.
    Decline,
    /// End the call.
    HangUp,
    /// The own voice on or off.
    ToggleMicrophone,
    /// The camera on or off.
    ToggleCamera,
    /// The call on hold, or taken back.
    ToggleHold,
    /// To the other call.
    Swap,
    /// Dial a second call, or leave that page.
    ShowDial(bool),
    /// Call the same number again.
    CallAgain,
    /// Leave the page that tells how the call ended.
    LeaveEnded,
}

impl From<Event> for Message {
    fn from(event: Event) -> Self {
        Self::Engine(Box::new(event.into()))
    }
}

impl From<DeskMessage> for Message {
    fn from(message: DeskMessage) -> Self {
        Self::Desk(message)
    }
}
