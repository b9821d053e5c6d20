//! Packet indices of one source: rollover counter and sequence number in one, and which of them
//! were there before (RFC 3711 sections 3.3.1 and 3.3.2).

/// Packets behind the newest that are still taken: a second of video, for resent packets.
pub(super) const REPLAY_WINDOW: usize = 1_024;
const WORD_BITS: usize = 64;
const WORDS: usize = REPLAY_WINDOW / WORD_BITS;
/// Half of the sequence numbers: what is further away is in another cycle.
const HALF: i64 = 1 << 15;
/// A rollover counter has 32 bits, a sequence number 16: past it the key is used up.
const INDEX_END: u64 = 1 << 48;

/// The index of `sequence` that is nearest to `highest`; of a first packet it is the number
/// itself. `None`: before the first cycle, or after the last.
pub(super) fn nearest(highest: Option<u64>, sequence: u16) -> Option<u64> {
    let Some(highest) = highest else {
        return Some(u64::from(sequence));
    };
    let step = i64::from(sequence.wrapping_sub(highest as u16));
    let step = if step >= HALF { step - 2 * HALF } else { step };
    let index = highest.checked_add_signed(step)?;
    (index < INDEX_END).then_some(index)
}

/// Which of the last packets of a source have been there.
#[derive(Debug, Clone)]
pub(super) struct Window {
    highest: Option<u64>,
    /// A ring of bits, by index.
    seen: [u64; WORDS],
}

impl Window {
    pub(super) const fn new() -> Self {
        Self {
            highest: None,
            seen: [0; WORDS],
        }
    }

    /// The index of a packet that may be new. `None`: it was there before, or is too old.
    pub(super) fn index(&self, sequence: u16) -> Option<u64> {
        let index = nearest(self.highest, sequence)?;
        self.is_new(index).then_some(index)
    }

    /// Whether a packet with this index may be new.
    pub(super) fn is_new(&self, index: u64) -> bool {
        let Some(highest) = self.highest else {
            return true;
        };
        let old = index + REPLAY_WINDOW as u64 <= highest;
        let (word, bit) = place(index);
        let seen = index <= highest && self.seen[word] & bit != 0;
        !old && !seen
    }

    /// A packet with this index proved authentic.
    pub(super) fn note(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => {}
            Some(highest) => {
                for skipped in (highest + 1..=index).take(REPLAY_WINDOW) {
                    let (word, bit) = place(skipped);
                    self.seen[word] &= !bit;
                }
                if index - highest > REPLAY_WINDOW as u64 {
                    self.seen = [0; WORDS];
                }
                self.highest = Some(index);
            }
            None => self.highest = Some(index),
        }
        let (word, bit) = place(index);
        self.seen[word] |= bit;
    }
}

fn place(index: u64) -> (usize, u64) {
    let at = index as usize % REPLAY_WINDOW;
    (at / WORD_BITS, 1 << (at % WORD_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;

    #[test]
    fn indices_go_on_over_the_edge_and_never_below_the_first_cycle() {
        assert_eq!(nearest(None, 65_535), Some(65_535));
        assert_eq!(nearest(Some(65_535), 0), Some(65_536));
        assert_eq!(nearest(Some(65_536), 65_535), Some(65_535));
        assert_eq!(nearest(Some(2), 65_535), None, "before the first cycle");
        assert_eq!(nearest(Some(INDEX_END - 1), 0), None, "the key is used up");
    }

    #[test]
    fn a38_each_packet_is_new_once_in_any_order() {
        let mut dice = Dice::new(4);
        let mut window = Window::new();
        let mut taken = std::collections::BTreeSet::new();
        let mut newest = 40_000_u64;
        for _ in 0..200_000 {
            // Mostly onwards, sometimes back, seldom far.
            newest += dice.below(3) + if dice.chance(1) { dice.below(3_000) } else { 0 };
            let index = newest - dice.below(1_500).min(newest);
            let highest = taken.last().copied();
            let old = highest.is_some_and(|highest| index + REPLAY_WINDOW as u64 <= highest);
            let fresh = !old && !taken.contains(&index);
            assert_eq!(window.index(index as u16), fresh.then_some(index));
            if fresh {
                window.note(index);
                taken.insert(index);
            }
        }
        assert!(taken.len() > 50_000);
    }
}
