//! Comfort noise: what a line sounds like while nobody speaks, so that nobody takes it for dead.

/// Payload type of comfort noise at 8 kHz (RFC 3389 section 4, RFC 3551 table 4).
pub const PAYLOAD_TYPE: u8 = 13;
/// How much of the sample before is in each: noise of a room has more low than high.
const SMOOTH: f32 = 0.5;

/// Noise that goes on, always the same from the beginning: no content is in it.
#[derive(Debug, Clone)]
pub struct Noise {
    state: u32,
    before: f32,
}

impl Default for Noise {
    fn default() -> Self {
        Self {
            state: 0x5eed,
            before: 0.0,
        }
    }
}

impl Noise {
    /// The next sample of noise with this root mean square, of full scale.
    pub fn next(&mut self, rms: f32) -> f32 {
        // xorshift: nobody's secret depends on what noise sounds like.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        let even = self.state as f32 / u32::MAX as f32 * 2.0 - 1.0;
        self.before = SMOOTH * self.before + even;
        // What is even between -1 and 1 has a mean square of 1/3; smoothing adds its own square.
        rms * self.before * (3.0 * (1.0 - SMOOTH * SMOOTH)).sqrt()
    }
}

/// The root mean square, of full scale, that a comfort noise payload tells: the first byte is the
/// level in -dBov (RFC 3389 section 3.1); spectral information after it is left alone. `None` for
/// an empty payload.
#[must_use]
pub(super) fn told_rms(payload: &[u8]) -> Option<f32> {
    let level = payload.first()? & 0x7f;
    Some(10_f32.powf(-f32::from(level) / 20.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_as_loud_as_it_is_told_to_be() {
        for level in [30_u8, 50, 66] {
            let rms = told_rms(&[level]).unwrap();
            let mut noise = Noise::default();
            let squares: f64 = (0..80_000)
                .map(|_| f64::from(noise.next(rms)).powi(2))
                .sum();
            let dbov = 10.0 * (squares / 80_000.0).log10();
            assert!((dbov + f64::from(level)).abs() < 0.3, "{level}: {dbov}");
        }
        assert_eq!(told_rms(&[]), None);
        // The highest bit is reserved, and spectral bytes follow.
        assert_eq!(told_rms(&[0x80 | 40, 1, 2, 3]), told_rms(&[40]));
    }
}
