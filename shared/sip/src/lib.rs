//! SIP user agents as pure machines.
//!
//! What it is: RFC 3261 messages, transactions (with the RFC 6026 repair), dialogs, digest
//! (RFC 7616, RFC 8760), registration (RFC 5626 contacts) and one [`Endpoint`] in front of them,
//! over WebSocket (RFC 7118), TLS, TCP and UDP flows.
//! What it is not: it opens no socket, reads no clock, draws no randomness of its own and knows
//! nothing of relay calls: bytes, time and a seed are handed in; bytes, events and the next
//! deadline come out.
//! Start reading at [`Endpoint`]; then [`message`] for what is on the wire, [`transaction`] for
//! the four machines, [`digest`] for who may speak.
//!
//! The loop of a driver, after every call that takes `now`:
//! 1. drain [`Endpoint::poll_output`] until it returns `None`,
//! 2. sleep until [`Endpoint::poll_timeout`] or until bytes arrive,
//! 3. call [`Endpoint::handle_timeout`] or [`Endpoint::receive`].

mod dialog;
pub mod digest;
mod endpoint;
pub mod framer;
pub mod limit;
pub mod message;
pub mod multipart;
mod random;
mod registration;
mod secret;
pub mod transaction;

pub use dialog::{Dialog, DialogId};
pub use endpoint::{
    Body, CallHandle, ClientTransactionHandle, Enclosure, Endpoint, EndpointConfig, Event,
    FlowAddress, FlowId, FlowKind, InviteParams, Output, RegisterParams, RegistrationHandle,
    RequestParams, Role, SavedCall, TransactionHandle,
};
pub use framer::{FrameError, Framed, StreamFramer};
pub use message::{
    CSeq, Contacts, Headers, Message, Method, NameAddr, Params, ParseError, Reason, Request,
    Response, Scheme, Transport, Uri, Via, parse,
};
pub use multipart::Part;
pub use secret::{Credentials, Secret};
