//! The last packets of a stream, by their numbers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets that are kept.
const PACKETS_MAX: usize = 512;
/// What is older is not asked for any more: the picture is shown long since, or frozen.
pub(super) const AGE_MAX: Duration = Duration::from_millis(1_500);

struct Packet<T> {
    sequence: u16,
    at: Instant,
    what: T,
}

/// What is known of each of the last packets.
pub(super) struct Recent<T> {
    packets: VecDeque<Packet<T>>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self {
            packets: VecDeque::new(),
        }
    }
}

impl<T> Recent<T> {
    /// Forgets what is older than 1.5 s and the oldest of more than 511; gives what was forgotten
    /// last, whose memory can be used again.
    pub(super) fn make_room(&mut self, now: Instant) -> Option<T> {
        let mut forgotten = None;
        while let Some(oldest) = self.packets.front() {
            let is_old = now.saturating_duration_since(oldest.at) > AGE_MAX;
            if !is_old && self.packets.len() < PACKETS_MAX {
                break;
            }
            forgotten = self.packets.pop_front();
        }
        forgotten.map(|packet| packet.what)
    }

    /// Adds the newest packet, after [`Self::make_room`].
    pub(super) fn push(&mut self, now: Instant, sequence: u16, what: T) {
        self.packets.push_back(Packet {
            sequence,
            at: now,
            what,
        });
    }

    /// The newest packet with this number.
    pub(super) fn get(&self, sequence: u16) -> Option<&T> {
        let at = self.position(sequence)?;
        self.packets.get(at).map(|packet| &packet.what)
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, sequence: u16) -> Option<&mut T> {
        let at = self.position(sequence)?;
        self.packets.get_mut(at).map(|packet| &mut packet.what)
    }

    fn position(&self, sequence: u16) -> Option<usize> {
        let mut packets = self.packets.iter();
        packets.rposition(|packet| packet.sequence == sequence)
    }
}
