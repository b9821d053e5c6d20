//! The bytes of a snapshot: which records still matter at one point of the journal.
//!
//! ```text
//! file     = "VISAVISS" version:u32 count:u32 sequence:u64 head:[32] (record)* sha256:[32]
//! record   = sequence:u64 length:u32 payload:[length]
//! ```
//! Numbers are little-endian; the SHA-256 is of everything before it. The records are the journal's
//! own, byte for byte and in its order, so a snapshot says nothing that the journal does not say;
//! [`super::recover`] compares every one of them, and the head, with the chain.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use vrs_domain::limit::JOURNAL_RECORD_BYTES_MAX;

use super::frame::{HASH_BYTES, Hash};
use super::scan::Chain;
use super::whole;

/// Snapshots that are kept, in case the newest is damaged.
const SNAPSHOTS_KEPT: usize = 2;
/// Largest snapshot that is written or read, in bytes: some 80,000 open sessions.
const SNAPSHOT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Length of what stands before the first record, in bytes.
const LEAD_BYTES: usize = 56;
/// Length of what stands before a record's payload, in bytes.
const RECORD_LEAD_BYTES: usize = 12;

const MAGIC: &[u8; 8] = b"VISAVISS";
const VERSION: u32 = 1;

/// A snapshot that was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The snapshot file.
    pub file: PathBuf,
    /// Why.
    pub why: String,
}

/// The records that matter at a point of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) head: Chain,
    /// Number and payload, ascending.
    pub(super) records: Vec<(u64, Vec<u8>)>,
}

/// The file name of the snapshot at record `sequence`.
pub(super) fn snapshot_name(sequence: u64) -> String {
    format!("snapshot-{sequence:020}.vsnap")
}

/// The snapshot files of a journal, newest first.
///
/// # Errors
/// When the folder cannot be read; a missing one is empty.
pub(super) fn snapshots(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut list = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str());
        let number = name
            .and_then(|n| n.strip_prefix("snapshot-"))
            .and_then(|n| n.strip_suffix(".vsnap"));
        if let Some(sequence) = number.and_then(|n| n.parse().ok()) {
            list.push((sequence, path));
        }
    }
    list.sort_by(|a, b| b.cmp(a));
    Ok(list)
}

impl Snapshot {
    /// The bytes of the file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let count = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&self.head.sequence.to_le_bytes());
        out.extend_from_slice(&self.head.hash);
        for (sequence, payload) in &self.records {
            // A payload came out of a frame, whose length is a u32.
            let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&sequence.to_le_bytes());
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(payload);
        }
        let sum = Sha256::digest(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// What about them is wrong.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let short = "it is cut short";
        let (content, sum) = bytes.split_last_chunk::<HASH_BYTES>().ok_or(short)?;
        if Sha256::digest(content).as_slice() != sum {
            return Err("its checksum does not match its content");
        }
        let (lead, mut rest) = content.split_at_checked(LEAD_BYTES).ok_or(short)?;
        if &lead[..8] != MAGIC || number32(&lead[8..12]) != Some(VERSION) {
            return Err("it is of another version");
        }
        let count = number32(&lead[12..16]).ok_or(short)?;
        let sequence = number64(&lead[16..24]).ok_or(short)?;
        let hash: Hash = lead[24..].try_into().map_err(|_| short)?;
        let mut records = Vec::new();
        while !rest.is_empty() {
            let (lead, behind) = rest.split_at_checked(RECORD_LEAD_BYTES).ok_or(short)?;
            let number = number64(&lead[..8]).ok_or(short)?;
            let length = number32(&lead[8..]).and_then(|n| usize::try_from(n).ok());
            let length = length.filter(|n| *n <= JOURNAL_RECORD_BYTES_MAX);
            let length = length.ok_or("a record in it is too large")?;
            let (payload, behind) = behind.split_at_checked(length).ok_or(short)?;
            if number > sequence || records.last().is_some_and(|(last, _)| *last >= number) {
                return Err("its records are not in order");
            }
            records.push((number, payload.to_vec()));
            rest = behind;
        }
        if u32::try_from(records.len()) != Ok(count) {
            return Err("records are missing in it");
        }
        let head = Chain { sequence, hash };
        Ok(Self { head, records })
    }

    /// Reads the file of the snapshot at record `sequence`.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn load(path: &Path, sequence: u64) -> Result<Self, String> {
        let mut bytes = Vec::new();
        let mut file = fs::File::open(path)
            .map_err(|e| e.to_string())?
            .take(SNAPSHOT_BYTES_MAX + 1);
        file.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        if bytes.len() as u64 > SNAPSHOT_BYTES_MAX {
            return Err(format!("it is larger than {SNAPSHOT_BYTES_MAX} bytes"));
        }
        let snapshot = Self::decode(&bytes)?;
        if snapshot.head.sequence == sequence {
            Ok(snapshot)
        } else {
            Err("its name is that of another record".into())
        }
    }

    /// Writes the file durably, then removes all but the last two.
    ///
    /// # Errors
    /// What the system said; a file that was not finished has another name and is never read.
    pub(super) fn store(&self, folder: &Path) -> io::Result<()> {
        let bytes = self.encode();
        if bytes.len() as u64 > SNAPSHOT_BYTES_MAX {
            let error = format!("a snapshot of {} bytes is too large", bytes.len());
            return Err(io::Error::other(error));
        }
        let path = folder.join(snapshot_name(self.head.sequence));
        whole::replace(&path, &bytes, false)?;
        remove_unfinished(folder)?;
        let mut good = 0;
        for (sequence, path) in snapshots(folder)? {
            // One that is ahead of the journal belongs to records that are no longer there.
            good += usize::from(sequence <= self.head.sequence);
            if sequence > self.head.sequence || good > SNAPSHOTS_KEPT {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// What a server left that was killed while it wrote one. Nobody else writes one now.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str());
        if name.is_some_and(|n| n.starts_with("snapshot-") && n.ends_with(".vsnap.new")) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn number32(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_le_bytes)
}

fn number64(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(sequence: u64) -> Snapshot {
        Snapshot {
            head: Chain {
                sequence,
                hash: [7; 32],
            },
            records: vec![(3, b"{}".to_vec()), (5, b"{\"a\":1}".to_vec())],
        }
    }

    #[test]
    fn a_snapshot_survives_its_written_form_and_every_byte_of_it_counts() {
        let bytes = sample(9).encode();
        assert_eq!(Snapshot::decode(&bytes), Ok(sample(9)));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(Snapshot::decode(&damaged).is_err(), "byte {at}");
            assert!(Snapshot::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn records_that_are_not_in_order_are_refused() {
        let mut wrong = sample(9);
        wrong.records.swap(0, 1);
        assert!(Snapshot::decode(&wrong.encode()).is_err());
        assert!(Snapshot::decode(&sample(4).encode()).is_err());
    }

    #[test]
    fn the_last_two_are_kept_and_none_that_is_ahead_of_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        sample(900).store(folder.path()).unwrap();
        fs::write(folder.path().join("snapshot-7.vsnap.new"), "half").unwrap();
        for sequence in [10, 20, 30] {
            sample(sequence).store(folder.path()).unwrap();
        }
        let kept: Vec<u64> = snapshots(folder.path())
            .unwrap()
            .iter()
            .map(|(sequence, _)| *sequence)
            .collect();
        assert_eq!(kept, [30, 20]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        let path = folder.path().join(snapshot_name(30));
        assert_eq!(Snapshot::load(&path, 30), Ok(sample(30)));
        assert!(Snapshot::load(&path, 31).is_err());
    }
}
