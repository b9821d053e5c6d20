//! The thread that codes pictures: takes the newest captured one, skips the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::CodecError;
use super::ladder::{Ladder, bitrate, lower_bitrate};
use super::scale::Scaler;
use super::video::{BITRATE_BPS, CodedPicture, PictureEncoder, blank};
use crate::capture::camera::Captured;
use crate::engine::{MediaReport, VideoSize};
use crate::newest::{Newest, Taken};
use vrs_media::picture::Picture;

/// With the camera off (or dead) a grey picture goes out this often (R33).
const BLANK_EVERY: Duration = Duration::from_millis(250);
/// Video clock of RTP, in Hz (RFC 6184 section 8.2.1).
const VIDEO_CLOCK_HZ: u128 = 90_000;

/// The running encoder thread; dropping it ends and joins it.
pub(crate) struct VideoEncoder {
    pictures: Newest<Captured>,
    orders: Arc<Orders>,
    thread: Option<JoinHandle<()>>,
}

/// What the running thread is told.
struct Orders {
    /// A key frame is wanted of the usual picture, of the smaller one.
    keyframes: [AtomicBool; 2],
    /// What the path takes, in bits per second.
    path: AtomicU32,
    /// The smaller picture is wanted, too.
    lower: AtomicBool,
}

impl VideoEncoder {
    /// `pictures` is the camera's mailbox; it is closed when the encoder is dropped. `known`: what
    /// the path takes, and whether a smaller picture is wanted.
    pub(crate) fn start(
        pictures: Newest<Captured>,
        size: VideoSize,
        (path_bps, lower): (Option<u32>, bool),
        reports: Sender<MediaReport>,
    ) -> std::io::Result<Self> {
        let orders = Arc::new(Orders {
            keyframes: Default::default(),
            path: AtomicU32::new(path_bps.unwrap_or(BITRATE_BPS)),
            lower: AtomicBool::new(lower),
        });
        let worker = Worker {
            pictures: pictures.clone(),
            orders: Arc::clone(&orders),
            size,
            reports,
            began: Instant::now(),
        };
        let thread = std::thread::Builder::new()
            .name("visavis-encode".into())
            .spawn(move || worker.run())?;
        Ok(Self {
            pictures,
            orders,
            thread: Some(thread),
        })
    }

    /// The next picture of this size will be a key frame.
    pub(crate) fn request_keyframe(&self, layer: usize) {
        if let Some(wanted) = self.orders.keyframes.get(layer) {
            wanted.store(true, Ordering::Release);
        }
    }

    /// The path takes so many bits a second from now on.
    pub(crate) fn set_path(&self, bps: u32) {
        self.orders.path.store(bps, Ordering::Release);
    }

    /// Whether a smaller picture is to be coded beside the usual one.
    pub(crate) fn set_lower(&self, wanted: bool) {
        self.orders.lower.store(wanted, Ordering::Release);
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
    orders: Arc<Orders>,
    size: VideoSize,
    reports: Sender<MediaReport>,
    began: Instant,
}

/// One size of the picture.
struct Size {
    layer: usize,
    encoder: PictureEncoder,
    scaler: Scaler,
}

impl Size {
    fn new(layer: usize, fps: u32) -> Result<Self, CodecError> {
        Ok(Self {
            layer,
            encoder: PictureEncoder::new(fps)?,
            scaler: Scaler::default(),
        })
    }

    fn encode(
        &mut self,
        picture: &Picture,
        size: VideoSize,
        bps: u32,
    ) -> Result<Option<CodedPicture>, CodecError> {
        self.encoder.set_bitrate(bps);
        let fitting = self.scaler.fit(picture, size);
        self.encoder.encode(fitting.unwrap_or(picture))
    }
}

impl Worker {
    fn run(self) {
        let sizes =
            Size::new(0, self.size.fps).and_then(|usual| Ok((usual, Size::new(1, self.size.fps)?)));
        let (mut usual, mut lower) = match sizes {
            Ok(sizes) => sizes,
            Err(error) => return self.complain(error.to_string()),
        };
        let grey = Arc::new(blank(self.size.width, self.size.height));
        let mut complained = false;
        let mut ladder = Ladder::new(self.size);
        let lower_size = ladder.smallest();
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
            let path = self.orders.path.load(Ordering::Acquire);
            let size = ladder.choose(captured.at, path);
            if size.fps < self.size.fps && !pace.is_due(captured.at, size.fps) {
                continue;
            }
            let wanted = self.orders.lower.load(Ordering::Acquire) && lower_size.width < size.width;
            let sent = self
                .send(&mut usual, &captured, size, bitrate(size, path))
                .and_then(|open| match wanted {
                    true => self.send(&mut lower, &captured, lower_size, lower_bitrate(lower_size)),
                    false => Ok(open),
                });
            match sent {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) if !std::mem::replace(&mut complained, true) => {
                    self.complain(error.to_string());
                }
                Err(_) => {}
            }
        }
    }

    /// Codes a picture in one size and hands it over; false when nobody takes it any more.
    fn send(
        &self,
        to: &mut Size,
        captured: &Captured,
        size: VideoSize,
        bps: u32,
    ) -> Result<bool, CodecError> {
        if self.orders.keyframes[to.layer].swap(false, Ordering::AcqRel) {
            to.encoder.force_keyframe();
        }
        let Some(coded) = to.encode(&captured.picture, size, bps)? else {
            return Ok(true);
        };
        let passed = captured.at.saturating_duration_since(self.began);
        let ticks = passed.as_micros() * VIDEO_CLOCK_HZ / 1_000_000;
        let report = MediaReport::Picture {
            layer: to.layer,
            // RTP time wraps at 32 bits.
            timestamp: (ticks & u128::from(u32::MAX)) as u32,
            data: coded.data,
        };
        match self.reports.try_send(report) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(_)) => {
                // What follows would refer to the lost picture, so begin anew.
                to.encoder.force_keyframe();
                Ok(true)
            }
            Err(TrySendError::Closed(_)) => Ok(false),
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
        let encoder = VideoEncoder::start(Newest::new(), size, (None, false), send).unwrap();
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

    #[test]
    fn v3_a_smaller_picture_is_sent_beside_the_usual_one_while_it_is_wanted() {
        let (send, mut reports) = tokio::sync::mpsc::channel(8);
        let size = VideoSize {
            width: 640,
            height: 480,
            fps: 30,
        };
        let encoder = VideoEncoder::start(Newest::new(), size, (None, false), send).unwrap();
        let mut next = || match reports.blocking_recv().unwrap() {
            MediaReport::Picture {
                layer, timestamp, ..
            } => (layer, timestamp),
            other => panic!("{other:?}"),
        };
        assert_eq!((next().0, next().0), (0, 0));
        encoder.set_lower(true);
        let lower = std::iter::repeat_with(&mut next).find(|(layer, _)| *layer == 1);
        let (usual, again) = (next(), next());
        assert_eq!((usual.0, again), (0, (1, usual.1)), "of one moment");
        assert!(lower.is_some_and(|(_, at)| at != again.1));
        encoder.set_lower(false);
        while next().0 == 1 || next().0 == 1 {}
        drop(encoder);
    }
}
