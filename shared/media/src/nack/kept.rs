//! The last packets of one source, in clear: whoever of those who see it lost one gets it from
//! here.

use std::collections::VecDeque;
use std::time::Instant;

use super::KEPT_AGE_MAX;

/// Packets of one source that are kept.
const PACKETS_MAX: usize = 512;

struct Packet {
    sequence: u16,
    at: Instant,
    payload: Vec<u8>,
}

/// The last packets of one source.
#[derive(Default)]
pub(crate) struct Kept {
    packets: VecDeque<Packet>,
}

impl Kept {
    /// Keeps a packet; what is older than 1.5 s or the oldest of more than 512 is forgotten, and
    /// its memory used again.
    pub(crate) fn push(&mut self, now: Instant, sequence: u16, payload: &[u8]) {
        let mut memory = Vec::new();
        while let Some(oldest) = self.packets.front() {
            let is_old = now.saturating_duration_since(oldest.at) > KEPT_AGE_MAX;
            if !is_old && self.packets.len() < PACKETS_MAX {
                break;
            }
            let oldest = self.packets.pop_front();
            memory = oldest.map_or(memory, |oldest| oldest.payload);
        }
        memory.clear();
        memory.extend_from_slice(payload);
        self.packets.push_back(Packet {
            sequence,
            at: now,
            payload: memory,
        });
    }

    /// The payload of a packet, unless it is forgotten or never came.
    pub(crate) fn get(&self, sequence: u16) -> Option<&[u8]> {
        let mut newest_first = self.packets.iter().rev();
        let found = newest_first.find(|packet| packet.sequence == sequence);
        found.map(|packet| packet.payload.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::start;

    #[test]
    fn the_last_packets_can_be_had_and_no_others() {
        let now = start();
        let mut kept = Kept::default();
        for n in 0..600_u16 {
            kept.push(now, n, &n.to_be_bytes());
        }
        assert_eq!(kept.get(600 - 513), None, "too many came after it");
        assert_eq!(kept.get(600 - 512), Some(&[0, 88][..]));
        assert_eq!(kept.get(599), Some(&599_u16.to_be_bytes()[..]));
        let late = now + KEPT_AGE_MAX + Duration::from_millis(1);
        kept.push(late, 600, &[]);
        assert_eq!(kept.get(599), None, "nobody waits for it any more");
        assert_eq!(kept.get(600), Some(&[][..]));
    }
}
