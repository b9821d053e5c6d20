//! A disk that fails, and that forgets what was not synced when the server dies.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use relay_server::journal::{Disk, SegmentFile};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What is wrong with a disk that takes everything and makes nothing durable.
pub const CANNOT_SYNC: &str = "the disk cannot sync";

/// What a real disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// The disk of one run; its files are real ones in a folder of the run's own.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    /// Told when the server is to die.
    fatal: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    failing: bool,
    /// It takes everything and makes nothing durable.
    failing_syncs: bool,
    dead: bool,
    /// How much of each file would survive a power cut.
    synced: BTreeMap<PathBuf, u64>,
    syncs: u64,
    /// The record that the server dies with.
    awaited: Option<Awaited>,
    /// The write that it dies in.
    torn: Option<Torn>,
    /// Cancelled in the midst of that write, so that nobody does anything after it.
    halt: CancellationToken,
    death: Option<Death>,
}

#[derive(Debug, Clone)]
struct Awaited {
    /// As it stands in the file.
    word: String,
    written: bool,
    down: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Torn {
    kept_permille: u32,
    zeros: bool,
    down: Duration,
}

/// In what the server dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// Its last write is there in part, and was acknowledged to nobody.
    pub torn: bool,
    /// How long it will be away.
    pub down: Duration,
}

impl SimDisk {
    /// From now on it takes nothing, or takes everything again.
    pub fn set_failing(&self, failing: bool) {
        self.state().failing = failing;
    }

    /// From now on it takes everything and can make nothing durable, or it can again.
    pub fn set_failing_syncs(&self, failing: bool) {
        self.state().failing_syncs = failing;
    }

    /// The server, and all that it does.
    pub fn serves(&self, halt: CancellationToken) {
        self.state().halt = halt;
    }

    /// The server dies as soon as a record of this kind is durable.
    pub fn await_record(&self, kind: &str, down: Duration) {
        self.state().awaited = Some(Awaited {
            word: format!("\"kind\":\"{kind}\""),
            written: false,
            down,
        });
    }

    /// The server dies in its next write: so much of it is there afterwards, in a thousand. With
    /// `zeros` only whole sectors are, and the file has its whole length all the same, as file
    /// systems do it that lengthen a file before they write it.
    pub fn tear(&self, kept_permille: u32, zeros: bool, down: Duration) {
        let torn = Torn {
            kept_permille,
            zeros,
            down,
        };
        self.state().torn = Some(torn);
    }

    /// It dies by itself no more.
    pub fn spare(&self) {
        let mut state = self.state();
        state.awaited = None;
        state.torn = None;
    }

    /// Waits until the server is to die.
    pub async fn is_fatal(&self) -> Death {
        loop {
            self.fatal.notified().await;
            if let Some(death) = self.state().death.take() {
                return death;
            }
        }
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
        if state.failing_syncs {
            return Err(io::Error::other(CANNOT_SYNC));
        }
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

impl SimFile {
    fn tear(&mut self, bytes: &[u8], torn: Torn) -> io::Result<()> {
        let mut kept = bytes.len() * torn.kept_permille as usize / 1000;
        if torn.zeros {
            let start = usize::try_from(self.file.metadata()?.len()).unwrap_or(usize::MAX);
            kept = (start + kept) / SECTOR_BYTES * SECTOR_BYTES;
            kept = kept.saturating_sub(start);
        }
        self.file.write_all(&bytes[..kept])?;
        let mut length = self.file.metadata()?.len();
        if torn.zeros {
            length += (bytes.len() - kept) as u64;
            self.file.set_len(length)?;
        }
        let mut state = self.disk.state();
        // What is there is there: no more of it is lost.
        state.synced.insert(self.path.clone(), length);
        state.dead = true;
        state.halt.cancel();
        let (torn, down) = (true, torn.down);
        state.death = Some(Death { torn, down });
        self.disk.fatal.notify_one();
        Err(io::Error::from(io::ErrorKind::Interrupted))
    }
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
        if let Some(torn) = state.torn.take() {
            drop(state);
            return self.tear(bytes, torn);
        }
        if let Some(awaited) = &mut state.awaited {
            let mut parts = bytes.windows(awaited.word.len());
            awaited.written |= parts.any(|part| part == awaited.word.as_bytes());
        }
        drop(state);
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let mut state = self.disk.usable()?;
        if state.failing_syncs {
            return Err(io::Error::other(CANNOT_SYNC));
        }
        state.synced.insert(self.path.clone(), length);
        state.syncs += 1;
        if let Some(awaited) = state.awaited.take_if(|awaited| awaited.written) {
            let (torn, down) = (false, awaited.down);
            state.death = Some(Death { torn, down });
            self.disk.fatal.notify_one();
        }
        Ok(())
    }
}
