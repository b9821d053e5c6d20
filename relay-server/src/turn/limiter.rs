//! How often a source is told that it must authenticate: a spoofed source is flooded otherwise
//! (attack list A46).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// Refusals sent to one source in one second.
const PER_SOURCE_MAX: u32 = 20;
/// Sources counted in one second; further ones hear nothing.
const SOURCES_MAX: usize = 65_536;

/// Counts refusals by source; IPv6 sources count by /64.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    second: u64,
    counts: HashMap<IpAddr, u32>,
}

impl Limiter {
    /// Whether one more refusal may be sent to `source` in this second.
    pub(super) fn allows(&mut self, source: IpAddr, second: u64) -> bool {
        if second != self.second {
            self.second = second;
            self.counts.clear();
        }
        let source = network(source);
        if self.counts.len() >= SOURCES_MAX && !self.counts.contains_key(&source) {
            return false;
        }
        let count = self.counts.entry(source).or_default();
        *count = count.saturating_add(1);
        *count <= PER_SOURCE_MAX
    }
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
        let sent = (0..100).filter(|_| limiter.allows(a, 1)).count();
        assert_eq!(sent, 20);
        assert!(!limiter.allows(same_network, 1));
        assert!(limiter.allows("1.2.3.4".parse().unwrap(), 1));
        assert!(limiter.allows(a, 2));
    }
}
