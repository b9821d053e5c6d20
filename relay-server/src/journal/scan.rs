//! Walks over segment files, checks every byte and names the first that is wrong.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::frame::{self, FRAME_BYTES, HASH_BYTES, HEADER_BYTES, Hash, LEAD_BYTES};

/// A tail of at least this many zero bytes was reserved by the file system but never written.
const ZERO_TAIL_BYTES_MIN: usize = 8;
/// What a disk writes whole or not at all, in bytes.
const SECTOR_BYTES: u64 = 512;
/// How much of a file is read at once, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// Where the chain stands: the last record and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain {
    /// Number of the last record; 0 before the first.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
}

/// What is wrong with a place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The header of the segment file.
    #[error("the header of the file is damaged")]
    Header,
    /// The segment does not follow the one before.
    #[error("the file does not follow the records before it")]
    Order,
    /// Length or number of a record.
    #[error("the length of the record is damaged")]
    Length,
    /// Hash or content of a record.
    #[error("the checksum of the record does not match its content")]
    Content,
    /// The record is whole, but not the one that comes here.
    #[error("the record does not follow the one before it")]
    Broken,
    /// A record ends before its length, and other files follow.
    #[error("the file ends in the middle of a record")]
    Short,
    /// Whole, but not one of ours.
    #[error("the content of the record cannot be read")]
    Unreadable,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file or folder cannot be read or written.
    #[error("cannot use the journal {}: {error}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A byte is not what was written. Restore the file from a backup.
    #[error("the journal is damaged at record {record} (byte {offset} of {}): {damage}", file.display())]
    Damaged {
        /// The first record that cannot be trusted.
        record: u64,
        /// The segment file.
        file: PathBuf,
        /// Where in the file the record begins, in bytes.
        offset: u64,
        /// What is wrong.
        damage: Damage,
    },
    /// The first file is not the beginning.
    #[error("the journal in {} begins with record {first}; the files with records 1 to {} are missing", folder.display(), first.saturating_sub(1))]
    Beginning {
        /// The journal folder.
        folder: PathBuf,
        /// The first record there is.
        first: u64,
    },
    /// A thread could not be started.
    #[error("cannot start the journal writer: {0}")]
    Thread(io::Error),
}

impl JournalError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}

/// A record that was being written when the machine stopped; it was never acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The segment file.
    pub file: PathBuf,
    /// Where the whole records end, in bytes.
    pub offset: u64,
    /// How many bytes of the unfinished record there are.
    pub bytes: u64,
}

/// One record found by a scan.
pub(super) struct Found<'a> {
    pub(super) file: &'a Path,
    pub(super) offset: u64,
    pub(super) sequence: u64,
    pub(super) hash: &'a Hash,
    pub(super) payload: &'a [u8],
}

impl Found<'_> {
    /// Where in the file the record ends, in bytes.
    pub(super) const fn end(&self) -> u64 {
        self.offset + (FRAME_BYTES + self.payload.len()) as u64
    }

    pub(super) fn damaged(&self, damage: Damage) -> JournalError {
        JournalError::Damaged {
            record: self.sequence,
            file: self.file.to_owned(),
            offset: self.offset,
            damage,
        }
    }
}

/// The segment at the end of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) path: PathBuf,
    /// How much of it is good, in bytes.
    pub(super) length: u64,
    /// When it was begun, in seconds since 1970; 0 when nobody knows.
    pub(super) begun_s: u32,
}

/// Result of a whole scan.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) chain: Chain,
    /// The last segment; `None` in an empty folder.
    pub(super) last: Option<Last>,
    pub(super) segments: usize,
    pub(super) torn: Option<TornTail>,
}

/// The file name of the segment that begins with record `first`.
pub(super) fn segment_name(first: u64) -> String {
    format!("journal-{first:020}.vj")
}

/// Segment files in order, each with the number of its first record.
///
/// # Errors
/// When the folder cannot be read; a missing one is empty.
pub(super) fn segments(folder: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(JournalError::Io {
                path: folder.to_owned(),
                error,
            });
        }
    };
    let mut list = Vec::new();
    for entry in entries {
        let path = entry.map_err(JournalError::io(folder))?.path();
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        let number = name
            .strip_prefix("journal-")
            .and_then(|n| n.strip_suffix(".vj"));
        if let Some(first) = number.and_then(|n| n.parse().ok()) {
            list.push((first, path));
        }
    }
    list.sort();
    Ok(list)
}

/// Checks all segments in order and shows each record to `visit`.
///
/// # Errors
/// The first thing that is wrong, or what `visit` said.
pub(super) fn scan<E: From<JournalError>>(
    folder: &Path,
    visit: &mut dyn FnMut(&Found<'_>) -> Result<(), E>,
) -> Result<Scan, E> {
    let list = segments(folder)?;
    if let Some((first, _)) = list.first().filter(|(first, _)| *first != 1) {
        return Err(E::from(JournalError::Beginning {
            folder: folder.to_owned(),
            first: *first,
        }));
    }
    walk(&list, Chain::default(), visit)
}

/// As [`scan`], but begins with the segment that holds record `from` and leaves out those that
/// begin after record `to`. What stands before is taken from that segment's header: the caller
/// compares a hash that it knows.
///
/// # Errors
/// As [`scan`].
pub(super) fn scan_part<E: From<JournalError>>(
    folder: &Path,
    from: u64,
    to: u64,
    visit: &mut dyn FnMut(&Found<'_>) -> Result<(), E>,
) -> Result<Scan, E> {
    let mut list = segments(folder)?;
    list.retain(|(first, _)| *first <= to);
    let start = list.iter().rposition(|(first, _)| *first <= from);
    list.drain(..start.unwrap_or_default());
    // Without a readable header the walk begins nowhere and names the damage.
    let before = list.first().and_then(|(_, path)| before(path));
    walk(&list, before.unwrap_or_default(), visit)
}

/// Checks `segment` and whatever follows it, and nothing that was closed before: for a journal
/// whose beginning was checked when it was opened.
///
/// # Errors
/// As [`scan`].
pub(super) fn scan_end(folder: &Path, segment: &Path) -> Result<Scan, JournalError> {
    let mut list = segments(folder)?;
    let start = list.iter().position(|(_, path)| path == segment);
    list.drain(..start.unwrap_or_default());
    let before = list.first().and_then(|(_, path)| before(path));
    walk(&list, before.unwrap_or_default(), &mut |_| Ok(()))
}

/// Where the chain stood when the segment was begun.
fn before(segment: &Path) -> Option<Chain> {
    let mut bytes = [0; HEADER_BYTES];
    File::open(segment).ok()?.read_exact(&mut bytes).ok()?;
    let header = frame::decode_header(&bytes)?;
    Some(Chain {
        sequence: header.first.saturating_sub(1),
        hash: header.previous,
    })
}

fn walk<E: From<JournalError>>(
    list: &[(u64, PathBuf)],
    before: Chain,
    visit: &mut dyn FnMut(&Found<'_>) -> Result<(), E>,
) -> Result<Scan, E> {
    let mut scan = Scan {
        chain: before,
        last: None,
        segments: list.len(),
        torn: None,
    };
    for (index, (_, path)) in list.iter().enumerate() {
        let is_last = index + 1 == list.len();
        let file = File::open(path).map_err(JournalError::io(path))?;
        let length = file.metadata().map_err(JournalError::io(path))?.len();
        let mut segment = Segment {
            path,
            reader: BufReader::with_capacity(READ_BYTES, file),
            offset: 0,
            begun_s: 0,
            length,
            is_last,
        };
        scan.torn = segment.walk(&mut scan.chain, visit)?;
        scan.last = Some(Last {
            path: path.clone(),
            length: segment.offset,
            begun_s: segment.begun_s,
        });
    }
    Ok(scan)
}

struct Segment<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    /// End of what is known to be good.
    offset: u64,
    begun_s: u32,
    length: u64,
    is_last: bool,
}

impl Segment<'_> {
    fn walk<E: From<JournalError>>(
        &mut self,
        chain: &mut Chain,
        visit: &mut dyn FnMut(&Found<'_>) -> Result<(), E>,
    ) -> Result<Option<TornTail>, E> {
        let record = chain.sequence.saturating_add(1);
        if self.left() < HEADER_BYTES as u64 {
            return Ok(self.torn(record)?);
        }
        let mut bytes = [0; HEADER_BYTES];
        self.fill(&mut bytes)?;
        let Some(header) = frame::decode_header(&bytes) else {
            return Ok(self.torn_or(HEADER_BYTES as u64, record, Damage::Header)?);
        };
        if header.first != record || header.previous != chain.hash {
            return Err(E::from(self.damaged(record, Damage::Order)));
        }
        self.begun_s = header.begun_s;
        self.offset = HEADER_BYTES as u64;
        let mut body = Vec::new();
        loop {
            let record = chain.sequence.saturating_add(1);
            if self.left() == 0 {
                return Ok(None);
            }
            if self.left() < LEAD_BYTES as u64 {
                return Ok(self.torn(record)?);
            }
            let mut bytes = [0; LEAD_BYTES];
            self.fill(&mut bytes)?;
            let Some(lead) = frame::decode_lead(&bytes) else {
                return Ok(self.torn_or(
                    self.offset + LEAD_BYTES as u64,
                    record,
                    Damage::Length,
                )?);
            };
            let whole = (FRAME_BYTES + lead.length) as u64;
            if self.left() < whole {
                return Ok(self.torn(record)?);
            }
            body.resize(FRAME_BYTES - LEAD_BYTES + lead.length, 0);
            self.fill(&mut body)?;
            let (content, crc) = body.split_at(HASH_BYTES + lead.length);
            if crc != crc32fast::hash(content).to_le_bytes() {
                let at_end = self.left() == whole;
                let unwritten = body[body.len() - ZERO_TAIL_BYTES_MIN..]
                    .iter()
                    .all(|&b| b == 0);
                if at_end && unwritten {
                    return Ok(self.torn(record)?);
                }
                let end = self.offset + whole;
                return Ok(self.torn_or(end, record, Damage::Content)?);
            }
            let (written, payload) = content.split_at(HASH_BYTES);
            let hash = frame::hash(&chain.hash, record, payload);
            if lead.sequence != record || *written != hash {
                return Err(E::from(self.damaged(record, Damage::Broken)));
            }
            visit(&Found {
                file: self.path,
                offset: self.offset,
                sequence: record,
                hash: &hash,
                payload,
            })?;
            chain.sequence = record;
            chain.hash = hash;
            self.offset += whole;
        }
    }

    /// Bytes after the last good one.
    fn left(&self) -> u64 {
        self.length.saturating_sub(self.offset)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), JournalError> {
        self.reader
            .read_exact(bytes)
            .map_err(JournalError::io(self.path))
    }

    fn damaged(&self, record: u64, damage: Damage) -> JournalError {
        JournalError::Damaged {
            record,
            file: self.path.to_owned(),
            offset: self.offset,
            damage,
        }
    }

    /// The record stops short: allowed only at the very end of the journal.
    fn torn(&self, record: u64) -> Result<Option<TornTail>, JournalError> {
        if !self.is_last {
            return Err(self.damaged(record, Damage::Short));
        }
        Ok(Some(TornTail {
            file: self.path.to_owned(),
            offset: self.offset,
            bytes: self.left(),
        }))
    }

    /// A file system may lengthen a file before it writes it: then the rest is zero from the
    /// beginning of a sector on. That a record was never written which ends at `end` at the least
    /// shows when this sector begins before that.
    fn torn_or(
        &self,
        end: u64,
        record: u64,
        damage: Damage,
    ) -> Result<Option<TornTail>, JournalError> {
        if !self.is_last {
            return Err(self.damaged(record, damage));
        }
        let written = self.written()?;
        let unwritten = written.next_multiple_of(SECTOR_BYTES);
        if written == self.offset || (unwritten < self.length && unwritten < end) {
            self.torn(record)
        } else {
            Err(self.damaged(record, damage))
        }
    }

    /// Where the zeros begin at the end of the file, after the last good byte.
    fn written(&self) -> Result<u64, JournalError> {
        let fault = || JournalError::io(self.path);
        let mut file = File::open(self.path).map_err(fault())?;
        file.seek(SeekFrom::Start(self.offset)).map_err(fault())?;
        let mut reader = BufReader::with_capacity(READ_BYTES, file);
        let (mut at, mut written) = (self.offset, self.offset);
        loop {
            let bytes = reader.fill_buf().map_err(fault())?;
            if bytes.is_empty() {
                return Ok(written);
            }
            if let Some(last) = bytes.iter().rposition(|&b| b != 0) {
                written = at + last as u64 + 1;
            }
            let count = bytes.len();
            at += count as u64;
            reader.consume(count);
        }
    }
}
