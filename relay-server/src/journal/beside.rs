//! Makes snapshots beside the writer.

use std::path::Path;
use std::thread::JoinHandle;

use super::handle::Host;
use super::keep::write_snapshot;
use super::scan::Chain;

/// Snapshots are made by a thread of their own, one at a time.
pub(super) struct Snapshots {
    ended_max: usize,
    /// The record of the last one that was begun.
    at: u64,
    beside: Option<JoinHandle<()>>,
    host: Host,
}

impl Snapshots {
    /// Snapshots that keep `ended_max` ended sessions, after the one at record `at` (0: there is
    /// none).
    pub(super) const fn new(ended_max: usize, at: u64, host: Host) -> Self {
        Self {
            ended_max,
            at,
            beside: None,
            host,
        }
    }

    /// Begins one at `head`, beside the writer; while another is being made, the next rotation will.
    pub(super) fn begin(&mut self, folder: &Path, head: Chain) {
        if self.beside.as_ref().is_some_and(|b| !b.is_finished()) || head.sequence <= self.at {
            return;
        }
        self.wait();
        self.at = head.sequence;
        let (folder, ended_max) = (folder.to_owned(), self.ended_max);
        if self.host == Host::Task {
            return make_snapshot(&folder, head, ended_max);
        }
        let thread = std::thread::Builder::new().name("journal-snapshot".into());
        match thread.spawn(move || make_snapshot(&folder, head, ended_max)) {
            Ok(beside) => self.beside = Some(beside),
            Err(error) => tracing::warn!(%error, "no thread for a snapshot of the journal"),
        }
    }

    /// Until the one that is being made is there.
    pub(super) fn wait(&mut self) {
        if let Some(beside) = self.beside.take()
            && beside.join().is_err()
        {
            tracing::error!("the snapshot thread panicked");
        }
    }
}

fn make_snapshot(folder: &Path, head: Chain, ended_max: usize) {
    let sequence = head.sequence;
    match write_snapshot(folder, head, ended_max) {
        Ok(()) => tracing::info!(event = "snapshot", sequence, "a snapshot of the journal"),
        Err(error) => {
            tracing::error!(event = "snapshot_failed", sequence, %error, "no snapshot of the journal; the next start replays more");
        }
    }
}
