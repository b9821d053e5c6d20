//! Child processes that end with the test, and whose output can be waited for.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of output kept for error messages.
const LINES_KEPT: usize = 400;
/// A program has this long to say what is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The built binary `name`, beside the test's own.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.ancestors().find(|folder| folder.join(name).is_file());
    let folder = folder
        .unwrap_or_else(|| panic!("{name} is not built: run `cargo build --workspace` first"));
    folder.join(name)
}

#[derive(Default)]
struct Output {
    lines: Mutex<VecDeque<String>>,
    grown: Condvar,
}

impl Output {
    fn follow(self: &Arc<Self>, source: impl Read + Send + 'static) {
        let output = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                let mut lines = output.lines.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() == LINES_KEPT {
                    lines.pop_front();
                }
                lines.push_back(line);
                output.grown.notify_all();
            }
        });
    }
}

/// A running program; killed when dropped.
pub struct Program {
    name: String,
    child: Child,
    output: Arc<Output>,
}

impl Program {
    /// Starts it with its output captured.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let output = Arc::new(Output::default());
        output.follow(child.stdout.take().expect("stdout is piped"));
        output.follow(child.stderr.take().expect("stderr is piped"));
        Self {
            name: name.to_owned(),
            child,
            output,
        }
    }

    /// Waits for a line that contains `text`, said already or yet to come; returns it.
    ///
    /// # Panics
    /// When it does not come in time.
    #[must_use]
    pub fn line(&self, text: &str) -> String {
        self.find(&format!("'{text}'"), |line| {
            line.contains(text).then(|| line.to_owned())
        })
    }

    /// Waits for a line that `pick` takes, said already or yet to come.
    ///
    /// # Panics
    /// When it does not come in time.
    pub fn find<T>(&self, what: &str, mut pick: impl FnMut(&str) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        let mut lines = self
            .output
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(picked) = lines.iter().find_map(|line| pick(line)) {
                return picked;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let said = lines
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join("\n");
                panic!("{} never said {what}; it said:\n{said}", self.name);
            }
            lines = self
                .output
                .grown
                .wait_timeout(lines, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Writes a line to its standard input.
    ///
    /// # Panics
    /// When it reads no more.
    pub fn say(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("stdin is piped");
        writeln!(input, "{line}")
            .unwrap_or_else(|error| panic!("{} reads no more: {error}", self.name));
    }

    /// Everything it said, the oldest lines cut.
    #[must_use]
    pub fn said(&self) -> String {
        let lines = self
            .output
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// How many UDP sockets it has open.
    #[must_use]
    pub fn udp_sockets(&self) -> usize {
        let process = format!("/proc/{}", self.child.id());
        let tables = ["udp", "udp6"].map(|table| {
            let table = format!("{process}/net/{table}");
            std::fs::read_to_string(table).unwrap_or_default()
        });
        let lines = tables.iter().flat_map(|table| table.lines().skip(1));
        let inodes = lines.filter_map(|line| line.split_whitespace().nth(9));
        let sockets: BTreeSet<String> = inodes.map(|inode| format!("socket:[{inode}]")).collect();
        let open = std::fs::read_dir(format!("{process}/fd")).expect("its files");
        let links = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        let udp = links.filter(|link| sockets.contains(link.to_string_lossy().as_ref()));
        udp.count()
    }

    /// Waits until it has so many UDP sockets open.
    ///
    /// # Panics
    /// When that never is.
    pub fn comes_to_udp_sockets(&self, count: usize) {
        let end = Instant::now() + PATIENCE;
        loop {
            let open = self.udp_sockets();
            if open == count {
                return;
            }
            assert!(Instant::now() < end, "{open} sockets are open, not {count}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to end (SIGTERM) and waits.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn terminate(&mut self) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill works");
        self.exit();
    }

    /// Waits until it ends by itself with exit code 0.
    ///
    /// # Panics
    /// When it does not, or with another code.
    pub fn succeeds(&mut self) {
        let status = self.exit();
        assert!(status.success(), "{}: {status}", self.name);
    }

    fn exit(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().ok().flatten() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{} does not end; it said:\n{}", self.name, self.said());
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- {} said:\n{}\n----", self.name, self.said());
        }
    }
}
