//! The interpreter's app.
//!
//! What it is: the window in which an interpreter says whether calls may come, takes one, sees the
//! caller, hears the telephone, types, and ends the call. It is a library as well as a program, so
//! that tests can build the app.
//! What it is not: it makes no calls (`vrs-client` does) and draws no controls of its own
//! (`vrs-ui` does).
//! Start reading at [`InterpreterApp`], then [`model::Model`] and [`update::update`].

pub mod app;
#[path = "../../shared/ui/glue/mod.rs"]
pub mod glue;
pub mod message;
pub mod model;
pub mod update;
mod view;

pub use app::{Arguments, InterpreterApp, Options};
pub use message::Message;
pub use model::Model;
