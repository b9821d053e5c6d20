//! The four transaction machines of RFC 3261 section 17, with the Accepted state of RFC 6026.
//!
//! What it is: one type per machine, each holding the octets it may have to send again and a
//! small table of named timers. What it is not: it parses nothing and knows no dialog; the
//! endpoint tells a machine the status it saw and does what the [`Reaction`] says.
//!
//! ```text
//! invite_client   Calling ─1xx→ Proceeding ─2xx→ Accepted ─M→ ∎      (300-699 → Completed ─D→ ∎)
//! invite_server   Proceeding ─2xx→ Accepted ─L→ ∎   (300-699 → Completed ─ACK→ Confirmed ─I→ ∎)
//! client          Trying ─1xx→ Proceeding ─final→ Completed ─K→ ∎
//! server          Trying ─1xx→ Proceeding ─final→ Completed ─J→ ∎
//! ```
//! Start reading at [`InviteClient`].

mod client;
mod invite_client;
mod invite_server;
mod key;
mod server;
mod timers;

pub use client::Client;
pub use invite_client::InviteClient;
pub use invite_server::InviteServer;
pub use key::{ClientKey, ServerKey};
pub use server::Server;
pub use timers::{T1, T2, T4, TRANSACTION_TIMEOUT, Timer, Timers};

use std::sync::Arc;

/// What a machine wants done after something happened to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// Send these octets on the transaction's flow.
    pub transmit: Option<Arc<[u8]>>,
    /// Hand the message that came in to the transaction's user.
    pub deliver: bool,
    /// Tell the user that no answer came (timers B, F) or no ACK came (timer H).
    pub timed_out: bool,
}

impl Reaction {
    fn nothing() -> Self {
        Self::default()
    }

    fn deliver() -> Self {
        Self {
            deliver: true,
            ..Self::default()
        }
    }

    fn send(octets: &Arc<[u8]>) -> Self {
        Self {
            transmit: Some(Arc::clone(octets)),
            ..Self::default()
        }
    }

    fn timed_out() -> Self {
        Self {
            timed_out: true,
            ..Self::default()
        }
    }
}
