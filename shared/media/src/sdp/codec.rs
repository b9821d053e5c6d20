//! Which of the formats of an m-line are ours.

use crate::extension::ExtensionIds;
use crate::h264;
use crate::rtp::MediaKind;

use super::allowed::{Allowed, Codec, H264Limits};
use super::{Feedback, KeyFormat, Layers, MediaDescription};

/// Payload types of our offers; answers take those of the offer.
const fn offered_as(codec: Codec) -> u8 {
    match codec {
        Codec::Opus => 111,
        // Static ones (RFC 3551 table 4).
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::H264 => 96,
        Codec::Vp8 => 120,
        Codec::T140 => 98,
    }
}

/// Payload types of pictures that go out again, in our offers.
const fn repair_offered_as(codec: Codec) -> Option<u8> {
    match codec {
        Codec::H264 => Some(97),
        Codec::Vp8 => Some(121),
        Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::T140 => None,
    }
}

const RED: u8 = 99;
/// Payload types and clock rates of telephone keys, in Hz, best first: that of the sound they
/// stand in (RFC 4733 section 2.1), and the one that every telephone knows.
const KEYS: [(u8, u32); 2] = [(110, 48_000), (126, 8_000)];
/// Payload types that look like RTCP on the same port (RFC 5761 section 4).
const RTCP_LIKE: std::ops::RangeInclusive<u8> = 64..=95;
/// Most SSRCs of one m-line that are noted.
const SSRCS_MAX: usize = 16;

/// Formats of one m-line.
pub(super) struct Formats {
    /// At least one, best first; exactly one once it was chosen.
    pub(super) codecs: Vec<(Codec, u8)>,
    pub(super) red: Option<u8>,
    /// Packets that go out again (RFC 4588): their payload types, and those they are of.
    pub(super) repairs: Vec<(u8, u8)>,
    /// Telephone keys: payload types and clock rates.
    pub(super) keys: Vec<(u8, u32)>,
}

impl Formats {
    /// What we offer of this kind; without any codec if nothing is allowed.
    pub(super) fn offered(kind: MediaKind, allowed: &Allowed) -> Self {
        let codecs: Vec<_> = allowed.of(kind).map(|c| (c, offered_as(c))).collect();
        let fits = |hz: u32| codecs.iter().any(|(codec, _)| takes_keys(*codec, hz));
        let keys = KEYS.into_iter().filter(|(_, hz)| allowed.keys && fits(*hz));
        Self {
            red: (kind == MediaKind::Text && allowed.redundancy).then_some(RED),
            keys: keys.collect(),
            repairs: codecs
                .iter()
                .filter_map(|(codec, of)| Some((repair_offered_as(*codec)?, *of)))
                .collect(),
            codecs,
        }
    }

    pub(super) fn payload_type(&self, codec: Codec) -> Option<u8> {
        let mut known = self.codecs.iter();
        known.find(|(one, _)| *one == codec).map(|(_, own)| *own)
    }

    /// The payload type of packets of this one that come again.
    pub(super) fn repair_of(&self, payload_type: u8) -> Option<u8> {
        let mut repairs = self.repairs.iter();
        let found = repairs.find(|(_, of)| *of == payload_type);
        found.map(|(repair, _)| *repair)
    }
}

/// Whether telephone keys of this clock can stand in this sound: keys of the telephone's clock may
/// stand among Opus, too, because many know no others.
fn takes_keys(codec: Codec, hz: u32) -> bool {
    codec.kind() == MediaKind::Audio && (hz == codec.clock_rate() || hz == 8_000)
}

/// What was chosen from an m-line.
pub(super) struct Chosen {
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
    pub(super) red: Option<u8>,
    pub(super) repair: Option<u8>,
    pub(super) keys: Vec<(u8, u32)>,
}

/// Who wrote an m-line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The offerer: we take what we like best of it.
    Offer,
    /// The answerer: it will send what it put first. What it left out of H.264's parameters can
    /// only mean what we offered.
    Answer,
}

pub(super) fn kind_of(media: &MediaDescription) -> Option<MediaKind> {
    [MediaKind::Audio, MediaKind::Video, MediaKind::Text]
        .into_iter()
        .find(|kind| kind.name() == media.media)
}

/// Finds the best allowed format of an m-line.
pub(super) fn choose(
    media: &MediaDescription,
    kind: MediaKind,
    allowed: &Allowed,
    side: Side,
) -> Option<Chosen> {
    let mut found = allowed.of(kind).filter_map(|codec| {
        let payload_type = find(media, codec, allowed.h264, side)?;
        Some((codec, payload_type))
    });
    let (codec, payload_type) = match side {
        Side::Offer => found.next()?,
        Side::Answer => found.min_by_key(|(_, number)| {
            let number = number.to_string();
            media.formats.iter().position(|format| *format == number)
        })?,
    };
    let keys = KEYS.into_iter().filter_map(|(_, hz)| {
        let fits = allowed.keys && takes_keys(codec, hz);
        let (number, _) = media.find_codec("telephone-event", hz).filter(|_| fits)?;
        Some((number, hz))
    });
    let red = media.find_codec("red", 1_000).map(|(red, _)| red);
    Some(Chosen {
        codec,
        payload_type,
        red: red.filter(|_| kind == MediaKind::Text && allowed.redundancy),
        repair: repair(media, payload_type),
        keys: keys.collect(),
    })
}

/// The payload type of packets of this one that go out again (RFC 4588 section 8.6).
fn repair(media: &MediaDescription, payload_type: u8) -> Option<u8> {
    let is_repair = |(_, format): &(u8, &str)| {
        let map = media.rtpmap(format);
        let of = media.fmtp_parameter(format, "apt");
        map.is_some_and(|map| map.encoding.eq_ignore_ascii_case("rtx") && map.clock_rate == 90_000)
            && of.and_then(|of| of.parse().ok()) == Some(payload_type)
    };
    let usable = |number: &u8| !RTCP_LIKE.contains(number);
    let found = media.payload_types().find(is_repair)?;
    Some(found.0).filter(usable)
}

fn find(media: &MediaDescription, codec: Codec, h264: H264Limits, side: Side) -> Option<u8> {
    let usable = |number: &u8| !RTCP_LIKE.contains(number);
    if codec != Codec::H264 {
        let (number, _) = media.find_codec(codec.name(), codec.clock_rate())?;
        return Some(number).filter(usable);
    }
    let mut best = None;
    for (number, format) in media.payload_types().filter(|(number, _)| usable(number)) {
        match h264_fit(media, format, side) {
            H264Fit::Constrained => return Some(number),
            H264Fit::Baseline if h264.baseline => best = best.or(Some(number)),
            H264Fit::Baseline | H264Fit::No => {}
        }
    }
    best
}

#[derive(PartialEq, Eq)]
enum H264Fit {
    No,
    Baseline,
    Constrained,
}

fn h264_fit(media: &MediaDescription, format: &str, side: Side) -> H264Fit {
    let map = media.rtpmap(format);
    let h264 =
        map.is_some_and(|m| m.encoding.eq_ignore_ascii_case("H264") && m.clock_rate == 90_000);
    let mode = media.fmtp_parameter(format, "packetization-mode");
    let profile = media.fmtp_parameter(format, "profile-level-id");
    let answer = side == Side::Answer;
    if !h264 || !(mode == Some("1") || (answer && mode.is_none())) {
        return H264Fit::No;
    }
    match profile {
        Some(profile) if h264::level_idc(profile).is_none() => H264Fit::No,
        Some(profile) if h264::is_constrained_baseline(profile) => H264Fit::Constrained,
        Some(profile) if h264::is_baseline(profile) => H264Fit::Baseline,
        None if answer => H264Fit::Constrained,
        Some(_) | None => H264Fit::No,
    }
}

pub(super) fn feedback(media: &MediaDescription, payload_type: u8) -> Feedback {
    let number = payload_type.to_string();
    let mut found = Feedback::default();
    for value in media.attributes.all("rtcp-fb") {
        let Some((target, what)) = value.split_once(' ') else {
            continue;
        };
        if target != "*" && target != number {
            continue;
        }
        match what.trim() {
            "nack" => found.nack = true,
            "nack pli" => found.pli = true,
            "ccm fir" => found.fir = true,
            "ack ccfb" => found.arrivals = true,
            "transport-cc" => found.transport = true,
            "goog-remb" => found.rate = true,
            "ccm pause" | "ccm pause nowait" => found.pause = true,
            _ => {}
        }
    }
    // One way to tell is enough, and the one without extensions is the standard.
    found.transport &= !found.arrivals;
    found
}

/// The header extensions that both know; only pictures have any.
pub(super) fn extensions(
    media: &MediaDescription,
    kind: MediaKind,
    feedback: Feedback,
    layers: Option<&Layers>,
) -> ExtensionIds {
    if kind != MediaKind::Video {
        return ExtensionIds::default();
    }
    let mut known = ExtensionIds::agreed(media.attributes.all("extmap"));
    if layers.is_none() {
        known = known.without_streams();
    }
    if feedback.transport {
        known
    } else {
        known.without_sequence()
    }
}

pub(super) fn remote_ssrcs(media: &MediaDescription) -> Vec<u32> {
    let mut ssrcs = Vec::new();
    for value in media.attributes.all("ssrc") {
        let number = value.split_whitespace().next().and_then(|n| n.parse().ok());
        if let Some(ssrc) = number
            && !ssrcs.contains(&ssrc)
            && ssrcs.len() < SSRCS_MAX
        {
            ssrcs.push(ssrc);
        }
    }
    ssrcs
}

/// Streams in which packets come again, each with the one they are of (RFC 5576 section 4.2).
pub(super) fn remote_repairs(media: &MediaDescription) -> Vec<(u32, u32)> {
    let groups = media.attributes.all("ssrc-group").filter_map(|group| {
        let mut words = group.split_whitespace();
        let is_repair = words.next() == Some("FID");
        let mut numbers = words.map_while(|word| word.parse().ok());
        let (of, repair) = (numbers.next()?, numbers.next()?);
        is_repair.then_some((repair, of))
    });
    groups.take(SSRCS_MAX).collect()
}

/// Theirs that are ours, too.
pub(super) fn agreed_keys(theirs: &[(u8, u32)], ours: &[(u8, u32)]) -> Vec<KeyFormat> {
    let agree = |(payload_type, clock_rate): &(u8, u32)| {
        let (receive, _) = ours.iter().find(|(_, hz)| hz == clock_rate)?;
        Some(KeyFormat {
            clock_rate: *clock_rate,
            payload_type: *payload_type,
            receive_payload_type: *receive,
        })
    };
    theirs.iter().filter_map(agree).collect()
}
