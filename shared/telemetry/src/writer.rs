//! Writes log lines on a thread of its own, so that a blocked terminal or disk never stops a call.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for the disk or terminal; past it lines are dropped and counted.
const LINES_WAITING_MAX: usize = 8192;
/// How long the end of the program waits for the last lines.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

enum Item {
    Line(Vec<u8>),
    End(SyncSender<()>),
}

/// Hands finished lines to the writing thread; never blocks.
#[derive(Clone)]
pub(crate) struct LineQueue {
    queue: SyncSender<Item>,
    dropped: Arc<AtomicU64>,
}

/// Flushes what waits when dropped.
pub(crate) struct Flusher {
    queue: SyncSender<Item>,
    thread: Option<JoinHandle<()>>,
}

/// Starts the writing thread over `target`.
pub(crate) fn start(target: Box<dyn Write + Send>) -> io::Result<(LineQueue, Flusher)> {
    let (queue, lines) = sync_channel(LINES_WAITING_MAX);
    let dropped = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&dropped);
    let thread = std::thread::Builder::new()
        .name("log-writer".into())
        .spawn(move || write_lines(&lines, target, &counter))?;
    Ok((
        LineQueue {
            queue: queue.clone(),
            dropped,
        },
        Flusher {
            queue,
            thread: Some(thread),
        },
    ))
}

fn write_lines(lines: &Receiver<Item>, mut target: Box<dyn Write + Send>, dropped: &AtomicU64) {
    while let Ok(item) = lines.recv() {
        match item {
            Item::Line(line) => {
                // There is nowhere left to report a log that cannot be written: count it as dropped.
                if target.write_all(&line).is_err() {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
                let lost = dropped.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    let note = format!("{{\"level\":\"WARN\",\"lines_dropped\":{lost}}}\n");
                    if target.write_all(note.as_bytes()).is_err() {
                        dropped.fetch_add(lost, Ordering::Relaxed);
                    }
                }
            }
            Item::End(done) => {
                // Same as above: a failing flush has no other place to go.
                drop(target.flush());
                done.send(()).unwrap_or_default();
                return;
            }
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        let (done, finished) = sync_channel(1);
        if self.queue.try_send(Item::End(done)).is_ok()
            && finished.recv_timeout(FLUSH_PATIENCE).is_ok()
            && let Some(thread) = self.thread.take()
        {
            drop(thread.join());
        }
    }
}

impl<'a> MakeWriter<'a> for LineQueue {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            target: self.clone(),
            bytes: Vec::with_capacity(256),
        }
    }
}

/// One line being composed; sent as a whole when dropped.
pub(crate) struct Line {
    target: LineQueue,
    bytes: Vec<u8>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let line = std::mem::take(&mut self.bytes);
        match self.target.queue.try_send(Item::Line(line)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.target.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::sync_channel;
    use std::time::Instant;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_whole_and_flushed_at_the_end() {
        let shared = Shared::default();
        let (queue, flusher) = start(Box::new(shared.clone())).unwrap();
        for i in 0..100 {
            let mut line = queue.make_writer();
            write!(line, "line {i}").unwrap();
            writeln!(line, " end").unwrap();
        }
        drop(flusher);
        let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 100);
        assert!(
            text.lines()
                .all(|l| l.starts_with("line ") && l.ends_with(" end"))
        );
    }

    struct Blocked(std::sync::mpsc::Receiver<()>);

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Ends when the test drops its sender.
            self.0.recv().unwrap_or_default();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn r28_a_blocked_log_never_blocks_the_writer_of_a_line() {
        let (release, gate) = sync_channel(0);
        let (queue, flusher) = start(Box::new(Blocked(gate))).unwrap();
        let start = Instant::now();
        for _ in 0..LINES_WAITING_MAX + 100 {
            writeln!(queue.make_writer(), "x").unwrap();
        }
        assert!(start.elapsed() < Duration::from_secs(2));
        assert!(queue.dropped.load(Ordering::Relaxed) >= 99);
        drop(release);
        drop(flusher);
    }
}
