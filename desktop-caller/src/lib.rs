//! The Deaf caller's app.
//!
//! What it is: the window in which somebody signs in, dials, sees the interpreter, types, and
//! hangs up. It is a library as well as a program, so that tests can build the app.
//! What it is not: it makes no calls (`vrs-client` does) and draws no controls of its own
//! (`vrs-ui` does).
//! Start reading at [`CallerApp`], then [`model::Model`] and [`update::update`].

pub mod app;
#[path = "../../shared/ui/glue/mod.rs"]
pub mod glue;
pub mod message;
pub mod model;
pub mod update;
mod view;

pub use app::{Arguments, CallerApp, Options};
pub use message::Message;
pub use model::Model;
