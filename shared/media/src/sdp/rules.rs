//! What no description of a WebRTC peer may do, whichever of its m-lines are taken: it is refused
//! whole, for half of it unencrypted is all of it unencrypted (RFC 8827 section 6.5).

use crate::certificate::Fingerprint;
use crate::error::Refusal;

use super::codec::kind_of;
use super::transport::{is_encrypted, is_rtp, remote_transport, tagged_line};
use super::{MediaDescription, SessionDescription};

/// Checks all m-lines that are not rejected.
pub(super) fn check(description: &SessionDescription) -> Result<(), Refusal> {
    if description.attributes.has("crypto") {
        return Err(Refusal::NotDtlsSrtp);
    }
    let live = |media: &&MediaDescription| !media.is_rejected();
    for media in description.media.iter().filter(live) {
        check_encryption(media)?;
        if media.attributes.has("bundle-only") && !is_bundled(description, media) {
            return Err(Refusal::Bundle);
        }
        if kind_of(media).is_some() {
            check_payload_types(media)?;
            if !media.attributes.has("rtcp-mux") {
                return Err(Refusal::NoRtcpMux);
            }
        }
    }
    check_transports(description)
}

/// RTP is encrypted, and its keys do not travel with the signalling.
fn check_encryption(media: &MediaDescription) -> Result<(), Refusal> {
    let is_media = is_rtp(media) || kind_of(media).is_some();
    if (is_media && !is_encrypted(media)) || media.attributes.has("crypto") {
        return Err(Refusal::NotDtlsSrtp);
    }
    Ok(())
}

/// Each payload type is listed once and mapped once (RFC 8866 sections 5.14 and 6.6).
fn check_payload_types(media: &MediaDescription) -> Result<(), Refusal> {
    let mapped = media.attributes.all("rtpmap");
    let mapped = mapped.filter_map(|value| value.split_whitespace().next());
    let listed = media.formats.iter().map(String::as_str);
    for mut numbers in [listed.collect::<Vec<_>>(), mapped.collect()] {
        numbers.sort_unstable();
        if numbers.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refusal::PayloadTypes);
        }
    }
    Ok(())
}

/// Every line of sound, picture and text can be reached and recognised; those of a bundle are of
/// one and the same peer.
fn check_transports(description: &SessionDescription) -> Result<(), Refusal> {
    let known = |media: &&MediaDescription| kind_of(media).is_some() && !media.is_rejected();
    let mut bundles: Vec<(&str, Vec<Fingerprint>)> = Vec::new();
    for media in description.media.iter().filter(known) {
        let tagged = tagged_line(description, media);
        let fingerprints = remote_transport(description, media, tagged)?.fingerprints;
        let Some(tag) = tagged.and_then(MediaDescription::mid) else {
            continue;
        };
        match bundles.iter().find(|(mid, _)| *mid == tag) {
            Some((_, first)) if *first != fingerprints => return Err(Refusal::Bundle),
            Some(_) => {}
            None => bundles.push((tag, fingerprints)),
        }
    }
    Ok(())
}

fn is_bundled(description: &SessionDescription, media: &MediaDescription) -> bool {
    tagged_line(description, media).is_some()
}
