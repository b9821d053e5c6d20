//! Settings of a peer, and everything that is derived from its seed.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::certificate::Certificate;
use crate::rtp::MediaKind;
use crate::sdp::{Allowed, Candidate, CandidateKind, LayerRole};

/// What stands in the place of a hidden address (RFC 8829 section 3.5.1).
const NOWHERE_IPV4: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 9));
const NOWHERE_IPV6: SocketAddr = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 9, 0, 0));

/// How received audio and video is handed out; text is always handed out as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Receive {
    /// As [`super::PeerEvent::Rtp`] in order of arrival: for a relay that forwards.
    Packets,
    /// As [`super::PeerEvent::Frame`]: for an app that decodes.
    #[default]
    Frames,
}

/// An address that is not on this machine and leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lent {
    /// Where a STUN server sees one of our sockets.
    Reflexive {
        /// What it saw.
        seen: SocketAddr,
        /// The socket's own address.
        base: SocketAddr,
    },
    /// On a TURN server. What is sent from it has this source in
    /// [`super::PeerOutput::Transmit`]; what arrives there is handed in with this destination.
    Relayed(SocketAddr),
}

/// Settings of one peer.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// Addresses of our sockets, most wanted first: our host candidates. Wildcard addresses are
    /// left out, they are nowhere.
    pub local_addresses: Vec<SocketAddr>,
    /// Further addresses that lead to us, most wanted first of each kind.
    pub lent: Vec<Lent>,
    /// Our DTLS identity.
    pub certificate: Certificate,
    /// Fresh randomness from the driver: everything unguessable about us comes from it.
    pub seed: [u8; 32],
    /// What we are willing to do.
    pub media: Vec<MediaKind>,
    /// In which formats.
    pub allowed: Allowed,
    /// Packets or frames.
    pub receive: Receive,
    /// Try only the peer's host candidates: for test networks where nothing is translated.
    pub host_candidate_only: bool,
}

impl PeerConfig {
    /// Sound, picture and text, received as frames.
    #[must_use]
    pub fn new(local_addresses: Vec<SocketAddr>, certificate: Certificate, seed: [u8; 32]) -> Self {
        Self {
            local_addresses,
            lent: Vec::new(),
            certificate,
            seed,
            media: vec![MediaKind::Audio, MediaKind::Video, MediaKind::Text],
            allowed: Allowed::default(),
            receive: Receive::Frames,
            host_candidate_only: false,
        }
    }

    /// Who passes pictures on takes them in several sizes.
    pub(super) const fn layers(&self) -> LayerRole {
        match self.receive {
            Receive::Packets => LayerRole::Takes,
            Receive::Frames => LayerRole::Sends,
        }
    }

    /// Each kind once that has a format, text last: browsers reject it and must find their own
    /// m-lines first.
    pub(super) fn kinds(&self) -> Vec<MediaKind> {
        let mut kinds = self.media.clone();
        kinds.retain(|kind| self.allowed.of(*kind).next().is_some());
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Ours, as the peer is told them: own addresses, then as seen by others, then relays, which
    /// say nothing of what is behind them (RFC 8828 section 5.2).
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let usable = |address: &&SocketAddr| !address.ip().is_unspecified();
        let hosts = self.local_addresses.iter().filter(usable).enumerate();
        let hosts = hosts.map(|(index, address)| Candidate::host(*address, index));
        let seen = self.lent.iter().filter_map(|lent| match lent {
            Lent::Reflexive { seen, base } if seen != base => Some((*seen, *base)),
            Lent::Reflexive { .. } | Lent::Relayed(_) => None,
        });
        let relays = self.lent.iter().filter_map(|lent| match lent {
            Lent::Relayed(address) if address.is_ipv4() => Some((*address, NOWHERE_IPV4)),
            Lent::Relayed(address) => Some((*address, NOWHERE_IPV6)),
            Lent::Reflexive { .. } => None,
        });
        let of = |kind| move |(index, (address, base))| Candidate::lent(kind, address, base, index);
        hosts
            .chain(seen.enumerate().map(of(CandidateKind::ServerReflexive)))
            .chain(relays.enumerate().map(of(CandidateKind::Relay)))
            .collect()
    }
}

/// Numbers of one of our streams.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamSeed {
    pub(super) ssrc: u32,
    pub(super) first_sequence: u16,
    pub(super) first_timestamp: u32,
}

/// The same, and those of the stream in which lost packets go out again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeds {
    pub(super) seed: StreamSeed,
    pub(super) repair: StreamSeed,
}

/// Streams of sound, picture and text, of pictures that go out again, and the same two of a smaller
/// picture.
const STREAMS: usize = 6;
const AUDIO: usize = 0;
const VIDEO: usize = 1;
const TEXT: usize = 2;
const REPAIR: usize = 3;
const LOWER: usize = 4;
const LOWER_REPAIR: usize = 5;

/// What only the peer may know of us.
pub(super) struct Secrets {
    random: StdRng,
    streams: [StreamSeed; STREAMS],
    pub(super) session_id: u64,
    pub(super) cname: String,
}

impl Secrets {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let mut random = StdRng::from_seed(seed);
        let ssrcs: [u32; STREAMS] = std::array::from_fn(|_| random.random());
        let mut streams = ssrcs.map(|ssrc| StreamSeed {
            ssrc,
            // Below half of the range, so that the rollover counter is never in doubt
            // (RFC 3711 section 3.3.1).
            first_sequence: random.random_range(0..0x4000),
            first_timestamp: random.random(),
        });
        for (index, stream) in (0u32..).zip(&mut streams) {
            stream.ssrc = (stream.ssrc & !7) | index; // never equal
        }
        let session_id = random.random_range(1..1 << 62);
        let cname = text(&mut random, 16);
        Self {
            random,
            streams,
            session_id,
            cname,
        }
    }

    pub(super) fn stream(&self, kind: MediaKind) -> Seeds {
        let at = match kind {
            MediaKind::Audio => AUDIO,
            MediaKind::Video => VIDEO,
            MediaKind::Text => TEXT,
        };
        Seeds {
            seed: self.streams[at],
            repair: self.streams[REPAIR],
        }
    }

    /// Of the smaller picture.
    pub(super) fn lower(&self) -> Seeds {
        Seeds {
            seed: self.streams[LOWER],
            repair: self.streams[LOWER_REPAIR],
        }
    }

    /// A fresh user name fragment (at least 24 bits) and password (at least 128 bits), RFC 8445
    /// section 5.3.
    pub(super) fn ice_credentials(&mut self) -> (String, String) {
        (text(&mut self.random, 8), text(&mut self.random, 24))
    }
}

fn text(random: &mut StdRng, length: usize) -> String {
    const SIGNS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..length)
        .map(|_| char::from(SIGNS[random.random_range(0..SIGNS.len())]))
        .collect()
}

/// The receiver's user name fragment in a STUN binding request: the part of USERNAME before the
/// colon (RFC 8445 section 7.2.2). `None`: another kind of datagram, or broken.
///
/// With it a driver finds the [`super::Peer`] that a datagram on a shared socket is for.
#[must_use]
pub fn stun_ufrag(bytes: &[u8]) -> Option<&str> {
    const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    const USERNAME: u16 = 6;
    let header = bytes.get(..20)?;
    if header[..2] != [0, 1] || header[4..8] != MAGIC_COOKIE {
        return None;
    }
    let mut rest = &bytes[20..];
    loop {
        let (head, tail) = rest.split_at_checked(4)?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = tail.get(..length)?;
        if kind == USERNAME {
            let (ufrag, _) = std::str::from_utf8(value).ok()?.split_once(':')?;
            return Some(ufrag);
        }
        rest = tail.get(length.next_multiple_of(4)..)?;
    }
}
