//! The narrowest place of a link: one datagram after the other, and a queue that drops at its tail.

use std::collections::VecDeque;
use std::time::Instant;

use super::Datagram;
use crate::profile::Rate;

/// What goes over the wire for each datagram besides its bytes: the headers of IPv4 (20, RFC 791)
/// and UDP (8, RFC 768).
pub const HEADER_BYTES: usize = 28;

#[derive(Debug, Default)]
pub(super) struct Bottleneck {
    /// The first one is being sent.
    queue: VecDeque<Datagram>,
    /// When the first one is through.
    through_at: Option<Instant>,
    /// Of all in the queue but the first.
    waiting_bits: u64,
}

impl Bottleneck {
    /// Takes a datagram; whether there was room for it.
    pub(super) fn push(&mut self, now: Instant, rate: Option<Rate>, datagram: Datagram) -> bool {
        let Some(through_at) = self.through_at else {
            self.through_at = Some(now + rate_time(rate, datagram.bits()));
            self.queue.push_back(datagram);
            return true;
        };
        if let Some(rate) = rate {
            let first = through_at.saturating_duration_since(now);
            let wait = first + rate.time_for(self.waiting_bits);
            if wait.as_micros() > u128::from(rate.queue_ms) * 1000 {
                return false;
            }
        }
        self.waiting_bits += datagram.bits();
        self.queue.push_back(datagram);
        true
    }

    /// The next datagram that is through, and since when.
    pub(super) fn pop(&mut self, now: Instant, rate: Option<Rate>) -> Option<(Instant, Datagram)> {
        let through_at = self.through_at.filter(|at| *at <= now)?;
        let datagram = self.queue.pop_front()?;
        self.through_at = self.queue.front().map(|next| {
            self.waiting_bits = self.waiting_bits.saturating_sub(next.bits());
            // From when the last one was through and not from now: whoever asks late shall not
            // slow the link down.
            through_at + rate_time(rate, next.bits())
        });
        Some((through_at, datagram))
    }

    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.through_at
    }
}

fn rate_time(rate: Option<Rate>, bits: u64) -> std::time::Duration {
    rate.map(|rate| rate.time_for(bits)).unwrap_or_default()
}
