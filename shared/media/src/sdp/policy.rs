//! What we offer and which answers we give: one bundle of Opus, H.264 and T.140 over ICE and
//! DTLS-SRTP with rtcp-mux.
//!
//! Peers that know no BUNDLE get one transport per m-line. Peers without rtcp-mux, ICE or
//! DTLS-SRTP are refused with the reason. Text comes last, because browsers reject it.

use crate::certificate::Fingerprint;
use crate::error::{MediaError, Refusal};
use crate::h264;
use crate::rtp::MediaKind;

use super::{Attributes, Candidate, Direction, MediaDescription, SessionDescription};

pub use super::describe::{renew_transport, write_answer, write_offer};

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
/// Most candidates of one peer that are tried.
const CANDIDATES_MAX: usize = 24;
/// Most SSRCs of one m-line that are noted.
const SSRCS_MAX: usize = 16;

/// RTCP feedback both sides can do (RFC 4585, RFC 5104).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Feedback {
    /// Lost packets can be asked for again.
    pub nack: bool,
    /// Key frames can be asked for by picture loss indication.
    pub pli: bool,
    /// Key frames can be asked for by full intra request.
    pub fir: bool,
    /// The fate of every packet can be told (RFC 8888).
    pub arrivals: bool,
    /// A highest rate can be told (draft-alvestrand-rmcat-remb-03).
    pub rate: bool,
}

/// Telephone keys among the sound (RFC 4733 section 2.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyFormat {
    /// Their durations count in this clock, in Hz.
    pub clock_rate: u32,
    /// Payload type we send.
    pub payload_type: u8,
    /// Payload type we receive.
    pub receive_payload_type: u8,
}

/// One medium both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedMedia {
    /// Which.
    pub kind: MediaKind,
    /// Which m-line, counted from 0.
    pub line: usize,
    /// `a=mid` of the m-line.
    pub mid: Option<String>,
    /// Encoding name: `opus`, `H264` or `t140`.
    pub codec: &'static str,
    /// Payload type we send.
    pub payload_type: u8,
    /// Payload type we receive.
    pub receive_payload_type: u8,
    /// RED around text: payload types sent and received.
    pub red: Option<(u8, u8)>,
    /// How telephone keys are sent, best first; empty where they are not.
    pub keys: Vec<KeyFormat>,
    /// RTP clock, in Hz.
    pub clock_rate: u32,
    /// Who sends, from our side.
    pub direction: Direction,
    /// What RTCP feedback may be used.
    pub feedback: Feedback,
    /// The format parameters of the peer's payload type, as it wrote them.
    pub remote_parameters: Option<String>,
    /// SSRCs the peer announced.
    pub remote_ssrcs: Vec<u32>,
    /// Which of the peer's transports: 0 unless it knows no bundles.
    pub transport: usize,
}

/// What was agreed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Negotiated {
    /// At most one of each kind, in the order of the m-lines.
    pub media: Vec<NegotiatedMedia>,
}

impl Negotiated {
    /// What was agreed for this kind, if it was.
    #[must_use]
    pub fn get(&self, kind: MediaKind) -> Option<&NegotiatedMedia> {
        self.media.iter().find(|media| media.kind == kind)
    }

    /// Whether this is the same media as `before`, directions apart.
    #[must_use]
    pub fn continues(&self, before: &Self) -> bool {
        let same = |(new, old): (&NegotiatedMedia, &NegotiatedMedia)| {
            new.kind == old.kind
                && new.line == old.line
                && new.mid == old.mid
                && new.payload_type == old.payload_type
                && new.red.map(|(send, _)| send) == old.red.map(|(send, _)| send)
                && new.transport == old.transport
        };
        self.media.len() == before.media.len() && self.media.iter().zip(&before.media).all(same)
    }
}

/// Who begins the DTLS handshake (RFC 5763 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// The writer begins.
    Active,
    /// The writer waits.
    Passive,
    /// The reader chooses; only in offers.
    ActPass,
}

impl Setup {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
        }
    }
}

/// How to reach and recognise the peer on one transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteTransport {
    /// ICE user name fragment.
    pub ufrag: String,
    /// ICE password.
    pub password: String,
    /// The peer only answers connectivity checks.
    pub ice_lite: bool,
    /// Hashes of its certificate.
    pub fingerprints: Vec<Fingerprint>,
    /// Its DTLS role.
    pub setup: Setup,
    /// Where it may be reached.
    pub candidates: Vec<Candidate>,
}

impl RemoteTransport {
    /// Whether this is the connection that stands: no ICE restart, no other certificate.
    #[must_use]
    pub fn is_the_same_as(&self, before: &Self) -> bool {
        self.ufrag == before.ufrag
            && self.password == before.password
            && self.fingerprints == before.fingerprints
    }

    /// Whether this restarts ICE for the same peer: both names are new (RFC 8839 section 4.4.1.1.1),
    /// the certificate is not.
    #[must_use]
    pub fn restarts(&self, before: &Self) -> bool {
        self.ufrag != before.ufrag
            && self.password != before.password
            && self.fingerprints == before.fingerprints
    }
}

/// Our side of one transport, to be written.
#[derive(Debug, Clone)]
pub struct LocalTransport {
    /// ICE user name fragment.
    pub ufrag: String,
    /// ICE password.
    pub password: String,
    /// Our DTLS role.
    pub setup: Setup,
}

/// Everything of our side that goes into a description.
#[derive(Debug, Clone)]
pub struct Local {
    /// `o=` session id.
    pub session_id: u64,
    /// `o=` session version: grows with each description (RFC 3264 section 8).
    pub version: u64,
    /// Our candidates, most wanted first; at least one.
    pub candidates: Vec<Candidate>,
    /// `a=fingerprint`.
    pub fingerprint: String,
    /// RTCP canonical name: random, says nothing.
    pub cname: String,
    /// Our SSRC for each kind.
    pub ssrcs: Vec<(MediaKind, u32)>,
    /// One, or one per m-line without bundle.
    pub transports: Vec<LocalTransport>,
}

/// An offer we can do something with.
#[derive(Debug, Clone)]
pub struct AcceptedOffer {
    /// What will be agreed.
    pub negotiated: Negotiated,
    /// The peer's transports, as [`NegotiatedMedia::transport`] counts them.
    pub transports: Vec<RemoteTransport>,
}

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

fn kind_of(media: &MediaDescription) -> Option<MediaKind> {
    [MediaKind::Audio, MediaKind::Video, MediaKind::Text]
        .into_iter()
        .find(|kind| kind.name() == media.media)
}

const fn codec_name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "opus",
        MediaKind::Video => "H264",
        MediaKind::Text => "t140",
    }
}

/// Finds our codec in an m-line. In an answer a missing packetization-mode is forgiven: it can
/// only mean the one we offered.
fn choose(media: &MediaDescription, kind: MediaKind, answer: bool) -> Option<Chosen> {
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

fn feedback(media: &MediaDescription, payload_type: u8) -> Feedback {
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
            "goog-remb" => found.rate = true,
            _ => {}
        }
    }
    found
}

fn remote_ssrcs(media: &MediaDescription) -> Vec<u32> {
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

fn is_encrypted(media: &MediaDescription) -> bool {
    matches!(
        media.protocol.as_str(),
        "UDP/TLS/RTP/SAVPF" | "UDP/TLS/RTP/SAVP" | "RTP/SAVPF" | "RTP/SAVP"
    )
}

/// Reads the transport of an m-line: its own attributes, else those of `fallback` (the m-line
/// that stands for the bundle), else those of the session.
fn remote_transport(
    session: &SessionDescription,
    media: &MediaDescription,
    fallback: Option<&MediaDescription>,
) -> Result<RemoteTransport, Refusal> {
    let places: Vec<&Attributes> = std::iter::once(&media.attributes)
        .chain(fallback.map(|media| &media.attributes))
        .chain([&session.attributes])
        .collect();
    let first = |name: &str| places.iter().find_map(|attributes| attributes.get(name));
    let announced = places
        .iter()
        .find(|attributes| attributes.has("fingerprint"));
    let announced = announced.ok_or(Refusal::NotDtlsSrtp)?;
    let fingerprints: Vec<Fingerprint> = announced
        .all("fingerprint")
        .take(8)
        .filter_map(Fingerprint::parse)
        .collect();
    if fingerprints.is_empty() {
        return Err(Refusal::NoFingerprint);
    }
    let token = |text: &str, min: usize| (min..=256).contains(&text.len());
    let ufrag = first("ice-ufrag")
        .filter(|u| token(u, 4))
        .ok_or(Refusal::NoIce)?;
    let password = first("ice-pwd")
        .filter(|p| token(p, 22))
        .ok_or(Refusal::NoIce)?;
    let setup = match first("setup") {
        Some("active") => Setup::Active,
        Some("passive") => Setup::Passive,
        Some("actpass") => Setup::ActPass,
        Some(_) | None => return Err(Refusal::Setup),
    };
    let candidates = places
        .iter()
        .flat_map(|attributes| attributes.all("candidate"))
        .filter_map(Candidate::parse)
        .filter(|candidate| candidate.component == 1)
        .take(CANDIDATES_MAX)
        .collect();
    Ok(RemoteTransport {
        ufrag: ufrag.to_owned(),
        password: password.to_owned(),
        ice_lite: session.attributes.has("ice-lite"),
        fingerprints,
        setup,
        candidates,
    })
}

/// Transports found so far: the bundle group each stands for, if any.
#[derive(Default)]
struct Transports {
    found: Vec<RemoteTransport>,
    groups: Vec<Option<usize>>,
}

impl Transports {
    fn of_line(
        &mut self,
        session: &SessionDescription,
        media: &MediaDescription,
    ) -> Result<usize, Refusal> {
        let bundles = session.bundles();
        let group = media
            .mid()
            .and_then(|mid| bundles.iter().position(|b| b.contains(&mid)));
        if group.is_some()
            && let Some(known) = self.groups.iter().position(|g| *g == group)
        {
            return Ok(known);
        }
        let tagged = group
            .and_then(|group| bundles[group].first().copied())
            .and_then(|tag| session.media.iter().find(|media| media.mid() == Some(tag)));
        self.found.push(remote_transport(session, media, tagged)?);
        self.groups.push(group);
        Ok(self.found.len() - 1)
    }
}

/// Decides which m-lines of an offer we take.
///
/// # Errors
///
/// [`MediaError::NotAcceptable`] with the first reason if no m-line is left.
pub fn accept_offer(
    offer: &SessionDescription,
    willing: &[MediaKind],
) -> Result<AcceptedOffer, MediaError> {
    let mut negotiated = Negotiated::default();
    let mut transports = Transports::default();
    let mut reason = None;
    for (line, media) in offer.media.iter().enumerate() {
        let Some(kind) = kind_of(media) else { continue };
        let wanted = willing.contains(&kind) && negotiated.get(kind).is_none();
        if !wanted || media.is_rejected() {
            continue;
        }
        match accept_line(offer, media, kind, line, &mut transports) {
            Ok(agreed) => negotiated.media.push(agreed),
            Err(refusal) => reason = reason.or(Some(refusal)),
        }
    }
    if negotiated.media.is_empty() {
        return Err(MediaError::NotAcceptable(
            reason.unwrap_or(Refusal::NothingInCommon),
        ));
    }
    Ok(AcceptedOffer {
        negotiated,
        transports: transports.found,
    })
}

fn accept_line(
    offer: &SessionDescription,
    media: &MediaDescription,
    kind: MediaKind,
    line: usize,
    transports: &mut Transports,
) -> Result<NegotiatedMedia, Refusal> {
    if !is_encrypted(media) {
        return Err(Refusal::NotDtlsSrtp);
    }
    let chosen = choose(media, kind, false).ok_or(Refusal::NothingInCommon)?;
    if !media.attributes.has("rtcp-mux") {
        return Err(Refusal::NoRtcpMux);
    }
    let transport = transports.of_line(offer, media)?;
    let format = chosen.payload_type.to_string();
    Ok(NegotiatedMedia {
        kind,
        line,
        mid: media.mid().map(str::to_owned),
        codec: codec_name(kind),
        payload_type: chosen.payload_type,
        receive_payload_type: chosen.payload_type,
        red: chosen.red.map(|red| (red, red)),
        keys: agreed_keys(&chosen.keys, &chosen.keys),
        clock_rate: kind.clock_rate(),
        direction: media.direction(offer).reversed(),
        feedback: feedback(media, chosen.payload_type),
        remote_parameters: media.fmtp(&format).map(str::to_owned),
        remote_ssrcs: remote_ssrcs(media),
        transport,
    })
}

/// Reads the answer to our offer of these kinds, one m-line each.
///
/// # Errors
///
/// [`MediaError::NotAcceptable`] if it does not fit the offer or nothing is left of it.
pub fn accept_answer(
    offered: &[MediaKind],
    answer: &SessionDescription,
) -> Result<(Negotiated, RemoteTransport), MediaError> {
    let refuse = |refusal| Err(MediaError::NotAcceptable(refusal));
    // An answer must name every m-line (RFC 3264 section 6); some leave unknown kinds out at the
    // end, which is why text is last.
    if answer.media.len() > offered.len() {
        return refuse(Refusal::AnswerMismatch);
    }
    let mut negotiated = Negotiated::default();
    let mut transports = Transports::default();
    for (line, (media, kind)) in answer.media.iter().zip(offered).enumerate() {
        if media.media != kind.name() {
            return refuse(Refusal::AnswerMismatch);
        }
        if media.port == 0 {
            continue;
        }
        if !is_encrypted(media) {
            return refuse(Refusal::NotDtlsSrtp);
        }
        let Some(chosen) = choose(media, *kind, true) else {
            return refuse(Refusal::NothingInCommon);
        };
        if !media.attributes.has("rtcp-mux") {
            return refuse(Refusal::NoRtcpMux);
        }
        let transport = transports
            .of_line(answer, media)
            .map_err(MediaError::NotAcceptable)?;
        let format = chosen.payload_type.to_string();
        let ours = payload_types(*kind);
        negotiated.media.push(NegotiatedMedia {
            kind: *kind,
            line,
            mid: Some(line.to_string()),
            codec: codec_name(*kind),
            payload_type: chosen.payload_type,
            receive_payload_type: ours.payload_type,
            red: chosen.red.zip(ours.red),
            keys: agreed_keys(&chosen.keys, &ours.keys),
            clock_rate: kind.clock_rate(),
            direction: media.direction(answer).reversed(),
            feedback: feedback(media, chosen.payload_type),
            remote_parameters: media.fmtp(&format).map(str::to_owned),
            remote_ssrcs: remote_ssrcs(media),
            transport,
        });
    }
    let mut found = transports.found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => refuse(Refusal::NothingInCommon),
        (Some(_), Some(_)) => refuse(Refusal::NoBundle),
        (Some(transport), None) if transport.setup == Setup::ActPass => refuse(Refusal::Setup),
        (Some(transport), None) => Ok((negotiated, transport)),
    }
}

/// The transports of a further answer, as they are counted in what was agreed.
///
/// # Errors
///
/// [`MediaError::NotAcceptable`] when it leaves out an m-line or one of its transports is broken.
pub fn transports_of(
    answer: &SessionDescription,
    agreed: &Negotiated,
) -> Result<Vec<RemoteTransport>, MediaError> {
    let mut transports = Transports::default();
    for media in &agreed.media {
        let line = answer.media.get(media.line);
        let line = line.filter(|line| !line.is_rejected());
        let found = line.ok_or(Refusal::AnswerMismatch);
        let found = found.and_then(|line| transports.of_line(answer, line));
        found.map_err(MediaError::NotAcceptable)?;
    }
    Ok(transports.found)
}

/// Theirs that are ours, too.
fn agreed_keys(theirs: &[(u8, u32)], ours: &[(u8, u32)]) -> Vec<KeyFormat> {
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

/// Our DTLS role in answer to the peer's.
#[must_use]
pub const fn answer_setup(remote: Setup) -> Setup {
    match remote {
        Setup::Active | Setup::ActPass => Setup::Passive,
        Setup::Passive => Setup::Active,
    }
}
