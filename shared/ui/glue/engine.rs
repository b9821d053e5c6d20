//! The engine's words in, the kit's words out.

use std::time::Instant;

use vrs_client::{CallView, Command, Connection, Engine, Event, SignInProblem};
use vrs_domain::CallKind;
use vrs_ui::desk::DeskCommand;
use vrs_ui::host::Calls;
use vrs_ui::picture::{Picture, Slot};
use vrs_ui::screens::Problem;
use vrs_ui::situation::{CallFacts, Link, rings};

/// The real engine behind the app's trait.
pub struct RealCalls(pub Engine);

impl Calls<Command, Event> for RealCalls {
    fn send(&self, command: Command) {
        self.0.send(command);
    }

    fn try_event(&self) -> Option<Event> {
        self.0.try_event()
    }

    fn remote_picture(&self) -> Slot<Picture> {
        self.0.remote_picture()
    }

    fn local_picture(&self) -> Slot<Picture> {
        self.0.local_picture()
    }
}

/// What the desk asks, in the engine's words.
#[must_use]
pub fn command(command: DeskCommand) -> Command {
    match command {
        DeskCommand::SignIn {
            server,
            account,
            password,
        } => Command::SignIn {
            server,
            account,
            password,
        },
        DeskCommand::SetLocation(place) => Command::SetLocation(place),
        DeskCommand::SetRelayOnly(relay_only) => Command::SetRelayOnly(relay_only),
        DeskCommand::SignOut => Command::SignOut,
        DeskCommand::HangUp => Command::HangUp,
        DeskCommand::SendText(text) => Command::SendText(text),
        DeskCommand::SendKey(key) => Command::SendKey(key),
    }
}

/// The connection, in the kit's words.
#[must_use]
pub const fn link(connection: Connection) -> Link {
    match connection {
        Connection::Offline => Link::Offline,
        Connection::Connecting => Link::Connecting,
        Connection::Online => Link::Online,
        Connection::Retrying { in_s } => Link::Retrying { in_s },
    }
}

/// A failed sign-in, in the kit's words.
#[must_use]
pub fn problem(problem: SignInProblem) -> Problem {
    match problem {
        SignInProblem::WrongPassword => Problem::WrongPassword,
        SignInProblem::Forbidden => Problem::Forbidden,
        SignInProblem::Unreachable { detail } => Problem::Unreachable(detail),
        SignInProblem::NotTrusted { detail } => Problem::NotTrusted(detail),
        SignInProblem::Server { status } => Problem::Server(status),
    }
}

/// A call, in the kit's words; `ringing_since` is when the telephone began to ring.
#[must_use]
pub fn facts(call: &CallView, ringing_since: Option<Instant>, now: Instant) -> CallFacts {
    let passed = |since: Instant| now.saturating_duration_since(since);
    let from = || call.from.as_ref()?.parse().ok();
    CallFacts {
        state: call.state,
        connected: call.connected,
        telephone: Some(call.telephone),
        line: call.line,
        rings: ringing_since.map_or(0, |since| rings(passed(since))),
        direct: call.kind == Some(CallKind::PointToPoint),
        on_hold: call.on_hold,
        silent: call.silent.iter().find(|leg| **leg != call.leg).copied(),
        held_by: call.held.iter().find(|leg| **leg != call.leg).copied(),
        missing: call.missing.first().copied(),
        interpreter: call.interpreter.clone(),
        number: call.number.clone().or_else(from),
        queue_position: call.queue_position,
        session: call.started.map(passed).unwrap_or_default(),
        conversation: call.conversation_started.map(passed),
    }
}
