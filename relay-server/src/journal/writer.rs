//! The one thread that writes: gathers records, writes them at once, makes them durable with one
//! fsync, then acknowledges. After an error it refuses everything until it is reopened.
//!
//! Snapshots and checkpoints are made beside it: they cost an append no more than the start of a
//! thread at each rotation and a lock for each group.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};
use vrs_domain::limit;

use super::disk::{Disk, SegmentFile};
use super::frame;
use super::keep::write_snapshot;
use super::options::{Options, Rotation, WallClock};
use super::publish::{Earlier, Publisher};
use super::record::{Entry, Record};
use super::recover::recover;
use super::scan::{Chain, JournalError, Last, TornTail, scan, segment_name};
use super::snapshot::Ignored;

/// Appends that may wait for the writer; past it the asking task waits (the journal never drops).
const APPENDS_WAITING_MAX: usize = 1024;
/// Entries that may wait in memory for a disk that failed.
const KEPT_MAX: usize = 100_000;
/// Most records of one group.
const GROUP_RECORDS_MAX: usize = 512;

/// Why a record was not written. Nothing new may begin that depends on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The disk failed, now or earlier; see [`Journal::reopen`].
    #[error("the journal cannot be written: {0}")]
    Failed(String),
    /// The disk failed, and the entry waits for it in memory, in order: only a crash before it
    /// works again can lose it.
    #[error("the journal cannot be written; the record waits: {0}")]
    Kept(String),
    /// The record is larger than a record may be.
    #[error("a journal record of {0} bytes is larger than {max} bytes", max = limit::JOURNAL_RECORD_BYTES_MAX)]
    TooLarge(usize),
    /// The journal is closing.
    #[error("the journal is closed")]
    Closed,
}

/// Whether the journal can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It can.
    Working,
    /// It cannot, because of this; new calls must be refused.
    Failed(String),
}

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Records in the journal.
    pub records: u64,
    /// An unfinished record that was cut off, if any; tell the operator.
    pub torn: Option<TornTail>,
    /// The record of the snapshot that saved replaying what was before it.
    pub snapshot: Option<u64>,
    /// Snapshots that were not used; tell the operator.
    pub ignored: Vec<Ignored>,
    /// What the checkpoint that was published last says against this journal, or why it cannot be
    /// used, and where it was put aside; tell the operator.
    pub contradiction: Option<String>,
}

/// The open journal. Share it in an `Arc`; dropping it writes what waits and ends the thread.
#[derive(Debug)]
pub struct Journal {
    queue: Option<mpsc::Sender<Request>>,
    health: watch::Receiver<Health>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Request {
    Append {
        entry: Entry,
        keep: bool,
        done: oneshot::Sender<Result<u64, AppendError>>,
    },
    Reopen {
        done: oneshot::Sender<Result<(), AppendError>>,
    },
}

impl Journal {
    /// Opens the journal in `folder` (made when missing): checks every byte, shows every record to
    /// `visit`, cuts a torn tail, starts the writer. Blocks; take [`super::DataLock`] first.
    ///
    /// # Errors
    /// When anything but the tail is damaged (nothing is changed then), or the disk fails.
    pub fn open(folder: &Path, visit: impl FnMut(Record)) -> Result<(Self, Opened), JournalError> {
        Self::open_with(folder, Options::default(), visit)
    }

    /// As [`Journal::open`], on a disk that may fail and with segments of another length.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_on(
        folder: &Path,
        visit: impl FnMut(Record),
        disk: impl Disk,
        segment_bytes_max: u64,
        host: Host,
    ) -> Result<(Self, Opened), JournalError> {
        let options = Options {
            disk: Box::new(disk),
            host,
            rotation: Rotation {
                bytes_max: segment_bytes_max,
                age_max: None,
            },
            ..Options::default()
        };
        Self::open_with(folder, options, visit)
    }

    /// As [`Journal::open`], in the way that `options` say. With snapshots, `visit` is shown only
    /// the records that a good one holds and all after it; the chain is checked all the same.
    ///
    /// # Errors
    /// As [`Journal::open`]; a damaged snapshot is none, and neither is a checkpoint that cannot be
    /// published.
    pub fn open_with(
        folder: &Path,
        options: Options,
        mut visit: impl FnMut(Record),
    ) -> Result<(Self, Opened), JournalError> {
        fs::create_dir_all(folder).map_err(JournalError::io(folder))?;
        let earlier = match &options.checkpoint {
            Some(publishing) => Earlier::read(publishing, &options.wall),
            None => Earlier::default(),
        };
        let ask = earlier.checkpoint.as_ref().map(|c| c.head.sequence);
        let use_snapshots = options.snapshots.is_some();
        let recovered = recover(folder, use_snapshots, ask, &mut visit)?;
        let scan = recovered.scan;
        let contradiction = earlier.contradiction(recovered.asked, scan.chain);
        let opened = Opened {
            records: scan.chain.sequence,
            torn: scan.torn,
            snapshot: recovered.snapshot,
            ignored: recovered.ignored,
            contradiction,
        };
        let host = options.host;
        let mut writer = Writer {
            folder: folder.to_owned(),
            disk: options.disk,
            rotation: options.rotation,
            wall: options.wall,
            chain: scan.chain,
            segment: None,
            position: scan.last,
            rotating: false,
            kept: VecDeque::new(),
            snapshots: options.snapshots.map(|ended_max| Snapshots {
                ended_max,
                at: recovered.snapshot.unwrap_or_default(),
                beside: None,
                host,
            }),
            publisher: None,
        };
        writer.date_segment();
        writer
            .continue_segment()
            .map_err(JournalError::io(folder))?;
        if let Some(publishing) = options.checkpoint {
            let wall = writer.wall.clone();
            let publisher = Publisher::start(publishing, wall, writer.chain);
            writer.publisher = Some(publisher.map_err(JournalError::Thread)?);
        }
        Self::start(writer, host).map(|journal| (journal, opened))
    }

    fn start(writer: Writer, host: Host) -> Result<Self, JournalError> {
        let (queue, requests) = mpsc::channel(APPENDS_WAITING_MAX);
        let (tell, health) = watch::channel(Health::Working);
        let thread = match host {
            Host::Thread => {
                let thread = std::thread::Builder::new().name("journal".into());
                let running = thread.spawn(move || writer.run(requests, &tell));
                Some(running.map_err(JournalError::Thread)?)
            }
            Host::Task => {
                tokio::spawn(writer.run_as_task(requests, tell));
                None
            }
        };
        Ok(Self {
            queue: Some(queue),
            health,
            thread,
        })
    }

    /// Writes an entry; returns its number once it is on the medium. Entries of one task keep their
    /// order. Dropping the future does not take the entry back.
    ///
    /// # Errors
    /// When it is not durable; then nothing that depends on it may happen.
    pub async fn append(&self, entry: Entry) -> Result<u64, AppendError> {
        self.ask(entry, false).await
    }

    /// Like [`Journal::append`], for what cannot be refused any more: while the disk fails the
    /// entry is kept, and written before anything else when it works again (R03).
    ///
    /// # Errors
    /// [`AppendError::Kept`] when it waits, others as for [`Journal::append`].
    pub async fn append_or_keep(&self, entry: Entry) -> Result<u64, AppendError> {
        self.ask(entry, true).await
    }

    async fn ask(&self, entry: Entry, keep: bool) -> Result<u64, AppendError> {
        let (done, answer) = oneshot::channel();
        self.send(Request::Append { entry, keep, done }).await?;
        answer.await.unwrap_or(Err(AppendError::Closed))
    }

    /// Like [`Journal::append`], for threads outside the runtime.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_blocking(&self, entry: Entry) -> Result<u64, AppendError> {
        let (done, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(AppendError::Closed)?;
        queue
            .blocking_send(Request::Append {
                entry,
                keep: false,
                done,
            })
            .map_err(|_| AppendError::Closed)?;
        answer.blocking_recv().unwrap_or(Err(AppendError::Closed))
    }

    /// Tries to work again after a failure (the disk has room again): checks the files, cuts what
    /// was never acknowledged, goes on.
    ///
    /// # Errors
    /// When it still fails; it may be tried again.
    pub async fn reopen(&self) -> Result<(), AppendError> {
        let (done, answer) = oneshot::channel();
        self.send(Request::Reopen { done }).await?;
        answer.await.unwrap_or(Err(AppendError::Closed))
    }

    /// Whether it can be written, and every change of that.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Writes what waits and ends the writer. Blocks for as long as the disk does.
    pub fn close(mut self) {
        self.finish();
    }

    async fn send(&self, request: Request) -> Result<(), AppendError> {
        let queue = self.queue.as_ref().ok_or(AppendError::Closed)?;
        queue.send(request).await.map_err(|_| AppendError::Closed)
    }

    fn finish(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the journal writer panicked");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.finish();
    }
}

/// What the writer runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A thread of its own: the disk may take its time.
    Thread,
    /// A task of the current runtime, in its time: for disks that do not block.
    Task,
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

/// Snapshots are made by a thread of their own, one at a time.
struct Snapshots {
    ended_max: usize,
    /// The record of the last one that was begun.
    at: u64,
    beside: Option<JoinHandle<()>>,
    host: Host,
}

impl Snapshots {
    /// Begins one at `head`, beside the writer; while another is being made, the next rotation will.
    fn begin(&mut self, folder: &Path, head: Chain) {
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

    fn wait(&mut self) {
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

struct Writer {
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
    fn run(mut self, mut requests: mpsc::Receiver<Request>, health: &watch::Sender<Health>) {
        while let Some(first) = requests.blocking_recv() {
            std::thread::sleep(limit::JOURNAL_GROUP_COMMIT);
            self.serve(gather(first, &mut requests), health);
        }
        self.stop();
    }

    async fn run_as_task(
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

    /// Cuts what was written but never acknowledged, then checks that the rest is whole.
    fn reopen(&mut self) -> Result<(), String> {
        self.continue_segment().map_err(|e| e.to_string())?;
        let scan =
            scan(&self.folder, &mut |_| Ok::<_, JournalError>(())).map_err(|e| e.to_string())?;
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
