//! The last packets of one source, in clear: whoever of those who see it lost one gets it from
//! here.

use std::time::Instant;

use super::recent::Recent;

/// Room for a payload of pictures as long as a network takes it, so that memory that is used again
/// never has to grow.
const PAYLOAD_BYTES: usize = 1_452;

/// The payloads of the last packets of one source.
#[derive(Default)]
pub(crate) struct Kept {
    packets: Recent<Vec<u8>>,
}

impl Kept {
    /// Keeps a packet; what is older than 1.5 s or the oldest of more than 512 is forgotten, and
    /// its memory used again.
    pub(crate) fn push(&mut self, now: Instant, sequence: u16, payload: &[u8]) {
        let again = self.packets.make_room(now);
        let mut memory = again.unwrap_or_else(|| Vec::with_capacity(PAYLOAD_BYTES));
        memory.clear();
        memory.extend_from_slice(payload);
        self.packets.push(now, sequence, memory);
    }

    /// The payload of a packet, unless it is forgotten or never came.
    pub(crate) fn get(&self, sequence: u16) -> Option<&[u8]> {
        self.packets.get(sequence).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::nack::recent::AGE_MAX;
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
        let late = now + AGE_MAX + Duration::from_millis(1);
        kept.push(late, 600, &[]);
        assert_eq!(kept.get(599), None, "nobody waits for it any more");
        assert_eq!(kept.get(600), Some(&[][..]));
    }
}
