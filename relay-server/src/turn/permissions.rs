//! What one allocation may exchange with whom: permissions and channels (RFC 8656 sections 9, 12).
//!
//! Lists and no maps: an allocation talks to one or two peers, and every datagram looks here.

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

/// How data of a peer reach the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As channel data of this number.
    Channel(u16),
    /// In a Data indication.
    Indication,
}

#[derive(Debug)]
struct Channel {
    number: u16,
    peer: SocketAddr,
    until: Instant,
    /// The permission of its peer's address, so that channel data need not look for it.
    permitted_until: Instant,
}

impl Channel {
    fn is_open(&self, now: Instant) -> bool {
        now < self.until && now < self.permitted_until
    }
}

/// Permissions and channels of one allocation.
#[derive(Debug, Default)]
pub(super) struct Permissions {
    addresses: Vec<(IpAddr, Instant)>,
    channels: Vec<Channel>,
}

impl Permissions {
    /// Permits an address, or prolongs it; `false` when there are too many.
    pub(super) fn permit(&mut self, now: Instant, ip: IpAddr) -> bool {
        self.expire(now);
        let until = now + PERMISSION;
        let count = self.addresses.len();
        match self.addresses.iter_mut().find(|(known, _)| *known == ip) {
            Some((_, end)) => *end = until,
            None if count >= PEERS_MAX => return false,
            None => self.addresses.push((ip, until)),
        }
        for channel in &mut self.channels {
            if channel.peer.ip() == ip {
                channel.permitted_until = until;
            }
        }
        true
    }

    /// Whether there is room for all of these addresses.
    pub(super) fn has_room(&mut self, now: Instant, ips: &[IpAddr]) -> bool {
        self.expire(now);
        let mut fresh: Vec<&IpAddr> = ips
            .iter()
            .filter(|ip| self.addresses.iter().all(|(known, _)| known != *ip))
            .collect();
        fresh.sort();
        fresh.dedup();
        self.addresses.len() + fresh.len() <= PEERS_MAX
    }

    pub(super) fn permits(&self, now: Instant, ip: IpAddr) -> bool {
        let mut known = self.addresses.iter();
        known.any(|&(address, until)| address == ip && now < until)
    }

    /// Binds a channel, or prolongs it, and permits its peer.
    pub(super) fn bind(
        &mut self,
        now: Instant,
        number: u16,
        peer: SocketAddr,
    ) -> Result<(), NotBound> {
        self.expire(now);
        let same = |c: &Channel| c.number == number && c.peer == peer;
        let conflict = |c: &Channel| (c.number == number) != (c.peer == peer);
        if self.channels.iter().any(conflict) {
            return Err(NotBound::Conflict);
        }
        let known = self.channels.iter().position(same);
        let full = known.is_none() && self.channels.len() >= PEERS_MAX;
        if full || !self.permit(now, peer.ip()) {
            return Err(NotBound::Full);
        }
        let channel = Channel {
            number,
            peer,
            until: now + CHANNEL,
            permitted_until: now + PERMISSION,
        };
        match known.and_then(|at| self.channels.get_mut(at)) {
            Some(bound) => *bound = channel,
            None => self.channels.push(channel),
        }
        Ok(())
    }

    /// The peer of a channel, while it may be sent to.
    pub(super) fn peer(&self, now: Instant, number: u16) -> Option<SocketAddr> {
        let channel = self.channels.iter().find(|c| c.number == number)?;
        channel.is_open(now).then_some(channel.peer)
    }

    /// How what a peer sends goes to the client; `None` when it may not.
    pub(super) fn form(&self, now: Instant, peer: SocketAddr) -> Option<Form> {
        let channel = self.channels.iter().find(|c| c.peer == peer);
        if let Some(channel) = channel
            && channel.is_open(now)
        {
            return Some(Form::Channel(channel.number));
        }
        self.permits(now, peer.ip()).then_some(Form::Indication)
    }

    fn expire(&mut self, now: Instant) {
        self.addresses.retain(|(_, until)| now < *until);
        self.channels.retain(|channel| now < channel.until);
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
        // A channel outlives its permission, but nothing passes without one.
        let without = now + Duration::from_secs(301);
        assert_eq!(p.peer(without, 0x4000), None);
        assert_eq!(p.form(without, peer), None);
        assert!(p.permit(without, peer.ip()));
        assert_eq!(p.peer(without, 0x4000), Some(peer));
        assert_eq!(p.form(without, peer), Some(Form::Channel(0x4000)));
        let ended = now + Duration::from_secs(600);
        assert_eq!(p.peer(ended, 0x4000), None);
        assert_eq!(p.form(ended, peer), Some(Form::Indication));
        let later = now + Duration::from_secs(400);
        assert_eq!(p.bind(later, 0x4000, peer), Ok(()));
        let last = later + Duration::from_secs(299);
        assert_eq!(p.form(last, peer), Some(Form::Channel(0x4000)));
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
        assert_eq!(p.bind(now, 0x4000, a), Ok(()));
    }

    #[test]
    fn there_is_an_end_to_permissions() {
        let now = Instant::now();
        let mut p = Permissions::default();
        let ip = |n: usize| IpAddr::from([8, 8, 8, u8::try_from(n).unwrap()]);
        for n in 0..PEERS_MAX {
            assert!(p.has_room(now, &[ip(n), ip(n)]));
            assert!(p.permit(now, ip(n)));
        }
        assert!(p.has_room(now, &[ip(1)]));
        assert!(!p.has_room(now, &[ip(1), ip(200)]));
        assert!(!p.permit(now, ip(200)));
        assert!(p.permit(now, ip(1)));
        assert!(p.permit(now + PERMISSION, ip(200)));
    }
}
