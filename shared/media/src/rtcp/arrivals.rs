//! When packets came, as their sender is told: kept until it is told, then written by the numbers
//! of each source (RFC 8888); and what a peer tells so. [`super::transport`] does it as browsers
//! want it.
//!
//! Ours and no library's, because every packet that is forwarded is noted here.

use std::time::{Duration, Instant};

use crate::rtp::SequenceUnwrapper;

/// Packets that may wait to be told: the largest key frame of ours and what comes with it. With
/// all of them a report is as long as a packet of pictures may be.
const KEPT: usize = 256;
/// With so many it is told at once: nothing may be forgotten before.
const FULL: u64 = KEPT as u64 / 2;
/// A number that is so much lower is no late packet: whoever counts began anew (RFC 3550 appendix
/// A.1, `MAX_MISORDER`, and some more).
const LATE_MAX: u64 = 2_000;
/// Arrivals are noted in units of 250 µs, the finest that is told.
pub(super) const NOTED_PER_SECOND: u32 = 4_000;
/// A report has units of its own, so many in a second.
const TOLD_PER_SECOND: u32 = 1_024;
/// The longest time before the report that can be told; the next number says that it is longer.
const OFFSET_MAX: u16 = 0x1ffd;
const OFFSET_TOO_LONG: u16 = 0x1ffe;
const RECEIVED: u16 = 0x8000;
const OFFSET_MASK: u16 = 0x1fff;
/// SSRC, first sequence number, and the number of packets.
const BLOCK_HEADER_BYTES: usize = 8;

/// The packets that came, of one numbering, and were not told yet.
pub(crate) struct Arrivals {
    began: Option<Instant>,
    unwrapper: SequenceUnwrapper,
    /// By sequence number: when it came since the first one, and one more; 0 if it did not.
    came: Box<[u32; KEPT]>,
    /// The first that is to be told, and the one after the last.
    untold: std::ops::Range<u64>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            began: None,
            unwrapper: SequenceUnwrapper::default(),
            came: Box::new([0; KEPT]),
            untold: 0..0,
        }
    }
}

/// What a packet that came means for those that are still to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    Kept,
    /// One before it is missing.
    AfterGap,
    /// There is no room for many more.
    Full,
}

impl Arrivals {
    /// A packet came.
    pub(crate) fn note(&mut self, now: Instant, sequence: u16) -> Noted {
        let sequence = self.unwrapper.unwrap(sequence);
        if self.untold.end == 0 {
            self.untold = sequence..sequence;
        }
        if sequence + LATE_MAX < self.untold.start {
            self.take().1.for_each(drop);
            self.untold = sequence..sequence;
        }
        if sequence < self.untold.start {
            return Noted::Kept; // told as lost: that stands
        }
        let end = sequence + 1;
        if end > self.untold.start + KEPT as u64 {
            // Nobody asked for a report: the oldest are never told.
            let start = end - KEPT as u64;
            let forgotten = self.untold.start..start.min(self.untold.end);
            forgotten.for_each(|old| self.came[place(old)] = 0);
            self.untold = start..self.untold.end.max(start);
        }
        let after_gap = sequence > self.untold.end;
        self.untold.end = self.untold.end.max(end);
        let units = self.noted(now) + 1;
        let came = &mut self.came[place(sequence)];
        if *came == 0 {
            *came = units;
        }
        match self.untold.end - self.untold.start {
            FULL.. => Noted::Full,
            _ if after_gap => Noted::AfterGap,
            _ => Noted::Kept,
        }
    }

    fn noted(&mut self, now: Instant) -> u32 {
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began).as_micros() as u64;
        (passed * u64::from(NOTED_PER_SECOND) / 1_000_000) as u32
    }

    /// Takes what was not told yet: the number of the first, and of each whether and when it came,
    /// in noted units since the first of all.
    pub(super) fn take(&mut self) -> (u16, impl ExactSizeIterator<Item = Option<u32>>) {
        let untold = self.untold.start as usize..self.untold.end as usize;
        self.untold.start = self.untold.end;
        let first = untold.start as u16;
        let came = &mut self.came;
        let taken = untold.map(|at| std::mem::take(&mut came[at % KEPT]).checked_sub(1));
        (first, taken)
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.untold.is_empty()
    }

    /// Appends the block about this source, if there is anything to tell.
    pub(super) fn tell(&mut self, now: Instant, ssrc: u32, out: &mut Vec<u8>) {
        if self.is_empty() {
            return;
        }
        let told_at = self.noted(now);
        let (first, untold) = self.take();
        let count = untold.len();
        out.extend_from_slice(&ssrc.to_be_bytes());
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&(count as u16).to_be_bytes());
        for came in untold {
            let told = |came| RECEIVED | offset(told_at.saturating_sub(came));
            out.extend_from_slice(&came.map_or(0, told).to_be_bytes());
        }
        if count % 2 == 1 {
            out.extend_from_slice(&[0; 2]);
        }
    }
}

fn place(sequence: u64) -> usize {
    sequence as usize % KEPT
}

fn offset(noted: u32) -> u16 {
    let told = u64::from(noted) * u64::from(TOLD_PER_SECOND) / u64::from(NOTED_PER_SECOND);
    let told = u16::try_from(told).unwrap_or(OFFSET_TOO_LONG);
    if told > OFFSET_MAX {
        OFFSET_TOO_LONG
    } else {
        told
    }
}

/// What a report says of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It has not come so far.
    Lost,
    /// It has, so long before the report; `None`: too long ago to say, or after it.
    Came { before: Option<Duration> },
}

/// A report of what became of packets of one stream (RFC 8888 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fates<'a> {
    /// The middle 32 bits of the peer's NTP time: units of 1/65536 s.
    pub(crate) reported: u32,
    /// Whose packets.
    pub(crate) ssrc: u32,
    first: u16,
    /// Two bytes for each.
    metrics: &'a [u8],
}

impl<'a> Fates<'a> {
    /// Each packet by its sequence number.
    pub(crate) fn packets(self) -> impl Iterator<Item = (u16, Fate)> + 'a {
        let sequences = (0..=u16::MAX).map(move |n| self.first.wrapping_add(n));
        let metrics = self.metrics.chunks_exact(2);
        sequences.zip(metrics.map(|bytes| fate(u16::from_be_bytes([bytes[0], bytes[1]]))))
    }
}

fn fate(metric: u16) -> Fate {
    if metric & RECEIVED == 0 {
        return Fate::Lost;
    }
    let offset = metric & OFFSET_MASK;
    let micros = u64::from(offset) * 1_000_000 / u64::from(TOLD_PER_SECOND);
    let before = (offset < OFFSET_TOO_LONG).then(|| Duration::from_micros(micros));
    Fate::Came { before }
}

/// Reads the blocks of a report: what comes after the SSRC of who tells.
pub(super) fn read(mut blocks: &[u8]) -> impl Iterator<Item = Fates<'_>> {
    let reported = match blocks.split_last_chunk::<4>() {
        Some((before, last)) => {
            blocks = before;
            u32::from_be_bytes(*last)
        }
        None => 0,
    };
    std::iter::from_fn(move || {
        let (header, rest) = blocks.split_first_chunk::<BLOCK_HEADER_BYTES>()?;
        let [a, b, c, d, first @ .., high, low] = *header;
        let count = usize::from(u16::from_be_bytes([high, low]));
        let metrics = rest.get(..2 * count)?;
        blocks = rest.get(4 * count.div_ceil(2)..).unwrap_or_default();
        Some(Fates {
            reported,
            ssrc: u32::from_be_bytes([a, b, c, d]),
            first: u16::from_be_bytes(first),
            metrics,
        })
    })
}
