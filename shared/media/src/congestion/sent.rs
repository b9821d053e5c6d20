//! What was sent, until the peer tells what became of it.

use std::time::{Duration, Instant};

use crate::forward::is_newer;

/// Packets whose fate is unknown, the newest ones: 4 s of pictures at the highest rate.
const KEPT: usize = 1_024;
/// Departures are counted in these since the first: four days fit, longer than any call.
const TICK_MICROS: u64 = 100;

/// One packet in as little memory as may be: every packet that is forwarded is noted, for
/// thousands of streams in turn.
#[derive(Debug, Clone, Copy)]
struct Packet {
    sequence: u16,
    bytes: u16,
    departure: u32,
    fate: Fate,
}

/// When a packet came on the peer's clock, in microseconds, or what else is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fate(u64);

impl Fate {
    const UNKNOWN: Self = Self(u64::MAX);
    const AT_SOME_TIME: Self = Self(u64::MAX - 1);

    fn new(came: Came) -> Self {
        let micros = came.0.map(|at| u64::try_from(at.as_micros()).ok());
        micros.flatten().map_or(Self::AT_SOME_TIME, Self)
    }

    fn came(self) -> Option<Came> {
        match self {
            Self::UNKNOWN => None,
            Self::AT_SOME_TIME => Some(Came(None)),
            Self(micros) => Some(Came(Some(Duration::from_micros(micros)))),
        }
    }
}

/// When a packet came on the peer's clock; `None`: too long before the report, or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Came(pub(super) Option<Duration>);

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) bytes: usize,
    pub(super) departure: Instant,
    /// `None`: a later one came, and this one did not.
    pub(super) came: Option<Came>,
}

impl Packet {
    /// No packet has no bytes.
    const NONE: Self = Self {
        sequence: 0,
        bytes: 0,
        departure: 0,
        fate: Fate::UNKNOWN,
    };

    fn is(&self, sequence: u16) -> bool {
        self.sequence == sequence && self.bytes > 0
    }
}

/// Packets by their sequence numbers, in one place of memory.
#[derive(Debug)]
pub(super) struct Sent {
    began: Option<Instant>,
    packets: Box<[Packet; KEPT]>,
    /// The next whose outcome is to be told.
    next: Option<u16>,
    /// The latest that came.
    highest: Option<u16>,
}

impl Default for Sent {
    fn default() -> Self {
        Self {
            began: None,
            packets: Box::new([Packet::NONE; KEPT]),
            next: None,
            highest: None,
        }
    }
}

impl Sent {
    /// A packet goes out; one that goes out again keeps its first departure.
    pub(super) fn note(&mut self, now: Instant, sequence: u16, bytes: usize) {
        self.next.get_or_insert(sequence);
        let began = *self.began.get_or_insert(now);
        let ticks = now.saturating_duration_since(began).as_micros() as u64 / TICK_MICROS;
        self.packets[usize::from(sequence) % KEPT] = Packet {
            sequence,
            bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
            departure: u32::try_from(ticks).unwrap_or(u32::MAX),
            fate: Fate::UNKNOWN,
        };
    }

    /// The peer tells that a packet came. What was told before counts.
    pub(super) fn came(&mut self, sequence: u16, came: Came) {
        let packet = &mut self.packets[usize::from(sequence) % KEPT];
        if packet.is(sequence) {
            if packet.fate == Fate::UNKNOWN {
                packet.fate = Fate::new(came);
            }
            if self
                .highest
                .is_none_or(|highest| is_newer(sequence, highest))
            {
                self.highest = Some(sequence);
            }
        }
    }

    /// What became of the next packet, in the order in which they were sent, up to the latest that
    /// came.
    pub(super) fn take(&mut self) -> Option<Outcome> {
        let (next, highest) = (self.next?, self.highest?);
        let waiting = highest.wrapping_sub(next);
        if is_newer(next, highest) {
            return None;
        }
        // Those before are not kept any more.
        let mut sequence = if usize::from(waiting) >= KEPT {
            highest.wrapping_sub(KEPT as u16 - 1)
        } else {
            next
        };
        loop {
            let place = &mut self.packets[usize::from(sequence) % KEPT];
            let known = place.is(sequence);
            let packet = known.then(|| std::mem::replace(place, Packet::NONE));
            let last = sequence == highest;
            sequence = sequence.wrapping_add(1);
            self.next = Some(sequence);
            if let (Some(packet), Some(began)) = (packet, self.began) {
                let ticks = u64::from(packet.departure) * TICK_MICROS;
                return Some(Outcome {
                    bytes: usize::from(packet.bytes),
                    departure: began + Duration::from_micros(ticks),
                    came: packet.fate.came(),
                });
            }
            if last {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    fn told(sent: &mut Sent) -> Vec<(usize, bool)> {
        let outcomes = std::iter::from_fn(|| sent.take());
        outcomes
            .map(|one| (one.bytes, one.came.is_some()))
            .collect()
    }

    #[test]
    fn outcomes_are_told_once_in_order_and_the_missing_are_lost_when_a_later_one_came() {
        let mut sent = Sent::default();
        let now = start();
        let at = |ms| Came(Some(Duration::from_millis(ms)));
        // A gap: 1 was never ours.
        for (sequence, bytes) in [(65_534, 10), (65_535, 11), (0, 12), (2, 14), (3, 15)] {
            sent.note(now, sequence, bytes);
        }
        assert_eq!(told(&mut sent), []);
        sent.came(65_534, at(1));
        sent.came(2, at(2));
        sent.came(1, at(3));
        assert_eq!(
            told(&mut sent),
            [(10, true), (11, false), (12, false), (14, true)]
        );
        sent.came(0, at(4));
        assert_eq!(told(&mut sent), [], "what was told before counts");
        sent.came(3, at(5));
        assert_eq!(told(&mut sent), [(15, true)]);
    }

    #[test]
    fn a_peer_that_was_silent_for_long_is_understood_again() {
        let mut sent = Sent::default();
        let now = start();
        for sequence in 0..30_000 {
            sent.note(now, sequence, 1);
        }
        sent.came(29_990, Came(None));
        let told = told(&mut sent);
        assert!(told.len() <= KEPT && told.last() == Some(&(1, true)));
        for n in 0..70_000_u32 {
            sent.note(now, (30_000 + n) as u16, 2);
        }
        let last = (30_000 + 69_999_u32) as u16;
        sent.came(last, Came(None));
        assert!(sent.take().is_none_or(|outcome| outcome.bytes == 2));
    }
}
