//! Rules about addresses: what is private, what collides, what may be unencrypted.

use std::net::{IpAddr, SocketAddr};

use super::problem::Problem;

/// Whether an address never leaves the machine or the operator's own network: loopback,
/// RFC 1918, RFC 4193. IPv4 inside IPv6 counts as what it stands for.
pub(super) fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

/// TCP and UDP ports are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    Tcp,
    Udp,
}

/// One address that the server would open.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) carrier: Carrier,
    pub(super) address: SocketAddr,
}

impl Listener {
    fn collides(&self, other: &Self) -> bool {
        let (a, b) = (self.address, other.address);
        let same_host = a.ip() == b.ip()
            || (a.is_ipv4() == b.is_ipv4() && (a.ip().is_unspecified() || b.ip().is_unspecified()));
        a.port() != 0 && a.port() == b.port() && self.carrier == other.carrier && same_host
    }
}

/// Reports every address that is used twice, at its second place.
pub(super) fn report_collisions(listeners: &[Listener], problems: &mut Vec<Problem>) {
    for (index, later) in listeners.iter().enumerate() {
        let Some(earlier) = listeners[..index].iter().find(|l| later.collides(l)) else {
            continue;
        };
        problems.push(Problem {
            line: Some(later.line),
            key: later.key.clone(),
            message: format!(
                "{} is already used by {} (line {})",
                later.address, earlier.key, earlier.line
            ),
            hint: "give each listener a port of its own".into(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_ones_own_network_are_local() {
        for yes in [
            "127.0.0.1",
            "127.255.255.254",
            "::1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.9.9",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_local(yes.parse().unwrap()), "{yes}");
        }
        for no in [
            "0.0.0.0",
            "::",
            "8.8.8.8",
            "172.32.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "192.0.2.1",
            "fe80::1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_local(no.parse().unwrap()), "{no}");
        }
    }
}
