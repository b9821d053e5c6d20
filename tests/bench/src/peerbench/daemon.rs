//! A program under load, as a child of this one.

use std::io;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A child that is ended and reaped when this is dropped.
pub(crate) struct Daemon(Child);

impl Daemon {
    /// Starts a program of others that says nothing; it is of this package.
    pub(crate) fn quiet(command: &mut Command, package: &str) -> Result<Self, String> {
        let program = command.get_program().display().to_string();
        let silenced = command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = silenced.stderr(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("{program} (package {package}): {error}"))?;
        Ok(Self(child))
    }

    /// Starts this program once more, as something else, and speaks with it.
    pub(crate) fn own(arguments: &[&str]) -> io::Result<(Self, ChildStdin, ChildStdout)> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let daemon = Self(child);
        let missing = || io::Error::other("a child without its pipes");
        Ok((
            daemon,
            input.ok_or_else(missing)?,
            output.ok_or_else(missing)?,
        ))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}
