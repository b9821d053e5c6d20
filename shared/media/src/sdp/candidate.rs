//! `a=candidate` (RFC 8839 section 5.1).

use std::net::{IpAddr, SocketAddr};

/// Where a candidate's address comes from (RFC 8445 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CandidateKind {
    /// An own interface.
    Host,
    /// Seen by a STUN server.
    ServerReflexive,
    /// Seen by the peer.
    PeerReflexive,
    /// On a TURN server.
    Relay,
}

impl CandidateKind {
    /// The word after `typ`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relay => "relay",
        }
    }
}

/// One candidate for RTP over UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Groups candidates of the same base.
    pub foundation: String,
    /// 1 is RTP, 2 is RTCP.
    pub component: u16,
    /// Higher is tried first.
    pub priority: u32,
    /// Where to send.
    pub address: SocketAddr,
    /// Where the address comes from.
    pub kind: CandidateKind,
    /// Of ours that are not host candidates: which of our addresses is behind it; the unspecified
    /// one says nothing about that. Of the peer's it is not read.
    pub related: Option<SocketAddr>,
}

/// Type preferences (RFC 8445 section 5.1.2.2).
const fn type_preference(kind: CandidateKind) -> u32 {
    match kind {
        CandidateKind::Host => 126,
        CandidateKind::PeerReflexive => 110,
        CandidateKind::ServerReflexive => 100,
        CandidateKind::Relay => 0,
    }
}

impl Candidate {
    /// A host candidate; `index` 0 is the most wanted (RFC 8445 section 5.1.2.1).
    #[must_use]
    pub fn host(address: SocketAddr, index: usize) -> Self {
        Self::own(CandidateKind::Host, address, None, index)
    }

    /// An address that a server sees us at or lends us; `base` is what is behind it. `index` 0 is
    /// the most wanted of its kind.
    #[must_use]
    pub fn lent(kind: CandidateKind, address: SocketAddr, base: SocketAddr, index: usize) -> Self {
        Self::own(kind, address, Some(base), index)
    }

    /// RFC 8445 sections 5.1.1.3 and 5.1.2.1.
    fn own(
        kind: CandidateKind,
        address: SocketAddr,
        related: Option<SocketAddr>,
        index: usize,
    ) -> Self {
        let local_preference = 65_535 - u32::try_from(index).unwrap_or(0).min(65_535);
        let group = match kind {
            CandidateKind::Host | CandidateKind::PeerReflexive => 0,
            CandidateKind::ServerReflexive => 100,
            CandidateKind::Relay => 200,
        };
        Self {
            foundation: (group + index + 1).to_string(),
            component: 1,
            priority: (type_preference(kind) << 24) | (local_preference << 8) | 255,
            address,
            kind,
            related,
        }
    }

    /// Whether it is on a TURN server.
    #[must_use]
    pub const fn is_relay(&self) -> bool {
        matches!(self.kind, CandidateKind::Relay)
    }

    /// Reads the attribute's value. `None`: broken, not UDP, or not an IP address (such as the
    /// `.local` names of browsers, which only their own machine can resolve; such a peer is
    /// learned from its connectivity checks instead).
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let fields: Vec<&str> = value.split_whitespace().collect();
        let [
            foundation,
            component,
            transport,
            priority,
            address,
            port,
            "typ",
            kind,
            ..,
        ] = fields.as_slice()
        else {
            return None;
        };
        let kind = match *kind {
            "host" => CandidateKind::Host,
            "srflx" => CandidateKind::ServerReflexive,
            "prflx" => CandidateKind::PeerReflexive,
            "relay" => CandidateKind::Relay,
            _ => return None,
        };
        let address: IpAddr = address.parse().ok()?;
        let port: u16 = port.parse().ok()?;
        let usable = transport.eq_ignore_ascii_case("udp")
            && port != 0
            && foundation.len() <= 32
            && !address.is_unspecified()
            && !address.is_multicast();
        usable.then_some(Self {
            foundation: (*foundation).to_owned(),
            component: component.parse().ok()?,
            priority: priority.parse().ok()?,
            address: SocketAddr::new(address, port),
            kind,
            related: None,
        })
    }

    /// The attribute's value.
    #[must_use]
    pub fn to_value(&self) -> String {
        let value = format!(
            "{} {} udp {} {} {} typ {}",
            self.foundation,
            self.component,
            self.priority,
            self.address.ip(),
            self.address.port(),
            self.kind.word()
        );
        match self.related {
            Some(base) => format!("{value} raddr {} rport {}", base.ip(), base.port()),
            None => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_comes_after_what_is_ours_and_says_what_is_behind_it() {
        let address = |text: &str| text.parse().unwrap();
        let (base, nowhere) = (address("10.0.0.1:4000"), address("0.0.0.0:9"));
        let host = Candidate::host(base, 1);
        let seen = CandidateKind::ServerReflexive;
        let seen = Candidate::lent(seen, address("192.0.2.7:5000"), base, 0);
        let relay = Candidate::lent(CandidateKind::Relay, address("192.0.2.9:6000"), nowhere, 0);
        assert!(host.priority > seen.priority && seen.priority > relay.priority);
        assert_eq!(
            seen.to_value(),
            "101 1 udp 1694498815 192.0.2.7 5000 typ srflx raddr 10.0.0.1 rport 4000"
        );
        assert_eq!(
            relay.to_value(),
            "201 1 udp 16777215 192.0.2.9 6000 typ relay raddr 0.0.0.0 rport 9"
        );
        let read = Candidate::parse(&relay.to_value()).unwrap();
        assert_eq!((read.kind, read.address), (relay.kind, relay.address));
    }

    #[test]
    fn candidates_round_trip_and_unusable_ones_are_skipped() {
        let value = "1 1 udp 2130706431 192.0.2.7 4000 typ host";
        let candidate = Candidate::parse(value).unwrap();
        assert_eq!(candidate.to_value(), value);
        assert_eq!(Candidate::host(candidate.address, 0), candidate);
        let long = "842163049 1 udp 1677729535 203.0.113.9 46154 typ srflx raddr 10.0.0.1 \
                    rport 46154 generation 0 ufrag abcd network-cost 999";
        assert_eq!(
            Candidate::parse(long).map(|c| c.kind),
            Some(CandidateKind::ServerReflexive)
        );
        for bad in [
            "1 1 tcp 1 192.0.2.7 9 typ host tcptype active",
            "1 1 udp 1 4ab0f2c1-1.local 4000 typ host",
            "1 1 udp 1 192.0.2.7 0 typ host",
            "1 1 udp 1 192.0.2.7 65536 typ host",
            "1 1 udp 1 0.0.0.0 4000 typ host",
            "1 1 udp -1 192.0.2.7 4000 typ host",
            "1 1 udp 1 192.0.2.7 4000 typ wild",
            "",
        ] {
            assert_eq!(Candidate::parse(bad), None, "{bad}");
        }
    }
}
