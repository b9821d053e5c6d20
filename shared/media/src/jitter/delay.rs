//! How long to wait: for nearly all packets, and no longer.
//!
//! A packet's delay is told relative to the fastest of the last two seconds. The longest of each
//! half second goes into a histogram that forgets; what 95 in 100 of them stay below is waited
//! for. Peaks that come again and again, but too seldom for that, count by themselves.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The fastest packet of this time is the measure.
const HISTORY: Duration = Duration::from_secs(2);
/// Packets of that time that are kept at most: 10 ms each, and some more.
const HISTORY_PACKETS_MAX: usize = 256;
/// The longest delay of so long is one entry.
const INTERVAL: Duration = Duration::from_millis(500);
/// Width of a bucket, in milliseconds.
const BUCKET_MS: u32 = 10;
/// Buckets: up to one second.
const BUCKETS: usize = 100;
/// What an entry weighs against all before: half of it is forgotten after 20 s.
const FORGETS: f32 = 0.983;
/// This share of entries is waited for.
const QUANTILE: f32 = 0.95;
/// A delay that exceeds what is waited for by so much is a peak, in milliseconds.
const PEAK_MS: u32 = 40;
/// Peaks that are remembered, and for how long.
const PEAKS_MAX: usize = 8;
const PEAK_KEPT: Duration = Duration::from_secs(20);
/// So many of them are a habit.
const PEAKS_MIN: usize = 2;

/// Learns from arrivals how long to wait.
#[derive(Debug)]
pub(super) struct Delay {
    epoch: Option<Instant>,
    /// When packets arrived, and how long they took, in microseconds from an unknown zero.
    transits: VecDeque<(Instant, i64)>,
    longest_ms: u32,
    interval_since: Option<Instant>,
    histogram: [f32; BUCKETS],
    entries: u32,
    peaks: VecDeque<(Instant, u32)>,
    target_ms: u32,
    max_ms: u32,
}

impl Delay {
    /// Waits for `start_ms` at first, and for `max_ms` at most.
    pub(super) fn new(start_ms: u32, max_ms: u32) -> Self {
        Self {
            epoch: None,
            transits: VecDeque::new(),
            longest_ms: 0,
            interval_since: None,
            histogram: [0.0; BUCKETS],
            entries: 0,
            peaks: VecDeque::new(),
            target_ms: start_ms,
            max_ms,
        }
    }

    /// How long the slowest that still count are behind the fastest, in milliseconds.
    pub(super) const fn target_ms(&self) -> u32 {
        self.target_ms
    }

    /// Another clock stamps the packets from now on.
    pub(super) fn restart(&mut self) {
        self.transits.clear();
        (self.longest_ms, self.interval_since) = (0, None);
    }

    /// A packet arrived that belongs at `time_us` on the sender's clock.
    pub(super) fn arrived(&mut self, now: Instant, time_us: i64) {
        let epoch = *self.epoch.get_or_insert(now);
        let passed = now.saturating_duration_since(epoch).as_micros() as i64;
        let transit = passed - time_us;
        let old = |(at, _): &(Instant, i64)| now.saturating_duration_since(*at) > HISTORY;
        while self.transits.front().is_some_and(old) || self.transits.len() >= HISTORY_PACKETS_MAX {
            self.transits.pop_front();
        }
        self.transits.push_back((now, transit));
        let fastest = self.transits.iter().map(|(_, transit)| *transit).min();
        let late_us = transit - fastest.unwrap_or(transit);
        let late_ms = u32::try_from(late_us / 1_000).unwrap_or(0);
        // What is later than that stood still or has another clock; no wait helps.
        if late_ms < BUCKETS as u32 * BUCKET_MS {
            self.longest_ms = self.longest_ms.max(late_ms);
            self.note_peak(now, late_ms);
        }
        let since = *self.interval_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= INTERVAL {
            let longest_ms = std::mem::take(&mut self.longest_ms);
            self.learn(longest_ms);
            self.interval_since = Some(now);
        }
        self.target_ms = self.quantile_ms().max(self.peak_ms(now)).min(self.max_ms);
    }

    fn learn(&mut self, delay_ms: u32) {
        self.entries = self.entries.saturating_add(1);
        // The first entries are learnt from at once, later ones slowly.
        let keeps = FORGETS.min(1.0 - 2.0 / (self.entries as f32 + 1.0));
        for share in &mut self.histogram {
            *share *= keeps;
        }
        let bucket = (delay_ms / BUCKET_MS) as usize;
        self.histogram[bucket.min(BUCKETS - 1)] += 1.0 - keeps;
    }

    /// What most entries stay below; before the first, what is waited for already.
    fn quantile_ms(&self) -> u32 {
        if self.entries == 0 {
            return self.target_ms;
        }
        let mut left = QUANTILE * self.histogram.iter().sum::<f32>();
        let bucket = self.histogram.iter().position(|share| {
            left -= share;
            left <= 0.0
        });
        (bucket.unwrap_or(BUCKETS - 1) as u32 + 1) * BUCKET_MS
    }

    fn note_peak(&mut self, now: Instant, late_ms: u32) {
        let old = |(at, _): &(Instant, u32)| now.saturating_duration_since(*at) > PEAK_KEPT;
        while self.peaks.front().is_some_and(old) {
            self.peaks.pop_front();
        }
        let one = |(at, _): &(Instant, u32)| now.saturating_duration_since(*at) < INTERVAL;
        if late_ms < self.target_ms + PEAK_MS {
            return;
        }
        match self.peaks.back_mut() {
            // Packets that waited behind one obstacle are one peak.
            Some(last) if one(last) => last.1 = last.1.max(late_ms),
            _ => {
                if self.peaks.len() == PEAKS_MAX {
                    self.peaks.pop_front();
                }
                self.peaks.push_back((now, late_ms));
            }
        }
    }

    fn peak_ms(&self, now: Instant) -> u32 {
        let kept = |at: &Instant| now.saturating_duration_since(*at) <= PEAK_KEPT;
        let mut heights: Vec<u32> = self
            .peaks
            .iter()
            .filter(|(at, _)| kept(at))
            .map(|p| p.1)
            .collect();
        heights.sort_unstable();
        // One peak alone may never come again.
        let habit = heights.len().checked_sub(PEAKS_MIN);
        habit.map_or(0, |place| heights[place])
    }
}
