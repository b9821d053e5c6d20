//! Sockets: bytes in, bytes out, nothing else.
//!
//! What it is: the secure port (HTTPS and SIP over WebSocket) and the trunk's UDP, TCP and TLS.
//! Each connection, or each gateway on a datagram socket, is a *flow*; what arrives on it is
//! handed to the signalling task as an [`Arrival`], and what it is to send comes from a bounded
//! queue. What it is not: nothing here knows a SIP method.
//! Start reading at [`Arrival`], then [`secure`] and [`trunk`].

pub mod admin;
pub mod limits;
pub mod secure;
pub mod trunk;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use vrs_sip::{FlowId, FlowKind};

/// What a flow hands to the signalling task.
#[derive(Debug)]
pub enum Arrival {
    /// A connection stands (or a datagram gateway is known).
    Opened(Opened),
    /// One whole SIP message.
    Received {
        /// The flow it came on.
        flow: FlowId,
        /// The message.
        bytes: Vec<u8>,
    },
    /// The connection is gone.
    Closed {
        /// The flow that no longer exists.
        flow: FlowId,
    },
}

/// A new flow.
#[derive(Debug)]
pub struct Opened {
    /// Its id, never used again.
    pub flow: FlowId,
    /// Which timers and which Via transport apply.
    pub kind: FlowKind,
    /// Our end, as `host:port`, for Via and Contact.
    pub local: String,
    /// The other end.
    pub peer: SocketAddr,
    /// The gateway's name when this is a trunk flow.
    pub trunk: Option<String>,
    /// We made the connection and checked who is there, rather than being called.
    pub dialled: bool,
    /// What is put in here is sent; when it is full the flow is cut.
    pub outbox: mpsc::Sender<Vec<u8>>,
}

/// Hands out flow ids.
#[derive(Debug, Default)]
pub struct FlowIds(AtomicU64);

impl FlowIds {
    /// An id that was never handed out before.
    pub fn next(&self) -> FlowId {
        FlowId(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
