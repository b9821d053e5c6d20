//! Sets up `tracing` once per process.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::writer::{self, Flusher};

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Destination {
    /// Standard error.
    #[default]
    Stderr,
    /// Appended to this file; its folder must exist.
    File(PathBuf),
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One JSON object per line, for machines.
    #[default]
    Json,
    /// One plain line, for people at a terminal.
    Text,
}

/// What to log, how and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A level (`info`) or a filter such as `info,relay_server=debug`.
    pub filter: String,
    /// How a line is written.
    pub format: Format,
    /// Where lines go.
    pub destination: Destination,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            filter: "info".into(),
            format: Format::Json,
            destination: Destination::Stderr,
        }
    }
}

/// Why logging could not be set up; the settings are at fault.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("'{0}' is not a log level (error, warn, info, debug, trace) or filter")]
    Filter(String),
    /// The log file cannot be opened for appending.
    #[error("cannot write the log file {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The writing thread could not be started.
    #[error("cannot start the log writer: {0}")]
    Thread(io::Error),
    /// Somebody set up logging before.
    #[error("logging is already set up in this process")]
    Twice,
}

/// What libraries may log, whatever level is asked for: below these levels some of them write
/// whole messages, addresses and keys, or a line for every datagram that a stranger sends (A32).
const DEPENDENCY_CAPS: &str = "tungstenite=warn,tokio_tungstenite=warn,hyper=warn,hyper_util=warn,\
    rustls=warn,tokio_rustls=warn,sled=warn,rtc_ice=error,rtc_dtls=error,rtc_srtp=error,\
    rtc_stun=error,rtc_rtp=error,rtc_rtcp=error,stun_types=error,stun_proto=error,turn_types=error,\
    turn_server_proto=error,turn_client_proto=off";

/// Keeps the log alive; dropping it writes out what still waits.
#[must_use = "dropping the guard ends the log"]
pub struct Guard {
    _flusher: Flusher,
}

/// Sets up logging for the whole process; lines are written on a thread of their own.
///
/// # Errors
/// When the filter cannot be read, the file cannot be opened, or logging is already set up.
pub fn init(settings: &Settings) -> Result<Guard, TelemetryError> {
    let target: Box<dyn Write + Send> = match &settings.destination {
        Destination::Stderr => Box::new(io::stderr()),
        Destination::File(path) => Box::new(
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .map_err(|error| TelemetryError::File {
                    path: path.clone(),
                    error,
                })?,
        ),
    };
    let (queue, flusher) = writer::start(target).map_err(TelemetryError::Thread)?;
    subscriber(settings, queue)?
        .try_init()
        .map_err(|_| TelemetryError::Twice)?;
    Ok(Guard { _flusher: flusher })
}

/// The subscriber behind [`init`], over any writer: for tests that read what was logged.
///
/// # Errors
/// When the filter cannot be read.
pub fn subscriber<W>(
    settings: &Settings,
    writer: W,
) -> Result<impl tracing::Subscriber + Send + Sync + 'static, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(format!("{},{DEPENDENCY_CAPS}", settings.filter))
        .map_err(|_| TelemetryError::Filter(settings.filter.chars().take(80).collect()))?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(false);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match settings.format {
        Format::Json => Box::new(
            lines
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .with_filter(filter),
        ),
        Format::Text => Box::new(lines.with_filter(filter)),
    };
    Ok(Registry::default().with(lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_level_is_refused_by_name() {
        let settings = Settings {
            filter: "relay=loud".into(),
            ..Settings::default()
        };
        let Err(error) = subscriber(&settings, io::sink) else {
            panic!("accepted")
        };
        assert_eq!(
            error.to_string(),
            "'relay=loud' is not a log level (error, warn, info, debug, trace) or filter"
        );
    }

    #[test]
    fn a_log_file_in_a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("server.log");
        let settings = Settings {
            destination: Destination::File(path),
            ..Settings::default()
        };
        let Err(error) = init(&settings) else {
            panic!("accepted")
        };
        assert!(error.to_string().contains("server.log"), "{error}");
    }
}
