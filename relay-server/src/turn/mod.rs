//! STUN and TURN (RFC 8656) for callers behind firewalls that let no media through.
//!
//! What it is: a machine without sockets ([`machine`]) over the message codec of
//! `turn-server-proto`, and a driver with sockets ([`serve`]). Credentials are time-limited and
//! made from a shared secret ([`credential`]); quotas count per account; relays reach only
//! addresses that a public host may reach ([`peer`]), and the server's own media port.
//! What it is not: no TCP relays (RFC 6062), no reserved port pairs, no mobility; TLS belongs to the secure
//! port in front.
//! Why not the crate's own server: it keeps a nonce for every source address for ever, cannot
//! forget a user, refuses a retransmitted Allocate, and has no quota and no peer filter.
//! Start reading at [`serve`], then [`machine::Machine`].

pub mod credential;
mod driver;
mod framing;
mod limiter;
pub mod machine;
mod nonce;
pub mod peer;
mod permissions;
mod reply;
mod requests;
#[cfg(test)]
mod tests;

pub use credential::Credential;
pub use driver::{TurnError, TurnHandle, serve};
