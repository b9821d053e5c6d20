//! Real programs on loopback, for tests: relay server, telephone and client engines.
//!
//! What it is: [`Service`] runs the `relay-server` and `telephone` binaries in a folder of their
//! own; [`Party`] is a real client engine with a synthetic camera and microphone;
//! [`Cable`] is a connection between them that can be cut.
//! What it is not: nothing of the product is replaced; tests drive it as people do.
//! Start reading at [`Service`].

mod cable;
mod network;
mod party;
mod programs;
mod records;
mod service;
mod turn;

pub use cable::Cable;
pub use party::{Party, is_talking};
pub use programs::{Program, binary};
pub use records::{Record, seconds, server};
pub use service::{
    CALLER, CALLER_PASSWORD, INTERPRETER, INTERPRETER_PASSWORD, NUMBER, SECOND, Service,
    ServiceBuilder,
};
