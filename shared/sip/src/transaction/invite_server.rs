//! INVITE server transaction (RFC 3261 section 17.2.1, RFC 6026 section 8.5).

use super::{Reaction, T1, T2, T4, TRANSACTION_TIMEOUT, Timer, Timers};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proceeding,
    Completed { copy_after: Duration },
    Confirmed,
    Accepted,
    Terminated,
}

/// Answers copies of an INVITE, and repeats a refusal until its ACK. A 2xx is repeated by its
/// user.
#[derive(Debug)]
pub struct InviteServer {
    state: State,
    reliable: bool,
    response: Arc<[u8]>,
    timers: Timers,
}

impl InviteServer {
    /// Starts the transaction by sending `trying`, a 100.
    pub fn start(reliable: bool, trying: Vec<u8>) -> (Self, Reaction) {
        let response: Arc<[u8]> = trying.into();
        let reaction = Reaction::send(&response);
        (
            Self {
                state: State::Proceeding,
                reliable,
                response,
                timers: Timers::default(),
            },
            reaction,
        )
    }

    /// A copy of the INVITE came in.
    pub fn receive_copy(&self) -> Reaction {
        match self.state {
            State::Proceeding | State::Completed { .. } => Reaction::send(&self.response),
            State::Confirmed | State::Accepted | State::Terminated => Reaction::nothing(),
        }
    }

    /// An ACK with the INVITE's branch came in.
    pub fn receive_ack(&mut self, now: Instant) -> Reaction {
        match self.state {
            State::Completed { .. } => {
                self.timers.clear();
                if self.reliable {
                    self.state = State::Terminated;
                } else {
                    self.state = State::Confirmed;
                    self.timers.set(Timer::I, now + T4);
                }
                Reaction::nothing()
            }
            State::Accepted => Reaction::deliver(),
            State::Proceeding | State::Confirmed | State::Terminated => Reaction::nothing(),
        }
    }

    /// The user answers. After a final response further ones are not sent, except 2xx repeated
    /// while Accepted.
    pub fn respond(&mut self, now: Instant, status: u16, response: Vec<u8>) -> Reaction {
        match self.state {
            State::Proceeding => {}
            State::Accepted if (200..300).contains(&status) => {
                return Reaction::send(&response.into());
            }
            State::Accepted | State::Completed { .. } | State::Confirmed | State::Terminated => {
                return Reaction::nothing();
            }
        }
        self.response = response.into();
        if status >= 300 {
            self.state = State::Completed { copy_after: T1 };
            self.timers.set(Timer::H, now + TRANSACTION_TIMEOUT);
            if !self.reliable {
                self.timers.set(Timer::G, now + T1);
            }
        } else if status >= 200 {
            self.state = State::Accepted;
            self.timers.set(Timer::L, now + TRANSACTION_TIMEOUT);
        }
        Reaction::send(&self.response)
    }

    /// Whether a final response was given.
    pub fn is_answered(&self) -> bool {
        self.state != State::Proceeding
    }

    /// Fires one timer that is due.
    pub fn handle_timeout(&mut self, now: Instant) -> Reaction {
        let Some(timer) = self.timers.expired(now) else {
            return Reaction::nothing();
        };
        match (timer, self.state) {
            (Timer::G, State::Completed { copy_after }) => {
                let copy_after = (copy_after * 2).min(T2);
                self.state = State::Completed { copy_after };
                self.timers.set(Timer::G, now + copy_after);
                Reaction::send(&self.response)
            }
            (Timer::H, _) => {
                self.terminate();
                Reaction::timed_out()
            }
            (Timer::I | Timer::L, _) => {
                self.terminate();
                Reaction::nothing()
            }
            _ => Reaction::nothing(),
        }
    }

    /// Ends at once: the flow is gone.
    pub fn terminate(&mut self) {
        self.timers.clear();
        self.state = State::Terminated;
    }

    /// When [`InviteServer::handle_timeout`] is due next.
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
    fn a_refusal_on_datagrams_is_repeated_until_its_ack() {
        let start = Instant::now();
        let (mut machine, _) = InviteServer::start(false, b"100".to_vec());
        assert_eq!(
            machine.receive_copy().transmit.as_deref(),
            Some(&b"100"[..])
        );
        machine.respond(start, 486, b"486".to_vec());
        let mut copies = Vec::new();
        let mut now = start;
        while copies.len() < 5 {
            now = machine.poll_timeout().unwrap();
            if machine.handle_timeout(now).transmit.is_some() {
                copies.push((now - start).as_millis());
            }
        }
        assert_eq!(copies, [500, 1500, 3500, 7500, 11500]);
        machine.receive_ack(now);
        assert_eq!(machine.poll_timeout(), Some(now + T4));
        assert!(machine.receive_copy().transmit.is_none());
        machine.handle_timeout(now + T4);
        assert!(machine.is_terminated());
    }

    #[test]
    fn a_refusal_that_is_never_acknowledged_ends_after_32_s() {
        let start = Instant::now();
        let (mut machine, _) = InviteServer::start(true, b"100".to_vec());
        machine.respond(start, 486, b"486".to_vec());
        assert!(
            machine
                .handle_timeout(start + TRANSACTION_TIMEOUT)
                .timed_out
        );
        assert!(machine.is_terminated());
    }

    #[test]
    fn copies_of_an_accepted_invite_are_absorbed() {
        let start = Instant::now();
        let (mut machine, _) = InviteServer::start(false, b"100".to_vec());
        machine.respond(start, 200, b"200".to_vec());
        assert_eq!(machine.receive_copy(), Reaction::nothing());
        assert!(
            machine
                .respond(start, 486, b"486".to_vec())
                .transmit
                .is_none()
        );
        assert!(machine.receive_ack(start).deliver);
        machine.handle_timeout(start + TRANSACTION_TIMEOUT);
        assert!(machine.is_terminated());
    }
}
