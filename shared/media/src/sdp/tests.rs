//! Promises of the parser and writer; those of the policy are with the peer's tests.

use super::*;

const SMALL: &str = "v=0\r\no=alice 2890844526 2890844527 IN IP4 host.example\r\ns=\r\n\
    c=IN IP4 192.0.2.1\r\nt=0 0\r\na=sendonly\r\nm=audio 49170/2 RTP/AVP 0 8 101\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\nm=video 0 RTP/AVP 31\r\n\
    c=IN IP6 2001:db8::1\r\na=inactive\r\n";

#[test]
fn descriptions_are_read_with_all_that_matters() {
    let session = SessionDescription::parse(SMALL).unwrap();
    assert_eq!(
        (session.origin.id, session.origin.version),
        (2_890_844_526, 2_890_844_527)
    );
    assert_eq!(session.connection, Some("192.0.2.1".parse().unwrap()));
    let [audio, video] = session.media.as_slice() else {
        panic!()
    };
    assert_eq!((audio.port, audio.formats.len()), (49_170, 3));
    assert_eq!(
        audio.direction(&session),
        Direction::SendOnly,
        "from the session"
    );
    assert_eq!(video.direction(&session), Direction::Inactive, "its own");
    assert_eq!(
        audio.rtpmap("0").map(|map| map.encoding),
        Some("PCMU".into()),
        "static"
    );
    assert_eq!(
        audio.find_codec("TELEPHONE-EVENT", 8_000),
        Some((101, "101"))
    );
    assert_eq!(audio.rtpmap("9"), None);
    assert_eq!(video.connection, Some("2001:db8::1".parse().unwrap()));
    assert!(video.is_rejected());
}

#[test]
fn what_is_written_reads_the_same() {
    let session = SessionDescription::parse(SMALL).unwrap();
    let mut again = SessionDescription::parse(&session.to_string()).unwrap();
    again.origin.address = session.origin.address;
    assert_eq!(again, session);
}

#[test]
fn bare_line_feeds_are_forgiven_and_broken_lines_are_not() {
    assert!(SessionDescription::parse(&SMALL.replace("\r\n", "\n")).is_ok());
    for (from, to) in [
        ("s=\r\n", "s\r\n"),
        ("s=\r\n", " s=\r\n"),
        ("s=\r\n", "S=\r\n"),
        ("s=\r\n", "s=a\0b\r\n"),
        ("c=IN IP4 192.0.2.1", "c=IN ATM 192.0.2.1"),
        ("o=alice 2890844526", "o=alice -1"),
        ("m=video 0 RTP/AVP 31", "m=video 0 RTP/AVP"),
        ("m=video 0 RTP/AVP 31", "m=video x RTP/AVP 31"),
        ("a=inactive", "a=:x"),
        ("a=inactive", "a=mid:"),
        ("a=inactive", "a=mid:a b"),
        ("a=inactive", "a=mid:1\r\na=mid:2"),
    ] {
        let text = SMALL.replace(from, to);
        assert!(
            matches!(SessionDescription::parse(&text), Err(SdpError::Line(_))),
            "{to}"
        );
    }
    assert_eq!(SessionDescription::parse(""), Err(SdpError::Incomplete));
}

#[test]
fn a_name_or_group_address_counts_as_no_address() {
    for address in ["host.example", "224.2.1.1", "999.1.1.1"] {
        let text = SMALL.replace("192.0.2.1", address);
        assert_eq!(
            SessionDescription::parse(&text).unwrap().connection,
            None,
            "{address}"
        );
    }
}
