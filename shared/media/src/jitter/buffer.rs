//! The machine between arrivals and an ear; what it decides with is in the files beside it.

use std::time::Instant;

use super::delay::Delay;
use super::packets::{Packet, Packets};
use super::{Decode, JitterStats, Played, stretch};

/// What is waited for before anything is known, in milliseconds.
const TARGET_START_MS: u32 = 40;
/// What is waited for at most, in milliseconds; a conversation bears no more.
const TARGET_MAX_MS: u32 = 240;
/// More than this never waits: what is older is dropped, in milliseconds.
pub(super) const WAITING_MAX_MS: u32 = 400;
/// A jump in RTP time so far beyond the time that passed is another source, in milliseconds.
const JUMP_MS: u32 = 2_000;
/// So many packets in a row that belong to what is over are another source, too.
const LATE_MAX: u32 = 16;
/// A longer hole between packets that are there is jumped over, in milliseconds.
const HOLE_MAX_MS: u32 = 240;
/// After so long without packets nobody speaks any more, in milliseconds.
const STARVED_MAX_MS: u32 = 400;
/// What is concealed at a time when nothing is there, in milliseconds.
const STEP_MS: u32 = 10;
/// The level below which there is too little, at most so far below the target, in milliseconds.
const LOW_BELOW_MS: u32 = 85;
/// The level above which there is too much, at least so far above the low one, in milliseconds.
const HIGH_ABOVE_MS: u32 = 20;
/// So far above that one there is no time for the best place to cut, in milliseconds.
const HURRY_MS: u32 = 60;
/// What the level was weighs so much after 10 ms.
const LEVEL_KEEPS: f32 = 0.97;
/// Sound is shortened or lengthened so often at most, in milliseconds; faster is heard as a gabble.
const STRETCH_EVERY_MS: u32 = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Until there is enough to begin with. `since` counts samples since the first packet came.
    Waiting {
        since: usize,
        pause: bool,
    },
    Playing,
}

/// Plays one stream.
pub struct JitterBuffer<D> {
    decoder: D,
    packets: Packets,
    delay: Delay,
    /// RTP time of what is decoded next.
    next: i64,
    /// Decoded, not played.
    ready: Vec<f32>,
    state: State,
    /// Samples made up since the last packet while nothing was there.
    starved: usize,
    /// The last packet said that its sender is silent.
    pause: bool,
    /// What waits, smoothed, in samples.
    level: f32,
    /// Length of the last packet, in units of RTP time.
    length: i64,
    /// When the last packet came.
    arrived: Option<Instant>,
    /// Packets in a row that came after their time.
    late: u32,
    /// From this RTP time on the sender does something else than send sound.
    left_at: Option<i64>,
    /// Samples played since sound was shortened or lengthened.
    unstretched: usize,
    /// Sum of what waited for each sample that was played while somebody spoke, in samples.
    waited: u128,
    /// How many those were.
    spoken: u64,
    stats: JitterStats,
}

impl<D: Decode> JitterBuffer<D> {
    /// A buffer that has heard nothing yet.
    pub fn new(decoder: D) -> Self {
        Self {
            decoder,
            packets: Packets::default(),
            delay: Delay::new(TARGET_START_MS, TARGET_MAX_MS),
            next: i64::MIN,
            ready: Vec::new(),
            state: State::Waiting {
                since: 0,
                pause: false,
            },
            starved: 0,
            pause: false,
            level: 0.0,
            length: 0,
            arrived: None,
            late: 0,
            left_at: None,
            unstretched: 0,
            waited: 0,
            spoken: 0,
            stats: JitterStats::default(),
        }
    }

    /// Takes a packet that belongs at RTP time `timestamp`. What comes late or twice is dropped.
    pub fn insert(&mut self, now: Instant, timestamp: u32, data: Vec<u8>) {
        let Some(length) = self.decoder.length(&data) else {
            return;
        };
        let length = i64::from(length);
        let mut time = self.packets.unwrap(timestamp);
        if self.is_jump(now, time) || self.late >= LATE_MAX {
            self.restart();
            time = self.packets.unwrap(timestamp);
        }
        if !self.packets.note(time) {
            self.stats.duplicate += 1;
            return;
        }
        self.arrived = Some(now);
        let clock_hz = i64::from(self.decoder.clock_hz());
        self.delay.arrived(now, time * 1_000_000 / clock_hz);
        if time < self.next {
            self.stats.late += 1;
            self.late += 1;
            return;
        }
        (self.length, self.late) = (length, 0);
        let surplus = self.packets.insert(time, Packet { length, data });
        self.stats.dropped += u64::from(surplus.is_some());
    }

    /// Whether a packet is so far from where it would be that another clock must have stamped it.
    fn is_jump(&self, now: Instant, time: i64) -> bool {
        let Some(arrived) = self.arrived else {
            return false;
        };
        // After a pause RTP time went on (RFC 3550 section 5.1); after a stall it has not.
        let passed = now.saturating_duration_since(arrived).as_millis();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX / 1_000_000);
        let passed = passed * i64::from(self.decoder.clock_hz() / 1_000);
        let (jump, ahead) = (self.clock(JUMP_MS), self.packets.ahead(time));
        ahead < -jump || ahead > passed + jump
    }

    /// From RTP time `timestamp` on the sender does something else, such as pressing a key
    /// (RFC 4733): what is missing there is no loss.
    pub fn leave(&mut self, timestamp: u32) {
        self.left_at = Some(self.packets.unwrap(timestamp));
    }

    /// Another source speaks from now on; what waits of the old one is dropped.
    pub fn restart(&mut self) {
        self.packets.restart();
        self.delay.restart();
        self.next = i64::MIN;
        (self.arrived, self.late, self.left_at) = (None, 0, None);
        self.rest(false);
    }

    /// Plays what is due: fills all of `out`.
    pub fn play(&mut self, out: &mut [f32]) -> Played {
        self.drop_surplus();
        if let State::Waiting { since, pause } = self.state
            && !self.begin(since, out.len())
        {
            return self.wait(pause, out);
        }
        self.waited += (self.waiting() * out.len()) as u128;
        self.spoken += out.len() as u64;
        self.adapt(out.len());
        while self.ready.len() < out.len() {
            if !self.fetch() {
                break;
            }
        }
        self.hand_out(out);
        self.unstretched = self.unstretched.saturating_add(out.len());
        self.stats.played += out.len() as u64;
        if self.pause && self.packets.first().is_none() {
            Played::Pause
        } else {
            Played::Voice
        }
    }

    /// The figures now.
    #[must_use]
    pub fn stats(&self) -> JitterStats {
        let rate = self.decoder.rate_hz() as usize;
        JitterStats {
            waiting_ms: (self.waiting() * 1_000 / rate) as u32,
            mean_ms: (self.waited * 1_000 / rate as u128 / u128::from(self.spoken.max(1))) as u32,
            target_ms: self.target_ms(),
            ..self.stats
        }
    }

    /// Whether there is enough to begin with, or the first packet has waited long enough.
    fn begin(&mut self, since: usize, due: usize) -> bool {
        let Some((first, _)) = self.packets.first() else {
            return false;
        };
        let target = self.samples(self.target_ms());
        let enough = self.to_samples(self.packets.span(first)) >= target;
        if !enough && since + due <= target {
            return false;
        }
        self.next = first;
        self.state = State::Playing;
        self.starved = 0;
        self.level = self.waiting() as f32;
        true
    }

    /// Plays nothing yet, or the noise of a pause.
    fn wait(&mut self, pause: bool, out: &mut [f32]) -> Played {
        let since = match (self.packets.first(), self.state) {
            (Some(_), State::Waiting { since, .. }) => since + out.len(),
            (Some(_) | None, _) => 0,
        };
        self.state = State::Waiting { since, pause };
        if !pause {
            if self.ready.is_empty() {
                out.fill(0.0);
                return Played::Nobody;
            }
            // Of the source before.
            self.ready.truncate(out.len());
            fade_out(&mut self.ready);
            self.hand_out(out);
            return Played::Voice;
        }
        let short = out.len().saturating_sub(self.ready.len());
        self.decoder.conceal(short, &mut self.ready);
        self.hand_out(out);
        self.stats.played += out.len() as u64;
        Played::Pause
    }

    /// Hands out what is ready, and silence where it does not suffice.
    fn hand_out(&mut self, out: &mut [f32]) {
        let there = self.ready.len().min(out.len());
        out[..there].copy_from_slice(&self.ready[..there]);
        out[there..].fill(0.0);
        self.ready.drain(..there);
    }

    fn rest(&mut self, pause: bool) {
        self.state = State::Waiting { since: 0, pause };
        self.starved = 0;
        self.pause = pause;
    }

    /// Keeps delay within its bound, whatever came at once.
    fn drop_surplus(&mut self) {
        let Some((first, _)) = self.packets.first() else {
            return;
        };
        let from = match self.state {
            State::Playing => self.next,
            State::Waiting { .. } => first,
        };
        if self.to_samples(self.packets.span(from)) <= self.samples(WAITING_MAX_MS) {
            return;
        }
        let target = self.samples(self.target_ms());
        while let Some((time, packet)) = self.packets.first() {
            let rest = self.packets.span(time + packet.length);
            if self.to_samples(rest) < target {
                self.next = self.next.max(time);
                break;
            }
            self.packets.pop();
            self.stats.dropped += 1;
        }
        // What comes next does not follow what was decoded last: the decoder hides the edge.
        self.decoder.conceal(0, &mut self.ready);
        self.level = self.waiting() as f32;
    }

    /// Shortens or lengthens what comes, when too much or too little waits.
    fn adapt(&mut self, due: usize) {
        let waiting = self.waiting() as f32;
        let tens = (due * 100) as f32 / self.decoder.rate_hz() as f32;
        let keeps = LEVEL_KEEPS.powf(tens);
        self.level = self.level * keeps + waiting * (1.0 - keeps);
        let target = self.target_ms();
        let low_ms = (target * 7 / 8).max(target.saturating_sub(LOW_BELOW_MS));
        let high_ms = target.max(low_ms + HIGH_ABOVE_MS);
        let (low, high) = (self.samples(low_ms) as f32, self.samples(high_ms) as f32);
        let rate = self.decoder.rate_hz();
        let rested = self.unstretched >= self.samples(STRETCH_EVERY_MS);
        if self.level > high && waiting > high {
            let hurry = self.level > high + self.samples(HURRY_MS) as f32;
            if (rested || hurry) && self.decode_ahead(due + stretch::needed(rate)) {
                let cut = stretch::shorten(&mut self.ready, rate, hurry);
                self.level -= cut as f32;
                self.stats.shortened += cut as u64;
                self.unstretched = 0;
            }
        } else if rested
            && self.level < low
            && waiting < low
            && self.decode_ahead(stretch::needed(rate))
        {
            let more = stretch::lengthen(&mut self.ready, rate);
            self.level += more as f32;
            self.stats.lengthened += more as u64;
            self.unstretched = 0;
        }
    }

    /// Decodes packets until so many samples are ready, as long as none is missing.
    fn decode_ahead(&mut self, wanted: usize) -> bool {
        while self.ready.len() < wanted {
            let there = self
                .packets
                .first()
                .is_some_and(|(time, _)| time <= self.next);
            if !there || !self.fetch() {
                return false;
            }
        }
        true
    }

    /// Makes more sound ready; `false` when nobody speaks any more.
    fn fetch(&mut self) -> bool {
        let Some((time, packet)) = self.packets.first() else {
            return self.starve();
        };
        let mut hole = time - self.next;
        if hole > 0 && self.starved > 0 {
            // What was missing has been made up already, while nothing was there.
            let made_up = self.to_clock(self.starved).min(hole);
            self.next += made_up;
            hole -= made_up;
            self.starved = 0;
        }
        if hole > self.clock(HOLE_MAX_MS) {
            // What comes does not follow what was decoded last: the decoder hides the edge.
            self.decoder.conceal(0, &mut self.ready);
            self.next = time;
            hole = 0;
        }
        if hole <= 0 {
            self.take();
            return true;
        }
        let lost = hole.min(self.length.max(1));
        let samples = self.to_samples(lost);
        if hole == lost && self.decoder.recover(&packet.data, samples, &mut self.ready) {
            self.stats.recovered += samples as u64;
        } else {
            self.decoder.conceal(samples, &mut self.ready);
            self.stats.concealed += samples as u64;
        }
        self.next += lost;
        true
    }

    /// Decodes the next packet.
    fn take(&mut self) {
        let Some((time, packet)) = self.packets.pop() else {
            return;
        };
        self.starved = 0;
        self.pause = self.decoder.is_pause(&packet.data);
        if !self.decoder.decode(&packet.data, &mut self.ready) {
            let samples = self.to_samples(packet.length);
            self.decoder.conceal(samples, &mut self.ready);
            self.stats.concealed += samples as u64;
        }
        self.next = time + packet.length;
    }

    /// Nothing is there: time stands still, so that what is only late will still be played.
    fn starve(&mut self) -> bool {
        let pause = self.pause || self.left_at.is_some_and(|at| at >= self.next - self.length);
        let limit = self.samples(if pause { STEP_MS } else { STARVED_MAX_MS });
        if self.starved >= limit {
            self.rest(pause);
            if !pause {
                return false;
            }
        }
        let samples = self.samples(STEP_MS);
        let from = self.ready.len();
        self.decoder.conceal(samples, &mut self.ready);
        self.starved += samples;
        if !pause {
            self.stats.concealed += samples as u64;
            if self.starved >= limit {
                fade_out(&mut self.ready[from..]);
            }
        }
        true
    }

    /// What waits, decoded or not, in samples.
    fn waiting(&self) -> usize {
        let span = match (self.state, self.packets.first()) {
            (State::Playing, _) | (State::Waiting { .. }, None) => self.packets.span(self.next),
            (State::Waiting { .. }, Some((first, _))) => self.packets.span(first),
        };
        self.ready.len() + self.to_samples(span)
    }

    /// What is waited for and the packet that is being played, in milliseconds.
    fn target_ms(&self) -> u32 {
        let packet = self.length * 1_000 / i64::from(self.decoder.clock_hz());
        self.delay.target_ms() + u32::try_from(packet).unwrap_or(0)
    }

    fn samples(&self, ms: u32) -> usize {
        (ms * (self.decoder.rate_hz() / 1_000)) as usize
    }

    fn clock(&self, ms: u32) -> i64 {
        i64::from(ms * (self.decoder.clock_hz() / 1_000))
    }

    fn to_samples(&self, time: i64) -> usize {
        let samples = time * i64::from(self.decoder.rate_hz()) / i64::from(self.decoder.clock_hz());
        usize::try_from(samples).unwrap_or(0)
    }

    fn to_clock(&self, samples: usize) -> i64 {
        samples as i64 * i64::from(self.decoder.clock_hz()) / i64::from(self.decoder.rate_hz())
    }
}

/// Lets sound end without an edge.
fn fade_out(sound: &mut [f32]) {
    let length = sound.len() as f32;
    for (n, sample) in sound.iter_mut().enumerate() {
        *sample *= 1.0 - (n as f32 + 0.5) / length;
    }
}
