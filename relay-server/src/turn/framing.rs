//! Cuts a stream into STUN messages and channel data (RFC 8656 sections 3.1 and 12.5).

use bytes::BytesMut;

/// Largest unit on a stream: four bytes of lead, 64 KiB of content, padding.
pub(super) const UNIT_BYTES_MAX: usize = 20 + 0xffff + 3;
/// Largest unit of a client without an allocation: strangers ask for little, and may not fill the
/// memory with what never becomes whole.
pub(super) const UNIT_BYTES_STRANGER_MAX: usize = 2_048;

/// Collects bytes until a unit is whole.
#[derive(Debug, Default)]
pub(super) struct Framer {
    /// Where to append what was read.
    pub(super) bytes: BytesMut,
}

/// The stream is not STUN, or too large for it; the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotStun;

impl Framer {
    /// The next whole unit, of at most so many bytes, without its padding.
    pub(super) fn next(&mut self, unit_bytes_max: usize) -> Result<Option<BytesMut>, NotStun> {
        let [first, _, high, low, ..] = self.bytes[..] else {
            return match self.bytes.first() {
                Some(first) if first >> 6 > 1 => Err(NotStun),
                Some(_) | None => Ok(None),
            };
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (unit, padded) = match first >> 6 {
            0 => (20 + length, 20 + length),
            1 => (4 + length, (4 + length).next_multiple_of(4)),
            _ => return Err(NotStun),
        };
        if padded > unit_bytes_max {
            return Err(NotStun);
        }
        if self.bytes.len() < padded {
            return Ok(None);
        }
        let mut whole = self.bytes.split_to(padded);
        whole.truncate(unit);
        Ok(Some(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_found_byte_by_byte_and_padding_is_left_out() {
        let stun = [&[0, 1, 0, 4][..], &[9; 20]].concat();
        let channel = [0x40, 0, 0, 3, 1, 2, 3, 0];
        let stream = [&stun[..], &channel, &stun].concat();
        let mut framer = Framer::default();
        let mut units = Vec::new();
        for byte in stream {
            framer.bytes.extend_from_slice(&[byte]);
            while let Some(unit) = framer.next(UNIT_BYTES_MAX).unwrap() {
                units.push(unit.to_vec());
            }
        }
        assert_eq!(units, [stun.clone(), channel[..7].to_vec(), stun]);
    }

    #[test]
    fn a20_a_stranger_is_cut_off_at_the_head_of_a_large_unit() {
        let head = [0, 1, 0x10, 0];
        for (most, expected) in [
            (UNIT_BYTES_MAX, Ok(None)),
            (UNIT_BYTES_STRANGER_MAX, Err(NotStun)),
        ] {
            let mut framer = Framer::default();
            framer.bytes.extend_from_slice(&head);
            assert_eq!(framer.next(most), expected);
        }
    }

    #[test]
    fn other_protocols_are_cut_off_at_their_first_byte() {
        for first in [0x80, 0xc0, 0xff] {
            let mut framer = Framer::default();
            framer.bytes.extend_from_slice(&[first]);
            assert_eq!(framer.next(UNIT_BYTES_MAX), Err(NotStun));
        }
    }
}
