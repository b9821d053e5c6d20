//! A sender, a network and an ear in virtual time: how long sound waits, and how much is made up.

use std::f32::consts::TAU;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::buffer::WAITING_MAX_MS;
use super::*;
use crate::testing::start;

const RATE_HZ: u32 = 8_000;
/// Samples in one packet, and in what is played at a time.
const FRAME: usize = 160;
const FRAME_MS: u64 = 20;
/// What is said: a steady voice, so that its pitch can be measured.
const PITCH_HZ: f32 = 200.0;

/// A codec whose packets only tell when they were said; what a later one tells of a lost one can be
/// switched on.
struct Tape {
    redundant: bool,
}

fn said(from: i64, samples: usize) -> impl Iterator<Item = f32> {
    (from..from + samples as i64).map(|n| {
        let turn = TAU * PITCH_HZ * n as f32 / RATE_HZ as f32;
        0.3 * turn.sin() + 0.1 * (2.0 * turn).sin()
    })
}

impl Decode for Tape {
    fn clock_hz(&self) -> u32 {
        RATE_HZ
    }

    fn rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn length(&self, packet: &[u8]) -> Option<u32> {
        (packet.len() == 9).then_some(FRAME as u32)
    }

    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> bool {
        let from = i64::from_be_bytes(packet[..8].try_into().unwrap());
        out.extend(said(from, FRAME));
        true
    }

    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<f32>) -> bool {
        let next = i64::from_be_bytes(next[..8].try_into().unwrap());
        if self.redundant {
            out.extend(said(next - samples as i64, samples));
        }
        self.redundant
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        out.extend(std::iter::repeat_n(0.0, samples));
    }

    fn is_pause(&self, packet: &[u8]) -> bool {
        packet[8] == 1
    }
}

/// What the network does to one packet.
#[derive(Clone, Copy)]
enum Fate {
    Lost,
    After(u64),
    Twice(u64, u64),
}

/// A run: packets on their way, and what the ear got.
struct Run {
    buffer: JitterBuffer<Tape>,
    /// Microseconds since the beginning.
    sent_us: u64,
    heard_us: u64,
    /// Sender's frames and the ear's, in microseconds: clocks need not agree.
    sender_us: u64,
    ear_us: u64,
    flying: std::collections::BTreeMap<(u64, u64), Vec<u8>>,
    count: u64,
    begin: Instant,
    first_timestamp: u32,
    sound: Vec<f32>,
    waited_ms: Vec<u32>,
}

impl Run {
    fn new() -> Self {
        Self {
            buffer: JitterBuffer::new(Tape { redundant: false }),
            sent_us: 0,
            heard_us: 0,
            sender_us: FRAME_MS * 1_000,
            ear_us: FRAME_MS * 1_000,
            flying: std::collections::BTreeMap::new(),
            count: 0,
            begin: start(),
            // The 32 bits run over in the middle of a run.
            first_timestamp: u32::MAX - 40_000,
            sound: Vec::new(),
            waited_ms: Vec::new(),
        }
    }

    /// The sender's clock runs faster by so many millionths, measured against the ear's.
    fn drifting(mut self, millionths: i64) -> Self {
        // A second of the ear's is longer or shorter: whole microseconds of 20 ms are too coarse.
        self.ear_us = 20_000_000;
        self.sender_us = (20_000_000 - 20 * millionths) as u64;
        self
    }

    /// Lets so many packets be sent, each with its fate, and the ear hear.
    fn run(&mut self, packets: u64, mut fate: impl FnMut(u64) -> Fate) {
        // Times are in nanoseconds when clocks drift, else in microseconds.
        let nano = if self.ear_us > 1_000_000 { 1_000 } else { 1 };
        for _ in 0..packets {
            let number = self.count;
            let mut data = (number as i64 * FRAME as i64).to_be_bytes().to_vec();
            data.push(0);
            let mut send = |after_ms: u64, copy: u64| {
                let at = self.sent_us + after_ms * 1_000 * nano;
                self.flying.insert((at, number * 2 + copy), data.clone());
            };
            match fate(number) {
                Fate::Lost => {}
                Fate::After(ms) => send(ms, 0),
                Fate::Twice(one, two) => {
                    send(one, 0);
                    send(two, 1);
                }
            }
            self.count += 1;
            self.sent_us += self.sender_us;
            while self.heard_us < self.sent_us {
                self.arrive(nano);
                let mut out = [0.0; FRAME];
                self.buffer.play(&mut out);
                self.sound.extend(out);
                self.waited_ms.push(self.buffer.stats().waiting_ms);
                self.heard_us += self.ear_us;
            }
        }
    }

    fn arrive(&mut self, nano: u64) {
        while let Some(entry) = self.flying.first_entry() {
            let (at, number) = *entry.key();
            if at > self.heard_us {
                return;
            }
            let data = entry.remove();
            let now = self.begin + Duration::from_nanos(at * 1_000 / nano);
            let timestamp = (number / 2) as u32;
            let timestamp = timestamp.wrapping_mul(FRAME as u32);
            self.buffer
                .insert(now, self.first_timestamp.wrapping_add(timestamp), data);
        }
    }

    /// What was made up, in thousandths of what was played.
    fn made_up(&self) -> f64 {
        let stats = self.buffer.stats();
        stats.concealed as f64 * 1_000.0 / stats.played.max(1) as f64
    }

    /// The most that waited in the last part of the run, and the mean of it, in milliseconds.
    fn waited(&self, last: usize) -> (u32, u32) {
        let part = &self.waited_ms[self.waited_ms.len() - last..];
        let mean = part.iter().map(|ms| u64::from(*ms)).sum::<u64>() / part.len() as u64;
        (part.iter().copied().max().unwrap(), mean as u32)
    }

    /// The pitch of what was heard in the last seconds, in Hz: the median of pieces of 100 ms, so
    /// that pieces with a loss do not count.
    fn pitch_hz(&self, seconds: usize) -> f32 {
        let part = &self.sound[self.sound.len() - seconds * RATE_HZ as usize..];
        let pitch = |piece: &[f32]| {
            let ups: Vec<usize> = (1..piece.len())
                .filter(|n| piece[n - 1] < 0.0 && piece[*n] >= 0.0)
                .collect();
            let (first, last) = (ups.first()?, ups.last().filter(|_| ups.len() > 1)?);
            Some((ups.len() - 1) as f32 * RATE_HZ as f32 / (last - first) as f32)
        };
        let mut pitches: Vec<f32> = part.chunks(800).filter_map(pitch).collect();
        pitches.sort_by(f32::total_cmp);
        pitches[pitches.len() / 2]
    }
}

#[test]
fn a_steady_network_is_waited_for_hardly_and_nothing_is_made_up() {
    let mut run = Run::new();
    run.run(3_000, |_| Fate::After(30));
    let (most, mean) = run.waited(2_000);
    assert!(most <= 40 && mean <= 40, "{most} {mean}");
    assert_eq!(run.buffer.stats().concealed, 0);
    assert!(
        (run.pitch_hz(20) - PITCH_HZ).abs() < 1.0,
        "{}",
        run.pitch_hz(20)
    );
}

#[test]
fn jitter_is_ridden_out_and_no_more_is_waited_for_than_it_takes() {
    for (jitter_ms, most_ms) in [(20, 70), (60, 130), (120, 200)] {
        for seed in 0..5 {
            let mut random = StdRng::seed_from_u64(seed);
            let mut run = Run::new();
            run.run(6_000, |_| {
                Fate::After(30 + random.random_range(0..=jitter_ms))
            });
            let (_, mean) = run.waited(4_000);
            assert!(mean <= most_ms, "{jitter_ms} {seed}: {mean} ms");
            assert!(
                run.made_up() < 10.0,
                "{jitter_ms} {seed}: {}",
                run.made_up()
            );
            let pitch = run.pitch_hz(60);
            assert!(
                (pitch - PITCH_HZ).abs() < 4.0,
                "{jitter_ms} {seed}: {pitch}"
            );
        }
    }
}

#[test]
fn the_wait_grows_with_jitter_and_shrinks_after_it() {
    let mut random = StdRng::seed_from_u64(11);
    let mut run = Run::new();
    run.run(1_500, |_| Fate::After(20));
    let (_, before) = run.waited(500);
    run.run(3_000, |_| Fate::After(20 + random.random_range(0..=100)));
    let (_, during) = run.waited(1_000);
    run.run(6_000, |_| Fate::After(20));
    let (_, after) = run.waited(500);
    assert!(during > before + 40, "{before} {during} {after}");
    assert!(after <= before + 20, "{before} {during} {after}");
    let stats = run.buffer.stats();
    assert!(stats.shortened > 0 && stats.lengthened > 0, "{stats:?}");
}

#[test]
fn loss_is_made_up_once_for_each_packet_or_recovered_from_the_next() {
    for redundant in [false, true] {
        let mut random = StdRng::seed_from_u64(5);
        let mut run = Run::new();
        run.buffer = JitterBuffer::new(Tape { redundant });
        let mut lost = 0_u64;
        run.run(6_000, |_| {
            if random.random_bool(0.05) {
                lost += 1;
                Fate::Lost
            } else {
                Fate::After(20)
            }
        });
        let stats = run.buffer.stats();
        let missing = lost * FRAME as u64;
        let filled = stats.concealed + stats.recovered;
        assert!(
            filled.abs_diff(missing) <= missing / 10,
            "{stats:?}, {missing} lost"
        );
        assert_eq!(stats.recovered > missing / 2, redundant, "{stats:?}");
        let (_, mean) = run.waited(3_000);
        assert!(mean <= 60, "loss is not jitter: {mean} ms");
    }
}

#[test]
fn late_and_doubled_packets_are_heard_once_and_in_order() {
    let mut random = StdRng::seed_from_u64(6);
    let mut run = Run::new();
    run.run(6_000, |number| match number % 10 {
        3 => Fate::Twice(20, 20 + random.random_range(0..60)),
        7 => Fate::After(20 + random.random_range(0..50)),
        _ => Fate::After(20),
    });
    let stats = run.buffer.stats();
    assert!(stats.duplicate + stats.late >= 500, "{stats:?}");
    assert!(run.made_up() < 20.0, "{}", run.made_up());
    assert!(
        (run.pitch_hz(60) - PITCH_HZ).abs() < 2.0,
        "{}",
        run.pitch_hz(60)
    );
}

#[test]
fn what_comes_all_at_once_after_a_stall_does_not_stay_behind() {
    for stall_ms in [300, 1_000, 3_000] {
        let mut run = Run::new();
        run.run(1_000, |_| Fate::After(20));
        let stalled = stall_ms / FRAME_MS;
        run.run(stalled, |number| {
            Fate::After(20 + (1_000 + stalled - number) * FRAME_MS)
        });
        run.run(1_500, |_| Fate::After(20));
        let stats = run.buffer.stats();
        let (most, _) = run.waited(1_500);
        assert!(most <= WAITING_MAX_MS + 40, "{stall_ms}: {most} ms");
        let (_, mean) = run.waited(250);
        assert!(mean <= 100, "{stall_ms}: {mean} ms, {stats:?}");
        assert!(stats.shortened > 0 || stats.dropped > 0, "{stats:?}");
    }
}

#[test]
fn clocks_that_disagree_for_an_hour_neither_starve_nor_pile_up() {
    for millionths in [-200, 200] {
        let mut random = StdRng::seed_from_u64(8);
        let mut run = Run::new().drifting(millionths);
        run.run(180_000, |_| Fate::After(20 + random.random_range(0..=15)));
        let (most, mean) = run.waited(170_000);
        assert!(most <= 120 && mean <= 70, "{millionths}: {most} {mean}");
        let stats = run.buffer.stats();
        assert!(
            run.made_up() < 1.0,
            "{millionths}: {} {stats:?}",
            run.made_up()
        );
        // 0.72 s of an hour are what the clocks differ by.
        let differ = (3_600 * RATE_HZ as u64 * 200) / 1_000_000;
        let (less, more) = (stats.shortened, stats.lengthened);
        let net = if millionths > 0 {
            less.saturating_sub(more)
        } else {
            more.saturating_sub(less)
        };
        assert!(
            net.abs_diff(differ) < differ / 2,
            "{millionths}: {net} of {differ}, {stats:?}"
        );
    }
}

#[test]
fn bursts_of_loss_and_jitter_together_keep_within_bounds() {
    for seed in 0..10 {
        let mut random = StdRng::seed_from_u64(seed);
        let (mut bad, mut lost, sent) = (false, 0_u64, 15_000);
        let mut run = Run::new();
        run.run(sent, |_| {
            bad = if bad {
                random.random_bool(0.7)
            } else {
                random.random_bool(0.01)
            };
            if bad && random.random_bool(0.6) {
                lost += 1;
                return Fate::Lost;
            }
            Fate::After(20 + random.random_range(0..=40))
        });
        let share = lost as f64 * 1_000.0 / sent as f64;
        assert!(
            run.made_up() < share + 12.0,
            "{seed}: {} of {share}",
            run.made_up()
        );
        let (most, mean) = run.waited(14_000);
        assert!(most <= 260 && mean <= 120, "{seed}: {most} {mean}");
    }
}

#[test]
fn silence_that_was_announced_is_no_loss_and_what_follows_waits_anew() {
    let mut buffer = JitterBuffer::new(Tape { redundant: false });
    let (begin, mut now_ms, mut out) = (start(), 0_u64, [0.0; FRAME]);
    let mut play = |buffer: &mut JitterBuffer<Tape>, packets: u64, pause: bool| {
        let mut played = Vec::new();
        for n in 0..packets {
            let time = now_ms / FRAME_MS * FRAME as u64;
            let mut data = (time as i64).to_be_bytes().to_vec();
            data.push(u8::from(pause));
            if !pause || n == 0 {
                let now = begin + Duration::from_millis(now_ms);
                buffer.insert(now, time as u32, data);
            }
            played.push(buffer.play(&mut out));
            now_ms += FRAME_MS;
        }
        played
    };
    play(&mut buffer, 100, false);
    let silent = play(&mut buffer, 500, true);
    assert!(silent[10..].iter().all(|played| *played == Played::Pause));
    let again = play(&mut buffer, 100, false);
    assert!(again[10..].iter().all(|played| *played == Played::Voice));
    let stats = buffer.stats();
    assert_eq!((stats.concealed, stats.late), (0, 0), "{stats:?}");
    assert!(stats.waiting_ms >= 20, "{stats:?}");
}

#[test]
fn who_goes_without_a_word_is_nobody_and_another_source_begins_anew() {
    let mut run = Run::new();
    run.run(200, |_| Fate::After(20));
    run.run(100, |_| Fate::Lost);
    assert_eq!(run.buffer.play(&mut [0.0; FRAME]), Played::Nobody);
    assert!(run.made_up() < 95.0, "400 ms at most: {}", run.made_up());
    run.first_timestamp = run.first_timestamp.wrapping_add(1 << 30);
    run.run(200, |_| Fate::After(20));
    assert_eq!(run.buffer.play(&mut [0.0; FRAME]), Played::Voice);
    assert!((run.pitch_hz(2) - PITCH_HZ).abs() < 3.0);
}

#[test]
fn whatever_the_network_did_a_calm_one_is_played_as_if_nothing_had_been() {
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        let (loss, jitter_ms) = (random.random_range(0.0..0.4), random.random_range(0..300));
        let (copies, stalls) = (random.random_range(0.0..0.2), random.random_bool(0.5));
        let drift = random.random_range(-300..=300);
        let mut run = Run::new().drifting(drift);
        run.run(2_000, |number| {
            let stall = if stalls && number % 300 < 20 {
                (20 - number % 300) * FRAME_MS
            } else {
                0
            };
            let mut after = || 20 + stall + random.random_range(0..=jitter_ms);
            let (one, two) = (after(), after());
            if random.random_bool(loss) {
                Fate::Lost
            } else if random.random_bool(copies) {
                Fate::Twice(one, two)
            } else {
                Fate::After(one)
            }
        });
        let (most, _) = run.waited(2_000);
        assert!(most <= WAITING_MAX_MS + 40, "{seed}: {most} ms");
        run.run(6_000, |_| Fate::After(20));
        let before = run.buffer.stats();
        run.run(500, |_| Fate::After(20));
        let after = run.buffer.stats();
        assert_eq!(
            before.concealed, after.concealed,
            "{seed} {drift}: {after:?}"
        );
        let (most, _) = run.waited(500);
        assert!(most <= 80, "{seed} {drift}: {most} ms");
        let pitch = run.pitch_hz(10);
        assert!((pitch - PITCH_HZ).abs() < 2.0, "{seed}: {pitch}");
    }
}

#[test]
fn rtp_time_may_go_on_stand_still_or_jump_and_the_talk_goes_on() {
    // How far RTP time goes and how long it is silent before somebody speaks again, in milliseconds.
    for (jump_ms, silent_ms) in [
        (10_000, 10_000),
        (0, 10_000),
        (60_000, 100),
        (-60_000, 100),
        (-1_500, 100),
        (1_500, 0),
        (500, 0),
    ] {
        let mut run = Run::new();
        run.run(300, |_| Fate::After(20));
        run.run(silent_ms / FRAME_MS, |_| Fate::Lost);
        // What was lost has taken its own time already.
        let more = jump_ms - silent_ms as i64;
        let ticks = more * i64::from(RATE_HZ) / 1_000;
        run.first_timestamp = run.first_timestamp.wrapping_add(ticks as u32);
        let before = run.buffer.stats();
        run.run(200, |_| Fate::After(20));
        let after = run.buffer.stats();
        let (waited, _) = run.waited(100);
        assert!(waited <= 100, "{jump_ms} {silent_ms}: {waited} ms");
        let silent = after.concealed - before.concealed;
        assert!(silent <= 4_000, "{jump_ms} {silent_ms}: {after:?}");
        let pitch = run.pitch_hz(2);
        assert!(
            (pitch - PITCH_HZ).abs() < 2.0,
            "{jump_ms} {silent_ms}: {pitch}"
        );
        assert_eq!(run.buffer.play(&mut [0.0; FRAME]), Played::Voice);
    }
}

#[test]
fn who_leaves_for_something_else_is_not_missed() {
    let mut run = Run::new();
    run.run(300, |_| Fate::After(20));
    let at = run.first_timestamp.wrapping_add(300 * FRAME as u32);
    run.buffer.leave(at);
    run.run(50, |_| Fate::Lost);
    assert_eq!(run.buffer.play(&mut [0.0; FRAME]), Played::Pause);
    run.run(300, |_| Fate::After(20));
    let stats = run.buffer.stats();
    assert_eq!((stats.concealed, stats.late), (0, 0), "{stats:?}");
    assert!((run.pitch_hz(5) - PITCH_HZ).abs() < 2.0);
}

#[test]
fn a45_rubbish_and_random_times_do_no_harm() {
    let mut random = StdRng::seed_from_u64(4);
    let mut buffer = JitterBuffer::new(Tape { redundant: true });
    let (begin, mut out) = (start(), [0.0; FRAME]);
    for n in 0..20_000_u64 {
        let length = random.random_range(0..12);
        let mut data = vec![0; length];
        random.fill(&mut data[..]);
        if length == 9 {
            data[..2].fill(0);
        }
        let now = begin + Duration::from_millis(n * 5);
        buffer.insert(now, random.random(), data);
        buffer.play(&mut out);
        assert!(out.iter().all(|sample| sample.is_finite()));
        assert!(buffer.stats().waiting_ms <= WAITING_MAX_MS + 100);
    }
}
