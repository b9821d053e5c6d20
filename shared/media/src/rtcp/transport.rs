//! When packets came, by numbers of the whole transport, as browsers tell it and want to be told
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
//!
//! Our numbers are those of the stream of pictures: nothing else is numbered.

use std::time::Duration;

use super::arrivals::{Arrivals, NOTED_PER_SECOND};

/// One unit of an arrival, and of the clock: the time of a report counts 256 of them.
pub(crate) const TICK: Duration = Duration::from_micros(250);
const _: () = assert!(NOTED_PER_SECOND == 4_000);
const TICKS_BITS: u32 = 8;
/// First number, count, time, and the number of the report.
const HEADER_BYTES: usize = 8;
/// A chunk of two bits for each packet has so many, and this first bit pattern.
const PER_CHUNK: usize = 7;
const WIDE_VECTOR: u16 = 0b11 << 14;
/// What is said of one packet.
const NOT_RECEIVED: u16 = 0;
const SMALL: u16 = 1;
const LARGE: u16 = 2;

impl Arrivals {
    /// Appends what was not told yet; `number` is that of the report. False: nothing.
    pub(super) fn tell_transport(&mut self, number: u8, out: &mut Vec<u8>) -> bool {
        let (first, untold) = self.take();
        let came: Vec<Option<u32>> = untold.collect();
        let Some(earliest) = came.iter().flatten().min() else {
            return false;
        };
        // The time of the report is before all of them; 24 bits of it wrap after twelve days.
        let reference = earliest >> TICKS_BITS;
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&(came.len() as u16).to_be_bytes());
        out.extend_from_slice(&reference.to_be_bytes()[1..]);
        out.push(number);
        let mut before = i64::from(reference << TICKS_BITS);
        let mut deltas = Vec::with_capacity(2 * came.len());
        for chunk in came.chunks(PER_CHUNK) {
            let mut word = WIDE_VECTOR;
            for (place, came) in chunk.iter().enumerate() {
                let symbol = came.map_or(NOT_RECEIVED, |came| {
                    let delta = i64::from(came) - before;
                    before = i64::from(came);
                    push_delta(delta, &mut deltas)
                });
                word |= symbol << (2 * (PER_CHUNK - 1 - place));
            }
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(&deltas);
        true
    }
}

/// Writes the time since the packet before, and says in which form.
fn push_delta(delta: i64, out: &mut Vec<u8>) -> u16 {
    if let Ok(small) = u8::try_from(delta) {
        out.push(small);
        return SMALL;
    }
    let large = delta.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16;
    out.extend_from_slice(&large.to_be_bytes());
    LARGE
}

/// A report of when packets of the whole transport came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TransportFates<'a> {
    /// The peer's clock when the report begins, in ticks; it wraps.
    pub(crate) reference: u32,
    first: u16,
    count: u16,
    /// Chunks, then deltas.
    data: &'a [u8],
}

impl<'a> TransportFates<'a> {
    /// Reads what comes after the two SSRCs.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let (header, data) = body.split_first_chunk::<HEADER_BYTES>()?;
        let [a, b, c, d, time @ .., _] = *header;
        let [high, middle, low] = time;
        Some(Self {
            reference: u32::from_be_bytes([0, high, middle, low]) << TICKS_BITS,
            first: u16::from_be_bytes([a, b]),
            count: u16::from_be_bytes([c, d]),
            data,
        })
    }

    /// The packets that came: their numbers, and when since the beginning of the report, in ticks.
    /// It ends early where the report does.
    pub(crate) fn came(self) -> impl Iterator<Item = (u16, i64)> + 'a {
        let chunks = self.data.chunks_exact(2);
        let words = chunks.map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
        // How many words are chunks shows only when they are read.
        let count = usize::from(self.count);
        let mut said = 0;
        let used = words.clone().take_while(|word| {
            let wanted = said < count;
            said += packets_of(*word);
            wanted
        });
        let mut deltas = self.data.get(2 * used.count()..).unwrap_or_default();
        let symbols = words.flat_map(symbols_of).take(count);
        let sequences = (0..=u16::MAX).map(move |n| self.first.wrapping_add(n));
        let mut ticks = 0;
        let fates = symbols.map_while(move |symbol| {
            let (delta, rest) = match (symbol, deltas) {
                (SMALL, [small, rest @ ..]) => (i64::from(*small), rest),
                (LARGE, [high, low, rest @ ..]) => {
                    (i64::from(i16::from_be_bytes([*high, *low])), rest)
                }
                (SMALL | LARGE, _) => return None,
                _ => return Some(None), // not received, or nobody says when
            };
            deltas = rest;
            ticks += delta;
            Some(Some(ticks))
        });
        sequences
            .zip(fates)
            .filter_map(|(sequence, ticks)| Some((sequence, ticks?)))
    }
}

/// Of how many packets a chunk tells.
fn packets_of(word: u16) -> usize {
    match word >> 14 {
        0 | 1 => usize::from(word & 0x1fff),
        2 => 14,
        _ => PER_CHUNK,
    }
}

/// What a chunk says of each of its packets.
fn symbols_of(word: u16) -> impl Iterator<Item = u16> {
    let (count, bits) = (packets_of(word), word >> 14);
    (0..count).map(move |place| match bits {
        0 | 1 => (word >> 13) & 0b11,
        2 => (word >> (13 - place)) & 1,
        _ => (word >> (2 * (PER_CHUNK - 1 - place))) & 0b11,
    })
}
