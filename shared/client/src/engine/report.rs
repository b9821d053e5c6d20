//! What the codec and device threads tell the driver.

use std::fmt;

/// One report; the queue is bounded and whoever finds it full drops the report.
pub(crate) enum MediaReport {
    /// A coded picture to send: 90 kHz time and Annex B access unit; `layer`: 0 is the usual size,
    /// 1 the smaller one.
    Picture {
        layer: usize,
        timestamp: u32,
        data: Vec<u8>,
    },
    /// An Opus frame to send: 48 kHz time.
    Sound { timestamp: u32, data: Vec<u8> },
    /// How loud the microphone is as sent.
    MicrophoneLevel { dbfs: f32 },
    /// How loud and at what pitch the other end is.
    Heard { dbfs: f32, hz: f32 },
    /// A picture was decoded and put into the window's slot.
    Shown {
        delay_ms: Option<u32>,
        width: u32,
        height: u32,
    },
    /// A picture could not be decoded: a key frame is wanted.
    Undecodable,
    /// A device or codec cannot be used, in words for people.
    Problem(String),
}

impl fmt::Debug for MediaReport {
    /// Never the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture { data, .. } => write!(f, "Picture({} bytes)", data.len()),
            Self::Sound { data, .. } => write!(f, "Sound({} bytes)", data.len()),
            Self::MicrophoneLevel { dbfs } => write!(f, "MicrophoneLevel({dbfs})"),
            Self::Heard { dbfs, hz } => write!(f, "Heard({dbfs} dBFS, {hz} Hz)"),
            Self::Shown {
                delay_ms,
                width,
                height,
            } => write!(f, "Shown({width} by {height}, {delay_ms:?})"),
            Self::Undecodable => f.write_str("Undecodable"),
            Self::Problem(text) => write!(f, "Problem({text})"),
        }
    }
}
