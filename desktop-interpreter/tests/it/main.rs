//! The interpreter's app in a window that nobody sees: how it looks, and what hands and keys do.

#![allow(clippy::unwrap_used)] // a test may

use desktop_interpreter as app;

mod hands;
#[path = "../../../shared/ui/glue/rig.rs"]
mod rig;
mod screens;
mod script;
