//! How often a source is told that it must authenticate: a spoofed source is flooded otherwise
//! (attack list A46).
//!
//! A source hears a few refusals a second, and never more than half as many bytes again as came
//! in its name. A refusal that is too large for the first request is sent when the request is
//! repeated, as requests over UDP are.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// Refusals sent to one source in one second.
const PER_SOURCE_MAX: u32 = 20;
/// Sources counted in one window; further ones hear nothing.
const SOURCES_MAX: usize = 65_536;
/// What a source asked counts for so long, in seconds.
const WINDOW_S: u64 = 8;
/// Headers of IPv4 and UDP, which both ways carry.
const HEADERS_BYTES: u64 = 28;

#[derive(Debug, Default)]
struct Source {
    second: u64,
    refusals: u32,
    asked_bytes: u64,
    answered_bytes: u64,
}

/// Counts refusals by source; IPv6 sources count by /64.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    window: u64,
    sources: HashMap<IpAddr, Source>,
}

impl Limiter {
    /// Whether a refusal of `answer_bytes` to a request of `request_bytes` may be sent to `source`
    /// in this second.
    pub(super) fn allows(
        &mut self,
        source: IpAddr,
        second: u64,
        request_bytes: usize,
        answer_bytes: usize,
    ) -> bool {
        let window = second / WINDOW_S;
        if window != self.window {
            self.window = window;
            self.sources.clear();
        }
        let source = network(source);
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            return false;
        }
        let known = self.sources.entry(source).or_default();
        if known.second != second {
            known.second = second;
            known.refusals = 0;
        }
        known.asked_bytes += on_the_wire(request_bytes);
        let answered_bytes = known.answered_bytes + on_the_wire(answer_bytes);
        // At most one and a half times what came.
        let small = answered_bytes * 2 <= known.asked_bytes * 3;
        if !small || known.refusals >= PER_SOURCE_MAX {
            return false;
        }
        known.refusals += 1;
        known.answered_bytes = answered_bytes;
        true
    }
}

fn on_the_wire(payload_bytes: usize) -> u64 {
    u64::try_from(payload_bytes)
        .unwrap_or(u64::from(u32::MAX))
        .saturating_add(HEADERS_BYTES)
}

fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a46_a_source_hears_a_few_refusals_a_second() {
        let mut limiter = Limiter::default();
        let a: IpAddr = "2a00::1".parse().unwrap();
        let same_network: IpAddr = "2a00::2".parse().unwrap();
        let sent = (0..100).filter(|_| limiter.allows(a, 1, 28, 56)).count();
        assert_eq!(sent, 20);
        assert!(!limiter.allows(same_network, 1, 28, 56));
        assert!(limiter.allows("1.2.3.4".parse().unwrap(), 1, 28, 56));
        assert!(limiter.allows(a, 2, 28, 56));
    }

    #[test]
    fn a46_a_large_refusal_waits_for_the_request_to_be_repeated() {
        let mut limiter = Limiter::default();
        let a: IpAddr = "1.2.3.4".parse().unwrap();
        let heard: Vec<bool> = (0..6).map(|_| limiter.allows(a, 1, 20, 90)).collect();
        assert_eq!(heard, [false, true, false, true, true, false]);
        // What was asked long ago does not count.
        assert!(!limiter.allows(a, 1 + WINDOW_S, 20, 90));
    }

    #[test]
    fn a46_a_flood_of_sources_takes_no_more_memory() {
        let mut limiter = Limiter::default();
        for n in 0..=u32::try_from(SOURCES_MAX).unwrap() {
            limiter.allows(IpAddr::from(n.to_be_bytes()), 1, 28, 56);
        }
        assert_eq!(limiter.sources.len(), SOURCES_MAX);
    }
}
