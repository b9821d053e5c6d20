//! The Visavis relay server, as a library behind a small binary.
//!
//! What it is: the drivers around the pure parts (`relay-core`, `vrs-sip`, `vrs-media`): sockets,
//! files, clocks, threads. What it is not: it decides nothing about a call; that is `relay-core`.
//! Start reading at [`app`] (how the parts are put together) or [`cli`] (what an operator types).

pub mod accounts;
pub mod alive;
pub mod app;
pub mod cli;
pub mod config;
pub mod edge;
pub mod init;
pub mod journal;
pub mod reports;
pub mod session;
pub mod sfu;
pub mod signalling;
pub mod store;
pub mod switchboard;
pub mod tls;
pub mod turn;
pub mod udp;
