//! Telephone sound for a jitter buffer: G.711 of either law, and comfort noise (RFC 3389).

use super::Decode;
use super::conceal::Concealer;
use super::noise::{self, Noise};
use crate::g711::Law;

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
        u32::try_from(payload.len()).ok().filter(|length| *length > 0)
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
        let mut sound: Vec<f32> = samples.map(|s| f32::from(s) / 32_768.0).collect();
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
