//! A disk that fails, and that forgets what was not synced when the server dies.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::Rng;
use rand::rngs::StdRng;
use relay_server::journal::{Disk, SegmentFile};
use tokio::sync::Notify;

/// The disk of one run; its files are real ones in a folder of the run's own.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    /// Told when what was waited for is durable.
    durable: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    failing: bool,
    dead: bool,
    /// How much of each file would survive a power cut.
    synced: BTreeMap<PathBuf, u64>,
    syncs: u64,
    awaited: Awaited,
}

/// A record that somebody waits for, as it stands in the file.
#[derive(Debug, Default)]
enum Awaited {
    #[default]
    Nothing,
    Unwritten(String),
    Written,
}

impl SimDisk {
    /// From now on it takes nothing, or takes everything again.
    pub fn set_failing(&self, failing: bool) {
        self.state().failing = failing;
    }

    /// From now on a record of this kind is waited for.
    pub fn await_record(&self, kind: &str) {
        self.state().awaited = Awaited::Unwritten(format!("\"kind\":\"{kind}\""));
    }

    /// Waits until that record is durable.
    pub async fn holds_record(&self) {
        self.durable.notified().await;
    }

    /// The server dies: nothing it still wants to write gets anywhere.
    pub fn die(&self) {
        self.state().dead = true;
    }

    /// Before the server comes back: of what was never synced an arbitrary beginning is there.
    ///
    /// # Errors
    /// When the real files cannot be cut.
    pub fn come_back(&self, dice: &mut StdRng) -> io::Result<()> {
        let mut state = self.state();
        state.dead = false;
        for (path, synced) in &mut state.synced {
            let file = OpenOptions::new().write(true).open(path)?;
            let written = file.metadata()?.len();
            let kept = dice.random_range(*synced..=written.max(*synced));
            file.set_len(kept)?;
            *synced = kept;
        }
        Ok(())
    }

    /// How often something was made durable.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        if state.failing || state.dead {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(state)
    }
}

impl Disk for SimDisk {
    fn open(&mut self, path: &Path, length: u64) -> io::Result<Box<dyn SegmentFile>> {
        let mut state = self.usable()?;
        let mut options = OpenOptions::new();
        let mut file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        state.synced.insert(path.to_owned(), length);
        Ok(Box::new(SimFile {
            file,
            path: path.to_owned(),
            disk: self.clone(),
        }))
    }
}

struct SimFile {
    file: File,
    path: PathBuf,
    disk: SimDisk,
}

impl SegmentFile for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.disk.state().dead {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        if let Err(error) = self.disk.usable().map(drop) {
            // A full disk takes a part of it.
            self.file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        let mut state = self.disk.state();
        if let Awaited::Unwritten(word) = &state.awaited
            && bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        {
            state.awaited = Awaited::Written;
        }
        drop(state);
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let mut state = self.disk.usable()?;
        state.synced.insert(self.path.clone(), length);
        state.syncs += 1;
        if matches!(state.awaited, Awaited::Written) {
            state.awaited = Awaited::Nothing;
            self.disk.durable.notify_one();
        }
        Ok(())
    }
}
