//! The head of the chain as it is published: who holds a checkpoint can tell a journal that was cut
//! back or written anew from the one that was signed.
//!
//! ```text
//! relay.example.org/journal          origin: the key's name
//! 123456                             number of the last record
//! mz1lRVG…=                          base64 of its hash
//! 2026-11-21T09:30:00Z               when it was signed
//!
//! — relay.example.org/journal x08go/…
//! ```

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::frame::Hash;
use super::note::{NOTE_BYTES_MAX, NoteError, Signer, Verifier};
use super::scan::Chain;
use super::whole;

/// The signing key, in the data folder; for the server's user alone.
const KEY_FILE: &str = "checkpoint.key";
/// The verifier key beside it; for everybody.
const PUBLIC_FILE: &str = "checkpoint.pub";

/// Why a checkpoint or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file cannot be read or written.
    #[error("cannot use {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// What a file holds is not a key, not a note, or not signed by the key.
    #[error("{}: {error}", path.display())]
    Note {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: NoteError,
    },
    /// The note is signed, but its text is not a checkpoint.
    #[error("{}: its text is not a checkpoint", .0.display())]
    NotACheckpoint(PathBuf),
    /// The signing key has gone, the verifier key has not: a new key would make every earlier
    /// checkpoint worthless without a word.
    #[error("{} is there, but {} is not: bring the key back from a backup, or move the first file away to begin with a new key", public.display(), key.display())]
    KeyLost {
        /// The verifier key.
        public: PathBuf,
        /// The signing key.
        key: PathBuf,
    },
}

impl CheckpointError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }

    fn note(path: &Path) -> impl FnOnce(NoteError) -> Self {
        let path = path.to_owned();
        move |error| Self::Note { path, error }
    }
}

/// What a signed note says about the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose journal.
    pub origin: String,
    /// The last record and its hash.
    pub head: Chain,
    /// When it was signed, RFC 3339, UTC.
    pub at: String,
}

/// How a journal stands to a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The record is in it with this hash.
    Holds,
    /// It ends before that record.
    Cut {
        /// The journal's last record.
        last: u64,
    },
    /// It has another record there.
    Rewritten,
}

impl Checkpoint {
    /// The checkpoint of `head`, `at_ms` milliseconds after 1970, as a note signed by `signer`.
    #[must_use]
    pub fn sign(signer: &Signer, head: Chain, at_ms: u64) -> String {
        signer.sign(&format!(
            "{}\n{}\n{}\n{}\n",
            signer.verifier().name(),
            head.sequence,
            STANDARD.encode(head.hash),
            utc(at_ms)
        ))
    }

    /// Reads the note at `path` and checks the signature of `verifier`.
    ///
    /// # Errors
    /// When it cannot be read, is not signed by that key, or is no checkpoint.
    pub fn read(path: &Path, verifier: &Verifier) -> Result<Self, CheckpointError> {
        let note = read_text(path)?;
        let text = verifier.open(&note).map_err(CheckpointError::note(path))?;
        Self::parse(text).ok_or_else(|| CheckpointError::NotACheckpoint(path.to_owned()))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, sequence) = (lines.next()?, lines.next()?);
        let (hash, at) = (lines.next()?, lines.next()?);
        let hash: Hash = STANDARD.decode(hash).ok()?.try_into().ok()?;
        OffsetDateTime::parse(at, &Rfc3339).ok()?;
        Some(Self {
            origin: origin.to_owned(),
            head: Chain {
                sequence: sequence.parse().ok()?,
                hash,
            },
            at: at.to_owned(),
        })
    }

    /// How a journal that ends at `end`, and whose record of the checkpoint has the hash `there`,
    /// stands to it.
    #[must_use]
    pub fn standing(&self, there: Option<Hash>, end: Chain) -> Standing {
        // Before the first record there is a hash as well: all zeros.
        let there = if self.head.sequence == 0 {
            Some(Hash::default())
        } else {
            there
        };
        match there {
            Some(hash) if hash == self.head.hash => Standing::Holds,
            Some(_) => Standing::Rewritten,
            None => Standing::Cut { last: end.sequence },
        }
    }

    /// A sentence for the operator.
    #[must_use]
    pub const fn describe(&self, standing: Standing) -> Described<'_> {
        Described(self, standing)
    }
}

/// A [`Standing`] in words.
#[derive(Debug)]
pub struct Described<'a>(&'a Checkpoint, Standing);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checkpoint { origin, head, at } = self.0;
        let record = head.sequence;
        match self.1 {
            Standing::Holds => write!(
                f,
                "checkpoint of {origin} at {at}: record {record} is in the journal as it was signed"
            ),
            Standing::Cut { last } => write!(
                f,
                "the journal was cut: it ends with record {last}, but the checkpoint of {origin} at {at} knows record {record}"
            ),
            Standing::Rewritten => write!(
                f,
                "the journal was rewritten: its record {record} is not the one that the checkpoint of {origin} at {at} knows"
            ),
        }
    }
}

/// Takes the signing key of the data folder, and draws one called `name` where there is none. Take
/// [`super::DataLock`] first. The verifier key is written beside it.
///
/// # Errors
/// When a key is damaged, lost, or cannot be written.
pub fn signing_key(data_dir: &Path, name: &str) -> Result<Signer, CheckpointError> {
    let (key, public) = (data_dir.join(KEY_FILE), public_key_file(data_dir));
    let there = |path: &Path| path.try_exists().map_err(CheckpointError::io(path));
    if !there(&key)? {
        if there(&public)? {
            return Err(CheckpointError::KeyLost { public, key });
        }
        let signer = Signer::generate(name).map_err(CheckpointError::note(&key))?;
        let text = format!("{}\n", signer.text().expose());
        whole::replace(&key, text.as_bytes(), false).map_err(CheckpointError::io(&key))?;
    }
    let signer: Signer = read_text(&key)?
        .parse()
        .map_err(CheckpointError::note(&key))?;
    let text = format!("{}\n", signer.verifier());
    if !there(&public)? || read_text(&public)? != text {
        whole::replace(&public, text.as_bytes(), true).map_err(CheckpointError::io(&public))?;
    }
    Ok(signer)
}

/// Where the verifier key of a data folder is.
#[must_use]
pub fn public_key_file(data_dir: &Path) -> PathBuf {
    data_dir.join(PUBLIC_FILE)
}

/// Reads a verifier key.
///
/// # Errors
/// When the file cannot be read or holds none.
pub fn verifier_key(path: &Path) -> Result<Verifier, CheckpointError> {
    read_text(path)?
        .parse()
        .map_err(CheckpointError::note(path))
}

fn read_text(path: &Path) -> Result<String, CheckpointError> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| {
            let mut bounded = file.take(NOTE_BYTES_MAX as u64 + 1);
            bounded.read_to_string(&mut text)
        })
        .map_err(CheckpointError::io(path))?;
    Ok(text)
}

/// RFC 3339 in UTC, to the second; the beginning of 1970 for what no calendar holds.
pub(super) fn utc(at_ms: u64) -> String {
    i64::try_from(at_ms / 1000)
        .ok()
        .and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok())
        .and_then(|t| t.format(&Rfc3339).ok())
        .unwrap_or_else(|| "1970-01-01T00:00:00Z".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Chain = Chain {
        sequence: 12,
        hash: [3; 32],
    };

    #[test]
    fn a_checkpoint_is_read_back_with_its_key_and_stands_to_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let signer = signing_key(folder.path(), "relay.test/journal").unwrap();
        let file = folder.path().join("checkpoint.txt");
        fs::write(&file, Checkpoint::sign(&signer, HEAD, 1_790_000_000_999)).unwrap();
        let verifier = verifier_key(&public_key_file(folder.path())).unwrap();
        let checkpoint = Checkpoint::read(&file, &verifier).unwrap();
        assert_eq!(
            (checkpoint.head, checkpoint.at.as_str()),
            (HEAD, "2026-09-21T14:13:20Z")
        );
        assert_eq!(checkpoint.origin, "relay.test/journal");
        let end = Chain {
            sequence: 11,
            hash: [4; 32],
        };
        assert_eq!(checkpoint.standing(Some([3; 32]), HEAD), Standing::Holds);
        assert_eq!(
            checkpoint.standing(Some([4; 32]), HEAD),
            Standing::Rewritten
        );
        assert_eq!(checkpoint.standing(None, end), Standing::Cut { last: 11 });
        fs::write(&file, signer.sign("a\nb\nc\nd\n")).unwrap();
        let error = Checkpoint::read(&file, &verifier).unwrap_err().to_string();
        assert!(
            error.ends_with("checkpoint.txt: its text is not a checkpoint"),
            "{error}"
        );
    }

    #[test]
    fn the_key_is_made_once_is_private_and_is_not_replaced_when_it_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let first = signing_key(folder.path(), "relay.test/journal").unwrap();
        // A new domain does not change whose journal it is.
        let again = signing_key(folder.path(), "other.test/journal").unwrap();
        assert_eq!(first.verifier(), again.verifier());
        let key = folder.path().join(KEY_FILE);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                fs::metadata(&key).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        fs::remove_file(&key).unwrap();
        let error = signing_key(folder.path(), "relay.test/journal").unwrap_err();
        assert!(matches!(error, CheckpointError::KeyLost { .. }), "{error}");
        fs::remove_file(public_key_file(folder.path())).unwrap();
        let new = signing_key(folder.path(), "relay.test/journal").unwrap();
        assert_ne!(first.verifier(), new.verifier());
    }
}
