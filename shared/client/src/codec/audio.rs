//! Opus for voice: 20 ms mono frames at 48 kHz.

use opus::{Application, Bitrate, Channels, Decoder, Encoder};
use vrs_media::jitter::OpusSound;

use super::{CodecError, FRAME_SAMPLES, SAMPLE_RATE_HZ};

/// Speech in full band; enough for an interpreter who listens closely.
const BITRATE_BPS: i32 = 32_000;
/// Largest Opus frame we send, in bytes (RFC 6716 section 3.4 allows 1275).
const FRAME_BYTES_MAX: usize = 1275;

/// Sound in, Opus out.
pub(crate) struct SoundEncoder {
    encoder: Encoder,
}

impl SoundEncoder {
    pub(crate) fn new() -> Result<Self, CodecError> {
        let mut encoder = Encoder::new(SAMPLE_RATE_HZ, Channels::Mono, Application::Voip)?;
        encoder.set_bitrate(Bitrate::Bits(BITRATE_BPS))?;
        encoder.set_inband_fec(true)?;
        encoder.set_packet_loss_perc(5)?;
        // Silence is sent as frames too, so that the path stays open (R33).
        encoder.set_dtx(false)?;
        Ok(Self { encoder })
    }

    pub(crate) fn encode(&mut self, frame: &[f32; FRAME_SAMPLES]) -> Result<Vec<u8>, CodecError> {
        Ok(self.encoder.encode_vec_float(frame, FRAME_BYTES_MAX)?)
    }
}

/// Opus in, sound at 48 kHz out, as a jitter buffer asks for it. Stereo packets come out mono.
pub(crate) fn decoder() -> Result<OpusSound, CodecError> {
    let mut decoder = Decoder::new(SAMPLE_RATE_HZ, Channels::Mono)?;
    let decode = move |packet: &[u8], out: &mut [f32], before: bool| {
        decoder.decode_float(packet, out, before).ok()
    };
    Ok(OpusSound::new(SAMPLE_RATE_HZ, Box::new(decode)))
}

#[cfg(test)]
mod tests {
    use vrs_media::jitter::Decode as _;

    use super::*;
    use crate::playout::LevelMeter;

    #[test]
    fn a_tone_keeps_its_pitch_and_level_through_opus() {
        let (mut encoder, mut decoder) = (SoundEncoder::new().unwrap(), decoder().unwrap());
        let mut meter = LevelMeter::new();
        let mut heard = None;
        for n in 0..40_usize {
            let sample = |i: usize| {
                0.25 * ((n * FRAME_SAMPLES + i) as f32 * std::f32::consts::TAU * 1000.0 / 48_000.0)
                    .sin()
            };
            let frame: [f32; FRAME_SAMPLES] = std::array::from_fn(sample);
            let packet = encoder.encode(&frame).unwrap();
            assert_eq!(decoder.length(&packet), Some(FRAME_SAMPLES as u32));
            let mut out = Vec::new();
            assert!(decoder.decode(&packet, &mut out));
            heard = meter.push(&out).or(heard);
        }
        let heard = heard.unwrap();
        assert!(
            (heard.hz - 1000.0).abs() < 5.0 && (heard.dbfs + 15.05).abs() < 1.5,
            "{heard:?}"
        );
    }

    #[test]
    fn rubbish_is_refused_and_gaps_are_concealed() {
        let (mut decoder, mut out) = (decoder().unwrap(), Vec::new());
        assert_eq!(decoder.length(&[]), None);
        assert!(!decoder.decode(&[0xFF, 0xFF, 1, 2], &mut out) && out.is_empty());
        decoder.conceal(FRAME_SAMPLES, &mut out);
        assert_eq!(out.len(), FRAME_SAMPLES);
    }
}
