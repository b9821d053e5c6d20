//! The server's own tasks in virtual time, under seeded faults.
//!
//! What it is: signalling, queue, sessions and journal exactly as `relay-server` runs them
//! ([`relay_server::switchboard`]), in one thread whose clock jumps from one event to the next.
//! Around them stand a network that loses and delays ([`network`]), a disk that fails ([`disk`]),
//! a media plane that only answers ([`media`]), and people ([`person`]) who are impatient, decline,
//! sleep and vanish; now and then a word comes that nobody said ([`words`]). What the server holds
//! meanwhile is looked at from outside ([`live`]). Everything a run does
//! is drawn from its seed beforehand ([`plan`]) for the accounts of [`cast`]; what it must never do
//! is checked while it runs and afterwards in its journal ([`check`]).
//! What it is not: fast or slow; time is not measured here. No packet of media is forwarded.
//!
//! The same seed gives the same journal, byte for byte; a failing seed is shortened ([`shrink`]).
//! Start reading at [`world::run`].

pub mod cast;
#[allow(clippy::wildcard_enum_match_arm)] // many records change no state
pub mod check;
pub mod disk;
pub mod live;
pub mod media;
pub mod network;
#[allow(clippy::wildcard_enum_match_arm)] // people hear only what concerns them
pub mod person;
pub mod plan;
pub mod shrink;
pub mod words;
pub mod world;

pub use cast::Cast;
pub use plan::Plan;
pub use world::{Outcome, run};
