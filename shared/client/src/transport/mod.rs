//! The roads to the server: SIP over a secure WebSocket, media over UDP, and media through the
//! server's TURN over UDP, TCP or TLS where nothing else passes.
//!
//! What it is: sockets, TLS and keep-alives, with bounded queues. What it is not: it reads no SIP
//! and no RTP. Start reading at [`wss::connect`] and [`network::Network`].

pub(crate) mod address;
pub(crate) mod ice_servers;
pub(crate) mod network;
pub(crate) mod relay;
pub(crate) mod stream;
pub(crate) mod stun;
pub(crate) mod tls;
pub(crate) mod udp;
pub(crate) mod wss;
