//! Which cameras, microphones and speakers there are, and the synthetic twins' drawing parts.
//!
//! What it is not: the devices themselves; the engine opens those.

pub use crate::capture::camera_names as cameras;
pub use crate::capture::microphone_names as microphones;
pub use crate::playout::speaker_names as speakers;

pub use crate::capture::strip;
pub use crate::capture::{Look, Painter, wall_clock_ms};
