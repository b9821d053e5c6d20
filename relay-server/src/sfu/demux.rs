//! Finds the leg a datagram on the shared media socket belongs to.
//!
//! A peer is known by the user fragments in its STUN checks (RFC 8445 section 7.3), which only the
//! two ends of its signalling know; whatever comes from an address that sent one may be its own.
//! Who forges the address of another's packets cannot take it away from them (A33): an address may
//! be several peers', and each verifies every packet itself (A36).

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::SocketAddr;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Addresses remembered for one peer, the newest ones.
const ADDRESSES_PER_PEER_MAX: usize = 16;
/// Peers that may have sent checks from one address, the first ones.
const OWNERS_PER_ADDRESS_MAX: usize = 4;

#[derive(Default)]
struct Known {
    ufrags: Vec<String>,
    addresses: VecDeque<SocketAddr>,
}

/// Whose a datagram may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Owners<O> {
    /// A stranger's.
    None,
    /// This peer's.
    One(O),
    /// One of these peers', all of which sent checks from there.
    Several(Vec<O>),
}

/// Knows the peers of one socket by their owners.
pub(super) struct Demux<O> {
    by_ufrag: HashMap<String, O>,
    /// Nearly always one, which needs no memory of its own. Looked at with every packet; a peer
    /// puts no more than [`ADDRESSES_PER_PEER_MAX`] in, however it may choose them.
    by_address: FxHashMap<SocketAddr, SmallVec<[O; 1]>>,
    known: HashMap<O, Known>,
}

impl<O> Default for Demux<O> {
    fn default() -> Self {
        Self {
            by_ufrag: HashMap::new(),
            by_address: FxHashMap::default(),
            known: HashMap::new(),
        }
    }
}

impl<O: Copy + Eq + Hash> Demux<O> {
    /// Adds one of a peer's user fragments; without BUNDLE it has one for each m-line.
    pub(super) fn add(&mut self, ufrag: &str, owner: O) {
        self.by_ufrag.insert(ufrag.to_owned(), owner);
        self.known
            .entry(owner)
            .or_default()
            .ufrags
            .push(ufrag.to_owned());
    }

    /// These are a peer's user fragments from now on: ICE restarts bring new ones.
    pub(super) fn replace(&mut self, ufrags: &[String], owner: O) {
        let Some(known) = self.known.get_mut(&owner) else {
            return;
        };
        for gone in known.ufrags.extract_if(.., |old| !ufrags.contains(old)) {
            self.by_ufrag.remove(&gone);
        }
        for ufrag in ufrags {
            if !self.by_ufrag.contains_key(ufrag) {
                known.ufrags.push(ufrag.clone());
                self.by_ufrag.insert(ufrag.clone(), owner);
            }
        }
    }

    pub(super) fn remove(&mut self, owner: O) {
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
    pub(super) fn rename(&mut self, from: O, to: O) {
        self.remove(to);
        let Some(known) = self.known.remove(&from) else {
            return;
        };
        for ufrag in &known.ufrags {
            self.by_ufrag.insert(ufrag.clone(), to);
        }
        for address in &known.addresses {
            if let Some(owners) = self.by_address.get_mut(address) {
                let owner = owners.iter_mut().find(|owner| **owner == from);
                owner.into_iter().for_each(|owner| *owner = to);
            }
        }
        self.known.insert(to, known);
    }

    /// Whose a datagram may be.
    pub(super) fn owners(&mut self, source: SocketAddr, bytes: &[u8]) -> Owners<O> {
        let checked =
            vrs_media::stun_ufrag(bytes).and_then(|ufrag| self.by_ufrag.get(ufrag).copied());
        if let Some(owner) = checked {
            self.learn(source, owner);
            return Owners::One(owner);
        }
        match self.by_address.get(&source).map(SmallVec::as_slice) {
            None | Some([]) => Owners::None,
            Some([owner]) => Owners::One(*owner),
            Some(owners) => Owners::Several(owners.to_vec()),
        }
    }

    fn learn(&mut self, source: SocketAddr, owner: O) {
        let owners = self.by_address.entry(source).or_default();
        if owners.contains(&owner) || owners.len() == OWNERS_PER_ADDRESS_MAX {
            return;
        }
        owners.push(owner);
        let known = self.known.entry(owner).or_default();
        known.addresses.push_back(source);
        if known.addresses.len() > ADDRESSES_PER_PEER_MAX
            && let Some(oldest) = known.addresses.pop_front()
        {
            self.forget(oldest, owner);
        }
    }

    fn forget(&mut self, address: SocketAddr, owner: O) {
        if let Some(owners) = self.by_address.get_mut(&address) {
            owners.retain(|other| *other != owner);
            if owners.is_empty() {
                self.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use vrs_domain::{Leg, SessionId};

    use super::*;

    type Owner = (SessionId, Leg);

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
        assert_eq!(demux.owners(address(1), &[0x80; 40]), Owners::None);
        assert_eq!(demux.owners(address(1), &check("yours:x")), Owners::None);
        assert_eq!(
            demux.owners(address(1), &check("mine:x")),
            Owners::One(CALLER)
        );
        assert_eq!(demux.owners(address(1), &[0x80; 40]), Owners::One(CALLER));
    }

    #[test]
    fn r14_a_peer_may_change_its_address_a_hundred_times() {
        let mut demux = Demux::default();
        demux.add("mine", CALLER);
        for port in 1..=100 {
            assert_eq!(
                demux.owners(address(port), &check("mine:x")),
                Owners::One(CALLER)
            );
            assert_eq!(
                demux.owners(address(port), &[0x80; 40]),
                Owners::One(CALLER)
            );
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
        assert_eq!(
            demux.owners(address(1), &check("mine:x")),
            Owners::One(relief)
        );
        demux.rename(relief, lead);
        assert_eq!(demux.owners(address(1), &[0x80; 40]), Owners::One(lead));
        assert_eq!(
            demux.owners(address(2), &check("mine:x")),
            Owners::One(lead)
        );
        assert_eq!(demux.owners(address(3), &check("before:x")), Owners::None);
    }

    #[test]
    fn r14_a_restart_of_ice_brings_new_names_and_the_old_ones_go() {
        let mut demux = Demux::default();
        demux.add("first", CALLER);
        let names = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>();
        demux.replace(&names(&["first", "second"]), CALLER);
        for (port, name) in [(1, "first:x"), (2, "second:x")] {
            let owners = demux.owners(address(port), &check(name));
            assert_eq!(owners, Owners::One(CALLER));
        }
        for number in 0..100 {
            let fresh = number.to_string();
            demux.replace(&names(&["second", &fresh]), CALLER);
        }
        assert_eq!(demux.by_ufrag.len(), 2);
        assert_eq!(demux.owners(address(3), &check("first:x")), Owners::None);
        assert_eq!(demux.owners(address(1), &[0x80; 40]), Owners::One(CALLER));
        demux.remove(CALLER);
        assert!(demux.by_ufrag.is_empty() && demux.known.is_empty());
    }

    #[test]
    fn a33_a_forged_address_is_shared_and_not_taken_and_nothing_is_left_behind() {
        let mut demux = Demux::default();
        demux.add("mine", CALLER);
        demux.add("audio", OTHER);
        demux.add("video", OTHER);
        assert_eq!(
            demux.owners(address(1), &check("mine:x")),
            Owners::One(CALLER)
        );
        assert_eq!(
            demux.owners(address(1), &check("video:x")),
            Owners::One(OTHER)
        );
        let both = Owners::Several(vec![CALLER, OTHER]);
        assert_eq!(demux.owners(address(1), &[0x80; 40]), both);
        for number in 10..20 {
            let other = (SessionId(number), Leg::Caller);
            let ufrag = number.to_string();
            demux.add(&ufrag, other);
            let found = demux.owners(address(1), &check(&format!("{ufrag}:x")));
            assert_eq!(found, Owners::One(other));
        }
        assert_eq!(demux.by_address[&address(1)].len(), OWNERS_PER_ADDRESS_MAX);
        for number in 10..20 {
            demux.remove((SessionId(number), Leg::Caller));
        }
        demux.remove(CALLER);
        assert_eq!(demux.owners(address(1), &[0x80; 40]), Owners::One(OTHER));
        demux.remove(OTHER);
        assert!(demux.by_address.is_empty() && demux.by_ufrag.is_empty() && demux.known.is_empty());
    }
}
