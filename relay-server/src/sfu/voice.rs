//! One party's incoming voice: packets of Opus or G.711 in, 20 ms blocks of 16 kHz sound out.

use std::time::Instant;

use opus::{Channels, Decoder};
use vrs_media::g711::Law;
use vrs_media::jitter::{JitterBuffer, JitterStats, OpusSound, Played, TelephoneSound};
use vrs_media::pcm;

use super::bridge::TELEPHONE_BLOCK;
use super::convert::{BridgeError, Converter};

/// Sample rate at which voices are mixed, in Hz: wide enough for 7 kHz (domain list V5).
pub const MIX_HZ: u32 = 16_000;
/// Samples in one mixed block of 20 ms.
pub const BLOCK: usize = 320;

/// Decodes one stream and plays it out at a steady pace.
pub struct Voice(Sound);

enum Sound {
    Opus(Box<JitterBuffer<OpusSound>>),
    Telephone(Law, Box<JitterBuffer<TelephoneSound>>, Box<Converter>),
}

impl Voice {
    /// A voice that has said nothing yet: in G.711 of this law, else in Opus.
    ///
    /// # Errors
    /// When the codec has no memory.
    pub fn new(law: Option<Law>) -> Result<Self, BridgeError> {
        Ok(Self(match law {
            None => {
                let mut decoder = Decoder::new(MIX_HZ, Channels::Mono)?;
                let decode = move |packet: &[u8], out: &mut [f32], before: bool| {
                    decoder.decode_float(packet, out, before).ok()
                };
                let sound = OpusSound::new(MIX_HZ, Box::new(decode));
                Sound::Opus(Box::new(JitterBuffer::new(sound)))
            }
            Some(law) => {
                let up = Converter::new(8_000, MIX_HZ as usize, TELEPHONE_BLOCK)?;
                let buffer = JitterBuffer::new(TelephoneSound::default());
                Sound::Telephone(law, Box::new(buffer), Box::new(up))
            }
        }))
    }

    /// The law of its packets, unless they are Opus.
    pub const fn law(&self) -> Option<Law> {
        match &self.0 {
            Sound::Opus(_) => None,
            Sound::Telephone(law, ..) => Some(*law),
        }
    }

    /// Takes one packet that belongs at RTP time `timestamp` of its format's clock.
    pub fn push(&mut self, now: Instant, timestamp: u32, payload: Vec<u8>) {
        match &mut self.0 {
            Sound::Opus(buffer) => buffer.insert(now, timestamp, payload),
            Sound::Telephone(law, buffer, _) => {
                if let Some(packet) = TelephoneSound::packet(law.payload_type(), &payload) {
                    buffer.insert(now, timestamp, packet);
                }
            }
        }
    }

    /// The next 20 ms, or `None` while nobody speaks.
    pub fn block(&mut self) -> Option<[i16; BLOCK]> {
        match &mut self.0 {
            Sound::Opus(buffer) => {
                let mut sound = [0.0; BLOCK];
                let played = buffer.play(&mut sound);
                (played != Played::Nobody).then(|| sound.map(pcm::to_linear))
            }
            Sound::Telephone(_, buffer, up) => {
                let mut sound = [0.0; TELEPHONE_BLOCK];
                let played = buffer.play(&mut sound);
                (played != Played::Nobody).then(|| up.convert(&sound.map(pcm::to_linear)))
            }
        }
    }

    /// How well it has been played so far.
    pub fn stats(&self) -> JitterStats {
        match &self.0 {
            Sound::Opus(buffer) => buffer.stats(),
            Sound::Telephone(_, buffer, _) => buffer.stats(),
        }
    }
}
