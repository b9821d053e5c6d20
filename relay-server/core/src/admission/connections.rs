//! Connections held open, counted per address and over all.
//!
//! What it is not: it closes nothing; each successful [`Connections::open`] is to be followed by
//! one [`Connections::close`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use vrs_domain::limit;

use super::{RetryAfter, network};

/// What is asked to wait when there is no room: long enough not to be a flood, short enough for
/// somebody who lost a connection in a call.
const RETRY: RetryAfter = RetryAfter { seconds: 5 };

/// Counts open connections; an IPv6 address counts as its /64.
#[derive(Debug, Default)]
pub struct Connections {
    per_address: BTreeMap<IpAddr, usize>,
    open: usize,
}

impl Connections {
    /// None is open.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more connection from `address`.
    ///
    /// # Errors
    /// [`RetryAfter`] past `limit::CONNECTIONS_PER_ADDRESS_MAX` or `limit::CONNECTIONS_MAX`; then
    /// it is not counted.
    pub fn open(&mut self, address: IpAddr) -> Result<(), RetryAfter> {
        let address = network(address);
        let here = self.per_address.get(&address).copied().unwrap_or_default();
        if here >= limit::CONNECTIONS_PER_ADDRESS_MAX || self.open >= limit::CONNECTIONS_MAX {
            return Err(RETRY);
        }
        self.per_address.insert(address, here + 1);
        self.open += 1;
        Ok(())
    }

    /// A connection from `address` is closed; strangers do nothing.
    pub fn close(&mut self, address: IpAddr) {
        let address = network(address);
        let Some(here) = self.per_address.get_mut(&address) else {
            return;
        };
        *here -= 1;
        if *here == 0 {
            self.per_address.remove(&address);
        }
        self.open -= 1;
    }

    /// How many are open.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.open
    }
}
