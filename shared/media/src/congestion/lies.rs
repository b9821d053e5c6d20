//! Reports of arrivals that are well-formed and not true.

use std::time::{Duration, Instant};

use super::{Congestion, RATE_MAX_BPS, RATE_MIN_BPS};
use crate::rtcp::{self, Incoming};
use crate::testing::{Dice, start};

const BYTES: usize = 1_200;
const INTERVAL: Duration = Duration::from_millis(10);
/// With every tenth packet a report.
const REPORTED: u16 = 10;
const RECEIVED: u16 = 0x8000;

/// Feedback about transport packets (RFC 4585 section 6.1) with this format and body.
fn feedback(format: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80 | format, 205, 0, 0, 0, 0, 0, 1];
    packet.extend(body);
    packet.resize(packet.len().next_multiple_of(4), 0);
    let words = (packet.len() / 4 - 1) as u16;
    packet[2..4].copy_from_slice(&words.to_be_bytes());
    packet
}

/// As RFC 8888 section 3.1 says it.
fn by_source(first: u16, metrics: &[u16], ntp: u32) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 2];
    body.extend(first.to_be_bytes());
    body.extend((metrics.len() as u16).to_be_bytes());
    body.extend(metrics.iter().flat_map(|metric| metric.to_be_bytes()));
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend(ntp.to_be_bytes());
    feedback(11, &body)
}

/// As browsers say it: seven packets a chunk, all of which came, each a large step after the one
/// before.
fn by_transport(first: u16, steps: &[i16], reference: u32) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 2];
    body.extend(first.to_be_bytes());
    body.extend((steps.len() as u16).to_be_bytes());
    body.extend(&reference.to_be_bytes()[1..]);
    body.push(0);
    for _ in steps.chunks(7) {
        body.extend([0b1110_1010, 0b1010_1010]);
    }
    body.extend(steps.iter().flat_map(|step| step.to_be_bytes()));
    feedback(15, &body)
}

/// A stream at a steady rate whose receiver tells something.
struct Stream {
    congestion: Congestion,
    began: Instant,
    now: Instant,
    sequence: u16,
}

impl Stream {
    fn run(&mut self, packets: u32, mut told: impl FnMut(&Self) -> Vec<u8>) {
        for _ in 0..packets {
            self.now += INTERVAL;
            self.congestion.sent(self.now, self.sequence, BYTES);
            self.sequence = self.sequence.wrapping_add(1);
            if !self.sequence.is_multiple_of(REPORTED) {
                continue;
            }
            let report = told(self);
            let incoming = rtcp::parse(&report);
            assert_eq!(incoming.len(), 1, "it is well-formed");
            for told in incoming {
                if let Incoming::Arrivals(fates) = told {
                    self.congestion.arrivals(self.now, fates);
                } else if let Incoming::TransportArrivals(fates) = told {
                    self.congestion.transport_arrivals(self.now, fates);
                } else {
                    panic!("{told:?}");
                }
            }
            let rate = self.congestion.rate_bps();
            assert!((RATE_MIN_BPS..=RATE_MAX_BPS).contains(&rate), "{rate}");
        }
    }

    /// The middle of the receiver's clock.
    fn ntp(&self) -> u32 {
        let millis = (self.now - self.began).as_millis() as u64;
        (millis * 65_536 / 1_000) as u32
    }
}

#[test]
fn a42_false_reports_of_arrivals_leave_the_rate_within_bounds_and_true_ones_mend_it() {
    let mut dice = Dice::new(42);
    let began = start();
    let mut stream = Stream {
        congestion: Congestion::new(true),
        began,
        now: began,
        sequence: 65_000,
    };
    stream.run(20_000, |stream| {
        // About any packets, sent or not, any of which may have come at any time.
        let far = dice.below(4) == 0;
        let back = dice.below(if far { 65_536 } else { 40 }) as u16;
        let first = stream.sequence.wrapping_sub(back);
        let count = 1 + dice.below(60);
        if dice.chance(50) {
            let metrics: Vec<u16> = (0..count).map(|_| dice.next() as u16).collect();
            let ntp = stream.ntp().wrapping_add(dice.below(65_536) as u32);
            return by_source(first, &metrics, ntp);
        }
        let steps: Vec<i16> = (0..count).map(|_| dice.next() as i16).collect();
        by_transport(first, &steps, dice.next() as u32)
    });
    stream.run(12_000, |stream| {
        // The last came just now, those before it at intervals, in units of 1/1024 s.
        let metrics = (0..REPORTED).rev().map(|ago| RECEIVED | (ago * 10));
        let first = stream.sequence.wrapping_sub(REPORTED);
        by_source(first, &metrics.collect::<Vec<_>>(), stream.ntp())
    });
    let sent = 8 * BYTES as u32 * 100;
    let rate = stream.congestion.rate_bps();
    assert!(rate > sent * 9 / 10, "{rate} where {sent} arrive");
}
