//! One Binding request (RFC 8489): which address a STUN server sees our socket at. Pure.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use turn_client_proto::types::stun::attribute::XorMappedAddress;
use turn_client_proto::types::stun::message::{BINDING, Message, MessageWriteVec, TransactionId};
use turn_client_proto::types::stun::prelude::{MessageWrite, MessageWriteExt};

/// Sent again after this time, and after twice as long the next time (RFC 8489 section 6.2.1).
const RETRY: Duration = Duration::from_millis(250);
/// Sent so many times.
const TRIES: u32 = 3;

/// A question to a STUN server, until it is answered or given up.
pub(crate) struct Probe {
    server: SocketAddr,
    id: TransactionId,
    request: Vec<u8>,
    sent: u32,
    due: Option<Instant>,
    seen: Option<SocketAddr>,
}

impl Probe {
    pub(crate) fn new(now: Instant, server: SocketAddr) -> Self {
        let request = Message::builder_request(BINDING, MessageWriteVec::new());
        let id = request.transaction_id();
        Self {
            server,
            id,
            request: request.finish(),
            sent: 0,
            due: Some(now),
            seen: None,
        }
    }

    /// What is to be sent now, and where.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<(SocketAddr, &[u8])> {
        self.due.filter(|due| *due <= now)?;
        if self.sent == TRIES {
            self.due = None;
            return None;
        }
        self.due = Some(now + RETRY * 2_u32.pow(self.sent));
        self.sent += 1;
        Some((self.server, &self.request))
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Takes a datagram from `source`, if it is the answer.
    pub(crate) fn handle(&mut self, source: SocketAddr, bytes: &[u8]) -> bool {
        let is_message = bytes.first().is_some_and(|first| *first < 4);
        if source != self.server || !is_message {
            return false;
        }
        let Ok(message) = Message::from_bytes(bytes) else {
            return false;
        };
        if message.transaction_id() != self.id || !message.is_response() {
            return false;
        }
        let mapped = message.attribute::<XorMappedAddress>().ok();
        self.seen = mapped.map(|mapped| mapped.addr(self.id));
        self.due = None;
        true
    }

    /// The address, once answered.
    pub(crate) fn seen(&self) -> Option<SocketAddr> {
        self.seen
    }

    /// Answered, or given up.
    pub(crate) fn is_over(&self) -> bool {
        self.due.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 7], 3478))
    }

    fn answer(request: &[u8], seen: SocketAddr) -> Vec<u8> {
        let request = Message::from_bytes(request).unwrap();
        let mapped = XorMappedAddress::new(seen, request.transaction_id());
        let mut answer = Message::builder_success(&request, MessageWriteVec::new());
        answer.add_attribute(&mapped).unwrap();
        answer.finish()
    }

    #[test]
    fn the_answer_of_the_server_is_taken_and_no_other() {
        let now = Instant::now();
        let mut probe = Probe::new(now, server());
        let request = probe.poll(now).unwrap().1.to_vec();
        assert!(probe.poll(now).is_none());
        let seen = SocketAddr::from(([203, 0, 113, 5], 7000));
        let mut other = Probe::new(now, server());
        let others = answer(other.poll(now).unwrap().1, seen);
        let right = answer(&request, seen);
        assert!(!probe.handle(server(), &others));
        assert!(!probe.handle(SocketAddr::from(([192, 0, 2, 8], 3478)), &right));
        assert!(!probe.handle(server(), &request));
        assert!(!probe.handle(server(), &right[..10]));
        assert!(!probe.is_over());
        assert!(probe.handle(server(), &right));
        assert_eq!(probe.seen(), Some(seen));
        assert!(probe.is_over());
    }

    #[test]
    fn a_server_that_is_silent_is_asked_three_times_and_given_up() {
        let mut now = Instant::now();
        let mut probe = Probe::new(now, server());
        let mut asked = 0;
        while let Some(due) = probe.poll_timeout() {
            now = due;
            asked += u32::from(probe.poll(now).is_some());
        }
        assert_eq!(asked, TRIES);
        assert!(probe.is_over() && probe.seen().is_none());
    }
}
