//! `relay-server cdr …` and `relay-server report …`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};

use super::journal::{Period, folder};
use super::{CliError, now_ms, say};
use crate::journal::SessionFault;
use crate::reports::cdr::{self, Format, Writer};
use crate::reports::ended_sessions;
use crate::reports::speed::{CalendarMonth, Counter};

/// What can be done with call detail records.
#[derive(Debug, Subcommand)]
pub enum CdrCommand {
    /// Write a record for each relayed call that has ended, from the journal
    Export {
        /// A configuration file, or the journal folder itself
        source: PathBuf,
        /// How they are written
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
        /// Where to; standard output unless said. A file that is there is not overwritten
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Calls that began in this time
        #[command(flatten)]
        period: Period,
    },
}

/// What can be reported.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Which share of a month's calls was answered in time, and what the month may come to
    SpeedOfAnswer {
        /// A configuration file, or the journal folder itself
        source: PathBuf,
        /// Such as 2026-11, in UTC; the present month unless said
        #[arg(long)]
        month: Option<CalendarMonth>,
        /// How it is written
        #[arg(long, value_enum, default_value_t = Style::Text)]
        format: Style,
    },
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Style {
    /// Sentences
    Text,
    /// One JSON object
    Json,
}

impl CdrCommand {
    pub(super) fn run(self) -> Result<ExitCode, CliError> {
        let Self::Export {
            source,
            format,
            output,
            period,
        } = self;
        let folder = folder(&source)?;
        let out: Box<dyn Write> = match &output {
            Some(path) => Box::new(BufWriter::new(File::create_new(path).map_err(|error| {
                CliError::Other(format!("cannot write {}: {error}", path.display()))
            })?)),
            None => Box::new(std::io::stdout().lock()),
        };
        let mut writer = Writer::new(format, out);
        let mut failed = None;
        let rest = ended_sessions(&folder, |session| {
            if failed.is_none() && period.admits(session.placed_at_ms()) {
                let mut records = cdr::records(&session).into_iter();
                failed = records.find_map(|record| writer.write(&record).err());
            }
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        writer.finish()?;
        Ok(complete(&rest.faults))
    }
}

impl ReportCommand {
    pub(super) fn run(self) -> Result<ExitCode, CliError> {
        let Self::SpeedOfAnswer {
            source,
            month,
            format,
        } = self;
        let folder = folder(&source)?;
        let now_ms = now_ms();
        let mut counter = Counter::new(month.unwrap_or_else(|| CalendarMonth::of(now_ms)), now_ms);
        let rest = ended_sessions(&folder, |session| counter.add(&session))?;
        rest.open.iter().for_each(|session| counter.add(session));
        let report = counter.report();
        match format {
            Style::Text => say(&report)?,
            Style::Json => {
                let json =
                    serde_json::to_string(&report).map_err(|e| CliError::Other(e.to_string()))?;
                say(json)?;
            }
        }
        Ok(complete(&rest.faults))
    }
}

/// A report that leaves something out says so and does not succeed.
fn complete(faults: &[SessionFault]) -> ExitCode {
    for fault in faults {
        let SessionFault {
            session,
            record,
            why,
        } = fault;
        eprintln!("warning: session {session} is left out: record {record}: {why}");
    }
    if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
