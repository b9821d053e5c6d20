//! Why media could not be agreed or set up, and whose fault it is.

use crate::rtp::MediaKind;
use crate::sdp::SdpError;

/// Why an offer or answer was refused, or why our own engine could not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The peer's SDP cannot be read: its fault, SIP 400.
    #[error("the peer's SDP cannot be read: {0}")]
    Sdp(#[from] SdpError),
    /// The peer's SDP is readable but asks for something we do not do: SIP 488.
    #[error("the peer's SDP cannot be accepted: {0}")]
    NotAcceptable(Refusal),
    /// A call in the wrong order, such as an answer without an offer: the caller's fault.
    #[error("not possible now: {0}")]
    WrongState(&'static str),
    /// Our own ICE, DTLS or SRTP engine refused its settings: our fault.
    #[error("the media engine failed: {0}")]
    Engine(String),
}

impl MediaError {
    /// The SIP status that tells the peer (RFC 3261 section 21.4).
    #[must_use]
    pub const fn sip_status(&self) -> u16 {
        match self {
            Self::Sdp(_) => 400,
            Self::NotAcceptable(_) => 488,
            Self::WrongState(_) | Self::Engine(_) => 500,
        }
    }
}

/// Which rule an otherwise readable SDP breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No m-line is left that both sides can do.
    #[error("no media in common")]
    NothingInCommon,
    /// Sound or picture was offered in none of the allowed formats.
    #[error("none of the {} formats is allowed", .0.name())]
    Codec(MediaKind),
    /// RTP without encryption, or SDES keys, where DTLS-SRTP is required (RFC 8827 section 6.5).
    #[error("DTLS-SRTP is required")]
    NotDtlsSrtp,
    /// No `a=fingerprint` with SHA-256, SHA-384 or SHA-512 (RFC 8122 section 5).
    #[error("no usable fingerprint")]
    NoFingerprint,
    /// No `a=ice-ufrag` and `a=ice-pwd` (RFC 8839 section 5.4).
    #[error("ICE is required")]
    NoIce,
    /// No `a=rtcp-mux` (RFC 8835 section 3.4).
    #[error("rtcp-mux is required")]
    NoRtcpMux,
    /// Several m-lines accepted without `a=group:BUNDLE` in answer to our bundled offer.
    #[error("bundling is required in this answer")]
    NoBundle,
    /// The lines of a bundle are not of one peer, or a line is in none where it has to be
    /// (RFC 9143 section 6).
    #[error("the bundle contradicts itself")]
    Bundle,
    /// A payload type means two things.
    #[error("a payload type is given twice")]
    PayloadTypes,
    /// `a=setup` is missing where it must be, or both sides would wait (RFC 5763 section 5).
    #[error("a=setup does not fit")]
    Setup,
    /// The answer's m-lines are not those of the offer (RFC 3264 section 6).
    #[error("the answer does not match the offer")]
    AnswerMismatch,
    /// A further offer wants other transports, codecs or kinds of media than those agreed.
    #[error("only the direction of media can change during a call")]
    Renegotiation,
    /// No codec in common on the telephone trunk.
    #[error("no codec in common")]
    NoCodec,
    /// The trunk must encrypt and the peer did not, or the other way round.
    #[error("encryption differs from the trunk's setting")]
    EncryptionPolicy,
    /// The peer gave no address to send to.
    #[error("no usable address")]
    NoAddress,
}
