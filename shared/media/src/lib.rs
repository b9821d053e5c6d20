//! Media of both apps and the server: what happens between a camera's encoder on one side and
//! a decoder on the other, and between the server and a telephone.
//!
//! What it is: pure machines. [`Peer`] is one WebRTC connection (ICE, DTLS-SRTP, H.264, Opus,
//! real-time text), [`TrunkLeg`] one telephone leg (G.711 over RTP or SDES-SRTP). Bytes, time
//! and seeds go in; bytes, events and the next deadline come out.
//! What it is not: no sockets, no clock, no codec (pictures and sound are encoded elsewhere), no
//! SIP. The one impure function is [`Certificate::generate`]; the rtc crates draw DTLS secrets
//! and ICE transaction ids from the system's randomness themselves.
//! Start reading at [`Peer`]; its offer and answer rules are in [`sdp::policy`].

pub mod batch;
mod best;
pub mod certificate;
pub mod congestion;
mod error;
mod extension;
pub mod forward;
pub mod g711;
pub mod h264;
pub mod jitter;
pub mod nack;
mod pace;
pub mod pcm;
pub mod peer;
pub mod picture;
pub mod progress;
pub mod reorder;
mod rtcp;
pub mod rtp;
pub mod sdes;
pub mod sdp;
mod srtp;
pub mod t140;
pub mod telephone_event;
#[cfg(test)]
mod testing;
pub mod trunk;
pub mod vp8;

pub use batch::{Batch, Datagram, Run};
pub use certificate::Certificate;
pub use error::{MediaError, Refusal};
pub use extension::{ExtensionIds, Orientation};
pub use forward::Rewriter;
pub use peer::{
    KindStats, Lent, Missed, Peer, PeerConfig, PeerEvent, PeerOutput, PeerStats, Receive,
    stun_ufrag,
};
pub use picture::{Picture, Slot};
pub use rtp::{MediaKind, RtpPacket, RtpView};
pub use sdp::{
    Allowed, Codec, Direction, Feedback, KeyFormat, Negotiated, NegotiatedChannel, NegotiatedMedia,
    TextChannel, TextTerms,
};
pub use t140::{Writer, Written};
pub use trunk::{TrunkConfig, TrunkLeg, TrunkOutput, TrunkStats};
