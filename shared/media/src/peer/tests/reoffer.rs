//! Further offers on a standing connection.

use std::time::Duration;

use super::*;
use crate::sdp::{Direction, SessionDescription};
use crate::testing::picture;

fn with_video(description: &str, direction: Direction) -> String {
    let cut = description.find("m=video").unwrap();
    let (before, video) = description.split_at(cut);
    let wanted = format!("a={}\r\n", direction.name());
    format!("{before}{}", video.replacen("a=sendrecv\r\n", &wanted, 1))
}

fn pictures_arrive(world: &mut World, from: usize) -> bool {
    let before = world.heard[1 - from].frames.len();
    let now = world.now();
    world.peers[from].send_frame(now, MediaKind::Video, 0, &picture(1, true, 500));
    world.run(Duration::from_millis(200));
    world.heard[1 - from].frames.len() > before
}

#[test]
fn a_refresh_changes_the_version_alone_and_media_goes_on() {
    let mut world = World::usual(31);
    world.connect();
    for side in [0, 1] {
        let offer = world.peers[side].local_description().to_owned();
        let other = 1 - side;
        let before = world.peers[other].local_description().to_owned();
        let now = world.now();
        let answer = world.peers[other].handle_offer(now, &offer).unwrap();
        let (old, new) = (
            SessionDescription::parse(&before).unwrap(),
            SessionDescription::parse(&answer).unwrap(),
        );
        assert_eq!(new.origin.id, old.origin.id);
        assert_eq!(new.origin.version, old.origin.version + 1);
        let role = if other == 1 { "passive" } else { "active" };
        for (old, new) in old.media.iter().zip(&new.media) {
            let taken = new.port != 0;
            for name in ["ice-ufrag", "ice-pwd", "fingerprint", "mid", "ssrc"] {
                let kept = old.attributes.get(name).filter(|_| taken || name == "mid");
                assert_eq!(new.attributes.get(name), kept, "{name}");
            }
            assert_eq!(new.attributes.get("setup"), taken.then_some(role));
        }
        assert!(pictures_arrive(&mut world, 0) && pictures_arrive(&mut world, 1));
    }
}

#[test]
fn on_hold_no_picture_is_sent_and_afterwards_a_key_frame_is_asked_for() {
    let mut world = World::usual(32);
    world.connect();
    let offer = world.peers[0].local_description().to_owned();
    let now = world.now();
    let hold = with_video(&offer, Direction::Inactive);
    let answer = world.peers[1].handle_offer(now, &hold).unwrap();
    let answer = SessionDescription::parse(&answer).unwrap();
    assert_eq!(answer.media[1].direction(&answer), Direction::Inactive);
    assert!(!pictures_arrive(&mut world, 1));
    let asked = world.heard[1].keyframe_requests;
    let now = world.now();
    world.peers[1].handle_offer(now, &offer).unwrap();
    world.run(Duration::from_millis(100));
    assert_eq!(world.heard[1].keyframe_requests, asked + 1);
    assert!(pictures_arrive(&mut world, 1));
}

#[test]
fn another_transport_certificate_codec_or_kind_is_refused_and_nothing_changes() {
    let mut world = World::usual(33);
    world.connect();
    let offer = world.peers[0].local_description().to_owned();
    let before = world.peers[1].local_description().to_owned();
    let now = world.now();
    let value = |name: &str| {
        let start = offer.find(name).unwrap() + name.len();
        offer[start..].split("\r\n").next().unwrap().to_owned()
    };
    let ufrag = value("a=ice-ufrag:");
    let fingerprint = value("a=fingerprint:sha-256 ");
    let other_print = format!("00:00:{}", &fingerprint[6..]);
    let no_text = offer[..offer.find("m=text").unwrap()].replace("BUNDLE 0 1 2 3", "BUNDLE 0 1");
    for changed in [
        offer.replace(&ufrag, "restarted"),
        offer.replace(&fingerprint, &other_print),
        // With what stands before it: a fingerprint may hold the number too.
        [" 96", ":96 ", "=96"]
            .iter()
            .fold(offer.clone(), |offer, number| {
                offer.replace(number, &number.replace("96", "100"))
            }),
        no_text,
    ] {
        assert_ne!(changed, offer);
        let refused = world.peers[1].handle_offer(now, &changed).unwrap_err();
        assert_eq!(
            refused,
            MediaError::NotAcceptable(Refusal::Renegotiation),
            "{changed}"
        );
    }
    assert_eq!(world.peers[1].local_description(), before);
    assert!(pictures_arrive(&mut world, 0) && pictures_arrive(&mut world, 1));
}

#[test]
fn before_anything_is_agreed_there_is_nothing_to_change() {
    let net = Network::new(34);
    let (mut peer, offer) = Peer::offerer(config(ALICE, 3), net.now).unwrap();
    let refused = peer.handle_offer(net.now, &offer).unwrap_err();
    assert!(matches!(refused, MediaError::WrongState(_)));
}

#[test]
fn whoever_holds_sends_and_gets_nothing_until_they_take_the_call_back() {
    let mut world = World::usual(35);
    world.connect();
    for side in [0, 1] {
        let other = 1 - side;
        let now = world.now();
        let offer = world.peers[side].hold(now, true).unwrap();
        assert!(SessionDescription::parse(&offer).unwrap().is_hold());
        assert!(offer.contains("a=setup:actpass\r\n"));
        let answer = world.peers[other].handle_offer(now, &offer).unwrap();
        world.peers[side].accept_direction(now, &answer).unwrap();
        assert!(!pictures_arrive(&mut world, side) && !pictures_arrive(&mut world, other));
        // A refresh of the other side does not take the call back.
        let now = world.now();
        let refresh = world.peers[other].hold(now, false).unwrap();
        assert!(!SessionDescription::parse(&refresh).unwrap().is_hold());
        let answer = world.peers[side].handle_offer(now, &refresh).unwrap();
        world.peers[other].accept_direction(now, &answer).unwrap();
        assert!(!pictures_arrive(&mut world, side) && !pictures_arrive(&mut world, other));
        let now = world.now();
        let offer = world.peers[side].hold(now, false).unwrap();
        let answer = world.peers[other].handle_offer(now, &offer).unwrap();
        world.peers[side].accept_direction(now, &answer).unwrap();
        assert!(pictures_arrive(&mut world, side) && pictures_arrive(&mut world, other));
    }
}

#[test]
fn a_hold_is_recognised_in_its_old_form_too() {
    let old = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
               m=audio 4000 RTP/AVP 0\r\n";
    let is_hold = |text: &str| SessionDescription::parse(text).unwrap().is_hold();
    assert!(is_hold(old));
    let there = old.replace("0.0.0.0", "192.0.2.1");
    assert!(!is_hold(&there));
    assert!(is_hold(&format!("{there}a=sendonly\r\n")));
    assert!(!is_hold(&format!("{there}a=recvonly\r\n")));
}
