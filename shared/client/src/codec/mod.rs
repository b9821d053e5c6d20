//! Picture and sound, coded and decoded: H.264 constrained baseline and Opus.
//!
//! What it is: thin owners of the codecs, and the named threads that run them with bounded queues.
//! What it is not: it opens no device and sends nothing.
//! Start reading at [`video_encoder`] and [`video_decoder`].

pub(crate) mod audio;
pub(crate) mod audio_encoder;
pub(crate) mod ladder;
pub(crate) mod scale;
pub(crate) mod turn;
pub(crate) mod video;
pub(crate) mod video_decoder;
pub(crate) mod video_encoder;

/// Sample rate of everything between microphone and speaker, in Hz.
pub(crate) const SAMPLE_RATE_HZ: u32 = 48_000;
/// Samples of one Opus frame: 20 ms, mono.
pub(crate) const FRAME_SAMPLES: usize = 960;

/// Why a codec gave nothing; the call goes on without the frame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("video encoder: {0}")]
    VideoEncoder(String),
    #[error("video decoder: {0}")]
    VideoDecoder(String),
    #[error("audio codec: {0}")]
    Audio(#[from] opus::Error),
    #[error("a picture of {0} by {1} pixels cannot be coded")]
    PictureSize(u32, u32),
}
