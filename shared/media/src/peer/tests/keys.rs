//! Telephone keys between peers.

use std::time::Duration;

use super::*;
use crate::telephone_event::KEYS_WAITING_MAX;

/// Packets of one key: one every 20 ms for 160 ms, the last one three times.
const PACKETS: usize = 10;
/// Enough for a key, its pause and the way.
const KEY: Duration = Duration::from_millis(250);

fn formats(peer: &Peer) -> Vec<(u32, u8, u8)> {
    let audio = peer.negotiated().get(MediaKind::Audio).unwrap();
    let keys = audio.keys.iter();
    keys.map(|k| (k.clock_rate, k.payload_type, k.receive_payload_type))
        .collect()
}

/// Presses keys on one side and says what the other side heard.
fn press(world: &mut World, from: usize, keys: &str) -> String {
    for key in keys.chars() {
        assert!(world.peers[from].send_dtmf(world.net.now, key));
    }
    world.run(KEY * (keys.len() as u32 + 1));
    std::mem::take(&mut world.heard[1 - from].keys)
}

#[test]
fn r43_all_keys_arrive_in_order_both_ways_among_sound() {
    let mut world = World::usual(1);
    world.connect();
    let all = "0123456789*#ABCD";
    for side in [0, 1] {
        for key in all.chars() {
            assert!(world.peers[side].send_dtmf(world.net.now, key));
        }
    }
    for n in 0..250u32 {
        for side in [0, 1] {
            let now = world.now();
            world.peers[side].send_frame(now, MediaKind::Audio, n * 960, &[0xfc, 1, 2]);
        }
        world.run(Duration::from_millis(20));
    }
    for side in [0, 1] {
        let heard = &world.heard[side];
        assert_eq!(heard.keys, all);
        let stats = world.peers[side].stats();
        assert_eq!((stats.lost(), stats.unknown), (0, 0));
        // Sound makes way for keys, and its time goes on as if nothing had been.
        assert!(
            (100..150).contains(&heard.frames.len()),
            "{}",
            heard.frames.len()
        );
        let steps = heard.frames.windows(2).map(|two| two[1].1 - two[0].1);
        assert!(steps.into_iter().all(|step| step > 0 && step % 960 == 0));
    }
}

#[test]
fn r43_sound_that_was_held_up_costs_no_key() {
    let mut world = World::usual(1);
    world.connect();
    let now = world.now();
    world.peers[0].send_frame(now, MediaKind::Audio, 0, &[0xfc, 1, 2]);
    for key in "1905*#".chars() {
        assert!(world.peers[0].send_dtmf(now, key));
    }
    let mut taken_up = 0;
    for n in 0..80u32 {
        // It comes in the pauses between keys, with the time at which it was taken up long ago.
        if n >= 20 && n % 11 == 9 {
            let now = world.now();
            taken_up += 960;
            world.peers[0].send_frame(now, MediaKind::Audio, taken_up, &[0xfc, 1, 2]);
        }
        world.run(Duration::from_millis(20));
    }
    assert_eq!(world.heard[1].keys, "1905*#");
    assert!(world.heard[1].frames.len() >= 4, "sound among keys");
}

#[test]
fn r43_whichever_packet_of_a_key_is_lost_it_is_heard_once() {
    for lost in 0..2 * PACKETS {
        let mut world = World::usual(2);
        world.connect();
        world.net.lose = Some(world.net.sent.len() + lost);
        assert_eq!(press(&mut world, 0, "77"), "77", "packet {lost}");
    }
}

#[test]
fn r43_keys_are_neither_doubled_nor_lost_by_a_bad_network() {
    for seed in 0..20 {
        let mut world = World::usual(seed);
        world.connect();
        (world.net.loss, world.net.reorder, world.net.repeat) = (20, 30, 30);
        assert_eq!(
            press(&mut world, 0, "1223334444*#"),
            "1223334444*#",
            "seed {seed}"
        );
    }
}

#[test]
fn r43_keys_are_agreed_in_the_clock_of_opus_with_the_offers_types() {
    let world = World::usual(3);
    let agreed = [(48_000, 110, 110), (8_000, 126, 126)];
    assert!(world.peers.iter().all(|peer| formats(peer) == agreed));
    let description = world.peers[1].local_description();
    assert!(description.contains("a=rtpmap:110 telephone-event/48000"));
    assert!(description.contains("a=fmtp:110 0-15"));
}

#[test]
fn r43_a_peer_that_knows_only_the_clock_of_telephones_is_understood() {
    let now = crate::testing::start();
    let (mut alice, offer) = Peer::offerer(config(ALICE, 1), now).unwrap();
    let narrow = offer
        .replace(
            "a=rtpmap:110 telephone-event/48000\r\na=fmtp:110 0-15\r\n",
            "",
        )
        .replace("111 110 126", "111 126");
    let (bob, answer) = Peer::answerer(config(BOB, 2), now, &narrow).unwrap();
    assert!(!answer.contains("telephone-event/48000"));
    alice.accept_answer(now, &answer).unwrap();
    let heard = [Heard::default(), Heard::default()];
    let net = Network::new(4);
    let mut world = World {
        net,
        peers: [alice, bob],
        heard,
    };
    world.connect();
    assert_eq!(formats(&world.peers[0]), [(8_000, 126, 126)]);
    assert_eq!(press(&mut world, 0, "99#"), "99#");
    assert_eq!(press(&mut world, 1, "0"), "0");
}

#[test]
fn keys_are_refused_when_they_are_none_nobody_takes_them_or_too_many_wait() {
    let mut world = World::usual(5);
    let now = world.now();
    assert!(!world.peers[0].send_dtmf(now, '1'), "nothing flows yet");
    world.connect();
    let now = world.now();
    assert!(!world.peers[0].send_dtmf(now, 'x'));
    let taken = (0..KEYS_WAITING_MAX * 2).filter(|_| world.peers[0].send_dtmf(now, '1'));
    // One is being played already.
    assert_eq!(taken.count(), KEYS_WAITING_MAX + 1);

    let (mut alice, offer) = Peer::offerer(config(ALICE, 1), now).unwrap();
    let (_, answer) = Peer::answerer(config(BOB, 2), now, &offer).unwrap();
    alice
        .accept_answer(now, &answer.replace("telephone-event", "comfort"))
        .unwrap();
    assert_eq!(formats(&alice), []);
}

#[test]
fn r43_keys_survive_a_hold() {
    let mut world = World::usual(6);
    world.connect();
    for held in [true, false] {
        let now = world.now();
        let offer = world.peers[0].hold(now, held).unwrap();
        let answer = world.peers[1].handle_offer(now, &offer).unwrap();
        world.peers[0].accept_direction(now, &answer).unwrap();
        assert_eq!(world.peers[1].send_dtmf(now, '5'), !held);
    }
    assert_eq!(press(&mut world, 0, "4"), "4");
    assert_eq!(world.heard[0].keys, "5");
}

#[test]
fn no_key_is_printed() {
    assert_eq!(format!("{:?}", PeerEvent::Dtmf('7')), "Dtmf(«redacted»)");
}
