//! What the window asks of the engine: one closed enum.

use vrs_domain::{Activity, CivicLocation, PhoneNumber, ReliefReason, Seat, Sensitive};

/// One wish of the user. The engine answers with events, never with a return value.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Connect and register; ends an earlier sign-in first.
    SignIn {
        /// `host`, `host:port` or `wss://host:port/path`.
        server: String,
        /// A caller's number or an interpreter's CA id, with `@domain` when that is not the host.
        account: String,
        /// Kept in memory while signed in, to answer the server's challenges.
        password: Sensitive<String>,
    },
    /// Callers: tell the provider where we are, for calls to emergency services (RFC 9248 section
    /// 5.2.5). Signed in, at once, or when the last change is ten seconds past; otherwise with
    /// the next sign-in. `None` tells nothing, and takes back what was not told yet: what the
    /// provider has stays. Answered by [`super::Event::Location`].
    SetLocation(Option<Sensitive<CivicLocation>>),
    /// Hang up, unregister, disconnect.
    SignOut,
    /// Place a call. One that there is already is parked: put on hold beside the new one. Ignored
    /// while there is a parked one, or one that is not answered, or an emergency call.
    Call {
        /// Whom.
        number: PhoneNumber,
    },
    /// Take the call that is ringing. During another call that one is parked, or ended if nobody
    /// has answered it yet.
    Answer,
    /// Refuse the call that is ringing (SIP 603); during another call, the one that is waiting.
    Decline,
    /// Put the call on hold, or take it back. Not for an emergency call.
    Hold(bool),
    /// Park the call and take back the parked one.
    Swap,
    /// End the call, in whatever state it is. The parked one, if any, is taken back.
    HangUp,
    /// Send silence instead of the microphone, or not. No signalling (RUE section 6.7).
    SetMicrophoneMuted(bool),
    /// Play silence instead of the call, or not.
    SetSpeakerMuted(bool),
    /// Send a grey picture instead of the camera, or not; off also closes the device.
    SetCameraOff(bool),
    /// From the next call on, let picture and sound pass only through the server's relay (TURN), or
    /// not: the other end then never learns our address.
    SetRelayOnly(bool),
    /// Interpreters: take invitations, or be at a break, a meal, a training, or away.
    SetActivity(Activity),
    /// Interpreters in a call: ask for another one beside or instead of us.
    AskSeat {
        /// `relief`, `team` or `supervisor`.
        seat: Seat,
        /// Why, for a relief.
        reason: Option<ReliefReason>,
    },
    /// Interpreters in a call: take that back.
    WithdrawSeat(Seat),
    /// Real-time text, as typed: one character or a few; U+0008 takes the last one back.
    SendText(String),
    /// Press a key for the telephone: `0` to `9`, `*`, `#`, `A` to `D`; no other is sent. The
    /// caller's and those of the interpreter who leads arrive there (RFC 4733).
    SendKey(Sensitive<char>),
}
