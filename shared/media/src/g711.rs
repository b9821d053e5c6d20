//! G.711, the sound of telephones: one byte per sample at 8 kHz (ITU-T G.711, RFC 3551
//! section 4.5.14). Computed, no tables.

/// Which of the two G.711 laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// PCMU, payload type 0: North America and Japan.
    Mu,
    /// PCMA, payload type 8: the rest of the world.
    A,
}

impl Law {
    /// The static payload type (RFC 3551 table 4).
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Mu => 0,
            Self::A => 8,
        }
    }

    /// The encoding name in `a=rtpmap`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mu => "PCMU",
            Self::A => "PCMA",
        }
    }

    /// Encodes linear 16-bit samples, one byte each.
    #[must_use]
    pub fn encode(self, samples: &[i16]) -> Vec<u8> {
        let encode = match self {
            Self::Mu => encode_mu,
            Self::A => encode_a,
        };
        samples.iter().map(|&sample| encode(sample)).collect()
    }

    /// Decodes to linear 16-bit samples, one per byte.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Vec<i16> {
        let decode = match self {
            Self::Mu => decode_mu,
            Self::A => decode_a,
        };
        bytes.iter().map(|&byte| decode(byte)).collect()
    }
}

const MU_BIAS: i32 = 0x84;
const MU_CLIP: i32 = 32_635;

fn encode_mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(MU_CLIP) + MU_BIAS;
    // The bias makes bit 7 the lowest possible leading bit, so the exponent is 0 to 7.
    let exponent = 24 - magnitude.leading_zeros();
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | ((exponent as u8) << 4) | mantissa as u8)
}

fn decode_mu(byte: u8) -> i16 {
    let byte = !byte;
    let exponent = u32::from((byte >> 4) & 7);
    let magnitude = (((i32::from(byte & 0x0f)) << 3) + MU_BIAS) << exponent;
    let sample = magnitude - MU_BIAS;
    (if byte & 0x80 == 0 { sample } else { -sample }) as i16
}

fn encode_a(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 {
        (0, !sample)
    } else {
        (0x80, sample)
    };
    let magnitude = (magnitude >> 3) as u32; // 13-bit magnitude without its sign
    let code = if magnitude < 32 {
        (magnitude >> 1) as u8
    } else {
        let exponent = 27 - magnitude.leading_zeros();
        (((exponent as u8) << 4) | ((magnitude >> exponent) & 0x0f) as u8) & 0x7f
    };
    (sign | code) ^ 0x55
}

fn decode_a(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let exponent = u32::from((byte >> 4) & 7);
    let mantissa = i32::from(byte & 0x0f);
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 0x108) << (exponent - 1),
    };
    (if byte & 0x80 != 0 {
        magnitude
    } else {
        -magnitude
    }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_decoding_and_encoding() {
        for law in [Law::Mu, Law::A] {
            for code in 0..=255u8 {
                let sample = law.decode(&[code]);
                let again = law.decode(&law.encode(&sample));
                assert_eq!(again, sample, "{law:?} code {code:#04x}");
            }
        }
    }

    #[test]
    fn known_values_of_the_standard() {
        assert_eq!(Law::Mu.encode(&[0, 32_767, -32_768]), [0xff, 0x80, 0x00]);
        assert_eq!(Law::A.encode(&[0, 32_767, -32_768]), [0xd5, 0xaa, 0x2a]);
        assert_eq!(Law::Mu.decode(&[0xff, 0x80, 0x00]), [0, 32_124, -32_124]);
        assert_eq!(Law::A.decode(&[0xd5, 0xaa, 0x2a]), [8, 32_256, -32_256]);
    }

    #[test]
    fn the_error_stays_below_four_percent_of_the_sample() {
        for law in [Law::Mu, Law::A] {
            for sample in (-32_600..=32_600).step_by(7) {
                let decoded = law.decode(&law.encode(&[sample]))[0];
                let error = (i32::from(decoded) - i32::from(sample)).abs();
                assert!(
                    error <= i32::from(sample).abs() / 25 + 16,
                    "{law:?} {sample} {decoded}"
                );
            }
        }
    }
}
