//! Header extensions of RTP (RFC 8285): how a picture is to be turned, and the numbers by which
//! browsers tell what became of packets.

use bytes::BufMut;

/// How a picture is to be turned (3GPP TS 26.114 section 7.4.5).
const ORIENTATION_URI: &str = "urn:3gpp:video-orientation";
/// draft-holmer-rmcat-transport-wide-cc-extensions-01 section 2.
const TRANSPORT_SEQUENCE_URI: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Which of several sizes of a picture a packet is of (RFC 8852 section 3.1).
const STREAM_ID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
/// The same of a packet that comes again (section 3.2), which is told apart without it; browsers
/// name sizes only where this is agreed, too.
const REPAIRED_ID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
/// Which m-line a packet is of (RFC 9143 section 15.2): the same holds.
const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// The most bytes that ours add to a packet: a header of four, elements of two, three and nine, and
/// two to round them up.
pub(crate) const EXTENSION_BYTES_MAX: usize = 20;
/// Longest name of a size that we take.
const STREAM_ID_BYTES_MAX: usize = 8;
/// Extensions with one byte before each (section 4.2).
const ONE_BYTE_PROFILE: u16 = 0xbede;
/// With two, the lower four bits of which belong to nobody (section 4.3).
const TWO_BYTE_PROFILE: u16 = 0x1000;
/// Identifiers that one byte can say; 15 is reserved.
const IDS: std::ops::RangeInclusive<u8> = 1..=14;

/// How a picture has to be turned before it is shown: sent with key frames and when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Orientation(u8);

impl Orientation {
    /// To be turned clockwise so many times by 90 degrees.
    #[must_use]
    pub const fn new(quarter_turns: u8) -> Self {
        Self(quarter_turns & 3)
    }

    /// Clockwise, in steps of 90 degrees: 0 to 3.
    #[must_use]
    pub const fn quarter_turns(self) -> u8 {
        self.0 & 3
    }
}

/// The name of one of several sizes of a picture (RFC 8851 section 4): up to eight letters, digits,
/// hyphens and underscores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamId([u8; STREAM_ID_BYTES_MAX]);

impl StreamId {
    /// `None` if it is none, or too long for us.
    pub(crate) fn new(name: &str) -> Option<Self> {
        Self::read(name.as_bytes())
    }

    /// The same from a packet.
    pub(crate) fn read(name: &[u8]) -> Option<Self> {
        let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || !name.iter().all(is_sign) {
            return None;
        }
        let mut bytes = [0; STREAM_ID_BYTES_MAX];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self(bytes))
    }

    /// As it is written.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        let length = self.0.iter().take_while(|byte| **byte != 0).count();
        &self.0[..length]
    }
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut signs = self.as_bytes().iter();
        signs.try_for_each(|sign| write!(f, "{}", char::from(*sign)))
    }
}

/// The extensions that both sides of one medium know, by the identifiers that were agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtensionIds {
    orientation: Option<u8>,
    transport_sequence: Option<u8>,
    stream: Option<u8>,
    /// Agreed for the sake of those who ask for it, and never read.
    repaired: Option<u8>,
    mid: Option<u8>,
    /// What our packets say of themselves.
    own: Option<StreamId>,
}

/// What the extensions of one packet say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extensions {
    pub(crate) orientation: Option<Orientation>,
    pub(crate) transport_sequence: Option<u16>,
    pub(crate) stream: Option<StreamId>,
}

impl ExtensionIds {
    /// Those that we offer.
    pub(crate) const OURS: Self = Self {
        orientation: Some(1),
        transport_sequence: Some(2),
        stream: Some(3),
        repaired: Some(4),
        mid: Some(5),
        own: None,
    };

    /// Reads `a=extmap` lines (RFC 8285 section 5); the first line for each counts.
    pub(crate) fn agreed<'a>(extmaps: impl Iterator<Item = &'a str>) -> Self {
        let mut found = Self::default();
        for extmap in extmaps {
            let mut words = extmap.split_whitespace();
            let (Some(id), Some(uri)) = (words.next(), words.next()) else {
                continue;
            };
            // Who sends is said after a slash; whoever may send it does no harm.
            let number = id.split('/').next().and_then(|id| id.parse().ok());
            let Some(id) = number.filter(|id| IDS.contains(id)) else {
                continue;
            };
            let place = match uri {
                ORIENTATION_URI => &mut found.orientation,
                TRANSPORT_SEQUENCE_URI => &mut found.transport_sequence,
                STREAM_ID_URI => &mut found.stream,
                REPAIRED_ID_URI => &mut found.repaired,
                MID_URI => &mut found.mid,
                _ => continue,
            };
            place.get_or_insert(id);
        }
        found
    }

    /// The values of our `a=extmap` lines.
    pub(crate) fn extmaps(self) -> impl Iterator<Item = String> {
        let all = [
            (self.orientation, ORIENTATION_URI),
            (self.transport_sequence, TRANSPORT_SEQUENCE_URI),
            (self.stream, STREAM_ID_URI),
            (self.repaired, REPAIRED_ID_URI),
            (self.mid, MID_URI),
        ];
        let lines = all.into_iter();
        lines.filter_map(|(id, uri)| id.map(|id| format!("{id} {uri}")))
    }

    /// The same without what names sizes, where there is but one.
    pub(crate) const fn without_streams(self) -> Self {
        Self {
            stream: None,
            repaired: None,
            mid: None,
            ..self
        }
    }

    /// The same for packets of this size.
    pub(crate) const fn of_stream(self, own: Option<StreamId>) -> Self {
        Self { own, ..self }
    }

    /// Which size our packets are of.
    pub(crate) const fn own(self) -> Option<StreamId> {
        self.own
    }

    /// The same without the numbers, where nobody tells what became of them.
    pub(crate) const fn without_sequence(self) -> Self {
        Self {
            transport_sequence: None,
            ..self
        }
    }

    /// Whether packets are numbered for the peer to tell what became of them.
    pub(crate) const fn has_sequence(self) -> bool {
        self.transport_sequence.is_some()
    }

    /// What a packet's extensions say: `data` is what follows the profile and the length. What is
    /// broken says nothing.
    pub(crate) fn read(self, (profile, mut data): (u16, &[u8])) -> Extensions {
        let mut found = Extensions::default();
        let is_wide = profile & 0xfff0 == TWO_BYTE_PROFILE;
        if self == Self::default() || !(is_wide || profile == ONE_BYTE_PROFILE) {
            return found;
        }
        while let [first, rest @ ..] = data {
            if *first == 0 {
                data = rest; // padding
                continue;
            }
            let (id, length, rest) = match rest {
                [length, rest @ ..] if is_wide => (*first, usize::from(*length), rest),
                rest if !is_wide => (first >> 4, usize::from(first & 0xf) + 1, rest),
                _ => break,
            };
            // An identifier of 15 ends the extensions of one byte.
            let value = rest.split_at_checked(length);
            let Some((value, after)) = value.filter(|_| is_wide || IDS.contains(&id)) else {
                break;
            };
            self.note(id, value, &mut found);
            data = after;
        }
        found
    }

    fn note(self, id: u8, value: &[u8], found: &mut Extensions) {
        if self.orientation == Some(id)
            && let [byte] = value
        {
            found.orientation = Some(Orientation(*byte));
        }
        if self.transport_sequence == Some(id)
            && let [high, low] = value
        {
            found.transport_sequence = Some(u16::from_be_bytes([*high, *low]));
        }
        if self.stream == Some(id) {
            found.stream = StreamId::read(value);
        }
    }

    /// Whether [`Self::write`] will write anything.
    pub(crate) fn has_any(self, said: Extensions) -> bool {
        let orientation = self.orientation.is_some() && said.orientation.is_some();
        let sequence = self.transport_sequence.is_some() && said.transport_sequence.is_some();
        orientation || sequence || (self.stream.is_some() && self.own.is_some())
    }

    /// Appends the extension of a packet, if it has any.
    pub(crate) fn write(self, said: Extensions, out: &mut impl BufMut) {
        if !self.has_any(said) {
            return;
        }
        let orientation = self.orientation.zip(said.orientation);
        let sequence = self.transport_sequence.zip(said.transport_sequence);
        let stream = self.stream.zip(self.own.as_ref());
        let named = stream.map_or(0, |(_, name)| 1 + name.as_bytes().len());
        let numbered = 3 * usize::from(sequence.is_some());
        let bytes = 2 * usize::from(orientation.is_some()) + numbered + named;
        let words = bytes.div_ceil(4);
        out.put_u16(ONE_BYTE_PROFILE);
        out.put_u16(words as u16);
        if let Some((id, Orientation(byte))) = orientation {
            out.put_u8(id << 4);
            out.put_u8(byte);
        }
        if let Some((id, sequence)) = sequence {
            out.put_u8((id << 4) | 1);
            out.put_u16(sequence);
        }
        if let Some((id, name)) = stream {
            let name = name.as_bytes();
            out.put_u8((id << 4) | (name.len() as u8 - 1));
            out.put_slice(name);
        }
        out.put_bytes(0, 4 * words - bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;

    const TURNED: Extensions = Extensions {
        orientation: Some(Orientation(3)),
        transport_sequence: Some(0x1234),
        stream: None,
    };

    fn read(ids: ExtensionIds, profile: u16, data: &[u8]) -> Extensions {
        ids.read((profile, data))
    }

    #[test]
    fn what_is_agreed_is_written_and_read_again() {
        let theirs = [
            "3 urn:ietf:params:rtp-hdrext:toffset",
            "14/sendrecv urn:3gpp:video-orientation",
            "15 urn:3gpp:video-orientation",
            "4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            "0 urn:3gpp:video-orientation",
            "5",
        ];
        let ids = ExtensionIds::agreed(theirs.into_iter());
        let lines: Vec<_> = ids.extmaps().collect();
        assert_eq!(
            lines,
            [
                format!("14 {ORIENTATION_URI}"),
                format!("4 {TRANSPORT_SEQUENCE_URI}")
            ]
        );
        let only = |said: Extensions| {
            let mut out = Vec::new();
            ids.write(said, &mut out);
            assert!(out.len() <= EXTENSION_BYTES_MAX && out.len() % 4 == 0);
            if out.is_empty() {
                return said == Extensions::default();
            }
            let words = usize::from(u16::from_be_bytes([out[2], out[3]]));
            assert_eq!(out.len(), 4 + 4 * words);
            read(ids, u16::from_be_bytes([out[0], out[1]]), &out[4..]) == said
        };
        assert!(only(TURNED));
        assert!(only(Extensions {
            orientation: None,
            ..TURNED
        }));
        assert!(only(Extensions {
            transport_sequence: None,
            ..TURNED
        }));
        assert!(only(Extensions::default()));
        let mut nothing = Vec::new();
        ids.without_sequence().write(
            Extensions {
                orientation: None,
                ..TURNED
            },
            &mut nothing,
        );
        assert!(nothing.is_empty());
    }

    #[test]
    fn both_forms_are_read_among_others_and_what_is_broken_says_nothing() {
        let ids = ExtensionIds::OURS;
        let narrow = [0x30, 9, 0, 0x10, 3, 0x21, 0x12, 0x34, 0, 0, 0];
        assert_eq!(read(ids, ONE_BYTE_PROFILE, &narrow), TURNED);
        let wide = [200, 0, 1, 1, 3, 0, 2, 2, 0x12, 0x34];
        assert_eq!(read(ids, TWO_BYTE_PROFILE | 7, &wide), TURNED);
        assert_eq!(read(ids, 0x1234, &narrow), Extensions::default());
        // Another length than it has; cut off; after the end (section 4.2).
        let broken: [&[u8]; 4] = [&[0x11, 3, 3], &[0x10], &[0x2f, 1, 2], &[0xf0, 0, 0x10, 3]];
        for data in broken {
            assert_eq!(read(ids, ONE_BYTE_PROFILE, data), Extensions::default());
        }
        let mut dice = Dice::new(6);
        for n in 0..20_000 {
            let data: Vec<u8> = (0..dice.below(40)).map(|_| dice.next() as u8).collect();
            let profile = if n % 2 == 0 {
                ONE_BYTE_PROFILE
            } else {
                TWO_BYTE_PROFILE
            };
            let _any = read(ids, profile, &data);
        }
    }
}
