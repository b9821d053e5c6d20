//! `relay-server journal …`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use super::{CliError, say};
use crate::config::Config;
use crate::journal;

/// What can be done with a journal. It is never changed.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Check every byte, then replay every session
    Verify {
        /// A configuration file, or the journal folder itself
        source: PathBuf,
    },
    /// Print the records as JSON, one a line
    Show {
        /// A configuration file, or the journal folder itself
        source: PathBuf,
        /// Only this session
        #[arg(long)]
        session: Option<String>,
    },
}

impl JournalCommand {
    pub(super) fn run(self) -> Result<ExitCode, CliError> {
        match self {
            Self::Verify { source } => {
                let report = journal::verify(&folder(&source)?)?;
                say(&report)?;
                Ok(if report.is_good() {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                })
            }
            Self::Show { source, session } => {
                let mut failed = None;
                journal::read(&folder(&source)?, |record| {
                    let wanted = session.as_ref().is_none_or(|s| *s == record.entry.session);
                    if failed.is_none() && wanted {
                        let line = serde_json::to_string(&record)
                            .map_err(|e| CliError::Other(e.to_string()));
                        failed = line.and_then(say).err();
                    }
                })?;
                failed.map_or(Ok(ExitCode::SUCCESS), Err)
            }
        }
    }
}

/// The journal folder of a configuration, a data folder, or the folder itself.
fn folder(source: &Path) -> Result<PathBuf, CliError> {
    if !source.is_dir() {
        return Ok(Config::load(source)?.journal_dir());
    }
    let inside = source.join("journal");
    Ok(if inside.is_dir() {
        inside
    } else {
        source.to_owned()
    })
}
