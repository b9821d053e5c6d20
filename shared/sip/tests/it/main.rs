//! What vrs-sip promises, tested in virtual time.
//!
//! `pair` is the harness: two endpoints, a clock that jumps to the next deadline, and a network
//! that loses, doubles and reorders by a seed. `torture` runs RFC 4475, `calls` and
//! `registration` whole conversations, `security` the attacks by their ids, `fixpoint` proves
//! that printing adds nothing.
#![allow(clippy::disallowed_methods)]
// one `Instant::now()` as the epoch of virtual time
// A test asks for one event among many, and its helpers may fail loudly as tests do.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used)]

mod calls;
mod fixpoint;
mod foreign;
mod pair;
mod registration;
mod saved;
mod security;
mod torture;
