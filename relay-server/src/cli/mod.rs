//! What an operator types.
//!
//! What it is: the command line ([`Cli`]) and the small commands behind it; `run` hands over to
//! [`crate::app`]. What it is not: no logic of its own beyond reading input and printing.
//! Exit codes: 0 done, 1 failed, 2 not understood, 64 the configuration is wrong.
//! Start reading at [`Cli::run`].

mod accounts;
mod journal;
mod password;
mod reports;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError, LogFormat};
use crate::journal::export::ExportError;
use crate::journal::repair::RepairError;
use crate::journal::{CheckpointError, JournalError, LockError};
use crate::turn::credential;
use crate::{app, init};

pub use accounts::AccountCommand;
pub use journal::JournalCommand;
pub use reports::{CdrCommand, ReportCommand};

/// Exit code for a wrong configuration (EX_USAGE of sysexits.h).
const EXIT_CONFIG: u8 = 64;
/// How long a TURN credential made by hand is good for, in seconds.
const CREDENTIAL_TTL: u64 = 86_400;

/// The Visavis relay server.
#[derive(Debug, Parser)]
#[command(name = "relay-server", version, about, long_about = None)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented configuration, a development certificate and secrets into a folder
    Init {
        /// The folder; made when missing, nothing in it is overwritten
        dir: PathBuf,
        /// A name or address of this server for the certificate; the first one becomes the domain
        #[arg(long = "host", value_name = "NAME")]
        hosts: Vec<String>,
    },
    /// Say what a configuration would run, or everything that is wrong with it
    Check {
        /// The configuration file
        config: PathBuf,
    },
    /// Run the server
    Run {
        /// The configuration file
        config: PathBuf,
    },
    /// Add, list, move and remove callers and interpreters
    Account {
        /// The configuration file
        #[arg(short, long, global = true, default_value = "relay-server.toml")]
        config: PathBuf,
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Check, show, export or repair the journal
    Journal {
        #[command(subcommand)]
        command: JournalCommand,
    },
    /// Call detail records, from the journal
    Cdr {
        #[command(subcommand)]
        command: CdrCommand,
    },
    /// What the regulator asks for, from the journal
    Report {
        #[command(subcommand)]
        command: ReportCommand,
    },
    /// TURN by hand
    Turn {
        #[command(subcommand)]
        command: TurnCommand,
    },
}

#[derive(Debug, Subcommand)]
enum TurnCommand {
    /// Print a time-limited credential as JSON
    Credential {
        /// The configuration file
        config: PathBuf,
        /// The account it is for
        account: String,
        /// How long it is good for, in seconds
        #[arg(long, default_value_t = CREDENTIAL_TTL)]
        ttl: u64,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Init(#[from] init::InitError),
    #[error(transparent)]
    Account(#[from] crate::accounts::AccountError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Repair(#[from] RepairError),
    #[error(transparent)]
    App(#[from] app::AppError),
    #[error(transparent)]
    Telemetry(#[from] vrs_telemetry::TelemetryError),
    #[error("cannot read the password: {0}")]
    Password(std::io::Error),
    #[error("cannot read standard input: {0}")]
    Input(std::io::Error),
    #[error(transparent)]
    Location(vrs_domain::InvalidLocation),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] std::io::Error),
    #[error("{0}")]
    Other(String),
}

impl Cli {
    /// Does what was asked; errors go to standard error.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.command.run() {
            Ok(code) => code,
            Err(error) => {
                eprintln!("relay-server: {error}");
                let config = matches!(error, CliError::Config(_));
                if config {
                    ExitCode::from(EXIT_CONFIG)
                } else {
                    ExitCode::FAILURE
                }
            }
        }
    }
}

impl Command {
    fn run(self) -> Result<ExitCode, CliError> {
        match self {
            Self::Init { dir, hosts } => write_folder(&dir, &hosts),
            Self::Check { config } => check(&config),
            Self::Run { config } => run(&config),
            Self::Account { config, command } => command.run(&Config::load(&config)?),
            Self::Journal { command } => command.run(),
            Self::Cdr { command } => command.run(),
            Self::Report { command } => command.run(),
            Self::Turn {
                command:
                    TurnCommand::Credential {
                        config,
                        account,
                        ttl,
                    },
            } => turn_credential(&config, &account, ttl),
        }
    }
}

/// This moment, in milliseconds UTC.
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = now.unwrap_or_default().as_millis();
    u64::try_from(ms).unwrap_or(u64::MAX)
}

/// A line to standard output; a closed pipe is an error, not a panic.
fn say(text: impl std::fmt::Display) -> Result<(), CliError> {
    writeln!(std::io::stdout(), "{text}").map_err(CliError::Output)
}

fn write_folder(dir: &Path, hosts: &[String]) -> Result<ExitCode, CliError> {
    for path in init::init(dir, hosts)? {
        say(format_args!("wrote {}", path.display()))?;
    }
    let config = dir.join("relay-server.toml");
    let config = config.display();
    say(format_args!(
        "\nNext:\n  relay-server account --config {config} add caller +15550100001 \
         --location \"country=US;A1=NY;A3=New York;RD=Broadway;HNO=123;PC=10007\"\n  \
         relay-server account --config {config} add interpreter 1234 --languages ase/en\n  \
         relay-server run {config}"
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn warn(config: &Config) {
    for warning in &config.warnings {
        eprintln!("warning: {}", warning.display(&config.file));
    }
}

fn check(file: &Path) -> Result<ExitCode, CliError> {
    let config = Config::load(file)?;
    warn(&config);
    say(format_args!(
        "{}\n{} is good",
        config.summary(),
        file.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn run(file: &Path) -> Result<ExitCode, CliError> {
    let config = Config::load(file)?;
    warn(&config);
    let destination = config.log.file.clone().map_or(
        vrs_telemetry::Destination::Stderr,
        vrs_telemetry::Destination::File,
    );
    let format = match config.log.format {
        LogFormat::Json => vrs_telemetry::Format::Json,
        LogFormat::Text => vrs_telemetry::Format::Text,
    };
    let filter = config.log.level.clone();
    let log = vrs_telemetry::init(&vrs_telemetry::Settings {
        filter,
        format,
        destination,
    })?;
    vrs_telemetry::panics::install();
    tracing::info!(event = "start", build = %vrs_telemetry::build::info(), "relay-server starts");
    let outcome = app::run(config);
    match &outcome {
        Ok(()) => tracing::info!(event = "stop", "relay-server stopped"),
        Err(error) => tracing::error!(event = "stop", %error, "relay-server stopped"),
    }
    drop(log);
    outcome?;
    Ok(ExitCode::SUCCESS)
}

fn turn_credential(file: &Path, account: &str, ttl: u64) -> Result<ExitCode, CliError> {
    let config = Config::load(file)?;
    let Some(turn) = &config.turn else {
        return Err(CliError::Other(format!(
            "{} does not serve TURN",
            file.display()
        )));
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let credential = credential::issue(&turn.secret, account, now, ttl);
    if credential::account(&credential.username, now).is_err() {
        return Err(CliError::Other(
            "an account has 1 to 100 printable signs, and the time is longer than 0".into(),
        ));
    }
    let json = serde_json::to_string(&credential).map_err(|e| CliError::Other(e.to_string()))?;
    say(json)?;
    Ok(ExitCode::SUCCESS)
}
