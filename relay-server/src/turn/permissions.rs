//! What one allocation may exchange with whom: permissions and channels (RFC 8656 sections 9, 12).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long a permission lives (RFC 8656 section 9).
const PERMISSION: Duration = Duration::from_secs(300);
/// How long a channel lives (RFC 8656 section 12).
const CHANNEL: Duration = Duration::from_secs(600);
/// Most addresses, and most channels, of one allocation.
const PEERS_MAX: usize = 64;

/// Why a channel is not bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotBound {
    /// The number or the peer belongs to another channel.
    Conflict,
    /// There are too many.
    Full,
}

/// Permissions and channels of one allocation.
#[derive(Debug, Default)]
pub(super) struct Permissions {
    addresses: BTreeMap<IpAddr, Instant>,
    channels: BTreeMap<u16, (SocketAddr, Instant)>,
}

impl Permissions {
    /// Permits an address, or prolongs it; `false` when there are too many.
    pub(super) fn permit(&mut self, now: Instant, ip: IpAddr) -> bool {
        self.expire(now);
        if self.addresses.len() >= PEERS_MAX && !self.addresses.contains_key(&ip) {
            return false;
        }
        self.addresses.insert(ip, now + PERMISSION);
        true
    }

    pub(super) fn permits(&self, now: Instant, ip: IpAddr) -> bool {
        self.addresses.get(&ip).is_some_and(|&until| now < until)
    }

    /// Binds a channel, or prolongs it, and permits its peer.
    pub(super) fn bind(
        &mut self,
        now: Instant,
        number: u16,
        peer: SocketAddr,
    ) -> Result<(), NotBound> {
        self.expire(now);
        let of_number = self.channels.get(&number).is_some_and(|(p, _)| *p != peer);
        let of_peer = self
            .channels
            .iter()
            .any(|(n, (p, _))| *p == peer && *n != number);
        if of_number || of_peer {
            return Err(NotBound::Conflict);
        }
        let full = self.channels.len() >= PEERS_MAX && !self.channels.contains_key(&number);
        if full || !self.permit(now, peer.ip()) {
            return Err(NotBound::Full);
        }
        self.channels.insert(number, (peer, now + CHANNEL));
        Ok(())
    }

    /// The peer of a channel.
    pub(super) fn peer(&self, now: Instant, number: u16) -> Option<SocketAddr> {
        self.channels
            .get(&number)
            .filter(|(_, until)| now < *until)
            .map(|(peer, _)| *peer)
    }

    /// The channel of a peer.
    pub(super) fn channel(&self, now: Instant, peer: SocketAddr) -> Option<u16> {
        self.channels
            .iter()
            .find(|(_, (p, until))| *p == peer && now < *until)
            .map(|(n, _)| *n)
    }

    fn expire(&mut self, now: Instant) {
        self.addresses.retain(|_, until| now < *until);
        self.channels.retain(|_, (_, until)| now < *until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_and_channels_end_and_are_prolonged() {
        let now = Instant::now();
        let peer: SocketAddr = "8.8.8.8:1000".parse().unwrap();
        let mut p = Permissions::default();
        assert_eq!(p.bind(now, 0x4000, peer), Ok(()));
        assert!(p.permits(now + Duration::from_secs(299), peer.ip()));
        assert!(!p.permits(now + Duration::from_secs(300), peer.ip()));
        assert_eq!(p.peer(now + Duration::from_secs(599), 0x4000), Some(peer));
        assert_eq!(p.peer(now + Duration::from_secs(600), 0x4000), None);
        let later = now + Duration::from_secs(400);
        assert_eq!(p.bind(later, 0x4000, peer), Ok(()));
        assert_eq!(
            p.channel(later + Duration::from_secs(599), peer),
            Some(0x4000)
        );
    }

    #[test]
    fn a_channel_is_for_one_peer_and_a_peer_on_one_channel() {
        let now = Instant::now();
        let (a, b) = ("8.8.8.8:1".parse().unwrap(), "8.8.8.8:2".parse().unwrap());
        let mut p = Permissions::default();
        assert_eq!(p.bind(now, 0x4000, a), Ok(()));
        assert_eq!(p.bind(now, 0x4000, b), Err(NotBound::Conflict));
        assert_eq!(p.bind(now, 0x4001, a), Err(NotBound::Conflict));
        assert_eq!(p.bind(now, 0x4001, b), Ok(()));
    }

    #[test]
    fn there_is_an_end_to_permissions() {
        let now = Instant::now();
        let mut p = Permissions::default();
        for n in 0..PEERS_MAX {
            assert!(p.permit(now, IpAddr::from([8, 8, 8, u8::try_from(n).unwrap()])));
        }
        assert!(!p.permit(now, IpAddr::from([8, 8, 9, 1])));
        assert!(p.permit(now, IpAddr::from([8, 8, 8, 1])));
        assert!(p.permit(now + PERMISSION, IpAddr::from([8, 8, 9, 1])));
    }
}
