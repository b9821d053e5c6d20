//! Descriptions as a browser (Chromium 126 under JsSIP) and SIP telephones write them.

use std::time::Duration;

use super::*;
use crate::certificate::Certificate;
use crate::sdp::{Direction, SessionDescription};
use crate::testing::picture;

/// Sound and picture as Chromium offers them: many codecs, one bundle, `.local` candidates.
const CHROMIUM: &str = include_str!("chromium_offer.sdp");

fn answer(offer: &str) -> Result<(Peer, SessionDescription), MediaError> {
    let net = Network::new(1);
    let (peer, answer) = Peer::answerer(config(BOB, 7), net.now, offer)?;
    Ok((peer, SessionDescription::parse(&answer).unwrap()))
}

#[test]
fn r44_a_browsers_offer_is_answered_with_its_own_payload_types() {
    let (peer, answer) = answer(CHROMIUM).unwrap();
    assert_eq!(answer.bundles(), [["0", "1"]]);
    let [audio, video] = answer.media.as_slice() else {
        panic!("{}", answer.media.len())
    };
    assert_eq!(audio.formats, ["111", "110", "126"]);
    assert_eq!(audio.fmtp("111"), Some("minptime=10;useinbandfec=1"));
    // The first constrained baseline format with packetization mode 1, not 102 or 127.
    assert_eq!(video.formats, ["108", "109"], "and what repairs it");
    assert_eq!(video.fmtp("109"), Some("apt=108"));
    assert_eq!(
        video.fmtp("108"),
        Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")
    );
    let feedback: Vec<&str> = video.attributes.all("rtcp-fb").collect();
    assert_eq!(
        feedback,
        [
            "108 nack",
            "108 nack pli",
            "108 ccm fir",
            "108 transport-cc",
            "108 goog-remb"
        ]
    );
    assert!(!audio.attributes.has("extmap"));
    let extmaps: Vec<&str> = video.attributes.all("extmap").collect();
    let sequence = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    assert_eq!(
        extmaps,
        ["13 urn:3gpp:video-orientation", &format!("3 {sequence}")]
    );
    for media in [audio, video] {
        assert_eq!(media.protocol, "UDP/TLS/RTP/SAVPF");
        assert_eq!(media.attributes.get("setup"), Some("passive"));
        assert!(media.attributes.has("rtcp-mux") && media.attributes.has("end-of-candidates"));
        assert!(!media.attributes.has("ice-options"));
        assert_eq!(media.attributes.all("candidate").count(), 1);
        assert_eq!(media.direction(&answer), Direction::SendRecv);
        assert_eq!(media.port, 5000);
        assert_eq!(
            media.mid(),
            Some(if media.media == "audio" { "0" } else { "1" })
        );
    }
    let negotiated = peer.negotiated();
    assert_eq!(
        negotiated.get(MediaKind::Video).map(|m| m.payload_type),
        Some(108)
    );
    assert_eq!(
        negotiated.get(MediaKind::Video).unwrap().remote_ssrcs,
        [1_122_334_455, 1_122_334_456]
    );
    assert_eq!(negotiated.get(MediaKind::Text), None);
}

#[test]
fn r40_a_data_channel_is_taken_for_text_and_a_second_camera_is_rejected_in_its_place() {
    let second = CHROMIUM[CHROMIUM.find("m=video").unwrap()..].replace("a=mid:1", "a=mid:2");
    let offer = format!(
        "{}{second}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n\
         a=mid:3\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n",
        CHROMIUM.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 1 2 3")
    );
    let (peer, answer) = answer(&offer).unwrap();
    let ports: Vec<u16> = answer.media.iter().map(|media| media.port).collect();
    assert_eq!(ports, [5000, 5000, 0, 5000]);
    assert_eq!(answer.bundles(), [["0", "1", "3"]]);
    let line = &answer.media[3];
    assert_eq!(line.protocol, "UDP/DTLS/SCTP");
    assert_eq!(line.formats, ["webrtc-datachannel"]);
    assert_eq!(line.attributes.get("sctp-port"), Some("5000"));
    assert_eq!(line.attributes.get("max-message-size"), Some("4096"));
    assert_eq!(line.attributes.get("setup"), Some("passive"));
    assert!(!line.attributes.has("dcmap"), "nobody named a channel");
    let channel = peer.negotiated().channel.as_ref().unwrap();
    assert_eq!(channel.agreed, None);
    assert_eq!(channel.message_bytes_max, 262_144);
    // A line that is not of WebRTC is none of ours.
    let further = offer.replace("webrtc-datachannel", "another");
    let net = Network::new(1);
    let (peer, _) = Peer::answerer(config(BOB, 7), net.now, &further).unwrap();
    assert_eq!(peer.negotiated().channel, None);
}

#[test]
fn bundle_only_lines_are_in_the_bundle_and_port_zero_without_it_is_rejected() {
    let cut = CHROMIUM.find("m=video").unwrap();
    let line = "m=video 9 ";
    let video = CHROMIUM[cut..].replace(line, "m=video 0 ");
    let bundled = format!("{}{video}a=bundle-only\r\n", &CHROMIUM[..cut]);
    assert_eq!(answer(&bundled).unwrap().1.media[1].port, 5000);
    let withdrawn = format!("{}{video}", &CHROMIUM[..cut]);
    let (_, answer) = answer(&withdrawn).unwrap();
    assert_eq!(answer.media[1].port, 0);
    assert_eq!(answer.bundles(), [["0"]]);
}

#[test]
fn the_answer_mirrors_who_may_send() {
    for (offered, expected) in [
        ("sendonly", Direction::RecvOnly),
        ("recvonly", Direction::SendOnly),
        ("inactive", Direction::Inactive),
    ] {
        let (peer, answer) =
            answer(&CHROMIUM.replace("a=sendrecv", &format!("a={offered}"))).unwrap();
        assert_eq!(answer.media[1].direction(&answer), expected);
        assert!(
            peer.negotiated()
                .media
                .iter()
                .all(|media| media.direction == expected)
        );
        assert_eq!(answer.media[1].attributes.has("ssrc"), expected.sends());
    }
}

#[test]
fn r43_a_rejected_text_line_survives() {
    // As Chromium answers an m=text it does not know.
    let net = Network::new(2);
    let (mut alice, offer) = Peer::offerer(config(ALICE, 1), net.now).unwrap();
    let (bob, answer) = {
        let mut config = config(BOB, 2);
        config.media = vec![MediaKind::Audio, MediaKind::Video];
        Peer::answerer(config, net.now, &offer).unwrap()
    };
    let parsed = SessionDescription::parse(&answer).unwrap();
    assert_eq!(parsed.media.len(), 4);
    assert_eq!(
        (parsed.media[2].media.as_str(), parsed.media[2].port),
        ("text", 0)
    );
    assert_eq!(parsed.bundles(), [["0", "1"]]);
    alice.accept_answer(net.now, &answer).unwrap();
    assert!(!alice.send_text(net.now, "nobody reads this"));
    let heard = [Heard::default(), Heard::default()];
    let mut world = World {
        net,
        peers: [alice, bob],
        heard,
    };
    world.connect();
}

#[test]
fn our_offer_puts_text_last_and_names_our_codecs_and_feedback() {
    let net = Network::new(3);
    let mut config = config(ALICE, 1);
    config.media = vec![MediaKind::Text, MediaKind::Video, MediaKind::Audio];
    let (_, offer) = Peer::offerer(config, net.now).unwrap();
    let parsed = SessionDescription::parse(&offer).unwrap();
    let kinds: Vec<&str> = parsed
        .media
        .iter()
        .map(|media| media.media.as_str())
        .collect();
    assert_eq!(kinds, ["audio", "video", "text", "application"]);
    assert_eq!(parsed.bundles(), [["0", "1", "2", "3"]]);
    for needed in [
        "a=rtpmap:111 opus/48000/2\r\n",
        "a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n",
        "a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\n",
        " UDP/TLS/RTP/SAVPF 99 98\r\n",
        "a=rtpmap:98 t140/1000\r\n",
        "a=fmtp:99 98/98/98\r\n",
        "a=dcmap:1 subprotocol=\"t140\"\r\na=dcsa:1 fmtp:t140 cps=90\r\n",
        "a=setup:actpass\r\n",
        "a=end-of-candidates\r\n",
    ] {
        assert!(offer.contains(needed), "{needed} in {offer}");
    }
    assert!(!offer.contains("trickle") && !offer.contains("a=crypto"));
}

/// A SIP telephone that knows ICE, DTLS-SRTP and rtcp-mux, but no bundles.
fn unbundled(offer: &str) -> String {
    let lines = offer.lines().filter(|line| !line.starts_with("a=group:"));
    lines.fold(String::new(), |all, line| all + line + "\r\n")
}

#[test]
fn a_peer_without_bundles_gets_a_transport_per_line() {
    // Three of our peers, one per m-line, play the telephone's three transports.
    let mut net = Network::new(4);
    let kinds = [MediaKind::Audio, MediaKind::Video, MediaKind::Text];
    let addresses = ["192.0.2.1:4000", "192.0.2.1:4002", "192.0.2.1:4004"];
    let mut lines = String::new();
    let mut phone: Vec<Peer> = Vec::new();
    let certificate = Certificate::generate().unwrap();
    for (index, (kind, local)) in kinds.into_iter().zip(addresses).enumerate() {
        let mut config =
            PeerConfig::new(vec![address(local)], certificate.clone(), [index as u8; 32]);
        config.media = vec![kind];
        let (peer, offer) = Peer::offerer(config, net.now).unwrap();
        let (offer, _) = offer.split_once("m=application").unwrap_or((&offer, ""));
        let media = &offer[offer.find("m=").unwrap()..];
        lines += &media.replace("a=mid:0\r\n", "");
        phone.push(peer);
    }
    let head = "v=0\r\no=phone 1 1 IN IP4 192.0.2.1\r\ns=call\r\nt=0 0\r\n";
    let offer = unbundled(&format!("{head}{lines}"));
    let (mut ours, answer) = Peer::answerer(config(BOB, 9), net.now, &offer).unwrap();
    assert_eq!(ours.local_ufrags().count(), 3);
    assert!(!answer.contains("a=group") && !answer.contains("a=mid"));
    for (index, peer) in phone.iter_mut().enumerate() {
        let starts: Vec<usize> = answer.match_indices("m=").map(|(at, _)| at).collect();
        let end = starts.get(index + 1).copied().unwrap_or(answer.len());
        let alone = format!("{}{}", &answer[..starts[0]], &answer[starts[index]..end]);
        peer.accept_answer(net.now, &alone).unwrap();
    }
    let (mut connected, mut frames, mut text) = (0, 0, String::new());
    for step in 0..4_000u32 {
        let now = net.now;
        if step == 2_000 {
            assert_eq!(
                connected, 4,
                "three transports of the phone, one peer of ours"
            );
            for (peer, kind) in phone.iter_mut().zip(kinds) {
                peer.send_frame(now, kind, 0, &picture(1, true, 500));
                peer.send_text(now, "hello");
            }
        }
        for peer in phone.iter_mut().chain([&mut ours]) {
            peer.handle_timeout(now);
            while let Some(output) = peer.poll_output() {
                match output {
                    PeerOutput::Transmit {
                        source,
                        destination,
                        bytes,
                    } => {
                        let to = addresses.iter().position(|a| address(a) == destination);
                        net.send(to.unwrap_or(3), source, destination, &bytes);
                    }
                    PeerOutput::Event(PeerEvent::Connected) => connected += 1,
                    PeerOutput::Event(PeerEvent::Frame { .. }) => frames += 1,
                    PeerOutput::Event(PeerEvent::Text(typed)) => text += &typed.text,
                    PeerOutput::Event(event) => panic!("{event:?}"),
                }
            }
        }
        net.now += Duration::from_millis(1);
        for (to, source, destination, bytes) in net.arrivals() {
            let peer = if to == 3 { &mut ours } else { &mut phone[to] };
            peer.handle_datagram(net.now, source, destination, &bytes);
        }
    }
    assert_eq!((frames, text.as_str()), (2, "hello"));
}
