//! The last packets of a stream, by their numbers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets that are kept.
const PACKETS_MAX: usize = 512;
/// What is older is not asked for any more: the picture is shown long since, or frozen.
pub(super) const AGE_MAX: Duration = Duration::from_millis(1_500);

/// A time in milliseconds since the first packet: 49 days fit, longer than any call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At(u32);

impl At {
    /// How long ago something was.
    pub(super) fn since(self, before: Self) -> Duration {
        Duration::from_millis(u64::from(self.0.saturating_sub(before.0)))
    }
}

/// One packet in as little memory as may be: each that is forwarded is noted at its source and for
/// all who see it, for thousands of streams in turn.
struct Packet<T> {
    at: At,
    sequence: u16,
    what: T,
}

/// What is known of each of the last packets.
pub(super) struct Recent<T> {
    began: Option<Instant>,
    packets: VecDeque<Packet<T>>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self {
            began: None,
            packets: VecDeque::new(),
        }
    }
}

impl<T> Recent<T> {
    /// A time in the terms of this stream.
    pub(super) fn at(&mut self, now: Instant) -> At {
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began).as_millis();
        At(u32::try_from(passed).unwrap_or(u32::MAX))
    }

    /// Forgets what is older than 1.5 s and the oldest of more than 511; gives what was forgotten
    /// last, whose memory can be used again.
    pub(super) fn make_room(&mut self, now: Instant) -> Option<T> {
        let now = self.at(now);
        let mut forgotten = None;
        while let Some(oldest) = self.packets.front() {
            let is_old = now.since(oldest.at) > AGE_MAX;
            if !is_old && self.packets.len() < PACKETS_MAX {
                break;
            }
            forgotten = self.packets.pop_front();
        }
        forgotten.map(|packet| packet.what)
    }

    /// Adds the newest packet, after [`Self::make_room`].
    pub(super) fn push(&mut self, now: Instant, sequence: u16, what: T) {
        let at = self.at(now);
        self.packets.push_back(Packet { at, sequence, what });
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
