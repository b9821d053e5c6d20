//! ICE restarts: another path, the same keys and streams.

use std::time::Duration;

use super::*;
use crate::testing::picture;

/// Where Alice is after she has moved.
const ALICE_LATER: &str = "198.51.100.7:4444";

/// Alice sends a picture each tenth of a second; gives how many arrived.
fn stream(world: &mut World, pictures: u32, first: u32) -> usize {
    let before = world.heard[1].frames.len();
    for number in first..first + pictures {
        let now = world.now();
        let unit = picture(number, number == 0, 500);
        world.peers[0].send_frame(now, MediaKind::Video, number * 9_000, &unit);
        world.run(Duration::from_millis(100));
    }
    world.heard[1].frames.len() - before
}

fn line(description: &str, name: &str) -> String {
    let start = description.find(name).unwrap() + name.len();
    description[start..]
        .split("\r\n")
        .next()
        .unwrap()
        .to_owned()
}

fn restart(world: &mut World, side: usize, addresses: &[&str]) {
    let now = world.now();
    let addresses = addresses.iter().map(|text| address(text)).collect();
    let offer = world.peers[side]
        .restart(now, addresses, Vec::new())
        .unwrap();
    let answer = world.peers[1 - side].handle_offer(now, &offer).unwrap();
    world.peers[side].accept_direction(now, &answer).unwrap();
}

#[test]
fn r14_a_restart_moves_the_media_and_keeps_keys_streams_and_every_picture() {
    let mut world = World::usual(51);
    world.connect();
    assert_eq!(stream(&mut world, 5, 0), 5);
    let (before, now) = (world.peers[0].local_description().to_owned(), world.now());
    let later = vec![address(ALICE_LATER)];
    let offer = world.peers[0].restart(now, later, Vec::new()).unwrap();
    for name in ["a=ice-ufrag:", "a=ice-pwd:"] {
        assert_ne!(line(&offer, name), line(&before, name));
    }
    for name in ["a=fingerprint:", "a=ssrc:", "o=- "] {
        let first = |text: String| text.split(' ').next().unwrap().to_owned();
        assert_eq!(first(line(&offer, name)), first(line(&before, name)));
    }
    assert!(offer.contains("198.51.100.7 4444 typ host"));
    assert!(!offer.contains("192.0.2.1"));
    // While nobody has answered, media takes the old path.
    assert_eq!(stream(&mut world, 5, 5), 5);
    let (bobs, now) = (world.peers[1].local_description().to_owned(), world.now());
    let answer = world.peers[1].handle_offer(now, &offer).unwrap();
    assert_ne!(line(&answer, "a=ice-pwd:"), line(&bobs, "a=ice-pwd:"));
    assert_eq!(world.peers[1].local_ufrags().count(), 2);
    world.peers[0].accept_direction(now, &answer).unwrap();
    assert_eq!(stream(&mut world, 20, 10), 20);
    for peer in &world.peers {
        assert!(!peer.is_restarting());
        assert_eq!(peer.local_ufrags().count(), 1);
    }
    world.net.addressed.clear();
    assert_eq!(stream(&mut world, 5, 30), 5);
    assert!(world.net.addressed.contains(&address(ALICE_LATER)));
    assert!(!world.net.addressed.contains(&address(ALICE)));
    for heard in &world.heard {
        assert_eq!((heard.connected, heard.disconnected), (1, 0));
        assert!(heard.failed.is_empty());
    }
}

#[test]
fn r14_either_side_may_restart_again_and_again() {
    let mut world = World::usual(52);
    world.connect();
    stream(&mut world, 1, 0);
    for round in 0..4_u32 {
        let side = usize::from(round % 2 == 1);
        let at = [ALICE, BOB][side];
        restart(&mut world, side, &[at]);
        assert_eq!(stream(&mut world, 15, 1 + round * 15), 15, "{round}");
        assert!(!world.peers[0].is_restarting() && !world.peers[1].is_restarting());
    }
}

#[test]
fn r14_a_restart_saves_a_connection_whose_path_is_dead() {
    let mut world = World::usual(53);
    world.connect();
    world.net.loss = 100;
    let silent = |w: &World| w.heard[0].disconnected > 0 && w.heard[1].disconnected > 0;
    assert!(world.until(Duration::from_secs(8), silent));
    world.net.loss = 0;
    restart(&mut world, 0, &[ALICE_LATER]);
    let back = |w: &World| w.heard.iter().all(|heard| heard.connected == 2);
    assert!(world.until(Duration::from_secs(5), back));
    assert_eq!(stream(&mut world, 1, 0), 1);
}

#[test]
fn a_restart_that_finds_nothing_leaves_the_old_path_alone() {
    let mut world = World::usual(54);
    world.connect();
    let now = world.now();
    let nowhere = vec![address("203.0.113.99:1")];
    let offer = world.peers[0].restart(now, nowhere, Vec::new()).unwrap();
    let answer = world.peers[1].handle_offer(now, &offer).unwrap();
    // The answer is lost: Bob seeks alone.
    drop(answer);
    assert_eq!(stream(&mut world, 5, 0), 5);
    world.run(Duration::from_secs(40));
    assert!(!world.peers[1].is_restarting());
    world.peers[0].restart_refused();
    assert!(!world.peers[0].is_restarting());
    assert_eq!(stream(&mut world, 5, 5), 5);
}

#[test]
fn a_refused_restart_is_taken_back_and_hold_works_afterwards() {
    let mut world = World::usual(55);
    world.connect();
    let (before, now) = (world.peers[0].local_description().to_owned(), world.now());
    let later = vec![address(ALICE_LATER)];
    world.peers[0].restart(now, later, Vec::new()).unwrap();
    world.peers[0].restart_refused();
    let offer = world.peers[0].hold(now, true).unwrap();
    for name in ["a=ice-ufrag:", "a=ice-pwd:", "a=candidate:"] {
        assert_eq!(line(&offer, name), line(&before, name));
    }
    let answer = world.peers[1].handle_offer(now, &offer).unwrap();
    world.peers[0].accept_direction(now, &answer).unwrap();
    assert!(!world.peers[1].is_restarting());
}

#[test]
fn a34_a_restart_with_another_certificate_or_half_of_the_names_is_refused() {
    let mut world = World::usual(56);
    world.connect();
    let now = world.now();
    let old = world.peers[0].local_description().to_owned();
    let here = vec![address(ALICE)];
    let offer = world.peers[0].restart(now, here, Vec::new()).unwrap();
    let print = line(&offer, "a=fingerprint:sha-256 ");
    let other = format!("00:00:{}", &print[6..]);
    let (password, before) = (line(&offer, "a=ice-pwd:"), line(&old, "a=ice-pwd:"));
    for changed in [
        offer.replace(&print, &other),
        offer.replace(&password, &before),
    ] {
        let refused = world.peers[1].handle_offer(now, &changed).unwrap_err();
        assert_eq!(refused, MediaError::NotAcceptable(Refusal::Renegotiation));
        assert!(!world.peers[1].is_restarting());
    }
    // An answer that does not restart is none.
    let answer = world.peers[1].local_description().to_owned();
    let refused = world.peers[0].accept_direction(now, &answer).unwrap_err();
    assert_eq!(refused, MediaError::NotAcceptable(Refusal::Renegotiation));
    assert!(!world.peers[0].is_restarting());
    assert_eq!(stream(&mut world, 3, 0), 3);
}
