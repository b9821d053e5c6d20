//! Forwarding: one outgoing stream fed from changing sources.
//!
//! A receiver must see one unbroken stream: when the source changes, sequence numbers go on by
//! one and timestamps by the time that passed (RFC 7667 section 3.7, a media-switching mixer).
//! Payload is not touched.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many former sources are remembered, so that their stragglers do not switch back.
const RETIRED_SOURCES_MAX: usize = 8;

/// A packet may come so many numbers after a later one.
const LATE_MAX: u16 = 0x4000;
/// Numbers that were left out are remembered, for packets that come late: so many.
const SKIPPED_MAX: usize = 64;
/// For so long a source that was left may have packets under way; later ones mean that it is back,
/// and numbers of half a turn ago say nothing about them.
const STRAGGLERS: Duration = Duration::from_secs(5);

/// Numbers of one outgoing packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewritten {
    /// Sequence number to send.
    pub sequence: u16,
    /// RTP timestamp to send.
    pub timestamp: u32,
}

#[derive(Debug, Clone, Copy)]
struct Source {
    id: Option<u32>,
    first: u16,
    highest: u16,
    sequence_offset: u16,
    timestamp_offset: u32,
}

impl Source {
    /// A later packet than any before came.
    fn reach(&mut self, sequence: u16) {
        self.highest = sequence;
        // Numbers wrap: what was first must not look like what comes half a turn later.
        if sequence.wrapping_sub(self.first) > LATE_MAX {
            self.first = sequence.wrapping_sub(LATE_MAX);
        }
    }
}

/// A source that was left.
#[derive(Debug, Clone, Copy)]
struct Retired {
    ssrc: u32,
    highest: u16,
    at: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    sequence: u16,
    timestamp: u32,
    at: Instant,
}

/// Makes sequence numbers and timestamps continuous over changes of the source.
#[derive(Debug, Clone)]
pub struct Rewriter {
    clock_rate: u32,
    next_sequence: u16,
    first_timestamp: u32,
    last: Option<Last>,
    source: Option<Source>,
    /// Numbers of the source that were left out, in order.
    skipped: VecDeque<u16>,
    retired: VecDeque<Retired>,
}

impl Rewriter {
    /// A stream with this RTP clock in Hz that starts at the given numbers.
    #[must_use]
    pub fn new(clock_rate: u32, first_sequence: u16, first_timestamp: u32) -> Self {
        Self {
            clock_rate,
            next_sequence: first_sequence,
            first_timestamp,
            last: None,
            source: None,
            skipped: VecDeque::new(),
            retired: VecDeque::new(),
        }
    }

    /// The SSRC of the source that is being sent.
    #[must_use]
    pub fn source(&self) -> Option<u32> {
        self.source.and_then(|source| source.id)
    }

    /// Whether this is the source that is being sent.
    #[must_use]
    pub fn follows(&self, ssrc: u32) -> bool {
        self.source.is_some_and(|source| source.id == Some(ssrc))
    }

    /// Numbers for a packet of the source `ssrc`; another `ssrc` than before is a switch.
    ///
    /// Reordered and retransmitted packets keep their place. `None`: the packet is older than
    /// the switch to its source, or a straggler of a source that was left; drop it.
    pub fn rewrite(
        &mut self,
        now: Instant,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
    ) -> Option<Rewritten> {
        let source = match self.source {
            Some(source) if source.id == Some(ssrc) => source,
            Some(_) | None => {
                self.retired
                    .retain(|left| now.saturating_duration_since(left.at) < STRAGGLERS);
                let left = self.retired.iter().find(|left| left.ssrc == ssrc);
                if left.is_some_and(|left| !is_newer(sequence, left.highest)) {
                    return None;
                }
                self.switch(now, Some(ssrc), sequence, timestamp)
            }
        };
        if is_newer(source.first, sequence) {
            return None;
        }
        // What was left out after it had not been left out when its place was.
        let newest_first = self.skipped.iter().rev();
        let later = newest_first.take_while(|skipped| is_newer(**skipped, sequence));
        let later = later.count() as u16;
        let out = Rewritten {
            sequence: sequence
                .wrapping_add(source.sequence_offset)
                .wrapping_add(later),
            timestamp: timestamp.wrapping_add(source.timestamp_offset),
        };
        if let Some(source) = &mut self.source
            && is_newer(sequence, source.highest)
        {
            source.reach(sequence);
        }
        self.note(now, out);
        Some(out)
    }

    /// Leaves out a packet of the source that is being sent, as if there never was one. False if it
    /// came late: its place is kept free already, and it should be sent.
    pub fn skip(&mut self, sequence: u16) -> bool {
        let Some(source) = &mut self.source else {
            return false;
        };
        if !is_newer(sequence, source.highest) {
            return false;
        }
        source.sequence_offset = source.sequence_offset.wrapping_sub(1);
        self.skipped.push_back(sequence);
        if self.skipped.len() > SKIPPED_MAX
            && let Some(forgotten) = self.skipped.pop_front()
            && is_newer(forgotten, source.first)
        {
            // Packets before it cannot be numbered any more.
            source.first = forgotten.wrapping_add(1);
        }
        source.reach(sequence);
        true
    }

    /// Numbers for the next packet of our own encoder, whose frames carry `timestamp`.
    pub fn local(&mut self, now: Instant, timestamp: u32) -> Rewritten {
        let source = match self.source {
            Some(source) if source.id.is_none() => source,
            Some(_) | None => self.switch(now, None, 0, timestamp),
        };
        let out = Rewritten {
            sequence: self.next_sequence,
            timestamp: timestamp.wrapping_add(source.timestamp_offset),
        };
        self.note(now, out);
        out
    }

    /// The timestamp that the stream has reached.
    #[must_use]
    pub fn time(&self, now: Instant) -> u32 {
        match self.last {
            Some(last) => {
                let passed = now.saturating_duration_since(last.at).as_micros();
                let ticks = passed * u128::from(self.clock_rate) / 1_000_000;
                last.timestamp.wrapping_add((ticks as u32).max(1))
            }
            None => self.first_timestamp,
        }
    }

    /// Numbers for a packet of our own about a moment of [`Self::time`] that passed at `at`, in
    /// between whatever else is sent.
    pub fn insert(&mut self, at: Instant, timestamp: u32) -> Rewritten {
        if self.source.is_some_and(|source| source.id.is_some()) {
            // Stragglers would get numbers that are used now.
            self.retire(at);
            self.source = None;
        }
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        let last = self.last.get_or_insert(Last {
            sequence,
            timestamp,
            at,
        });
        last.sequence = sequence;
        Rewritten {
            sequence,
            timestamp,
        }
    }

    fn retire(&mut self, now: Instant) {
        if let Some(Source {
            id: Some(old),
            highest,
            ..
        }) = self.source
        {
            self.retired.retain(|left| left.ssrc != old);
            self.retired.push_back(Retired {
                ssrc: old,
                highest,
                at: now,
            });
            if self.retired.len() > RETIRED_SOURCES_MAX {
                self.retired.pop_front();
            }
        }
    }

    fn switch(&mut self, now: Instant, id: Option<u32>, sequence: u16, timestamp: u32) -> Source {
        self.retire(now);
        let target = self.time(now);
        let source = Source {
            id,
            first: sequence,
            highest: sequence,
            sequence_offset: self.next_sequence.wrapping_sub(sequence),
            timestamp_offset: target.wrapping_sub(timestamp),
        };
        self.source = Some(source);
        self.skipped.clear();
        source
    }

    fn note(&mut self, now: Instant, out: Rewritten) {
        let newer = self
            .last
            .is_none_or(|last| is_newer(out.sequence, last.sequence));
        if newer {
            self.last = Some(Last {
                sequence: out.sequence,
                timestamp: out.timestamp,
                at: now,
            });
            self.next_sequence = out.sequence.wrapping_add(1);
        }
    }

    /// The highest number sent.
    #[must_use]
    pub const fn last_sequence(&self) -> u16 {
        self.next_sequence.wrapping_sub(1)
    }

    /// The newest timestamp sent and when, for sender reports.
    #[must_use]
    pub fn latest(&self) -> Option<(u32, Instant)> {
        self.last.map(|last| (last.timestamp, last.at))
    }
}

/// Whether sequence number `a` comes after `b` (RFC 3550 section 5.1: they wrap).
pub(crate) fn is_newer(a: u16, b: u16) -> bool {
    (a.wrapping_sub(b) as i16) > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn a_switch_continues_numbers_and_time() {
        let now = start();
        let mut rewriter = Rewriter::new(90_000, 100, 5_000);
        assert_eq!(
            rewriter.rewrite(now, 1, 40_000, 777),
            Some(Rewritten {
                sequence: 100,
                timestamp: 5_000
            })
        );
        let later = now + Duration::from_millis(100);
        assert_eq!(
            rewriter.rewrite(later, 2, 3, 999_999),
            Some(Rewritten {
                sequence: 101,
                timestamp: 14_000
            })
        );
        assert_eq!(
            rewriter.rewrite(later, 2, 4, 1_000_099),
            Some(Rewritten {
                sequence: 102,
                timestamp: 14_100
            })
        );
    }

    #[test]
    fn a_source_is_forwarded_for_as_long_as_it_sends_and_when_it_comes_back() {
        let now = start();
        let mut rewriter = Rewriter::new(90_000, 7, 0);
        let mut expected = 7_u16;
        // Several turns of the sequence numbers.
        for n in 0..200_000_u32 {
            let out = rewriter.rewrite(now, 1, n as u16, n);
            assert_eq!(out.map(|out| out.sequence), Some(expected), "packet {n}");
            expected = expected.wrapping_add(1);
        }
        // Another one meanwhile; the first goes on counting, more than half a turn.
        assert!(rewriter.rewrite(now, 2, 9, 0).is_some());
        let left = 200_000_u32 as u16;
        let later = now + Duration::from_secs(600);
        let back = rewriter.rewrite(later, 1, left.wrapping_add(40_000), 0);
        assert!(back.is_some());
    }

    #[test]
    fn reordered_and_resent_packets_keep_their_place() {
        let now = start();
        let mut rewriter = Rewriter::new(90_000, 65_530, 0);
        let sent = |r: &mut Rewriter, s| r.rewrite(now, 1, s, 0).map(|out| out.sequence);
        assert_eq!(sent(&mut rewriter, 10), Some(65_530));
        assert_eq!(sent(&mut rewriter, 17), Some(1));
        assert_eq!(sent(&mut rewriter, 15), Some(65_535));
        assert_eq!(sent(&mut rewriter, 16), Some(0));
        assert_eq!(sent(&mut rewriter, 18), Some(2));
        assert_eq!(sent(&mut rewriter, 9), None, "older than the switch");
    }

    #[test]
    fn what_is_left_out_leaves_no_gap_and_no_number_is_used_twice() {
        use crate::testing::Dice;
        let now = start();
        let mut dice = Dice::new(9);
        let mut rewriter = Rewriter::new(90_000, 65_000, 0);
        let mut used = std::collections::BTreeMap::new();
        let mut late = VecDeque::new();
        let first = rewriter.rewrite(now, 1, 60_000, 0).unwrap();
        used.insert(first.sequence, 60_000);
        let (mut sent, mut left_out) = (1_u32, 0);
        for n in 1..30_000_u32 {
            let sequence = 60_000_u16.wrapping_add(n as u16);
            if dice.below(10) == 0 {
                late.push_back(sequence);
                continue;
            }
            if dice.below(3) == 0 {
                assert!(rewriter.skip(sequence), "in order");
                left_out += 1;
            } else {
                let out = rewriter.rewrite(now, 1, sequence, n).unwrap();
                let before = used.insert(out.sequence, sequence);
                assert_eq!(before, None, "{} and {sequence}", out.sequence);
                sent += 1;
            }
            if late.len() > 3
                && let Some(sequence) = late.pop_front()
            {
                assert!(!rewriter.skip(sequence), "its place is free already");
                if let Some(out) = rewriter.rewrite(now, 1, sequence, 0) {
                    let before = used.insert(out.sequence, sequence);
                    assert_eq!(before, None, "{} and {sequence}", out.sequence);
                    sent += 1;
                }
            }
        }
        assert!(left_out > 5_000);
        let reached = rewriter.next_sequence.wrapping_sub(65_000);
        assert!(
            u32::from(reached) - sent < 30,
            "{reached} numbers, {sent} sent"
        );
    }

    #[test]
    fn stragglers_of_a_left_source_do_not_switch_back() {
        let now = start();
        let mut rewriter = Rewriter::new(48_000, 0, 0);
        assert!(rewriter.rewrite(now, 1, 50, 0).is_some());
        assert!(rewriter.rewrite(now, 2, 900, 0).is_some());
        assert_eq!(rewriter.rewrite(now, 1, 50, 0), None);
        assert_eq!(rewriter.rewrite(now, 1, 49, 0), None);
        let back = rewriter.rewrite(now, 1, 51, 960).map(|out| out.sequence);
        assert_eq!(back, Some(2), "a real return is a new switch");
    }

    #[test]
    fn what_is_inserted_takes_numbers_of_its_own_and_no_time() {
        let now = start();
        let later = now + Duration::from_millis(20);
        let mut rewriter = Rewriter::new(48_000, 7, 0);
        rewriter.local(now, 0);
        let time = rewriter.time(later);
        assert_eq!((time, rewriter.insert(later, time).sequence), (960, 8));
        assert_eq!(rewriter.latest(), Some((0, now)));
        let out = rewriter.local(later, 960);
        assert_eq!((out.sequence, out.timestamp), (9, 960));
        let sent = |r: &mut Rewriter, s| r.rewrite(later, 1, s, 0).map(|out| out.sequence);
        assert_eq!(sent(&mut rewriter, 50), Some(10));
        assert_eq!(rewriter.insert(later, 961).sequence, 11);
        assert_eq!(sent(&mut rewriter, 49), None, "its number is used");
        assert_eq!(sent(&mut rewriter, 51), Some(12));
    }

    #[test]
    fn our_own_frames_and_forwarded_ones_share_one_stream() {
        let now = start();
        let mut rewriter = Rewriter::new(48_000, 7, 0);
        assert_eq!(rewriter.local(now, 0).sequence, 7);
        assert_eq!(rewriter.local(now, 960).sequence, 8);
        assert_eq!(
            rewriter.rewrite(now, 9, 1_000, 4).map(|o| o.sequence),
            Some(9)
        );
        let later = now + Duration::from_millis(20);
        let out = rewriter.local(later, 1_920);
        assert_eq!((out.sequence, out.timestamp), (10, 961 + 960));
    }
}
