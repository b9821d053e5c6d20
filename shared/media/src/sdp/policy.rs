//! What we offer and which answers we give: one bundle of sound, picture and T.140 over ICE and
//! DTLS-SRTP with rtcp-mux, in the formats of an allow-list.
//!
//! Peers that know no BUNDLE get one transport per m-line. Peers without rtcp-mux, ICE or
//! DTLS-SRTP are refused with the reason, and so is who offers sound or picture in formats that
//! are not allowed: a description is taken whole or not at all, but for text, a second camera and
//! what is neither, which are rejected in their place. Text comes last, because browsers reject it;
//! behind it comes the data channel that they take instead ([`super::channel`]). Text has one line
//! per peer.

use crate::error::{MediaError, Refusal};
use crate::rtp::MediaKind;

use super::channel;
use super::codec::{
    Chosen, Formats, Side, agreed_keys, choose, extensions, feedback, kind_of, remote_repairs,
    remote_ssrcs,
};
use super::transport::Transports;
use super::{
    Allowed, Candidate, Codec, LayerRole, Layers, MediaDescription, Negotiated, NegotiatedMedia,
    SessionDescription, TextTerms, rules,
};

pub use super::describe::{renew_transport, write_answer, write_offer};
pub use super::transport::{LocalTransport, RemoteTransport, Setup, answer_setup};

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
    /// Our SSRC of pictures that go out again.
    pub repair_ssrc: u32,
    /// One, or one per m-line without bundle.
    pub transports: Vec<LocalTransport>,
    /// What may be agreed.
    pub allowed: Allowed,
    /// What we do with several sizes of a picture.
    pub layers: LayerRole,
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
/// [`MediaError::NotAcceptable`] with the first reason if the offer breaks a rule, has sound or
/// picture only in formats that are not allowed, or has no m-line that is left.
pub fn accept_offer(
    offer: &SessionDescription,
    willing: &[MediaKind],
    (allowed, role): (&Allowed, LayerRole),
) -> Result<AcceptedOffer, MediaError> {
    rules::check(offer).map_err(MediaError::NotAcceptable)?;
    let mut negotiated = Negotiated::default();
    let mut transports = Transports::default();
    for (line, media) in offer.media.iter().enumerate() {
        let Some(kind) = kind_of(media) else { continue };
        let wanted = willing.contains(&kind) && negotiated.get(kind).is_none();
        if !wanted || media.is_rejected() {
            continue;
        }
        match choose(media, kind, allowed, Side::Offer) {
            Some(chosen) => {
                let transport = transports
                    .of_line(offer, media)
                    .map_err(MediaError::NotAcceptable)?;
                let taken = of_offer(offer, (line, media), (chosen, role), transport);
                negotiated.media.push(taken);
            }
            None if kind == MediaKind::Text => {}
            None => return Err(MediaError::NotAcceptable(Refusal::Codec(kind))),
        }
    }
    if negotiated.media.is_empty() {
        return Err(MediaError::NotAcceptable(Refusal::NothingInCommon));
    }
    check_numbers(&negotiated)?;
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

fn of_offer(
    offer: &SessionDescription,
    (line, media): (usize, &MediaDescription),
    (chosen, role): (Chosen, LayerRole),
    transport: usize,
) -> NegotiatedMedia {
    let format = chosen.payload_type.to_string();
    let feedback = feedback(media, chosen.payload_type);
    let kind = chosen.codec.kind();
    let layers = Layers::agreed(media, role, feedback).filter(|_| kind == MediaKind::Video);
    NegotiatedMedia {
        kind,
        line,
        mid: media.mid().map(str::to_owned),
        codec: chosen.codec,
        payload_type: chosen.payload_type,
        receive_payload_type: chosen.payload_type,
        red: chosen.red.map(|red| (red, red)),
        repair: chosen.repair.map(|repair| (repair, repair)),
        text: TextTerms::of(media, chosen.payload_type, chosen.red),
        keys: agreed_keys(&chosen.keys, &chosen.keys),
        clock_rate: chosen.codec.clock_rate(),
        direction: media.direction(offer).reversed(),
        feedback,
        extensions: extensions(media, kind, feedback, layers.as_ref()),
        layers,
        remote_parameters: media.fmtp(&format).map(str::to_owned),
        remote_ssrcs: remote_ssrcs(media),
        repairs: remote_repairs(media),
        transport,
    }
}

/// Packets of one transport are told apart by their payload types (RFC 9143 section 10.1.2).
fn check_numbers(negotiated: &Negotiated) -> Result<(), MediaError> {
    let numbers = |media: &NegotiatedMedia| {
        let keys = media.keys.iter().map(|keys| keys.receive_payload_type);
        let red = media.red.map(|(_, red)| red);
        let repair = media.repair.map(|(_, repair)| repair);
        let own = [media.receive_payload_type];
        let all = keys.chain(red).chain(repair).chain(own);
        all.map(|number| (media.transport, number))
            .collect::<Vec<_>>()
    };
    let mut all: Vec<_> = negotiated.media.iter().flat_map(numbers).collect();
    all.sort_unstable();
    if all.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(MediaError::NotAcceptable(Refusal::PayloadTypes));
    }
    Ok(())
}

/// Reads the answer to our offer of these kinds, one m-line each.
///
/// # Errors
///
/// [`MediaError::NotAcceptable`] if it breaks a rule, does not fit the offer, or nothing is left
/// of it.
pub fn accept_answer(
    offered: &[MediaKind],
    answer: &SessionDescription,
    (allowed, role): (&Allowed, LayerRole),
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
    rules::check(answer).map_err(MediaError::NotAcceptable)?;
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
        let Some(chosen) = choose(media, *kind, allowed, Side::Answer) else {
            return refuse(Refusal::Codec(*kind));
        };
        let transport = transports
            .of_line(answer, media)
            .map_err(MediaError::NotAcceptable)?;
        let ours = Formats::offered(*kind, allowed);
        let Some(receive) = ours.payload_type(chosen.codec) else {
            return refuse(Refusal::Codec(*kind));
        };
        let keys = agreed_keys(&chosen.keys, &ours.keys);
        negotiated.media.push(NegotiatedMedia {
            mid: Some(line.to_string()),
            receive_payload_type: receive,
            red: chosen.red.zip(ours.red),
            repair: chosen.repair.zip(ours.repair_of(receive)),
            keys,
            ..of_offer(answer, (line, media), (chosen, role), transport)
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

/// Whether the answer of one peer to the offer of another may stand: for media that goes from one
/// to the other without us. Our own rules hold for it as they hold for what we answer.
///
/// # Errors
///
/// [`MediaError::NotAcceptable`] with the first reason.
pub fn check_answer(
    offer: &SessionDescription,
    answer: &SessionDescription,
    allowed: &Allowed,
) -> Result<(), MediaError> {
    let refuse = |refusal| Err(MediaError::NotAcceptable(refusal));
    if answer.media.len() > offer.media.len() {
        return refuse(Refusal::AnswerMismatch);
    }
    rules::check(answer).map_err(MediaError::NotAcceptable)?;
    let mut taken = 0;
    for (given, asked) in answer.media.iter().zip(&offer.media) {
        if given.media != asked.media {
            return refuse(Refusal::AnswerMismatch);
        }
        if given.is_rejected() {
            continue;
        }
        if asked.is_rejected() || given.protocol != asked.protocol {
            return refuse(Refusal::AnswerMismatch);
        }
        let Some(kind) = kind_of(given) else { continue };
        if choose(given, kind, allowed, Side::Answer).is_none() {
            return refuse(Refusal::Codec(kind));
        }
        if given.attributes.get("setup") == Some(Setup::ActPass.name()) {
            return refuse(Refusal::Setup);
        }
        taken += 1;
    }
    match taken {
        0 => refuse(Refusal::NothingInCommon),
        _ => Ok(()),
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

/// The transports of all m-lines that are not rejected.
///
/// # Errors
///
/// [`MediaError::NotAcceptable`] if the description breaks a rule.
pub fn transports(description: &SessionDescription) -> Result<Vec<RemoteTransport>, MediaError> {
    rules::check(description).map_err(MediaError::NotAcceptable)?;
    let mut transports = Transports::default();
    for media in &description.media {
        if kind_of(media).is_some() && !media.is_rejected() {
            transports
                .of_line(description, media)
                .map_err(MediaError::NotAcceptable)?;
        }
    }
    Ok(transports.found)
}

impl Negotiated {
    /// The formats that were agreed and no others: what may be agreed again during a call.
    #[must_use]
    pub fn narrowed(&self, allowed: &Allowed) -> Allowed {
        let mut narrowed = allowed.clone();
        let agreed: Vec<Codec> = self.media.iter().map(|media| media.codec).collect();
        narrowed.codecs.retain(|codec| agreed.contains(codec));
        narrowed
    }
}
