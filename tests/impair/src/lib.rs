//! A bad network between two UDP ends on one machine: loss, bursts, delay, jitter, reordering,
//! copies, rate and outages, drawn from a seed.
//!
//! What it is: [`Link`] is one direction of a network as a pure machine, [`Profile`] says how bad
//! it is, [`Clients`] keeps two links for each client, and [`Proxy`] drives them over loopback
//! sockets on a thread of its own, for tests and for the program `impair`.
//! What it is not: a model of any real network, a router or a NAT for other machines: it listens
//! and sends on the loopback only, changes no byte of a datagram and passes no ICMP on.
//! Start reading at [`Link`]; tests of other crates start at [`Proxy::spawn`].

mod clients;
mod counters;
mod link;
mod profile;
mod proxy;

pub use clients::{Admission, CLIENT_SILENT_MAX, CLIENTS_MAX, Clients, Direction};
pub use counters::{ClientReport, Counters, Report};
pub use link::{HEADER_BYTES, HELD_BACK_MAX, Link, WAITING_BYTES_MAX, WAITING_DATAGRAMS_MAX};
pub use profile::{Burst, Hold, Profile, ProfileError, Rate, Reorder, limits};
pub use proxy::{Proxy, ProxyError, Settings};
