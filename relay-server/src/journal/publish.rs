//! Publishes the head: a thread of its own, so that a slow place never holds a record up.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, CheckpointError, Standing, utc};
use super::frame::Hash;
use super::note::Signer;
use super::options::WallClock;
use super::scan::Chain;
use super::whole;

/// Where, how often and by whom the head is published.
#[derive(Debug)]
pub struct Publishing {
    /// The file that always holds the newest checkpoint.
    pub file: PathBuf,
    /// A head that changes is published at most this often; starts, stops and rotations always.
    pub every: Duration,
    /// Who signs.
    pub signer: Signer,
}

/// The checkpoint that was published last, before a journal is opened.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    file: PathBuf,
    pub(super) checkpoint: Option<Checkpoint>,
    unusable: Option<CheckpointError>,
    /// A part of a file name.
    now: String,
}

impl Earlier {
    /// Reads what is at the place of publication, if anything is.
    pub(super) fn read(publishing: &Publishing, wall: &WallClock) -> Self {
        let file = publishing.file.clone();
        let read = Checkpoint::read(&file, publishing.signer.verifier());
        let (checkpoint, unusable) = match read {
            Ok(checkpoint) => (Some(checkpoint), None),
            Err(CheckpointError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => {
                (None, None)
            }
            Err(error) => (None, Some(error)),
        };
        Self {
            file,
            checkpoint,
            unusable,
            now: utc(wall()).replace(':', ""),
        }
    }

    /// What it says against a journal that ends at `end`, in which its record has the hash `there`.
    /// It is then kept under another name: the next one would replace it.
    pub(super) fn contradiction(&self, there: Option<Hash>, end: Chain) -> Option<String> {
        let said = match (&self.checkpoint, &self.unusable) {
            (None, None) => return None,
            (_, Some(error)) => format!("the last checkpoint cannot be used: {error}"),
            (Some(checkpoint), None) => match checkpoint.standing(there, end) {
                Standing::Holds => return None,
                standing @ (Standing::Cut { .. } | Standing::Rewritten) => {
                    checkpoint.describe(standing).to_string()
                }
            },
        };
        let mut name = self.file.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-contradicts-{}.txt", self.now));
        let aside = self.file.with_file_name(name);
        Some(match std::fs::rename(&self.file, &aside) {
            Ok(()) => format!("{said} (kept as {})", aside.display()),
            Err(error) => format!("{said} (it could not be kept: {error})"),
        })
    }
}

#[derive(Debug, Default)]
struct Desk {
    head: Chain,
    urgent: bool,
    closing: bool,
}

#[derive(Debug, Default)]
struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
}

impl Shared {
    /// A panicking thread cannot leave a desk half written.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running thread; dropping it publishes the last head and waits for that.
#[derive(Debug)]
pub(super) struct Publisher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Publishes `head` at once, then whatever [`Publisher::set`] says.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn start(
        publishing: Publishing,
        wall: WallClock,
        head: Chain,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        *shared.desk() = Desk {
            head,
            urgent: true,
            closing: false,
        };
        let desk = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || run(&desk, &publishing, &wall))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// The journal's head now is `head`; when `urgent`, it is published without waiting.
    pub(super) fn set(&self, head: Chain, urgent: bool) {
        let mut desk = self.shared.desk();
        desk.head = head;
        desk.urgent |= urgent;
        drop(desk);
        self.shared.changed.notify_one();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.shared.desk().closing = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread panicked");
        }
    }
}

/// When the next checkpoint is due. Time is that since the thread began.
#[derive(Debug, Default)]
struct Schedule {
    every: Duration,
    /// What was published last, and when it was tried last.
    published: Option<Chain>,
    tried: Option<Duration>,
}

impl Schedule {
    /// How long to wait; `None`: until something changes.
    fn wait(&self, now: Duration, desk: &Desk) -> Option<Duration> {
        let fresh = self.published != Some(desk.head);
        match self.tried {
            _ if !fresh => None,
            _ if desk.urgent || desk.closing => Some(Duration::ZERO),
            None => Some(Duration::ZERO),
            Some(tried) => Some((tried + self.every).saturating_sub(now)),
        }
    }
}

fn run(shared: &Shared, publishing: &Publishing, wall: &WallClock) {
    let began = Instant::now();
    let mut schedule = Schedule {
        every: publishing.every,
        ..Schedule::default()
    };
    loop {
        let mut desk = shared.desk();
        loop {
            let closing = desk.closing;
            match schedule.wait(began.elapsed(), &desk) {
                Some(Duration::ZERO) => break,
                None if closing => return,
                None => {
                    desk = shared
                        .changed
                        .wait(desk)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                Some(wait) => {
                    let woken = shared.changed.wait_timeout(desk, wait);
                    desk = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        let (head, closing) = (desk.head, desk.closing);
        desk.urgent = false;
        drop(desk);
        schedule.tried = Some(began.elapsed());
        if publish(publishing, wall, head) {
            schedule.published = Some(head);
        } else if closing {
            return;
        }
    }
}

/// Whether it worked; a failure is tried again when the next one is due.
fn publish(publishing: &Publishing, wall: &WallClock, head: Chain) -> bool {
    let note = Checkpoint::sign(&publishing.signer, head, wall());
    let sequence = head.sequence;
    match whole::replace(&publishing.file, note.as_bytes(), true) {
        Ok(()) => {
            let head = hex::encode(head.hash);
            tracing::info!(event = "checkpoint", sequence, head, "the journal's head");
            true
        }
        Err(error) => {
            let file = publishing.file.display();
            tracing::error!(event = "checkpoint_failed", sequence, %file, %error, "the journal's head cannot be published");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn desk(sequence: u64, urgent: bool) -> Desk {
        let hash = [0; 32];
        Desk {
            head: Chain { sequence, hash },
            urgent,
            closing: false,
        }
    }

    #[test]
    fn a_head_that_changes_is_published_at_most_once_a_minute_and_an_urgent_one_at_once() {
        let mut schedule = Schedule {
            every: 60 * SECOND,
            ..Schedule::default()
        };
        assert_eq!(schedule.wait(SECOND, &desk(0, false)), Some(Duration::ZERO));
        schedule.tried = Some(SECOND);
        schedule.published = Some(desk(0, false).head);
        assert_eq!(schedule.wait(2 * SECOND, &desk(0, true)), None);
        assert_eq!(
            schedule.wait(2 * SECOND, &desk(1, false)),
            Some(59 * SECOND)
        );
        assert_eq!(
            schedule.wait(2 * SECOND, &desk(1, true)),
            Some(Duration::ZERO)
        );
        assert_eq!(
            schedule.wait(99 * SECOND, &desk(1, false)),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn a_place_that_cannot_be_written_holds_nobody_up_and_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("away").join("checkpoint.txt");
        let publishing = Publishing {
            file: file.clone(),
            every: SECOND,
            signer: Signer::generate("relay.test/journal").unwrap(),
        };
        let wall: WallClock = Arc::new(|| 0);
        let publisher = Publisher::start(publishing, wall, desk(1, false).head).unwrap();
        publisher.set(desk(2, false).head, true);
        std::fs::create_dir(folder.path().join("away")).unwrap();
        publisher.set(desk(3, false).head, false);
        drop(publisher);
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(text.lines().nth(1), Some("3"));
    }
}
