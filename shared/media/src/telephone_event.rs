//! Telephone keys as RTP events (RFC 4733, events 0 to 15).

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// The keys in the order of their event codes (RFC 4733 table 3).
const KEYS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
];
/// How long each key is held.
pub(crate) const KEY_TIME: Duration = Duration::from_millis(160);
/// Silence after a key, so that a decoder tells two equal keys apart.
const PAUSE: Duration = Duration::from_millis(60);
/// A packet this often while a key is held.
const PACKET_INTERVAL: Duration = Duration::from_millis(20);
/// The end is sent three times (RFC 4733 section 2.5.1.4).
const END_PACKETS: u8 = 3;
/// Most keys that may wait.
pub const KEYS_WAITING_MAX: usize = 64;
/// 10 dBm0 below full level, as usual.
const VOLUME: u8 = 10;

/// The event code of a key, or `None` if it is no telephone key. Letters may be small.
#[must_use]
pub fn event_of(key: char) -> Option<u8> {
    let key = key.to_ascii_uppercase();
    KEYS.iter().position(|k| *k == key).map(|n| n as u8)
}

/// The key of an event code 0 to 15.
#[must_use]
pub fn key_of(event: u8) -> Option<char> {
    KEYS.get(usize::from(event)).copied()
}

/// One event payload (RFC 4733 section 2.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Event code.
    pub event: u8,
    /// Last packets of this event.
    pub end: bool,
    /// Level below 0 dBm0, in dB.
    pub volume: u8,
    /// How long it lasts so far, in timestamp units.
    pub duration: u16,
}

impl fmt::Debug for Event {
    /// Never the key: it may be part of a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event(«redacted», {} ticks)", self.duration)
    }
}

impl Event {
    /// Reads the four bytes of a payload; `None` if there are fewer.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[event, flags, high, low, ..] = payload else {
            return None;
        };
        Some(Self {
            event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// The four bytes of the payload.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [
            self.event,
            (u8::from(self.end) << 7) | (self.volume & 0x3f),
            high,
            low,
        ]
    }
}

/// What to send now for a held key; the RTP timestamp is that of the key's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// First packet of the key.
    pub marker: bool,
    /// When the key went down.
    pub began: Instant,
    /// The payload.
    pub event: Event,
}

struct Held {
    event: u8,
    began: Instant,
    next: Instant,
    first: bool,
    ends_left: u8,
}

/// Plays keys one after another as event packets.
pub struct EventSender {
    clock_rate: u32,
    waiting: VecDeque<u8>,
    held: Option<Held>,
    free_at: Option<Instant>,
}

impl EventSender {
    /// `clock_rate`: that of the stream the events belong to, in Hz.
    #[must_use]
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            waiting: VecDeque::new(),
            held: None,
            free_at: None,
        }
    }

    /// The clock in which durations count, in Hz.
    #[must_use]
    pub const fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// Queues a key. False if it is no telephone key or too many wait.
    pub fn push(&mut self, now: Instant, key: char) -> bool {
        let Some(event) = event_of(key) else {
            return false;
        };
        if self.waiting.len() >= KEYS_WAITING_MAX {
            return false;
        }
        self.waiting.push_back(event);
        self.free_at.get_or_insert(now);
        true
    }

    /// Whether a key is being played: no speech is sent then.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.held.is_some()
    }

    /// When [`Self::poll`] has something next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.held {
            Some(held) => Some(held.next),
            None if self.waiting.is_empty() => None,
            None => self.free_at,
        }
    }

    /// The packet due now, if any; call again until `None`.
    pub fn poll(&mut self, now: Instant) -> Option<EventPacket> {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return None;
        }
        if self.held.is_none() {
            let event = self.waiting.pop_front()?;
            let held = Held {
                event,
                began: now,
                next: now,
                first: true,
                ends_left: END_PACKETS,
            };
            self.held = Some(held);
        }
        let held = self.held.as_mut()?;
        let passed = held.next.saturating_duration_since(held.began) + PACKET_INTERVAL;
        let end = passed >= KEY_TIME;
        let ticks = passed.min(KEY_TIME).as_millis() * u128::from(self.clock_rate) / 1_000;
        let event = Event {
            event: held.event,
            end,
            volume: VOLUME,
            duration: u16::try_from(ticks).unwrap_or(u16::MAX),
        };
        let packet = EventPacket {
            marker: held.first,
            began: held.began,
            event,
        };
        held.first = false;
        if end {
            held.ends_left -= 1;
        } else {
            held.next += PACKET_INTERVAL;
        }
        if held.ends_left == 0 {
            self.free_at = Some(held.began + KEY_TIME + PAUSE);
            self.held = None;
        }
        Some(packet)
    }
}

/// What was last heard of a key.
struct Heard {
    timestamp: u32,
    event: Event,
}

/// Reads keys from event packets, each once.
#[derive(Default)]
pub struct EventReceiver {
    last: Option<Heard>,
}

impl EventReceiver {
    /// The key that this packet announces, if it was not announced before: packets of one key
    /// share their RTP `timestamp`, and one that is held for long comes in segments, each with
    /// the timestamp at which the one before it ends (RFC 4733 section 2.5.1.3).
    pub fn receive(&mut self, timestamp: u32, payload: &[u8]) -> Option<char> {
        let event = Event::parse(payload)?;
        let key = key_of(event.event)?;
        let mut goes_on = false;
        if let Some(last) = &mut self.last {
            let passed = timestamp.wrapping_sub(last.timestamp);
            if passed == 0 {
                last.event.end |= event.end;
                last.event.duration = last.event.duration.max(event.duration);
            }
            if passed as i32 <= 0 {
                return None;
            }
            let segment = [u32::from(last.event.duration), u32::from(u16::MAX)];
            goes_on =
                !last.event.end && last.event.event == event.event && segment.contains(&passed);
        }
        self.last = Some(Heard { timestamp, event });
        (!goes_on).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn keys_are_played_one_after_another_and_read_once_each() {
        let begin = start();
        let mut sender = EventSender::new(8_000);
        for key in "5#*d".chars() {
            assert!(sender.push(begin, key));
        }
        assert!(!sender.push(begin, 'x'));
        let (mut receiver, mut heard, mut ends) = (EventReceiver::default(), String::new(), 0);
        for step in 0..200u64 {
            let now = begin + Duration::from_millis(step * 10);
            while let Some(packet) = sender.poll(now) {
                let timestamp = (packet.began - begin).as_millis() as u32 * 8 + 1;
                ends += usize::from(packet.event.end);
                heard.extend(receiver.receive(timestamp, &packet.event.to_bytes()));
            }
        }
        assert_eq!(heard, "5#*D");
        assert_eq!(ends, 4 * usize::from(END_PACKETS));
        assert_eq!(sender.poll_timeout(), None);
    }

    #[test]
    fn r43_a_key_held_for_seconds_is_one_key_in_several_segments() {
        let mut receiver = EventReceiver::default();
        let packet = |end, duration| {
            let (event, volume) = (7, VOLUME);
            let event = Event {
                event,
                end,
                volume,
                duration,
            };
            event.to_bytes()
        };
        assert_eq!(receiver.receive(10, &packet(false, 65_000)), Some('7'));
        assert_eq!(receiver.receive(10 + 65_535, &packet(false, 960)), None);
        assert_eq!(receiver.receive(10 + 65_535, &packet(true, 1_920)), None);
        let again = 10 + 65_535 + 1_920;
        assert_eq!(receiver.receive(again, &packet(false, 960)), Some('7'));
    }

    #[test]
    fn events_that_are_no_keys_and_short_payloads_are_ignored() {
        let mut receiver = EventReceiver::default();
        assert_eq!(receiver.receive(1, &[16, 0, 0, 0]), None);
        assert_eq!(receiver.receive(1, &[5, 0]), None);
        assert_eq!(receiver.receive(1, &[5, 0, 0, 0]), Some('5'));
        assert_eq!(receiver.receive(1, &[5, 0x80, 0, 160]), None);
    }
}
