//! How well one source is received (RFC 3550 sections 6.4 and A.8).

use std::time::Instant;

use rtc_rtcp::reception_report::ReceptionReport;

use crate::rtp::SequenceUnwrapper;

/// Statistics of one source we receive.
#[derive(Debug, Clone)]
pub(crate) struct Reception {
    ssrc: u32,
    clock_rate: u32,
    unwrapper: SequenceUnwrapper,
    base: Option<u64>,
    received: u64,
    expected_before: u64,
    received_before: u64,
    transit: Option<i64>,
    jitter: f64,
    began: Option<Instant>,
    sender_report: Option<(u32, Instant)>,
}

impl Reception {
    pub(crate) fn new(ssrc: u32, clock_rate: u32) -> Self {
        Self {
            ssrc,
            clock_rate,
            unwrapper: SequenceUnwrapper::default(),
            base: None,
            received: 0,
            expected_before: 0,
            received_before: 0,
            transit: None,
            jitter: 0.0,
            began: None,
            sender_report: None,
        }
    }

    /// Notes a packet; gives its unwrapped sequence number.
    pub(crate) fn received(&mut self, now: Instant, sequence: u16, timestamp: u32) -> u64 {
        let extended = self.unwrapper.unwrap(sequence);
        self.base.get_or_insert(extended);
        self.received += 1;
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began).as_micros() as i64;
        let arrival = passed * i64::from(self.clock_rate) / 1_000_000;
        let transit = i64::from((arrival as u32).wrapping_sub(timestamp) as i32);
        if let Some(before) = self.transit {
            let step = f64::from(((transit - before) as i32).unsigned_abs());
            // A jump of more than ten seconds is a new timestamp base, not jitter.
            if step < f64::from(self.clock_rate) * 10.0 {
                self.jitter += (step - self.jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
        extended
    }

    pub(crate) fn sender_report(&mut self, now: Instant, middle_ntp: u32) {
        self.sender_report = Some((middle_ntp, now));
    }

    fn expected(&self) -> u64 {
        match (self.base, self.unwrapper.highest()) {
            (Some(base), Some(highest)) => highest - base.min(highest) + 1,
            _ => 0,
        }
    }

    /// Packets lost for good so far; duplicates do not make it negative.
    pub(crate) fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    pub(crate) fn jitter_ms(&self) -> f32 {
        (self.jitter * 1_000.0 / f64::from(self.clock_rate.max(1))) as f32
    }

    /// The report block for the next compound packet; `None` before the first packet.
    pub(crate) fn report(&mut self, now: Instant) -> Option<ReceptionReport> {
        let highest = self.unwrapper.highest()?;
        let expected = self.expected();
        let step = expected - self.expected_before.min(expected);
        let arrived = self.received - self.received_before.min(self.received);
        self.expected_before = expected;
        self.received_before = self.received;
        let lost = step.saturating_sub(arrived);
        let fraction_lost = (lost * 256).checked_div(step).unwrap_or(0).min(255) as u8;
        let (last_sender_report, delay) = match self.sender_report {
            Some((middle, at)) => {
                let passed = now.saturating_duration_since(at);
                (middle, (passed.as_micros() * 65_536 / 1_000_000) as u32)
            }
            None => (0, 0),
        };
        Some(ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost,
            total_lost: self.lost().min(0x7f_ffff) as u32,
            // The unwrapper starts one cycle up; the wire counts cycles from zero.
            last_sequence_number: (highest - 0x1_0000.min(highest)) as u32,
            jitter: self.jitter as u32,
            last_sender_report,
            delay,
        })
    }
}
