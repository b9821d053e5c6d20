//! One party's incoming voice: Opus packets in, 20 ms blocks of 16 kHz sound out.

use std::collections::VecDeque;

use opus::{Channels, Decoder};

/// Sample rate at which voices are mixed, in Hz: wide enough for 7 kHz (domain list V5).
pub const MIX_HZ: u32 = 16_000;
/// Samples in one mixed block of 20 ms.
pub const BLOCK: usize = 320;
/// Blocks held before the first is played, to ride out jitter.
const BLOCKS_START: usize = 2;
/// Blocks held at most; past it the oldest is dropped so that delay cannot grow.
const BLOCKS_MAX: usize = 6;
/// Longest run of lost packets that is concealed.
const CONCEAL_PACKETS_MAX: u16 = 3;
/// Longest Opus packet, in samples (120 ms, RFC 6716 section 2.1.4).
const PACKET_SAMPLES_MAX: usize = BLOCK * 6;

/// Decodes one Opus stream and plays it out at a steady pace.
pub struct Voice {
    decoder: Decoder,
    expected: Option<u16>,
    samples: VecDeque<i16>,
    playing: bool,
}

impl Voice {
    /// A voice that has said nothing yet.
    ///
    /// # Errors
    /// When the codec has no memory.
    pub fn new() -> Result<Self, opus::Error> {
        Ok(Self {
            decoder: Decoder::new(MIX_HZ, Channels::Mono)?,
            expected: None,
            samples: VecDeque::with_capacity(BLOCK * BLOCKS_MAX),
            playing: false,
        })
    }

    /// Takes one packet; what comes too late is dropped, short gaps are concealed.
    pub fn push(&mut self, sequence: u16, packet: &[u8]) {
        let gap = self
            .expected
            .map_or(0, |expected| sequence.wrapping_sub(expected));
        if gap > u16::MAX / 2 {
            return;
        }
        for _ in 0..gap.min(CONCEAL_PACKETS_MAX) {
            self.decode(&[]);
        }
        self.expected = Some(sequence.wrapping_add(1));
        self.decode(packet);
    }

    fn decode(&mut self, packet: &[u8]) {
        let mut pcm = [0_i16; PACKET_SAMPLES_MAX];
        // An empty packet asks for one block of concealment; a broken one is as good as lost.
        let room = if packet.is_empty() {
            BLOCK
        } else {
            PACKET_SAMPLES_MAX
        };
        if let Ok(samples) = self.decoder.decode(packet, &mut pcm[..room], false) {
            self.samples.extend(&pcm[..samples]);
        }
        let excess = self.samples.len().saturating_sub(BLOCK * BLOCKS_MAX);
        self.samples.drain(..excess);
    }

    /// The next 20 ms, or `None` while there is nothing to play.
    pub fn block(&mut self) -> Option<[i16; BLOCK]> {
        if !self.playing && self.samples.len() < BLOCK * BLOCKS_START {
            return None;
        }
        self.playing = self.samples.len() >= BLOCK;
        if !self.playing {
            return None;
        }
        let mut block = [0; BLOCK];
        for (slot, sample) in block.iter_mut().zip(self.samples.drain(..BLOCK)) {
            *slot = sample;
        }
        Some(block)
    }
}
