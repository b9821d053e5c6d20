//! One server per data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const LOCK_FILE: &str = "relay-server.lock";

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another server has it.
    #[error("another relay-server{} already uses the data folder {}; stop it first, or give this one another [server] data_dir", process(*pid), folder.display())]
    Taken {
        /// The data folder.
        folder: PathBuf,
        /// The process that has it, when it left its number.
        pid: Option<u32>,
    },
    /// The folder cannot be made or written.
    #[error("cannot use the data folder {}: {error}", folder.display())]
    Folder {
        /// The data folder.
        folder: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

fn process(pid: Option<u32>) -> String {
    pid.map(|p| format!(" (process {p})")).unwrap_or_default()
}

/// Holds the data folder until dropped; the system lets go of it when the process dies.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the folder, which is made when missing.
    ///
    /// # Errors
    /// When another server has it or it cannot be written.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let fault = |error| LockError::Folder {
            folder: folder.to_owned(),
            error,
        };
        std::fs::create_dir_all(folder).map_err(fault)?;
        let path = folder.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Only a nicety for the message; the lock itself is what counts.
                let read = file.take(16).read_to_string(&mut text);
                let pid = read.ok().and_then(|_| text.trim().parse().ok());
                return Err(LockError::Taken {
                    folder: folder.to_owned(),
                    pid,
                });
            }
            Err(TryLockError::Error(error)) => return Err(fault(error)),
        }
        if let Err(error) = sign(&mut file) {
            // A full disk: no reason to drop the calls that a restart takes up again.
            tracing::warn!(%error, "the lock of the data folder does not say whose it is");
        }
        Ok(Self { _file: file })
    }
}

/// Leaves the number of this process for whoever finds the folder taken.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r06_a_second_server_on_the_same_folder_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataLock::take(folder.path()).unwrap();
        let error = DataLock::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains("another relay-server"), "{error}");
        assert!(
            error.contains(&format!("(process {})", std::process::id())),
            "{error}"
        );
        assert!(
            error.contains(&folder.path().display().to_string()),
            "{error}"
        );
        drop(first);
        DataLock::take(folder.path()).unwrap();
    }
}
