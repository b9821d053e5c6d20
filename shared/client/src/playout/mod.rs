//! What the user hears: jitter buffer ([`vrs_media::jitter`]), Opus decoder, loudness, speaker.
//!
//! What it is: the named thread between the network and the loudspeaker, and its pure parts.
//! What it is not: it knows no call and no packet, only Opus frames with their RTP time.
//! Start reading at [`Playout`].

mod level;
pub(crate) mod speaker;
mod thread;

pub(crate) use level::{LevelMeter, SILENCE_DBFS};
pub use speaker::names as speaker_names;
pub(crate) use thread::Playout;
