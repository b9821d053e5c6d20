//! Named steps, one after the other: each says when it starts and how long it took; the first one
//! that fails ends the run with its name, and a table of seconds comes last.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;

/// A run of steps.
pub(crate) struct Steps {
    started: Instant,
    done: Vec<(String, Duration, String)>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            done: Vec::new(),
        }
    }

    /// Runs one step; what it returns is its remark in the table.
    pub(crate) fn run(
        &mut self,
        name: &str,
        step: impl FnOnce() -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        println!("\n── {name} ──");
        let started = Instant::now();
        let result = step();
        let took = started.elapsed();
        match result {
            Ok(remark) => {
                println!("── {name}: {} s ──", took.as_secs());
                self.done.push((name.to_owned(), took, remark));
                Ok(())
            }
            Err(failure) => {
                self.done.push((name.to_owned(), took, "FAILED".to_owned()));
                println!("{}", self.table());
                Err(format!(
                    "step '{name}' after {} s: {failure}",
                    took.as_secs()
                ))
            }
        }
    }

    /// One line a step and the sum.
    pub(crate) fn table(&self) -> String {
        let mut out = String::new();
        for (name, took, remark) in &self.done {
            out += &format!("\n{name:<12} {:>7.1} s  {remark}", took.as_secs_f32());
        }
        out + &format!(
            "\n{:<12} {:>7.1} s",
            "total",
            self.started.elapsed().as_secs_f32()
        )
    }
}

/// Runs a program with our own standard streams; its exit code decides.
pub(crate) fn check(command: &mut Command) -> Result<String, Failure> {
    let status = command
        .status()
        .map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        Ok(String::new())
    } else {
        Err(format!("{} ({status})", shown(command)))
    }
}

/// Runs a program, shows both its streams as they come and hands every line to `look`, too.
///
/// # Errors
/// When the program cannot be started or says it failed.
pub(crate) fn check_lines(
    command: &mut Command,
    look: impl FnMut(&str) + Send,
) -> Result<(), Failure> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let look = std::sync::Mutex::new(look);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        if let Some(stdout) = stdout {
            scope.spawn(|| copy(stdout, std::io::stdout(), &look));
        }
        if let Some(stderr) = stderr {
            scope.spawn(|| copy(stderr, std::io::stderr(), &look));
        }
    });
    let status = child
        .wait()
        .map_err(|error| format!("{}: {error}", shown(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} ({status})", shown(command)))
    }
}

fn copy(from: impl Read, mut to: impl Write, look: &std::sync::Mutex<impl FnMut(&str)>) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(bytes) if bytes > 0) {
        // A closed terminal is no reason to stop the step.
        to.write_all(&line).and_then(|()| to.flush()).ok();
        if let Ok(mut look) = look.lock() {
            look(String::from_utf8_lossy(&line).trim_end());
        }
        line.clear();
    }
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let mut out = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        out += &format!(" {}", arg.to_string_lossy());
    }
    out
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    format!(
        "'{}' could not be started: {error}",
        command.get_program().to_string_lossy()
    )
}

/// The cargo that started us, for nested runs.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failing_step_is_named_and_the_table_shows_it() {
        let mut steps = Steps::new();
        steps.run("format", || Ok("clean".to_owned())).unwrap();
        let failure = steps
            .run("rules", || Err("a file is too long".to_owned()))
            .unwrap_err();
        assert_eq!(failure, "step 'rules' after 0 s: a file is too long");
        let table = steps.table();
        assert!(
            table.contains("format") && table.contains("clean"),
            "{table}"
        );
        assert!(
            table.contains("rules") && table.contains("FAILED"),
            "{table}"
        );
    }

    #[test]
    fn every_line_of_a_program_is_seen_and_its_failure_reported() {
        let mut seen = Vec::new();
        let mut command = cargo();
        check_lines(command.arg("--version"), |line| seen.push(line.to_owned())).unwrap();
        assert!(
            seen.iter().any(|line| line.starts_with("cargo ")),
            "{seen:?}"
        );
        let failure = check(cargo().arg("no-such-command-here")).unwrap_err();
        assert!(failure.contains("no-such-command-here"), "{failure}");
    }
}
