//! The open journal as others see it: appends, health, reopening.

use std::fs;
use std::path::Path;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};
use vrs_domain::limit;

use super::disk::Disk;
use super::options::{Options, Rotation};
use super::publish::Earlier;
use super::record::{Entry, Record};
use super::recover::recover;
use super::scan::{JournalError, TornTail};
use super::snapshot::Ignored;
use super::writer::{Request, Writer};

/// Appends that may wait for the writer; past it the asking task waits (the journal never drops).
const APPENDS_WAITING_MAX: usize = 1024;

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

/// What the writer runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A thread of its own: the disk may take its time.
    Thread,
    /// A task of the current runtime, in its time: for disks that do not block.
    Task,
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
            torn: scan.torn.clone(),
            snapshot: recovered.snapshot,
            ignored: recovered.ignored,
            contradiction,
        };
        let host = options.host;
        let writer = Writer::begin(folder, options, scan, recovered.snapshot)?;
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
