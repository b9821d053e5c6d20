//! Writing our offers and answers as [`super::policy`] decided them.

use std::net::SocketAddr;

use super::SessionDescription;
use super::channel;
use super::codec::Formats;
use super::policy::{AcceptedOffer, Local, Setup};
use super::text;
use super::{Attributes, Codec, Direction, Feedback, LayerRole, Layers, MediaDescription, Origin};
use crate::extension::ExtensionIds;
use crate::h264;
use crate::rtp::MediaKind;

/// Transport of our offers; answers repeat that of the offer.
const PROTOCOL: &str = "UDP/TLS/RTP/SAVPF";

/// Constrained baseline with the highest level, which the limits bring down.
const OFFERED_PROFILE: &str = "42e0ff";

/// Writes an offer of these kinds in one bundle; text is put last, in both of its
/// forms.
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
            pause: true,
        };
        // A relay takes several sizes from those who offer them. Of its own accord it asks nobody:
        // browsers that are asked to keep one back send nothing.
        let is_layered = local.layers == LayerRole::Sends;
        let layers = is_layered.then(|| Layers::offered(local.layers));
        let line = Line {
            kind: *kind,
            mid: Some(mid),
            protocol: PROTOCOL.to_owned(),
            formats: Formats::offered(*kind, &local.allowed),
            direction: Direction::SendRecv,
            feedback,
            extensions: match kind {
                MediaKind::Video if !is_layered => ExtensionIds::OURS.without_streams(),
                MediaKind::Video => ExtensionIds::OURS,
                MediaKind::Audio | MediaKind::Text => ExtensionIds::default(),
            },
            layers: layers.filter(|_| *kind == MediaKind::Video),
            profile: h264::at_most(OFFERED_PROFILE, local.allowed.h264.level_idc),
            transport: 0,
            reduced_size: false,
            multiparty: *kind == MediaKind::Text,
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
    let limit = local.allowed.h264.level_idc;
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
            formats: Formats {
                codecs: vec![(agreed.codec, agreed.payload_type)],
                red: agreed.red.map(|(red, _)| red),
                repairs: agreed
                    .repair
                    .map(|(_, repair)| (repair, agreed.receive_payload_type))
                    .into_iter()
                    .collect(),
                keys: agreed
                    .keys
                    .iter()
                    .map(|keys| (keys.receive_payload_type, keys.clock_rate))
                    .collect(),
            },
            direction: agreed.direction,
            feedback: agreed.feedback,
            extensions: agreed.extensions,
            layers: agreed.layers.clone(),
            profile: h264::at_most(profile.unwrap_or(OFFERED_PROFILE), limit),
            transport: agreed.transport,
            reduced_size: media.attributes.has("rtcp-rsize"),
            multiparty: agreed.kind == MediaKind::Text && agreed.text.multiparty,
        };
        session.media.push(write_line(local, line));
    }
    session
}

/// Writes other names and candidates into an m-line of ours, as an offer.
pub fn renew_transport(media: &mut MediaDescription, local: &Local, transport: usize) {
    let Some(names) = local.transports.get(transport) else {
        return;
    };
    let lines = &mut media.attributes.0;
    lines.retain(|(name, _)| name != "candidate" && name != "end-of-candidates");
    for (name, value) in lines {
        match name.as_str() {
            "ice-ufrag" => *value = Some(names.ufrag.clone()),
            "ice-pwd" => *value = Some(names.password.clone()),
            "setup" => *value = Some(Setup::ActPass.name().to_owned()),
            _ => {}
        }
    }
    let first = write_candidates(&mut media.attributes, local);
    media.port = first.map_or(9, |first| first.port());
    media.connection = first.map(|first| first.ip());
}

/// Gives the address for those who read no candidates.
pub(super) fn write_candidates(attributes: &mut Attributes, local: &Local) -> Option<SocketAddr> {
    for candidate in &local.candidates {
        attributes.push("candidate", candidate.to_value());
    }
    attributes.flag("end-of-candidates");
    local.candidates.first().map(|first| first.address)
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
            address: local.candidates.first().map(|first| first.address.ip()),
        },
        ..SessionDescription::default()
    }
}

struct Line {
    kind: MediaKind,
    mid: Option<String>,
    protocol: String,
    formats: Formats,
    direction: Direction,
    feedback: Feedback,
    extensions: ExtensionIds,
    layers: Option<Layers>,
    profile: String,
    transport: usize,
    reduced_size: bool,
    multiparty: bool,
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
    if line.multiparty {
        attributes.flag(text::RTT_MIXER);
    }
    for extmap in line.extensions.extmaps() {
        attributes.push("extmap", extmap);
    }
    let formats = write_codecs(&mut attributes, &line);
    if let Some(layers) = &line.layers {
        for rid in layers.rids() {
            attributes.push("rid", rid);
        }
        attributes.push("simulcast", layers.simulcast());
    }
    if line.direction.sends()
        && let Some((_, ssrc)) = local.ssrcs.iter().find(|(kind, _)| *kind == line.kind)
    {
        attributes.push("msid", format!("visavis visavis-{}", line.kind.name()));
        attributes.push("ssrc", format!("{ssrc} cname:{}", local.cname));
        if !line.formats.repairs.is_empty() {
            let repair = local.repair_ssrc;
            attributes.push("ssrc", format!("{repair} cname:{}", local.cname));
            attributes.push("ssrc-group", format!("FID {ssrc} {repair}"));
        }
    }
    let first = write_candidates(&mut attributes, local);
    MediaDescription {
        media: line.kind.name().to_owned(),
        port: first.map_or(9, |first| first.port()),
        protocol: line.protocol,
        formats,
        connection: first.map(|first| first.ip()),
        attributes,
    }
}

/// Writes rtpmap, fmtp and rtcp-fb; gives the payload types for the m-line.
fn write_codecs(attributes: &mut Attributes, line: &Line) -> Vec<String> {
    let mut formats = Vec::new();
    for (codec, payload_type) in &line.formats.codecs {
        formats.push(payload_type.to_string());
        let channels = if *codec == Codec::Opus { "/2" } else { "" };
        let (name, hz) = (codec.name(), codec.clock_rate());
        attributes.push("rtpmap", format!("{payload_type} {name}/{hz}{channels}"));
        if let Some(parameters) = parameters(*codec, line) {
            attributes.push("fmtp", format!("{payload_type} {parameters}"));
        }
        match codec.kind() {
            MediaKind::Video => {
                write_feedback(attributes, *payload_type, line.feedback);
                if let Some(repair) = line.formats.repair_of(*payload_type) {
                    formats.push(repair.to_string());
                    attributes.push("rtpmap", format!("{repair} rtx/{hz}"));
                    attributes.push("fmtp", format!("{repair} apt={payload_type}"));
                }
            }
            MediaKind::Text => {
                if let Some(red) = line.formats.red {
                    formats.insert(0, red.to_string());
                    let t140 = payload_type;
                    attributes.push("rtpmap", format!("{red} red/1000"));
                    attributes.push("fmtp", format!("{red} {t140}/{t140}/{t140}"));
                }
            }
            MediaKind::Audio => {}
        }
    }
    if line.kind == MediaKind::Video && line.feedback.arrivals {
        // It is about packets of all payload types (RFC 8888 section 6).
        attributes.push("rtcp-fb", "* ack ccfb");
    }
    for (keys, clock_rate) in &line.formats.keys {
        formats.push(keys.to_string());
        attributes.push("rtpmap", format!("{keys} telephone-event/{clock_rate}"));
        attributes.push("fmtp", format!("{keys} 0-15"));
    }
    formats
}

fn parameters(codec: Codec, line: &Line) -> Option<String> {
    match codec {
        Codec::Opus => Some("minptime=10;useinbandfec=1".to_owned()),
        Codec::H264 => Some(format!(
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={}",
            line.profile
        )),
        Codec::T140 => Some(format!("cps={}", text::CPS_TAKEN)),
        Codec::Pcmu | Codec::Pcma | Codec::Vp8 => None,
    }
}

fn write_feedback(attributes: &mut Attributes, payload_type: u8, agreed: Feedback) {
    let feedback = [
        ("nack", agreed.nack),
        ("nack pli", agreed.pli),
        ("ccm fir", agreed.fir),
        ("transport-cc", agreed.transport),
        ("goog-remb", agreed.rate),
        ("ccm pause", agreed.pause),
    ];
    for (name, _) in feedback.into_iter().filter(|(_, agreed)| *agreed) {
        attributes.push("rtcp-fb", format!("{payload_type} {name}"));
    }
}
