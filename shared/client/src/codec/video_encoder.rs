//! The thread that codes pictures: takes the newest captured one, skips the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::video::{PictureEncoder, blank};
use crate::capture::camera::Captured;
use crate::engine::{MediaReport, VideoSize};
use crate::newest::{Newest, Taken};

/// With the camera off (or dead) a grey picture goes out this often (R33).
const BLANK_EVERY: Duration = Duration::from_millis(250);
/// Video clock of RTP, in Hz (RFC 6184 section 8.2.1).
const VIDEO_CLOCK_HZ: u128 = 90_000;

/// The running encoder thread; dropping it ends and joins it.
pub(crate) struct VideoEncoder {
    pictures: Newest<Captured>,
    keyframe: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl VideoEncoder {
    /// `pictures` is the camera's mailbox; it is closed when the encoder is dropped.
    pub(crate) fn start(
        pictures: Newest<Captured>,
        size: VideoSize,
        reports: Sender<MediaReport>,
    ) -> std::io::Result<Self> {
        let keyframe = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            pictures: pictures.clone(),
            keyframe: Arc::clone(&keyframe),
            size,
            reports,
            began: Instant::now(),
        };
        let thread = std::thread::Builder::new()
            .name("visavis-encode".into())
            .spawn(move || worker.run())?;
        Ok(Self {
            pictures,
            keyframe,
            thread: Some(thread),
        })
    }

    /// The next picture will be a key frame.
    pub(crate) fn request_keyframe(&self) {
        self.keyframe.store(true, Ordering::Release);
    }
}

impl Drop for VideoEncoder {
    fn drop(&mut self) {
        self.pictures.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the encoder thread had failed");
        }
    }
}

struct Worker {
    pictures: Newest<Captured>,
    keyframe: Arc<AtomicBool>,
    size: VideoSize,
    reports: Sender<MediaReport>,
    began: Instant,
}

impl Worker {
    fn run(self) {
        let mut encoder = match PictureEncoder::new(self.size.fps) {
            Ok(encoder) => encoder,
            Err(error) => return self.complain(error.to_string()),
        };
        let grey = Arc::new(blank(self.size.width, self.size.height));
        let mut complained = false;
        loop {
            let captured = match self.pictures.take(BLANK_EVERY) {
                Taken::Value(captured) => captured,
                Taken::Nothing => Captured {
                    picture: Arc::clone(&grey),
                    at: Instant::now(),
                },
                Taken::Closed => return,
            };
            if self.keyframe.swap(false, Ordering::AcqRel) {
                encoder.force_keyframe();
            }
            let coded = match encoder.encode(&captured.picture) {
                Ok(Some(coded)) => coded,
                Ok(None) => continue,
                Err(error) => {
                    if !std::mem::replace(&mut complained, true) {
                        self.complain(error.to_string());
                    }
                    continue;
                }
            };
            let ticks = captured
                .at
                .saturating_duration_since(self.began)
                .as_micros()
                * VIDEO_CLOCK_HZ
                / 1_000_000;
            // RTP time wraps at 32 bits.
            let timestamp = (ticks & u128::from(u32::MAX)) as u32;
            let report = MediaReport::Picture {
                timestamp,
                data: coded.data,
            };
            match self.reports.try_send(report) {
                Ok(()) => {}
                // What follows would refer to the lost picture, so begin anew.
                Err(TrySendError::Full(_)) => encoder.force_keyframe(),
                Err(TrySendError::Closed(_)) => return,
            }
        }
    }

    fn complain(&self, text: String) {
        tracing::error!(%text, "video encoder");
        if self.reports.try_send(MediaReport::Problem(text)).is_err() {
            tracing::warn!("nobody listens to the encoder");
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it expects"
)]
mod tests {
    use super::*;

    #[test]
    fn r33_without_a_camera_blank_pictures_keep_flowing() {
        let (send, mut reports) = tokio::sync::mpsc::channel(8);
        let size = VideoSize {
            width: 64,
            height: 48,
            fps: 30,
        };
        let encoder = VideoEncoder::start(Newest::new(), size, send).unwrap();
        let mut stamps = Vec::new();
        while stamps.len() < 2 {
            match reports.blocking_recv().unwrap() {
                MediaReport::Picture { timestamp, .. } => stamps.push(timestamp),
                other => panic!("{other:?}"),
            }
        }
        assert!(stamps[1] - stamps[0] > 90_000 / 8, "{stamps:?}");
        drop(encoder);
    }
}
