//! Opens sled as one opens a parcel that may bite: on a thread, with a time limit, behind a panic
//! catcher; a store that cannot be opened is put aside and begun anew.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::sled_store::SledStore;
use super::{StoreError, StoreResult};

/// Longest time a store may take to open and be read through.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a store that is locked is tried again, and after how long each time.
const LOCKED_TRIES: u32 = 20;
/// See [`LOCKED_TRIES`].
const LOCKED_PAUSE: Duration = Duration::from_millis(100);
/// Memory sled may use for its cache, in bytes; it uses several times as much.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// How often sled writes back on its own, in milliseconds.
const FLUSH_EVERY_MS: u64 = 500;

/// A damaged store that was put aside; the operator may delete it.
#[derive(Debug)]
pub struct Quarantined {
    /// Where it is now.
    pub folder: PathBuf,
    /// Why it could not be used.
    pub why: StoreError,
}

/// Opens (or makes) the store in `folder`. Blocks for at most twice ten seconds.
///
/// # Errors
/// When another process has it open, or not even an empty store can be made there.
pub fn open(folder: &Path) -> StoreResult<(SledStore, Option<Quarantined>)> {
    match patiently(folder) {
        Ok(store) => Ok((store, None)),
        Err(StoreError::Locked) => Err(StoreError::Locked),
        Err(why) => {
            let aside = put_aside(folder).map_err(StoreError::Folder)?;
            tracing::error!(event = "store_quarantined", %why, folder = %aside.display(), "the store is damaged; it is rebuilt from the journal");
            let store = patiently(folder)?;
            Ok((store, Some(Quarantined { folder: aside, why })))
        }
    }
}

/// The engine's own threads hold its lock for a moment after it was closed.
fn patiently(folder: &Path) -> StoreResult<SledStore> {
    let mut opened = guarded(folder, OPEN_TIMEOUT);
    for _ in 0..LOCKED_TRIES {
        if !matches!(opened, Err(StoreError::Locked)) {
            break;
        }
        std::thread::sleep(LOCKED_PAUSE);
        opened = guarded(folder, OPEN_TIMEOUT);
    }
    opened
}

fn guarded(folder: &Path, patience: Duration) -> StoreResult<SledStore> {
    let (send, receive) = sync_channel(1);
    let path = folder.to_owned();
    std::thread::Builder::new()
        .name("store-open".into())
        .spawn(move || {
            let outcome =
                catch_unwind(AssertUnwindSafe(|| open_and_read(&path))).unwrap_or_else(|_| {
                    Err(StoreError::Engine(
                        "the engine panicked while opening".into(),
                    ))
                });
            // After the time limit nobody listens; the store is dropped with the message.
            send.send(outcome).unwrap_or_default();
        })
        .map_err(StoreError::Folder)?;
    match receive.recv_timeout(patience) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(StoreError::Engine(
            format!("it did not open within {} s", patience.as_secs()),
        )),
    }
}

fn open_and_read(path: &Path) -> StoreResult<SledStore> {
    let opened = sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(Some(FLUSH_EVERY_MS))
        .open();
    let db = opened.map_err(|error| {
        let text = error.to_string();
        if text.contains("could not acquire lock") {
            StoreError::Locked
        } else {
            StoreError::Engine(text)
        }
    })?;
    let store = SledStore::over(db)?;
    store.probe()?;
    Ok(store)
}

/// Moves the folder beside itself under a name that says when.
fn put_aside(folder: &Path) -> io::Result<PathBuf> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let name = folder
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or("store");
    let aside = folder.with_file_name(format!("{name}.damaged-{now}"));
    std::fs::rename(folder, &aside)?;
    Ok(aside)
}
