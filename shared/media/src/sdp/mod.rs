//! Session descriptions (RFC 8866) and what we offer and answer (RFC 3264, 8829, 9143, 8839).
//!
//! What it is: a parser that refuses whatever exceeds its limits, a writer, and the policy for
//! the WebRTC side: one bundle of sound, picture and text over ICE and DTLS-SRTP, in the formats of
//! an [`Allowed`] list.
//! What it is not: it opens nothing and keeps no state; [`crate::peer`] acts on its results.
//! Start reading at [`SessionDescription`]; the policy is in [`policy`].

mod agreed;
mod allowed;
mod candidate;
pub(crate) mod channel;
mod codec;
mod describe;
mod parse;
pub mod policy;
mod rules;
mod simulcast;
pub(crate) mod text;
mod transport;
mod write;

use std::net::IpAddr;

pub use agreed::{Feedback, KeyFormat, Negotiated, NegotiatedMedia};
pub use allowed::{Allowed, Codec, H264Limits};
pub use candidate::{Candidate, CandidateKind};
pub use channel::{NegotiatedChannel, TextChannel};
pub use parse::SdpError;
pub(crate) use simulcast::LAYERS_MAX;
pub use simulcast::{Layer, LayerRole, Layers};
pub use text::TextTerms;

/// A whole session description.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionDescription {
    /// `o=`: user, session id, version, address.
    pub origin: Origin,
    /// `c=` of the session, if any.
    pub connection: Option<IpAddr>,
    /// `a=` lines of the session.
    pub attributes: Attributes,
    /// The m-lines, in order.
    pub media: Vec<MediaDescription>,
}

/// The `o=` line. The user name is always written `-`: it says nothing about anybody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Session id.
    pub id: u64,
    /// Version: grows with each description of the same session.
    pub version: u64,
    /// Address of whoever wrote it, if it is an IP address.
    pub address: Option<IpAddr>,
}

/// One m-line with what follows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MediaDescription {
    /// `audio`, `video`, `text`, `application`, ...
    pub media: String,
    /// Port; 0 is "rejected" or, with `a=bundle-only`, "in the bundle".
    pub port: u16,
    /// Transport, such as `UDP/TLS/RTP/SAVPF`.
    pub protocol: String,
    /// Payload types (or other formats), most wanted first.
    pub formats: Vec<String>,
    /// `c=` of this m-line, if any.
    pub connection: Option<IpAddr>,
    /// `a=` lines of this m-line.
    pub attributes: Attributes,
}

/// The `a=` lines of a session or m-line, in order: name, and value if there is one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes(pub Vec<(String, Option<String>)>);

impl Attributes {
    /// Value of the first attribute of this name; the empty string if it has none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().find(|(n, _)| n == name);
        named.map(|(_, value)| value.as_deref().unwrap_or(""))
    }

    /// Whether there is an attribute of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Values of all attributes of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(n, _): &&(String, Option<String>)| n == name;
        self.0
            .iter()
            .filter(named)
            .map(|(_, value)| value.as_deref().unwrap_or(""))
    }

    /// Adds `a=name:value`.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), Some(value.into())));
    }

    /// Adds `a=name`.
    pub fn flag(&mut self, name: &str) {
        self.0.push((name.to_owned(), None));
    }
}

/// Who may send (RFC 8866 section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both; also when nothing is said.
    #[default]
    SendRecv,
    /// Only the writer.
    SendOnly,
    /// Only the reader.
    RecvOnly,
    /// Nobody: on hold.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The same, seen from the other side.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            same @ (Self::SendRecv | Self::Inactive) => same,
        }
    }

    /// Whether the writer sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// A codec as `a=rtpmap` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpMap {
    /// Encoding name, such as `opus`; compare without case.
    pub encoding: String,
    /// Clock rate in Hz.
    pub clock_rate: u32,
    /// Channels, 1 if not said.
    pub channels: u32,
}

impl SessionDescription {
    /// Reads a description (RFC 8866).
    ///
    /// # Errors
    ///
    /// [`SdpError`] if it is too large, has a broken line, or repeats a mid; the peer's fault.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        parse::parse(text)
    }

    /// Whether the writer wants nothing sent to it (RFC 3264 section 8.4): every line says so, by
    /// its direction or in the old way by the address 0.0.0.0. Lines of data channels say nothing
    /// about it (RFC 8865 section 4.2.3).
    #[must_use]
    pub fn is_hold(&self) -> bool {
        let is_media =
            |media: &&MediaDescription| !media.is_rejected() && !channel::is_channel(media);
        let mut taken = self.media.iter().filter(is_media);
        let deaf = |media: &MediaDescription| {
            let address = media.connection.or(self.connection);
            let nowhere = address.is_some_and(|ip| ip.is_unspecified());
            // WebRTC descriptions name no address before there is one.
            let nowhere = nowhere && !media.attributes.has("ice-ufrag");
            nowhere || !media.direction(self).receives()
        };
        taken.clone().next().is_some() && taken.all(deaf)
    }

    /// The mids of each `a=group:BUNDLE` (RFC 9143 section 5).
    #[must_use]
    pub fn bundles(&self) -> Vec<Vec<&str>> {
        let groups = self.attributes.all("group");
        let bundle = |group: &'_ str| group.starts_with("BUNDLE ") || group == "BUNDLE";
        groups
            .filter(|g| bundle(g))
            .map(|g| g.split_whitespace().skip(1).collect())
            .collect()
    }
}

impl std::fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write::write(self, f)
    }
}

impl MediaDescription {
    /// `a=mid`, if any.
    #[must_use]
    pub fn mid(&self) -> Option<&str> {
        self.attributes.get("mid")
    }

    /// Whether the m-line is rejected (or was withdrawn): port 0 outside a bundle.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.port == 0 && !self.attributes.has("bundle-only")
    }

    /// Who sends, from the writer's side.
    #[must_use]
    pub fn direction(&self, session: &SessionDescription) -> Direction {
        let all = [
            Direction::SendRecv,
            Direction::SendOnly,
            Direction::RecvOnly,
            Direction::Inactive,
        ];
        let named = |attributes: &Attributes| {
            all.into_iter()
                .find(|direction| attributes.has(direction.name()))
        };
        named(&self.attributes)
            .or_else(|| named(&session.attributes))
            .unwrap_or_default()
    }

    /// The codec of a payload type: `a=rtpmap`, or the static table for the ones we use.
    #[must_use]
    pub fn rtpmap(&self, payload_type: &str) -> Option<RtpMap> {
        let mapped = self.attributes.all("rtpmap").find_map(|value| {
            let (number, codec) = value.split_once(' ')?;
            (number == payload_type).then_some(codec.trim())
        });
        let codec = mapped.or(match payload_type {
            "0" => Some("PCMU/8000"),
            "8" => Some("PCMA/8000"),
            "13" => Some("CN/8000"),
            _ => None,
        })?;
        let mut parts = codec.split('/');
        Some(RtpMap {
            encoding: parts.next()?.to_owned(),
            clock_rate: parts.next()?.trim().parse().ok()?,
            channels: parts.next().map_or(Some(1), |n| n.trim().parse().ok())?,
        })
    }

    /// The format parameters of a payload type.
    #[must_use]
    pub fn fmtp(&self, payload_type: &str) -> Option<&str> {
        self.attributes.all("fmtp").find_map(|value| {
            let (number, parameters) = value.split_once(' ')?;
            (number == payload_type).then_some(parameters.trim())
        })
    }

    /// One `name=value` of the format parameters of a payload type.
    #[must_use]
    pub fn fmtp_parameter(&self, payload_type: &str, name: &str) -> Option<&str> {
        self.fmtp(payload_type)?.split(';').find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            key.trim()
                .eq_ignore_ascii_case(name)
                .then_some(value.trim())
        })
    }

    /// The payload types of the m-line that are numbers 0 to 127.
    pub fn payload_types(&self) -> impl Iterator<Item = (u8, &str)> {
        let number = |f: &'_ String| f.parse::<u8>().ok().filter(|n| *n < 128);
        self.formats
            .iter()
            .filter_map(move |f| Some((number(f)?, f.as_str())))
    }

    /// The first payload type with this encoding name and clock rate.
    #[must_use]
    pub fn find_codec(&self, encoding: &str, clock_rate: u32) -> Option<(u8, &str)> {
        self.payload_types().find(|(_, format)| {
            self.rtpmap(format).is_some_and(|map| {
                map.encoding.eq_ignore_ascii_case(encoding) && map.clock_rate == clock_rate
            })
        })
    }
}

#[cfg(test)]
mod tests;
