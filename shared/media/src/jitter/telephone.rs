//! Telephone sound for a jitter buffer: G.711 of either law, and comfort noise (RFC 3389).

use super::Decode;
use super::conceal::Concealer;
use super::noise::{self, Noise};
use crate::g711::Law;
use crate::pcm;

/// Samples, and units of RTP time, in a second.
const RATE_HZ: u32 = 8_000;
/// A comfort noise packet stands for 20 ms, and for all that follows until sound comes.
const NOISE_SAMPLES: u32 = 160;
/// Longest packet taken: 60 ms, in samples.
const PACKET_SAMPLES_MAX: usize = 480;
/// What was made up is faded into what came over 5 ms, in samples.
const FADE: usize = 40;

/// Decodes packets that begin with their payload type, as [`TelephoneSound::packet`] makes them, at
/// 8 kHz.
#[derive(Debug, Default)]
pub struct TelephoneSound {
    concealer: Concealer,
    noise: Noise,
    /// The level that was told, while only noise is to be heard.
    told: Option<f32>,
    /// Sound has been made up since the last packet.
    made_up: bool,
}

impl TelephoneSound {
    /// A packet for the buffer; `None` for a payload type that a telephone does not have, for
    /// nothing and for more than 60 ms.
    #[must_use]
    pub fn packet(payload_type: u8, payload: &[u8]) -> Option<Vec<u8>> {
        let known = law(payload_type).is_some() || payload_type == noise::PAYLOAD_TYPE;
        let fits = (1..=PACKET_SAMPLES_MAX).contains(&payload.len());
        (known && fits).then(|| [&[payload_type][..], payload].concat())
    }
}

fn law(payload_type: u8) -> Option<Law> {
    let mut laws = [Law::Mu, Law::A].into_iter();
    laws.find(|law| law.payload_type() == payload_type)
}

impl Decode for TelephoneSound {
    fn clock_hz(&self) -> u32 {
        RATE_HZ
    }

    fn rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn length(&self, packet: &[u8]) -> Option<u32> {
        let (payload_type, payload) = packet.split_first()?;
        if *payload_type == noise::PAYLOAD_TYPE {
            return Some(NOISE_SAMPLES);
        }
        law(*payload_type)?;
        u32::try_from(payload.len())
            .ok()
            .filter(|length| *length > 0)
    }

    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> bool {
        let Some((payload_type, payload)) = packet.split_first() else {
            return false;
        };
        let Some(law) = law(*payload_type) else {
            self.told = noise::told_rms(payload);
            self.conceal(NOISE_SAMPLES as usize, out);
            return self.told.is_some();
        };
        let samples = law.decode(payload).into_iter();
        let mut sound: Vec<f32> = samples.map(pcm::to_unit).collect();
        if std::mem::take(&mut self.made_up) {
            let mut before = Vec::with_capacity(FADE);
            self.conceal(FADE, &mut before);
            self.made_up = false;
            for (n, (sample, before)) in sound.iter_mut().zip(before).enumerate() {
                let way = (n as f32 + 0.5) / FADE as f32;
                *sample = before * (1.0 - way) + *sample * way;
            }
        }
        self.told = None;
        self.concealer.heard(&sound);
        out.append(&mut sound);
        true
    }

    fn recover(&mut self, _next: &[u8], _samples: usize, _out: &mut Vec<f32>) -> bool {
        // G.711 tells nothing of other packets.
        false
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        self.made_up = true;
        match self.told {
            Some(rms) => out.extend((0..samples).map(|_| self.noise.next(rms))),
            None => self.concealer.conceal(samples, out),
        }
    }

    fn is_pause(&self, packet: &[u8]) -> bool {
        packet.first() == Some(&noise::PAYLOAD_TYPE)
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::jitter::{JitterBuffer, Played};
    use crate::testing::start;

    const BLOCK: usize = 160;

    fn voice(n: usize) -> Vec<u8> {
        let sample = |n: usize| {
            let turn = TAU * 180.0 * n as f32 / RATE_HZ as f32;
            (9_000.0 * turn.sin() + 3_000.0 * (3.0 * turn).sin()) as i16
        };
        let samples: Vec<i16> = (n * BLOCK..(n + 1) * BLOCK).map(sample).collect();
        Law::A.encode(&samples)
    }

    fn steepest(sound: &[f32]) -> f32 {
        let steps = sound.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        steps.fold(0.0, f32::max)
    }

    /// What is heard of so many packets, those left out that `lost` names.
    fn heard(packets: usize, lost: impl Fn(usize) -> bool) -> Vec<f32> {
        let (begin, mut sound): (Instant, _) = (start(), Vec::new());
        let mut buffer = JitterBuffer::new(TelephoneSound::default());
        for n in 0..packets {
            let now = begin + Duration::from_millis(n as u64 * 20);
            if !lost(n) {
                let packet = TelephoneSound::packet(8, &voice(n)).unwrap();
                buffer.insert(now, (n * BLOCK) as u32, packet);
            }
            let mut out = [0.0; BLOCK];
            buffer.play(&mut out);
            sound.extend(out);
        }
        sound
    }

    #[test]
    fn lost_packets_are_replaced_without_an_edge_or_a_hole() {
        let whole = heard(100, |_| false);
        let holes = heard(100, |n| n > 20 && n % 10 == 3);
        assert_eq!(whole.len(), holes.len());
        assert!(steepest(&holes) < 1.5 * steepest(&whole));
        for (n, (piece, lost)) in whole.chunks(80).zip(holes.chunks(80)).enumerate().skip(10) {
            let square = |piece: &[f32]| piece.iter().map(|s| s * s).sum::<f32>();
            let share = square(lost) / square(piece);
            assert!((0.4..2.0).contains(&share), "{n}: {share}");
        }
    }

    #[test]
    fn who_falls_silent_without_a_word_ends_in_noise_and_then_in_silence() {
        let sound = heard(100, |n| n >= 50);
        let level = |from_ms: usize, to_ms: usize| {
            let piece = &sound[from_ms * 8..to_ms * 8];
            (piece.iter().map(|s| s * s).sum::<f32>() / piece.len() as f32).sqrt()
        };
        assert!(level(900, 980) > 0.1);
        let noise = level(1_150, 1_300);
        assert!((1e-5..0.01).contains(&noise), "{noise}");
        assert_eq!(level(1_700, 2_000), 0.0);
        assert!(steepest(&sound) < 0.3);
    }

    #[test]
    fn packets_of_any_length_to_60_ms_and_both_laws_are_taken_and_nothing_else() {
        assert_eq!(TelephoneSound::packet(0, &[]), None);
        assert_eq!(TelephoneSound::packet(0, &[0; 481]), None);
        assert_eq!(TelephoneSound::packet(9, &[0; 160]), None);
        assert_eq!(TelephoneSound::packet(13, &[]), None);
        let sound = TelephoneSound::default();
        let length = |payload_type, length| {
            sound.length(&TelephoneSound::packet(payload_type, &vec![1; length]).unwrap())
        };
        assert_eq!((length(0, 80), length(8, 480)), (Some(80), Some(480)));
        assert_eq!(length(13, 11), Some(160));
        assert_eq!((sound.length(&[]), sound.length(&[0])), (None, None));
    }

    #[test]
    fn noise_that_was_told_is_as_loud_as_told() {
        let mut buffer = JitterBuffer::new(TelephoneSound::default());
        let packet = TelephoneSound::packet(13, &[40]).unwrap();
        buffer.insert(start(), 7, packet);
        let mut out = [0.0; 8_000];
        buffer.play(&mut [0.0; 800]);
        assert_eq!(buffer.play(&mut out), Played::Pause);
        let square = out.iter().map(|s| s * s).sum::<f32>() / out.len() as f32;
        assert!((10.0 * square.log10() + 40.0).abs() < 0.5);
    }
}
