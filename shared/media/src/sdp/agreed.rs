//! What an offer and its answer agreed on.

use crate::extension::ExtensionIds;
use crate::rtp::MediaKind;

use super::{Codec, Direction, LayerRole, Layers, NegotiatedChannel, TextTerms};

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
    /// The same can be told by numbers of the whole transport
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01), as browsers do.
    pub transport: bool,
    /// A highest rate can be told (draft-alvestrand-rmcat-remb-03).
    pub rate: bool,
    /// Streams can be paused and resumed (RFC 7728).
    pub pause: bool,
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
    /// In which format.
    pub codec: Codec,
    /// Payload type we send.
    pub payload_type: u8,
    /// Payload type we receive.
    pub receive_payload_type: u8,
    /// RED around text: payload types sent and received.
    pub red: Option<(u8, u8)>,
    /// Packets that go out again in a stream of their own (RFC 4588): payload types sent and
    /// received.
    pub repair: Option<(u8, u8)>,
    /// What was agreed about text; says nothing for sound and picture.
    pub text: TextTerms,
    /// How telephone keys are sent, best first; empty where they are not.
    pub keys: Vec<KeyFormat>,
    /// RTP clock, in Hz.
    pub clock_rate: u32,
    /// Who sends, from our side.
    pub direction: Direction,
    /// What RTCP feedback may be used.
    pub feedback: Feedback,
    /// Header extensions.
    pub extensions: ExtensionIds,
    /// Several sizes of the picture at once.
    pub layers: Option<Layers>,
    /// The format parameters of the peer's payload type, as it wrote them.
    pub remote_parameters: Option<String>,
    /// SSRCs the peer announced.
    pub remote_ssrcs: Vec<u32>,
    /// Of these, the streams in which packets come again, each with the one they are of
    /// (`FID`, RFC 5576 section 4.2).
    pub repairs: Vec<(u32, u32)>,
    /// Which of the peer's transports: 0 unless it knows no bundles.
    pub transport: usize,
}

impl NegotiatedMedia {
    /// Several sizes of the picture, if that is what we do with them.
    pub(crate) fn layers_as(&self, role: LayerRole) -> Option<&Layers> {
        self.layers.as_ref().filter(|layers| layers.role == role)
    }
}

/// What was agreed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Negotiated {
    /// At most one of each kind, in the order of the m-lines.
    pub media: Vec<NegotiatedMedia>,
    /// Data channels for text, where there is no `m=text`.
    pub channel: Option<NegotiatedChannel>,
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
                && new.codec == old.codec
                && new.payload_type == old.payload_type
                && new.red.map(|(send, _)| send) == old.red.map(|(send, _)| send)
                && new.transport == old.transport
        };
        self.media.len() == before.media.len() && self.media.iter().zip(&before.media).all(same)
    }
}
