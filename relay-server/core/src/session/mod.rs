//! One call, from request to end.
//!
//! ```text
//!  place ──► request_received ──► interpreter_assigned ──► hearing_party_dialing ──► relay_active
//!                │     ▲  │               │                        │     ▲  │           │   ▲  │
//!                │     └──┘               │                        │     └──┘           │   └──┘
//!                │  invited, declined     │                        │     rings          │  relief,
//!                └────────────────────────┴───────► call_ended ◄───┴────────────────────┘  team …
//! ```
//!
//! Three kinds of call go the same way. Outbound, a Deaf caller calls a telephone; inbound, a
//! telephone calls a subscriber, whose devices then ring; between subscribers there is no
//! interpreter and the second state is skipped ([`vrs_domain::CallKind`]). The happy path:
//! [`Session::place`] → `Matched` → `InvitationAccepted` → `DialStarted` → `CalledRang` →
//! `CalledAnswered` → `HungUp`.
//!
//! A party that hangs up or is lost ends the call, save for two: an interpreter who is lost is
//! replaced while the others wait, and in an emergency call a lost party is called back (F21).
//! The generated picture and the whole table are in `docs/flows/session.md`.
//!
//! What it is: [`table`] decides, the fold in [`replay`] changes the state, [`Action`] is what
//! follows, [`SessionView`] is what others see.
//! What it is not: it sends nothing, has no timer of its own and knows no SIP. One driver owns
//! each [`Session`]; it hands in both clocks with each input.
//! Start reading at [`Input`], then [`table::transition`].
//!
//! # The driver's loop
//! ```text
//! step = session.propose(now, &input)?      nothing has changed yet
//! journal.append(&step.event)               fsynced
//! session.apply(&step.event)                now it has
//! carry out step.actions, publish session.view(now)
//! ```
//! [`Session::handle`] is propose and apply in one, for those who write no journal.

mod action;
mod apply;
mod crew;
mod describe;
mod event;
mod input;
mod specimens;
mod state;
pub mod table;
mod talk;
mod timing;
mod view;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use vrs_domain::{Leg, SessionId};

pub use action::Action;
pub use apply::replay;
pub use crew::{Crew, Interpreter, Place};
pub use describe::describe;
pub use event::{CallEvent, Dialog, EventKind, Placed};
pub use input::{Decline, Input};
pub use state::{Parties, State};
pub use table::{Refusal, Why};
pub use talk::{Stretch, Talk};
pub use timing::Rules;
pub use view::SessionView;

use crate::clock::Now;
use timing::Running;

/// A permitted change: what to record, then what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Goes into the journal first.
    pub event: CallEvent,
    /// Then this is done, in order.
    pub actions: Vec<Action>,
}

/// Events that cannot be the history of a session: the journal is damaged, or not from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// There is no event.
    #[error("no events")]
    Empty,
    /// The first event is not `call_placed` with sequence 0 and session clock 0.
    #[error("a session begins with call_placed, sequence 0, session clock 0")]
    NotPlaced,
    /// An event of another session.
    #[error("event {sequence} belongs to another session")]
    OtherSession {
        /// Its sequence.
        sequence: u64,
    },
    /// An event is missing or came twice.
    #[error("event {expected} expected, {found} found")]
    Gap {
        /// The sequence that should have come.
        expected: u64,
        /// The sequence that came.
        found: u64,
    },
    /// The session clock went backwards.
    #[error("the session clock goes backwards at event {sequence}")]
    ClockBackwards {
        /// The event's sequence.
        sequence: u64,
    },
    /// The event cannot follow the state before it.
    #[error("event {sequence} ({kind}) cannot follow")]
    Misfit {
        /// The event's sequence.
        sequence: u64,
        /// The event's name.
        kind: &'static str,
    },
}

/// When things happened for the first time, in milliseconds on the session clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Milestones {
    /// An interpreter answered: their media was up (F1).
    pub interpreter_answered_ms: Option<u64>,
    /// The called party answered (F33).
    pub called_answered_ms: Option<u64>,
    /// Where the called party is (F35).
    pub called_address: Option<IpAddr>,
}

impl Milestones {
    fn note(&mut self, event: &CallEvent) {
        let first = |mark: &mut Option<u64>| {
            if mark.is_none() {
                *mark = Some(event.session_ms);
            }
        };
        match &event.kind {
            EventKind::LegConnected {
                leg: Leg::Interpreter,
            } => first(&mut self.interpreter_answered_ms),
            EventKind::DialingStarted { address } => self.called_address = *address,
            EventKind::CalledAnswered { address } => {
                first(&mut self.called_answered_ms);
                if address.is_some() {
                    self.called_address = *address;
                }
            }
            EventKind::CallPlaced(_)
            | EventKind::InterpreterInvited { .. }
            | EventKind::InvitationDeclined { .. }
            | EventKind::InterpreterAssigned { .. }
            | EventKind::InterpreterLost { .. }
            | EventKind::InterpreterRelieved { .. }
            | EventKind::SeatAsked { .. }
            | EventKind::SeatLeft { .. }
            | EventKind::LegConnected { .. }
            | EventKind::LegBound { .. }
            | EventKind::LegDropped { .. }
            | EventKind::LegStillMissing { .. }
            | EventKind::LegRestored { .. }
            | EventKind::HoldBegan { .. }
            | EventKind::HoldEnded { .. }
            | EventKind::DialingFailed { .. }
            | EventKind::CalledRang
            | EventKind::Resumed { .. }
            | EventKind::Ended { .. } => {}
        }
    }
}

/// One call.
///
/// Two sessions are equal when the same events made them; where this process's monotonic clock
/// stands is not part of that.
#[derive(Debug, Clone)]
pub struct Session {
    id: SessionId,
    placed: Placed,
    placed_at_ms: u64,
    state: State,
    sequence: u64,
    session_ms: u64,
    /// Of the last event, milliseconds UTC.
    last_at_ms: u64,
    /// Of the last event, for how long the server had been up.
    last_up_ms: u64,
    milestones: Milestones,
    clock: Option<Running>,
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.placed == other.placed
            && self.placed_at_ms == other.placed_at_ms
            && self.state == other.state
            && self.sequence == other.sequence
            && self.session_ms == other.session_ms
            && self.last_at_ms == other.last_at_ms
            && self.last_up_ms == other.last_up_ms
            && self.milestones == other.milestones
    }
}

impl Eq for Session {}

impl Session {
    /// Begins a session: the caller's request was taken. The session clock starts here (F32).
    #[must_use]
    pub fn place(id: SessionId, now: Now, placed: Placed) -> (Self, Step) {
        let session = Self {
            id,
            placed: placed.clone(),
            placed_at_ms: now.utc_ms,
            state: apply::initial(&placed),
            sequence: 0,
            session_ms: 0,
            last_at_ms: now.utc_ms,
            last_up_ms: now.mono_ms,
            milestones: Milestones::default(),
            clock: Some(Running::from(now, 0)),
        };
        let kind = EventKind::CallPlaced(placed);
        let actions = action::actions(&session.state, &kind, &session.placed);
        let event = CallEvent {
            session: id,
            sequence: 0,
            at_ms: now.utc_ms,
            session_ms: 0,
            up_ms: now.mono_ms,
            kind,
        };
        (session, Step { event, actions })
    }

    /// What `input` would do, without doing it: for a driver that writes the event first.
    ///
    /// # Errors
    /// [`Refusal`] when the table has no such transition.
    pub fn propose(&self, now: Now, input: &Input) -> Result<Step, Refusal> {
        let session_ms = self.session_ms(now);
        let transition = table::transition(&self.state, input, session_ms)?;
        let actions = action::actions(&self.state, &transition.event, &self.placed);
        let event = CallEvent {
            session: self.id,
            sequence: self.sequence.saturating_add(1),
            at_ms: now.utc_ms,
            session_ms,
            up_ms: now.mono_ms,
            kind: transition.event,
        };
        Ok(Step { event, actions })
    }

    /// Takes an input: proposes and applies in one.
    ///
    /// # Errors
    /// [`Refusal`] when the table has no such transition; the session is as it was.
    pub fn handle(&mut self, now: Now, input: &Input) -> Result<Step, Refusal> {
        let step = self.propose(now, input)?;
        self.apply(&step.event).map_err(|_misfit| Refusal {
            state: self.state.name(),
            input: input.word(),
            why: Why::EventDoesNotFit,
        })?;
        Ok(step)
    }

    /// The first event of a replay; the clock stands still until [`Self::resume`].
    ///
    /// # Errors
    /// [`ReplayError::NotPlaced`] when the event does not begin a session.
    pub fn begin(event: &CallEvent) -> Result<Self, ReplayError> {
        let EventKind::CallPlaced(placed) = &event.kind else {
            return Err(ReplayError::NotPlaced);
        };
        if event.sequence != 0 || event.session_ms != 0 {
            return Err(ReplayError::NotPlaced);
        }
        Ok(Self {
            id: event.session,
            placed: placed.clone(),
            placed_at_ms: event.at_ms,
            state: apply::initial(placed),
            sequence: 0,
            session_ms: 0,
            last_at_ms: event.at_ms,
            last_up_ms: event.up_ms,
            milestones: Milestones::default(),
            clock: None,
        })
    }

    /// Applies the next event: the step just proposed, or the next one from a journal.
    ///
    /// # Errors
    /// [`ReplayError`] when the event cannot be the next one; the session is as it was.
    pub fn apply(&mut self, event: &CallEvent) -> Result<(), ReplayError> {
        let sequence = event.sequence;
        if event.session != self.id {
            return Err(ReplayError::OtherSession { sequence });
        }
        let expected = self.sequence.saturating_add(1);
        if sequence != expected {
            return Err(ReplayError::Gap {
                expected,
                found: sequence,
            });
        }
        if event.session_ms < self.session_ms {
            return Err(ReplayError::ClockBackwards { sequence });
        }
        let kind = event.kind.word();
        self.state = apply::apply(&self.state, &event.kind, event.session_ms)
            .map_err(|_misfit| ReplayError::Misfit { sequence, kind })?;
        self.sequence = sequence;
        self.session_ms = event.session_ms;
        self.last_at_ms = event.at_ms;
        self.last_up_ms = event.up_ms;
        self.milestones.note(event);
        Ok(())
    }

    /// A snapshot for everybody else.
    #[must_use]
    pub fn view(&self, now: Now) -> SessionView {
        let over = self.is_over();
        let session_ms = if over {
            self.session_ms
        } else {
            self.session_ms(now)
        };
        let ended = if let State::CallEnded { reason, .. } = self.state {
            Some(reason)
        } else {
            None
        };
        SessionView {
            session: self.id,
            state: self.state.name(),
            telephone: self.state.telephone(),
            interpreter: self.state.interpreter().map(|i| i.ca.clone()),
            epoch: self.state.interpreter().map(|i| i.epoch),
            kind: self.placed.kind,
            urgency: self.placed.urgency,
            caller: self.placed.caller.clone(),
            number: self.placed.number.clone(),
            languages: self.placed.languages,
            placed_at_ms: self.placed_at_ms,
            session_ms,
            conversation_ms: self.state.conversation_ms(session_ms),
            sequence: self.sequence,
            ended,
        }
    }

    /// Whose this is.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// What the caller asked for.
    #[must_use]
    pub const fn placed(&self) -> &Placed {
        &self.placed
    }

    /// When it was placed, in milliseconds UTC.
    #[must_use]
    pub const fn placed_at_ms(&self) -> u64 {
        self.placed_at_ms
    }

    /// When things happened for the first time.
    #[must_use]
    pub const fn milestones(&self) -> &Milestones {
        &self.milestones
    }

    /// The sequence of the last event.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether the session has ended; it will take no further input.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::CallEnded { .. })
    }
}
