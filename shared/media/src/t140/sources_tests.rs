use super::*;
use crate::t140::{Mixer, Redundancy, Terms, Writer, write_red};
use crate::testing::{Dice, start};

const ALICE: u32 = 0xa11c_e000;
const BOB: u32 = 0xb0b0_0000;

fn terms() -> Terms {
    Terms {
        redundancy: Some(Redundancy {
            payload_type: 98,
            generations: 2,
        }),
        cps: 90,
        multiparty: true,
    }
}

/// A packet with blocks that were sent so long before it.
fn packet(
    sequence: u64,
    time: u32,
    source: u32,
    blocks: [(u32, &str); 3],
) -> (u64, u32, u32, Vec<u8>) {
    let [second, first, (_, primary)] = blocks.map(|(age, text)| (age, text.as_bytes()));
    let payload = write_red(98, &[second, first], primary);
    (sequence, time, source, payload)
}

fn take(sources: &mut Sources, now: Instant, packet: &(u64, u32, u32, Vec<u8>)) {
    let (sequence, timestamp, source, payload) = packet;
    sources.receive(
        now,
        Arrived {
            sequence: *sequence,
            timestamp: *timestamp,
            source: Some(*source),
            red: true,
            payload,
        },
    );
}

fn read_all(sources: &mut Sources, now: Instant) -> Vec<(u32, String)> {
    let mut read = Vec::new();
    while let Some((source, text)) = sources.poll(now) {
        read.push((source.unwrap_or(0), text));
    }
    read
}

#[test]
fn r39_the_packet_sequence_of_the_standards_example_is_read_without_loss() {
    let begin = start();
    let at = |time: u32| begin + Duration::from_millis(u64::from(time - 20_400));
    let mut sources = Sources::new(98);
    let came = [
        packet(101, 20_400, ALICE, [(600, "A1"), (300, "A2"), (0, "A3")]),
        packet(102, 20_500, BOB, [(600, ""), (300, ""), (0, "B1")]),
        // 103 and 104 are lost.
        packet(105, 21_060, ALICE, [(660, "A3"), (330, ""), (0, "")]),
        packet(106, 21_130, BOB, [(630, "B1"), (330, "B2"), (0, "")]),
    ];
    let mut read = Vec::new();
    for packet in &came {
        take(&mut sources, at(packet.1), packet);
        read.extend(read_all(&mut sources, at(packet.1)));
    }
    let expected = [(ALICE, "A1A2A3"), (BOB, "B1"), (BOB, "B2")];
    assert_eq!(read, expected.map(|(who, text)| (who, text.to_owned())));
    assert_eq!(sources.poll_timeout(), None);
}

#[test]
fn r39_what_overtakes_is_read_in_order_and_what_comes_twice_once() {
    let now = start();
    let mut sources = Sources::new(98);
    let first = packet(7, 1_000, ALICE, [(600, ""), (300, ""), (0, "a")]);
    let second = packet(8, 1_300, ALICE, [(600, ""), (300, "a"), (0, "b")]);
    let third = packet(9, 1_600, ALICE, [(600, "a"), (300, "b"), (0, "c")]);
    for packet in [&second, &first, &third, &third, &second] {
        take(&mut sources, now, packet);
    }
    assert_eq!(read_all(&mut sources, now), [(ALICE, "abc".to_owned())]);
}

#[test]
fn a_gap_without_redundancy_is_waited_for_and_then_marked() {
    let now = start();
    let mut sources = Sources::new(98);
    let plain = |sources: &mut Sources, sequence: u64, text: &str| {
        sources.receive(
            now,
            Arrived {
                sequence,
                timestamp: sequence as u32 * 300,
                source: None,
                red: false,
                payload: text.as_bytes(),
            },
        );
    };
    plain(&mut sources, 10, "a");
    plain(&mut sources, 12, "c");
    assert_eq!(read_all(&mut sources, now), [(0, "a".to_owned())]);
    plain(&mut sources, 11, "b");
    assert_eq!(read_all(&mut sources, now), [(0, "bc".to_owned())]);
    plain(&mut sources, 14, "e");
    assert_eq!(read_all(&mut sources, now), []);
    let due = sources.poll_timeout().unwrap();
    assert_eq!(read_all(&mut sources, due), [(0, "\u{fffd}e".to_owned())]);
}

/// Two people write through one mixer; gives what a reader of each gets when packets are lost as
/// `lost` says, and when packets of which number were of whom.
fn conversation(
    seed: u64,
    words: usize,
    mut lost: impl FnMut(usize, u32) -> bool,
) -> [(String, String); 2] {
    let mut dice = Dice::new(seed);
    let mut now = start();
    let mut mixer = Mixer::new(now, terms());
    let mut sources = Sources::new(98);
    let writers = [Writer::new(ALICE, "Alice"), Writer::new(BOB, "Bob")];
    let mut said = [
        (String::new(), String::new()),
        (String::new(), String::new()),
    ];
    let (mut sequence, mut typed) = (0u64, 0);
    for step in 0..words * 60 + 300 {
        if typed < words && dice.below(40) == 0 {
            let who = dice.below(2) as usize;
            let word = format!("{typed}ü ");
            assert!(mixer.push(now, Some(&writers[who]), &word));
            said[who].0.push_str(&word);
            typed += 1;
        }
        while let Some(sent) = mixer.poll(now) {
            if !lost(sequence as usize, sent.source.unwrap_or(0)) {
                sources.receive(
                    now,
                    Arrived {
                        sequence: 70_000 + sequence,
                        // Wraps in the middle of some conversations.
                        timestamp: sent.timestamp.wrapping_sub(20_000),
                        source: sent.source,
                        red: sent.red,
                        payload: &sent.payload,
                    },
                );
            }
            sequence += 1;
        }
        while let Some((source, text)) = sources.poll(now) {
            let who = match source {
                Some(ALICE) => 0,
                Some(BOB) => 1,
                other => panic!("text of {other:?}: {text:?}"),
            };
            said[who].1.push_str(&text);
        }
        now += Duration::from_millis(10 + step as u64 % 3);
    }
    assert_eq!(typed, words);
    said
}

#[test]
fn r39_two_losses_in_a_row_lose_nothing_of_either_writer() {
    for seed in 0..20 {
        let mut dice = Dice::new(seed + 100);
        let mut left = 0;
        let said = conversation(seed, 60, |_, _| {
            // Two in a row, then at least four that come.
            left -= 1;
            if left < -4 && dice.chance(30) {
                left = 2;
            }
            left > 0
        });
        for (typed, read) in said {
            assert_eq!(read, typed, "seed {seed}");
        }
    }
}

#[test]
fn r39_whatever_is_lost_every_character_comes_once_or_a_mark_stands_in_its_place() {
    let mut marks = 0;
    for seed in 0..60 {
        let mut dice = Dice::new(seed + 1_000);
        let loss = 10 + 10 * (seed % 6);
        let said = conversation(seed, 60, |_, _| dice.chance(loss));
        for (typed, read) in said {
            marks += read.matches(MISSING_TEXT).count();
            let mut rest = typed.as_str();
            for part in read.split(MISSING_TEXT) {
                // What came before the first packet is unknown (RFC 9071 section 3.16.3).
                let found = rest.find(part);
                let at = found.unwrap_or_else(|| panic!("seed {seed}: {read:?} of {typed:?}"));
                rest = &rest[at + part.len()..];
            }
        }
    }
    assert!(marks > 20, "only {marks} losses");
}

#[test]
fn r39_only_whoever_lost_text_gets_the_mark() {
    for seed in 0..20 {
        // All of Alice's packets are lost for a while, none of Bob's.
        let mut of_alice = 0;
        let said = conversation(seed, 80, |_, source| {
            of_alice += usize::from(source == ALICE);
            source == ALICE && (10..30).contains(&of_alice)
        });
        let [(typed, read), (bobs, of_bob)] = said;
        assert_eq!(of_bob, bobs, "seed {seed}");
        assert_eq!(read.matches(MISSING_TEXT).count(), 1, "seed {seed}: {read}");
        let (before, after) = read.split_once(MISSING_TEXT).unwrap();
        assert!(
            typed.starts_with(before) && typed.ends_with(after),
            "seed {seed}"
        );
    }
}

#[test]
fn a36_anything_may_come_and_memory_stays_bounded() {
    let now = start();
    let mut dice = Dice::new(5);
    let mut sources = Sources::new(98);
    for n in 0..20_000u64 {
        let payload: Vec<u8> = (0..dice.below(40)).map(|_| dice.next() as u8).collect();
        let at = now + Duration::from_millis(n);
        let packet = Arrived {
            sequence: 70_000 + dice.below(5_000) + n,
            timestamp: dice.next() as u32,
            source: dice.chance(90).then(|| dice.below(40) as u32),
            red: dice.chance(60),
            payload: &payload,
        };
        sources.receive(at, packet);
        assert!(sources.missing.len() <= MISSING_MAX);
        assert!(sources.writers.len() <= TEXT_WRITERS_MAX + 1);
        let held: usize = sources.writers.iter().map(|one| one.held.len()).sum();
        assert!(held <= HELD_MAX, "{held}");
        while sources.poll(at).is_some() {}
    }
}
