//! What the client sees and hears of its own user: cameras and microphones, real and synthetic.
//!
//! What it is: one trait per kind of device, each with a real and a synthetic twin, and the named
//! thread that runs a camera. What it is not: it encodes nothing and knows no call.
//! Start reading at [`camera::CameraSource`] and [`microphone::MicrophoneSource`].

pub(crate) mod camera;
mod canvas;
mod digits;
mod figure;
pub(crate) mod microphone;
mod native_camera;
mod resample;
pub mod strip;
mod synthetic;

pub use figure::Look;
pub use microphone::names as microphone_names;
pub use native_camera::names as camera_names;
pub(crate) use resample::Resampler;
pub use synthetic::{Painter, wall_clock_ms};
