//! `relay-server journal …`

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use vrs_domain::SessionId;

use super::{CliError, say};
use crate::config::Config;
use crate::journal::{
    self, Checkpoint, DataLock, Filter, Instant, KindWord, Report, Standing, export, repair,
};

/// Most records that `--tail` holds.
const TAIL_MAX: u64 = 100_000;

/// What can be done with a journal. Only `repair` changes it, and deletes nothing.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Check every byte, then replay every session
    Verify {
        /// A configuration file, or the journal folder itself
        source: PathBuf,
        /// Also check that the journal is the one whose head this file signs
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// The verifier key of the checkpoint; the data folder's checkpoint.pub unless said
        #[arg(long, value_name = "FILE", requires = "checkpoint")]
        key: Option<PathBuf>,
    },
    /// Print the records as JSON, one a line
    Show {
        /// A configuration file, or the journal folder itself
        source: PathBuf,
        /// Which of them
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Write the records as JSON Lines, with a manifest, into a folder
    Export {
        /// A configuration file, or the journal folder itself
        source: PathBuf,
        /// The folder; made when missing, nothing in it is overwritten
        dir: PathBuf,
        /// From when until when
        #[command(flatten)]
        period: Period,
    },
    /// Print the key that verifies the checkpoints of this server
    Key {
        /// A configuration file, or the journal folder itself
        source: PathBuf,
    },
    /// Take everything from one record on out of a damaged journal; it is kept beside the rest
    Repair {
        /// The configuration file; the server must not run
        config: PathBuf,
        /// The first record to take out
        #[arg(long, value_name = "RECORD", value_parser = clap::value_parser!(u64).range(1..))]
        cut_before: u64,
        /// Do it; without this it is only said what would be done
        #[arg(long)]
        yes: bool,
    },
}

/// From when until when.
#[derive(Debug, Args)]
pub struct Period {
    /// Only records from this time on, such as 2026-11-21T09:30:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Instant>,
    /// Only records before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Instant>,
}

impl Period {
    /// Whether a moment, in milliseconds UTC, lies in it.
    pub(super) fn admits(&self, at_ms: u64) -> bool {
        self.since.is_none_or(|since| at_ms >= since.at_ms)
            && self.until.is_none_or(|until| at_ms < until.at_ms)
    }
}

/// Which records to show.
#[derive(Debug, Args)]
pub struct Wanted {
    /// Only this session: 32 hexadecimal digits
    #[arg(long)]
    session: Option<SessionId>,
    #[command(flatten)]
    period: Period,
    /// Only this kind of record, such as call_placed
    #[arg(long)]
    kind: Option<KindWord>,
    /// Only the last so many of them
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=TAIL_MAX))]
    tail: Option<u64>,
}

impl JournalCommand {
    pub(super) fn run(self) -> Result<ExitCode, CliError> {
        match self {
            Self::Verify {
                source,
                checkpoint,
                key,
            } => {
                let folder = folder(&source)?;
                match checkpoint {
                    None => verify(&folder),
                    Some(file) => verify_checkpoint(&folder, &file, key),
                }
            }
            Self::Show { source, wanted } => show(&folder(&source)?, wanted),
            Self::Export {
                source,
                dir,
                period: Period { since, until },
            } => {
                let made = export::export(&folder(&source)?, &dir, since, until)?;
                say(format_args!(
                    "{} records in {}",
                    made.records,
                    dir.display()
                ))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Key { source } => {
                say(journal::verifier_key(&key_file(&folder(&source)?))?)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Repair {
                config,
                cut_before,
                yes,
            } => repair_journal(&Config::load(&config)?, cut_before, yes),
        }
    }
}

fn verify(folder: &Path) -> Result<ExitCode, CliError> {
    let report = journal::verify(folder)?;
    say(&report)?;
    Ok(code(report.is_good()))
}

fn code(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn verify_checkpoint(
    folder: &Path,
    file: &Path,
    key: Option<PathBuf>,
) -> Result<ExitCode, CliError> {
    let key = journal::verifier_key(&key.unwrap_or_else(|| key_file(folder)))?;
    let checkpoint = Checkpoint::read(file, &key)?;
    let report = journal::verify_record(folder, checkpoint.head.sequence)?;
    say(&report)?;
    let standing = checkpoint.standing(report.asked, report.end);
    if standing == Standing::Holds {
        say(checkpoint.describe(standing))?;
        return Ok(code(report.is_good()));
    }
    Err(CliError::Other(explain(&checkpoint, standing, &report)))
}

/// What is wrong, and the repair that did it, if one did.
fn explain(checkpoint: &Checkpoint, standing: Standing, report: &Report) -> String {
    let said = checkpoint.describe(standing);
    let record = checkpoint.head.sequence;
    let cut = report.repairs.iter().find(|r| r.cut_before <= record);
    cut.map_or_else(
        || said.to_string(),
        |repair| format!("{repair}: record {record} of the checkpoint is no longer in it; {said}"),
    )
}

fn show(folder: &Path, wanted: Wanted) -> Result<ExitCode, CliError> {
    let Wanted {
        session,
        period: Period { since, until },
        kind,
        tail,
    } = wanted;
    let filter = Filter {
        session: session.map(|s| s.to_string()),
        since,
        until,
        kind,
    };
    let tail = tail.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let mut last = VecDeque::new();
    journal::read_lines(folder, |line| {
        if !filter.admits(line.record) {
            return Ok::<_, CliError>(());
        }
        let text = String::from_utf8_lossy(line.text);
        let Some(tail) = tail else {
            return say(text);
        };
        if last.len() == tail {
            last.pop_front();
        }
        last.push_back(text.into_owned());
        Ok(())
    })?;
    for text in last {
        say(text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn repair_journal(config: &Config, before: u64, yes: bool) -> Result<ExitCode, CliError> {
    let _lock = DataLock::take(&config.server.data_dir)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ms = now.map_or(0, |t| u64::try_from(t.as_millis()).unwrap_or(u64::MAX));
    let folder = config.journal_dir();
    let plan = repair::plan(&folder, before, now_ms)?;
    let report = plan.report().clone();
    let files = report.files.join(", ");
    let damage = report.damage.as_deref().unwrap_or("the journal is whole");
    say(format_args!(
        "{damage}\nrecords 1 to {} stay; what is behind them goes to {}\nfiles: {files}",
        before - 1,
        folder.join(&report.folder).display()
    ))?;
    if !yes {
        return Err(CliError::Other(
            "nothing was changed; say it again with --yes".into(),
        ));
    }
    let into = plan.carry_out()?;
    say(format_args!("done; the report is in {}", into.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The verifier key belongs to the folder that the journal's is in.
fn key_file(journal: &Path) -> PathBuf {
    journal::public_key_file(journal.parent().unwrap_or(journal))
}

/// The journal folder of a configuration, a data folder, or the folder itself. A server that never
/// ran has an empty journal; a folder without journal files is a mistake.
pub(super) fn folder(source: &Path) -> Result<PathBuf, CliError> {
    if !source.exists() {
        let source = source.display();
        return Err(CliError::Other(format!("there is no {source}")));
    }
    if !source.is_dir() {
        return Ok(Config::load(source)?.journal_dir());
    }
    let inside = source.join("journal");
    let folder = if inside.is_dir() {
        inside
    } else {
        std::path::absolute(source)?
    };
    if journal::is_journal(&folder)? {
        Ok(folder)
    } else {
        let folder = folder.display();
        Err(CliError::Other(format!("there is no journal in {folder}")))
    }
}
