//! How the peer is reached and recognised: ICE, DTLS and the bundles of an m-line.

use crate::certificate::Fingerprint;
use crate::error::Refusal;

use super::{Attributes, Candidate, MediaDescription, SessionDescription};

/// Most candidates of one peer that are tried.
const CANDIDATES_MAX: usize = 24;

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

/// Whether the line is about RTP, encrypted or not.
pub(super) fn is_rtp(media: &MediaDescription) -> bool {
    media.protocol.split('/').any(|word| word == "RTP")
}

/// Whether the line is about RTP whose keys come from DTLS, or may do so.
pub(super) fn is_encrypted(media: &MediaDescription) -> bool {
    matches!(
        media.protocol.as_str(),
        "UDP/TLS/RTP/SAVPF" | "UDP/TLS/RTP/SAVP" | "RTP/SAVPF" | "RTP/SAVP"
    )
}

/// Reads the transport of an m-line: its own attributes, else those of `fallback` (the m-line
/// that stands for the bundle), else those of the session.
pub(super) fn remote_transport(
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

/// The line that stands for the bundle of this one (RFC 9143 section 7.1): the first of it.
pub(super) fn tagged_line<'a>(
    session: &'a SessionDescription,
    media: &MediaDescription,
) -> Option<&'a MediaDescription> {
    let mid = media.mid()?;
    let bundles = session.bundles();
    let bundle = bundles.iter().find(|bundle| bundle.contains(&mid))?;
    let tag = bundle.first();
    session
        .media
        .iter()
        .find(|media| media.mid() == tag.copied())
}

/// Transports found so far: the bundle group each stands for, if any.
#[derive(Default)]
pub(super) struct Transports {
    pub(super) found: Vec<RemoteTransport>,
    groups: Vec<Option<usize>>,
}

impl Transports {
    /// The transport of an m-line in a bundle that has one.
    pub(super) fn known(
        &self,
        session: &SessionDescription,
        media: &MediaDescription,
    ) -> Option<usize> {
        let mid = media.mid()?;
        let bundles = session.bundles();
        let group = bundles.iter().position(|bundle| bundle.contains(&mid))?;
        self.groups.iter().position(|known| *known == Some(group))
    }

    pub(super) fn of_line(
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
        let tagged = tagged_line(session, media);
        self.found.push(remote_transport(session, media, tagged)?);
        self.groups.push(group);
        Ok(self.found.len() - 1)
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
