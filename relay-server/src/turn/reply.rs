//! Writes STUN answers. Reasons are left out of errors: they only make a refusal larger than the
//! request it answers (attack list A46).

use std::net::SocketAddr;

use turn_server_proto::types::stun::attribute::AttributeType;
use turn_server_proto::types::stun::attribute::{
    ErrorCode, Fingerprint, Nonce, Realm, UnknownAttributes,
};
use turn_server_proto::types::stun::message::{
    IntegrityAlgorithm, IntegrityKey, Message, MessageWriteVec,
};
use turn_server_proto::types::stun::prelude::{
    AttributeStaticType, AttributeWrite, MessageWrite, MessageWriteExt,
};

/// Where a client is: how it came, and from which address (an IPv4 address may be written as an
/// IPv6 one, as a socket for both gives it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client {
    /// How it came.
    pub transport: Transport,
    /// Its address as the server sees it.
    pub address: SocketAddr,
}

/// How a client came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// In datagrams.
    Udp,
    /// On a stream.
    Tcp,
    /// On a stream with TLS.
    Tls,
}

impl Transport {
    /// Every value.
    pub const ALL: [Self; 3] = [Self::Udp, Self::Tcp, Self::Tls];

    /// The word in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// Attributes of a success, in order; signed with `key` when given.
pub(super) fn success(
    request: &Message<'_>,
    attributes: &[&dyn AttributeWrite],
    key: Option<&IntegrityKey>,
) -> Option<Vec<u8>> {
    let answer = Message::builder_success(request, MessageWriteVec::with_capacity(160));
    finish(request, answer, attributes, key)
}

/// An error without further attributes.
pub(super) fn error(
    request: &Message<'_>,
    code: u16,
    key: Option<&IntegrityKey>,
) -> Option<Vec<u8>> {
    let code = ErrorCode::builder(code).reason("").build().ok()?;
    let answer = Message::builder_error(request, MessageWriteVec::with_capacity(64));
    finish(request, answer, &[&code], key)
}

/// 401 or 438: what the client needs to try again.
pub(super) fn challenge(
    request: &Message<'_>,
    code: u16,
    realm: &str,
    nonce: &str,
) -> Option<Vec<u8>> {
    let code = ErrorCode::builder(code).reason("").build().ok()?;
    let (realm, nonce) = (Realm::new(realm).ok()?, Nonce::new(nonce).ok()?);
    let answer = Message::builder_error(request, MessageWriteVec::with_capacity(128));
    finish(request, answer, &[&code, &realm, &nonce], None)
}

/// 420 with the attributes that are not known.
pub(super) fn unknown(
    request: &Message<'_>,
    attributes: &[AttributeType],
    key: &IntegrityKey,
) -> Option<Vec<u8>> {
    let code = ErrorCode::builder(ErrorCode::UNKNOWN_ATTRIBUTE)
        .reason("")
        .build()
        .ok()?;
    let unknown = UnknownAttributes::new(attributes);
    let answer = Message::builder_error(request, MessageWriteVec::with_capacity(64));
    finish(request, answer, &[&code, &unknown], Some(key))
}

fn finish(
    request: &Message<'_>,
    mut answer: MessageWriteVec,
    attributes: &[&dyn AttributeWrite],
    key: Option<&IntegrityKey>,
) -> Option<Vec<u8>> {
    for attribute in attributes {
        answer.add_attribute(*attribute).ok()?;
    }
    if let Some(key) = key {
        answer
            .add_message_integrity_with_key(key, IntegrityAlgorithm::Sha1)
            .ok()?;
    }
    if request.has_attribute(Fingerprint::TYPE) {
        answer.add_fingerprint().ok()?;
    }
    Some(answer.finish())
}
