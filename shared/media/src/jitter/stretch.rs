//! Time-scale modification: a period of the voice is left out or said twice, and the pitch stays.
//!
//! The lag at which the sound is most like itself is a period; around it the two copies are faded
//! into each other (overlap-add), so that no edge is heard.

/// Shortest and longest period that is looked for, in microseconds: 400 to 80 Hz.
const LAG_MIN_US: usize = 2_500;
const LAG_MAX_US: usize = 12_500;
/// Two periods have to be there; with so much, the shorter ones are looked for, in microseconds.
const NEEDED_US: usize = 20_000;
/// What is compared, in microseconds.
const COMPARED_US: usize = 5_000;
/// Sound is compared at about this rate, in Hz; finer is not heard.
const COMPARED_HZ: usize = 8_000;
/// So alike two periods have to be.
const LIKENESS_MIN: f32 = 0.85;
/// Quieter sound may be cut anywhere: mean square of -45 dBFS.
const QUIET: f32 = 3e-5;

/// How much sound is needed, in samples.
pub(super) const fn needed(rate_hz: u32) -> usize {
    rate_hz as usize * NEEDED_US / 1_000_000
}

/// Leaves a period out of the beginning of `sound`; gives how many samples that were. `hurry` does
/// it wherever it costs least.
pub(super) fn shorten(sound: &mut Vec<f32>, rate_hz: u32, hurry: bool) -> usize {
    let Some(lag) = period(sound, rate_hz, hurry) else {
        return 0;
    };
    for n in 0..lag {
        let way = (n as f32 + 0.5) / lag as f32;
        sound[lag + n] = sound[n] * (1.0 - way) + sound[lag + n] * way;
    }
    sound.drain(..lag);
    lag
}

/// Says a period at the beginning of `sound` twice; gives how many samples that is more.
pub(super) fn lengthen(sound: &mut Vec<f32>, rate_hz: u32) -> usize {
    let Some(lag) = period(sound, rate_hz, false) else {
        return 0;
    };
    let faded = (0..lag).map(|n| {
        let way = (n as f32 + 0.5) / lag as f32;
        sound[lag + n] * (1.0 - way) + sound[n] * way
    });
    let faded: Vec<f32> = faded.collect();
    sound.splice(lag..lag, faded);
    lag
}

/// The lag at which the sound is most like itself, in samples.
fn period(sound: &[f32], rate_hz: u32, hurry: bool) -> Option<usize> {
    if sound.len() < needed(rate_hz) {
        return None;
    }
    let rate = rate_hz as usize;
    let stride = (rate / COMPARED_HZ).max(1);
    let us = |us: usize| us * rate / 1_000_000;
    let (shortest, compared) = (us(LAG_MIN_US), us(COMPARED_US));
    let longest = us(LAG_MAX_US).min(sound.len() / 2);
    let whole = &sound[..longest + compared];
    let energy = |from: usize| -> f32 {
        let piece = sound[from..from + compared].iter().step_by(stride);
        piece.map(|s| s * s).sum()
    };
    if whole.iter().map(|s| s * s).sum::<f32>() / (whole.len() as f32) < QUIET {
        return Some(longest);
    }
    let own = energy(0);
    let likeness = |lag: usize| -> f32 {
        let pairs = sound[..compared].iter().zip(&sound[lag..]);
        let product: f32 = pairs.step_by(stride).map(|(a, b)| a * b).sum();
        product / (own * energy(lag)).sqrt().max(1e-9)
    };
    let best = |lags: &mut dyn Iterator<Item = usize>| {
        let scored = lags.map(|lag| (lag, likeness(lag)));
        scored.max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let (coarse, _) = best(&mut (shortest..=longest).step_by(stride))?;
    let (from, to) = (coarse.saturating_sub(stride - 1), coarse + stride - 1);
    let mut around = from.max(shortest)..=to.min(longest);
    let (lag, alike) = best(&mut around)?;
    (hurry || alike >= LIKENESS_MIN).then_some(lag)
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn voice(hz: f32, rate: u32, ms: usize) -> Vec<f32> {
        let sample = |n: usize| {
            let turn = TAU * hz * n as f32 / rate as f32;
            0.2 * turn.sin() + 0.1 * (3.0 * turn).sin()
        };
        (0..rate as usize * ms / 1_000).map(sample).collect()
    }

    /// Zero crossings upwards a second: the pitch.
    fn pitch(sound: &[f32], rate: u32) -> f32 {
        let ups: Vec<usize> = (1..sound.len())
            .filter(|n| sound[n - 1] < 0.0 && sound[*n] >= 0.0)
            .collect();
        let (first, last) = (ups[0], ups[ups.len() - 1]);
        (ups.len() - 1) as f32 * rate as f32 / (last - first) as f32
    }

    fn steepest(sound: &[f32]) -> f32 {
        sound
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn the_pitch_stays_and_no_edge_is_heard() {
        for rate in [8_000, 16_000, 48_000] {
            for hz in [90.0, 133.0, 210.0, 390.0] {
                let (before, edge) = (voice(hz, rate, 60), steepest(&voice(hz, rate, 60)));
                let mut shorter = before.clone();
                let cut = shorten(&mut shorter, rate, false);
                assert!(
                    cut > 0 && shorter.len() + cut == before.len(),
                    "{hz} {rate}"
                );
                let mut longer = before.clone();
                let more = lengthen(&mut longer, rate);
                assert!(more > 0 && longer.len() == before.len() + more);
                for sound in [&shorter, &longer] {
                    let off = (pitch(sound, rate) - pitch(&before, rate)).abs() / hz;
                    assert!(off < 0.03, "{hz} at {rate}: {off}");
                    assert!(steepest(sound) < edge * 1.3, "{hz} at {rate}");
                }
            }
        }
    }

    #[test]
    fn what_has_no_period_is_left_alone_unless_there_is_no_time() {
        let mut seed = 1_u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let hiss: Vec<f32> = (0..480).map(|_| 0.4 * noise()).collect();
        assert_eq!(shorten(&mut hiss.clone(), 8_000, false), 0);
        assert_eq!(lengthen(&mut hiss.clone(), 8_000), 0);
        assert!(shorten(&mut hiss.clone(), 8_000, true) > 0);
        assert!(shorten(&mut vec![0.0; 480], 8_000, false) > 0);
        assert_eq!(shorten(&mut vec![0.0; 100], 8_000, true), 0);
    }
}
