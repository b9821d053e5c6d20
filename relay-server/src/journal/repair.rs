//! `journal repair`: takes everything from one record on out of the journal, and deletes nothing.
//!
//! The order is such that a power cut in between leaves a journal that is shorter or still damaged,
//! never one that lacks something without a copy: first the copy and the report, then the files
//! behind the cut, last one first, then the cut itself.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::checkpoint::utc;
use super::frame::HEADER_BYTES;
use super::scan::{Chain, Found, JournalError, scan, segments};
use super::snapshot::snapshots;
use super::whole;

/// What the folders of earlier repairs begin with.
const FOLDER_PREFIX: &str = "damaged-";
/// The report in such a folder.
const REPORT_FILE: &str = "report.json";

/// Why nothing was repaired.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// A file or folder cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is damage before the place of the cut.
    #[error("{0}; cut before that record or an earlier one, not before record {1}")]
    DamagedBefore(JournalError, u64),
    /// There is nothing behind the place of the cut.
    #[error(
        "the journal ends with record {last} and is whole; there is nothing to cut before record {before}"
    )]
    NothingToCut {
        /// The journal's last record.
        last: u64,
        /// The record that was asked for.
        before: u64,
    },
    /// Records count from 1.
    #[error("records are counted from 1")]
    Zero,
}

/// What is to be done, or was: `report.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// When, RFC 3339, UTC.
    pub at: String,
    /// Program and version.
    pub by: String,
    /// The first record that was taken out.
    pub cut_before: u64,
    /// The hash of the record before it, in hexadecimal digits.
    pub kept_hash: String,
    /// The last record that could still be read, which may be one of those taken out.
    pub readable_until: u64,
    /// What was wrong with the journal, if anything.
    pub damage: Option<String>,
    /// Files that were moved, or of which everything behind the cut was, by name.
    pub files: Vec<String>,
    /// Where to: a folder in the journal's.
    pub folder: String,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            cut_before,
            folder,
            ..
        } = self;
        write!(
            f,
            "the journal was cut before record {cut_before} by `journal repair` at {at}; what stood behind is in {folder}"
        )
    }
}

/// A repair that has been thought through and not been done.
#[derive(Debug)]
pub struct Plan {
    journal: PathBuf,
    report: Repair,
    /// The segment in which the cut is, and where, in bytes.
    cut: Option<(PathBuf, u64)>,
    /// Files that go as a whole, last one first.
    whole: Vec<PathBuf>,
}

impl Plan {
    /// What it would do.
    #[must_use]
    pub const fn report(&self) -> &Repair {
        &self.report
    }
}

/// Thinks through the cut before record `before` of the journal in `folder`, at `now_ms`
/// milliseconds after 1970. Only reads. Take [`super::DataLock`] first.
///
/// # Errors
/// When there is damage before that record, or nothing behind it.
pub fn plan(folder: &Path, before: u64, now_ms: u64) -> Result<Plan, RepairError> {
    let last = before.checked_sub(1).ok_or(RepairError::Zero)?;
    let (mut kept, mut seen) = (Chain::default(), 0);
    let mut end: Option<(PathBuf, u64)> = None;
    let scanned = scan(folder, &mut |found: &Found<'_>| {
        seen = found.sequence;
        if found.sequence <= last {
            kept = Chain {
                sequence: found.sequence,
                hash: *found.hash,
            };
            let same = end.as_ref().is_some_and(|(path, _)| path == found.file);
            let path = end.take().filter(|_| same).map(|(path, _)| path);
            let path = path.unwrap_or_else(|| found.file.to_owned());
            end = Some((path, found.end()));
        }
        Ok::<_, JournalError>(())
    });
    let damage = match scanned {
        Err(error) if seen < last => return Err(RepairError::DamagedBefore(error, before)),
        Err(error @ JournalError::Io { .. }) => return Err(error.into()),
        Err(error) => Some(error.to_string()),
        Ok(_) if seen <= last => return Err(RepairError::NothingToCut { last: seen, before }),
        Ok(_) => None,
    };
    let list = segments(folder)?;
    let behind = |path: &PathBuf| end.as_ref().is_none_or(|(kept, _)| path > kept);
    let mut whole: Vec<_> = list.into_iter().map(|(_, path)| path).collect();
    whole.retain(behind);
    let stale = snapshots(folder).map_err(JournalError::io(folder))?;
    let stale = stale.into_iter().filter(|(sequence, _)| *sequence > last);
    whole.splice(0..0, stale.map(|(_, path)| path).rev());
    whole.reverse();
    let cut = end.filter(|(path, end)| fs::metadata(path).map_or(0, |m| m.len()) > *end);
    let at = utc(now_ms);
    let name = |path: &PathBuf| path.file_name().map(|n| n.to_string_lossy().into_owned());
    let mut files: Vec<String> = whole.iter().filter_map(name).collect();
    files.extend(cut.as_ref().and_then(|(path, _)| name(path)));
    files.sort();
    Ok(Plan {
        journal: folder.to_owned(),
        report: Repair {
            folder: format!("{FOLDER_PREFIX}{}", at.replace(':', "")),
            at,
            by: concat!("relay-server ", env!("CARGO_PKG_VERSION")).into(),
            cut_before: before,
            kept_hash: hex::encode(kept.hash),
            readable_until: seen,
            damage,
            files,
        },
        cut,
        whole,
    })
}

impl Plan {
    /// Does it; returns the folder with what was taken out and the report.
    ///
    /// # Errors
    /// When a file cannot be copied, moved or cut; it may be planned and done again.
    pub fn carry_out(self) -> Result<PathBuf, RepairError> {
        let into = self.journal.join(&self.report.folder);
        // An earlier repair of the same second is in the way rather than mixed with this one.
        fs::create_dir(&into).map_err(JournalError::io(&into))?;
        whole::sync_folder(&into).map_err(JournalError::io(&into))?;
        if let Some((path, _)) = &self.cut {
            copy(path, &into).map_err(JournalError::io(path))?;
        }
        let report = into.join(REPORT_FILE);
        serde_json::to_vec_pretty(&self.report)
            .map_err(io::Error::other)
            .and_then(|text| whole::replace(&report, &text, false))
            .map_err(JournalError::io(&report))?;
        for path in &self.whole {
            let to = into.join(path.file_name().unwrap_or_default());
            fs::rename(path, &to)
                .and_then(|()| whole::sync_folder(&to))
                .and_then(|()| whole::sync_folder(path))
                .map_err(JournalError::io(path))?;
        }
        if let Some((path, end)) = &self.cut {
            cut(path, *end).map_err(JournalError::io(path))?;
        }
        Ok(into)
    }
}

fn copy(path: &Path, into: &Path) -> io::Result<()> {
    let to = into.join(path.file_name().unwrap_or_default());
    fs::copy(path, &to)?;
    File::open(&to)?.sync_all()?;
    whole::sync_folder(&to)
}

fn cut(path: &Path, end: u64) -> io::Result<()> {
    debug_assert!(
        end >= HEADER_BYTES as u64,
        "a kept record is behind the header"
    );
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(end)?;
    file.sync_all()
}

/// The repairs of the journal in `folder`, oldest first. A folder without a report is skipped: its
/// repair never began to move anything.
///
/// # Errors
/// When a folder or report cannot be read.
pub fn repairs(folder: &Path) -> Result<Vec<Repair>, JournalError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(JournalError::io(folder)(error)),
    };
    let mut list: Vec<Repair> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(JournalError::io(folder))?;
        if !entry
            .file_name()
            .to_string_lossy()
            .starts_with(FOLDER_PREFIX)
        {
            continue;
        }
        let path = entry.path().join(REPORT_FILE);
        match fs::read(&path) {
            Ok(text) => {
                let report = serde_json::from_slice(&text).map_err(io::Error::other);
                list.push(report.map_err(JournalError::io(&path))?);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(JournalError::io(&path)(error)),
        }
    }
    list.sort_by(|a, b| (&a.at, a.cut_before).cmp(&(&b.at, b.cut_before)));
    Ok(list)
}
