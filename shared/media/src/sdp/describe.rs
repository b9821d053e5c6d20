//! Writing our offers and answers as [`super::policy`] decided them.

use std::net::SocketAddr;

use super::SessionDescription;
use super::channel;
use super::codec::{Chosen, payload_types};
use super::policy::{AcceptedOffer, Local};
use super::{Attributes, Candidate, Direction, Feedback, MediaDescription, Origin};
use crate::extension::ExtensionIds;
use crate::h264;
use crate::rtp::MediaKind;

/// Transport of our offers; answers repeat that of the offer.
const PROTOCOL: &str = "UDP/TLS/RTP/SAVPF";

/// Writes an offer of these kinds in one bundle; text is put last, in both of its forms.
#[must_use]
pub fn write_offer(local: &Local, kinds: &[MediaKind]) -> SessionDescription {
    let mut session = new_session(local);
    let has_text = kinds.contains(&MediaKind::Text);
    let lines = kinds.len() + usize::from(has_text);
    let mids: Vec<String> = (0..lines).map(|n| n.to_string()).collect();
    session
        .attributes
        .push("group", format!("BUNDLE {}", mids.join(" ")));
    for (mid, kind) in mids.iter().cloned().zip(kinds) {
        let feedback = Feedback {
            nack: true,
            pli: true,
            fir: true,
            arrivals: true,
            transport: true,
            rate: true,
        };
        let line = Line {
            kind: *kind,
            mid: Some(mid),
            protocol: PROTOCOL.to_owned(),
            chosen: payload_types(*kind),
            direction: Direction::SendRecv,
            feedback,
            extensions: match kind {
                MediaKind::Video => ExtensionIds::OURS,
                MediaKind::Audio | MediaKind::Text => ExtensionIds::default(),
            },
            profile: h264::PROFILE_LEVEL_ID.to_owned(),
            transport: 0,
            reduced_size: false,
        };
        session.media.push(write_line(local, line));
    }
    if let Some(mid) = mids.get(kinds.len()) {
        session.media.push(channel::write_offer(local, mid));
    }
    session
}

/// Writes the answer to an accepted offer: its m-lines in its order with its payload types.
#[must_use]
pub fn write_answer(
    local: &Local,
    offer: &SessionDescription,
    accepted: &AcceptedOffer,
) -> SessionDescription {
    let mut session = new_session(local);
    let agreed = |line: usize| {
        accepted
            .negotiated
            .media
            .iter()
            .find(|media| media.line == line)
    };
    let is_taken = |mid: &&str| {
        let media = &accepted.negotiated.media;
        let channel = accepted.negotiated.channel.iter();
        let channel = channel.filter_map(|channel| channel.mid.as_deref());
        let media = media.iter().filter_map(|media| media.mid.as_deref());
        media.chain(channel).any(|taken| taken == *mid)
    };
    for bundle in offer.bundles() {
        let taken: Vec<&str> = bundle.into_iter().filter(is_taken).collect();
        if !taken.is_empty() {
            session
                .attributes
                .push("group", format!("BUNDLE {}", taken.join(" ")));
        }
    }
    let channel = accepted.negotiated.channel.as_ref();
    for (number, media) in offer.media.iter().enumerate() {
        if let Some(channel) = channel.filter(|channel| channel.line == number) {
            session.media.push(channel::write_answer(local, channel));
            continue;
        }
        let Some(agreed) = agreed(number) else {
            session.media.push(rejected(media));
            continue;
        };
        let format = agreed.payload_type.to_string();
        let profile = media.fmtp_parameter(&format, "profile-level-id");
        let line = Line {
            kind: agreed.kind,
            mid: agreed.mid.clone(),
            protocol: media.protocol.clone(),
            chosen: Chosen {
                payload_type: agreed.payload_type,
                red: agreed.red.map(|(red, _)| red),
                keys: agreed
                    .keys
                    .iter()
                    .map(|keys| (keys.receive_payload_type, keys.clock_rate))
                    .collect(),
            },
            direction: agreed.direction,
            feedback: agreed.feedback,
            extensions: agreed.extensions,
            profile: profile.unwrap_or(h264::PROFILE_LEVEL_ID).to_owned(),
            transport: agreed.transport,
            reduced_size: media.attributes.has("rtcp-rsize"),
        };
        session.media.push(write_line(local, line));
    }
    session
}

fn rejected(offered: &MediaDescription) -> MediaDescription {
    let mut attributes = Attributes::default();
    if let Some(mid) = offered.mid() {
        attributes.push("mid", mid);
    }
    attributes.flag(Direction::Inactive.name());
    MediaDescription {
        media: offered.media.clone(),
        port: 0,
        protocol: offered.protocol.clone(),
        formats: offered.formats.iter().take(1).cloned().collect(),
        connection: Some(std::net::Ipv4Addr::UNSPECIFIED.into()),
        attributes,
    }
}

fn new_session(local: &Local) -> SessionDescription {
    SessionDescription {
        origin: Origin {
            id: local.session_id,
            version: local.version,
            address: local.addresses.first().map(SocketAddr::ip),
        },
        ..SessionDescription::default()
    }
}

struct Line {
    kind: MediaKind,
    mid: Option<String>,
    protocol: String,
    chosen: Chosen,
    direction: Direction,
    feedback: Feedback,
    extensions: ExtensionIds,
    profile: String,
    transport: usize,
    reduced_size: bool,
}

fn write_line(local: &Local, line: Line) -> MediaDescription {
    let mut attributes = Attributes::default();
    if let Some(mid) = &line.mid {
        attributes.push("mid", mid.as_str());
    }
    attributes.flag(line.direction.name());
    if let Some(transport) = local.transports.get(line.transport) {
        attributes.push("ice-ufrag", transport.ufrag.as_str());
        attributes.push("ice-pwd", transport.password.as_str());
        attributes.push("fingerprint", local.fingerprint.as_str());
        attributes.push("setup", transport.setup.name());
    }
    attributes.flag("rtcp-mux");
    if line.reduced_size {
        attributes.flag("rtcp-rsize");
    }
    for extmap in line.extensions.extmaps() {
        attributes.push("extmap", extmap);
    }
    let formats = write_codec(&mut attributes, &line);
    if line.direction.sends()
        && let Some((_, ssrc)) = local.ssrcs.iter().find(|(kind, _)| *kind == line.kind)
    {
        attributes.push("msid", format!("visavis visavis-{}", line.kind.name()));
        attributes.push("ssrc", format!("{ssrc} cname:{}", local.cname));
    }
    for (index, address) in local.addresses.iter().enumerate() {
        attributes.push("candidate", Candidate::host(*address, index).to_value());
    }
    attributes.flag("end-of-candidates");
    let first = local.addresses.first();
    MediaDescription {
        media: line.kind.name().to_owned(),
        port: first.map_or(9, SocketAddr::port),
        protocol: line.protocol,
        formats,
        connection: first.map(SocketAddr::ip),
        attributes,
    }
}

/// Writes rtpmap, fmtp and rtcp-fb; gives the payload types for the m-line.
fn write_codec(attributes: &mut Attributes, line: &Line) -> Vec<String> {
    let payload_type = line.chosen.payload_type;
    let mut formats = vec![payload_type.to_string()];
    match line.kind {
        MediaKind::Audio => {
            attributes.push("rtpmap", format!("{payload_type} opus/48000/2"));
            attributes.push("fmtp", format!("{payload_type} minptime=10;useinbandfec=1"));
            for (keys, clock_rate) in &line.chosen.keys {
                formats.push(keys.to_string());
                attributes.push("rtpmap", format!("{keys} telephone-event/{clock_rate}"));
                attributes.push("fmtp", format!("{keys} 0-15"));
            }
        }
        MediaKind::Video => {
            attributes.push("rtpmap", format!("{payload_type} H264/90000"));
            attributes.push(
                "fmtp",
                format!(
                    "{payload_type} level-asymmetry-allowed=1;packetization-mode=1;\
                     profile-level-id={}",
                    line.profile
                ),
            );
            let feedback = [
                ("nack", line.feedback.nack),
                ("nack pli", line.feedback.pli),
                ("ccm fir", line.feedback.fir),
                ("transport-cc", line.feedback.transport),
                ("goog-remb", line.feedback.rate),
            ];
            for (name, _) in feedback.into_iter().filter(|(_, agreed)| *agreed) {
                attributes.push("rtcp-fb", format!("{payload_type} {name}"));
            }
            if line.feedback.arrivals {
                // It is about packets of all payload types (RFC 8888 section 6).
                attributes.push("rtcp-fb", "* ack ccfb");
            }
        }
        MediaKind::Text => {
            attributes.push("rtpmap", format!("{payload_type} t140/1000"));
            if let Some(red) = line.chosen.red {
                formats.insert(0, red.to_string());
                attributes.push("rtpmap", format!("{red} red/1000"));
                attributes.push(
                    "fmtp",
                    format!("{red} {payload_type}/{payload_type}/{payload_type}"),
                );
            }
        }
    }
    formats
}
