//! How many connections may stand at once: `relay_core::admission` counts, a [`Permit`] gives back.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use relay_core::admission::{Connections, RetryAfter};

/// Counts the connections that stand (A20).
#[derive(Debug, Default, Clone)]
pub struct Places(Arc<Mutex<Connections>>);

impl Places {
    /// Counts one more until the permit is dropped.
    ///
    /// # Errors
    /// [`RetryAfter`] when the server or this address carries as many as it may.
    pub fn admit(&self, address: IpAddr) -> Result<Permit, RetryAfter> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .open(address)?;
        Ok(Permit {
            places: self.clone(),
            address,
        })
    }
}

/// One connection's place; given back on drop.
#[derive(Debug)]
pub struct Permit {
    places: Places,
    address: IpAddr,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.places
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .close(self.address);
    }
}

#[cfg(test)]
mod tests {
    use vrs_domain::limit;

    use super::*;

    #[test]
    fn a20_places_are_limited_and_given_back() {
        let places = Places::default();
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        let admitted = |_| places.admit(here).unwrap();
        let permits: Vec<_> = (0..limit::CONNECTIONS_PER_ADDRESS_MAX)
            .map(admitted)
            .collect();
        assert!(places.admit(here).is_err());
        drop(permits);
        assert!(places.admit(here).is_ok());
    }
}
