//! Finds the leg a datagram on the shared media socket belongs to.
//!
//! A peer is first known by the user fragment in its STUN checks (RFC 8445 section 7.3); once a
//! check came from an address, everything from that address is its own (A33, A36: nobody else's
//! packets are ever learnt from).

use std::collections::HashMap;
use std::net::SocketAddr;

use vrs_domain::{Leg, SessionId};

/// Which peer a datagram is for.
pub(super) type Owner = (SessionId, Leg);
/// Addresses remembered for one peer.
const ADDRESSES_PER_PEER_MAX: usize = 16;

#[derive(Default)]
pub(super) struct Demux {
    by_ufrag: HashMap<String, Owner>,
    by_address: HashMap<SocketAddr, Owner>,
}

impl Demux {
    pub(super) fn add(&mut self, ufrag: &str, owner: Owner) {
        self.by_ufrag.insert(ufrag.to_owned(), owner);
    }

    pub(super) fn remove(&mut self, owner: Owner) {
        self.by_ufrag.retain(|_, other| *other != owner);
        self.by_address.retain(|_, other| *other != owner);
    }

    /// The owner of a datagram, or `None` for a stranger's.
    pub(super) fn owner(&mut self, source: SocketAddr, bytes: &[u8]) -> Option<Owner> {
        if let Some(owner) = vrs_media::stun_ufrag(bytes).and_then(|ufrag| self.by_ufrag.get(ufrag))
        {
            let owner = *owner;
            let known = self
                .by_address
                .values()
                .filter(|other| **other == owner)
                .count();
            if known < ADDRESSES_PER_PEER_MAX {
                self.by_address.entry(source).or_insert(owner);
            }
            return Some(owner);
        }
        self.by_address.get(&source).copied()
    }
}
