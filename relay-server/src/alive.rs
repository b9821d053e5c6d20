//! When this server was there last: the time that the next one takes off a conversation's clock.
//!
//! A file is written every second and not synced: what matters is a killed process, whose writes
//! the system keeps. After a power cut the time is that of the last second the disk has.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::session::clock::Clock;

/// A conversation is never charged for more than this of the server's absence.
const PACE: Duration = Duration::from_secs(1);

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("alive")
}

/// When the last server that used `data_dir` was there, in milliseconds UTC; 0 when nobody knows.
#[must_use]
pub fn last(data_dir: &Path) -> u64 {
    let text = std::fs::read_to_string(file(data_dir)).unwrap_or_default();
    text.trim().parse().unwrap_or_default()
}

/// Notes every second that this server is there, until `stop`.
pub async fn note(data_dir: PathBuf, clock: Clock, stop: CancellationToken) {
    let mut failing = false;
    loop {
        let written = std::fs::write(file(&data_dir), format!("{}\n", clock.now().utc_ms));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn r02_the_next_server_knows_when_the_last_one_was_there() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(last(folder.path()), 0);
        let clock = Clock::start();
        let before = clock.now().utc_ms;
        let stop = CancellationToken::new();
        stop.cancel();
        note(folder.path().to_owned(), clock, stop).await;
        assert!(last(folder.path()) >= before);
        std::fs::write(folder.path().join("alive"), "yesterday").unwrap();
        assert_eq!(last(folder.path()), 0);
    }
}
