use proptest::prelude::*;

use super::*;

/// A link in virtual time, whose datagrams carry their numbers.
struct Bench {
    link: Link,
    start: Instant,
    sent: u32,
}

/// What came out: when, after the start, and which.
type Arrivals = Vec<(Duration, u32)>;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Bench {
    fn new(profile: &str, seed: u64) -> Self {
        Self {
            link: Link::new(profile.parse().unwrap(), seed).unwrap(),
            start: Instant::now(),
            sent: 0,
        }
    }

    /// Hands in one datagram of `size` bytes, `at` after the start.
    fn send(&mut self, at: Duration, size: usize) {
        let mut bytes = self.sent.to_be_bytes().to_vec();
        bytes.resize(size.max(4), 0);
        self.sent += 1;
        self.link.handle_datagram(self.start + at, bytes);
    }

    /// Polls exactly when the link wants it, until `end` after the start.
    fn receive(&mut self, end: Duration) -> Arrivals {
        let mut arrivals = Vec::new();
        while let Some(due) = self.link.poll_timeout() {
            if due > self.start + end {
                break;
            }
            while let Some(bytes) = self.link.poll(due) {
                let number = u32::from_be_bytes(bytes[..4].try_into().unwrap());
                arrivals.push((due - self.start, number));
            }
        }
        arrivals
    }

    /// Sends `count` datagrams of 100 bytes, one each `spacing`, and receives all that arrives.
    fn stream(&mut self, count: u32, spacing: Duration) -> Arrivals {
        let mut arrivals = Vec::new();
        for number in 0..count {
            let at = spacing * number;
            arrivals.extend(self.receive(at));
            self.send(at, 100);
        }
        arrivals.extend(self.receive(spacing * count + ms(60_000)));
        arrivals
    }
}

fn stream(profile: &str, seed: u64, count: u32) -> (Arrivals, Counters) {
    let mut bench = Bench::new(profile, seed);
    let arrivals = bench.stream(count, ms(5));
    (arrivals, bench.link.counters())
}

fn numbers(arrivals: &Arrivals) -> Vec<u32> {
    arrivals.iter().map(|(_, number)| *number).collect()
}

/// `count` of `all` in percent.
fn percent(count: u64, all: u64) -> f64 {
    count as f64 * 100.0 / all as f64
}

#[track_caller]
fn assert_near(measured: f64, asked: f64, tolerance: f64) {
    assert!(
        (measured - asked).abs() <= tolerance,
        "{measured} is not within {tolerance} of {asked}"
    );
}

#[test]
fn a_clear_link_carries_everything_at_once_and_in_order() {
    let (arrivals, counters) = stream("clear", 1, 100);
    let expected: Arrivals = (0..100).map(|n| (ms(5) * n, n)).collect();
    assert_eq!(arrivals, expected);
    assert_eq!((counters.taken, counters.delivered), (100, 100));
}

#[test]
fn bytes_come_out_as_they_went_in_even_none() {
    let mut link = Link::new(Profile::default(), 1).unwrap();
    let now = Instant::now();
    let longest = vec![0xa5; 65_507];
    for bytes in [Vec::new(), vec![7], longest] {
        link.handle_datagram(now, bytes.clone());
        assert_eq!(link.poll(now), Some(bytes));
    }
    assert_eq!((link.poll(now), link.poll_timeout()), (None, None));
}

#[test]
fn measured_loss_is_the_loss_that_was_asked_for() {
    // Four standard deviations of 20,000 draws at 50 % are 1.4 points.
    for (seed, asked) in [(1, 0.5), (2, 5.0), (3, 20.0), (4, 50.0)] {
        let (arrivals, counters) = stream(&format!("loss={asked}"), seed, 20_000);
        assert_near(percent(counters.dropped_loss, 20_000), asked, 1.4);
        assert_eq!(arrivals.len() as u64, 20_000 - counters.dropped_loss);
    }
    assert_eq!(stream("loss=100", 5, 1_000).0.len(), 0);
    assert_eq!(stream("loss=0", 6, 1_000).0.len(), 1_000);
}

#[test]
fn bursts_have_the_share_and_the_length_of_the_model() {
    let (arrivals, counters) = stream("burst_enter=2,burst_leave=20", 7, 60_000);
    // In the bad state: p / (p + r) of the time, and 1 / r datagrams at a time.
    assert_near(percent(counters.dropped_burst, 60_000), 100.0 / 11.0, 1.0);
    let gaps = numbers(&arrivals)
        .windows(2)
        .map(|pair| pair[1] - pair[0] - 1)
        .filter(|lost| *lost > 0)
        .collect::<Vec<_>>();
    assert_near(
        percent(counters.dropped_burst, gaps.len() as u64) / 100.0,
        5.0,
        0.5,
    );
    assert!(gaps.iter().any(|lost| *lost > 10), "some are long");

    let (_, counters) = stream(
        "burst_enter=2,burst_leave=20,burst_loss=50,good_loss=1",
        8,
        60_000,
    );
    let asked = (20.0 * 1.0 + 2.0 * 50.0) / 22.0;
    assert_near(percent(counters.dropped_burst, 60_000), asked, 0.6);
}

#[test]
fn loss_by_itself_and_loss_in_bursts_are_drawn_apart() {
    let profile = "loss=50,burst_enter=0,burst_leave=0,good_loss=50";
    let (arrivals, _) = stream(profile, 14, 20_000);
    assert_near(percent(arrivals.len() as u64, 20_000), 25.0, 1.4);
}

#[test]
fn every_datagram_takes_the_delay() {
    let (arrivals, _) = stream("delay=70", 1, 50);
    let expected: Arrivals = (0..50).map(|n| (ms(70) + ms(5) * n, n)).collect();
    assert_eq!(arrivals, expected);
}

#[test]
fn jitter_goes_evenly_to_either_side_and_keeps_the_order() {
    // Datagrams far apart cannot wait for each other: this is the jitter alone.
    let mut bench = Bench::new("delay=50,jitter=20", 9);
    let arrivals = bench.stream(4_000, ms(100));
    let delays = arrivals
        .iter()
        .map(|(at, number)| (*at - ms(100) * *number).as_secs_f64() * 1000.0)
        .collect::<Vec<_>>();
    assert!(delays.iter().all(|delay| (30.0..=70.0).contains(delay)));
    assert_near(delays.iter().sum::<f64>() / 4_000.0, 50.0, 1.0);
    let below = delays.iter().filter(|delay| **delay < 40.0).count() as u64;
    assert_near(percent(below, 4_000), 25.0, 3.0);

    // Close together they would overtake each other, and do not.
    let (arrivals, counters) = stream("delay=50,jitter=50", 9, 2_000);
    assert!(numbers(&arrivals).is_sorted());
    assert_eq!((arrivals.len(), counters.reordered), (2_000, 0));
}

#[test]
fn where_order_is_free_jitter_lets_datagrams_overtake() {
    let (arrivals, counters) = stream("delay=50,jitter=50,order=free", 9, 2_000);
    assert_eq!(arrivals.len(), 2_000);
    assert_eq!(counters.reordered, late(&numbers(&arrivals)));
    assert!(counters.reordered > 500, "{counters:?}");
}

/// How many come after a higher number.
fn late(numbers: &[u32]) -> u64 {
    let mut highest = 0;
    let mut late = 0;
    for number in numbers {
        late += u64::from(*number < highest);
        highest = highest.max(*number);
    }
    late
}

#[test]
fn a_datagram_held_back_is_overtaken_by_as_many_as_were_asked_for() {
    let (arrivals, counters) = stream("reorder=2,hold_packets=3", 11, 10_000);
    let numbers = numbers(&arrivals);
    assert_near(percent(counters.reordered, 10_000), 2.0, 0.6);
    assert_eq!(counters.reordered, late(&numbers));
    // The first that is late: the three after it came before it.
    let place = numbers
        .windows(2)
        .position(|pair| pair[1] < pair[0])
        .unwrap()
        + 1;
    let held = numbers[place];
    assert_eq!(numbers[place - 3..place], [held + 1, held + 2, held + 3]);
}

#[test]
fn a_datagram_held_back_for_a_time_lets_those_of_that_time_pass() {
    let (arrivals, counters) = stream("delay=20,reorder=2,hold_ms=12", 12, 10_000);
    assert_near(percent(counters.reordered, 10_000), 2.0, 0.6);
    for (at, number) in arrivals {
        let delay = at - ms(5) * number;
        assert!(delay == ms(20) || delay == ms(32), "{number}: {delay:?}");
    }
}

#[test]
fn what_is_held_back_and_not_followed_arrives_all_the_same() {
    let mut bench = Bench::new("delay=20,reorder=100,hold_packets=5", 1);
    bench.send(ms(0), 100);
    bench.send(ms(5), 100);
    assert_eq!(bench.receive(ms(1_019)), []);
    assert_eq!(
        bench.receive(ms(2_000)),
        [(ms(20) + HELD_BACK_MAX, 0), (ms(25) + HELD_BACK_MAX, 1)]
    );
    assert_eq!(bench.link.waiting(), 0);

    bench.send(ms(3_000), 100);
    let late = bench.start + ms(3_500);
    assert_eq!(bench.link.poll(late), None);
    let due = bench.start + ms(3_020) + HELD_BACK_MAX;
    assert_eq!(
        bench.link.poll_timeout(),
        Some(due),
        "whenever it was polled"
    );
}

#[test]
fn a_copy_overtakes_nobody() {
    let mut bench = Bench::new("reorder=100,hold_packets=2", 1);
    bench.send(ms(0), 100);
    assert_eq!(bench.receive(ms(1)), []);
    let doubling = "duplicate=100".parse().unwrap();
    let now = bench.start + ms(1);
    bench.link.set_profile(now, doubling).unwrap();
    let mut arrivals = Vec::new();
    for at in [2, 3, 4] {
        bench.send(ms(at), 100);
        arrivals.extend(bench.receive(ms(at)));
    }
    assert_eq!(numbers(&arrivals), [1, 1, 2, 0, 2, 3, 3]);
}

#[test]
fn copies_follow_their_originals_and_are_counted() {
    let (arrivals, counters) = stream("duplicate=10", 13, 10_000);
    assert_near(percent(counters.duplicated, 10_000), 10.0, 1.2);
    assert_eq!(arrivals.len() as u64, 10_000 + counters.duplicated);
    let twice = arrivals.windows(2).filter(|pair| pair[0] == pair[1]);
    assert_eq!(twice.count() as u64, counters.duplicated);
    assert_eq!(counters.reordered, 0);
    let mut bench = Bench::new("duplicate=100,delay=50,jitter=50,order=free", 13);
    assert_eq!(bench.stream(1, ms(1)).len(), 2);
    assert_eq!(
        bench.link.counters().reordered,
        0,
        "a copy reorders nothing"
    );
}

#[test]
fn a_rate_spaces_datagrams_by_their_size() {
    // 972 bytes and headers of 28 are 8,000 bits: 8 ms at 1,000 kbit/s.
    let mut bench = Bench::new("rate=1000,queue=500,delay=10", 1);
    for _ in 0..10 {
        bench.send(ms(0), 1_000 - HEADER_BYTES);
    }
    let expected: Arrivals = (0..10).map(|n| (ms(18) + ms(8) * n, n)).collect();
    assert_eq!(bench.receive(ms(1_000)), expected);
    // An idle link sends the next one at once.
    bench.send(ms(500), 500 - HEADER_BYTES);
    assert_eq!(bench.receive(ms(1_000)), [(ms(514), 10)]);
}

#[test]
fn asking_late_does_not_slow_a_link_down() {
    let mut bench = Bench::new("rate=1000,queue=500", 1);
    for _ in 0..10 {
        bench.send(ms(0), 1_000 - HEADER_BYTES);
    }
    let late = bench.start + ms(80);
    let all = std::iter::from_fn(|| bench.link.poll(late)).count();
    assert_eq!(all, 10);
}

#[test]
fn a_full_queue_drops_what_comes_last_and_the_rate_is_held() {
    let mut bench = Bench::new("rate=1000,queue=40", 1);
    for _ in 0..10 {
        bench.send(ms(0), 1_000 - HEADER_BYTES);
    }
    // One is on the wire; those after it wait 8, 16, 24, 32 and 40 ms.
    assert_eq!(bench.link.counters().dropped_queue, 4);
    assert_eq!(numbers(&bench.receive(ms(1_000))), [0, 1, 2, 3, 4, 5]);
    for _ in 0..6 {
        bench.send(ms(1_000), 1_000 - HEADER_BYTES);
    }
    assert_eq!(
        bench.receive(ms(2_000)).len(),
        6,
        "the queue is empty again"
    );

    // Twice what fits, for ten seconds: half of it arrives, and the queue is always full.
    let mut bench = Bench::new("rate=100,queue=200", 1);
    let arrivals = bench.stream(2_000, Duration::from_micros(5_120));
    let counters = bench.link.counters();
    assert_near(percent(counters.delivered, 2_000), 50.0, 2.0);
    assert_eq!(counters.dropped_queue + counters.delivered, 2_000);
    let spacing = Duration::from_micros(10_240);
    let steady = &arrivals[100..900];
    assert!(
        steady
            .windows(2)
            .all(|pair| pair[1].0 - pair[0].0 == spacing)
    );
}

#[test]
fn without_a_queue_a_busy_link_drops() {
    let mut bench = Bench::new("rate=1000,queue=0", 1);
    bench.send(ms(0), 1_000 - HEADER_BYTES);
    bench.send(ms(7), 1_000 - HEADER_BYTES);
    bench.send(ms(8), 1_000 - HEADER_BYTES);
    assert_eq!(bench.receive(ms(100)), [(ms(8), 0), (ms(16), 2)]);
}

#[test]
fn a_new_profile_holds_at_once_and_for_what_waits_for_the_rate() {
    let mut bench = Bench::new("rate=100,queue=10000", 1);
    for _ in 0..3 {
        bench.send(ms(0), 1_000 - HEADER_BYTES);
    }
    let (start, faster) = (bench.start, "rate=1000,delay=5".parse().unwrap());
    bench.link.set_profile(start + ms(10), faster).unwrap();
    // The first goes on at the rate at which it started; each has the delay with which it was taken.
    assert_eq!(
        bench.receive(ms(1_000)),
        [(ms(80), 0), (ms(88), 1), (ms(96), 2)]
    );
    bench.send(ms(100), 1_000 - HEADER_BYTES);
    assert_eq!(bench.receive(ms(1_000)), [(ms(113), 3)]);
    let clear = Profile::default();
    bench.link.set_profile(start + ms(200), clear).unwrap();
    bench.send(ms(200), 100);
    assert_eq!(bench.receive(ms(1_000)), [(ms(200), 4)]);

    let wrong = Profile {
        loss_percent: 101.0,
        ..clear
    };
    assert!(bench.link.set_profile(start, wrong).is_err());
    assert!(Link::new(wrong, 1).is_err());
    bench.send(ms(300), 100);
    assert_eq!(bench.receive(ms(1_000)), [(ms(300), 5)], "nothing changed");
}

#[test]
fn what_began_before_a_change_goes_on_as_it_began() {
    let mut bench = Bench::new("rate=100,queue=1000", 1);
    for _ in 0..3 {
        bench.send(ms(0), 1_000 - HEADER_BYTES);
    }
    // The first is through after 80 ms, though nobody asked; the second has been going since.
    let faster = "rate=1000".parse().unwrap();
    let now = bench.start + ms(100);
    bench.link.set_profile(now, faster).unwrap();
    assert_eq!(
        bench.receive(ms(1_000)),
        [(ms(80), 0), (ms(160), 1), (ms(168), 2)]
    );
}

#[test]
fn an_outage_drops_what_is_on_its_way_and_what_comes() {
    let mut bench = Bench::new("delay=50,rate=1000,queue=1000", 1);
    for at in [0, 0, 1, 2] {
        bench.send(ms(at), 1_000 - HEADER_BYTES);
    }
    bench.link.cut();
    bench.send(ms(10), 100);
    assert_eq!(bench.receive(ms(1_000)), []);
    assert_eq!(bench.link.poll_timeout(), None);
    bench.link.restore();
    bench.send(ms(20), 1_000 - HEADER_BYTES);
    assert_eq!(bench.receive(ms(1_000)), [(ms(78), 5)], "as on a new link");
    assert_eq!(bench.link.counters().dropped_outage, 5);
}

#[test]
fn the_same_seed_gives_the_same_fate_and_another_seed_another() {
    const BAD: &str = "loss=5,burst_enter=1,burst_leave=25,delay=50,jitter=30,reorder=3,\
                       duplicate=2,rate=200,queue=100";
    let run = |seed| stream(BAD, seed, 2_000);
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).0, run(8).0);
}

#[test]
fn who_is_lost_depends_neither_on_the_delay_nor_on_the_time() {
    let lossy = |profile: &str, spacing| {
        let mut bench = Bench::new(profile, 7);
        let mut numbers = numbers(&bench.stream(2_000, spacing));
        numbers.sort_unstable();
        numbers
    };
    let alone = lossy("loss=10", ms(5));
    assert_eq!(alone, lossy("loss=10,delay=80,jitter=40,order=free", ms(1)));
    assert_eq!(alone, lossy("loss=10,reorder=10,hold_ms=30", ms(20)));
    let fewer = lossy("loss=5", ms(5));
    assert!(alone.iter().all(|number| fewer.contains(number)));
}

#[test]
fn no_more_waits_than_was_agreed() {
    let mut bench = Bench::new("delay=10000", 1);
    let room = WAITING_BYTES_MAX / 65_000;
    for _ in 0..room + 3 {
        bench.send(ms(0), 65_000);
    }
    assert_eq!(bench.link.counters().dropped_limit, 3);
    assert_eq!(bench.receive(ms(10_000)).len(), room);

    let mut link = Link::new("delay=10000".parse().unwrap(), 1).unwrap();
    for _ in 0..WAITING_DATAGRAMS_MAX + 5 {
        link.handle_datagram(bench.start, Vec::new());
    }
    assert_eq!(link.counters().dropped_limit, 5);
    assert_eq!(link.waiting(), WAITING_DATAGRAMS_MAX);
}

proptest! {
    /// Whatever happens, each datagram and each copy is delivered, dropped under one name, or waits.
    #[test]
    fn nothing_is_lost_without_a_name(
        seed: u64,
        steps in proptest::collection::vec((0u8..12, 0u64..400, 0usize..1_500), 1..200),
    ) {
        const PROFILES: [&str; 4] = [
            "clear",
            "loss=20,burst_enter=5,burst_leave=20,good_loss=3,duplicate=20",
            "rate=50,queue=300,reorder=20,hold_packets=3,delay=30,jitter=30",
            "delay=100,jitter=100,order=free,reorder=10,hold_ms=70,duplicate=30,rate=300",
        ];
        let mut bench = Bench::new("clear", seed);
        let mut at = ms(0);
        for (what, pause, size) in steps {
            at += ms(pause);
            match what {
                0 => bench.link.cut(),
                1 => bench.link.restore(),
                2 => {
                    let profile = PROFILES[size % PROFILES.len()].parse().unwrap();
                    bench.link.set_profile(bench.start + at, profile).unwrap();
                }
                3..6 => {
                    bench.receive(at);
                }
                _ => bench.send(at, size),
            }
            let c = bench.link.counters();
            let dropped = c.dropped_loss + c.dropped_burst + c.dropped_queue
                + c.dropped_outage + c.dropped_limit;
            let waiting = bench.link.waiting() as u64;
            prop_assert_eq!(c.taken + c.duplicated, c.delivered + dropped + waiting);
            prop_assert_eq!(waiting > 0, bench.link.poll_timeout().is_some());
        }
        bench.receive(at + ms(60_000));
        prop_assert_eq!((bench.link.waiting(), bench.link.waiting_bytes), (0, 0));
    }
}
