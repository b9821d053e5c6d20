//! Peers and strangers that mean harm, and descriptions that are refused.

use std::time::Duration;

use rtc_stun::attributes::{ATTR_USERNAME, AttrType};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};

use super::*;
use crate::error::Refusal;
use crate::sdp::{SdpError, SessionDescription};
use crate::testing::{Dice, picture};

fn offer() -> String {
    let net = Network::new(1);
    Peer::offerer(config(ALICE, 1), net.now).unwrap().1
}

fn refused(offer: &str) -> MediaError {
    let net = Network::new(1);
    match Peer::answerer(config(BOB, 2), net.now, offer) {
        Ok((_, answer)) => panic!("accepted: {answer}"),
        Err(error) => error,
    }
}

#[test]
fn a34_a_wrong_certificate_ends_the_call_and_no_media_ever_flows() {
    // Whichever side lies, as DTLS client or as server, by a wrong digest or by a hash too weak.
    for liar in [0, 1] {
        let net = Network::new(20 + liar as u64);
        let other = Certificate::generate().unwrap().fingerprint();
        let lie = |text: String| {
            let lines = text
                .lines()
                .map(|line| match line.strip_prefix("a=fingerprint:") {
                    Some(_) => format!("a=fingerprint:{other}\r\n"),
                    None => format!("{line}\r\n"),
                });
            lines.collect::<String>()
        };
        let (mut alice, offer) = Peer::offerer(config(ALICE, 1), net.now).unwrap();
        let offer = if liar == 0 { lie(offer) } else { offer };
        let (bob, answer) = Peer::answerer(config(BOB, 2), net.now, &offer).unwrap();
        let answer = if liar == 1 { lie(answer) } else { answer };
        alice.accept_answer(net.now, &answer).unwrap();
        let heard = [Heard::default(), Heard::default()];
        let mut world = World {
            net,
            peers: [alice, bob],
            heard,
        };
        let victim = 1 - liar;
        let failed = |w: &World| !w.heard[victim].failed.is_empty();
        assert!(world.until(Duration::from_secs(12), failed));
        assert_eq!(
            world.heard[victim].failed,
            ["the peer's certificate is not the announced one"]
        );
        let now = world.now();
        world.peers[victim].send_frame(now, MediaKind::Video, 0, &picture(0, true, 100));
        world.peers[liar].send_frame(now, MediaKind::Video, 0, &picture(0, true, 100));
        world.run(Duration::from_secs(1));
        assert!(world.heard[victim].frames.is_empty());
        assert_eq!(world.heard[victim].connected, 0);
        let srtp = world.net.sent.iter();
        let from_victim = srtp
            .filter(|(to, bytes)| *to == liar && bytes[0] >= 128)
            .count();
        assert_eq!(from_victim, 0, "the victim sent media");
    }
}

#[test]
fn a33_dtls_from_an_address_that_proved_nothing_is_dropped() {
    let net = Network::new(30);
    let now = net.now;
    let (mut alice, offer) = Peer::offerer(config(ALICE, 1), now).unwrap();
    let (bob, answer) = Peer::answerer(config(BOB, 2), now, &offer).unwrap();
    alice.accept_answer(now, &answer).unwrap();
    let mut world = World {
        net,
        peers: [alice, bob],
        heard: [Heard::default(), Heard::default()],
    };
    let stranger = address("198.51.100.66:6666");
    let hello = [22u8, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0];
    let mut attacks = 0;
    while world.heard.iter().any(|heard| heard.connected == 0) {
        for side in [0, 1] {
            let (now, to) = (world.now(), address([ALICE, BOB][side]));
            for first in [22u8, 0x80, 0x90] {
                let mut bytes = hello;
                bytes[0] = first;
                world.peers[side].handle_datagram(now, stranger, to, &bytes);
                attacks += 1;
            }
        }
        world.step();
        assert!(attacks < 60_000, "no connection under attack");
    }
    assert!(world.peers[1].stats().unproven > 100);
    assert!(!world.net.addressed.contains(&stranger), "it was answered");
}

/// A connectivity check for `side` that claims this and that, sealed with `password`.
fn check(world: &World, side: usize, password: &str, claims: &[(u16, &[u8])]) -> Vec<u8> {
    let ufrag = |side: usize| world.peers[side].local_ufrag().to_owned();
    let mut message = Message::new();
    message.set_type(BINDING_REQUEST);
    message.transaction_id = TransactionId([9; 12]);
    message.write_header();
    let username = format!("{}:{}", ufrag(side), ufrag(1 - side));
    message.add(ATTR_USERNAME, username.as_bytes());
    for (kind, value) in claims {
        message.add(AttrType(*kind), value);
    }
    let provider = crate::certificate::provider().unwrap();
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
        password.to_owned(),
        provider.crypto(),
    );
    integrity.add_to(&mut message).unwrap();
    message.raw
}

#[test]
fn a48_checks_that_the_peer_did_not_make_change_no_role_and_get_no_answer() {
    const PRIORITY: u16 = 0x24;
    const USE_CANDIDATE: u16 = 0x25;
    const CONTROLLED: u16 = 0x8029;
    const CONTROLLING: u16 = 0x802a;
    let mut world = World::usual(34);
    world.connect();
    let stranger = address("198.51.100.66:6666");
    for side in [0, 1] {
        let (local, peer) = (address([ALICE, BOB][side]), address([BOB, ALICE][side]));
        for role in [CONTROLLED, CONTROLLING] {
            for tie_breaker in [[0; 8], [0xff; 8]] {
                let claims: [(u16, &[u8]); 3] = [
                    (PRIORITY, &[1; 4]),
                    (USE_CANDIDATE, &[]),
                    (role, &tie_breaker),
                ];
                let forged = check(&world, side, "a guessed password", &claims);
                for from in [peer, stranger] {
                    let now = world.now();
                    world.peers[side].handle_datagram(now, from, local, &forged);
                    assert_eq!(world.peers[side].poll_output(), None, "it was answered");
                    assert!(!world.peers[side].is_proven(stranger));
                }
            }
        }
    }
    world.run(Duration::from_secs(40));
    assert!(world.heard.iter().all(|heard| heard.disconnected == 0));
    let now = world.now();
    world.peers[0].send_frame(now, MediaKind::Audio, 0, &[1]);
    world.run(Duration::from_millis(200));
    assert_eq!(world.heard[1].frames.len(), 1, "the call goes on");
}

#[test]
fn a48_checks_from_a_forged_address_do_not_turn_pictures_to_somebody_else() {
    let mut world = World::usual(35);
    world.connect();
    let (victim, bob) = (address("198.51.100.66:6666"), address(BOB));
    let password = world.peers[1].local[0].password.clone();
    let forged = check(&world, 1, &password, &[(0x24, &[1; 4]), (0x25, &[])]);
    let mut answers = 0;
    // Alice herself is not heard any more.
    for n in 0..40_000_u32 {
        let now = world.now() + Duration::from_millis(u64::from(n));
        if n.is_multiple_of(500) {
            world.peers[1].handle_datagram(now, victim, bob, &forged);
        }
        if n.is_multiple_of(33) {
            world.peers[1].send_frame(now, MediaKind::Video, n * 90, &picture(n, true, 1_000));
        }
        world.peers[1].handle_timeout(now);
        while let Some(output) = world.peers[1].poll_output() {
            if let PeerOutput::Transmit {
                destination, bytes, ..
            } = output
                && destination == victim
            {
                assert!(bytes[0] <= 3, "more than connectivity checks");
                answers += 1;
            }
        }
    }
    assert!(answers > 0, "the check was not taken for one");
    assert_eq!(
        world.peers[1].poll_timeout(),
        None,
        "without consent it ends"
    );
}

#[test]
fn a35_a_flood_of_handshake_fragments_is_bounded_and_the_call_goes_on() {
    let mut world = World::usual(32);
    world.connect();
    let (from, to) = (address(ALICE), address(BOB));
    let sent = world.net.sent.len();
    for n in 0..10_000u16 {
        let [high, low] = n.to_be_bytes();
        // A record of one fragment of a message of 16 MB.
        let mut record = vec![22, 0xfe, 0xfd, 0, 0, 1, 0, 0, 0, high, low, 0, 112];
        record.extend([1, 0xff, 0xff, 0xff, high, low, 0, 0, 0, 0, 0, 100]);
        record.extend([0; 100]);
        let now = world.now();
        world.peers[1].handle_datagram(now, from, to, &record);
        while let Some(output) = world.peers[1].poll_output() {
            assert!(matches!(output, PeerOutput::Transmit { .. }), "{output:?}");
            world.net.sent.push((0, Vec::new()));
        }
    }
    assert!(world.net.sent.len() - sent < 60, "few answers");
    let now = world.now();
    world.peers[0].send_frame(now, MediaKind::Audio, 0, &[1]);
    world.run(Duration::from_millis(200));
    assert_eq!(world.heard[1].frames.len(), 1);
}

#[test]
fn a36_a37_forged_and_replayed_media_is_counted_and_changes_nothing() {
    let mut world = World::usual(31);
    world.connect();
    let mut dice = Dice::new(1);
    let (from, to) = (address(ALICE), address(BOB));
    let mut replay = Vec::new();
    for n in 0..60u32 {
        let now = world.now();
        world.peers[0].send_frame(now, MediaKind::Video, n * 3_000, &picture(n, n == 0, 2_000));
        world.run(Duration::from_millis(33));
        for _ in 0..50 {
            let mut forged: Vec<u8> = (0..60).map(|_| dice.next() as u8).collect();
            forged[0] = 0x80;
            forged[1] = if dice.chance(50) { 96 } else { 200 };
            world.peers[1].handle_datagram(world.net.now, from, to, &forged);
        }
        let sent = world
            .net
            .sent
            .iter()
            .filter(|(to, b)| *to == 1 && b[0] >= 128);
        replay = sent.map(|(_, bytes)| bytes.clone()).collect();
    }
    let frames = world.heard[1].frames.len();
    for bytes in &replay {
        world.peers[1].handle_datagram(world.net.now, from, to, bytes);
    }
    world.run(Duration::from_millis(500));
    assert_eq!((frames, world.heard[1].frames.len()), (60, 60));
    let stats = world.peers[1].stats();
    assert!(
        stats.undecryptable >= 3_000 + replay.len() as u64,
        "{stats:?}"
    );
    assert_eq!((stats.video.lost, world.heard[1].failed.len()), (0, 0));
}

#[test]
fn a39_unencrypted_and_sdes_offers_are_refused() {
    let offer = offer();
    let plain = offer.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP");
    assert_eq!(
        refused(&plain),
        MediaError::NotAcceptable(Refusal::NotDtlsSrtp)
    );
    let stripped: String = offer
        .lines()
        .filter(|line| !line.starts_with("a=fingerprint"))
        .map(|line| format!("{}\r\n", line.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVP")))
        .collect();
    let sdes = stripped
        + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n";
    let error = refused(&sdes);
    assert_eq!(error, MediaError::NotAcceptable(Refusal::NotDtlsSrtp));
    assert_eq!(error.sip_status(), 488);
    let weak =
        "a=fingerprint:sha-1 AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA\r\n";
    let weakened: String = offer
        .lines()
        .map(|line| match line.strip_prefix("a=fingerprint") {
            Some(_) => weak.to_owned(),
            None => format!("{line}\r\n"),
        })
        .collect();
    assert_eq!(
        refused(&weakened),
        MediaError::NotAcceptable(Refusal::NoFingerprint)
    );
}

#[test]
fn offers_that_lack_a_needed_part_are_refused_with_the_reason() {
    let without = |prefix: &str| -> String {
        let offer = offer();
        let kept = offer.lines().filter(|line| !line.starts_with(prefix));
        kept.map(|line| format!("{line}\r\n")).collect()
    };
    for (prefix, refusal) in [
        ("a=rtcp-mux", Refusal::NoRtcpMux),
        ("a=ice-ufrag", Refusal::NoIce),
        ("a=ice-pwd", Refusal::NoIce),
        ("a=setup", Refusal::Setup),
        ("a=rtpmap", Refusal::Codec(MediaKind::Audio)),
    ] {
        let offer = without(prefix);
        assert_eq!(
            refused(&offer),
            MediaError::NotAcceptable(refusal),
            "{prefix}"
        );
    }
    let whole = offer().replace("BUNDLE 0 1 2 3", "BUNDLE");
    assert_eq!(
        refused(&whole[..whole.find("m=").unwrap()]),
        MediaError::NotAcceptable(Refusal::NothingInCommon)
    );
    let held = offer().replace("a=setup:actpass", "a=setup:holdconn");
    assert_eq!(refused(&held), MediaError::NotAcceptable(Refusal::Setup));
}

#[test]
fn answers_that_do_not_fit_the_offer_are_refused() {
    let net = Network::new(1);
    let (_, offer) = Peer::offerer(config(ALICE, 1), net.now).unwrap();
    let (_, answer) = Peer::answerer(config(BOB, 2), net.now, &offer).unwrap();
    let check = |answer: &str| {
        let (mut alice, _) = Peer::offerer(config(ALICE, 1), net.now).unwrap();
        alice.accept_answer(net.now, answer)
    };
    assert_eq!(check(&answer), Ok(()));
    let refusals = [
        (
            answer.replace("a=setup:passive", "a=setup:actpass"),
            Refusal::Setup,
        ),
        (
            answer.replace("a=group:BUNDLE 0 1 2", "a=x:y"),
            Refusal::NoBundle,
        ),
        (
            answer.replacen("m=audio", "m=video", 1),
            Refusal::AnswerMismatch,
        ),
        (
            answer.replace("5000 UDP", "0 UDP"),
            Refusal::NothingInCommon,
        ),
        (
            answer.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
            Refusal::NotDtlsSrtp,
        ),
        (
            answer.replace("opus", "opera"),
            Refusal::Codec(MediaKind::Audio),
        ),
    ];
    for (answer, refusal) in refusals {
        assert_eq!(
            check(&answer),
            Err(MediaError::NotAcceptable(refusal)),
            "{refusal}"
        );
    }
}

#[test]
fn a40_hostile_descriptions_are_refused_quickly() {
    let offer = offer();
    let audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
    let last_attributes = offer[offer.rfind("m=").unwrap()..].matches("a=").count();
    let table: [(String, SdpError); 9] = [
        (
            format!("{offer}{}", audio.repeat(10_000)),
            SdpError::TooLarge,
        ),
        (
            format!("{offer}{}", audio.repeat(14)),
            SdpError::TooManyMedia,
        ),
        (
            offer.clone() + &"a=x\r\n".repeat(200_000),
            SdpError::TooLarge,
        ),
        (
            offer.clone() + &"a=x\r\n".repeat(600),
            SdpError::Limit(offer.lines().count() + 513 - last_attributes),
        ),
        (offer.replace("a=mid:1", "a=mid:0"), SdpError::DuplicateMid),
        (
            offer.replacen("m=audio 4000", "m=audio 65536", 1),
            SdpError::Line(6),
        ),
        (
            offer.replacen("m=audio 4000", "m=audio -1", 1),
            SdpError::Line(6),
        ),
        (offer.replacen("s=-", "s=a\rm=audio", 1), SdpError::Line(3)),
        (offer.replacen("v=0", "v=1", 1), SdpError::Incomplete),
    ];
    for (number, (text, error)) in table.into_iter().enumerate() {
        let refused = refused(&text);
        assert_eq!(refused, MediaError::Sdp(error), "entry {number}");
        assert_eq!(refused.sip_status(), 400);
    }
}

#[test]
fn a40_no_description_makes_us_send_anywhere_before_ice() {
    let mut net = Network::new(40);
    let offer = offer().replace("c=IN IP4 192.0.2.1", "c=IN IP4 203.0.113.250");
    let (mut bob, _) = Peer::answerer(config(BOB, 2), net.now, &offer).unwrap();
    for _ in 0..3_000 {
        net.now += Duration::from_millis(1);
        bob.handle_timeout(net.now);
        bob.send_frame(net.now, MediaKind::Audio, 0, &[1]);
        while let Some(output) = bob.poll_output() {
            if let PeerOutput::Transmit {
                destination, bytes, ..
            } = output
            {
                assert_eq!(destination, address(ALICE), "only the candidate is tried");
                assert!(bytes[0] < 4, "only by STUN");
            }
        }
    }
}

/// An RTP packet of Alice's picture, as she would not make it herself.
fn video_packet(world: &World, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let known = world.peers[1].negotiated().get(MediaKind::Video);
    let mut packet = vec![0x80, 0x80 | 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(known.unwrap().remote_ssrcs[0].to_be_bytes());
    packet.extend(payload);
    packet
}

#[test]
fn a43_malformed_pictures_are_dropped_and_a_key_frame_is_asked_for() {
    let mut world = World::usual(51);
    world.connect();
    let good = crate::h264::packetise(&picture(1, true, 400), 1_100);
    let bad: [&[u8]; 8] = [
        &[],
        &[0x78],                   // STAP-A without a unit
        &[0x78, 0xff, 0xff, 0x67], // STAP-A with a unit longer than itself
        &[0x7c, 0x45, 1, 2, 3],    // the end of a fragment without a start
        &[0x7c],                   // FU-A without its header
        &[0x7d, 0x85, 0],          // FU-B, which this mode has not
        &[0x60, 1],                // a unit of no type
        &[0x7f; 900],
    ];
    let mut sequence = 100;
    let mut send = |world: &mut World, payload: &[u8], timestamp: u32| {
        sequence += 1;
        let packet = video_packet(world, sequence, timestamp, payload);
        assert!(world.peers[0].send_sealed(&packet));
        world.run(Duration::from_millis(40));
    };
    send(&mut world, &good[0], 3_000);
    assert_eq!(world.heard[1].frames.len(), 1);
    let asked = world.heard[0].keyframe_requests;
    for (number, payload) in (2..).zip(bad) {
        send(&mut world, payload, number * 3_000);
    }
    world.run(Duration::from_secs(1));
    assert_eq!(
        world.heard[1].frames.len(),
        1,
        "nothing of it is handed out"
    );
    assert!(world.heard[0].keyframe_requests > asked);
    send(&mut world, &good[0], 90_000);
    assert_eq!(world.heard[1].frames.len(), 2, "the call goes on");
}

#[test]
fn mutated_descriptions_and_datagrams_do_not_panic() {
    let mut dice = Dice::new(77);
    let offer = offer();
    for _ in 0..3_000 {
        let mut bytes = offer.clone().into_bytes();
        for _ in 0..1 + dice.below(6) {
            let at = dice.below(bytes.len() as u64) as usize;
            match dice.below(3) {
                0 => bytes[at] = dice.next() as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"0:/ \r\n=a"[dice.below(8) as usize]),
            }
        }
        if let Ok(text) = String::from_utf8(bytes)
            && let Ok(parsed) = SessionDescription::parse(&text)
        {
            let again = SessionDescription::parse(&parsed.to_string());
            assert!(again.is_ok(), "what we read we can write");
            let kinds = [MediaKind::Audio, MediaKind::Video, MediaKind::Text];
            let allowed = crate::sdp::Allowed::everything();
            drop(crate::sdp::policy::accept_offer(
                &parsed,
                &kinds,
                (&allowed, LayerRole::Takes),
            ));
            drop(crate::sdp::policy::check_answer(&parsed, &parsed, &allowed));
        }
    }
    let mut world = World::usual(50);
    world.connect();
    let sent: Vec<(usize, Vec<u8>)> = world.net.sent.clone();
    for _ in 0..200 {
        for (to, bytes) in &sent {
            let mut bytes = bytes.clone();
            let at = dice.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << dice.below(8);
            bytes.truncate(bytes.len() - dice.below(3) as usize);
            let (from, local) = (address([BOB, ALICE][*to]), address([ALICE, BOB][*to]));
            world.peers[*to].handle_datagram(world.net.now, from, local, &bytes);
        }
    }
    let now = world.now();
    world.peers[0].send_frame(now, MediaKind::Audio, 0, &[1]);
    world.run(Duration::from_millis(200));
    assert_eq!(world.heard[1].frames.len(), 1, "the call goes on");
}
