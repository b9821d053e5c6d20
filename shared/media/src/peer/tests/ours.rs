//! Our peer with our peer.

use std::time::Duration;

use super::*;
use crate::sdp::{Allowed, Codec, Direction};
use crate::testing::picture;

fn video_frames(heard: &Heard) -> Vec<&Vec<u8>> {
    heard
        .frames
        .iter()
        .filter(|f| f.0 == MediaKind::Video)
        .map(|f| &f.3)
        .collect()
}

#[test]
fn r37_two_peers_connect_and_say_how() {
    let mut world = World::usual(1);
    let began = world.now();
    world.connect();
    assert!(
        world.now() - began < Duration::from_secs(1),
        "took {:?}",
        world.now() - began
    );
    for side in [0, 1] {
        let stats = world.peers[side].stats();
        assert!(stats.connected);
        assert_eq!(
            stats.cipher_suite.as_deref(),
            Some("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
        );
        assert_eq!(stats.srtp_profile.as_deref(), Some("SRTP_AEAD_AES_128_GCM"));
        assert_eq!(stats.candidate_type.as_deref(), Some("host"));
        let negotiated = world.peers[side].negotiated();
        assert_eq!(negotiated.media.len(), 3);
        assert!(
            negotiated
                .media
                .iter()
                .all(|m| m.direction == Direction::SendRecv)
        );
        assert_eq!(world.heard[side].connected, 1);
    }
}

#[test]
fn frames_packets_and_text_flow_both_ways() {
    let mut world = World::usual(2);
    world.connect();
    for n in 0..60u32 {
        let now = world.now();
        for side in [0, 1] {
            let peer = &mut world.peers[side];
            peer.send_frame(now, MediaKind::Video, n * 3_000, &picture(n, n == 0, 4_000));
            peer.send_frame(now, MediaKind::Audio, n * 960, &[0xfc, n as u8, side as u8]);
            if n % 20 == 0 {
                assert!(peer.send_text(now, "çava 👋 "));
            }
        }
        world.run(Duration::from_millis(33));
    }
    world.run(Duration::from_secs(2));
    for side in [0, 1] {
        let heard = &world.heard[side];
        let video = video_frames(heard);
        assert_eq!(video.len(), 60);
        assert_eq!(*video[7], picture(7, false, 4_000));
        let audio: Vec<_> = heard
            .frames
            .iter()
            .filter(|f| f.0 == MediaKind::Audio)
            .collect();
        assert_eq!(audio.len(), 60);
        assert!(audio.windows(2).all(|pair| pair[1].2 == pair[0].2 + 1));
        assert!(
            audio
                .windows(2)
                .all(|pair| pair[1].1.wrapping_sub(pair[0].1) == 960)
        );
        assert_eq!(heard.text, "çava 👋 çava 👋 çava 👋 ");
        let stats = world.peers[side].stats();
        assert_eq!(stats.lost(), 0);
        assert_eq!(stats.undecryptable + stats.unknown + stats.unproven, 0);
        assert!(
            stats.rtt_ms.is_some_and(|rtt| (38.0..45.0).contains(&rtt)),
            "{stats:?}"
        );
        assert_eq!(
            (stats.video.packets_sent, stats.video.lost_by_peer),
            (60 * 4 + 1, 0)
        );
    }
}

#[test]
fn the_handshake_survives_loss_reordering_and_repetition() {
    for seed in 0..12 {
        let mut net = Network::new(seed);
        (net.loss, net.reorder, net.repeat) = (12, 20, 10);
        let mut world = World::new(net, config(ALICE, 1), config(BOB, 2));
        world.connect();
    }
}

#[test]
fn r45_lost_packets_are_asked_for_again() {
    for (seed, loss, repair) in [(3, 5, true), (4, 10, true), (3, 5, false), (4, 10, false)] {
        let configs = (config(ALICE, 1), config(BOB, 2));
        // With a stream of their own (RFC 4588), and as they were.
        let mut world = World::with(Network::new(seed), configs.0, configs.1, |offer| {
            if repair {
                offer
            } else {
                offer.replace(" rtx/", " other/")
            }
        });
        world.connect();
        (world.net.loss, world.net.reorder, world.net.repeat) = (loss, 10, 5);
        for n in 0..300u32 {
            let now = world.now();
            let unit = picture(n, n == 0 || world.heard[0].keyframe_requests > 0, 5_000);
            world.heard[0].keyframe_requests = 0;
            world.peers[0].send_frame(now, MediaKind::Video, n * 3_000, &unit);
            world.run(Duration::from_millis(33));
        }
        world.run(Duration::from_secs(1));
        let shown = video_frames(&world.heard[1]).len();
        let stats = world.peers[1].stats();
        assert!(
            shown >= 285,
            "{shown} of 300 pictures at {loss} % loss: {stats:?}"
        );
        assert!(stats.video.nacks_sent > 50, "{stats:?}");
        assert!(world.peers[0].stats().video.resent > 50);
        assert_eq!(stats.video.repaired > 50, repair, "{stats:?}");
    }
}

#[test]
fn after_unrecoverable_loss_the_sender_is_asked_for_a_key_frame_and_no_broken_picture_is_shown() {
    let mut world = World::usual(5);
    world.connect();
    let mut keyframes = 0;
    for n in 0..200u32 {
        // A total loss for 1.3 s: more than can be had again.
        world.net.loss = if (60..100).contains(&n) { 100 } else { 0 };
        let asked = std::mem::take(&mut world.heard[0].keyframe_requests);
        let keyframe = n == 0 || asked > 0;
        keyframes += u32::from(keyframe);
        let now = world.now();
        world.peers[0].send_frame(
            now,
            MediaKind::Video,
            n * 3_000,
            &picture(n, keyframe, 9_000),
        );
        world.run(Duration::from_millis(33));
    }
    world.run(Duration::from_secs(1));
    let shown = video_frames(&world.heard[1]);
    assert!((130..165).contains(&shown.len()), "{}", shown.len());
    let after = shown.iter().skip(60).find(|unit| !unit.is_empty()).unwrap();
    assert!(
        crate::h264::is_keyframe(after),
        "the first picture after the loss is a key frame"
    );
    assert!((2..=4).contains(&keyframes), "{keyframes}");
}

#[test]
fn r38_text_loses_nothing_at_isolated_losses() {
    let mut world = World::usual(6);
    world.connect();
    let sentence = "The quick brown fox jumps over the lazy dog. ";
    let mut typed = String::new();
    for (n, letter) in sentence.repeat(4).chars().enumerate() {
        // Every third datagram of a second is lost, never two text packets in a row.
        world.net.loss = if n % 6 == 0 { 100 } else { 0 };
        let now = world.now();
        typed.push(letter);
        assert!(world.peers[0].send_text(now, &letter.to_string()));
        world.run(Duration::from_millis(100));
    }
    world.net.loss = 0;
    world.run(Duration::from_secs(2));
    assert_eq!(world.heard[1].text, typed);
}

#[test]
fn a_relay_forwards_packets_of_changing_sources_as_one_stream() {
    // Two cameras send to a relay's peers, which hand out packets; one viewer gets the one, then
    // the other.
    let mut cameras: Vec<World> = (0..2u8)
        .map(|n| {
            let mut relay = config(BOB, 20 + n);
            relay.receive = Receive::Packets;
            World::new(Network::new(u64::from(n)), config(ALICE, 10 + n), relay)
        })
        .collect();
    cameras.iter_mut().for_each(World::connect);
    let mut viewer = World::usual(9);
    viewer.connect();
    for n in 0..100u32 {
        let chosen = usize::from(n >= 50);
        for (index, camera) in cameras.iter_mut().enumerate() {
            let now = camera.now();
            let unit = picture(n + 1_000 * index as u32, n % 50 == 0, 3_000);
            camera.peers[0].send_frame(now, MediaKind::Video, n * 3_000, &unit);
            camera.run(Duration::from_millis(33));
            for packet in std::mem::take(&mut camera.heard[1].packets) {
                let now = viewer.now();
                if index == chosen {
                    viewer.peers[0].send_rtp(now, &packet);
                }
            }
        }
        viewer.run(Duration::from_millis(33));
    }
    viewer.run(Duration::from_millis(300));
    let shown = video_frames(&viewer.heard[1]);
    assert_eq!(shown.len(), 100, "{:?}", viewer.peers[1].stats());
    let steps = viewer.heard[1]
        .frames
        .windows(2)
        .map(|pair| pair[1].1.wrapping_sub(pair[0].1));
    assert!(
        steps.clone().all(|step| (2_500..=3_600).contains(&step)),
        "{:?}",
        steps.max()
    );
}

/// A picture of VP8 in one packet, with its number and that of its temporal base layer.
fn numbered(picture: u16, base: u8, is_key: bool) -> Vec<u8> {
    let [high, low] = (picture | 0x8000).to_be_bytes();
    let tag = if is_key { 0x50 } else { 0x51 };
    let descriptor = [0x90, 0xe0, high, low, base, 0x20];
    let frame = [tag, 0x42, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01];
    [descriptor.as_slice(), &frame].concat()
}

#[test]
fn pictures_of_vp8_are_numbered_on_over_a_change_of_the_source_and_when_they_come_again() {
    let vp8 = |mut config: PeerConfig| {
        config.allowed = Allowed::everything();
        config
            .allowed
            .retain(MediaKind::Video, |codec| codec == Codec::Vp8);
        config
    };
    let mut bob = vp8(config(BOB, 2));
    bob.receive = Receive::Packets;
    let mut world = World::new(Network::new(44), vp8(config(ALICE, 1)), bob);
    world.connect();
    world.net.loss = 5;
    // Two sources, each with numbers of its own.
    let said = |ssrc: u32, n: u16| {
        let (picture, base) = if ssrc == 5 { (30_000, 0) } else { (77, 50) };
        numbered(picture + n, base + n as u8, n.is_multiple_of(100))
    };
    for n in 0..200_u16 {
        let ssrc = if n < 100 { 5 } else { 6 };
        let packet = RtpPacket {
            kind: MediaKind::Video,
            ssrc,
            csrc: None,
            payload_type: 0,
            sequence: n,
            timestamp: u32::from(n) * 3_000,
            marker: true,
            orientation: None,
            layer: 0,
            payload: said(ssrc, n).into(),
        };
        let now = world.now();
        assert!(!world.peers[0].send_rtp(now, &packet));
        for _ in 0..33 {
            world.step();
            for missed in std::mem::take(&mut world.heard[0].missed) {
                let payload = said(missed.ssrc, missed.sequence);
                world.peers[0].send_again(missed, &payload);
            }
        }
    }
    let mut packets = world.heard[1].packets.clone();
    packets.sort_by_key(|packet| packet.timestamp);
    packets.dedup_by_key(|packet| packet.timestamp);
    assert!(packets.len() > 195, "{} of 200", packets.len());
    let first = packets[0].sequence;
    for packet in packets {
        let n = packet.sequence.wrapping_sub(first);
        let expected = numbered(30_000 + n, n as u8, n.is_multiple_of(100));
        assert_eq!(packet.payload, expected, "picture {n}");
    }
}

#[test]
fn packets_as_long_as_browsers_make_them_are_passed_on_and_longer_ones_counted() {
    // 1200 bytes before the authentication tag.
    const BROWSERS: usize = 1_200 - crate::rtp::RTP_HEADER_BYTES;
    let mut world = World::usual(12);
    world.connect();
    let now = world.now();
    let mut packet = RtpPacket {
        kind: MediaKind::Video,
        ssrc: 5,
        csrc: None,
        payload_type: 96,
        sequence: 1,
        timestamp: 1,
        marker: true,
        orientation: None,
        layer: 0,
        payload: vec![0x65; BROWSERS].into(),
    };
    let peer = &mut world.peers[0];
    assert!(!peer.send_rtp(now, &packet));
    let Some(PeerOutput::Transmit { bytes, .. }) = peer.poll_output() else {
        panic!("nothing was sent");
    };
    assert_eq!(bytes.len(), 1_200 + 16);
    packet.sequence = 2;
    packet.payload = vec![0x65; 1_500].into();
    assert!(!peer.send_rtp(now, &packet));
    assert_eq!(peer.poll_output(), None);
    assert_eq!(peer.stats().video.not_forwarded, 1);
}

#[test]
fn a_key_frame_can_be_asked_for_but_not_too_often() {
    let mut world = World::usual(10);
    world.connect();
    let now = world.now();
    world.peers[0].send_frame(now, MediaKind::Video, 0, &picture(0, true, 100));
    world.run(Duration::from_millis(100));
    for _ in 0..100 {
        let now = world.now();
        world.peers[1].request_keyframe(now);
        world.run(Duration::from_millis(10));
    }
    let asked = world.heard[0].keyframe_requests;
    assert!((2..=3).contains(&asked), "{asked} in one second");
}

#[test]
fn r25_a_silent_peer_is_noticed_after_5_s_and_given_up_after_30_s() {
    let mut world = World::usual(11);
    world.connect();
    world.net.loss = 100;
    let gone = |w: &World| w.heard[1].disconnected == 1;
    assert!(world.until(Duration::from_secs(7), gone));
    world.net.loss = 0;
    let back = |w: &World| w.heard[1].connected == 2;
    assert!(world.until(Duration::from_secs(4), back), "comes back");
    world.net.loss = 100;
    let failed = |w: &World| !w.heard[1].failed.is_empty();
    assert!(world.until(Duration::from_secs(32), failed));
    assert_eq!(world.peers[1].poll_timeout(), None);
}

#[test]
fn r14_media_follows_a_peer_whose_address_changes() {
    let mut world = World::usual(12);
    world.connect();
    world.run(Duration::from_secs(1));
    // From here on a NAT shows Alice under another port, in both directions.
    let (old, new) = (address(ALICE), address("192.0.2.1:4999"));
    // Longer than consent lasts.
    let end = world.now() + Duration::from_secs(70);
    let mut n = 0u32;
    while world.now() < end {
        let now = world.now();
        if n.is_multiple_of(20) {
            world.peers[1].send_frame(now, MediaKind::Audio, n / 20 * 960, &[1, 2, 3]);
        }
        n += 1;
        for side in [0, 1] {
            while let Some(output) = world.peers[side].poll_output() {
                match output {
                    PeerOutput::Transmit {
                        source,
                        destination,
                        bytes,
                    } => {
                        let source = if side == 0 { new } else { source };
                        if side == 0 || destination == new {
                            let destination = if side == 1 { old } else { destination };
                            world.net.send(1 - side, source, destination, &bytes);
                        }
                    }
                    PeerOutput::Event(PeerEvent::Frame { .. }) if side == 0 => {
                        world.heard[0].packets.clear();
                        world.heard[0].keyframe_requests += 1;
                    }
                    PeerOutput::Event(_) => {}
                }
            }
        }
        world.net.now += Duration::from_millis(1);
        for (to, source, destination, bytes) in world.net.arrivals() {
            world.peers[to].handle_datagram(world.net.now, source, destination, &bytes);
        }
        for side in [0, 1] {
            let now = world.net.now;
            world.peers[side].handle_timeout(now);
        }
    }
    let received = world.heard[0].keyframe_requests;
    assert!(received > 3_000, "{received} frames after the change");
    assert!(world.peers[1].is_connected());
    assert_eq!(
        world.peers[1].stats().candidate_type.as_deref(),
        Some("prflx")
    );
}

#[test]
fn closing_tells_the_peer_at_once() {
    let mut world = World::usual(13);
    world.connect();
    let now = world.now();
    world.peers[0].close(now);
    assert!(world.until(Duration::from_secs(1), |w| w.heard[1].disconnected == 1));
    let now = world.now();
    world.peers[0].send_frame(now, MediaKind::Audio, 0, &[1]);
    assert_eq!(world.peers[0].poll_output(), None);
}

#[test]
fn the_answerer_may_begin_long_before_the_offerer_hears_of_it() {
    let net = Network::new(14);
    let now = net.now;
    let (alice, offer) = Peer::offerer(config(ALICE, 1), now).unwrap();
    let (bob, answer) = Peer::answerer(config(BOB, 2), now, &offer).unwrap();
    let heard = [Heard::default(), Heard::default()];
    let mut world = World {
        net,
        peers: [alice, bob],
        heard,
    };
    world.run(Duration::from_secs(4));
    let now = world.now();
    world.peers[0].accept_answer(now, &answer).unwrap();
    let again = world.peers[0].accept_answer(now, &answer);
    assert!(matches!(again, Err(MediaError::WrongState(_))));
    world.connect();
}

#[test]
fn a_peer_can_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    let world = World::usual(16);
    assert_send(&world.peers);
    assert!(
        world.peers[0]
            .local_description()
            .contains("a=setup:actpass")
    );
    assert!(
        world.peers[1]
            .local_description()
            .contains("a=setup:passive")
    );
}

#[test]
fn a_shared_socket_finds_the_peer_by_its_user_name() {
    let mut world = World::usual(15);
    world.connect();
    let requests: Vec<(usize, &str)> = world
        .net
        .sent
        .iter()
        .filter_map(|(to, bytes)| Some((*to, stun_ufrag(bytes)?)))
        .collect();
    assert!(requests.len() > 2);
    assert!(
        requests
            .iter()
            .all(|(to, ufrag)| *ufrag == world.peers[*to].local_ufrag())
    );
    for length in 0..40 {
        assert_eq!(stun_ufrag(&vec![0; length]), None);
    }
}
