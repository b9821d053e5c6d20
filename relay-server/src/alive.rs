//! When this server was there last: from then on the next one takes time off a conversation's
//! clock, and from there on it counts for how long the server has been up.
//!
//! A file is written every second and not synced: what matters is a killed process, whose writes
//! the system keeps. After a power cut the time is that of the last second the disk has. Where
//! nothing can be written, what was written before stays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use relay_core::Now;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::session::clock::Clock;

/// A conversation is never charged for more than this of the server's absence.
const PACE: Duration = Duration::from_secs(1);

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("alive")
}

/// When the last server that used `data_dir` was there; `None` when nobody knows.
#[must_use]
pub fn last(data_dir: &Path) -> Option<Now> {
    let text = fs::read_to_string(file(data_dir)).ok()?;
    let (utc_ms, mono_ms) = text.trim().split_once(' ')?;
    Some(Now {
        utc_ms: utc_ms.parse().ok()?,
        mono_ms: mono_ms.parse().ok()?,
    })
}

/// Notes every second that this server is there, until `stop`.
pub async fn note(data_dir: PathBuf, clock: Clock, stop: CancellationToken) {
    let mut failing = false;
    loop {
        let written = write(&file(&data_dir), clock.now());
        if let Err(error) = &written
            && !failing
        {
            warn!(%error, "the time of being alive cannot be noted");
        }
        failing = written.is_err();
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PACE) => {}
        }
    }
}

/// As a whole or not at all: a full disk, or a kill in between, leaves the time before.
fn write(file: &Path, now: Now) -> io::Result<()> {
    let beside = file.with_extension("new");
    let Now { utc_ms, mono_ms } = now;
    fs::write(&beside, format!("{utc_ms} {mono_ms}\n"))?;
    fs::rename(beside, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn r02_the_next_server_knows_when_the_last_one_was_there() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(last(folder.path()), None);
        let noted = |clock: Clock| async {
            let stop = CancellationToken::new();
            stop.cancel();
            note(folder.path().to_owned(), clock, stop).await;
            last(folder.path())
        };
        let earlier = Now {
            utc_ms: 5,
            mono_ms: 70_000,
        };
        let clock = Clock::start().after(Some(earlier));
        let before = clock.now();
        let alive = noted(clock).await.unwrap();
        assert!(alive.utc_ms >= before.utc_ms);
        assert!((70_000..80_000).contains(&alive.mono_ms), "{alive:?}");
        fs::write(folder.path().join("alive"), "yesterday").unwrap();
        assert_eq!(last(folder.path()), None);
    }

    #[tokio::test]
    async fn r03_what_was_noted_stays_when_nothing_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        let now = Clock::start().now();
        write(&file, now).unwrap();
        // Nothing can be written where a folder is.
        fs::create_dir(file.with_extension("new")).unwrap();
        write(&file, now).unwrap_err();
        assert_eq!(last(folder.path()), Some(now));
    }
}
