//! Reads a stream that carries text of several people (RFC 9071 section 3.16): each has blocks
//! and losses of their own, all share the packets' numbers.
//!
//! A block is known by its writer and its timestamp. A packet lists the last blocks of its writer
//! without a gap, so nothing is missing where the list reaches back to what was read before. Where
//! it does not, text may be lost only if as many packets are missing within a second as carry each
//! block; that writer's text then gets the mark, and nobody else's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use vrs_domain::limit::TEXT_WRITERS_MAX;

use super::receiver::REORDER_WAIT;
use super::red::parse_red;
use super::{MISSING_TEXT, readable};

/// Packets that carry the same block go out within this time.
const LOSS_WINDOW: Duration = Duration::from_secs(1);
/// Missing packets that are remembered.
const MISSING_MAX: usize = 512;
/// Most packets held back behind a gap, of all writers.
const HELD_MAX: usize = 64;

/// What of a packet matters here.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// Unwrapped sequence number.
    pub sequence: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Who wrote; `None`: whoever sent it.
    pub source: Option<u32>,
    /// Payload is RED.
    pub red: bool,
    /// The payload itself.
    pub payload: &'a [u8],
}

/// A packet that was not read yet: its blocks, oldest first.
struct Held {
    at: Instant,
    blocks: Vec<(u32, String)>,
}

/// When a packet that did not come would have come: between those before and after it.
#[derive(Debug, Clone, Copy)]
struct Missing {
    since: Instant,
    until: Instant,
}

struct Reading {
    source: Option<u32>,
    /// Number of the last packet that was read, and the timestamp of its last block.
    last: Option<(u64, u32)>,
    held: BTreeMap<u64, Held>,
    text: String,
    heard: Instant,
}

/// The receiving half of a text stream of one or more writers.
pub struct Sources {
    payload_type: u8,
    highest: Option<u64>,
    /// Packets that did not come.
    missing: BTreeMap<u64, Missing>,
    /// When the last packet came.
    latest: Option<Instant>,
    writers: Vec<Reading>,
}

impl Sources {
    /// `payload_type`: that of T.140, as it appears inside RED.
    #[must_use]
    pub fn new(payload_type: u8) -> Self {
        Self {
            payload_type,
            highest: None,
            missing: BTreeMap::new(),
            latest: None,
            writers: Vec::new(),
        }
    }

    /// Takes a packet. One that cannot be read, or holds something else, counts as received.
    pub fn receive(&mut self, now: Instant, packet: Arrived<'_>) {
        self.count(now, packet.sequence);
        let Some(blocks) = self.blocks(packet) else {
            return;
        };
        let at = self.writer(now, packet.source);
        let reading = &mut self.writers[at];
        let held = Held { at: now, blocks };
        reading.held.entry(packet.sequence).or_insert(held);
        self.settle(now);
    }

    fn count(&mut self, now: Instant, sequence: u64) {
        let highest = *self.highest.get_or_insert(sequence);
        self.missing.remove(&sequence);
        let oldest = sequence.saturating_sub(MISSING_MAX as u64);
        let since = self.latest.replace(now).unwrap_or(now);
        for number in (highest + 1).max(oldest)..sequence {
            self.missing.insert(number, Missing { since, until: now });
        }
        while self.missing.len() > MISSING_MAX {
            self.missing.pop_first();
        }
        self.highest = Some(highest.max(sequence));
    }

    fn blocks(&self, packet: Arrived<'_>) -> Option<Vec<(u32, String)>> {
        if !packet.red {
            return Some(vec![(packet.timestamp, readable(packet.payload))]);
        }
        let red = parse_red(packet.payload)?;
        if red.primary.0 != self.payload_type {
            return None;
        }
        let redundant = red.redundant.iter();
        let ours = redundant.filter(|block| block.payload_type == self.payload_type);
        let older = |offset: u32| packet.timestamp.wrapping_sub(offset);
        let mut blocks: Vec<_> = ours
            .map(|block| (older(block.offset), readable(block.bytes)))
            .collect();
        blocks.push((packet.timestamp, readable(red.primary.1)));
        Some(blocks)
    }

    fn writer(&mut self, now: Instant, source: Option<u32>) -> usize {
        let known = self.writers.iter().position(|one| one.source == source);
        let at = known.unwrap_or_else(|| {
            if self.writers.len() > TEXT_WRITERS_MAX
                && let Some((oldest, _)) = (self.writers.iter().enumerate())
                    .min_by_key(|(_, one)| (!one.held.is_empty(), one.heard))
            {
                self.writers.remove(oldest);
            }
            self.writers.push(Reading {
                source,
                last: None,
                held: BTreeMap::new(),
                text: String::new(),
                heard: now,
            });
            self.writers.len() - 1
        });
        self.writers[at].heard = now;
        at
    }

    /// When [`Self::poll`] gives a gap up.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let firsts = self.writers.iter();
        let firsts = firsts.filter_map(|one| one.held.first_key_value());
        firsts.map(|(_, held)| held.at + REORDER_WAIT).min()
    }

    /// Text that is due and who wrote it (`None`: whoever sends the packets); ask until `None`.
    pub fn poll(&mut self, now: Instant) -> Option<(Option<u32>, String)> {
        self.settle(now);
        let mut writers = self.writers.iter_mut();
        let one = writers.find(|one| !one.text.is_empty())?;
        Some((one.source, std::mem::take(&mut one.text)))
    }

    fn settle(&mut self, now: Instant) {
        let mut held: usize = self.writers.iter().map(|one| one.held.len()).sum();
        for one in &mut self.writers {
            while let Some(first) = one.held.first_entry() {
                let doubtful = may_lack(&self.missing, one.last, *first.key(), first.get());
                let waits = now < first.get().at + REORDER_WAIT && held <= HELD_MAX;
                if doubtful && waits {
                    break;
                }
                let (sequence, packet) = first.remove_entry();
                held -= 1;
                if doubtful {
                    one.text.push(MISSING_TEXT);
                }
                read(one, sequence, packet);
            }
        }
    }
}

fn read(one: &mut Reading, sequence: u64, packet: Held) {
    let newest = packet.blocks.last().map(|(time, _)| *time);
    // Empty blocks are nothing to be read, and their places may mean nothing.
    for (time, text) in packet.blocks.iter().filter(|(_, text)| !text.is_empty()) {
        if one.last.is_none_or(|(_, last)| is_later(*time, last)) {
            one.text.push_str(text);
            one.last = Some((sequence, *time));
        }
    }
    if let Some(newest) = newest {
        let (number, last) = one.last.unwrap_or((sequence, newest));
        let last = if is_later(newest, last) { newest } else { last };
        one.last = Some((number.max(sequence), last));
    }
}

/// Whether text of this writer may be missing before this packet.
fn may_lack(
    missing: &BTreeMap<u64, Missing>,
    last: Option<(u64, u32)>,
    sequence: u64,
    packet: &Held,
) -> bool {
    let Some((number, last)) = last else {
        return false;
    };
    if number >= sequence {
        return false;
    }
    // The place of an empty block need not be meant (RFC 9071 section 3.12), unless it is that
    // of one we know.
    let reaches = |(time, text): &(u32, String)| {
        *time == last || (!text.is_empty() && !is_later(*time, last))
    };
    if packet.blocks.iter().any(reaches) {
        return false;
    }
    let lost = missing.range(number + 1..sequence);
    let lost: Vec<Missing> = lost.map(|(_, missing)| *missing).collect();
    let copies = packet.blocks.len();
    let burst = |lost: &[Missing]| {
        let between = lost.first().zip(lost.last());
        between.is_some_and(|(first, last)| last.since <= first.until + LOSS_WINDOW)
    };
    lost.windows(copies.max(1)).any(burst)
}

/// Whether this timestamp is later than that one.
fn is_later(time: u32, than: u32) -> bool {
    (time.wrapping_sub(than) as i32) > 0
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
