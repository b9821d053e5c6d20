//! Where the kit and the call engine meet.
//!
//! What it is: the only code that knows both `vrs-ui` and `vrs-client`. Neither crate may know the
//! other, and both apps need the same few lines, so each app compiles this folder into itself
//! (`#[path]` in its `lib.rs`).
//! What it is not: it is no part of the `vrs-ui` crate, and has no opinion about either app.
//! Start reading at [`run`].

mod call;
mod engine;
mod report;
mod start;
mod window;

pub use call::{Ongoing, Told, update_desk};
pub use engine::{RealCalls, command, facts, link, problem};
pub use report::report;
pub use start::{Kept, StartError, Started, engine_config, start};
pub use window::{App, Identity, Options, run, run_program};
