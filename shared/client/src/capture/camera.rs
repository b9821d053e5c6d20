//! A camera, and the thread that runs it.
//!
//! The thread owns the device. It publishes each picture to the self-view and, in a call, to the
//! encoder's mailbox; neither can hold it up. With the camera off the device is closed, so that
//! its light goes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use vrs_media::picture::{Picture, Slot};

use super::figure::Look;
use super::native_camera::NativeCamera;
use super::synthetic::SyntheticCamera;
use crate::engine::{CameraChoice, VideoSize};
use crate::newest::Newest;

/// Without a call the self-view needs no more than this, in pictures per second.
const PREVIEW_FPS: u32 = 12;
/// Orders that may wait for the camera thread.
const ORDERS_MAX: usize = 16;
/// A camera that failed is tried again this much later.
const REOPEN_AFTER: Duration = Duration::from_secs(5);

/// One captured picture, RGBA.
pub(crate) struct Frame {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rgba: Vec<u8>,
}

/// Why a camera gives no pictures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CameraProblem {
    /// No camera of that name, or none at all.
    #[error("no camera was found")]
    NotFound,
    /// The system or another program does not let us have it.
    #[error("the camera could not be used: {0}")]
    Device(String),
}

/// Something that gives pictures.
pub(crate) trait CameraSource {
    /// Blocks until the next picture, at the device's own pace.
    fn next_frame(&mut self) -> Result<Frame, CameraProblem>;
}

/// What the camera is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CameraUse {
    /// Closed.
    Off,
    /// Self-view only.
    Preview,
    /// Self-view and encoder, at full rate.
    Call,
}

/// What the driver orders.
pub(crate) enum CameraOrder {
    /// Close the device and clear the self-view.
    Off,
    /// Self-view only.
    Preview,
    /// Self-view, and this encoder's mailbox.
    Call(Newest<Captured>),
}

/// A captured picture on its way to the encoder.
pub(crate) struct Captured {
    pub(crate) picture: Arc<Picture>,
    pub(crate) at: Instant,
}

/// Where pictures and problems go.
pub(crate) struct CameraOutlets {
    pub(crate) local: Slot<Picture>,
    pub(crate) wake: Arc<dyn Fn() + Send + Sync>,
    /// Told once per failure, not once per try.
    pub(crate) problem: Box<dyn Fn(String) + Send>,
}

/// The running camera thread. Dropping it closes the device with the next picture; nobody waits
/// for that, because a stuck device may never give one.
pub(crate) struct Camera {
    orders: SyncSender<CameraOrder>,
    captured: Arc<AtomicU64>,
}

impl Camera {
    pub(crate) fn start(
        choice: CameraChoice,
        look: Look,
        size: VideoSize,
        outlets: CameraOutlets,
    ) -> std::io::Result<Self> {
        let (orders, inbox) = sync_channel(ORDERS_MAX);
        let captured = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&captured);
        std::thread::Builder::new()
            .name("visavis-camera".into())
            .spawn(move || {
                let open = move |wanted: CameraUse| open(&choice, look, size, wanted);
                run(&inbox, &open, &outlets, &counter);
            })?;
        Ok(Self { orders, captured })
    }

    /// Never blocks; an order that finds the queue full is covered by the one before it.
    pub(crate) fn order(&self, order: CameraOrder) {
        if self.orders.try_send(order).is_err() {
            tracing::warn!("the camera thread takes no orders");
        }
    }

    /// Pictures captured for a call so far.
    pub(crate) fn captured(&self) -> u64 {
        self.captured.load(Ordering::Relaxed)
    }
}

fn open(
    choice: &CameraChoice,
    look: Look,
    size: VideoSize,
    wanted: CameraUse,
) -> Result<Box<dyn CameraSource>, CameraProblem> {
    match choice {
        CameraChoice::Synthetic => {
            let fps = if wanted == CameraUse::Call {
                size.fps
            } else {
                size.fps.min(PREVIEW_FPS)
            };
            Ok(Box::new(SyntheticCamera::new(
                look,
                VideoSize { fps, ..size },
            )))
        }
        CameraChoice::Default => Ok(Box::new(NativeCamera::open(None, size)?)),
        CameraChoice::Named(name) => Ok(Box::new(NativeCamera::open(Some(name), size)?)),
    }
}

type Open<'a> = &'a dyn Fn(CameraUse) -> Result<Box<dyn CameraSource>, CameraProblem>;

/// Runs until the orders' sender is gone.
fn run(
    inbox: &Receiver<CameraOrder>,
    open: Open<'_>,
    outlets: &CameraOutlets,
    captured: &AtomicU64,
) {
    let mut wanted = CameraUse::Off;
    let mut device: Option<Box<dyn CameraSource>> = None;
    let mut last_problem = None;
    let mut counter = 0;
    let mut encoder = None;
    loop {
        // With a running camera only look for orders; without one wait for them.
        let order = match (wanted, &device) {
            (CameraUse::Off, _) => inbox.recv().map(Some).map_err(|_| ()),
            (_, None) if last_problem.is_some() => match inbox.recv_timeout(REOPEN_AFTER) {
                Ok(order) => Ok(Some(order)),
                Err(RecvTimeoutError::Timeout) => Ok(None),
                Err(RecvTimeoutError::Disconnected) => Err(()),
            },
            (CameraUse::Preview | CameraUse::Call, _) => match inbox.try_recv() {
                Ok(order) => Ok(Some(order)),
                Err(TryRecvError::Empty) => Ok(None),
                Err(TryRecvError::Disconnected) => Err(()),
            },
        };
        match order {
            Err(()) => return,
            Ok(None) => {}
            Ok(Some(order)) => {
                let before = wanted;
                (wanted, encoder) = match order {
                    CameraOrder::Off => (CameraUse::Off, None),
                    CameraOrder::Preview => (CameraUse::Preview, None),
                    CameraOrder::Call(mailbox) => (CameraUse::Call, Some(mailbox)),
                };
                if before != wanted {
                    last_problem = None;
                    device = None;
                }
            }
        }
        if wanted == CameraUse::Off {
            outlets.local.clear();
            (outlets.wake)();
            continue;
        }
        let frame = match &mut device {
            Some(source) => source.next_frame(),
            None => match open(wanted) {
                Ok(source) => {
                    device = Some(source);
                    continue;
                }
                Err(problem) => Err(problem),
            },
        };
        match frame {
            Ok(frame) => {
                last_problem = None;
                counter += 1;
                publish(frame, counter, encoder.as_ref(), outlets, captured);
            }
            Err(problem) => {
                device = None;
                let text = problem.to_string();
                if last_problem.as_ref() != Some(&text) {
                    (outlets.problem)(text.clone());
                }
                last_problem = Some(text);
            }
        }
    }
}

fn publish(
    frame: Frame,
    counter: u64,
    encoder: Option<&Newest<Captured>>,
    outlets: &CameraOutlets,
    captured: &AtomicU64,
) {
    let at = Instant::now();
    let picture = Picture {
        width: frame.width,
        height: frame.height,
        rgba: frame.rgba,
        counter,
    };
    outlets.local.put(picture);
    if let Some(encoder) = encoder
        && let Some(picture) = outlets.local.latest()
    {
        captured.fetch_add(1, Ordering::Relaxed);
        encoder.put(Captured { picture, at });
    }
    (outlets.wake)();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < deadline, "waited too long for {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn outlets(problems: &Arc<Mutex<Vec<String>>>) -> CameraOutlets {
        let problems = Arc::clone(problems);
        CameraOutlets {
            local: Slot::new(),
            wake: Arc::new(|| {}),
            problem: Box::new(move |text| problems.lock().unwrap().push(text)),
        }
    }

    #[test]
    fn preview_feeds_the_self_view_only_and_a_call_feeds_the_encoder_too() {
        let problems = Arc::default();
        let outlets = outlets(&problems);
        let (local, encoder) = (outlets.local.clone(), Newest::new());
        let size = VideoSize {
            width: 64,
            height: 48,
            fps: 30,
        };
        let camera = Camera::start(CameraChoice::Synthetic, Look::CALLER, size, outlets).unwrap();
        camera.order(CameraOrder::Preview);
        wait_until("a preview", || local.version() > 1);
        assert_eq!(camera.captured(), 0);
        camera.order(CameraOrder::Call(encoder.clone()));
        wait_until("captured pictures", || camera.captured() > 1);
        assert!(matches!(
            encoder.take(Duration::from_secs(5)),
            crate::newest::Taken::Value(_)
        ));
        camera.order(CameraOrder::Off);
        wait_until("an empty self-view", || local.latest().is_none());
        drop(camera);
        assert!(problems.lock().unwrap().is_empty());
    }

    #[test]
    fn a_missing_camera_is_named_once() {
        let problems = Arc::default();
        let size = VideoSize {
            width: 64,
            height: 48,
            fps: 30,
        };
        let choice = CameraChoice::Named("no such camera".into());
        let camera = Camera::start(choice, Look::CALLER, size, outlets(&problems)).unwrap();
        camera.order(CameraOrder::Preview);
        wait_until("a problem", || !problems.lock().unwrap().is_empty());
        drop(camera);
        assert_eq!(problems.lock().unwrap().len(), 1);
    }
}
