//! Sound of parties who have only G.711: it becomes Opus where everybody else has Opus, and Opus
//! becomes G.711 for them. Opus can work at the telephone's rate, so that nothing is resampled.
//!
//! What it is not: the bridge, which mixes; it gets what a party sends, and gives Opus.

use std::hash::Hash;
use std::time::Instant;

use opus::{Application, Channels, Decoder, Encoder};
use relay_core::sfu::Party;
use vrs_domain::SessionId;
use vrs_media::Codec;
use vrs_media::g711::Law;
use vrs_media::rtp::SequenceUnwrapper;

use super::rooms::{Notice, Rooms};

/// Sample rate of G.711, in Hz.
const RATE_HZ: u32 = 8_000;
/// Samples in 20 ms of it.
const BLOCK: usize = 160;
/// 48 kHz samples in the same time, the RTP clock of Opus (RFC 7587 section 4.1).
const OPUS_TICKS: u64 = 960;
/// How many of those are one sample of G.711.
const OPUS_TICKS_PER_SAMPLE: u32 = 6;
/// Longest Opus packet, in samples (120 ms, RFC 6716 section 2.1.4).
const PACKET_SAMPLES_MAX: usize = BLOCK * 6;
/// Longest Opus packet we make, in bytes.
const OPUS_BYTES_MAX: usize = 400;
/// A gap of more packets than this is none that is to be concealed.
const GAP_MAX: u64 = 50;

/// Sound of a party on its way to others.
pub(super) struct Spoken<L> {
    pub(super) session: SessionId,
    pub(super) leg: L,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) payload: Vec<u8>,
}

/// One party's sound, in both directions.
#[derive(Default)]
pub(super) struct Translator {
    encoder: Option<Encoder>,
    decoder: Option<Decoder>,
    /// Samples that do not fill a packet yet.
    rest: Vec<i16>,
    heard: SequenceUnwrapper,
    highest: Option<u64>,
    /// Number of the next Opus packet.
    next: u64,
}

impl Translator {
    /// Opus packets of 20 ms with their numbers; a lost packet leaves its number out. One that is
    /// late is as good as lost.
    fn opus_of(&mut self, law: Law, sequence: u16, payload: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let sequence = self.heard.unwrap(sequence);
        let step = match self.highest {
            Some(highest) => match sequence.checked_sub(highest) {
                Some(step @ 1..) => step,
                Some(0) | None => return Vec::new(),
            },
            None => 1,
        };
        self.highest = Some(sequence);
        if (2..GAP_MAX).contains(&step) {
            self.next += step - 1;
        }
        self.rest.extend(law.decode(payload));
        let excess = self.rest.len().saturating_sub(PACKET_SAMPLES_MAX);
        self.rest.drain(..excess);
        let mut packets = Vec::new();
        while self.rest.len() >= BLOCK {
            let block: Vec<i16> = self.rest.drain(..BLOCK).collect();
            if let Some(packet) = self.encode(&block) {
                packets.push((self.next, packet));
            }
            self.next += 1;
        }
        packets
    }

    fn encode(&mut self, block: &[i16]) -> Option<Vec<u8>> {
        if self.encoder.is_none() {
            self.encoder = Encoder::new(RATE_HZ, Channels::Mono, Application::Voip).ok();
        }
        // Only a wrong block size can fail, and all blocks are of the right one.
        self.encoder
            .as_mut()?
            .encode_vec(block, OPUS_BYTES_MAX)
            .ok()
    }

    /// One Opus packet as G.711; `None` if it is broken.
    fn g711_of(&mut self, law: Law, opus: &[u8]) -> Option<Vec<u8>> {
        if self.decoder.is_none() {
            self.decoder = Decoder::new(RATE_HZ, Channels::Mono).ok();
        }
        let mut pcm = [0; PACKET_SAMPLES_MAX];
        let decoder = self.decoder.as_mut()?;
        let samples = decoder.decode(opus, &mut pcm, false).ok()?;
        Some(law.encode(&pcm[..samples]))
    }
}

const fn law(codec: Codec) -> Option<Law> {
    match codec {
        Codec::Pcmu => Some(Law::Mu),
        Codec::Pcma => Some(Law::A),
        Codec::Opus | Codec::H264 | Codec::Vp8 | Codec::T140 => None,
    }
}

impl<L: Party + Hash> Rooms<L> {
    /// The law of a party that has only G.711.
    fn law_of(&self, session: SessionId, leg: L) -> Option<Law> {
        self.sound_of(session, leg).and_then(law)
    }

    /// Passes on what was said: to the bridge while there is one, else to whoever listens.
    pub(super) fn speak(&mut self, now: Instant) {
        while let Some(spoken) = self.next_spoken() {
            let Spoken { session, leg, .. } = spoken;
            let law = self.law_of(session, leg);
            if self.is_bridged(session) {
                self.notice(Notice::Voice {
                    session,
                    leg,
                    law,
                    timestamp: spoken.timestamp,
                    payload: spoken.payload,
                });
                continue;
            }
            let translator = self.translators.entry((session, leg)).or_default();
            let packets = match law {
                Some(law) => translator.opus_of(law, spoken.sequence, &spoken.payload),
                None => vec![(translator.heard.unwrap(spoken.sequence), spoken.payload)],
            };
            for (number, opus) in packets {
                for viewer in leg.viewers() {
                    let timestamp = number.wrapping_mul(OPUS_TICKS) as u32;
                    self.send_voice(now, session, *viewer, timestamp, &opus);
                }
            }
        }
    }

    /// Sound for a party, in its own format: the timestamp in its own clock, and the payload.
    pub(super) fn as_heard_by(
        &mut self,
        session: SessionId,
        leg: L,
        timestamp: u32,
        opus: &[u8],
    ) -> Option<(u32, Vec<u8>)> {
        let law = self.law_of(session, leg)?;
        let translator = self.translators.entry((session, leg)).or_default();
        let payload = translator.g711_of(law, opus)?;
        Some((timestamp / OPUS_TICKS_PER_SAMPLE, payload))
    }
}
