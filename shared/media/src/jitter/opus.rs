//! Opus for a jitter buffer: what can be read off a packet here, the rest asked of a codec.

use super::Decode;

/// Units of RTP time in a second, whatever the codec's rate (RFC 7587 section 4.1).
const CLOCK_HZ: u32 = 48_000;
/// Longest packet: 120 ms (RFC 6716 section 2.1.4), in units of RTP time.
const PACKET_MAX: u32 = 5_760;
/// A packet this short has no sound in it: its sender is silent (DTX, RFC 6716 section 2.1.9).
const SILENT_BYTES: usize = 2;
/// Sound is made up in pieces of this length: codecs work in steps of 2.5 ms.
const STEPS_IN_A_SECOND: u32 = 400;
/// The bit of the first byte that says that only the MDCT layer is used, which tells nothing of the
/// packet before.
const MDCT_ONLY: u8 = 0x80;
/// The bit that says that there are two channels.
const STEREO: u8 = 0x04;

/// A codec: decodes the packet, or with none makes up what may have been in it, or with `true` takes
/// out of it what it tells of the packet before. Fills the slice from its beginning with mono
/// samples and gives how many; `None` when it cannot.
pub type OpusCodec = Box<dyn FnMut(&[u8], &mut [f32], bool) -> Option<usize> + Send>;

/// Decodes one Opus stream.
pub struct OpusSound {
    codec: OpusCodec,
    rate_hz: u32,
}

impl OpusSound {
    /// The sound of `codec`, which gives `rate_hz` samples a second: 8, 12, 16, 24 or 48 kHz.
    #[must_use]
    pub fn new(rate_hz: u32, codec: OpusCodec) -> Self {
        Self { codec, rate_hz }
    }

    /// Has the codec fill `samples` more; `false` when it cannot.
    fn fill(&mut self, packet: &[u8], samples: usize, before: bool, out: &mut Vec<f32>) -> bool {
        let from = out.len();
        out.resize(from + samples, 0.0);
        let made = (self.codec)(packet, &mut out[from..], before);
        out.truncate(from + made.unwrap_or(0).min(samples));
        made.is_some()
    }
}

impl Decode for OpusSound {
    fn clock_hz(&self) -> u32 {
        CLOCK_HZ
    }

    fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    fn length(&self, packet: &[u8]) -> Option<u32> {
        length(packet)
    }

    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> bool {
        let Some(length) = length(packet) else {
            return false;
        };
        let samples = u64::from(length) * u64::from(self.rate_hz) / u64::from(CLOCK_HZ);
        self.fill(packet, samples as usize, false, out)
    }

    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<f32>) -> bool {
        tells_of_the_one_before(next) && self.fill(next, samples, true, out)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        let step = (self.rate_hz / STEPS_IN_A_SECOND) as usize;
        let wanted = out.len() + samples;
        while out.len() < wanted {
            // At most as long as the longest packet, which is 48 steps.
            let piece = (wanted - out.len()).next_multiple_of(step).min(48 * step);
            let before = out.len();
            if !self.fill(&[], piece, false, out) || out.len() == before {
                out.resize(wanted, 0.0);
            }
        }
    }

    fn is_pause(&self, packet: &[u8]) -> bool {
        packet.len() <= SILENT_BYTES
    }
}

/// Length of one frame, in units of RTP time (RFC 6716 section 3.1, table 2).
const fn frame(toc: u8) -> u32 {
    let configuration = toc >> 3;
    match (configuration, configuration & 3) {
        // The voice layer alone.
        (0..12, 0) | (12..16, 0 | 2) => 480,
        (0..12, 1) | (12..16, _) => 960,
        (0..12, 2) => 1_920,
        (0..12, _) => 2_880,
        // The MDCT layer alone: 2.5 ms and its doubles.
        (_, size) => 120 << size,
    }
}

/// How long a packet lasts, in units of RTP time; `None` for rubbish and for more than 120 ms
/// (RFC 6716 section 3.4).
fn length(packet: &[u8]) -> Option<u32> {
    let (toc, rest) = packet.split_first()?;
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(rest.first()? & 0x3f),
    };
    let length = frames * frame(*toc);
    (1..=PACKET_MAX).contains(&length).then_some(length)
}

/// Whether a packet has the one before it in it once more, in fewer bits (LBRR, RFC 6716 section
/// 4.2.4). It is not looked for where frames have different lengths, which nobody makes for voices.
fn tells_of_the_one_before(packet: &[u8]) -> bool {
    let Some((toc, rest)) = packet.split_first() else {
        return false;
    };
    let Some(first) = rest.first() else {
        return false;
    };
    if toc & MDCT_ONLY != 0 || toc & 3 > 1 {
        return false;
    }
    // For each channel: a bit for each 20 ms that says whether somebody speaks, then the one.
    let twenties = (frame(*toc) / 960).max(1);
    let channels = if toc & STEREO == 0 { 1 } else { 2 };
    (1..=channels).any(|channel| {
        let place = channel * (twenties + 1) - 1;
        first & (0x80_u8 >> place) != 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_packet_is_what_its_first_bytes_say() {
        let of = |configuration: u8, rest: &[u8]| {
            length(&[&[configuration << 3][..], rest].concat()).map(|length| length / 48)
        };
        for (configuration, ms) in [
            (0, 10),
            (1, 20),
            (2, 40),
            (3, 60),
            (9, 20),
            (11, 60),
            (12, 10),
            (13, 20),
            (14, 10),
            (15, 20),
            (17, 5),
            (18, 10),
            (19, 20),
            (31, 20),
        ] {
            assert_eq!(of(configuration, &[1]), Some(ms), "{configuration}");
        }
        assert_eq!(length(&[16 << 3]), Some(120), "2.5 ms");
        assert_eq!(length(&[9 << 3 | 1, 1]), Some(1_920));
        assert_eq!(length(&[9 << 3 | 3, 3]), Some(2_880));
        for rubbish in [&[][..], &[9 << 3 | 3], &[9 << 3 | 3, 0], &[9 << 3 | 3, 7]] {
            assert_eq!(length(rubbish), None, "{rubbish:?}");
        }
    }

    #[test]
    fn a_codec_that_refuses_leaves_silence_and_not_a_gap() {
        let mut sound = OpusSound::new(16_000, Box::new(|_, _, _| None));
        let mut out = Vec::new();
        sound.conceal(161, &mut out);
        assert_eq!(out, [0.0; 161]);
        assert!(!sound.decode(&[9 << 3, 1], &mut out));
        assert_eq!(out.len(), 161);
    }

    #[test]
    fn only_a_packet_that_tells_of_the_one_before_is_asked_for_it() {
        let codec = |_: &[u8], out: &mut [f32], before: bool| before.then_some(out.len());
        let mut sound = OpusSound::new(16_000, Box::new(codec));
        let mut told = |packet: &[u8]| sound.recover(packet, 320, &mut Vec::new());
        // 20 ms mono: voice activity, then the bit.
        assert!(told(&[9 << 3, 0x40]) && !told(&[9 << 3, 0x80]));
        // 60 ms: three of them, then the bit.
        assert!(told(&[11 << 3, 0x10]) && !told(&[11 << 3, 0xe0]));
        // Two channels: of either.
        assert!(told(&[9 << 3 | STEREO, 0x10]) && told(&[9 << 3 | STEREO, 0x40]));
        assert!(!told(&[19 << 3, 0xff]) && !told(&[9 << 3]) && !told(&[]));
    }
}
