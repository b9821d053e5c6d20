//! Programs that we start and always end: on success, on failure, on Ctrl-C and when this program
//! itself is killed.
//!
//! Every program is announced to a [`Reaper`], a second copy of this binary in its own process
//! group; when our end of its pipe closes, for whatever reason, it ends what is still running.

use std::fs::File;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;

/// How long a program may take to end when asked; after that it is killed.
const GRACE: Duration = Duration::from_secs(8);
/// How often a wait looks again.
const LOOK: Duration = Duration::from_millis(50);

/// Ends all announced programs when this process is gone.
pub(crate) struct Reaper {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Reaper {
    /// Starts the reaper.
    pub(crate) fn start() -> Result<Self, Failure> {
        let own = std::env::current_exe().map_err(|error| format!("our own path: {error}"))?;
        let mut command = Command::new(own);
        command.arg("reap").stdin(Stdio::piped());
        // Ctrl-C goes to the terminal's process group; the reaper must outlive it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command
            .spawn()
            .map_err(|error| format!("the reaper: {error}"))?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    /// Has `folder` removed when this process is gone.
    pub(crate) fn remove(&mut self, folder: &Path) {
        self.tell("remove", &folder.display().to_string());
    }

    /// Lets the folder stay after all.
    pub(crate) fn keep(&mut self) {
        self.tell("keep", "");
    }

    fn tell(&mut self, word: &str, what: &str) {
        if let Some(pipe) = &mut self.pipe {
            // Without a reaper the guards of this process still end everything.
            writeln!(pipe, "{word} {what}")
                .and_then(|()| pipe.flush())
                .ok();
        }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.pipe = None;
        self.child.wait().ok();
    }
}

/// The reaper's whole life: learns pids line by line, and at the end of input ends them.
pub(crate) fn reap(input: impl BufRead) -> Result<(), Failure> {
    let left = Left::read(input);
    for pid in &left.pids {
        signal(*pid, false);
    }
    let deadline = Instant::now() + GRACE;
    while left.pids.iter().any(|pid| alive(*pid)) && Instant::now() < deadline {
        std::thread::sleep(LOOK);
    }
    for pid in left.pids.into_iter().filter(|pid| alive(*pid)) {
        signal(pid, true);
    }
    match left.folder {
        Some(folder) if folder.exists() => std::fs::remove_dir_all(&folder)
            .map_err(|error| format!("{} is left: {error}", folder.display())),
        Some(_) | None => Ok(()),
    }
}

/// What is left to do when the input stops.
#[derive(Debug, Default, PartialEq)]
struct Left {
    /// Started and not ended.
    pids: Vec<u32>,
    /// To be removed.
    folder: Option<PathBuf>,
}

impl Left {
    fn read(input: impl BufRead) -> Self {
        let mut left = Self::default();
        for line in input.lines().map_while(Result::ok) {
            let Some((word, what)) = line.split_once(' ') else {
                continue;
            };
            match (word, what.parse::<u32>()) {
                ("started", Ok(pid)) => left.pids.push(pid),
                ("ended", Ok(pid)) => left.pids.retain(|known| *known != pid),
                ("remove", _) => left.folder = Some(PathBuf::from(what)),
                ("keep", _) => left.folder = None,
                _ => {}
            }
        }
        left
    }
}

/// Asks a process to end, or kills it. Rust's own library can only kill, and only children.
fn signal(pid: u32, kill: bool) {
    let mut command = if cfg!(windows) {
        let mut command = Command::new("taskkill");
        command.args(["/F", "/T", "/PID", &pid.to_string()]);
        command
    } else {
        let mut command = Command::new("sh");
        let name = if kill { "KILL" } else { "TERM" };
        command.args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()]);
        command
    };
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok();
}

fn alive(pid: u32) -> bool {
    !cfg!(windows)
        && Command::new("sh")
            .args(["-c", "kill -s 0 \"$0\"", &pid.to_string()])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}

/// A running program with its log in a file.
pub(crate) struct Program {
    name: String,
    child: Child,
    log: PathBuf,
    ended: bool,
}

impl Program {
    /// Starts `command`; both its streams go to `log`.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        log: &Path,
        reaper: &mut Reaper,
    ) -> Result<Self, Failure> {
        let file = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let both = file
            .try_clone()
            .map_err(|error| format!("{}: {error}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(both)
            .spawn()
            .map_err(|error| format!("{name} could not be started: {error}"))?;
        reaper.tell("started", &child.id().to_string());
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            ended: false,
        })
    }

    /// Waits until `ready` gives something, at most `limit`; fails early when the program ends.
    pub(crate) fn wait_until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut ready: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(found) = ready(&self.text()) {
                return Ok(found);
            }
            if self.has_ended() {
                return Err(self.explain(&format!("ended before {what}")));
            }
            if Instant::now() > deadline {
                return Err(self.explain(&format!("not {what} within {} s", limit.as_secs())));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits for the program's own end.
    pub(crate) fn wait_end(&mut self, limit: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + limit;
        while !self.has_ended() {
            if Instant::now() > deadline {
                return Err(self.explain(&format!("still running after {} s", limit.as_secs())));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.ended = self.ended || matches!(self.child.try_wait(), Ok(Some(_)) | Err(_));
        self.ended
    }

    /// Asks the program to end and kills it when it does not.
    pub(crate) fn stop(&mut self, reaper: &mut Reaper) {
        self.end();
        reaper.tell("ended", &self.child.id().to_string());
    }

    fn end(&mut self) {
        if self.has_ended() {
            return;
        }
        signal(self.child.id(), false);
        let deadline = Instant::now() + GRACE;
        while !self.has_ended() && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        if !self.has_ended() {
            self.child.kill().ok();
            self.child.wait().ok();
            self.ended = true;
        }
    }

    /// All it wrote so far.
    pub(crate) fn text(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// A failure with the program's last words.
    pub(crate) fn explain(&self, what: &str) -> Failure {
        let text = self.text();
        let lines: Vec<_> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(12)..].join("\n    ");
        format!("{} {what}; its last words:\n    {tail}", self.name)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reaper_ends_what_was_started_and_not_ended() {
        let words = "started 10\nstarted 11\nended 10\nnonsense\nstarted x\nstarted 12\n";
        let left = Left::read(words.as_bytes());
        assert_eq!(
            left,
            Left {
                pids: vec![11, 12],
                folder: None
            }
        );
    }

    #[test]
    fn a_throw_away_folder_goes_unless_it_is_kept() {
        let removed = Left::read("remove a folder\n".as_bytes());
        assert_eq!(removed.folder.as_deref(), Some(Path::new("a folder")));
        assert_eq!(
            Left::read("remove a folder\nkeep \n".as_bytes()).folder,
            None
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_program_left_behind_is_ended_within_the_grace_time() {
        let mut child = Command::new("sleep").arg("300").spawn().unwrap();
        let word = format!("started {}\n", child.id());
        // A child that ended stays visible to `kill` until its parent looks: look from another thread.
        let pid = child.id();
        let waiter = std::thread::Builder::new()
            .spawn(move || child.wait())
            .unwrap();
        reap(word.as_bytes()).unwrap();
        assert!(!waiter.join().unwrap().unwrap().success());
        assert!(!alive(pid));
    }
}
