//! Descriptions that would have us take half of them: they are refused whole (A39, A40), as offers,
//! as answers to ours, and as answers of one peer to another.

use super::*;
use crate::error::Refusal;
use crate::sdp::{Allowed, Codec, SdpError, SessionDescription, policy};

fn offer_of(allowed: Allowed) -> String {
    let net = Network::new(1);
    let mut config = config(ALICE, 1);
    config.allowed = allowed;
    Peer::offerer(config, net.now).unwrap().1
}

fn offer() -> String {
    offer_of(Allowed::default())
}

/// The offer as a peer with this list answers it.
fn answer_of(allowed: Allowed, offer: &str) -> Result<(Peer, String), MediaError> {
    let net = Network::new(1);
    let mut config = config(BOB, 2);
    config.allowed = allowed;
    Peer::answerer(config, net.now, offer)
}

/// What is said to a description as an offer, as an answer to our offer, and as the answer of one
/// peer to another.
fn said(trick: impl Fn(&str) -> String) -> [Result<(), MediaError>; 3] {
    let net = Network::new(1);
    let (mut alice, offer) = Peer::offerer(config(ALICE, 1), net.now).unwrap();
    let (_, answer) = Peer::answerer(config(BOB, 2), net.now, &offer).unwrap();
    let offered = answer_of(Allowed::default(), &trick(&offer)).map(drop);
    let answered = alice.accept_answer(net.now, &trick(&answer));
    let parsed = SessionDescription::parse(&trick(&answer));
    let passed = parsed.map_err(MediaError::Sdp).and_then(|answer| {
        let offer = SessionDescription::parse(&offer).unwrap();
        policy::check_answer(&offer, &answer, &Allowed::default())
    });
    [offered, answered, passed]
}

fn all_refuse(refusal: Refusal, trick: impl Fn(&str) -> String) {
    let expected = Err(MediaError::NotAcceptable(refusal));
    for (number, said) in said(trick).into_iter().enumerate() {
        assert_eq!(said, expected, "{refusal} in way {number}");
    }
}

fn all_cannot_read(error: &SdpError, trick: impl Fn(&str) -> String) {
    for (number, said) in said(trick).into_iter().enumerate() {
        let expected = Err(MediaError::Sdp(error.clone()));
        assert_eq!(said, expected, "{error} in way {number}");
    }
}

/// Changes the m-line of one kind and what follows it.
fn in_line(description: &str, kind: &str, change: impl Fn(&str) -> String) -> String {
    let start = description.find(&format!("m={kind}")).unwrap();
    let end = description[start + 2..].find("m=");
    let end = end.map_or(description.len(), |at| start + 2 + at);
    let (before, line, after) = (
        &description[..start],
        &description[start..end],
        &description[end..],
    );
    format!("{before}{}{after}", change(line))
}

const CRYPTO: &str =
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n";

#[test]
fn a_description_without_tricks_is_taken_in_every_way() {
    assert_eq!(said(str::to_owned), [Ok(()), Ok(()), Ok(())]);
}

#[test]
fn a39_a_bundle_of_which_one_line_is_not_encrypted_is_refused_whole() {
    for kind in ["audio", "video", "text"] {
        all_refuse(Refusal::NotDtlsSrtp, |text| {
            in_line(text, kind, |line| {
                line.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")
            })
        });
        all_refuse(Refusal::NotDtlsSrtp, |text| {
            in_line(text, kind, |line| {
                line.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVP") + CRYPTO
            })
        });
        // Keys beside a fingerprint: whoever reads the signalling could have chosen.
        all_refuse(Refusal::NotDtlsSrtp, |text| {
            in_line(text, kind, |line| line.to_owned() + CRYPTO)
        });
    }
    all_refuse(Refusal::NotDtlsSrtp, |text| {
        text.replacen("m=audio", &format!("{CRYPTO}m=audio"), 1)
    });
    // Lines of a kind that nobody here takes, and a second camera that would be rejected.
    for line in [
        "m=image 9 RTP/AVP 0\r\na=rtcp-mux\r\n",
        "m=video 9 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=rtcp-mux\r\n",
    ] {
        let refused = answer_of(Allowed::default(), &(offer() + line)).map(drop);
        let expected = Err(MediaError::NotAcceptable(Refusal::NotDtlsSrtp));
        assert_eq!(refused, expected, "{line}");
    }
}

#[test]
fn a34_fingerprints_that_lack_are_weak_or_differ_within_a_bundle_are_refused() {
    let other = Certificate::generate().unwrap().fingerprint();
    let with = |text: &str, kind: &str, value: Option<&str>| {
        in_line(text, kind, |line| {
            let kept = line.lines().filter_map(|line| {
                let Some(own) = line.strip_prefix("a=fingerprint:") else {
                    return Some(line.to_owned());
                };
                let value = value?.replace("OWN", own);
                Some(format!("a=fingerprint:{value}"))
            });
            kept.map(|line| line + "\r\n").collect()
        })
    };
    let sha1 = "sha-1 AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA";
    let md5 = "md5 AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA";
    for weak in [sha1, md5, "sha-256 AA:BB", "sha-256"] {
        all_refuse(Refusal::NoFingerprint, |text| {
            with(text, "video", Some(weak))
        });
    }
    // The line that stands for the bundle says who it is; another line may not say otherwise.
    for kind in ["video", "text"] {
        all_refuse(Refusal::Bundle, |text| with(text, kind, Some(&other)));
    }
    let nobody = |text: &str| {
        ["audio", "video", "text"]
            .into_iter()
            .fold(text.to_owned(), |text, kind| with(&text, kind, None))
    };
    all_refuse(Refusal::NotDtlsSrtp, nobody);
    // One strong fingerprint beside a weak one is enough (RFC 8122 section 5).
    let both = |text: &str| text.replace("a=setup", &format!("a=fingerprint:{sha1}\r\na=setup"));
    assert_eq!(said(both), [Ok(()), Ok(()), Ok(())]);
}

#[test]
fn a40_each_line_needs_its_own_rtcp_mux_ice_and_role() {
    for kind in ["audio", "video", "text"] {
        let without = |name: &'static str| {
            move |text: &str| {
                in_line(text, kind, |line| {
                    let kept = line.lines().filter(|line| !line.starts_with(name));
                    kept.map(|line| format!("{line}\r\n")).collect()
                })
            }
        };
        all_refuse(Refusal::NoRtcpMux, without("a=rtcp-mux"));
    }
    all_refuse(Refusal::Setup, |text| {
        in_line(text, "video", |line| {
            line.replace("a=setup:", "a=setup:hold")
        })
    });
    all_refuse(Refusal::NoIce, |text| {
        in_line(text, "video", |line| {
            line.replace("a=ice-pwd:", "a=ice-pwd:short\r\na=x:")
        })
    });
}

#[test]
fn a40_bundles_name_lines_that_are_there_and_each_once() {
    for group in [
        "BUNDLE 0 1 2 7",
        "BUNDLE 0 1 1",
        "BUNDLE 0 1\r\na=group:BUNDLE 1 2",
    ] {
        all_cannot_read(&SdpError::Bundle, |text| {
            text.replace("BUNDLE 0 1 2", group)
        });
    }
    all_refuse(Refusal::Bundle, |text| {
        text.replace("BUNDLE 0 1 2", "BUNDLE 0 1")
            .replace("a=mid:2", "a=mid:2\r\na=bundle-only")
    });
}

#[test]
fn a40_payload_types_mean_one_thing() {
    all_refuse(Refusal::PayloadTypes, |text| {
        in_line(text, "video", |line| {
            line.replacen(" 96 97\r\n", " 96 96 97\r\n", 1)
        })
    });
    all_refuse(Refusal::PayloadTypes, |text| {
        in_line(text, "video", |line| {
            line.to_owned() + "a=rtpmap:96 VP8/90000\r\n"
        })
    });
    // The same number for sound and for picture: nobody could tell their packets apart.
    let same = offer().replace("111", "96");
    assert_eq!(
        answer_of(Allowed::default(), &same).map(drop),
        Err(MediaError::NotAcceptable(Refusal::PayloadTypes))
    );
    // With rtcp-mux these numbers look like RTCP (RFC 5761 section 4).
    let like_rtcp = in_line(&offer(), "video", |line| {
        line.replace(" 96\r\n", " 72\r\n").replace(":96 ", ":72 ")
    });
    assert_eq!(
        answer_of(Allowed::default(), &like_rtcp).map(drop),
        Err(MediaError::NotAcceptable(Refusal::Codec(MediaKind::Video)))
    );
}

#[test]
fn a40_absurd_bandwidths_and_endless_candidates_are_not_read() {
    let video = |text: &str, line: &str| {
        let at = text.find("m=video").unwrap();
        let end = at + text[at..].find("\r\n").unwrap() + 2;
        let number = text[..end].lines().count() + 1;
        (format!("{}{line}{}", &text[..end], &text[end..]), number)
    };
    for (line, is_broken) in [
        ("b=AS:-1\r\n", true),
        ("b=AS:1e9\r\n", true),
        ("b=AS:\r\n", true),
        ("b=AS\r\n", true),
        ("b=TIAS:99999999999999999999999\r\n", false),
        ("b=AS:4294967296\r\n", false),
    ] {
        let (text, number) = video(&offer(), line);
        let expected = if is_broken {
            SdpError::Line(number)
        } else {
            SdpError::Limit(number)
        };
        let refused = answer_of(Allowed::default(), &text).map(drop);
        assert_eq!(refused, Err(MediaError::Sdp(expected)), "{line}");
    }
    let (usual, _) = video(&offer(), "b=AS:1500\r\nb=TIAS:1500000\r\nb=RR:0\r\n");
    assert!(answer_of(Allowed::default(), &usual).is_ok());
    let many = "a=candidate:1 1 udp 1 192.0.2.7 4000 typ host\r\n".repeat(70);
    let (text, _) = video(&offer(), &many);
    let refused = answer_of(Allowed::default(), &text).map(drop);
    assert!(
        matches!(refused, Err(MediaError::Sdp(SdpError::Limit(_)))),
        "{refused:?}"
    );
}

#[test]
fn a_codec_that_is_not_allowed_is_refused_and_the_best_allowed_one_is_taken() {
    let only = |codec| {
        let mut allowed = Allowed::everything();
        allowed.retain(MediaKind::Video, |one| one == codec);
        allowed
    };
    let video = |peer: &Peer| {
        let agreed = peer.negotiated().get(MediaKind::Video);
        agreed.map(|media| (media.codec, media.payload_type))
    };
    let everything = offer_of(Allowed::everything());
    for (ours, expected, repair) in [
        (Allowed::everything(), (Codec::H264, 96), 97),
        (only(Codec::H264), (Codec::H264, 96), 97),
        (only(Codec::Vp8), (Codec::Vp8, 120), 121),
    ] {
        let (peer, answer) = answer_of(ours, &everything).unwrap();
        assert_eq!(video(&peer), Some(expected));
        let parsed = SessionDescription::parse(&answer).unwrap();
        let formats = [expected.1, repair].map(|number: u8| number.to_string());
        assert_eq!(parsed.media[1].formats, formats);
    }
    let refused = answer_of(only(Codec::Vp8), &offer_of(only(Codec::H264))).map(drop);
    let expected = MediaError::NotAcceptable(Refusal::Codec(MediaKind::Video));
    assert_eq!(expected.sip_status(), 488);
    assert_eq!(refused, Err(expected));
    // An answer in a format that was not offered.
    let net = Network::new(1);
    let mut config = config(ALICE, 1);
    config.allowed = only(Codec::H264);
    let (mut alice, offer) = Peer::offerer(config, net.now).unwrap();
    let (_, answer) = answer_of(Allowed::default(), &offer).unwrap();
    let other = answer
        .replace("96 H264/90000", "96 VP8/90000")
        .replace("a=fmtp:96", "a=x:96");
    let refused = alice.accept_answer(net.now, &other);
    let expected = Err(MediaError::NotAcceptable(Refusal::Codec(MediaKind::Video)));
    assert_eq!(refused, expected);
    assert_eq!(alice.accept_answer(net.now, &answer), Ok(()));
}

#[test]
fn of_h264_only_the_allowed_profiles_are_taken_and_no_higher_level_is_announced() {
    let with = |profile: &str| offer().replace("profile-level-id=42e01f", profile);
    let answered = |profile: &str, allowed: &Allowed| {
        let (_, answer) = answer_of(allowed.clone(), &with(profile)).ok()?;
        let at = answer.find("profile-level-id=")?;
        Some(answer[at..].chars().skip(17).take(6).collect::<String>())
    };
    let mut strict = Allowed::default();
    strict.h264.baseline = false;
    let mut small = Allowed::default();
    small.h264.level_idc = 13;
    for (offered, usual, constrained_only, low) in [
        ("42e01f", Some("42e01f"), Some("42e01f"), Some("42e00d")),
        ("42e034", Some("42e01f"), Some("42e01f"), Some("42e00d")),
        ("42e00c", Some("42e00c"), Some("42e00c"), Some("42e00c")),
        ("42801f", Some("42801f"), None, Some("42800d")),
        ("4d001f", None, None, None),
        ("640c1f", None, None, None),
        ("42e000", None, None, None),
        ("42e0", None, None, None),
    ] {
        let offered = format!("profile-level-id={offered}");
        let expected = [usual, constrained_only, low];
        for (allowed, expected) in [&Allowed::default(), &strict, &small].iter().zip(expected) {
            let answer = answered(&offered, allowed);
            assert_eq!(answer.as_deref(), expected, "{offered} with {allowed:?}");
        }
    }
    assert!(offer_of(small).contains("profile-level-id=42e00d"));
}

#[test]
fn answers_of_one_peer_to_another_fit_what_was_offered() {
    let offer = offer();
    let (_, answer) = answer_of(Allowed::default(), &offer).unwrap();
    let read = |text: &str| SessionDescription::parse(text).unwrap();
    let check = |answer: &str| {
        let allowed = Allowed::default();
        policy::check_answer(&read(&offer), &read(answer), &allowed)
    };
    let extra = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
    for (answer, refusal) in [
        (
            answer.replacen("m=audio", "m=video", 1),
            Refusal::AnswerMismatch,
        ),
        (answer.replace("/SAVPF", "/SAVP"), Refusal::AnswerMismatch),
        (format!("{answer}{extra}"), Refusal::AnswerMismatch),
        (
            answer.replace("a=setup:passive", "a=setup:actpass"),
            Refusal::Setup,
        ),
        (
            answer.replace("5000 UDP", "0 UDP"),
            Refusal::NothingInCommon,
        ),
        (
            answer.replace("H264", "VP9"),
            Refusal::Codec(MediaKind::Video),
        ),
    ] {
        assert_eq!(
            check(&answer),
            Err(MediaError::NotAcceptable(refusal)),
            "{refusal}"
        );
    }
    let withdrawn = offer.replace("m=video 4000", "m=video 0");
    let refused = policy::check_answer(&read(&withdrawn), &read(&answer), &Allowed::default());
    let expected = Err(MediaError::NotAcceptable(Refusal::AnswerMismatch));
    assert_eq!(refused, expected);
}
