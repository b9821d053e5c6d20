//! What the unit tests share: a start of time, a seeded generator and an in-memory network.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The one moment at which tests look at the clock; all later times are computed from it.
#[allow(clippy::disallowed_methods)] // an Instant can be had in no other way
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// A small seeded generator (xorshift64*), so that every run is the same.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// 0 to `bound - 1`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound.max(1)
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// One datagram on its way.
struct Flying {
    arrives: Instant,
    to: usize,
    source: SocketAddr,
    destination: SocketAddr,
    bytes: Vec<u8>,
}

/// What waits longer at the bottleneck finds no place there.
const QUEUE_MAX: Duration = Duration::from_secs(1);

/// A network of two ends that delays, loses, repeats and reorders by a seeded generator.
pub(crate) struct Network {
    pub(crate) now: Instant,
    pub(crate) dice: Dice,
    pub(crate) delay: Duration,
    /// Percent of datagrams.
    pub(crate) loss: u64,
    pub(crate) reorder: u64,
    pub(crate) repeat: u64,
    /// The place in `sent` of a datagram that is lost.
    pub(crate) lose: Option<usize>,
    /// Bits a second that go to side 1; what comes faster waits, and beyond [`QUEUE_MAX`] is lost.
    pub(crate) rate_bps: Option<u64>,
    /// Until when the bottleneck is busy.
    busy: Instant,
    flying: Vec<Flying>,
    /// Everything ever sent: to whom, and what.
    pub(crate) sent: Vec<(usize, Vec<u8>)>,
    /// Every address that anything was ever sent to.
    pub(crate) addressed: BTreeSet<SocketAddr>,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now: start(),
            dice: Dice::new(seed),
            delay: Duration::from_millis(20),
            loss: 0,
            reorder: 0,
            repeat: 0,
            lose: None,
            rate_bps: None,
            busy: start(),
            flying: Vec::new(),
            sent: Vec::new(),
            addressed: BTreeSet::new(),
        }
    }

    pub(crate) fn send(
        &mut self,
        to: usize,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
    ) {
        self.sent.push((to, bytes.to_vec()));
        self.addressed.insert(destination);
        if self.dice.chance(self.loss) || self.lose == Some(self.sent.len() - 1) {
            return;
        }
        for _ in 0..1 + u64::from(self.dice.chance(self.repeat)) {
            let late = if self.dice.chance(self.reorder) {
                self.dice.below(15)
            } else {
                0
            };
            let Some(waits) = self.pass(to, bytes.len()) else {
                return;
            };
            let arrives = self.now + waits + self.delay + Duration::from_millis(late);
            let bytes = bytes.to_vec();
            self.flying.push(Flying {
                arrives,
                to,
                source,
                destination,
                bytes,
            });
        }
    }

    /// How long a datagram takes through the bottleneck; `None`: it finds no place there.
    fn pass(&mut self, to: usize, bytes: usize) -> Option<Duration> {
        let Some(rate) = self.rate_bps.filter(|_| to == 1) else {
            return Some(Duration::ZERO);
        };
        if self.queue() > QUEUE_MAX {
            return None;
        }
        let takes = Duration::from_micros(bytes as u64 * 8 * 1_000_000 / rate);
        self.busy = self.busy.max(self.now) + takes;
        Some(self.busy - self.now)
    }

    /// How long what waits at the bottleneck needs.
    pub(crate) fn queue(&self) -> Duration {
        self.busy.saturating_duration_since(self.now)
    }

    /// The datagrams that arrive now, in order of arrival.
    pub(crate) fn arrivals(&mut self) -> Vec<(usize, SocketAddr, SocketAddr, Vec<u8>)> {
        let now = self.now;
        let (mut due, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.flying)
            .into_iter()
            .partition(|f| f.arrives <= now);
        self.flying = rest;
        due.sort_by_key(|flying| flying.arrives);
        due.into_iter()
            .map(|f| (f.to, f.source, f.destination, f.bytes))
            .collect()
    }
}

/// An access unit as an encoder might give it: parameter sets and an IDR slice for a key frame,
/// else one plain slice. The body names `number`, so that a test recognises the frame.
pub(crate) fn picture(number: u32, keyframe: bool, bytes: usize) -> Vec<u8> {
    let mut unit = Vec::new();
    if keyframe {
        unit.extend_from_slice(&[0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0x95]);
        unit.extend_from_slice(&[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
    }
    unit.extend_from_slice(&[0, 0, 0, 1, if keyframe { 0x65 } else { 0x61 }]);
    unit.extend(number.to_be_bytes().map(|b| b | 0x80));
    unit.extend((0..bytes).map(|i| 1 + (i as u32).wrapping_add(number) as u8 % 200));
    unit
}
