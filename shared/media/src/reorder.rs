//! From packets to pictures: puts video packets in order, joins them to access units, waits a
//! bounded time for lost ones, and never hands out a picture that depends on a lost one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::extension::Orientation;
use crate::h264;
use crate::rtp::RtpPacket;

/// A gap is waited for this long: four requests at a usual round trip.
const GAP_WAIT: Duration = Duration::from_millis(300);
/// While a key frame is awaited, it is asked for this often.
const KEYFRAME_ASK_INTERVAL: Duration = Duration::from_millis(500);
/// Most packets held back.
const PACKETS_HELD_MAX: usize = 1_024;

/// One whole access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoFrame {
    /// RTP timestamp, 90 kHz.
    pub timestamp: u32,
    /// Unwrapped sequence number of its last packet.
    pub sequence: u64,
    /// Annex B byte stream.
    pub data: Vec<u8>,
    /// It can be decoded without an earlier one.
    pub keyframe: bool,
    /// How it has to be turned, where that is said.
    pub orientation: Option<Orientation>,
}

struct Held {
    timestamp: u32,
    marker: bool,
    orientation: Option<Orientation>,
    payload: Bytes,
}

/// The receiving buffer of one video stream.
#[derive(Default)]
pub struct VideoBuffer {
    held: BTreeMap<u64, Held>,
    /// The first packet of the next access unit, once known.
    next: Option<u64>,
    gap_since: Option<Instant>,
    broken: bool,
    asked: Option<Instant>,
    wants_keyframe: bool,
    /// Access units that were dropped because they were broken or depended on a broken one.
    pub dropped: u64,
}

impl VideoBuffer {
    /// An empty buffer, waiting for a key frame.
    #[must_use]
    pub fn new() -> Self {
        Self {
            broken: true,
            ..Self::default()
        }
    }

    /// Takes a packet with its unwrapped sequence number; duplicates and late ones are dropped.
    pub fn push(&mut self, now: Instant, sequence: u64, packet: RtpPacket) {
        let RtpPacket {
            timestamp,
            marker,
            orientation,
            payload,
            ..
        } = packet;
        if payload.is_empty() || self.next.is_some_and(|next| sequence < next) {
            return;
        }
        if self.held.len() >= PACKETS_HELD_MAX {
            self.held.clear();
            self.lose(None);
        }
        self.held.entry(sequence).or_insert(Held {
            timestamp,
            marker,
            orientation,
            payload,
        });
        if self.broken {
            self.resynchronise();
            let due = self
                .asked
                .is_none_or(|at| now >= at + KEYFRAME_ASK_INTERVAL);
            if self.broken && self.next.is_none() && due {
                self.asked = Some(now);
                self.wants_keyframe = true;
            }
        }
    }

    /// Whether a key frame should be asked for now; true once per occasion.
    pub fn take_keyframe_wish(&mut self) -> bool {
        std::mem::take(&mut self.wants_keyframe)
    }

    /// The oldest packet still awaited: earlier ones need not be asked for again.
    #[must_use]
    pub fn awaited(&self) -> Option<u64> {
        self.next
    }

    /// When [`Self::poll`] gives a gap up.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.gap_since.map(|since| since + GAP_WAIT)
    }

    /// The next whole access unit, if there is one; call again until `None`.
    pub fn poll(&mut self, now: Instant) -> Option<VideoFrame> {
        loop {
            let next = self.next?;
            match self.complete(next) {
                Some(last) => {
                    self.gap_since = None;
                    if let Some(frame) = self.take(next, last) {
                        return Some(frame);
                    }
                }
                None => {
                    if !self.has_gap(next) {
                        self.gap_since = None;
                        return None;
                    }
                    let since = *self.gap_since.get_or_insert(now);
                    if now < since + GAP_WAIT {
                        return None;
                    }
                    self.lose(Some(now));
                    self.resynchronise();
                }
            }
        }
    }

    /// The last packet of the access unit that starts at `first`, if all are here.
    fn complete(&self, first: u64) -> Option<u64> {
        let timestamp = self.held.get(&first)?.timestamp;
        for (offset, (&sequence, held)) in (0..).zip(self.held.range(first..)) {
            if sequence != first + offset {
                return None;
            }
            if held.timestamp != timestamp {
                return Some(sequence - 1); // some senders forget the marker
            }
            if held.marker {
                return Some(sequence);
            }
        }
        None
    }

    /// Whether later packets are here although an earlier one is missing.
    fn has_gap(&self, first: u64) -> bool {
        let count = self.held.len() as u64;
        self.held
            .last_key_value()
            .is_some_and(|(&last, _)| last - first.min(last) + 1 > count)
    }

    fn take(&mut self, first: u64, last: u64) -> Option<VideoFrame> {
        let later = self.held.split_off(&(last + 1));
        let unit = std::mem::replace(&mut self.held, later);
        self.next = Some(last + 1);
        let timestamp = unit.get(&first)?.timestamp;
        let data = h264::depacketise(unit.values().map(|held| held.payload.as_ref()));
        let keyframe = data.as_deref().is_some_and(h264::is_keyframe);
        match data {
            Some(data) if keyframe || !self.broken => {
                self.broken = false;
                self.asked = None;
                Some(VideoFrame {
                    timestamp,
                    sequence: last,
                    data,
                    keyframe,
                    orientation: unit.values().rev().find_map(|held| held.orientation),
                })
            }
            Some(_) | None => {
                self.dropped += 1;
                if !self.broken {
                    self.lose(None);
                }
                None
            }
        }
    }

    /// Everything up to the next key frame is worthless now.
    fn lose(&mut self, now: Option<Instant>) {
        self.broken = true;
        self.dropped += 1;
        self.next = None;
        self.gap_since = None;
        self.asked = now;
        self.wants_keyframe = true;
    }

    /// Looks for the beginning of a key frame among the held packets.
    fn resynchronise(&mut self) {
        if self.next.is_some() {
            return;
        }
        let is_start = |(&sequence, held): (&u64, &Held)| {
            let first_of_unit = || {
                let before = self.held.get(&sequence.wrapping_sub(1));
                before.is_some_and(|b| b.marker || b.timestamp != held.timestamp)
            };
            let starts = h264::payload_has_parameters(&held.payload)
                || (h264::payload_starts_keyframe(&held.payload) && first_of_unit());
            starts.then_some(sequence)
        };
        // The newest: what lies between two key frames is late by now anyway.
        let newest = self.held.iter().rev().find_map(is_start);
        if let Some(start) = newest {
            self.held = self.held.split_off(&start);
            self.next = Some(start);
        } else {
            // Only the last unit may still turn out to begin a key frame.
            while self.held.len() > PACKETS_HELD_MAX / 2 {
                self.held.pop_first();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::MediaKind;
    use crate::testing::{Dice, start};

    fn packet(timestamp: u32, marker: bool, payload: Bytes) -> RtpPacket {
        RtpPacket {
            kind: MediaKind::Video,
            ssrc: 1,
            csrc: None,
            payload_type: 96,
            sequence: 0,
            timestamp,
            marker,
            orientation: None,
            layer: 0,
            payload,
        }
    }

    /// Frame `n` as packets (timestamp, marker, payload); every tenth is a key frame.
    fn packets(n: u32) -> Vec<(u32, bool, Bytes)> {
        let key = n.is_multiple_of(10);
        let mut unit = Vec::new();
        if key {
            unit.extend_from_slice(&[0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x68, 4]);
        }
        unit.extend_from_slice(&[0, 0, 0, 1, if key { 0x65 } else { 0x61 }]);
        unit.extend((0..if key { 3_000 } else { 900 }).map(|i| 1 + ((i + n) % 250) as u8));
        let payloads = h264::packetise(&unit, 600);
        let last = payloads.len() - 1;
        payloads
            .into_iter()
            .enumerate()
            .map(|(i, p)| (n * 3_000, i == last, p))
            .collect()
    }

    #[test]
    fn reordered_and_duplicated_packets_give_every_frame_once_in_order() {
        let now = start();
        let mut dice = Dice::new(4);
        let mut buffer = VideoBuffer::new();
        let mut stream: Vec<(u64, (u32, bool, Bytes))> =
            (100..).zip((0..40).flat_map(packets)).collect();
        for i in 1..stream.len() {
            if i > 8 && dice.chance(30) {
                stream.swap(i, i - 1);
            }
        }
        let mut frames = Vec::new();
        for (sequence, (timestamp, marker, payload)) in stream {
            for _ in 0..1 + dice.below(2) {
                buffer.push(now, sequence, packet(timestamp, marker, payload.clone()));
            }
            while let Some(frame) = buffer.poll(now) {
                frames.push(frame.timestamp / 3_000);
            }
        }
        assert_eq!(frames, (0..40).collect::<Vec<_>>());
        assert!(!buffer.take_keyframe_wish());
    }

    #[test]
    fn after_an_unrecoverable_loss_nothing_is_shown_until_the_next_key_frame() {
        let begin = start();
        let mut buffer = VideoBuffer::new();
        let mut sequence = 0u64;
        let (mut shown, mut wishes) = (Vec::new(), 0);
        for n in 0..40 {
            let now = begin + Duration::from_millis(u64::from(n) * 33);
            for (index, (timestamp, marker, payload)) in packets(n).into_iter().enumerate() {
                sequence += 1;
                if n == 13 && index == 0 {
                    continue;
                }
                buffer.push(now, sequence, packet(timestamp, marker, payload));
            }
            while let Some(frame) = buffer.poll(now) {
                shown.push(frame.timestamp / 3_000);
            }
            wishes += usize::from(buffer.take_keyframe_wish());
        }
        let expected: Vec<u32> = (0..13).chain(20..40).collect();
        assert_eq!(shown, expected);
        assert!(wishes >= 1);
    }

    #[test]
    fn joining_in_the_middle_asks_for_a_key_frame_again_and_again_but_not_too_often() {
        let begin = start();
        let mut buffer = VideoBuffer::new();
        let (mut sequence, mut wishes) = (0u64, 0);
        for n in 1..100u32 {
            let now = begin + Duration::from_millis(u64::from(n) * 33);
            let not_key = if n.is_multiple_of(10) { n + 1 } else { n };
            for (_, marker, payload) in packets(not_key) {
                sequence += 1;
                buffer.push(now, sequence, packet(n * 3_000, marker, payload));
                assert_eq!(buffer.poll(now), None);
            }
            wishes += usize::from(buffer.take_keyframe_wish());
        }
        assert!((5..=8).contains(&wishes), "{wishes}");
    }

    #[test]
    fn memory_is_bounded_whatever_arrives() {
        let now = start();
        let mut dice = Dice::new(9);
        let mut buffer = VideoBuffer::new();
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..dice.below(6)).map(|_| dice.next() as u8).collect();
            let sequence = dice.below(100_000);
            buffer.push(
                now,
                sequence,
                packet(dice.next() as u32, false, bytes.into()),
            );
            buffer.poll(now);
            assert!(buffer.held.len() <= PACKETS_HELD_MAX);
        }
    }
}
