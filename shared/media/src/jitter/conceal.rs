//! Conceals lost telephone sound by repeating the last period of the voice, in the manner of ITU-T
//! G.711 Appendix I, and fades from there into the noise of the line.

use std::collections::VecDeque;

use super::noise::Noise;

/// The telephone's rate, in Hz.
const RATE_HZ: usize = 8_000;
/// What is remembered: 48.75 ms (Appendix I), in samples.
const HISTORY: usize = 390;
/// Periods that are looked for: 5 to 15 ms, in samples (Appendix I).
const PERIOD_MIN: usize = 40;
const PERIOD_MAX: usize = 120;
/// What is compared to find it: 20 ms, in samples.
const COMPARED: usize = 160;
/// The first 10 ms are as loud as before; then each takes a fifth away (Appendix I).
const STEP: usize = RATE_HZ / 100;
const FALL: f32 = 0.2;
/// The noise of the line follows quieter sound at once and louder by this share each packet.
const NOISE_RISE: f32 = 1.02;
/// The noise of a line is not taken to be louder: -45 dBFS.
const NOISE_MAX: f32 = 0.0056;

/// Remembers the last sound and goes on with it.
#[derive(Debug)]
pub(crate) struct Concealer {
    history: VecDeque<f32>,
    /// Root mean square of the line's noise.
    floor: f32,
    noise: Noise,
    /// What is repeated, and how far that is.
    periods: Vec<f32>,
    place: usize,
    concealed: usize,
}

impl Default for Concealer {
    fn default() -> Self {
        Self {
            history: VecDeque::from(vec![0.0; HISTORY]),
            floor: NOISE_MAX / 4.0,
            noise: Noise::default(),
            periods: Vec::new(),
            place: 0,
            concealed: 0,
        }
    }
}

impl Concealer {
    /// Takes sound that came.
    pub(crate) fn heard(&mut self, sound: &[f32]) {
        self.history.extend(sound);
        let surplus = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..surplus);
        self.concealed = 0;
        if sound.is_empty() {
            return;
        }
        let mean = sound.iter().map(|s| s * s).sum::<f32>() / sound.len() as f32;
        self.floor = mean
            .sqrt()
            .min(self.floor * NOISE_RISE)
            .clamp(1e-5, NOISE_MAX);
    }

    /// Adds what may have been said in the next `samples`.
    pub(crate) fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        for _ in 0..samples {
            if self.concealed.is_multiple_of(STEP) {
                self.repeat(self.concealed / STEP);
            }
            let fallen =
                (self.concealed / STEP) as f32 + (self.concealed % STEP) as f32 / STEP as f32;
            let gain = (1.0 - FALL * (fallen - 1.0).max(0.0)).clamp(0.0, 1.0);
            let voice = self.periods.get(self.place).copied().unwrap_or(0.0);
            self.place = (self.place + 1) % self.periods.len().max(1);
            out.push(voice * gain + self.noise.next(self.floor) * (1.0 - gain));
            self.concealed = self.concealed.saturating_add(1);
        }
    }

    /// Chooses what is repeated: one period at first, then two and three, so that it does not buzz.
    fn repeat(&mut self, step: usize) {
        if step > 2 {
            return;
        }
        let history = self.history.make_contiguous();
        if step == 0 {
            self.place = 0;
        }
        let period = period(history);
        let length = period * (step + 1);
        let from = history.len().saturating_sub(length);
        self.periods.clear();
        self.periods.extend_from_slice(&history[from..]);
        // The end of what is repeated is faded into what came before its beginning.
        let fade = (period / 4).min(from);
        let end = self.periods.len() - fade;
        for n in 0..fade {
            let way = (n as f32 + 0.5) / fade as f32;
            let before = history[from - fade + n];
            self.periods[end + n] = self.periods[end + n] * (1.0 - way) + before * way;
        }
        self.place %= self.periods.len().max(1);
    }
}

/// The period of the end of `history`, in samples.
fn period(history: &[f32]) -> usize {
    let recent = &history[history.len() - COMPARED..];
    let likeness = |lag: usize| {
        let from = history.len() - COMPARED - lag;
        let before = &history[from..from + COMPARED];
        let product: f32 = recent.iter().zip(before).map(|(a, b)| a * b).sum();
        let energy: f32 = before.iter().map(|s| s * s).sum();
        product / energy.sqrt().max(1e-6)
    };
    let lags = PERIOD_MIN..=PERIOD_MAX;
    lags.max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)))
        .unwrap_or(PERIOD_MAX)
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn voice(from: usize, len: usize) -> Vec<f32> {
        let sample = |n: usize| {
            let turn = TAU * 125.0 * n as f32 / RATE_HZ as f32;
            0.3 * turn.sin() + 0.15 * (2.0 * turn).sin()
        };
        (from..from + len).map(sample).collect()
    }

    fn rms(sound: &[f32]) -> f32 {
        (sound.iter().map(|s| s * s).sum::<f32>() / sound.len() as f32).sqrt()
    }

    #[test]
    fn a_lost_packet_of_a_voice_is_hardly_missed() {
        let mut concealer = Concealer::default();
        concealer.heard(&voice(0, 800));
        let mut filled = Vec::new();
        concealer.conceal(80, &mut filled);
        let lost = voice(800, 80);
        let wrong: Vec<f32> = filled.iter().zip(&lost).map(|(a, b)| a - b).collect();
        assert!(
            rms(&wrong) < 0.1 * rms(&lost),
            "{} of {}",
            rms(&wrong),
            rms(&lost)
        );
    }

    #[test]
    fn a_long_loss_fades_into_the_noise_of_the_line() {
        let mut concealer = Concealer::default();
        let mut hiss = Noise::default();
        let noise: Vec<f32> = (0..8_000).map(|_| hiss.next(0.002)).collect();
        noise.chunks(160).for_each(|packet| concealer.heard(packet));
        concealer.heard(&voice(0, 800));
        let mut filled = Vec::new();
        concealer.conceal(1_600, &mut filled);
        let levels: Vec<f32> = filled.chunks(160).map(rms).collect();
        assert!(
            levels[0] > 0.15 && levels[1] < levels[0] && levels[2] < levels[1],
            "{levels:?}"
        );
        let after = rms(&filled[800..]);
        assert!((0.001..0.004).contains(&after), "{after}");
    }
}
