//! Several sizes of one picture, from an app to a relay.

use super::*;
use crate::h264::payload_starts_keyframe;
use crate::testing::picture;

/// An app (0) that calls a relay (1).
fn app_and_relay(seed: u64) -> World {
    let mut relay = config(BOB, 2);
    relay.receive = Receive::Packets;
    let mut world = World::new(Network::new(seed), config(ALICE, 1), relay);
    world.connect();
    world
}

/// Sends both sizes for so long, as an app does: the smaller one while it is wanted.
fn film(world: &mut World, pictures: u32, first: &mut u32) {
    for n in *first..*first + pictures {
        let now = world.now();
        let heard = &mut world.heard[0];
        let whole = n == 0 || std::mem::take(&mut heard.keyframe_requests) > 0;
        let lower_whole = std::mem::take(&mut heard.lower_keyframes) > 0;
        let peer = &mut world.peers[0];
        peer.send_frame(now, MediaKind::Video, n * 3_000, &picture(n, whole, 4_000));
        peer.send_layer(now, 1, n * 3_000, &picture(n, lower_whole, 600));
        world.run(Duration::from_millis(33));
    }
    *first += pictures;
}

fn streams(packets: &[RtpPacket]) -> Vec<u32> {
    let mut ssrcs: Vec<u32> = packets.iter().map(|packet| packet.ssrc).collect();
    ssrcs.sort_unstable();
    ssrcs.dedup();
    ssrcs
}

#[test]
fn v3_the_smaller_picture_comes_only_while_it_is_wanted() {
    let mut world = app_and_relay(60);
    assert!(world.peers[1].can_pause_layers());
    let mut n = 0;
    film(&mut world, 60, &mut n);
    let usual = streams(&world.heard[1].packets);
    assert_eq!(usual.len(), 1, "nobody asked for more");
    let now = world.now();
    world.peers[1].want_layer(now, 1, true);
    film(&mut world, 60, &mut n);
    assert!(world.heard[0].lower_wanted);
    let both = streams(&world.heard[1].packets);
    assert_eq!(both.len(), 2);
    let mut packets = world.heard[1].packets.iter();
    let first = packets.find(|packet| packet.ssrc != usual[0]).unwrap();
    assert!(payload_starts_keyframe(&first.payload), "it begins whole");
    let rates = world.heard[1].layer_rates.clone();
    assert!(rates[0] > 5 * rates[1] && rates[1] > 100_000, "{rates:?}");
    let now = world.now();
    world.peers[1].want_layer(now, 1, false);
    film(&mut world, 30, &mut n);
    assert!(!world.heard[0].lower_wanted);
    world.heard[1].packets.clear();
    film(&mut world, 30, &mut n);
    assert_eq!(streams(&world.heard[1].packets), usual);
}

#[test]
fn a_lost_order_is_repeated_and_lost_packets_of_both_sizes_come_again() {
    let mut world = app_and_relay(61);
    let mut n = 0;
    film(&mut world, 30, &mut n);
    world.net.loss = 30;
    let now = world.now();
    world.peers[1].want_layer(now, 1, true);
    film(&mut world, 150, &mut n);
    assert!(world.heard[0].lower_wanted);
    world.net.loss = 5;
    film(&mut world, 30, &mut n);
    world.heard[1].packets.clear();
    let shown = n;
    film(&mut world, 150, &mut n);
    world.net.loss = 0;
    film(&mut world, 10, &mut n);
    for ssrc in streams(&world.heard[1].packets) {
        let packets = world.heard[1].packets.iter();
        let mut stamps: Vec<u32> = packets
            .filter(|packet| packet.ssrc == ssrc && packet.marker)
            .map(|packet| packet.timestamp)
            .collect();
        stamps.sort_unstable();
        stamps.dedup();
        let whole = stamps.len();
        assert!(whole + 8 > (n - shown) as usize, "{whole} of {}", n - shown);
    }
    let wanted_keyframes = world.heard[0].lower_keyframes;
    let now = world.now();
    let low = streams(&world.heard[1].packets)
        .into_iter()
        .map(|ssrc| {
            let packets = world.heard[1].packets.iter();
            (packets.filter(|packet| packet.ssrc == ssrc).count(), ssrc)
        })
        .min()
        .unwrap();
    world.peers[1].request_keyframe_of(now, low.1);
    world.run(Duration::from_millis(200));
    assert_eq!(world.heard[0].lower_keyframes, wanted_keyframes + 1);
    assert_eq!(world.heard[0].keyframe_requests, 0, "of that size alone");
}

#[test]
fn two_apps_send_each_other_one_size() {
    let mut world = World::usual(62);
    world.connect();
    for peer in &world.peers {
        let agreed = peer.negotiated().get(MediaKind::Video).unwrap();
        assert_eq!(agreed.layers, None);
        assert!(!peer.can_pause_layers());
    }
    let now = world.now();
    world.peers[0].send_layer(now, 1, 0, &picture(0, true, 100));
    world.run(Duration::from_millis(100));
    assert!(world.heard[1].frames.is_empty());
}

#[test]
fn a_relay_that_calls_takes_one_size() {
    let mut relay = config(ALICE, 1);
    relay.receive = Receive::Packets;
    let mut world = World::new(Network::new(63), relay, config(BOB, 2));
    world.connect();
    assert!(!world.peers[0].can_pause_layers());
    let now = world.now();
    world.peers[1].send_frame(now, MediaKind::Video, 0, &picture(0, true, 400));
    world.peers[1].send_layer(now, 1, 0, &picture(0, true, 100));
    world.run(Duration::from_millis(100));
    assert_eq!(streams(&world.heard[0].packets).len(), 1);
}
