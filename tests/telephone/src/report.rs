//! What the telephone writes down at the end of each call.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::told::Told;

/// One call as the telephone knew it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Number of the call since the telephone was started, from 1.
    pub call: u32,
    /// `answered`, `busy`, `rejected`, `cancelled` or `not_acceptable`.
    pub outcome: &'static str,
    /// Who ended an answered call: `far_end`, `telephone` or `transport`.
    pub ended_by: Option<&'static str>,
    /// The dominant frequency of the last sound that was heard, in Hz.
    pub heard_hz: Option<f32>,
    /// Root mean square of all sound that was heard, silence left out, in dB below full scale.
    pub level_dbfs: Option<f32>,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets whose sound was heard.
    pub packets_received: u64,
    /// The codec that was agreed on, such as `PCMU`.
    pub codec: Option<String>,
    /// The SRTP suite that was agreed on; none on a plain line.
    pub crypto_suite: Option<String>,
    /// Digits that were keyed at the far end.
    pub digits: String,
    /// What emergency services were told; none for other calls.
    pub emergency: Option<Box<Told>>,
    /// From answering until the end, in milliseconds.
    pub duration_ms: u64,
}

impl Report {
    /// A call that was never answered.
    pub(crate) fn unanswered(call: u32, outcome: &'static str) -> Self {
        Self {
            call,
            outcome,
            ended_by: None,
            heard_hz: None,
            level_dbfs: None,
            packets_sent: 0,
            packets_received: 0,
            codec: None,
            crypto_suite: None,
            digits: String::new(),
            emergency: None,
            duration_ms: 0,
        }
    }

    /// Writes the report as JSON; a reader sees the old file or the new one, never a half.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        let half = file.with_extension("part");
        let mut out = std::fs::File::create(&half)?;
        serde_json::to_writer_pretty(&mut out, self)?;
        out.write_all(b"\n")?;
        std::fs::rename(half, file)
    }
}
