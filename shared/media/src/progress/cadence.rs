//! What tones mean: national tone plans (ITU-T E.180 and its supplement 2, the precise tone plan of
//! North America), information tones, fax machines and the beep of an answering machine.
//!
//! Plans differ in frequency more than in rhythm, and equal rhythms mean the same nearly
//! everywhere, so that a few rows serve most countries: where a fast rhythm is the busy tone
//! (Spain, Mexico), it is told as congestion, which asks the same of the caller.

use vrs_domain::LineSignal;

use super::runs::{Run, Runs};
use super::spectrum::Tone;

/// What a tone of a telephone exchange may be, by its frequencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// 440 and 480 Hz: ringing in North America.
    Ringing,
    /// 480 and 620 Hz: busy and reorder in North America.
    Busy,
    /// 400 to 450 Hz, alone or both: all of it elsewhere, told apart by rhythm.
    Plain,
}

/// The frequencies of one family, and how far a tone may be beside them.
const FAMILIES: [(Family, Tone, f32); 4] = [
    (Family::Ringing, Tone::Two(440.0, 480.0), 12.0),
    (Family::Busy, Tone::Two(480.0, 620.0), 12.0),
    (Family::Plain, Tone::One(425.0), 40.0),
    (Family::Plain, Tone::Two(400.0, 450.0), 12.0),
];

fn family(tone: Tone) -> Option<Family> {
    let mut rows = FAMILIES.iter();
    let row = rows.find(|(_, of, within)| of.is_same(tone, *within));
    row.map(|(family, ..)| *family)
}

/// Milliseconds in blocks.
const fn ms(ms: u64) -> u64 {
    ms / super::BLOCK_MS
}

/// What the tones so far mean; `spoken` tells whether somebody spoke not long ago, and `at` is the
/// number of this block.
pub(super) fn meaning(runs: &Runs, at: u64, spoken: bool) -> Option<LineSignal> {
    sounding(runs, spoken).or_else(|| ended(runs, at, spoken))
}

/// What can be said while a tone sounds.
fn sounding(runs: &Runs, spoken: bool) -> Option<LineSignal> {
    let run = runs.now()?;
    match (family(run.tone), run.tone) {
        // Nothing else sounds like that for so long.
        (Some(Family::Ringing), _) if run.blocks() >= ms(600) => Some(LineSignal::Ringback),
        (_, Tone::One(hz)) if is_near(hz, 2_100.0, 20.0) && run.blocks() >= ms(1_000) => {
            Some(LineSignal::Fax)
        }
        (Some(Family::Plain), Tone::Two(..)) if !spoken && run.blocks() >= ms(300) => {
            Some(LineSignal::Ringback)
        }
        _ => None,
    }
}

/// What can be said once tones have ended.
fn ended(runs: &Runs, at: u64, spoken: bool) -> Option<LineSignal> {
    let [last] = runs.last::<1>()?;
    let silent = at.saturating_sub(last.ended);
    if runs.now().is_some() || silent > ms(3_000) {
        return None;
    }
    announcement(runs)
        .or_else(|| rhythm(runs).filter(|_| silent <= ms(1_000)))
        .or_else(|| calling_fax(runs))
        .or_else(|| single(runs, &last, silent, spoken))
}

/// The special information tones: 950, 1400 and 1800 Hz (North America: 914 or 985, 1371 or 1429,
/// 1777), each about a third of a second, without a pause.
fn announcement(runs: &Runs) -> Option<LineSignal> {
    let tones = runs.last::<3>()?;
    let wanted = [950.0, 1_400.0, 1_787.0];
    let fits = tones.iter().zip(wanted).all(|(run, hz)| {
        let near = matches!(run.tone, Tone::One(heard) if is_near(heard, hz, 60.0));
        near && (ms(160)..=ms(500)).contains(&run.blocks())
    });
    let close = tones[2].ended - tones[0].began <= ms(1_500);
    (fits && close).then_some(LineSignal::Announcement)
}

/// Equal tones with equal pauses: half a second and more is busy, less is congestion.
fn rhythm(runs: &Runs) -> Option<LineSignal> {
    let tones = runs.last::<3>()?;
    let of = family(tones[0].tone)?;
    let same = tones.iter().all(|run| family(run.tone) == Some(of));
    if !same || of == Family::Ringing {
        return None;
    }
    // Beginnings are seen as late as each other, which ends are not.
    let periods = [
        tones[1].began - tones[0].began,
        tones[2].began - tones[1].began,
    ];
    let steady = periods[0].abs_diff(periods[1]) <= ms(80);
    let halves = tones.iter().all(|run| {
        let share = run.blocks() * 100 / periods[1].max(1);
        (30..=75).contains(&share)
    });
    if !(steady && halves) {
        return None;
    }
    match periods[1] {
        period if (ms(320)..=ms(600)).contains(&period) => Some(LineSignal::Congestion),
        period if (ms(620)..=ms(1_500)).contains(&period) => Some(LineSignal::Busy),
        _ => None,
    }
}

/// A fax machine that calls: 1100 Hz for half a second, every three and a half (ITU-T T.30).
fn calling_fax(runs: &Runs) -> Option<LineSignal> {
    let tones = runs.last::<2>()?;
    let fits = tones.iter().all(|run| {
        let near = matches!(run.tone, Tone::One(hz) if is_near(hz, 1_100.0, 40.0));
        near && (ms(400)..=ms(620)).contains(&run.blocks())
    });
    let period = tones[1].began - tones[0].began;
    let regular = (ms(2_900)..=ms(4_100)).contains(&period);
    (fits && regular).then_some(LineSignal::Fax)
}

/// One tone and then silence: an answering machine's beep after its greeting, or a telephone that
/// rings.
fn single(runs: &Runs, run: &Run, silent: u64, spoken: bool) -> Option<LineSignal> {
    let Tone::One(hz) = run.tone else { return None };
    let blocks = run.blocks();
    if spoken {
        let beep = (400.0..=2_600.0).contains(&hz) && (ms(140)..=ms(2_500)).contains(&blocks);
        // Where it has sounded before, it is the rhythm of an exchange.
        let before = runs.last::<2>().map(|[before, _]| before);
        let alone = before.is_none_or(|before| run.began - before.ended > ms(4_000));
        return (beep && alone && silent >= ms(800)).then_some(LineSignal::Beep);
    }
    let rings = family(run.tone) == Some(Family::Plain) && (ms(600)..=ms(2_500)).contains(&blocks);
    (rings && silent >= ms(1_200)).then_some(LineSignal::Ringback)
}

fn is_near(hz: f32, wanted: f32, within: f32) -> bool {
    (hz - wanted).abs() <= within
}
