//! Offers and answers of a telephone leg: G.711, comfort noise and telephone keys, plain or with
//! SDES keys.

use std::net::SocketAddr;

use crate::error::{MediaError, Refusal};
use crate::g711::Law;
use crate::jitter::NOISE_PAYLOAD_TYPE;
use crate::sdes::Crypto;
use crate::sdp::{Attributes, Direction, MediaDescription, Origin, SessionDescription};

/// Payload type of telephone keys in our offers.
const TELEPHONE_EVENT: u8 = 101;
/// What is assumed and preferred, in milliseconds (RFC 3551 section 4.2).
const PTIME_MS: u32 = 20;

/// What both sides agreed on.
#[derive(Debug, Clone)]
pub(super) struct Agreed {
    pub(super) remote: SocketAddr,
    pub(super) law: Law,
    /// Payload type of telephone keys: to send, and received.
    pub(super) events: Option<(u8, u8)>,
    /// The peer makes noise when it is told to (RFC 3389).
    pub(super) noise: bool,
    pub(super) direction: Direction,
    /// Length of the packets we send.
    pub(super) ptime_ms: u32,
    pub(super) rtcp_mux: bool,
    /// The peer's key.
    pub(super) crypto: Option<Crypto>,
}

/// Our side, to be written.
pub(super) struct Ours<'a> {
    pub(super) local: SocketAddr,
    pub(super) session_id: u64,
    /// Grows with each description (RFC 3264 section 8).
    pub(super) version: u64,
    pub(super) ssrc: u32,
    pub(super) crypto: &'a [Crypto],
    pub(super) secure: bool,
}

pub(super) fn write_offer(ours: &Ours<'_>) -> String {
    let formats = Formats {
        laws: &[Law::Mu, Law::A],
        events: Some(TELEPHONE_EVENT),
        noise: true,
        ptime_ms: PTIME_MS,
    };
    write_session(ours, vec![write_media(ours, &formats, true)])
}

/// The answer: the accepted m-line in its place, all others rejected.
pub(super) fn write_answer(
    ours: &Ours<'_>,
    offer: &SessionDescription,
    line: usize,
    agreed: &Agreed,
) -> String {
    let mut lines = Vec::with_capacity(offer.media.len());
    for (index, offered) in offer.media.iter().enumerate() {
        if index == line {
            let formats = Formats {
                laws: &[agreed.law],
                events: agreed.events.map(|(events, _)| events),
                noise: agreed.noise,
                ptime_ms: agreed.ptime_ms,
            };
            let mut media = write_media(ours, &formats, agreed.rtcp_mux);
            media.protocol.clone_from(&offered.protocol);
            let directions = &mut media.attributes.0;
            directions.retain(|(name, _)| name != Direction::SendRecv.name());
            media.attributes.flag(agreed.direction.name());
            lines.push(media);
        } else {
            lines.push(MediaDescription {
                media: offered.media.clone(),
                port: 0,
                protocol: offered.protocol.clone(),
                formats: offered.formats.iter().take(1).cloned().collect(),
                connection: None,
                attributes: Attributes::default(),
            });
        }
    }
    write_session(ours, lines)
}

fn write_session(ours: &Ours<'_>, media: Vec<MediaDescription>) -> String {
    let session = SessionDescription {
        origin: Origin {
            id: ours.session_id,
            version: ours.version,
            address: Some(ours.local.ip()),
        },
        connection: Some(ours.local.ip()),
        attributes: Attributes::default(),
        media,
    };
    session.to_string()
}

/// What stands in an m-line.
struct Formats<'a> {
    laws: &'a [Law],
    events: Option<u8>,
    noise: bool,
    ptime_ms: u32,
}

fn write_media(ours: &Ours<'_>, written: &Formats<'_>, rtcp_mux: bool) -> MediaDescription {
    let mut attributes = Attributes::default();
    let mut formats = Vec::new();
    for law in written.laws {
        formats.push(law.payload_type().to_string());
        attributes.push(
            "rtpmap",
            format!("{} {}/8000", law.payload_type(), law.name()),
        );
    }
    if let Some(events) = written.events {
        formats.push(events.to_string());
        attributes.push("rtpmap", format!("{events} telephone-event/8000"));
        attributes.push("fmtp", format!("{events} 0-15"));
    }
    if written.noise {
        formats.push(NOISE_PAYLOAD_TYPE.to_string());
        attributes.push("rtpmap", format!("{NOISE_PAYLOAD_TYPE} CN/8000"));
    }
    attributes.push("ptime", written.ptime_ms.to_string());
    attributes.push("maxptime", "60");
    attributes.flag(Direction::SendRecv.name());
    if rtcp_mux {
        attributes.flag("rtcp-mux");
    }
    for crypto in ours.crypto {
        attributes.push("crypto", crypto.to_value());
    }
    attributes.push("ssrc", format!("{} cname:visavis", ours.ssrc));
    MediaDescription {
        media: "audio".to_owned(),
        port: ours.local.port(),
        protocol: if ours.secure { "RTP/SAVP" } else { "RTP/AVP" }.to_owned(),
        formats,
        connection: None,
        attributes,
    }
}

/// The first m-line that can be accepted, and what it agrees to.
pub(super) fn accept_offer(
    offer: &SessionDescription,
    secure: bool,
) -> Result<(usize, Agreed), MediaError> {
    let mut reason = Refusal::NothingInCommon;
    for (index, media) in offer.media.iter().enumerate() {
        if media.media != "audio" || media.port == 0 {
            continue;
        }
        match accept_line(offer, media, secure) {
            Ok(agreed) => return Ok((index, agreed)),
            Err(refusal) => reason = refusal,
        }
    }
    Err(MediaError::NotAcceptable(reason))
}

fn accept_line(
    offer: &SessionDescription,
    media: &MediaDescription,
    secure: bool,
) -> Result<Agreed, Refusal> {
    check_protocol(media, secure)?;
    let crypto = media.attributes.all("crypto").find_map(Crypto::parse);
    if secure && crypto.is_none() {
        return Err(Refusal::EncryptionPolicy);
    }
    let law = first_law(media).ok_or(Refusal::NoCodec)?;
    let events = media
        .find_codec("telephone-event", 8_000)
        .map(|(events, _)| (events, events));
    Ok(Agreed {
        remote: address(offer, media)?,
        law,
        events,
        noise: takes_noise(media),
        direction: direction(offer, media),
        ptime_ms: ptime(media),
        rtcp_mux: media.attributes.has("rtcp-mux"),
        crypto: crypto.filter(|_| secure),
    })
}

/// Reads the answer to our offer with these keys.
pub(super) fn accept_answer(
    answer: &SessionDescription,
    offered: &[Crypto],
    secure: bool,
) -> Result<Agreed, MediaError> {
    let refuse = |refusal| Err(MediaError::NotAcceptable(refusal));
    let [media] = answer.media.as_slice() else {
        return refuse(Refusal::AnswerMismatch);
    };
    if media.media != "audio" {
        return refuse(Refusal::AnswerMismatch);
    }
    if media.port == 0 {
        return refuse(Refusal::NothingInCommon);
    }
    let mut agreed = accept_line(answer, media, secure).map_err(MediaError::NotAcceptable)?;
    if let Some(taken) = &agreed.crypto {
        let known = |ours: &Crypto| ours.tag == taken.tag && ours.suite == taken.suite;
        if !offered.iter().any(known) {
            return refuse(Refusal::EncryptionPolicy);
        }
    }
    agreed.events = agreed.events.map(|(send, _)| (send, TELEPHONE_EVENT));
    Ok(agreed)
}

fn check_protocol(media: &MediaDescription, secure: bool) -> Result<(), Refusal> {
    let encrypted = match media.protocol.as_str() {
        "RTP/AVP" | "RTP/AVPF" => false,
        "RTP/SAVP" | "RTP/SAVPF" => true,
        _ => return Err(Refusal::EncryptionPolicy),
    };
    if encrypted == secure {
        Ok(())
    } else {
        Err(Refusal::EncryptionPolicy)
    }
}

/// Only the static number counts: it is the one that we receive, too.
fn takes_noise(media: &MediaDescription) -> bool {
    let noise = media.find_codec("CN", 8_000);
    noise.is_some_and(|(number, _)| number == NOISE_PAYLOAD_TYPE)
}

fn first_law(media: &MediaDescription) -> Option<Law> {
    media.payload_types().find_map(|(number, format)| {
        let map = media.rtpmap(format)?;
        // The static numbers are used throughout: every telephone knows them (RFC 3551).
        [Law::Mu, Law::A].into_iter().find(|law| {
            law.payload_type() == number
                && map.encoding.eq_ignore_ascii_case(law.name())
                && map.clock_rate == 8_000
        })
    })
}

fn address(session: &SessionDescription, media: &MediaDescription) -> Result<SocketAddr, Refusal> {
    let ip = media
        .connection
        .or(session.connection)
        .ok_or(Refusal::NoAddress)?;
    if media.port == 0 {
        return Err(Refusal::NoAddress);
    }
    Ok(SocketAddr::new(ip, media.port))
}

/// Our side's direction; an unspecified address is the old way to say "hold" (RFC 3264
/// section 8.4).
fn direction(session: &SessionDescription, media: &MediaDescription) -> Direction {
    let ours = media.direction(session).reversed();
    let held = media
        .connection
        .or(session.connection)
        .is_some_and(|ip| ip.is_unspecified());
    match ours {
        Direction::SendRecv if held => Direction::RecvOnly,
        Direction::SendOnly if held => Direction::Inactive,
        Direction::SendRecv | Direction::SendOnly | Direction::RecvOnly | Direction::Inactive => {
            ours
        }
    }
}

/// How long the peer wants packets to be: 10 to 60 ms in steps of 10, else 20 (A40).
fn ptime(media: &MediaDescription) -> u32 {
    let read = |name| {
        media
            .attributes
            .get(name)
            .and_then(|value| value.parse::<u32>().ok())
    };
    let wanted = read("ptime")
        .filter(|ms| (10..=60).contains(ms))
        .unwrap_or(PTIME_MS);
    let longest = read("maxptime").filter(|ms| *ms >= 10).unwrap_or(60);
    wanted.min(longest) / 10 * 10
}
