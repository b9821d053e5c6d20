//! Non-INVITE server transaction (RFC 3261 section 17.2.2).

use super::{Reaction, TRANSACTION_TIMEOUT, Timer, Timers};
use std::sync::Arc;
use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed,
    Terminated,
}

/// Answers copies of a request with the response already given.
#[derive(Debug)]
pub struct Server {
    state: State,
    reliable: bool,
    response: Option<Arc<[u8]>>,
    timers: Timers,
}

impl Server {
    /// Starts the transaction. A user that does not answer within 64*T1 has lost it: the client
    /// has given up by then (RFC 4320).
    pub fn start(now: Instant, reliable: bool) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::Abandoned, now + TRANSACTION_TIMEOUT);
        Self {
            state: State::Trying,
            reliable,
            response: None,
            timers,
        }
    }

    /// A copy of the request came in.
    pub fn receive_copy(&self) -> Reaction {
        self.response
            .as_ref()
            .map_or_else(Reaction::nothing, Reaction::send)
    }

    /// The user answers; only the first final response is sent.
    pub fn respond(&mut self, now: Instant, status: u16, response: Vec<u8>) -> Reaction {
        if self.is_answered() {
            return Reaction::nothing();
        }
        let response: Arc<[u8]> = response.into();
        let reaction = Reaction::send(&response);
        self.response = Some(response);
        if status < 200 {
            self.state = State::Proceeding;
        } else {
            self.timers.clear();
            if self.reliable {
                self.state = State::Terminated;
            } else {
                self.state = State::Completed;
                self.timers.set(Timer::J, now + TRANSACTION_TIMEOUT);
            }
        }
        reaction
    }

    /// Whether a final response was given.
    pub fn is_answered(&self) -> bool {
        matches!(self.state, State::Completed | State::Terminated)
    }

    /// Fires one timer that is due.
    pub fn handle_timeout(&mut self, now: Instant) -> Reaction {
        if self.timers.expired(now).is_some() {
            self.terminate();
        }
        Reaction::nothing()
    }

    /// Ends at once: the flow is gone.
    pub fn terminate(&mut self) {
        self.timers.clear();
        self.state = State::Terminated;
    }

    /// When [`Server::handle_timeout`] is due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Whether it may be forgotten.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // an epoch for virtual time
mod tests {
    use super::*;

    #[test]
    fn copies_of_a_request_get_the_same_answer_for_32_s() {
        let start = Instant::now();
        let mut machine = Server::start(start, false);
        assert!(machine.receive_copy().transmit.is_none());
        machine.respond(start, 200, b"200".to_vec());
        assert_eq!(
            machine.receive_copy().transmit.as_deref(),
            Some(&b"200"[..])
        );
        assert!(
            machine
                .respond(start, 500, b"500".to_vec())
                .transmit
                .is_none()
        );
        machine.handle_timeout(start + TRANSACTION_TIMEOUT);
        assert!(machine.is_terminated());
    }

    #[test]
    fn a_user_that_never_answers_loses_the_transaction() {
        let start = Instant::now();
        let mut machine = Server::start(start, true);
        machine.handle_timeout(start + TRANSACTION_TIMEOUT);
        assert!(machine.is_terminated());
    }
}
