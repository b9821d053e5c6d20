//! The bridge between the telephone (8 kHz) and the other legs (Opus or G.711).
//!
//! Everyone hears the sum of the others, with one exception: interpreters beside the lead (relief,
//! team, supervisor) are heard by interpreters only, so that they can help without disturbing the
//! call. It decodes, mixes and encodes every 20 ms and keeps nothing. Each voice comes through a
//! jitter buffer ([`super::voice`]), as the telephone's does before it comes here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Instant;

use opus::{Application, Channels, Encoder};

use vrs_domain::Leg;
use vrs_media::g711::Law;
use vrs_media::jitter::JitterStats;

pub use super::convert::BridgeError;
use super::convert::Converter;
use super::voice::{BLOCK, MIX_HZ, Voice};

/// Samples in 20 ms of telephone sound.
pub const TELEPHONE_BLOCK: usize = 160;
/// Longest Opus packet we make, in bytes.
const OPUS_BYTES_MAX: usize = 400;

/// What one tick of 20 ms gives out.
pub struct Mix {
    /// 160 samples at 8 kHz for the telephone.
    pub telephone: [i16; TELEPHONE_BLOCK],
    /// One Opus packet for each leg that listens.
    pub packets: Vec<(Leg, Vec<u8>)>,
}

/// Mixes the telephone and the voices of the other legs.
pub struct Bridge {
    voices: BTreeMap<Leg, Voice>,
    ears: BTreeMap<Leg, Encoder>,
    up: Converter,
    down: Converter,
}

/// Whether the parties of the call hear `leg`, and not only the interpreters.
const fn is_on_air(leg: Leg) -> bool {
    match leg {
        Leg::Caller | Leg::Interpreter | Leg::Hearing | Leg::Callee => true,
        Leg::Relief | Leg::Team | Leg::Supervisor => false,
    }
}

impl Bridge {
    /// A silent bridge.
    ///
    /// # Errors
    /// When a resampler cannot be made.
    pub fn new() -> Result<Self, BridgeError> {
        Ok(Self {
            voices: BTreeMap::new(),
            ears: BTreeMap::new(),
            up: Converter::new(8_000, MIX_HZ as usize, TELEPHONE_BLOCK)?,
            down: Converter::new(MIX_HZ as usize, 8_000, BLOCK)?,
        })
    }

    /// Takes one packet that `leg` said: of G.711 with this law, else of Opus.
    pub fn push(
        &mut self,
        now: Instant,
        leg: Leg,
        law: Option<Law>,
        timestamp: u32,
        payload: Vec<u8>,
    ) {
        let voice = match self.voices.entry(leg) {
            Entry::Occupied(known) if known.get().law() == law => known.into_mut(),
            // Without memory for a decoder this voice stays silent, and the others go on.
            place @ (Entry::Vacant(_) | Entry::Occupied(_)) => match Voice::new(law) {
                Ok(voice) => place.insert_entry(voice).into_mut(),
                Err(_) => return,
            },
        };
        voice.push(now, timestamp, payload);
    }

    /// How well each voice has been played so far.
    pub fn stats(&self) -> impl Iterator<Item = (Leg, JitterStats)> {
        let voices = self.voices.iter();
        voices.map(|(leg, voice)| (*leg, voice.stats()))
    }

    /// A leg is gone, or another one is in its place now; gives how well it has been played.
    pub fn forget(&mut self, leg: Leg) -> Option<JitterStats> {
        self.ears.remove(&leg);
        self.voices.remove(&leg).map(|voice| voice.stats())
    }

    /// A leg takes another place, with what it was about to say and hear.
    pub fn rename(&mut self, from: Leg, to: Leg) {
        self.forget(to);
        if let Some(voice) = self.voices.remove(&from) {
            self.voices.insert(to, voice);
        }
        if let Some(ear) = self.ears.remove(&from) {
            self.ears.insert(to, ear);
        }
    }

    /// Mixes the next 20 ms for those who listen. `heard` is what comes from the telephone.
    pub fn tick(
        &mut self,
        heard: &[i16; TELEPHONE_BLOCK],
        listeners: impl IntoIterator<Item = Leg>,
    ) -> Mix {
        let line: [i16; BLOCK] = self.up.convert(heard);
        let said: Vec<(Leg, [i16; BLOCK])> = self
            .voices
            .iter_mut()
            .filter_map(|(leg, voice)| Some((*leg, voice.block()?)))
            .collect();
        let mut packets = Vec::new();
        for leg in listeners {
            let backstage = leg.seat().is_some();
            let hears = |from: Leg| from != leg && (backstage || is_on_air(from));
            let block = sum(line, &said, hears);
            if let Some(packet) = self.encode(leg, &block) {
                packets.push((leg, packet));
            }
        }
        Mix {
            telephone: self.down.convert(&sum([0; BLOCK], &said, is_on_air)),
            packets,
        }
    }

    fn encode(&mut self, leg: Leg, block: &[i16; BLOCK]) -> Option<Vec<u8>> {
        let encoder = match self.ears.entry(leg) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                place.insert(Encoder::new(MIX_HZ, Channels::Mono, Application::Voip).ok()?)
            }
        };
        // Only a wrong block size can fail, and the type fixes it.
        encoder.encode_vec(block, OPUS_BYTES_MAX).ok()
    }
}

fn sum(
    start: [i16; BLOCK],
    said: &[(Leg, [i16; BLOCK])],
    heard: impl Fn(Leg) -> bool,
) -> [i16; BLOCK] {
    let mut out = start;
    for (_, block) in said.iter().filter(|(leg, _)| heard(*leg)) {
        for (slot, sample) in out.iter_mut().zip(block) {
            *slot = slot.saturating_add(*sample);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: std::time::Duration = std::time::Duration::from_millis(20);
    const SILENCE: [i16; TELEPHONE_BLOCK] = [0; TELEPHONE_BLOCK];

    fn tone(hz: f32, rate: u32, from: usize, len: usize) -> Vec<i16> {
        let step = std::f32::consts::TAU * hz / rate as f32;
        (from..from + len)
            .map(|n| ((n as f32 * step).sin() * 8_000.0) as i16)
            .collect()
    }

    /// Strength of one frequency (Goertzel), relative to full scale.
    fn strength(pcm: &[i16], hz: f32, rate: u32) -> f32 {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in pcm.iter().enumerate() {
            let angle = std::f32::consts::TAU * hz * n as f32 / rate as f32;
            re += f32::from(*sample) * angle.cos();
            im += f32::from(*sample) * angle.sin();
        }
        2.0 * re.hypot(im) / pcm.len() as f32 / 32_768.0
    }

    /// Who says what: each leg its own tone.
    const TONES: [(Leg, f32); 3] = [
        (Leg::Interpreter, 440.0),
        (Leg::Caller, 660.0),
        (Leg::Team, 1_500.0),
    ];
    const TELEPHONE_HZ: f32 = 1_000.0;

    /// Which of 440, 660, 1500 and 1000 Hz are heard on the telephone and on each leg.
    fn heard() -> Vec<[bool; 4]> {
        let mut bridge = Bridge::new().unwrap();
        let encoder = || Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        let mut mouths = TONES.map(|(leg, hz)| (leg, hz, encoder()));
        let decoder = || opus::Decoder::new(MIX_HZ, Channels::Mono).unwrap();
        let mut ears = TONES.map(|(leg, _)| (leg, decoder(), Vec::new()));
        let (begin, mut telephone) = (Instant::now(), Vec::new());
        for n in 0..100_u32 {
            let (now, at) = (begin + TICK * n, n as usize * 960);
            for (leg, hz, mouth) in &mut mouths {
                let said = mouth.encode_vec(&tone(*hz, 48_000, at, 960), 400).unwrap();
                bridge.push(now, *leg, None, at as u32, said);
            }
            let line = tone(TELEPHONE_HZ, 8_000, at / 6, TELEPHONE_BLOCK);
            let mix = bridge.tick(&line.try_into().unwrap(), TONES.map(|(leg, _)| leg));
            if n < 50 {
                continue;
            }
            telephone.extend(mix.telephone);
            for ((leg, packet), (ear, decoder, pcm)) in mix.packets.iter().zip(&mut ears) {
                assert_eq!(leg, ear);
                let mut block = [0; BLOCK];
                decoder.decode(packet, &mut block, false).unwrap();
                pcm.extend(block);
            }
        }
        let levels = |pcm: &[i16], rate| {
            [440.0, 660.0, 1_500.0, TELEPHONE_HZ].map(|hz| strength(pcm, hz, rate) > 0.05)
        };
        let mut all = vec![levels(&telephone, 8_000)];
        all.extend(ears.iter().map(|(_, _, pcm)| levels(pcm, MIX_HZ)));
        all
    }

    #[test]
    fn everyone_hears_the_others_and_a_team_helps_without_being_heard() {
        let [telephone, interpreter, caller, team] = heard()[..] else {
            panic!("four listen");
        };
        assert_eq!(telephone, [true, true, false, false]);
        assert_eq!(interpreter, [false, true, true, true]);
        assert_eq!(caller, [true, false, false, true]);
        assert_eq!(team, [true, true, false, true]);
    }

    #[test]
    fn a_relief_is_on_air_as_soon_as_they_have_the_lead() {
        let mut bridge = Bridge::new().unwrap();
        let mut mouth = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        let begin = Instant::now();
        let mut said = |bridge: &mut Bridge, leg, n: u32| {
            let at = n as usize * 960;
            let packet = mouth
                .encode_vec(&tone(440.0, 48_000, at, 960), 400)
                .unwrap();
            bridge.push(begin + TICK * n, leg, None, at as u32, packet);
            let mix = bridge.tick(&SILENCE, []);
            mix.telephone.iter().any(|sample| sample.abs() > 1_000)
        };
        let before = (0..50)
            .filter(|n| said(&mut bridge, Leg::Relief, *n))
            .count();
        bridge.rename(Leg::Relief, Leg::Interpreter);
        let after = (50..100)
            .filter(|n| said(&mut bridge, Leg::Interpreter, *n))
            .count();
        assert_eq!(before, 0);
        assert!(after > 40, "{after} of 50 blocks");
    }

    /// How the voice of one leg comes out at the telephone when its packets are harmed.
    struct Outcome {
        /// Where it sounds, how much of the power is the tone's, at its worst.
        purity: f32,
        /// The longest time in which it does not sound, in milliseconds.
        gap_ms: usize,
        stats: JitterStats,
    }

    /// Half a minute of a tone through a network that delays each packet by up to `jitter_ms` and loses
    /// `loss` of them; in G.711 of this law, else in Opus.
    fn through_the_bridge(seed: u64, law: Option<Law>, jitter_ms: u32, loss: f64) -> Outcome {
        use rand::{Rng, SeedableRng};
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        let mut bridge = Bridge::new().unwrap();
        let mut mouth = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        let (begin, mut flying, mut telephone) = (Instant::now(), BTreeMap::new(), Vec::new());
        for n in 0..1_500_u32 {
            let (at, sent) = (n as usize * 960, n * 20);
            let (payload, time) = match law {
                None => {
                    let pcm = tone(440.0, 48_000, at, 960);
                    (mouth.encode_vec(&pcm, 400).unwrap(), at as u32)
                }
                Some(law) => (law.encode(&tone(440.0, 8_000, at / 6, 160)), at as u32 / 6),
            };
            if !random.random_bool(loss) {
                flying.insert(
                    (sent + random.random_range(0..=jitter_ms), n),
                    (time, payload),
                );
            }
            while let Some(entry) = flying.first_entry().filter(|entry| entry.key().0 <= sent) {
                let now = begin + std::time::Duration::from_millis(u64::from(entry.key().0));
                let (time, payload) = entry.remove();
                bridge.push(now, Leg::Caller, law, time, payload);
            }
            telephone.extend(bridge.tick(&SILENCE, []).telephone);
        }
        // After ten seconds it knows the network.
        let blocks = telephone[80_000..].chunks(80);
        let sounds: Vec<bool> = blocks
            .map(|block| block.iter().any(|sample| sample.abs() > 1_500))
            .collect();
        let gap = sounds.split(|sounds| *sounds).map(<[bool]>::len).max();
        let windows = telephone[80_000..].chunks(4_000);
        let purity = windows.map(|pcm| {
            let all = pcm
                .iter()
                .map(|s| (f32::from(*s) / 32_768.0).powi(2))
                .sum::<f32>();
            // Sound that was shortened or lengthened goes on at another phase: look where it is
            // the same, in 20 ms each.
            let part = |pcm: &[i16]| strength(pcm, 440.0, 8_000).powi(2) / 2.0 * pcm.len() as f32;
            pcm.chunks(160).map(part).sum::<f32>() / all
        });
        let (_, stats) = bridge.stats().next().unwrap();
        Outcome {
            purity: purity.fold(1.0, f32::min),
            gap_ms: gap.unwrap_or(0) * 10,
            stats,
        }
    }

    #[test]
    fn a_tone_stays_a_tone_through_loss_and_jitter() {
        for law in [None, Some(Law::Mu)] {
            for (jitter_ms, loss, most_ms) in [(0, 0.0, 60), (30, 0.01, 90), (80, 0.05, 150)] {
                for seed in 0..2 {
                    let outcome = through_the_bridge(seed, law, jitter_ms, loss);
                    let (stats, gap_ms) = (outcome.stats, outcome.gap_ms);
                    let what = format!("{law:?} {jitter_ms} ms {loss} {seed}: {stats:?}");
                    assert!(gap_ms <= 60, "{gap_ms} ms without a sound, {what}");
                    assert!(stats.mean_ms <= most_ms, "{what}");
                    // What is lost may be made up, and a little that comes too late.
                    let most = 100.0 * loss + 1.5;
                    assert!(stats.concealed_percent() <= most, "{what}");
                    let least = if loss < 0.02 { 0.95 } else { 0.8 };
                    assert!(outcome.purity > least, "{} {what}", outcome.purity);
                }
            }
        }
    }

    #[test]
    fn a_lost_packet_of_opus_is_taken_from_the_one_after_it() {
        let mut voice = Voice::new(None).unwrap();
        let mut mouth = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        mouth.set_bitrate(opus::Bitrate::Bits(32_000)).unwrap();
        mouth.set_inband_fec(true).unwrap();
        mouth.set_packet_loss_perc(10).unwrap();
        // A tone is no speech to the codec: vowels of 140 Hz, four syllables a second.
        let said = |n: usize| {
            let turn = std::f32::consts::TAU * n as f32 / 48_000.0;
            let syllable = (0.5 - 0.5 * (4.0 * turn).cos()).powi(2);
            let vowel = (1..12).map(|h| (turn * 140.0 * h as f32).sin() / h as f32);
            (vowel.sum::<f32>() * syllable * 6_000.0) as i16
        };
        let (begin, mut lost) = (Instant::now(), 0);
        for n in 0..500_u32 {
            let at = n as usize * 960;
            let pcm: Vec<i16> = (at..at + 960).map(said).collect();
            let packet = mouth.encode_vec(&pcm, 400).unwrap();
            if n % 10 == 7 {
                lost += BLOCK as u64;
            } else {
                voice.push(begin + TICK * n, at as u32, packet);
            }
            voice.block();
        }
        let stats = voice.stats();
        assert!(stats.recovered > lost / 2, "{stats:?}, {lost} lost");
        let filled = stats.recovered + stats.concealed;
        assert!(filled.abs_diff(lost) <= lost / 10, "{stats:?}, {lost} lost");
    }

    #[test]
    fn broken_packets_and_another_format_do_not_stop_the_voice() {
        let mut bridge = Bridge::new().unwrap();
        let mut mouth = Encoder::new(48_000, Channels::Mono, Application::Voip).unwrap();
        let begin = Instant::now();
        let (mut opus, mut g711) = (0, 0);
        for n in 0..200_u32 {
            let (now, at) = (begin + TICK * n, n as usize * 960);
            let packet = mouth
                .encode_vec(&tone(440.0, 48_000, at, 960), 400)
                .unwrap();
            let broken = if n % 10 == 3 {
                vec![0x4b, 0xff, 0xff]
            } else {
                packet
            };
            match n < 100 {
                true => bridge.push(now, Leg::Caller, None, at as u32, broken),
                false => {
                    let g711 = Law::A.encode(&tone(440.0, 8_000, at / 6, 160));
                    bridge.push(now, Leg::Caller, Some(Law::A), at as u32 / 6, g711);
                }
            }
            bridge.push(
                now,
                Leg::Caller,
                (n >= 100).then_some(Law::A),
                0,
                Vec::new(),
            );
            let mix = bridge.tick(&SILENCE, []);
            let is_heard = mix.telephone.iter().any(|sample| sample.abs() > 1_000);
            *(if n < 100 { &mut opus } else { &mut g711 }) += u32::from(is_heard);
        }
        assert!(opus > 90 && g711 > 90, "{opus} {g711}");
    }
}
