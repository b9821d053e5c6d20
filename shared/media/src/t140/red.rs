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
    /// Repeated blocks, oldest first, with their payload type.
    pub redundant: Vec<(u8, &'a [u8])>,
    /// The new block, with its payload type.
    pub primary: (u8, &'a [u8]),
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
        let length = ((usize::from(*after.get(1)?) & 3) << 8) | usize::from(*after.get(2)?);
        headers.push((first & 0x7f, length));
        rest = after.get(3..)?;
        if headers.len() > GENERATIONS_READ_MAX {
            return None;
        }
    };
    let mut redundant = Vec::with_capacity(headers.len());
    for (payload_type, length) in headers {
        let block = rest.get(..length)?;
        redundant.push((payload_type, block));
        rest = &rest[length..];
    }
    Some(RedBlocks {
        redundant,
        primary: (primary_type, rest),
    })
}

/// Writes a RED payload: `redundant` oldest first, each with its distance from the packet's
/// timestamp. Blocks longer than 1023 bytes are left empty; larger distances are clamped.
#[must_use]
pub fn write_red(payload_type: u8, redundant: &[(u32, &[u8])], primary: &[u8]) -> Vec<u8> {
    let fits = |block: &[u8]| block.len() <= RED_BLOCK_BYTES_MAX;
    let mut out = Vec::new();
    for (offset, block) in redundant {
        let offset = (*offset).min(RED_OFFSET_MAX);
        let length = if fits(block) { block.len() as u32 } else { 0 };
        let word = (1 << 31) | (u32::from(payload_type & 0x7f) << 24) | (offset << 10) | length;
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.push(payload_type & 0x7f);
    for (_, block) in redundant {
        if fits(block) {
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
        assert_eq!(
            blocks.redundant,
            [(98, b"one".as_slice()), (98, b"".as_slice())]
        );
        assert_eq!(blocks.primary, (98, b"three".as_slice()));
        assert_eq!(parse_red(&bytes[..4]), None);
        assert_eq!(parse_red(&[]), None);
        assert_eq!(parse_red(&[0xff; 64]), None);
    }
}
