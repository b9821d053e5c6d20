//! The thread that codes pictures: takes the newest captured one, skips the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::ladder::{Ladder, bitrate};
use super::scale::Scaler;
use super::video::{BITRATE_BPS, PictureEncoder, blank};
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
    /// What the path takes, in bits per second.
    path: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl VideoEncoder {
    /// `pictures` is the camera's mailbox; it is closed when the encoder is dropped.
    pub(crate) fn start(
        pictures: Newest<Captured>,
        size: VideoSize,
        path_bps: Option<u32>,
        reports: Sender<MediaReport>,
    ) -> std::io::Result<Self> {
        let keyframe = Arc::new(AtomicBool::new(false));
        let path = Arc::new(AtomicU32::new(path_bps.unwrap_or(BITRATE_BPS)));
        let worker = Worker {
            pictures: pictures.clone(),
            keyframe: Arc::clone(&keyframe),
            path: Arc::clone(&path),
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
            path,
            thread: Some(thread),
        })
    }

    /// The next picture will be a key frame.
    pub(crate) fn request_keyframe(&self) {
        self.keyframe.store(true, Ordering::Release);
    }

    /// The path takes so many bits a second from now on.
    pub(crate) fn set_path(&self, bps: u32) {
        self.path.store(bps, Ordering::Release);
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

/// Lets pictures through at a lower rate than the camera's.
#[derive(Default)]
struct Pace {
    due: Option<Instant>,
}

impl Pace {
    fn is_due(&mut self, at: Instant, fps: u32) -> bool {
        let interval = Duration::from_secs(1) / fps.max(1);
        // A camera's pictures come a little early or late.
        let is_due = self.due.is_none_or(|due| at + interval / 4 >= due);
        if is_due {
            let due = self.due.map_or(at, |due| due + interval);
            // After a pause it begins anew.
            self.due = Some(due.max(at));
        }
        is_due
    }
}

struct Worker {
    pictures: Newest<Captured>,
    keyframe: Arc<AtomicBool>,
    path: Arc<AtomicU32>,
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
        let mut ladder = Ladder::new(self.size);
        let mut scaler = Scaler::default();
        let mut pace = Pace::default();
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
            let path = self.path.load(Ordering::Acquire);
            let size = ladder.choose(captured.at, path);
            if size.fps < self.size.fps && !pace.is_due(captured.at, size.fps) {
                continue;
            }
            encoder.set_bitrate(bitrate(size, path));
            let fitting = scaler.fit(&captured.picture, size);
            let coded = match encoder.encode(fitting.unwrap_or(&captured.picture)) {
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
        let encoder = VideoEncoder::start(Newest::new(), size, None, send).unwrap();
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
