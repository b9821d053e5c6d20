//! Finds the leg a datagram on the shared media socket belongs to.
//!
//! A peer is known by the user fragments in its STUN checks (RFC 8445 section 7.3), which only the
//! two ends of its signalling know; whatever comes from an address that sent one is its own, until
//! another peer's check comes from there. The peer itself then verifies every packet (A33, A36).

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use vrs_domain::{Leg, SessionId};

/// Which peer a datagram is for.
pub(super) type Owner = (SessionId, Leg);
/// Addresses remembered for one peer, the newest ones.
const ADDRESSES_PER_PEER_MAX: usize = 16;

#[derive(Default)]
struct Known {
    ufrags: Vec<String>,
    addresses: VecDeque<SocketAddr>,
}

#[derive(Default)]
pub(super) struct Demux {
    by_ufrag: HashMap<String, Owner>,
    by_address: HashMap<SocketAddr, Owner>,
    known: HashMap<Owner, Known>,
}

impl Demux {
    /// Adds one of a peer's user fragments; without BUNDLE it has one for each m-line.
    pub(super) fn add(&mut self, ufrag: &str, owner: Owner) {
        self.by_ufrag.insert(ufrag.to_owned(), owner);
        self.known
            .entry(owner)
            .or_default()
            .ufrags
            .push(ufrag.to_owned());
    }

    pub(super) fn remove(&mut self, owner: Owner) {
        let Some(known) = self.known.remove(&owner) else {
            return;
        };
        for ufrag in known.ufrags {
            self.by_ufrag.remove(&ufrag);
        }
        for address in known.addresses {
            self.forget(address, owner);
        }
    }

    /// A peer takes another place; whoever was known there is forgotten.
    pub(super) fn rename(&mut self, from: Owner, to: Owner) {
        self.remove(to);
        let Some(known) = self.known.remove(&from) else {
            return;
        };
        for ufrag in &known.ufrags {
            self.by_ufrag.insert(ufrag.clone(), to);
        }
        for address in &known.addresses {
            if self.by_address.get(address) == Some(&from) {
                self.by_address.insert(*address, to);
            }
        }
        self.known.insert(to, known);
    }

    /// The owner of a datagram, or `None` for a stranger's.
    pub(super) fn owner(&mut self, source: SocketAddr, bytes: &[u8]) -> Option<Owner> {
        let checked =
            vrs_media::stun_ufrag(bytes).and_then(|ufrag| self.by_ufrag.get(ufrag).copied());
        if let Some(owner) = checked {
            self.learn(source, owner);
            return Some(owner);
        }
        self.by_address.get(&source).copied()
    }

    fn learn(&mut self, source: SocketAddr, owner: Owner) {
        if self.by_address.insert(source, owner) == Some(owner) {
            return;
        }
        let known = self.known.entry(owner).or_default();
        known.addresses.push_back(source);
        if known.addresses.len() > ADDRESSES_PER_PEER_MAX
            && let Some(oldest) = known.addresses.pop_front()
        {
            self.forget(oldest, owner);
        }
    }

    /// Unless somebody else's checks come from there by now.
    fn forget(&mut self, address: SocketAddr, owner: Owner) {
        if self.by_address.get(&address) == Some(&owner) {
            self.by_address.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: Owner = (SessionId(1), Leg::Caller);
    const OTHER: Owner = (SessionId(2), Leg::Caller);

    /// A STUN binding request with this USERNAME (RFC 8489 section 14.3).
    fn check(username: &str) -> Vec<u8> {
        let padded = username.len().next_multiple_of(4);
        let mut bytes = vec![0, 1, 0, (4 + padded) as u8, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend([7; 12]);
        bytes.extend([0, 6, 0, username.len() as u8]);
        bytes.extend(username.as_bytes());
        bytes.resize(24 + padded, 0);
        bytes
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn a36_strangers_have_no_owner() {
        let mut demux = Demux::default();
        demux.add("mine", CALLER);
        assert_eq!(demux.owner(address(1), &[0x80; 40]), None);
        assert_eq!(demux.owner(address(1), &check("yours:x")), None);
        assert_eq!(demux.owner(address(1), &check("mine:x")), Some(CALLER));
        assert_eq!(demux.owner(address(1), &[0x80; 40]), Some(CALLER));
    }

    #[test]
    fn r14_a_peer_may_change_its_address_a_hundred_times() {
        let mut demux = Demux::default();
        demux.add("mine", CALLER);
        for port in 1..=100 {
            assert_eq!(demux.owner(address(port), &check("mine:x")), Some(CALLER));
            assert_eq!(demux.owner(address(port), &[0x80; 40]), Some(CALLER));
        }
        assert_eq!(demux.by_address.len(), ADDRESSES_PER_PEER_MAX);
    }

    #[test]
    fn a_relief_that_becomes_the_interpreter_is_found_under_the_new_name() {
        let (relief, lead) = (
            (SessionId(1), Leg::Relief),
            (SessionId(1), Leg::Interpreter),
        );
        let mut demux = Demux::default();
        demux.add("before", lead);
        demux.add("mine", relief);
        assert_eq!(demux.owner(address(1), &check("mine:x")), Some(relief));
        demux.rename(relief, lead);
        assert_eq!(demux.owner(address(1), &[0x80; 40]), Some(lead));
        assert_eq!(demux.owner(address(2), &check("mine:x")), Some(lead));
        assert_eq!(demux.owner(address(3), &check("before:x")), None);
    }

    #[test]
    fn an_address_that_is_used_again_belongs_to_its_new_peer_and_nothing_is_left_behind() {
        let mut demux = Demux::default();
        demux.add("mine", CALLER);
        demux.add("audio", OTHER);
        demux.add("video", OTHER);
        assert_eq!(demux.owner(address(1), &check("mine:x")), Some(CALLER));
        assert_eq!(demux.owner(address(1), &check("video:x")), Some(OTHER));
        demux.remove(CALLER);
        assert_eq!(demux.owner(address(1), &[0x80; 40]), Some(OTHER));
        demux.remove(OTHER);
        assert!(demux.by_address.is_empty() && demux.by_ufrag.is_empty() && demux.known.is_empty());
    }
}
