//! What the Visavis programs say about themselves: logs, panics, version.
//!
//! What it is: one way to set up `tracing` ([`init`]), a panic hook that never prints the content
//! of a message ([`panics`]), helpers that cut and mask what goes into a log line ([`redact`]) and
//! the facts of the build ([`build`]).
//! What it is not: no metrics, no network export, no opinion about what is worth logging.
//! Start reading at [`init`].

pub mod build;
pub mod panics;
pub mod redact;
mod setup;
mod writer;

pub use setup::{Destination, Format, Guard, Settings, TelemetryError, init, subscriber};
