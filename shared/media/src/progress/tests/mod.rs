//! What must be told, how soon, and what must never be.

mod sounds;

use vrs_domain::LineSignal;

use super::{BLOCK, Detector};
use crate::g711::Law;
use sounds::Sounds;

/// Each change of what is told, with its time in milliseconds.
type Told = Vec<(usize, Option<LineSignal>)>;

/// What a detector tells of these sounds after they went through a telephone's codec.
fn told(sounds: &Sounds, law: Law) -> Told {
    let mut detector = Detector::new();
    let mut told = Told::new();
    let mut before = None;
    for (n, block) in sounds.0.chunks_exact(BLOCK).enumerate() {
        let linear: Vec<i16> = block
            .iter()
            .map(|sample| (sample * 32_767.0).clamp(-32_768.0, 32_767.0) as i16)
            .collect();
        let heard: [i16; BLOCK] = law.decode(&law.encode(&linear)).try_into().unwrap();
        let now = detector.hear(&heard);
        if now != before {
            told.push(((n + 1) * 20, now));
            before = now;
        }
    }
    told
}

/// The signals alone.
fn signals(sounds: &Sounds, law: Law) -> Vec<LineSignal> {
    let told = told(sounds, law);
    told.into_iter().filter_map(|(_, signal)| signal).collect()
}

/// A tone plan: what it means, frequencies, rhythm, and by when it has to be told.
type Plan = (
    &'static str,
    LineSignal,
    &'static [f32],
    &'static [(usize, usize)],
    usize,
);

/// ITU-T E.180 supplement 2, and the precise tone plan of North America.
const PLANS: [Plan; 19] = [
    (
        "US ringing",
        LineSignal::Ringback,
        &[440.0, 480.0],
        &[(2_000, 4_000)],
        800,
    ),
    (
        "US busy",
        LineSignal::Busy,
        &[480.0, 620.0],
        &[(500, 500)],
        3_000,
    ),
    (
        "US reorder",
        LineSignal::Congestion,
        &[480.0, 620.0],
        &[(250, 250)],
        1_500,
    ),
    (
        "DE ringing",
        LineSignal::Ringback,
        &[425.0],
        &[(1_000, 4_000)],
        2_500,
    ),
    ("DE busy", LineSignal::Busy, &[425.0], &[(480, 480)], 3_000),
    (
        "DE congestion",
        LineSignal::Congestion,
        &[425.0],
        &[(240, 240)],
        1_500,
    ),
    (
        "FR ringing",
        LineSignal::Ringback,
        &[440.0],
        &[(1_500, 3_500)],
        3_000,
    ),
    ("FR busy", LineSignal::Busy, &[440.0], &[(500, 500)], 3_000),
    (
        "ES ringing",
        LineSignal::Ringback,
        &[425.0],
        &[(1_500, 3_000)],
        3_000,
    ),
    (
        "ES busy",
        LineSignal::Congestion,
        &[425.0],
        &[(200, 200)],
        1_500,
    ),
    (
        "MX ringing",
        LineSignal::Ringback,
        &[425.0],
        &[(1_000, 4_000)],
        2_500,
    ),
    (
        "MX busy",
        LineSignal::Congestion,
        &[425.0],
        &[(250, 250)],
        1_500,
    ),
    (
        "IT congestion",
        LineSignal::Congestion,
        &[425.0],
        &[(200, 200)],
        1_500,
    ),
    (
        "UK ringing",
        LineSignal::Ringback,
        &[400.0, 450.0],
        &[(400, 200), (400, 2_000)],
        800,
    ),
    ("UK busy", LineSignal::Busy, &[400.0], &[(375, 375)], 3_000),
    (
        "CN ringing",
        LineSignal::Ringback,
        &[450.0],
        &[(1_000, 4_000)],
        2_500,
    ),
    ("CN busy", LineSignal::Busy, &[450.0], &[(350, 350)], 3_000),
    ("JP busy", LineSignal::Busy, &[400.0], &[(500, 500)], 3_000),
    (
        "BR busy",
        LineSignal::Congestion,
        &[425.0],
        &[(250, 250)],
        1_500,
    ),
];

#[test]
fn tones_of_many_countries_are_told_in_time_at_any_level_and_over_noise() {
    for (name, meaning, hz, parts, within_ms) in PLANS {
        for (law, dbfs, noise) in [
            (Law::Mu, -12.0, -70.0),
            (Law::A, -22.0, -55.0),
            (Law::Mu, -35.0, -58.0),
        ] {
            let times = if meaning == LineSignal::Ringback {
                3
            } else {
                12
            };
            let sounds = Sounds::default()
                .silence(700)
                .rhythm(hz, parts, times, dbfs)
                .noisy(noise, 7);
            let told = told(&sounds, law);
            let what = format!("{name} at {dbfs} over {noise}: {told:?}");
            assert_eq!(
                told.len(),
                1,
                "told once and for as long as it lasts: {what}"
            );
            assert_eq!(told[0].1, Some(meaning), "{what}");
            assert!(told[0].0 <= 700 + within_ms, "{what}");
        }
    }
}

#[test]
fn tones_that_are_a_little_off_and_packets_that_are_lost_change_nothing() {
    let off = [
        (
            LineSignal::Ringback,
            vec![437.0, 484.0],
            vec![(2_050, 3_900)],
        ),
        (LineSignal::Busy, vec![478.0, 624.0], vec![(480, 530)]),
        (LineSignal::Congestion, vec![432.0], vec![(230, 270)]),
    ];
    for (meaning, hz, parts) in off {
        for seed in 0..20 {
            let sounds = Sounds::default()
                .rhythm(&hz, &parts, 10, -20.0)
                .lossy(0.01, seed)
                .noisy(-60.0, seed);
            let signals = signals(&sounds, Law::A);
            assert!(!signals.is_empty(), "{meaning} {seed}");
            assert!(
                signals.iter().all(|one| *one == meaning),
                "{seed}: {signals:?}"
            );
        }
    }
}

#[test]
fn speech_is_never_a_signal() {
    for seed in 0..8 {
        for (law, noise) in [(Law::Mu, -65.0), (Law::A, -52.0)] {
            let sounds = Sounds::default().speech(150, seed).noisy(noise, seed);
            let told = told(&sounds, law);
            assert_eq!(told, [], "seed {seed}");
        }
    }
}

#[test]
fn ringing_ends_when_somebody_answers_and_speaks() {
    let sounds = Sounds::default()
        .rhythm(&[440.0, 480.0], &[(2_000, 4_000)], 2, -20.0)
        .speech(20, 3);
    let told = told(&sounds, Law::Mu);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((told[0].1, told[1].1), (Some(LineSignal::Ringback), None));
    assert!(told[1].0 < 16_000, "{told:?}");
}

#[test]
fn a_busy_tone_that_stops_is_over_soon() {
    let sounds = Sounds::default()
        .rhythm(&[425.0], &[(500, 500)], 6, -20.0)
        .silence(8_000);
    let told = told(&sounds, Law::A);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!((6_000..12_000).contains(&told[1].0), "{told:?}");
}

#[test]
fn the_three_tones_before_an_announcement_are_told_and_so_is_what_it_says() {
    for tones in [
        [950.0, 1_400.0, 1_800.0],
        [913.8, 1_370.6, 1_776.7],
        [985.2, 1_428.5, 1_776.7],
    ] {
        for ms in [274, 330, 380] {
            let mut sounds = Sounds::default().silence(300);
            for hz in tones {
                sounds = sounds.tone(&[hz], ms, -22.0);
            }
            let sounds = sounds.silence(400).speech(12, 5).noisy(-60.0, 1);
            let told = told(&sounds, Law::Mu);
            assert_eq!(told.len(), 1, "{tones:?} {ms}: {told:?}");
            assert_eq!(told[0].1, Some(LineSignal::Announcement));
        }
    }
}

#[test]
fn music_on_hold_is_told_and_ends_with_speech() {
    for seed in 0..8 {
        let sounds = Sounds::default()
            .speech(6, seed)
            .music(24, seed)
            .speech(15, seed + 100);
        let told = told(&sounds, Law::Mu);
        assert_eq!(told.len(), 2, "{seed}: {told:?}");
        assert_eq!((told[0].1, told[1].1), (Some(LineSignal::Music), None));
        assert!((8_000..14_000).contains(&told[0].0), "{seed}: {told:?}");
        assert!((30_000..36_000).contains(&told[1].0), "{seed}: {told:?}");
    }
}

#[test]
fn a_beep_after_a_greeting_is_a_machine_and_one_without_is_not() {
    for (hz, ms) in [
        (440.0, 400),
        (800.0, 250),
        (1_000.0, 500),
        (1_400.0, 180),
        (2_000.0, 900),
    ] {
        let greeting = |sounds: Sounds| sounds.speech(8, 4).silence(300);
        let sounds = greeting(Sounds::default())
            .tone(&[hz], ms, -16.0)
            .silence(9_500);
        let told = told(&sounds, Law::Mu);
        assert_eq!(told.len(), 1, "{hz} {ms}: {told:?}");
        assert_eq!(told[0].1, Some(LineSignal::Beep));
        let ended = 8_300 + ms;
        assert!(
            (ended..ended + 1_200).contains(&told[0].0),
            "{hz}: {told:?}"
        );
        let bare = Sounds::default()
            .silence(2_000)
            .tone(&[hz], ms, -16.0)
            .silence(2_000);
        assert_eq!(signals(&bare, Law::Mu), [], "{hz}");
        let talk = greeting(Sounds::default())
            .tone(&[hz], ms, -16.0)
            .silence(300)
            .tone(&[180.0, 540.0, 900.0], 300, -22.0)
            .speech(10, 9);
        assert_eq!(signals(&talk, Law::Mu), [], "{hz} in the middle of talk");
    }
}

#[test]
fn long_silence_is_told_and_a_crackle_is_no_sound() {
    let sounds = Sounds::default()
        .speech(5, 1)
        .silence(9_000)
        .tone(&[900.0], 40, -20.0)
        .silence(5_000)
        .speech(5, 2);
    let told = told(&sounds, Law::A);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((told[0].1, told[1].1), (Some(LineSignal::Silence), None));
    assert!((14_500..16_500).contains(&told[0].0), "{told:?}");
    assert!((19_000..20_500).contains(&told[1].0), "{told:?}");
}

#[test]
fn fax_machines_and_text_telephones_are_told() {
    let calling = Sounds::default()
        .silence(500)
        .rhythm(&[1_100.0], &[(500, 3_000)], 3, -20.0);
    assert_eq!(signals(&calling, Law::Mu), [LineSignal::Fax]);
    let answering = Sounds::default()
        .silence(500)
        .tone(&[2_100.0], 3_000, -18.0);
    assert_eq!(signals(&answering, Law::A), [LineSignal::Fax]);
    for seed in 0..5 {
        let typed = Sounds::default()
            .silence(500)
            .typed(30, seed)
            .noisy(-60.0, seed);
        assert_eq!(
            signals(&typed, Law::Mu),
            [LineSignal::TextTelephone],
            "{seed}"
        );
    }
}

#[test]
fn keys_that_are_pressed_are_no_signal() {
    let mut sounds = Sounds::default().speech(4, 6);
    for low in [697.0, 770.0, 852.0, 941.0] {
        for high in [1_209.0, 1_336.0, 1_477.0, 1_633.0] {
            sounds = sounds.tone(&[low, high], 160, -14.0).silence(60);
        }
    }
    let sounds = sounds.silence(3_000);
    assert_eq!(signals(&sounds, Law::Mu), []);
}
