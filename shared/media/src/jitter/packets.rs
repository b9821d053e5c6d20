//! Packets in the order of their RTP time, before they are decoded.

use std::collections::{BTreeMap, BTreeSet};

/// Packets kept at most.
const PACKETS_MAX: usize = 256;
/// Packets that are remembered, so that a copy is told from one that is late.
const SEEN_MAX: usize = 256;

/// One packet that waits.
#[derive(Debug)]
pub(super) struct Packet {
    /// How long it lasts, in units of RTP time.
    pub(super) length: i64,
    pub(super) data: Vec<u8>,
}

/// Packets by their unwrapped RTP time.
#[derive(Debug, Default)]
pub(super) struct Packets {
    by_time: BTreeMap<i64, Packet>,
    newest: Option<i64>,
    seen: BTreeSet<i64>,
}

impl Packets {
    /// RTP time without its 32-bit wrap, near the newest one seen.
    pub(super) fn unwrap(&self, timestamp: u32) -> i64 {
        self.newest.map_or(i64::from(timestamp), |newest| {
            // Keeping the low 32 bits is the point, and so is reading the difference as signed.
            newest + i64::from(timestamp.wrapping_sub(newest as u32) as i32)
        })
    }

    /// How far `time` is from the newest; later ones are above zero.
    pub(super) fn ahead(&self, time: i64) -> i64 {
        self.newest.map_or(0, |newest| time - newest)
    }

    /// Notes that a packet came; `false` when it was here before.
    pub(super) fn note(&mut self, time: i64) -> bool {
        self.newest = Some(self.newest.map_or(time, |newest| newest.max(time)));
        let is_new = self.seen.insert(time);
        if self.seen.len() > SEEN_MAX {
            self.seen.pop_first();
        }
        is_new
    }

    /// Takes a packet; gives back the oldest when there are too many.
    pub(super) fn insert(&mut self, time: i64, packet: Packet) -> Option<(i64, Packet)> {
        self.by_time.insert(time, packet);
        let surplus = self.by_time.len() > PACKETS_MAX;
        surplus.then(|| self.by_time.pop_first()).flatten()
    }

    pub(super) fn first(&self) -> Option<(i64, &Packet)> {
        let (time, packet) = self.by_time.first_key_value()?;
        Some((*time, packet))
    }

    pub(super) fn pop(&mut self) -> Option<(i64, Packet)> {
        self.by_time.pop_first()
    }

    /// From `time` to the end of the newest, in units of RTP time.
    pub(super) fn span(&self, time: i64) -> i64 {
        let last = self.by_time.last_key_value();
        last.map_or(0, |(newest, packet)| (newest + packet.length - time).max(0))
    }

    /// Another source begins.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }
}
