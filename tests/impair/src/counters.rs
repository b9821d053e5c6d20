//! What happened to datagrams, counted; `impair` prints these as JSON.

use std::net::SocketAddr;
use std::ops::AddAssign;

use serde::Serialize;

/// What one [`Link`](crate::Link) did, in datagrams since its beginning.
///
/// `taken + duplicated` is what was delivered, dropped in any way, or waits still.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Handed to the link.
    pub taken: u64,
    /// Handed out by the link, copies included.
    pub delivered: u64,
    /// Lost by random loss.
    pub dropped_loss: u64,
    /// Lost by the Gilbert-Elliott model, in its good state or its bad one.
    pub dropped_burst: u64,
    /// Found the queue before the rate full.
    pub dropped_queue: u64,
    /// Came, or were on their way, while the link was cut.
    pub dropped_outage: u64,
    /// Found more waiting than this program keeps; no property of the network that is played.
    pub dropped_limit: u64,
    /// Copies that were made.
    pub duplicated: u64,
    /// Delivered after a datagram that was taken later (RFC 4737 section 3.3), copies not counted.
    pub reordered: u64,
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        // Taken apart by name, so that a counter that is added later is not forgotten here.
        let Self {
            taken,
            delivered,
            dropped_loss,
            dropped_burst,
            dropped_queue,
            dropped_outage,
            dropped_limit,
            duplicated,
            reordered,
        } = other;
        self.taken += taken;
        self.delivered += delivered;
        self.dropped_loss += dropped_loss;
        self.dropped_burst += dropped_burst;
        self.dropped_queue += dropped_queue;
        self.dropped_outage += dropped_outage;
        self.dropped_limit += dropped_limit;
        self.duplicated += duplicated;
        self.reordered += reordered;
    }
}

/// What a [`Proxy`](crate::Proxy) did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// From clients to the target, all clients together, those that are forgotten included.
    pub up: Counters,
    /// From the target to clients, likewise.
    pub down: Counters,
    /// Datagrams of clients that were not admitted.
    pub refused: u64,
    /// Datagrams that a link delivered and the system would not send.
    pub unsent: u64,
    /// Each client that is known now, by address.
    pub clients: Vec<ClientReport>,
}

/// One client of a [`Proxy`](crate::Proxy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ClientReport {
    /// Where it sends from.
    pub client: SocketAddr,
    /// Where its datagrams come from in the eyes of the target.
    pub seen_as: SocketAddr,
    /// From the client to the target.
    pub up: Counters,
    /// From the target to the client.
    pub down: Counters,
}
