//! Whole calls through the server's tasks: what becomes of them when somebody or something fails.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for one thing among many"
)]

mod away;
mod dialling;
mod emergency;
mod farewell;
mod interpreters;
mod journal;
mod media;
mod office;
mod panics;
mod party;
mod plane;
mod requests;
mod restarts;
mod ringing;
mod whereabouts;
