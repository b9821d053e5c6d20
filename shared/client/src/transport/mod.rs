//! The two roads to the server: SIP over a secure WebSocket, media over UDP.
//!
//! What it is: sockets, TLS and keep-alives, with bounded queues. What it is not: it reads no SIP
//! and no RTP. Start reading at [`wss::connect`].

pub(crate) mod address;
pub(crate) mod tls;
pub(crate) mod udp;
pub(crate) mod wss;
