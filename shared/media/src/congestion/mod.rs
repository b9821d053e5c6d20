//! How many bits a second the path to a peer takes.
//!
//! What it is: Google Congestion Control (draft-ietf-rmcat-gcc-02). Where the peer tells when each
//! packet came (RFC 8888, or the numbers of a transport as browsers do), delay ([`trend`], [`queue`], [`rate`]) and loss decide, whichever is less; where it
//! sends reports of reception only (RFC 3550), loss decides alone. What the peer says itself (REMB,
//! draft-alvestrand-rmcat-remb-03) is never exceeded.
//! What it is not: it paces nothing, and an encoder has to keep to what it says.
//! Why the delay half is ours: a queue has to be seen before it delays signing by half a second
//! (domain list V2). The library's filter saw one of a second only by its losses, and its reading
//! of RFC 8888 takes the age of an arrival for its time.
//! Start reading at [`Congestion`].

#[cfg(test)]
mod lies;
mod queue;
mod rate;
mod sent;
mod trend;

use std::time::{Duration, Instant};

use rtc_interceptor::LossController;
use rtc_rtcp::reception_report::ReceptionReport;

use crate::rtcp::{Fate, Fates, TICK, TransportFates};
use queue::Queue;
use rate::Control;
use sent::{Came, Sent};
use trend::{Trend, Usage};

/// What is tried first, in bits per second.
pub const RATE_START_BPS: u32 = 1_000_000;
/// Less is not worth having: signing is legible at 60 kbit/s and 320 by 240 (domain list V8).
pub const RATE_MIN_BPS: u32 = 60_000;
/// More is not needed for one person who signs.
pub const RATE_MAX_BPS: u32 = 2_500_000;
/// A smaller change is not told, in parts of what was told.
const CHANGE_PARTS_MIN: u32 = 20;

/// The peer's clock in units of its own, without the wrap at 2^32.
#[derive(Debug, Default)]
struct Clock {
    newest: Option<u64>,
}

impl Clock {
    /// The first report begins somewhere in the second turn, so that there is time before it.
    fn at(&mut self, told: u32) -> u64 {
        let newest = self.newest.unwrap_or((1 << 32) + u64::from(told));
        let step = told.wrapping_sub(newest as u32) as i32;
        let at = newest.saturating_add_signed(i64::from(step));
        self.newest = Some(newest.max(at));
        at
    }
}

/// What is known of packets one by one.
struct Packets {
    clock: Clock,
    sent: Sent,
    trend: Trend,
    queue: Queue,
    control: Control,
    round_trip: Duration,
    /// The peer does tell; until then its reports of reception count.
    are_told: bool,
}

/// The sender's half of congestion control, for one stream.
pub(crate) struct Congestion {
    /// Where the peer tells of every packet.
    packets: Option<Box<Packets>>,
    loss: LossController,
    /// The highest sequence number in the peer's last report.
    highest: Option<u32>,
    /// Packets that the peer asked for again since then.
    missed: usize,
    allowed: Option<u32>,
    told: Option<u32>,
}

impl Congestion {
    /// `by_packet`: the peer will tell of every packet.
    pub(crate) fn new(by_packet: bool) -> Self {
        let rates = [RATE_START_BPS, RATE_MIN_BPS, RATE_MAX_BPS].map(f64::from);
        let [start, min, max] = rates;
        let packets = || Packets {
            clock: Clock::default(),
            sent: Sent::default(),
            trend: Trend::default(),
            queue: Queue::default(),
            control: Control::new(start, (min, max)),
            round_trip: Duration::ZERO,
            are_told: false,
        };
        Self {
            packets: by_packet.then(|| Box::new(packets())),
            loss: LossController::new(start, min, max),
            highest: None,
            missed: 0,
            allowed: None,
            told: None,
        }
    }

    /// A packet goes out.
    pub(crate) fn sent(&mut self, now: Instant, sequence: u16, bytes: usize) {
        if let Some(packets) = self.packets.as_deref_mut() {
            packets.sent.note(now, sequence, bytes);
        }
    }

    /// The peer tells what became of packets.
    pub(crate) fn arrivals(&mut self, now: Instant, fates: Fates<'_>) {
        let Some(packets) = self.packets.as_deref_mut() else {
            return;
        };
        let reported = packets.clock.at(fates.reported);
        let reported = Duration::from_micros(reported.saturating_mul(1_000_000) >> 16);
        for (sequence, fate) in fates.packets() {
            if let Fate::Came { before } = fate {
                let at = before.and_then(|before| reported.checked_sub(before));
                packets.sent.came(sequence, Came(at));
            }
        }
        self.outcomes(now);
    }

    /// The same by numbers of the whole transport: those that came are told, and when.
    pub(crate) fn transport_arrivals(&mut self, now: Instant, fates: TransportFates<'_>) {
        let Some(packets) = self.packets.as_deref_mut() else {
            return;
        };
        let reference = packets.clock.at(fates.reference);
        let tick = TICK.as_micros() as u64;
        for (sequence, ticks) in fates.came() {
            let at = reference.saturating_add_signed(ticks).saturating_mul(tick);
            let at = Duration::from_micros(at);
            packets.sent.came(sequence, Came(Some(at)));
        }
        self.outcomes(now);
    }

    /// Draws the conclusions from what has become known of packets.
    fn outcomes(&mut self, now: Instant) {
        let Some(packets) = self.packets.as_deref_mut() else {
            return;
        };
        let (mut lost, mut total) = (0, 0);
        while let Some(outcome) = packets.sent.take() {
            total += 1;
            lost += usize::from(outcome.came.is_none());
            if let Some(Came(Some(arrival))) = outcome.came {
                packets.trend.packet(outcome.departure, arrival);
                packets.queue.packet(outcome.departure, arrival);
                packets.control.arriving.packet(arrival, outcome.bytes);
                packets.round_trip = now.saturating_duration_since(outcome.departure);
            }
        }
        if total > 0 {
            packets.are_told = true;
            packets.queue.look(now);
            let usage = match packets.trend.usage() {
                Usage::Normal if packets.queue.stands() => Usage::Over,
                usage @ (Usage::Normal | Usage::Over | Usage::Under) => usage,
            };
            let waits = packets.queue.waits();
            if packets
                .control
                .update(now, usage, packets.round_trip, waits)
            {
                packets.queue.lowered(now);
            }
            self.loss.update(now, lost, total);
        }
    }

    /// The peer asks for a packet again.
    pub(crate) fn missed(&mut self) {
        self.missed += 1;
    }

    /// Whether what is sent now only makes others wait longer.
    pub(crate) fn is_congested(&self) -> bool {
        let packets = self.packets.as_ref();
        packets.is_some_and(|packets| packets.queue.stands())
    }

    /// The peer tells how much it lost.
    pub(crate) fn report(&mut self, now: Instant, report: &ReceptionReport) {
        if self
            .packets
            .as_ref()
            .is_some_and(|packets| packets.are_told)
        {
            return;
        }
        let newest = report.last_sequence_number;
        if let Some(before) = self.highest.replace(newest) {
            let expected = newest.wrapping_sub(before) as usize;
            let lost = expected * usize::from(report.fraction_lost) / 256;
            // What was sent again in time counts as come there.
            let missed = std::mem::take(&mut self.missed);
            let lost = lost.max(missed).min(expected);
            self.loss.update(now, lost, expected);
        }
    }

    /// The peer tells how much it may be sent.
    pub(crate) fn allow(&mut self, bps: f32) {
        // Whatever it says, nobody can sign with less.
        self.allowed = Some((bps as u32).clamp(RATE_MIN_BPS, RATE_MAX_BPS));
    }

    /// How much the path takes.
    pub(crate) fn rate_bps(&self) -> u32 {
        let by_delay = self
            .packets
            .as_ref()
            .map(|packets| packets.control.target());
        let sensed = by_delay.map_or(self.loss.target(), |bps| bps.min(self.loss.target()));
        self.allowed.unwrap_or(u32::MAX).min(sensed as u32)
    }

    /// The same, when it is worth telling.
    pub(crate) fn take_rate(&mut self) -> Option<u32> {
        let rate = self.rate_bps();
        let before = self.told.unwrap_or(RATE_START_BPS);
        if rate.abs_diff(before) < before / CHANGE_PARTS_MIN {
            return None;
        }
        self.told = Some(rate);
        self.told
    }
}
