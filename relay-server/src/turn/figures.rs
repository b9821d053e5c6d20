//! What was relayed, refused and dropped, as plain counters; the exporter of metrics is told once
//! a second.

use std::collections::BTreeMap;

use super::reply::Transport;

/// Which way data went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    ToPeer,
    ToClient,
}

/// Why data went nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dropped {
    /// The account's bandwidth is used up.
    AccountRate,
    /// The server's bandwidth is used up.
    TotalRate,
    /// A socket's or stream's queue is full.
    QueueFull,
    /// The system would not send it.
    Unsendable,
    /// There is no allocation, permission or channel for it.
    NotPermitted,
    /// A refusal that would be one too many, or too large (A46).
    Rationed,
}

impl Dropped {
    const ALL: [Self; 6] = [
        Self::AccountRate,
        Self::TotalRate,
        Self::QueueFull,
        Self::Unsendable,
        Self::NotPermitted,
        Self::Rationed,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::AccountRate => "account_rate",
            Self::TotalRate => "total_rate",
            Self::QueueFull => "queue_full",
            Self::Unsendable => "unsendable",
            Self::NotPermitted => "not_permitted",
            Self::Rationed => "rationed",
        }
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Traffic {
    packets: u64,
    bytes: u64,
}

/// Counters since the start.
#[derive(Debug, Default)]
pub(super) struct Figures {
    to_peer: Traffic,
    to_client: Traffic,
    dropped: [u64; Dropped::ALL.len()],
    refusals: BTreeMap<u16, u64>,
    allocations: [u64; Transport::ALL.len()],
}

impl Figures {
    pub(super) fn relayed(&mut self, direction: Direction, packets: u64, bytes: usize) {
        let traffic = match direction {
            Direction::ToPeer => &mut self.to_peer,
            Direction::ToClient => &mut self.to_client,
        };
        traffic.packets += packets;
        traffic.bytes += u64::try_from(bytes).unwrap_or_default();
    }

    pub(super) fn dropped(&mut self, why: Dropped, packets: u64) {
        self.dropped[why as usize] += packets;
    }

    pub(super) fn refused(&mut self, code: u16) {
        *self.refusals.entry(code).or_default() += 1;
    }

    pub(super) fn allocated(&mut self, transport: Transport) {
        self.allocations[transport as usize] += 1;
    }

    pub(super) fn deallocated(&mut self, transport: Transport) {
        let count = &mut self.allocations[transport as usize];
        *count = count.saturating_sub(1);
    }

    /// Tells the exporter.
    pub(super) fn export(&self) {
        for transport in Transport::ALL {
            let count = self.allocations[transport as usize];
            metrics::gauge!("visavis_turn_allocations", "transport" => transport.word())
                .set(u32::try_from(count).map_or(f64::INFINITY, f64::from));
        }
        for (word, traffic) in [("to_peer", self.to_peer), ("to_client", self.to_client)] {
            metrics::counter!("visavis_turn_relayed_packets_total", "direction" => word)
                .absolute(traffic.packets);
            metrics::counter!("visavis_turn_relayed_bytes_total", "direction" => word)
                .absolute(traffic.bytes);
        }
        for why in Dropped::ALL {
            metrics::counter!("visavis_turn_dropped_total", "reason" => why.word())
                .absolute(self.dropped[why as usize]);
        }
        for (code, &count) in &self.refusals {
            metrics::counter!("visavis_turn_refusals_total", "code" => code.to_string())
                .absolute(count);
        }
    }

    /// How many were dropped for a reason.
    #[cfg(test)]
    pub(super) fn count(&self, why: Dropped) -> u64 {
        self.dropped[why as usize]
    }

    /// How many were refused with a code.
    #[cfg(test)]
    pub(super) fn refusals(&self, code: u16) -> u64 {
        self.refusals.get(&code).copied().unwrap_or_default()
    }

    /// Allocations at the moment, by transport.
    #[cfg(test)]
    pub(super) const fn allocations(&self) -> [u64; Transport::ALL.len()] {
        self.allocations
    }
}
