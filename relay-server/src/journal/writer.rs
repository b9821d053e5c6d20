//! The one thread that writes: gathers records, writes them at once, makes them durable with one
//! fsync, then acknowledges. After an error it refuses everything until it is reopened.
//!
//! Snapshots and checkpoints are made beside it: they cost an append no more than the start of a
//! thread at each rotation and a lock for each group.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, oneshot, watch};
use vrs_domain::limit;

use super::beside::Snapshots;
use super::disk::{Disk, SegmentFile};
use super::frame;
use super::handle::{AppendError, Health};
use super::options::{Options, Rotation, WallClock};
use super::publish::Publisher;
use super::record::{Entry, Record};
use super::scan::{Chain, JournalError, Last, Scan, scan_end, segment_name};

/// Entries that may wait in memory for a disk that failed.
const KEPT_MAX: usize = 100_000;
/// Most records of one group.
const GROUP_RECORDS_MAX: usize = 512;

/// What others ask of the writer.
#[derive(Debug)]
pub(super) enum Request {
    Append {
        entry: Entry,
        keep: bool,
        done: oneshot::Sender<Result<u64, AppendError>>,
    },
    Reopen {
        done: oneshot::Sender<Result<(), AppendError>>,
    },
}

/// All that waits, up to one group: one fsync is for all of it.
fn gather(first: Request, requests: &mut mpsc::Receiver<Request>) -> Vec<Request> {
    let mut group = vec![first];
    while group.len() < GROUP_RECORDS_MAX
        && let Ok(next) = requests.try_recv()
    {
        group.push(next);
    }
    group
}

/// The writer, before and while it runs.
pub(super) struct Writer {
    folder: PathBuf,
    disk: Box<dyn Disk>,
    rotation: Rotation,
    wall: WallClock,
    /// Up to here everything is acknowledged.
    chain: Chain,
    segment: Option<Box<dyn SegmentFile>>,
    /// The segment being written and its acknowledged length; kept through failures.
    position: Option<Last>,
    /// A segment was to be begun and may be half there: the next record goes nowhere else.
    rotating: bool,
    /// What came while the disk failed, in order.
    kept: VecDeque<Entry>,
    snapshots: Option<Snapshots>,
    publisher: Option<Publisher>,
}

struct Append {
    entry: Entry,
    keep: bool,
    done: oneshot::Sender<Result<u64, AppendError>>,
}

struct Waiting {
    sequence: u64,
    append: Append,
}

impl Writer {
    /// Stands at the end of the journal that `scan` found in `folder`, ready to run. `snapshot` is
    /// the record of the newest snapshot that can be used.
    ///
    /// # Errors
    /// When the last segment cannot be opened or the first one made, or there is no thread.
    pub(super) fn begin(
        folder: &Path,
        options: Options,
        scan: Scan,
        snapshot: Option<u64>,
    ) -> Result<Self, JournalError> {
        let (at, host) = (snapshot.unwrap_or_default(), options.host);
        let snapshots = options.snapshots.map(|max| Snapshots::new(max, at, host));
        let mut writer = Self {
            folder: folder.to_owned(),
            disk: options.disk,
            rotation: options.rotation,
            wall: options.wall,
            chain: scan.chain,
            segment: None,
            position: scan.last,
            rotating: false,
            kept: VecDeque::new(),
            snapshots,
            publisher: None,
        };
        writer.date_segment();
        let opened = writer.continue_segment();
        opened.map_err(JournalError::io(folder))?;
        if let Some(publishing) = options.checkpoint {
            let wall = WallClock::clone(&writer.wall);
            let publisher = Publisher::start(publishing, wall, writer.chain);
            writer.publisher = Some(publisher.map_err(JournalError::Thread)?);
        }
        Ok(writer)
    }

    pub(super) fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        health: &watch::Sender<Health>,
    ) {
        while let Some(first) = requests.blocking_recv() {
            std::thread::sleep(limit::JOURNAL_GROUP_COMMIT);
            self.serve(gather(first, &mut requests), health);
        }
        self.stop();
    }

    pub(super) async fn run_as_task(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        health: watch::Sender<Health>,
    ) {
        while let Some(first) = requests.recv().await {
            tokio::time::sleep(limit::JOURNAL_GROUP_COMMIT).await;
            self.serve(gather(first, &mut requests), &health);
        }
        self.stop();
    }

    /// A clean stop: everything is written; the next start has nothing to replay.
    fn stop(mut self) {
        // Sets the last head, waits for it, and only then may the process end.
        drop(self.publisher.take());
        if let Some(snapshots) = &mut self.snapshots {
            snapshots.wait();
            snapshots.begin(&self.folder, self.chain);
            snapshots.wait();
        }
    }

    fn serve(&mut self, group: Vec<Request>, health: &watch::Sender<Health>) {
        let mut appends = Vec::with_capacity(group.len());
        for request in group {
            match request {
                Request::Append { entry, keep, done } => appends.push(Append { entry, keep, done }),
                Request::Reopen { done } => {
                    // Order is kept: what was asked before is answered before.
                    self.commit(std::mem::take(&mut appends), health);
                    self.answer_reopen(done, health);
                }
            }
        }
        self.commit(appends, health);
    }

    fn commit(&mut self, appends: Vec<Append>, health: &watch::Sender<Health>) {
        if appends.is_empty() {
            return;
        }
        let mut bytes = Vec::with_capacity(appends.len() * 512);
        let mut chain = self.chain;
        let mut waiting = Vec::with_capacity(appends.len());
        for append in appends {
            match chain.link(&append.entry, &mut bytes) {
                Ok(next) => {
                    chain = next;
                    let sequence = chain.sequence;
                    waiting.push(Waiting { sequence, append });
                }
                Err(length) => answer(append.done, Err(AppendError::TooLarge(length))),
            }
        }
        let failed = Health::clone(&health.borrow());
        let outcome = match failed {
            Health::Failed(cause) => Err(cause),
            Health::Working => self.write(&bytes).map_err(|error| error.to_string()),
        };
        match outcome {
            Ok(rotated) => {
                self.chain = chain;
                if let Some(publisher) = &self.publisher {
                    publisher.set(chain, rotated);
                }
                for Waiting { sequence, append } in waiting {
                    answer(append.done, Ok(sequence));
                }
            }
            Err(cause) => {
                if health.send_if_modified(|h| {
                    std::mem::replace(h, Health::Failed(cause.clone())) == Health::Working
                }) {
                    tracing::error!(event = "journal_failed", %cause, "the journal cannot be written; new calls are refused");
                }
                for Waiting { append, .. } in waiting {
                    let error = self.keep(append.entry, append.keep, &cause);
                    answer(append.done, Err(error));
                }
            }
        }
    }

    fn keep(&mut self, entry: Entry, keep: bool, cause: &str) -> AppendError {
        if keep && self.kept.len() < KEPT_MAX {
            self.kept.push_back(entry);
            AppendError::Kept(cause.to_owned())
        } else {
            AppendError::Failed(cause.to_owned())
        }
    }

    /// Makes `bytes` durable; tells whether a segment was begun for them.
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<bool> {
        let now_s = self.now_s();
        let rotates = self
            .position
            .as_ref()
            .is_none_or(|l| self.rotation.is_due(l.length, l.begun_s, now_s));
        let rotates = self.rotating || rotates;
        if rotates {
            self.rotating = true;
            self.begin_segment()?;
            self.rotating = false;
            if let Some(snapshots) = &mut self.snapshots {
                snapshots.begin(&self.folder, self.chain);
            }
        }
        let (Some(segment), Some(last)) = (&mut self.segment, &mut self.position) else {
            return Err(std::io::Error::other("no segment is open"));
        };
        segment.append(bytes)?;
        segment.sync()?;
        last.length = last.length.saturating_add(bytes.len() as u64);
        Ok(rotates)
    }

    fn now_s(&self) -> u32 {
        u32::try_from((self.wall)() / 1000).unwrap_or(u32::MAX)
    }

    /// A segment of which nobody knows when it was begun is taken to begin now.
    fn date_segment(&mut self) {
        let now_s = self.now_s();
        if let Some(last) = &mut self.position
            && last.begun_s == 0
        {
            last.begun_s = now_s;
        }
    }

    /// Opens the segment at its acknowledged length, cutting whatever follows.
    fn continue_segment(&mut self) -> std::io::Result<()> {
        self.segment = None;
        match &self.position {
            Some(Last { path, length, .. }) if *length >= frame::HEADER_BYTES as u64 => {
                self.segment = Some(self.disk.open(path, *length)?);
                Ok(())
            }
            Some(_) | None => self.begin_segment(),
        }
    }

    /// Begins the segment after the chain's last record. One whose header never got whole has the
    /// very same name and is begun anew.
    fn begin_segment(&mut self) -> std::io::Result<()> {
        let first = self.chain.sequence.saturating_add(1);
        let begun_s = self.now_s();
        let path = self.folder.join(segment_name(first));
        let mut file = self.disk.open(&path, 0)?;
        file.append(&frame::encode_header(first, &self.chain.hash, begun_s))?;
        file.sync()?;
        self.segment = Some(file);
        self.position = Some(Last {
            path,
            length: frame::HEADER_BYTES as u64,
            begun_s,
        });
        Ok(())
    }

    fn answer_reopen(
        &mut self,
        done: oneshot::Sender<Result<(), AppendError>>,
        health: &watch::Sender<Health>,
    ) {
        let outcome = self.reopen();
        match &outcome {
            Ok(()) => {
                health.send_replace(Health::Working);
                tracing::info!(
                    event = "journal_reopened",
                    records = self.chain.sequence,
                    "the journal works again"
                );
            }
            Err(cause) => {
                health.send_replace(Health::Failed(cause.clone()));
            }
        }
        // Nobody waits any more when the asking task has gone.
        done.send(outcome.map_err(AppendError::Failed))
            .unwrap_or_default();
    }

    /// Cuts what was written but never acknowledged, then checks that the segment being written is
    /// whole. Those before it are not being written, and while the disk is full this is done every
    /// few seconds with everybody waiting.
    fn reopen(&mut self) -> Result<(), String> {
        self.continue_segment().map_err(|e| e.to_string())?;
        let Some(Last { path, .. }) = &self.position else {
            return Err("no segment is open".into());
        };
        let scan = scan_end(&self.folder, path).map_err(|e| e.to_string())?;
        if scan.chain != self.chain {
            return Err("the files no longer hold what was acknowledged".into());
        }
        let mut bytes = Vec::new();
        let mut chain = self.chain;
        for entry in &self.kept {
            // One that is too large was refused, and is not among them.
            chain = chain
                .link(entry, &mut bytes)
                .map_err(|length| format!("{length} bytes"))?;
        }
        if !bytes.is_empty() {
            self.write(&bytes).map_err(|e| e.to_string())?;
        }
        self.chain = chain;
        if let Some(publisher) = &self.publisher {
            publisher.set(chain, false);
        }
        self.kept.clear();
        Ok(())
    }
}

impl Chain {
    /// Encodes an entry as the next record; gives the chain after it, or the entry's length when
    /// that is too large.
    fn link(self, entry: &Entry, bytes: &mut Vec<u8>) -> Result<Self, usize> {
        let record = Record {
            sequence: self.sequence.saturating_add(1),
            entry: entry.clone(),
        };
        // Strings and numbers always serialise.
        let payload = serde_json::to_vec(&record).unwrap_or_default();
        let sequence = record.sequence;
        match frame::encode(bytes, &self.hash, sequence, &payload) {
            Some(hash) => Ok(Self { sequence, hash }),
            None => Err(payload.len()),
        }
    }
}

/// The asking task may have gone; the record stands all the same.
fn answer(done: oneshot::Sender<Result<u64, AppendError>>, outcome: Result<u64, AppendError>) {
    done.send(outcome).map_or_else(drop, |()| ());
}
