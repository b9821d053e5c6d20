//! What can be wrong with a configuration file, said so that it can be mended.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that is wrong (or doubtful) in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, counted from 1; `None` when something is missing altogether.
    pub line: Option<usize>,
    /// The key, such as `[listen] secure`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl Problem {
    /// The problem as `check` prints it: `file:line: key: message` and the hint below.
    #[must_use]
    pub fn display<'a>(&'a self, file: &'a Path) -> impl fmt::Display + 'a {
        Shown {
            problem: self,
            file,
        }
    }
}

struct Shown<'a> {
    problem: &'a Problem,
    file: &'a Path,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            line,
            key,
            message,
            hint,
        } = self.problem;
        write!(f, "{}", self.file.display())?;
        if let Some(line) = line {
            write!(f, ":{line}")?;
        }
        if !key.is_empty() {
            write!(f, ": {key}")?;
        }
        write!(f, ": {message}")?;
        if hint.is_empty() {
            Ok(())
        } else {
            write!(f, "\n    hint: {hint}")
        }
    }
}

/// The configuration cannot be used; the operator is at fault and is told how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read at all.
    #[error("cannot read the configuration {}: {error}", file.display())]
    Unreadable {
        /// The file that was asked for.
        file: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// It was read and is wrong.
    #[error("{}", list(file, problems))]
    Wrong {
        /// The file.
        file: PathBuf,
        /// Everything that was found, in order of lines.
        problems: Vec<Problem>,
    },
}

fn list(file: &Path, problems: &[Problem]) -> String {
    let count = problems.len();
    let mut text: String = problems
        .iter()
        .map(|p| format!("{}\n", p.display(file)))
        .collect();
    text.push_str(&if count == 1 {
        "1 problem".into()
    } else {
        format!("{count} problems")
    });
    text.push_str(" in the configuration; nothing was started");
    text
}
