//! Which addresses a relay may send to and hear from (attack list A44, ASVS 17.1.1).
//!
//! A TURN server is a hole in a firewall: without this list anybody with a credential reaches
//! everything that the server reaches.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The rule for peers. Whether a peer is another client's relay is known to the machine alone.
#[derive(Debug, Clone, Default)]
pub struct PeerPolicy {
    /// Test-only: everything but nonsense is allowed.
    pub allow_loopback: bool,
    /// Addresses of this machine, public ones above all: no relay reaches them.
    pub own: Vec<IpAddr>,
    /// Exactly these are allowed in spite of everything else: the server's own media port.
    pub exempt: Vec<SocketAddr>,
}

impl PeerPolicy {
    /// Whether a relay may exchange datagrams with any port of an address.
    #[must_use]
    pub fn allows_some_port(&self, ip: IpAddr) -> bool {
        let is_exempt = |exempt: &SocketAddr| exempt.ip().to_canonical() == ip.to_canonical();
        self.exempt.iter().any(is_exempt) || self.allows(SocketAddr::new(ip, 9))
    }

    /// Whether a relay may exchange datagrams with `peer`.
    #[must_use]
    pub fn allows(&self, peer: SocketAddr) -> bool {
        let ip = peer.ip().to_canonical();
        if peer.port() == 0 || ip.is_unspecified() || ip.is_multicast() {
            return false;
        }
        let is = |other: &IpAddr| other.to_canonical() == ip;
        if self
            .exempt
            .iter()
            .any(|e| is(&e.ip()) && e.port() == peer.port())
            || self.allow_loopback
        {
            return true;
        }
        let stands_for = stands_for(ip).unwrap_or(ip);
        let own = |other: &IpAddr| is(other) || other.to_canonical() == stands_for;
        is_public(ip) && !self.own.iter().any(own)
    }
}

/// Whether an address is one that a public host may be at. IPv4 addresses that are written inside
/// IPv6 ones (mapped, NAT64, 6to4, Teredo, compatible) are judged by what they stand for.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match a {
        // "This network", private, loopback.
        0 | 10 | 127 => true,
        // Shared address space of carriers (RFC 6598).
        100 => (64..128).contains(&b),
        169 => b == 254,
        172 => (16..32).contains(&b),
        // IETF assignments, documentation, 6to4 anycast, private.
        192 => matches!((b, c), (0, 0 | 2) | (88, 99) | (168, _)),
        // Benchmarks, documentation.
        198 => matches!(b, 18 | 19) || (b, c) == (51, 100),
        203 => (b, c) == (0, 113),
        // Multicast, reserved, broadcast.
        224..=255 => true,
        1..=9
        | 11..=99
        | 101..=126
        | 128..=168
        | 170..=171
        | 173..=191
        | 193..=197
        | 199..=202
        | 204..=223 => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(inner) = stands_for(IpAddr::V6(ip)) {
        return is_public(inner);
    }
    match ip.segments() {
        // For local use beside the well-known NAT64 prefix.
        [0x64, 0xff9b, 1, ..] => false,
        // Teredo and other protocol assignments, ORCHID, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Only 2000::/3 is global unicast; this leaves out ::, ::1, fc00::/7, fe80::/10, ff00::/8.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// The IPv4 address that a translator would send to, for an IPv6 one that carries one.
fn stands_for(ip: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(ip) = ip else {
        return None;
    };
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        // 64:ff9b::/96, the well-known NAT64 prefix.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        // 6to4 carries its IPv4 address behind the prefix.
        [0x2002, high, low, ..] => Some(v4(high, low)),
        [..] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().unwrap(), 4000)
    }

    #[test]
    fn a44_no_relay_reaches_private_loopback_or_special_addresses() {
        let policy = PeerPolicy {
            own: vec!["5.6.7.8".parse().unwrap(), "2600::5".parse().unwrap()],
            ..PeerPolicy::default()
        };
        for ip in [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "0.1.2.3",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:0.0.0.0",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "10.0.0.1",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "198.18.0.1",
            "198.19.255.255",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "240.0.0.1",
            "ff02::1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "5.6.7.8",
            "::ffff:5.6.7.8",
            "64:ff9b::506:708",
            "2002:506:708::1",
            "2600::5",
            "100:64::1",
        ] {
            assert!(!policy.allows(at(ip)), "{ip}");
        }
    }

    #[test]
    fn public_addresses_are_reached() {
        let policy = PeerPolicy::default();
        for ip in [
            "8.8.8.8",
            "100.63.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2a00::1",
            "2600::1",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(policy.allows(at(ip)), "{ip}");
        }
        assert!(!policy.allows("8.8.8.8:0".parse().unwrap()));
    }

    #[test]
    fn the_servers_own_media_port_is_reached_and_nothing_beside_it() {
        let media: SocketAddr = "10.0.0.5:7000".parse().unwrap();
        let policy = PeerPolicy {
            own: vec![media.ip()],
            exempt: vec![media],
            allow_loopback: false,
        };
        assert!(policy.allows(media));
        assert!(policy.allows("[::ffff:10.0.0.5]:7000".parse().unwrap()));
        assert!(!policy.allows("10.0.0.5:7001".parse().unwrap()));
        assert!(!policy.allows("10.0.0.6:7000".parse().unwrap()));
        assert!(policy.allows_some_port(media.ip()));
        assert!(!policy.allows_some_port("10.0.0.6".parse().unwrap()));
        assert!(policy.allows_some_port("8.8.8.8".parse().unwrap()));
    }
}
