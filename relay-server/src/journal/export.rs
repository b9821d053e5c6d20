//! `journal export`: records as JSON Lines, with a manifest that says what they are.
//!
//! The lines are the texts in the journal, byte for byte, so whoever has a whole export can compute
//! the chain again (see [`super::frame`]). The same journal and the same times give the same bytes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::filter::{Filter, Instant};
use super::reader::read_lines;
use super::scan::{Chain, JournalError};
use super::whole::sync_folder;

/// The records, one a line.
pub const RECORDS_FILE: &str = "records.jsonl";
/// What they are; written last, so an export without it is not finished.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Why nothing, or not everything, was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file is there already.
    #[error("{} is already there; nothing was written. Choose another folder", .0.display())]
    Exists(PathBuf),
    /// A file or folder cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// What an export holds: `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// Program and version.
    pub created_by: String,
    /// From when on, as it was asked for.
    pub since: Option<String>,
    /// Until when.
    pub until: Option<String>,
    /// Number of records.
    pub records: u64,
    /// The first of them.
    pub first_sequence: Option<u64>,
    /// The last of them.
    pub last_sequence: Option<u64>,
    /// Its hash in the chain, in hexadecimal digits.
    pub last_hash: Option<String>,
    /// The journal's last record, exported or not.
    pub head_sequence: u64,
    /// Its hash, in hexadecimal digits.
    pub head_hash: String,
    /// The files beside this one.
    pub files: Vec<ManifestFile>,
}

/// One file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestFile {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// Writes the records of the journal in `folder` from `since` until before `until` into `into`,
/// which is made when missing.
///
/// # Errors
/// When the journal is damaged, a file is there already, or one cannot be written.
pub fn export(
    folder: &Path,
    into: &Path,
    since: Option<Instant>,
    until: Option<Instant>,
) -> Result<Manifest, ExportError> {
    let [records, manifest] = [RECORDS_FILE, MANIFEST_FILE].map(|name| into.join(name));
    for path in [&records, &manifest] {
        if path.symlink_metadata().is_ok() {
            return Err(ExportError::Exists(path.clone()));
        }
    }
    fs::create_dir_all(into).map_err(fault(into))?;
    let filter = Filter {
        since,
        until,
        ..Filter::default()
    };
    let exported = write_records(folder, &records, &filter)?;
    let ends = exported.first.zip(exported.last);
    let content = Manifest {
        created_by: concat!("relay-server ", env!("CARGO_PKG_VERSION")).into(),
        since: since.map(|t| t.to_string()),
        until: until.map(|t| t.to_string()),
        records: exported.count,
        first_sequence: exported.first,
        last_sequence: ends.map(|(_, last)| last.sequence),
        last_hash: ends.map(|(_, last)| hex::encode(last.hash)),
        head_sequence: exported.head.sequence,
        head_hash: hex::encode(exported.head.hash),
        files: vec![ManifestFile {
            name: RECORDS_FILE.into(),
            bytes: exported.bytes,
            sha256: hex::encode(exported.sum),
        }],
    };
    let text = serde_json::to_string_pretty(&content)
        .map_err(|error| fault(&manifest)(io::Error::other(error)))?;
    create(&manifest)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            sync_folder(&manifest)
        })
        .map_err(fault(&manifest))?;
    Ok(content)
}

#[derive(Debug, Default)]
struct Exported {
    count: u64,
    bytes: u64,
    first: Option<u64>,
    last: Option<Chain>,
    head: Chain,
    sum: [u8; 32],
}

fn write_records(folder: &Path, path: &Path, filter: &Filter) -> Result<Exported, ExportError> {
    let mut out = BufWriter::new(create(path).map_err(fault(path))?);
    let mut sum = Sha256::new();
    let mut exported = Exported::default();
    exported.head = read_lines(folder, |line| {
        if !filter.admits(line.record) {
            return Ok(());
        }
        for part in [line.text, b"\n"] {
            out.write_all(part).map_err(fault(path))?;
            sum.update(part);
            exported.bytes += part.len() as u64;
        }
        let sequence = line.record.sequence;
        exported.count += 1;
        exported.first.get_or_insert(sequence);
        exported.last = Some(Chain {
            sequence,
            hash: *line.hash,
        });
        Ok::<_, ExportError>(())
    })?;
    exported.sum = sum.finalize().into();
    let file = out.into_inner().map_err(|e| fault(path)(e.into_error()))?;
    file.sync_all().map_err(fault(path))?;
    Ok(exported)
}

/// A new file for its owner alone: there are telephone numbers in it.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

fn fault(path: &Path) -> impl FnOnce(io::Error) -> ExportError {
    let path = path.to_owned();
    move |error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            ExportError::Exists(path)
        } else {
            ExportError::Write { path, error }
        }
    }
}
