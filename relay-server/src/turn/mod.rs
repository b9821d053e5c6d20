//! STUN and TURN (RFC 8656) for callers behind firewalls that let no media through.
//!
//! What it is: a machine without sockets ([`machine`]) over the message codec of
//! `turn-server-proto`, a thread of its own with the UDP sockets, and tasks for streams over TCP and
//! TLS ([`serve`]). Credentials are time-limited and made from a shared secret ([`credential`]);
//! who signs in is told one ([`told`]);
//! quotas and bandwidth count per account; relays reach only addresses that a public host may
//! reach ([`peer`]), each other, and the server's own media port.
//! What it is not: no TCP relays (RFC 6062), no reserved port pairs, no second address for one
//! allocation, no mobility.
//! Why not the crate's own server: it keeps a nonce for every source address for ever, cannot
//! forget a user, refuses a retransmitted Allocate, and has no quota and no peer filter.
//! Start reading at [`serve`], then [`machine::Machine`].

mod accounts;
mod authenticate;
pub mod credential;
mod figures;
mod framing;
mod limiter;
pub mod machine;
mod nonce;
mod own;
pub mod peer;
mod permissions;
mod ports;
mod reply;
mod requests;
mod start;
mod streams;
#[cfg(test)]
mod tests;
mod thread;
pub mod told;
mod ways;

pub use credential::Credential;
pub use start::{TurnError, TurnHandle, serve};
pub use told::Told;
