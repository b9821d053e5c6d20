//! What is written is read as it was meant, and bad packets are nothing.

use std::time::Duration;

use rtc_rtcp::reception_report::ReceptionReport;

use super::*;
use crate::t140::Writer;
use crate::testing::{Dice, start};

#[test]
fn compounds_round_trip() {
    let report = ReceptionReport {
        ssrc: 9,
        total_lost: 3,
        ..ReceptionReport::default()
    };
    let sent = Sent {
        ssrc: 1,
        rtp_time: 5,
        packets: 6,
        bytes: 7,
    };
    let bytes = Compound::sender(sent, Duration::from_secs(1), vec![report.clone()])
        .names("abc", [Writer::new(7, "Ana"), Writer::new(8, "")].iter())
        .nack(9, &[5, 6, 40])
        .picture_loss(9)
        .full_intra(9, 3)
        .goodbye(vec![1])
        .into_bytes();
    let middle_ntp = middle_ntp(Duration::from_secs(1));
    assert_eq!(
        parse(&bytes),
        [
            Incoming::SenderReport {
                ssrc: 1,
                middle_ntp
            },
            Incoming::Report(report),
            Incoming::Name {
                ssrc: 7,
                name: "Ana".to_owned()
            },
            Incoming::Nack {
                ssrc: 9,
                sequences: vec![5, 6, 40]
            },
            Incoming::PictureLoss { ssrc: 9 },
            Incoming::FullIntra { ssrc: 9, number: 3 },
            Incoming::Goodbye { ssrcs: vec![1] },
        ]
    );
}

#[test]
fn loss_and_round_trip_are_measured() {
    let begin = start();
    let mut reception = Reception::new(7, 90_000);
    for n in 0..100u16 {
        if n % 10 != 9 {
            let now = begin + Duration::from_millis(u64::from(n) * 20);
            reception.received(now, 65_500u16.wrapping_add(n), u32::from(n) * 1_800);
        }
    }
    reception.received(begin, 65_500u16.wrapping_add(100), 180_000);
    assert_eq!(reception.lost(), 10);
    let uptime = Duration::from_secs(10);
    reception.sender_report(begin, middle_ntp(uptime));
    let report = reception
        .report(begin + Duration::from_millis(250))
        .unwrap();
    assert_eq!(report.fraction_lost, 25);
    let rtt = round_trip(&report, uptime + Duration::from_millis(300)).unwrap();
    assert!((49..=51).contains(&rtt.as_millis()), "{rtt:?}");
    assert_eq!(
        round_trip(&report, Duration::ZERO),
        None,
        "a time before the report"
    );
}

#[test]
fn bad_packets_do_not_panic() {
    let mut dice = Dice::new(8);
    for _ in 0..50_000 {
        let length = dice.below(64) as usize;
        let mut bytes: Vec<u8> = (0..length).map(|_| dice.next() as u8).collect();
        if length > 4 {
            bytes[0] = 0x80 | (dice.next() as u8 & 0x3f);
            bytes[1] = 192 + dice.below(18) as u8;
            bytes[2] = 0;
            bytes[3] = (dice.below(length as u64 / 2)) as u8;
        }
        drop(parse(&bytes));
    }
}

#[test]
fn others_read_what_we_tell_of_arrivals_as_it_was() {
    use rtc_rtcp::transport_feedbacks::cc_feedback_report::CcFeedbackReport;

    let begin = start();
    let mut sources = [(7, Arrivals::default()), (8, Arrivals::default())];
    let at = |ms| begin + Duration::from_millis(ms);
    let arrivals = &mut sources[0].1;
    use Noted::{AfterGap, Kept};
    for (ms, sequence, noted) in [
        (0, 65_534, Kept),
        (10, 1, AfterGap),
        (20, 65_535, Kept),
        (30, 65_535, Kept),
        (9_000, 2, Kept),
    ] {
        assert_eq!(arrivals.note(at(ms), sequence), noted);
    }
    let tell = |sources: &mut [(u32, Arrivals)], ms| {
        let sources = sources.iter_mut().map(|(ssrc, told)| (*ssrc, told));
        let compound = Compound::receiver(1, Vec::new());
        compound.arrivals(at(ms), 77, sources).into_bytes()
    };
    let bytes = tell(&mut sources, 9_500);
    let mut theirs = &bytes[8..];
    let theirs = CcFeedbackReport::unmarshal(&mut theirs).unwrap();
    assert_eq!((theirs.sender_ssrc, theirs.report_timestamp), (1, 77));
    let [block] = &theirs.report_blocks[..] else {
        panic!("{theirs:?}");
    };
    assert_eq!((block.media_ssrc, block.begin_sequence), (7, 65_534));
    let came = block.metric_blocks.iter();
    let came: Vec<_> = came
        .map(|one| one.received.then_some(one.arrival_time_offset))
        .collect();
    let long_ago = Some(0x1ffe);
    assert_eq!(came, [long_ago, long_ago, None, long_ago, Some(512)]);

    let parsed = parse(&bytes);
    let [Incoming::Arrivals(fates)] = parsed[..] else {
        panic!("{parsed:?}");
    };
    assert_eq!((fates.ssrc, fates.reported), (7, 77));
    let before = |ms| Fate::Came {
        before: Some(Duration::from_millis(ms)),
    };
    let expected = [
        (65_534, Fate::Came { before: None }),
        (65_535, Fate::Came { before: None }),
        (0, Fate::Lost),
        (1, Fate::Came { before: None }),
        (2, before(500)),
    ];
    assert_eq!(fates.packets().collect::<Vec<_>>(), expected);

    // Whoever begins to count anew is understood.
    let mut anew = Arrivals::default();
    anew.note(begin, 40_000);
    anew.note(begin, 30_000);
    assert_eq!(anew.take().1.collect::<Vec<_>>(), [Some(0)]);

    // What was told is not told again, and what was told as lost stays lost.
    assert_eq!(sources[0].1.note(at(9_600), 0), Kept);
    assert_eq!(tell(&mut sources, 9_700).len(), 8);
    sources[0].1.note(at(9_700), 3);
    sources[1].1.note(at(9_750), 900);
    let bytes = tell(&mut sources, 9_800);
    let both: Vec<_> = parse(&bytes)
        .into_iter()
        .filter_map(|incoming| {
            if let Incoming::Arrivals(fates) = incoming {
                Some((fates.ssrc, fates.packets().count()))
            } else {
                None
            }
        })
        .collect();
    assert_eq!(both, [(7, 1), (8, 1)]);
}

#[test]
fn many_arrivals_are_to_be_told_at_once_and_nothing_is_told_twice_or_of_another_time() {
    let begin = start();
    let mut dice = Dice::new(5);
    let mut arrivals = Arrivals::default();
    let mut sent = 60_000_u64;
    let mut told = std::collections::BTreeMap::new();
    for n in 0..100_000_u64 {
        let now = begin + Duration::from_millis(n);
        // Mostly onwards, sometimes back, seldom a jump over more than is kept.
        sent += 1 + dice.below(2) + if dice.chance(1) { dice.below(700) } else { 0 };
        let sequence = sent - dice.below(4);
        let full = arrivals.note(now, sequence as u16) == Noted::Full;
        if full || dice.chance(2) {
            let sources = std::iter::once((1, &mut arrivals));
            let compound = Compound::receiver(1, Vec::new());
            let bytes = compound.arrivals(now, 0, sources).into_bytes();
            for incoming in parse(&bytes) {
                let Incoming::Arrivals(fates) = incoming else {
                    continue;
                };
                for (sequence, fate) in fates.packets() {
                    let step = sequence.wrapping_sub(sent as u16) as i16;
                    let sequence = sent.saturating_add_signed(i64::from(step));
                    assert_eq!(
                        told.insert(sequence, fate),
                        None,
                        "{sequence} is told twice"
                    );
                    let Fate::Came { before } = fate else {
                        continue;
                    };
                    let before = before.map(|before| before.as_millis());
                    assert!(
                        before.is_some_and(|ms| ms < 2_000),
                        "{sequence}: {before:?}"
                    );
                }
            }
        }
    }
    let came = told.values().filter(|fate| **fate != Fate::Lost).count();
    assert!(came > 60_000, "{came}");
}

#[test]
fn browsers_read_what_we_tell_of_arrivals_and_we_what_they_tell() {
    use rtc_interceptor::convert_twcc;
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
    use rtc_shared::marshal::Marshal;

    let begin = start();
    let mut dice = Dice::new(9);
    for round in 0..200_u32 {
        let mut arrivals = Arrivals::default();
        let mut now = begin;
        arrivals.note(now, 65_500);
        let count = dice.below(100) as u16;
        let mut expected = vec![(65_500_u16, Duration::ZERO)];
        for n in 1..=count {
            // Mostly at once, sometimes late, sometimes never, now and then the wrong way round.
            now += Duration::from_micros(250 * dice.below(600));
            if dice.chance(80) {
                let sequence = 65_500_u16.wrapping_add(n ^ u16::from(dice.chance(10)));
                let known = expected.iter().any(|(known, _)| *known == sequence);
                arrivals.note(now, sequence);
                if !known {
                    expected.push((sequence, now - begin));
                }
            }
        }
        expected.sort_by_key(|(sequence, _)| sequence.wrapping_sub(65_500));
        let compound = Compound::receiver(1, Vec::new());
        let bytes = compound
            .transport_arrivals(2, round as u8, &mut arrivals)
            .into_bytes();
        let mut theirs = &bytes[8..];
        let theirs = TransportLayerCc::unmarshal(&mut theirs).unwrap();
        assert_eq!((theirs.sender_ssrc, theirs.media_ssrc), (1, 2));
        let read: Vec<_> = convert_twcc(&theirs)
            .into_iter()
            .filter_map(|packet| Some((packet.sequence_number, packet.arrival?)))
            .collect();
        assert_eq!(read, expected, "round {round}");

        // And back, as they would write it.
        let mut bytes = Compound::receiver(1, Vec::new()).into_bytes();
        bytes.extend(theirs.marshal().unwrap());
        let parsed = parse(&bytes);
        let [Incoming::TransportArrivals(fates)] = parsed[..] else {
            panic!("{parsed:?}");
        };
        let ours: Vec<_> = fates
            .came()
            .map(|(sequence, ticks)| {
                let ticks = u32::try_from(i64::from(fates.reference) + ticks).unwrap();
                (sequence, TICK * ticks)
            })
            .collect();
        assert_eq!(ours, expected, "round {round}");
    }
}

#[test]
fn a_report_that_claims_more_packets_than_it_tells_of_ends_where_it_ends() {
    let claims_all = |chunks: &[u16]| {
        let mut packet = vec![0x80 | TRANSPORT_FORMAT, TRANSPORT_FEEDBACK, 0, 0];
        packet.extend([0; 8]);
        packet.extend([0, 0, 0xff, 0xff, 0, 0, 1, 0]);
        packet.extend(chunks.iter().flat_map(|chunk| chunk.to_be_bytes()));
        let words = packet.len() / 4 - 1;
        packet.resize(4 * (words + 1), 0);
        packet[3] = words as u8;
        let parsed = parse(&packet);
        let [Incoming::TransportArrivals(fates)] = parsed[..] else {
            panic!("{parsed:?}");
        };
        fates.came().count()
    };
    // Nine of the longest runs are enough; what is left of a hundred is times of packets.
    assert_eq!(claims_all(&[0x3fff; 100]), 2 * 91);
    assert_eq!(claims_all(&[0x3fff; 9]), 0, "the times are missing");
    assert_eq!(claims_all(&[0x1fff; 100]), 0, "none came");
    assert_eq!(claims_all(&[0x7fff; 100]), 0, "nobody says when");
    assert!(claims_all(&[0xd555; 60]) <= 60 * 7);
}
