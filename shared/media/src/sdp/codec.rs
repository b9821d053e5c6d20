//! Which of the formats of an m-line are ours.

use crate::extension::ExtensionIds;
use crate::h264;
use crate::rtp::MediaKind;

use super::{Feedback, KeyFormat, MediaDescription};

/// Payload types of our offers; answers take those of the offer.
const OPUS: u8 = 111;
const H264: u8 = 96;
const T140: u8 = 98;
const RED: u8 = 99;
const KEYS_WIDE: u8 = 110;
const KEYS_NARROW: u8 = 126;
/// Clock rates of telephone keys that we take, in Hz, best first: that of the sound they stand
/// in (RFC 4733 section 2.1), and the one that every telephone knows.
const KEYS_HZ: [u32; 2] = [48_000, 8_000];
/// Most SSRCs of one m-line that are noted.
const SSRCS_MAX: usize = 16;

pub(super) struct Chosen {
    pub(super) payload_type: u8,
    pub(super) red: Option<u8>,
    /// Telephone keys: payload types and clock rates.
    pub(super) keys: Vec<(u8, u32)>,
}

impl Chosen {
    const fn plain(payload_type: u8) -> Self {
        Self {
            payload_type,
            red: None,
            keys: Vec::new(),
        }
    }
}

pub(super) fn kind_of(media: &MediaDescription) -> Option<MediaKind> {
    [MediaKind::Audio, MediaKind::Video, MediaKind::Text]
        .into_iter()
        .find(|kind| kind.name() == media.media)
}

pub(super) const fn codec_name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "opus",
        MediaKind::Video => "H264",
        MediaKind::Text => "t140",
    }
}

/// Finds our codec in an m-line. In an answer a missing packetization-mode is forgiven: it can
/// only mean the one we offered.
pub(super) fn choose(media: &MediaDescription, kind: MediaKind, answer: bool) -> Option<Chosen> {
    match kind {
        MediaKind::Audio => {
            let (payload_type, _) = media.find_codec("opus", 48_000)?;
            let find = |hz| Some((media.find_codec("telephone-event", hz)?.0, hz));
            Some(Chosen {
                keys: KEYS_HZ.into_iter().filter_map(find).collect(),
                ..Chosen::plain(payload_type)
            })
        }
        MediaKind::Text => {
            let (payload_type, _) = media.find_codec("t140", 1_000)?;
            let red = media.find_codec("red", 1_000).map(|(red, _)| red);
            Some(Chosen {
                red,
                ..Chosen::plain(payload_type)
            })
        }
        MediaKind::Video => {
            let (payload_type, _) = media
                .payload_types()
                .find(|(_, format)| h264_fit(media, format, answer) == H264Fit::Constrained)
                .or_else(|| {
                    let mut types = media.payload_types();
                    types.find(|(_, format)| h264_fit(media, format, answer) != H264Fit::No)
                })?;
            Some(Chosen::plain(payload_type))
        }
    }
}

#[derive(PartialEq, Eq)]
enum H264Fit {
    No,
    Baseline,
    Constrained,
}

fn h264_fit(media: &MediaDescription, format: &str, answer: bool) -> H264Fit {
    let map = media.rtpmap(format);
    let h264 =
        map.is_some_and(|m| m.encoding.eq_ignore_ascii_case("H264") && m.clock_rate == 90_000);
    let mode = media.fmtp_parameter(format, "packetization-mode");
    let profile = media.fmtp_parameter(format, "profile-level-id");
    if !h264 || !(mode == Some("1") || (answer && mode.is_none())) {
        return H264Fit::No;
    }
    match profile {
        Some(profile) if h264::is_constrained_baseline(profile) => H264Fit::Constrained,
        Some(profile) if h264::is_baseline(profile) => H264Fit::Baseline,
        None if answer => H264Fit::Baseline,
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
) -> ExtensionIds {
    if kind != MediaKind::Video {
        return ExtensionIds::default();
    }
    let known = ExtensionIds::agreed(media.attributes.all("extmap"));
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

pub(super) fn payload_types(kind: MediaKind) -> Chosen {
    match kind {
        MediaKind::Audio => Chosen {
            keys: [KEYS_WIDE, KEYS_NARROW].into_iter().zip(KEYS_HZ).collect(),
            ..Chosen::plain(OPUS)
        },
        MediaKind::Video => Chosen::plain(H264),
        MediaKind::Text => Chosen {
            red: Some(RED),
            ..Chosen::plain(T140)
        },
    }
}
