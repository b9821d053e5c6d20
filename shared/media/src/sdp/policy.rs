//! What we offer and which answers we give: one bundle of Opus, H.264 and T.140 over ICE and
//! DTLS-SRTP with rtcp-mux.
//!
//! Peers that know no BUNDLE get one transport per m-line. Peers without rtcp-mux, ICE or
//! DTLS-SRTP are refused with the reason. Text comes last, because browsers reject it; behind it
//! comes the data channel that they take instead ([`super::channel`]). Text has one line per peer.

use std::net::SocketAddr;

use crate::error::{MediaError, Refusal};
use crate::rtp::MediaKind;

use super::channel;
use super::codec::{
    agreed_keys, choose, codec_name, extensions, feedback, kind_of, payload_types, remote_ssrcs,
};
use super::transport::{Transports, is_encrypted};
use super::{MediaDescription, Negotiated, NegotiatedMedia, SessionDescription};

pub use super::describe::{write_answer, write_offer};
pub use super::transport::{LocalTransport, RemoteTransport, Setup, answer_setup};

/// Everything of our side that goes into a description.
#[derive(Debug, Clone)]
pub struct Local {
    /// `o=` session id.
    pub session_id: u64,
    /// `o=` session version: grows with each description (RFC 3264 section 8).
    pub version: u64,
    /// Host candidates, most wanted first; at least one.
    pub addresses: Vec<SocketAddr>,
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
    if willing.contains(&MediaKind::Text)
        && let Some(line) = offer.media.iter().position(channel::is_channel)
    {
        let known = |media: &_| transports.known(offer, media);
        negotiated.channel = channel::accept(offer, line, known, &negotiated);
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
    let feedback = feedback(media, chosen.payload_type);
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
        feedback,
        extensions: extensions(media, kind, feedback),
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
    // end, which is why text is last, and its other form, the data channel, behind it. Those that
    // know that one may leave text out before it.
    let mid = offered.len().to_string();
    let is_ours =
        |media: &MediaDescription| channel::is_channel(media) && media.mid() == Some(mid.as_str());
    let channel_line = answer.media.iter().position(is_ours);
    let has_channel = offered.contains(&MediaKind::Text);
    if answer.media.len() > offered.len() + usize::from(has_channel) {
        return refuse(Refusal::AnswerMismatch);
    }
    let mut negotiated = Negotiated::default();
    let mut transports = Transports::default();
    for (line, (media, kind)) in answer.media.iter().zip(offered).enumerate() {
        if channel_line == Some(line) {
            break;
        }
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
        let feedback = feedback(media, chosen.payload_type);
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
            feedback,
            extensions: extensions(media, *kind, feedback),
            remote_parameters: media.fmtp(&format).map(str::to_owned),
            remote_ssrcs: remote_ssrcs(media),
            transport,
        });
    }
    let further = answer.media.get(offered.len());
    if further.is_some_and(|line| !channel::is_channel(line)) {
        return refuse(Refusal::AnswerMismatch);
    }
    if let Some(line) = channel_line.filter(|_| has_channel) {
        let known = |media: &_| transports.known(answer, media);
        negotiated.channel = channel::accept(answer, line, known, &negotiated);
    }
    let mut found = transports.found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => refuse(Refusal::NothingInCommon),
        (Some(_), Some(_)) => refuse(Refusal::NoBundle),
        (Some(transport), None) if transport.setup == Setup::ActPass => refuse(Refusal::Setup),
        (Some(transport), None) => Ok((negotiated, transport)),
    }
}
