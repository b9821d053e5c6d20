//! The whole user agent without a window.
//!
//! What it is: one [`Engine`] that signs in over SIP/WSS, places and takes calls, captures, codes,
//! sends, receives, decodes and plays picture, sound and real-time text, and reconnects by itself;
//! plus what an app keeps between two starts ([`keep`]).
//! What it is not: it draws nothing and knows no toolkit; SIP itself is in `vrs-sip`, media
//! transport in `vrs-media`, both pure; this crate gives them sockets, devices and the clock.
//! Start reading at [`Engine`], then `engine/driver.rs`.

mod capture;
mod codec;
pub mod devices;
pub mod engine;
pub mod keep;
mod newest;
mod playout;
mod transport;

pub use engine::{
    CallEnd, CallStats, CallView, CameraChoice, Command, Connection, Direction, Engine,
    EngineConfig, EngineError, Event, Invitation, LocationReport, MicrophoneChoice, Role,
    SeatRefusal, Seats, SignInProblem, SpeakerChoice, StateAt, VideoSize,
};
