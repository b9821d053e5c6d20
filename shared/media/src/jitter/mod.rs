//! Plays packets of sound that come in any order and rhythm at the steady pace of an ear.
//!
//! What it is: what NetEq does in browsers, as a pure machine for all of ours: the bridge's voices,
//! the telephone's line and the apps' loudspeaker. It waits for as long as the network needs
//! ([`delay`]), shortens and lengthens what is said without changing its pitch ([`stretch`]),
//! and conceals what is lost.
//! What it is not: no codec (a [`Decode`] is handed in; [`TelephoneSound`] is computed here,
//! [`OpusSound`] asks a codec), no clock and no thread: arrivals are handed in with their time, and
//! whoever plays takes samples when they are due. Why it is ours: docs/adr/0009-jitter-buffer.md.
//! Start reading at [`JitterBuffer::play`].

mod buffer;
mod conceal;
mod delay;
mod noise;
mod opus;
mod packets;
mod stretch;
mod telephone;
#[cfg(test)]
mod tests;

pub use buffer::JitterBuffer;
pub use noise::{Noise, PAYLOAD_TYPE as NOISE_PAYLOAD_TYPE};
pub use opus::{OpusCodec, OpusSound};
pub use telephone::TelephoneSound;

/// Turns packets into samples between -1 and 1, mono.
pub trait Decode {
    /// Units of RTP time in a second.
    fn clock_hz(&self) -> u32;

    /// Samples in a second.
    fn rate_hz(&self) -> u32;

    /// How long a packet lasts, in units of RTP time; `None` for rubbish.
    fn length(&self, packet: &[u8]) -> Option<u32>;

    /// Adds the sound of a packet; `false` when it cannot be decoded.
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> bool;

    /// Adds so many samples of a lost packet from what the one after it tells of it; `false` when
    /// it tells nothing.
    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<f32>) -> bool;

    /// Adds at least so many samples of what may have been said, or of the noise that was told. What
    /// is decoded after that is joined to it without an edge.
    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>);

    /// Whether after this packet nothing need come for a while: its sender is silent (DTX, RFC 3389).
    fn is_pause(&self, packet: &[u8]) -> bool;
}

/// What a buffer counted so far; samples are those at [`Decode::rate_hz`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JitterStats {
    /// Samples played while somebody spoke, or could have.
    pub played: u64,
    /// Of them, made up because nothing was there.
    pub concealed: u64,
    /// Of them, taken from what a later packet told.
    pub recovered: u64,
    /// Samples left out to catch up.
    pub shortened: u64,
    /// Samples said twice to wait longer.
    pub lengthened: u64,
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came twice.
    pub duplicate: u64,
    /// Packets dropped because too much waited.
    pub dropped: u64,
    /// What waits now, in milliseconds.
    pub waiting_ms: u32,
    /// What waited while sound was played, in the mean, in milliseconds.
    pub mean_ms: u32,
    /// What is aimed at, in milliseconds.
    pub target_ms: u32,
}

impl JitterStats {
    /// Percent of what was played that was made up; 0 to 100.
    #[must_use]
    pub fn concealed_percent(&self) -> f64 {
        100.0 * self.concealed as f64 / self.played.max(1) as f64
    }
}

/// What has been played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Played {
    /// Somebody speaks.
    Voice,
    /// Their line is there and silent; what was told of its noise was played.
    Pause,
    /// Nobody is there: silence was played.
    Nobody,
}
