//! RTP packets (RFC 3550 section 5.1) as the rest of the crate sees them, and the unwrapping of
//! their 16-bit sequence numbers.

use bytes::{BufMut, Bytes, BytesMut};

use crate::extension::{ExtensionIds, Extensions, Orientation};

/// Bytes of an RTP header without CSRCs and extensions.
pub const RTP_HEADER_BYTES: usize = 12;

/// Where the SSRC is in a header.
pub(crate) const SSRC_AT: usize = 8;
/// Where the sequence number is.
const SEQUENCE_AT: usize = 2;

/// Which medium an m-line, stream or packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Picture.
    Video,
    /// Real-time text.
    Text,
}

impl MediaKind {
    /// The media name of the m-line (RFC 8866 section 5.14).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Text => "text",
        }
    }
}

/// One RTP packet without padding, with at most one CSRC.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rtp<P> {
    /// Which stream it belongs to.
    pub kind: MediaKind,
    /// Who sent it.
    pub ssrc: u32,
    /// For whom: the first contributing source, if a mixer named any (RFC 3550 section 5.1).
    pub csrc: Option<u32>,
    /// Payload type as on the wire, 0 to 127.
    pub payload_type: u8,
    /// Sequence number as on the wire.
    pub sequence: u16,
    /// Timestamp in the stream's RTP clock.
    pub timestamp: u32,
    /// Marker bit: end of a frame for video, first after silence for audio and text.
    pub marker: bool,
    /// How the picture has to be turned, where the packet says so.
    pub orientation: Option<Orientation>,
    /// Which of several sizes of the picture this is one of; 0 where there is but one.
    pub layer: usize,
    /// What the codec produced.
    pub payload: P,
}

/// A packet that has its payload.
pub type RtpPacket = Rtp<Bytes>;
/// A packet whose payload is still in the datagram that brought it.
pub type RtpView<'a> = Rtp<&'a [u8]>;

impl<P> Rtp<P> {
    /// The same packet with another payload, or the same one elsewhere.
    #[must_use]
    pub fn with<Q>(&self, payload: Q) -> Rtp<Q> {
        Rtp {
            kind: self.kind,
            ssrc: self.ssrc,
            csrc: self.csrc,
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            marker: self.marker,
            orientation: self.orientation,
            layer: self.layer,
            payload,
        }
    }
}

impl<P: AsRef<[u8]>> std::fmt::Debug for Rtp<P> {
    /// Never the payload: it is content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rtp")
            .field("kind", &self.kind)
            .field("ssrc", &self.ssrc)
            .field("payload_type", &self.payload_type)
            .field("sequence", &self.sequence)
            .field("timestamp", &self.timestamp)
            .field("marker", &self.marker)
            .field("bytes", &self.payload.as_ref().len())
            .finish()
    }
}

impl RtpPacket {
    /// Reads a decrypted packet; further CSRCs, extensions and padding are dropped. `None`: not RTP.
    #[must_use]
    pub fn parse(kind: MediaKind, bytes: Bytes) -> Option<Self> {
        let view = RtpView::parse(kind, &bytes)?;
        Some(view.with(bytes.slice_ref(view.payload)))
    }

    /// The same packet, borrowed.
    #[must_use]
    pub fn view(&self) -> RtpView<'_> {
        self.with(self.payload.as_ref())
    }

    /// The wire form: a header of 12 bytes, 16 with a CSRC, and the payload.
    #[must_use]
    pub fn to_bytes(&self) -> BytesMut {
        let mut out = BytesMut::with_capacity(RTP_HEADER_BYTES + 4 + self.payload.len());
        self.view().write(ExtensionIds::default(), &mut out);
        out
    }
}

impl<'a> RtpView<'a> {
    /// Reads a decrypted packet; further CSRCs, extensions and padding are skipped: what those of a
    /// stream mean was agreed elsewhere. `None`: not RTP.
    #[must_use]
    pub fn parse(kind: MediaKind, bytes: &'a [u8]) -> Option<Self> {
        let (header, body) = bytes.split_at_checked(header_bytes(bytes)?)?;
        let padding = match (header[0] & PADDING != 0, body.last()) {
            (false, _) => 0,
            (true, Some(0) | None) => return None,
            (true, Some(count)) => usize::from(*count),
        };
        let word = |at: usize| {
            u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        Some(Self {
            kind,
            ssrc: word(SSRC_AT),
            csrc: (header[0] & CSRCS > 0).then(|| word(RTP_HEADER_BYTES)),
            payload_type: header[1] & 0x7f,
            sequence: sequence_of(header),
            timestamp: word(4),
            marker: header[1] & 0x80 != 0,
            orientation: None,
            layer: 0,
            payload: body.get(..body.len().checked_sub(padding)?)?,
        })
    }

    /// Appends the wire form: a header of 12 bytes, the CSRC if any, the extensions that were agreed, the payload.
    pub(crate) fn write(&self, ids: ExtensionIds, out: &mut impl BufMut) {
        let said = Extensions {
            orientation: self.orientation,
            // The number that it has anyway: so it goes out again as it went out first.
            transport_sequence: Some(self.sequence),
            stream: None,
        };
        let extended = if ids.has_any(said) { EXTENSION } else { 0 };
        out.put_u8((VERSION << 6) | extended | u8::from(self.csrc.is_some()));
        out.put_u8((u8::from(self.marker) << 7) | (self.payload_type & 0x7f));
        out.put_u16(self.sequence);
        out.put_u32(self.timestamp);
        out.put_u32(self.ssrc);
        if let Some(csrc) = self.csrc {
            out.put_u32(csrc);
        }
        ids.write(said, out);
        out.put_slice(self.payload);
    }
}

/// First bits of a header (RFC 3550 section 5.1).
const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const CSRCS: u8 = 0x0f;
const VERSION: u8 = 2;

/// How long the header of an RTP packet is, with its CSRCs and extension; they are never
/// encrypted. `None`: not RTP, or cut off.
pub(crate) fn header_bytes(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let mut length = RTP_HEADER_BYTES + 4 * usize::from(first & CSRCS);
    if first & EXTENSION != 0 {
        let words = packet.get(length + 2..length + 4)?;
        length += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    (first >> 6 == VERSION && packet.len() >= length).then_some(length)
}

/// The extension of a packet with a whole header: its profile and data.
pub(crate) fn extension_of(packet: &[u8]) -> Option<(u16, &[u8])> {
    let end = header_bytes(packet)?;
    let start = RTP_HEADER_BYTES + 4 * usize::from(packet[0] & CSRCS);
    let words = packet
        .get(start..end)
        .filter(|_| packet[0] & EXTENSION != 0)?;
    let (profile, data) = words.split_first_chunk::<4>()?;
    Some((u16::from_be_bytes([profile[0], profile[1]]), data))
}

/// The sequence number of a packet with a whole header.
pub(crate) fn sequence_of(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[SEQUENCE_AT], packet[SEQUENCE_AT + 1]])
}

/// The fields of an RTP header that can be read before decryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peek {
    pub(crate) payload_type: u8,
    pub(crate) ssrc: u32,
}

impl Peek {
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let ssrc = bytes.get(8..12)?;
        Some(Self {
            payload_type: bytes[1] & 0x7f,
            ssrc: u32::from_be_bytes([ssrc[0], ssrc[1], ssrc[2], ssrc[3]]),
        })
    }
}

/// Whether a datagram in the RTP range is RTCP: packet types 192 to 223 (RFC 5761 section 4).
#[must_use]
pub(crate) fn is_rtcp(bytes: &[u8]) -> bool {
    bytes
        .get(1)
        .is_some_and(|packet_type| (192..=223).contains(packet_type))
}

/// Turns 16-bit sequence numbers into growing 64-bit ones (RFC 3550 appendix A.1).
///
/// The first number is placed one cycle up, so that packets that were overtaken at the very
/// beginning do not fall below zero.
#[derive(Debug, Clone, Default)]
pub struct SequenceUnwrapper {
    highest: Option<u64>,
}

impl SequenceUnwrapper {
    /// The 64-bit number of `sequence`, nearest to the highest seen; the highest is updated.
    pub fn unwrap(&mut self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else {
            let first = 0x1_0000 + u64::from(sequence);
            self.highest = Some(first);
            return first;
        };
        let step = sequence.wrapping_sub(highest as u16) as i16;
        let extended = highest.saturating_add_signed(i64::from(step));
        self.highest = Some(highest.max(extended));
        extended
    }

    /// The highest number seen so far.
    #[must_use]
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_round_trip_and_extensions_are_skipped() {
        let packet = RtpPacket {
            kind: MediaKind::Video,
            ssrc: 0xdead_beef,
            csrc: None,
            payload_type: 96,
            sequence: 65_535,
            timestamp: 7,
            marker: true,
            orientation: None,
            layer: 0,
            payload: Bytes::from_static(b"abc"),
        };
        let bytes = packet.to_bytes();
        assert_eq!(
            RtpPacket::parse(MediaKind::Video, bytes.clone().freeze()),
            Some(packet.clone())
        );
        let spoken_for = RtpPacket {
            csrc: Some(0xfeed),
            ..packet.clone()
        };
        let mixed = spoken_for.to_bytes().freeze();
        assert_eq!(mixed.len(), bytes.len() + 4);
        assert_eq!(RtpPacket::parse(MediaKind::Video, mixed), Some(spoken_for));
        let mut extended = bytes.to_vec();
        extended[0] |= 0x10;
        extended.splice(12..12, [0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
        assert_eq!(
            RtpPacket::parse(MediaKind::Video, extended.into()),
            Some(packet)
        );
    }

    #[test]
    fn bad_input_is_refused_without_a_panic() {
        for length in 0..64 {
            for first in [0x80, 0x8f, 0x90, 0xb0, 0xbf, 0x00] {
                let mut bytes = vec![0xff; length];
                if let Some(byte) = bytes.first_mut() {
                    *byte = first;
                }
                let parsed = RtpPacket::parse(MediaKind::Audio, bytes.into());
                assert!(parsed.is_none() || length >= RTP_HEADER_BYTES);
            }
        }
    }

    #[test]
    fn a38_sequence_numbers_unwrap_over_the_edge_and_back() {
        let mut unwrapper = SequenceUnwrapper::default();
        let base = unwrapper.unwrap(65_534);
        assert_eq!(unwrapper.unwrap(0), base + 2);
        assert_eq!(unwrapper.unwrap(65_535), base + 1);
        assert_eq!(unwrapper.unwrap(3), base + 5);
        assert_eq!(unwrapper.highest(), Some(base + 5));
    }
}
