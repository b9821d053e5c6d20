//! The thread that decodes the other end's pictures and puts them where the window looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc::Sender;
use vrs_media::Orientation;
use vrs_media::picture::{Picture, Slot};

use super::turn::upright;
use super::video::PictureDecoder;
use crate::capture::{strip, wall_clock_ms};
use crate::engine::MediaReport;

/// Access units that may wait for the decoder: a second at 30 per second.
const UNITS_MAX: usize = 30;

/// The running decoder thread; dropping it ends and joins it, at most one picture later.
pub(crate) struct VideoDecoder {
    stop: Arc<AtomicBool>,
    units: Option<SyncSender<Unit>>,
    thread: Option<JoinHandle<()>>,
    /// After a dropped unit nothing is decodable until a key frame.
    lost_reference: bool,
}

/// One access unit, and how it is to be shown.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) data: Vec<u8>,
    pub(crate) orientation: Orientation,
}

/// What became of an access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fed {
    /// It will be decoded.
    Queued,
    /// The decoder is behind: dropped, and so is what follows until a key frame, which is wanted.
    Dropped,
}

impl VideoDecoder {
    pub(crate) fn start(
        remote: Slot<Picture>,
        wake: Arc<dyn Fn() + Send + Sync>,
        reports: Sender<MediaReport>,
    ) -> std::io::Result<Self> {
        let (units, inbox) = sync_channel(UNITS_MAX);
        let stop = Arc::new(AtomicBool::new(false));
        let worker_stop = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("visavis-decode".into())
            .spawn(move || run(&inbox, &worker_stop, &remote, &*wake, &reports))?;
        Ok(Self {
            stop,
            units: Some(units),
            thread: Some(thread),
            lost_reference: false,
        })
    }

    /// Never blocks.
    pub(crate) fn feed(&mut self, unit: Unit) -> Fed {
        if self.lost_reference && !vrs_media::h264::is_keyframe(&unit.data) {
            return Fed::Dropped;
        }
        let Some(units) = &self.units else {
            return Fed::Dropped;
        };
        match units.try_send(unit) {
            Ok(()) => {
                self.lost_reference = false;
                Fed::Queued
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost_reference = true;
                Fed::Dropped
            }
        }
    }
}

impl Drop for VideoDecoder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.units = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the decoder thread had failed");
        }
    }
}

fn run(
    inbox: &Receiver<Unit>,
    stop: &AtomicBool,
    remote: &Slot<Picture>,
    wake: &(dyn Fn() + Send + Sync),
    reports: &Sender<MediaReport>,
) {
    let mut decoder = match PictureDecoder::new() {
        Ok(decoder) => decoder,
        Err(error) => return tell(reports, MediaReport::Problem(error.to_string())),
    };
    let mut counter = 0;
    while let Ok(unit) = inbox.recv() {
        // A call that is over must not leave its last pictures in the window.
        if stop.load(Ordering::Acquire) {
            return;
        }
        match decoder.decode(&unit.data) {
            Ok(Some(seen)) => {
                let (width, height) = (seen.width, seen.height);
                let stamp = strip::read(&seen.rgba, width as usize, height as usize);
                let delay_ms = stamp.and_then(|stamp| strip::delay_ms(stamp, wall_clock_ms()));
                let seen = upright(seen, unit.orientation);
                counter += 1;
                remote.put(Picture {
                    width: seen.width,
                    height: seen.height,
                    rgba: seen.rgba,
                    counter,
                });
                wake();
                let shown = MediaReport::Shown {
                    delay_ms,
                    width,
                    height,
                };
                tell(reports, shown);
            }
            Ok(None) => {}
            Err(_) => tell(reports, MediaReport::Undecodable),
        }
    }
}

/// Statistics may be lost; the decoder never waits for the driver.
fn tell(reports: &Sender<MediaReport>, report: MediaReport) {
    if reports.try_send(report).is_err() {
        tracing::debug!("a decoder report was dropped");
    }
}

#[cfg(test)]
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it expects"
)]
mod tests {
    use super::*;
    use crate::capture::{Look, Painter};
    use crate::codec::video::PictureEncoder;

    #[test]
    fn decoded_pictures_reach_the_slot_with_their_delay() {
        let (send, mut reports) = tokio::sync::mpsc::channel(64);
        let remote = Slot::new();
        let mut decoder = VideoDecoder::start(remote.clone(), Arc::new(|| {}), send).unwrap();
        let painter = Painter::new(Look::CALLER, 640, 480);
        let mut encoder = PictureEncoder::new(30).unwrap();
        let rgba = painter.paint(0.0, 5, wall_clock_ms());
        let picture = Picture {
            width: 640,
            height: 480,
            rgba,
            counter: 5,
        };
        let coded = encoder.encode(&picture).unwrap().unwrap();
        let orientation = Orientation::default();
        let data = coded.data;
        assert_eq!(decoder.feed(Unit { data, orientation }), Fed::Queued);
        match reports.blocking_recv().unwrap() {
            MediaReport::Shown {
                delay_ms: Some(delay),
                width: 640,
                height: 480,
            } => assert!(delay < 5000, "{delay}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(remote.latest().unwrap().width, 640);
    }
}
