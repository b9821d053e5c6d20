//! The bytes of a segment file.
//!
//! ```text
//! segment = header frame*
//! header  = "VISAVISJ" version:u32 begun:u32 first:u64 previous:[32] crc:u32           60 bytes
//! frame   = length:u32 sequence:u64 crc:u32 hash:[32] payload:[length] crc:u32
//! hash    = SHA-256(hash of the frame before, sequence, payload)
//! ```
//! Numbers are little-endian. The first crc covers length and sequence, so that a damaged length
//! is not taken for a record that was cut short; the second covers hash and payload. The hash
//! chains every record to all before it, across segments (`previous` repeats the last hash).
//! `begun` is the wall clock in seconds since 1970, 0 when nobody knows: a segment's age must
//! survive a restart.

use sha2::{Digest, Sha256};
use vrs_domain::limit::JOURNAL_RECORD_BYTES_MAX;

/// Length of a segment's header, in bytes.
pub const HEADER_BYTES: usize = 60;
/// Length of what stands before a frame's hash, in bytes.
pub const LEAD_BYTES: usize = 16;
/// Length of a hash, in bytes.
pub const HASH_BYTES: usize = 32;
/// Bytes of a frame beside its payload.
pub const FRAME_BYTES: usize = LEAD_BYTES + HASH_BYTES + 4;

const MAGIC: &[u8; 8] = b"VISAVISJ";
const VERSION: u32 = 1;

/// A SHA-256 of the chain.
pub type Hash = [u8; HASH_BYTES];

/// The header of a segment that begins at `begun_s` (seconds since 1970) with record `first` after a
/// record with hash `previous`.
#[must_use]
pub fn encode_header(first: u64, previous: &Hash, begun_s: u32) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&begun_s.to_le_bytes());
    header[16..24].copy_from_slice(&first.to_le_bytes());
    header[24..56].copy_from_slice(previous);
    let crc = crc32fast::hash(&header[..56]);
    header[56..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Number of the segment's first record.
    pub first: u64,
    /// Hash of the record before it.
    pub previous: Hash,
    /// When it was begun, in seconds since 1970; 0 when nobody knows.
    pub begun_s: u32,
}

/// Reads a header; `None` when a byte of it is wrong.
#[must_use]
pub fn decode_header(bytes: &[u8; HEADER_BYTES]) -> Option<Header> {
    let crc = u32::from_le_bytes(bytes[56..].try_into().ok()?);
    let version = u32::from_le_bytes(bytes[8..12].try_into().ok()?);
    if &bytes[..8] != MAGIC || version != VERSION || crc != crc32fast::hash(&bytes[..56]) {
        return None;
    }
    let begun_s = u32::from_le_bytes(bytes[12..16].try_into().ok()?);
    let first = u64::from_le_bytes(bytes[16..24].try_into().ok()?);
    Some(Header {
        first,
        begun_s,
        previous: bytes[24..56].try_into().ok()?,
    })
}

/// The hash of a record.
#[must_use]
pub fn hash(previous: &Hash, sequence: u64, payload: &[u8]) -> Hash {
    let mut sha = Sha256::new();
    sha.update(previous);
    sha.update(sequence.to_le_bytes());
    sha.update(payload);
    sha.finalize().into()
}

/// Appends a frame to `out`; returns its hash, or `None` when the payload is too large.
pub fn encode(out: &mut Vec<u8>, previous: &Hash, sequence: u64, payload: &[u8]) -> Option<Hash> {
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= JOURNAL_RECORD_BYTES_MAX)?;
    let hash = hash(previous, sequence, payload);
    let lead = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    let crc = crc32fast::hash(&out[lead..]);
    out.extend_from_slice(&crc.to_le_bytes());
    let body = out.len();
    out.extend_from_slice(&hash);
    out.extend_from_slice(payload);
    let crc = crc32fast::hash(&out[body..]);
    out.extend_from_slice(&crc.to_le_bytes());
    Some(hash)
}

/// What stands before a frame's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// Length of the payload, in bytes.
    pub length: usize,
    /// Number of the record.
    pub sequence: u64,
}

/// Reads a lead; `None` when a byte of it is wrong.
#[must_use]
pub fn decode_lead(bytes: &[u8; LEAD_BYTES]) -> Option<Lead> {
    let crc = u32::from_le_bytes(bytes[12..].try_into().ok()?);
    if crc != crc32fast::hash(&bytes[..12]) {
        return None;
    }
    let length = usize::try_from(u32::from_le_bytes(bytes[..4].try_into().ok()?)).ok()?;
    let sequence = u64::from_le_bytes(bytes[4..12].try_into().ok()?);
    (length <= JOURNAL_RECORD_BYTES_MAX).then_some(Lead { length, sequence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_its_parts_and_a_large_payload_is_refused() {
        let mut out = Vec::new();
        let first = encode(&mut out, &[0; 32], 1, b"{}").unwrap();
        assert_eq!(out.len(), FRAME_BYTES + 2);
        assert_eq!(
            decode_lead(out[..16].try_into().unwrap()),
            Some(Lead {
                length: 2,
                sequence: 1
            })
        );
        assert_ne!(first, hash(&[1; 32], 1, b"{}"));
        let large = vec![b' '; JOURNAL_RECORD_BYTES_MAX + 1];
        assert!(encode(&mut out, &first, 2, &large).is_none());
    }

    #[test]
    fn every_byte_of_a_header_counts() {
        let header = encode_header(7, &[9; 32], 5);
        assert_eq!(
            decode_header(&header),
            Some(Header {
                first: 7,
                previous: [9; 32],
                begun_s: 5
            })
        );
        for at in 0..HEADER_BYTES {
            let mut damaged = header;
            damaged[at] ^= 0x40;
            assert_eq!(decode_header(&damaged), None, "byte {at}");
        }
    }
}
