//! The named timers of RFC 3261 table 4 and RFC 6026.

use std::time::{Duration, Instant};

/// Round-trip time estimate.
pub const T1: Duration = Duration::from_millis(500);
/// Longest gap between two copies of a non-INVITE request or of a response to INVITE.
pub const T2: Duration = Duration::from_secs(4);
/// Longest time a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64*T1: how long a transaction waits for its peer.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(32);

/// Which timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// INVITE client: next copy of the request, datagrams only.
    A,
    /// INVITE client: gives up waiting for any response.
    B,
    /// INVITE client: absorbs copies of a 300-699.
    D,
    /// Client: next copy of the request, datagrams only.
    E,
    /// Client: gives up waiting for a final response.
    F,
    /// INVITE server: next copy of a 300-699, datagrams only.
    G,
    /// INVITE server: gives up waiting for the ACK.
    H,
    /// INVITE server: absorbs copies of the ACK.
    I,
    /// Server: absorbs copies of the request.
    J,
    /// Client: absorbs copies of the response.
    K,
    /// INVITE server: absorbs copies of the INVITE after a 2xx (RFC 6026).
    L,
    /// INVITE client: passes on copies of the 2xx (RFC 6026).
    M,
    /// Server: its user never answered; not in the RFC, it bounds memory.
    Abandoned,
}

/// The running timers of one machine; never more than three at a time.
#[derive(Clone, Debug, Default)]
pub struct Timers(Vec<(Timer, Instant)>);

impl Timers {
    /// Starts or restarts a timer.
    pub fn set(&mut self, timer: Timer, at: Instant) {
        self.stop(timer);
        self.0.push((timer, at));
    }

    /// Stops a timer.
    pub fn stop(&mut self, timer: Timer) {
        self.0.retain(|(running, _)| *running != timer);
    }

    /// Stops all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The next deadline; changes after [`Timers::set`], [`Timers::stop`], [`Timers::expired`].
    pub fn next(&self) -> Option<Instant> {
        self.0.iter().map(|(_, at)| *at).min()
    }

    /// Takes one timer that is due, the earliest first.
    pub fn expired(&mut self, now: Instant) -> Option<Timer> {
        let (index, (timer, at)) = self
            .0
            .iter()
            .copied()
            .enumerate()
            .min_by_key(|(_, (_, at))| *at)?;
        if at > now {
            return None;
        }
        self.0.swap_remove(index);
        Some(timer)
    }
}
