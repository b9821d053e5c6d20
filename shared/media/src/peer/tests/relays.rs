//! Relays: what a TURN server lends us is told to the peer and taken when there is no other way.

use std::time::Duration;

use super::*;
use crate::sdp::SessionDescription;
use crate::testing::picture;

const ALICES_RELAY: &str = "203.0.113.1:6000";
const BOBS_RELAY: &str = "203.0.113.1:6002";

fn relayed(address_text: &str) -> Vec<Lent> {
    vec![Lent::Relayed(address(address_text))]
}

/// Alice and Bob with a relay each.
fn with_relays(seed: u64, direct: bool) -> World {
    let (mut alice, mut bob) = (config(ALICE, 1), config(BOB, 2));
    (alice.lent, bob.lent) = (relayed(ALICES_RELAY), relayed(BOBS_RELAY));
    if !direct {
        alice.local_addresses.clear();
        bob.local_addresses.clear();
    }
    World::new(Network::new(seed), alice, bob)
}

fn kind(world: &World, side: usize) -> Option<String> {
    world.peers[side].stats().candidate_type
}

#[test]
fn with_a_direct_path_nothing_is_ever_sent_by_a_relay() {
    let mut world = with_relays(61, true);
    world.connect();
    let now = world.now();
    world.peers[0].send_frame(now, MediaKind::Video, 0, &picture(0, true, 500));
    world.run(Duration::from_secs(10));
    assert_eq!(world.heard[1].frames.len(), 1);
    for relay in [ALICES_RELAY, BOBS_RELAY] {
        assert!(!world.net.addressed.contains(&address(relay)), "{relay}");
    }
    assert_eq!(kind(&world, 0).as_deref(), Some("host"));
}

#[test]
fn with_relays_alone_media_goes_from_relay_to_relay_and_no_own_address_is_told() {
    let mut world = with_relays(62, false);
    for peer in &world.peers {
        let told = peer.local_description();
        assert!(!told.contains("192.0.2."), "{told}");
        let told = SessionDescription::parse(told).unwrap();
        let port = told.media[0].port;
        assert!([6000, 6002].contains(&port), "{port}");
    }
    world.connect();
    let now = world.now();
    world.peers[0].send_frame(now, MediaKind::Video, 0, &picture(0, true, 500));
    world.run(Duration::from_millis(200));
    assert_eq!(world.heard[1].frames.len(), 1);
    let all = [address(ALICES_RELAY), address(BOBS_RELAY)];
    assert!(world.net.addressed.iter().all(|to| all.contains(to)));
    assert_eq!(kind(&world, 0).as_deref(), Some("relay"));
    assert_eq!(kind(&world, 1).as_deref(), Some("relay"));
}

#[test]
fn a_relay_on_one_side_is_enough() {
    let mut alice = config(ALICE, 1);
    alice.local_addresses.clear();
    alice.lent = relayed(ALICES_RELAY);
    let mut world = World::new(Network::new(63), alice, config(BOB, 2));
    world.connect();
    let all = [address(ALICES_RELAY), address(BOB)];
    assert!(world.net.addressed.iter().all(|to| all.contains(to)));
}

#[test]
fn what_a_stun_server_saw_is_told_and_nobody_without_any_address_can_be_called() {
    let mut alice = config(ALICE, 1);
    let (seen, base) = (address("203.0.113.5:7000"), address(ALICE));
    alice.lent = vec![Lent::Reflexive { seen, base }];
    let (_, offer) = Peer::offerer(alice.clone(), Network::new(64).now).unwrap();
    assert!(offer.contains("203.0.113.5 7000 typ srflx raddr 192.0.2.1 rport 4000"));
    // A server that sees the very address that we have tells nothing new.
    alice.lent = vec![Lent::Reflexive { seen: base, base }];
    let (_, offer) = Peer::offerer(alice.clone(), Network::new(64).now).unwrap();
    assert!(!offer.contains("srflx"));
    alice.lent.clear();
    alice.local_addresses.clear();
    let refused = Peer::offerer(alice, Network::new(64).now).err();
    assert!(matches!(refused, Some(MediaError::WrongState(_))));
}
