//! Non-INVITE client transaction (RFC 3261 section 17.1.2).

use super::{Reaction, T1, T2, T4, TRANSACTION_TIMEOUT, Timer, Timers};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying { copy_after: Duration },
    Proceeding,
    Completed,
    Terminated,
}

/// Sends a request until its final response.
#[derive(Debug)]
pub struct Client {
    state: State,
    reliable: bool,
    request: Arc<[u8]>,
    timers: Timers,
}

impl Client {
    /// Starts the transaction and sends the request.
    pub fn start(now: Instant, reliable: bool, request: Vec<u8>) -> (Self, Reaction) {
        let request: Arc<[u8]> = request.into();
        let mut timers = Timers::default();
        timers.set(Timer::F, now + TRANSACTION_TIMEOUT);
        if !reliable {
            timers.set(Timer::E, now + T1);
        }
        let reaction = Reaction::send(&request);
        (
            Self {
                state: State::Trying { copy_after: T1 },
                reliable,
                request,
                timers,
            },
            reaction,
        )
    }

    /// A response with our branch came in.
    pub fn receive(&mut self, now: Instant, status: u16) -> Reaction {
        match self.state {
            State::Trying { .. } | State::Proceeding if status < 200 => {
                if !self.reliable && self.state != State::Proceeding {
                    self.timers.set(Timer::E, now + T2);
                }
                self.state = State::Proceeding;
                Reaction::deliver()
            }
            State::Trying { .. } | State::Proceeding => {
                self.timers.clear();
                if self.reliable {
                    self.state = State::Terminated;
                } else {
                    self.state = State::Completed;
                    self.timers.set(Timer::K, now + T4);
                }
                Reaction::deliver()
            }
            State::Completed | State::Terminated => Reaction::nothing(),
        }
    }

    /// Fires one timer that is due.
    pub fn handle_timeout(&mut self, now: Instant) -> Reaction {
        let Some(timer) = self.timers.expired(now) else {
            return Reaction::nothing();
        };
        match (timer, self.state) {
            (Timer::E, State::Trying { copy_after }) => {
                let copy_after = (copy_after * 2).min(T2);
                self.state = State::Trying { copy_after };
                self.timers.set(Timer::E, now + copy_after);
                Reaction::send(&self.request)
            }
            (Timer::E, State::Proceeding) => {
                self.timers.set(Timer::E, now + T2);
                Reaction::send(&self.request)
            }
            (Timer::F, _) => {
                self.terminate();
                Reaction::timed_out()
            }
            (Timer::K, _) => {
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

    /// When [`Client::handle_timeout`] is due next.
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
    fn a_request_on_datagrams_is_copied_up_to_t2_and_times_out_at_32_s() {
        let start = Instant::now();
        let (mut machine, _) = Client::start(start, false, b"BYE".to_vec());
        let mut copies = Vec::new();
        while let Some(at) = machine.poll_timeout() {
            let reaction = machine.handle_timeout(at);
            if reaction.transmit.is_some() {
                copies.push((at - start).as_millis());
            }
            if reaction.timed_out {
                assert_eq!(at - start, TRANSACTION_TIMEOUT);
            }
        }
        assert_eq!(
            copies,
            [
                500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500
            ]
        );
    }

    #[test]
    fn after_a_provisional_copies_come_every_t2() {
        let start = Instant::now();
        let (mut machine, _) = Client::start(start, false, b"INFO".to_vec());
        assert!(machine.receive(start, 100).deliver);
        assert_eq!(machine.poll_timeout(), Some(start + T2));
        assert!(machine.handle_timeout(start + T2).transmit.is_some());
        assert!(machine.receive(start + T2, 200).deliver);
        assert!(!machine.receive(start + T2, 200).deliver);
        machine.handle_timeout(start + T2 + T4);
        assert!(machine.is_terminated());
    }
}
