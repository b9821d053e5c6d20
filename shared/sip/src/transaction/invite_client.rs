//! INVITE client transaction (RFC 3261 section 17.1.1, RFC 6026 section 8.4).

use super::{Reaction, T1, TRANSACTION_TIMEOUT, Timer, Timers};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long copies of a 300-699 are absorbed on datagrams (at least 32 s).
const TIMER_D: Duration = Duration::from_secs(32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling { copy_after: Duration },
    Proceeding,
    Completed,
    Accepted,
    Terminated,
}

/// Sends an INVITE until it is answered, and acknowledges a refusal. A 2xx is acknowledged by
/// its user.
#[derive(Debug)]
pub struct InviteClient {
    state: State,
    reliable: bool,
    request: Arc<[u8]>,
    ack: Option<Arc<[u8]>>,
    timers: Timers,
}

impl InviteClient {
    /// Starts the transaction and sends the request.
    pub fn start(now: Instant, reliable: bool, request: Vec<u8>) -> (Self, Reaction) {
        let request: Arc<[u8]> = request.into();
        let mut timers = Timers::default();
        timers.set(Timer::B, now + TRANSACTION_TIMEOUT);
        if !reliable {
            timers.set(Timer::A, now + T1);
        }
        let reaction = Reaction::send(&request);
        (
            Self {
                state: State::Calling { copy_after: T1 },
                reliable,
                request,
                ack: None,
                timers,
            },
            reaction,
        )
    }

    /// A response with our branch came in. `ack` writes the ACK to a refusal.
    pub fn receive(
        &mut self,
        now: Instant,
        status: u16,
        ack: impl FnOnce() -> Vec<u8>,
    ) -> Reaction {
        match self.state {
            State::Calling { .. } | State::Proceeding => match status {
                ..200 => {
                    self.timers.clear();
                    self.state = State::Proceeding;
                    Reaction::deliver()
                }
                200..300 => {
                    self.timers.clear();
                    self.timers.set(Timer::M, now + TRANSACTION_TIMEOUT);
                    self.state = State::Accepted;
                    Reaction::deliver()
                }
                300.. => {
                    let ack: Arc<[u8]> = ack().into();
                    let reaction = Reaction {
                        transmit: Some(Arc::clone(&ack)),
                        deliver: true,
                        timed_out: false,
                    };
                    self.timers.clear();
                    if self.reliable {
                        self.state = State::Terminated;
                    } else {
                        self.timers.set(Timer::D, now + TIMER_D);
                        self.state = State::Completed;
                    }
                    self.ack = Some(ack);
                    reaction
                }
            },
            State::Completed if status >= 300 => self
                .ack
                .as_ref()
                .map_or_else(Reaction::nothing, Reaction::send),
            State::Accepted if (200..300).contains(&status) => Reaction::deliver(),
            State::Completed | State::Accepted | State::Terminated => Reaction::nothing(),
        }
    }

    /// Fires one timer that is due.
    pub fn handle_timeout(&mut self, now: Instant) -> Reaction {
        let Some(timer) = self.timers.expired(now) else {
            return Reaction::nothing();
        };
        match (timer, self.state) {
            (Timer::A, State::Calling { copy_after }) => {
                let copy_after = copy_after * 2;
                self.state = State::Calling { copy_after };
                self.timers.set(Timer::A, now + copy_after);
                Reaction::send(&self.request)
            }
            (Timer::B, State::Calling { .. }) => {
                self.terminate();
                Reaction::timed_out()
            }
            (Timer::D | Timer::M, _) => {
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

    /// When [`InviteClient::handle_timeout`] is due next.
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
    fn an_invite_on_datagrams_is_copied_with_doubling_gaps_and_times_out_at_32_s() {
        let start = Instant::now();
        let (mut machine, first) = InviteClient::start(start, false, b"INVITE".to_vec());
        assert!(first.transmit.is_some());
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
        assert_eq!(copies, [500, 1500, 3500, 7500, 15500, 31500]);
        assert!(machine.is_terminated());
    }

    #[test]
    fn a_refusal_is_acknowledged_again_for_each_copy_and_delivered_once() {
        let start = Instant::now();
        let (mut machine, _) = InviteClient::start(start, false, b"INVITE".to_vec());
        let first = machine.receive(start, 486, || b"ACK".to_vec());
        assert!(first.deliver && first.transmit.is_some());
        let copy = machine.receive(start, 486, || b"other".to_vec());
        assert!(!copy.deliver);
        assert_eq!(copy.transmit.as_deref(), Some(&b"ACK"[..]));
        assert_eq!(machine.poll_timeout(), Some(start + TIMER_D));
        machine.handle_timeout(start + TIMER_D);
        assert!(machine.is_terminated());
    }

    #[test]
    fn a_second_2xx_is_passed_on_while_accepted() {
        let start = Instant::now();
        let (mut machine, _) = InviteClient::start(start, true, b"INVITE".to_vec());
        assert!(machine.receive(start, 180, Vec::new).deliver);
        assert!(machine.receive(start, 200, Vec::new).deliver);
        assert!(machine.receive(start, 200, Vec::new).deliver);
        assert!(!machine.receive(start, 486, Vec::new).deliver);
    }

    #[test]
    fn on_a_reliable_flow_nothing_is_copied_and_a_refusal_ends_it() {
        let start = Instant::now();
        let (mut machine, _) = InviteClient::start(start, true, b"INVITE".to_vec());
        assert_eq!(machine.poll_timeout(), Some(start + TRANSACTION_TIMEOUT));
        machine.receive(start, 603, || b"ACK".to_vec());
        assert!(machine.is_terminated());
    }
}
