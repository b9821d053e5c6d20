//! Opus for voice: 20 ms mono frames at 48 kHz.

use opus::{Application, Bitrate, Channels, Decoder, Encoder};

use super::{CodecError, FRAME_SAMPLES, SAMPLE_RATE_HZ};

/// Speech in full band; enough for an interpreter who listens closely.
const BITRATE_BPS: i32 = 32_000;
/// Largest Opus frame we send, in bytes (RFC 6716 section 3.4 allows 1275).
const FRAME_BYTES_MAX: usize = 1275;
/// Longest Opus packet, in samples: 120 ms.
pub(crate) const PACKET_SAMPLES_MAX: usize = 5760;

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

/// Opus in, sound out. Stereo packets come out mono.
pub(crate) struct SoundDecoder {
    decoder: Decoder,
}

impl SoundDecoder {
    pub(crate) fn new() -> Result<Self, CodecError> {
        Ok(Self {
            decoder: Decoder::new(SAMPLE_RATE_HZ, Channels::Mono)?,
        })
    }

    /// Decodes one packet into `out` and returns the samples it holds.
    pub(crate) fn decode<'a>(
        &mut self,
        packet: &[u8],
        out: &'a mut [f32; PACKET_SAMPLES_MAX],
    ) -> Result<&'a [f32], CodecError> {
        let samples = self.decoder.decode_float(packet, out, false)?;
        Ok(&out[..samples.min(PACKET_SAMPLES_MAX)])
    }

    /// Fills 20 ms whose packet is missing with what it may have been.
    pub(crate) fn conceal<'a>(
        &mut self,
        out: &'a mut [f32; PACKET_SAMPLES_MAX],
    ) -> Result<&'a [f32], CodecError> {
        let samples = self
            .decoder
            .decode_float(&[], &mut out[..FRAME_SAMPLES], false)?;
        Ok(&out[..samples.min(FRAME_SAMPLES)])
    }
}

/// How many samples at 48 kHz a packet holds; `None` for rubbish and for more than 120 ms.
pub(crate) fn packet_samples(packet: &[u8]) -> Option<usize> {
    let samples = opus::packet::get_nb_samples(packet, SAMPLE_RATE_HZ).ok()?;
    (1..=PACKET_SAMPLES_MAX)
        .contains(&samples)
        .then_some(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playout::LevelMeter;

    #[test]
    fn a_tone_keeps_its_pitch_and_level_through_opus() {
        let (mut encoder, mut decoder) =
            (SoundEncoder::new().unwrap(), SoundDecoder::new().unwrap());
        let mut meter = LevelMeter::new();
        let mut heard = None;
        for n in 0..40_usize {
            let sample = |i: usize| {
                0.25 * ((n * FRAME_SAMPLES + i) as f32 * std::f32::consts::TAU * 1000.0 / 48_000.0)
                    .sin()
            };
            let frame: [f32; FRAME_SAMPLES] = std::array::from_fn(sample);
            let packet = encoder.encode(&frame).unwrap();
            assert_eq!(packet_samples(&packet), Some(FRAME_SAMPLES));
            let mut out = [0.0; PACKET_SAMPLES_MAX];
            heard = meter
                .push(decoder.decode(&packet, &mut out).unwrap())
                .or(heard);
        }
        let heard = heard.unwrap();
        assert!(
            (heard.hz - 1000.0).abs() < 5.0 && (heard.dbfs + 15.05).abs() < 1.5,
            "{heard:?}"
        );
    }

    #[test]
    fn rubbish_is_refused_and_gaps_are_concealed() {
        let mut decoder = SoundDecoder::new().unwrap();
        assert_eq!(packet_samples(&[]), None);
        let mut out = [0.0; PACKET_SAMPLES_MAX];
        assert!(decoder.decode(&[0xFF, 0xFF, 1, 2], &mut out).is_err());
        assert_eq!(decoder.conceal(&mut out).unwrap().len(), FRAME_SAMPLES);
    }
}
