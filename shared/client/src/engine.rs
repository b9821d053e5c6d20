//! The engine's face: start it, send it commands, read its events, look at its pictures.
//!
//! What it is: the handle that a window holds; it never blocks and shares no lock with the driver.
//! What it is not: it does nothing itself. Everything happens in [`driver`], on one named thread.
//! Start reading at [`Engine::start`], then `driver.rs`.

use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::keep::Installation;
use tokio::sync::mpsc::Sender;
use vrs_media::picture::{Picture, Slot};

mod call;
mod command;
mod driver;
mod event;
mod histogram;
mod media;
mod outlet;
mod reconnect;
mod report;
mod sign_in;
mod status;

pub use command::Command;
pub use event::{
    CallEnd, CallStats, CallView, Connection, Direction, Event, Invitation, LocationReport,
    SeatRefusal, Seats, SignInProblem, StateAt,
};
pub(crate) use report::MediaReport;

/// Commands that may wait for the driver; people do not type faster.
const COMMANDS_MAX: usize = 256;
/// Events that may wait for the window; past it readings are dropped and the rest is held back.
const EVENTS_MAX: usize = 1024;
/// How long a clean end may take: BYE and unregister.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Which side of a relayed call this program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The Deaf caller: starts with the microphone muted.
    Caller,
    /// The interpreter.
    Interpreter,
}

/// Which camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameraChoice {
    /// The system's first.
    Default,
    /// The one whose name contains this.
    Named(String),
    /// The drawn signing figure.
    Synthetic,
}

/// Which microphone.
#[derive(Debug, Clone, PartialEq)]
pub enum MicrophoneChoice {
    /// The system's default.
    Default,
    /// The one of this name.
    Named(String),
    /// A steady tone.
    Synthetic {
        /// Its pitch; 0 is silence.
        hz: f32,
    },
}

/// Which speaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpeakerChoice {
    /// The system's default.
    Default,
    /// The one of this name.
    Named(String),
    /// None; loudness is measured all the same.
    Null,
}

/// The size of our own picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoSize {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures per second.
    pub fps: u32,
}

impl Default for VideoSize {
    fn default() -> Self {
        Self {
            width: 640,
            height: 480,
            fps: 30,
        }
    }
}

/// What an engine needs to know before it starts.
#[derive(Clone)]
pub struct EngineConfig {
    /// Caller or interpreter.
    pub role: Role,
    /// The camera.
    pub camera: CameraChoice,
    /// The microphone.
    pub microphone: MicrophoneChoice,
    /// The speaker.
    pub speaker: SpeakerChoice,
    /// Certificates to trust besides the system's.
    pub extra_ca_pem: Option<PathBuf>,
    /// Called after each event and each picture, from the engine's threads: must return at once.
    pub wake: Arc<dyn Fn() + Send + Sync>,
    /// Our own picture.
    pub video: VideoSize,
    /// Picture and sound pass only through the server's relay (TURN), so that the other end never
    /// learns our address; without one there is no call.
    pub relay_only: bool,
    /// This installation, the same at each start: calls and registrations follow it from one
    /// connection to the next (RFC 5626 section 4.1, R59).
    pub installation: Installation,
}

impl EngineConfig {
    /// Real devices, usual size, nobody to wake, an installation of its own.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self {
            role,
            camera: CameraChoice::Default,
            microphone: MicrophoneChoice::Default,
            speaker: SpeakerChoice::Default,
            extra_ca_pem: None,
            wake: Arc::new(|| {}),
            video: VideoSize::default(),
            relay_only: false,
            installation: Installation::random(),
        }
    }
}

impl fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineConfig")
            .field("role", &self.role)
            .field("video", &self.video)
            .finish_non_exhaustive()
    }
}

/// Why an engine did not start; nothing runs then.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The system refuses threads or event queues.
    #[error("the call engine could not be started: {0}")]
    System(#[from] std::io::Error),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// The certificates cannot be used: the extra file, or the system has none.
    #[error("{0}")]
    Certificates(String),
}

/// A running user agent without a window. Dropping it hangs up, unregisters and ends within two seconds.
pub struct Engine {
    commands: Option<Sender<Command>>,
    events: Mutex<Receiver<Event>>,
    ended: Mutex<Receiver<()>>,
    remote: Slot<Picture>,
    local: Slot<Picture>,
}

impl Engine {
    /// Starts the driver's thread. No device is opened and nothing is sent until a sign-in.
    ///
    /// # Errors
    /// [`EngineError`] when the system or the certificate file do not allow it.
    pub fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let (commands, command_inbox) = tokio::sync::mpsc::channel(COMMANDS_MAX);
        let (event_outbox, events) = sync_channel(EVENTS_MAX);
        let (end, ended) = sync_channel(1);
        let (remote, local) = (Slot::new(), Slot::new());
        let outlet = outlet::Outlet::new(event_outbox, Arc::clone(&config.wake));
        let driver = driver::Driver::new(config, outlet, remote.clone(), local.clone())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("visavis-resolver")
            .max_blocking_threads(2)
            .build()?;
        std::thread::Builder::new()
            .name("visavis-engine".into())
            .spawn(move || {
                runtime.block_on(driver.run(command_inbox));
                // A name that is still being looked up must not hold the end up.
                runtime.shutdown_background();
                if end.try_send(()).is_err() {
                    tracing::debug!("nobody waits for the engine's end");
                }
            })?;
        Ok(Self {
            commands: Some(commands),
            events: Mutex::new(events),
            ended: Mutex::new(ended),
            remote,
            local,
        })
    }

    /// Hands over a command; never blocks. Told in the log if the engine is gone or 256 commands behind.
    pub fn send(&self, command: Command) {
        if let Some(commands) = &self.commands
            && commands.try_send(command).is_err()
        {
            tracing::error!("the engine takes no commands");
        }
    }

    /// The next event, if one is waiting.
    pub fn try_event(&self) -> Option<Event> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .try_recv()
            .ok()
    }

    /// The next event, waiting for it at most `timeout`.
    pub fn next_event(&self, timeout: Duration) -> Option<Event> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.recv_timeout(timeout).ok()
    }

    /// The other end's picture; empty when there is none.
    #[must_use]
    pub fn remote_picture(&self) -> Slot<Picture> {
        self.remote.clone()
    }

    /// Our own picture, as captured; empty while the camera is off.
    #[must_use]
    pub fn local_picture(&self) -> Slot<Picture> {
        self.local.clone()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.commands = None;
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(END_WITHIN) {
            tracing::warn!("the engine did not end in time and was left behind");
        }
    }
}
