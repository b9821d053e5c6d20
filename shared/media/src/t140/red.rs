//! RED, redundant payloads (RFC 2198 section 3).

use vrs_domain::limit::TEXT_REDUNDANCY;

/// Longest redundant block, in bytes: the length field has 10 bits.
pub(crate) const RED_BLOCK_BYTES_MAX: usize = 1023;
/// Largest distance of a redundant block, in timestamp units: the offset field has 14 bits.
const RED_OFFSET_MAX: u32 = 0x3fff;
/// Most generations we read; more are a peer's mistake or malice.
const GENERATIONS_READ_MAX: usize = 8;

/// A RED payload taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedBlocks<'a> {
    /// Repeated blocks, oldest first.
    pub redundant: Vec<RedBlock<'a>>,
    /// The new block, with its payload type.
    pub primary: (u8, &'a [u8]),
}

/// One repeated block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedBlock<'a> {
    /// Of what it holds.
    pub payload_type: u8,
    /// How much older it is than the packet's timestamp, in its units.
    pub offset: u32,
    /// What it holds.
    pub bytes: &'a [u8],
}

/// Reads a RED payload; `None` if its headers do not fit its length.
#[must_use]
pub fn parse_red(payload: &[u8]) -> Option<RedBlocks<'_>> {
    let mut headers = Vec::with_capacity(TEXT_REDUNDANCY);
    let mut rest = payload;
    let primary_type = loop {
        let (&first, after) = rest.split_first()?;
        if first & 0x80 == 0 {
            rest = after;
            break first;
        }
        let (middle, low) = (*after.get(1)?, *after.get(2)?);
        let offset = (u32::from(*after.first()?) << 6) | u32::from(middle >> 2);
        let length = ((usize::from(middle) & 3) << 8) | usize::from(low);
        headers.push((first & 0x7f, offset, length));
        rest = after.get(3..)?;
        if headers.len() > GENERATIONS_READ_MAX {
            return None;
        }
    };
    let mut redundant = Vec::with_capacity(headers.len());
    for (payload_type, offset, length) in headers {
        redundant.push(RedBlock {
            payload_type,
            offset,
            bytes: rest.get(..length)?,
        });
        rest = &rest[length..];
    }
    Some(RedBlocks {
        redundant,
        primary: (primary_type, rest),
    })
}

/// Writes a RED payload: `redundant` oldest first, each with its distance from the packet's
/// timestamp. Blocks longer than 1023 bytes and such as are too old for the field are left empty:
/// with another distance than their own they would be read as new.
#[must_use]
pub fn write_red(payload_type: u8, redundant: &[(u32, &[u8])], primary: &[u8]) -> Vec<u8> {
    let fits =
        |offset: u32, block: &[u8]| offset <= RED_OFFSET_MAX && block.len() <= RED_BLOCK_BYTES_MAX;
    let mut out = Vec::new();
    for (offset, block) in redundant {
        let length = if fits(*offset, block) {
            block.len() as u32
        } else {
            0
        };
        let offset = (*offset).min(RED_OFFSET_MAX);
        let word = (1 << 31) | (u32::from(payload_type & 0x7f) << 24) | (offset << 10) | length;
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.push(payload_type & 0x7f);
    for (offset, block) in redundant {
        if fits(*offset, block) {
            out.extend_from_slice(block);
        }
    }
    out.extend_from_slice(primary);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_round_trip() {
        let bytes = write_red(98, &[(600, b"one"), (300, b"")], b"three");
        let blocks = parse_red(&bytes).unwrap();
        let block = |offset, bytes| RedBlock {
            payload_type: 98,
            offset,
            bytes,
        };
        assert_eq!(
            blocks.redundant,
            [block(600, b"one".as_slice()), block(300, b"".as_slice())]
        );
        assert_eq!(blocks.primary, (98, b"three".as_slice()));
        assert_eq!(parse_red(&bytes[..4]), None);
        assert_eq!(parse_red(&[]), None);
        assert_eq!(parse_red(&[0xff; 64]), None);
    }

    #[test]
    fn a_block_that_is_too_old_for_its_field_is_left_out() {
        let bytes = write_red(98, &[(16_384, b"one"), (16_383, b"two")], b"three");
        let blocks = parse_red(&bytes).unwrap().redundant;
        let read: Vec<_> = blocks.iter().map(|b| (b.offset, b.bytes)).collect();
        assert_eq!(
            read,
            [(16_383, b"".as_slice()), (16_383, b"two".as_slice())]
        );
    }
}
