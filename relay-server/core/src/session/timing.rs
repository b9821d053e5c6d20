//! The session clock, and what time alone brings.

use std::time::Duration;

use vrs_domain::{CallKind, EndReason, Urgency, limit};

use super::Session;
use super::input::Input;
use super::state::State;
use crate::clock::Now;

/// A restart that seems to have taken longer is the wall clock's mistake.
const GONE_MAX: Duration = Duration::from_secs(3_600);

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long the called party may ring.
    pub ring_timeout: Duration,
    /// How long a conversation that lost its interpreter waits for another one.
    pub reassign_timeout: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            ring_timeout: limit::HEARING_RING_TIMEOUT,
            reassign_timeout: limit::REASSIGN_TIMEOUT,
        }
    }
}

/// Where the session clock stood at a moment of this process's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running {
    mono_ms: u64,
    session_ms: u64,
}

impl Running {
    pub(super) const fn from(now: Now, session_ms: u64) -> Self {
        Self {
            mono_ms: now.mono_ms,
            session_ms,
        }
    }
}

impl Session {
    /// Starts the clock of a replayed session: later than at its last event by as long as the
    /// server was up after it, until `alive`, and then gone by the wall clock, an hour at most.
    /// Gives what the session clock showed at `alive`; where nobody knows when the server was
    /// there last, that was at the last event.
    pub fn resume(&mut self, now: Now, alive: Option<Now>) -> u64 {
        let last = Now {
            utc_ms: self.last_at_ms,
            mono_ms: self.last_up_ms,
        };
        let later = alive.filter(|alive| alive.mono_ms >= last.mono_ms);
        let alive = later.unwrap_or(last);
        let lived_ms = alive.mono_ms.saturating_sub(last.mono_ms);
        let alive_ms = self.session_ms.saturating_add(lived_ms);
        let gone_ms = now.utc_ms.saturating_sub(alive.utc_ms);
        let now_ms = alive_ms.saturating_add(gone_ms.min(millis(GONE_MAX)));
        self.clock = Some(Running::from(now, now_ms));
        alive_ms
    }

    /// When [`Self::due`] has something to say, in milliseconds on the monotonic clock.
    /// May change with each event.
    #[must_use]
    pub fn poll_timeout(&self, rules: &Rules) -> Option<u64> {
        let clock = self.clock?;
        let (deadline, _) = self.deadline(rules)?;
        let wait_ms = deadline.saturating_sub(clock.session_ms);
        Some(clock.mono_ms.saturating_add(wait_ms))
    }

    /// The input that time alone brings: whoever was called for too long does not answer, and no
    /// other interpreter was found in time. Handle it like any other input.
    #[must_use]
    pub fn due(&self, now: Now, rules: &Rules) -> Option<Input> {
        let (deadline, input) = self.deadline(rules)?;
        (self.session_ms(now) >= deadline).then_some(input)
    }

    /// On the session clock, with what it brings.
    fn deadline(&self, rules: &Rules) -> Option<(u64, Input)> {
        let ring = match &self.state {
            State::HearingPartyDialing {
                since_ms, parties, ..
            } => {
                let reason = no_answer(parties.kind);
                let input = Input::CalledFailed { reason };
                Some((since_ms.saturating_add(millis(rules.ring_timeout)), input))
            }
            State::RequestReceived { .. }
            | State::InterpreterAssigned { .. }
            | State::RelayActive { .. }
            | State::CallEnded { .. } => None,
        };
        [ring, self.reassign_deadline(rules)]
            .into_iter()
            .flatten()
            .min_by_key(|(deadline, _)| *deadline)
    }

    /// Nobody gives up an emergency call.
    fn reassign_deadline(&self, rules: &Rules) -> Option<(u64, Input)> {
        let parties = match &self.state {
            State::InterpreterAssigned { parties }
            | State::HearingPartyDialing { parties, .. }
            | State::RelayActive { parties, .. } => parties,
            State::RequestReceived { .. } | State::CallEnded { .. } => return None,
        };
        if parties.urgency == Urgency::Emergency {
            return None;
        }
        let since_ms = parties.crew.lead_sought_since()?;
        let reason = EndReason::InterpreterLost;
        let deadline = since_ms.saturating_add(millis(rules.reassign_timeout));
        Some((deadline, Input::Refused { reason }))
    }

    /// The session clock at `now`: never less than at the last event, whatever is handed in.
    pub(super) fn session_ms(&self, now: Now) -> u64 {
        let running = self.clock.map_or(0, |clock| {
            let elapsed = now.mono_ms.saturating_sub(clock.mono_ms);
            clock.session_ms.saturating_add(elapsed)
        });
        running.max(self.session_ms)
    }
}

const fn no_answer(kind: CallKind) -> EndReason {
    match kind {
        CallKind::RelayOutbound => EndReason::HearingNoAnswer,
        CallKind::RelayInbound | CallKind::PointToPoint => EndReason::SubscriberNoAnswer,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
