//! Who gets which format of pictures.

use opus::{Application, Channels, Decoder, Encoder};
use vrs_media::Codec;
use vrs_media::g711::Law;

use super::crowd::target;
use super::*;

pub(super) fn pictures(codecs: &[Codec]) -> Allowed {
    let mut allowed = Allowed::everything();
    allowed.retain(MediaKind::Video, |codec| codecs.contains(&codec));
    allowed
}

const CALL: SessionId = SessionId(1);

/// A party with these formats is called: it gets an offer and answers it.
fn invite(world: &mut World, leg: Leg, codecs: &[Codec], takes: &[Codec]) -> Result<(), String> {
    let offer = world.rooms.offer(world.now, CALL, leg, takes);
    let offer = offer.map_err(|error| error.to_string())?;
    let address = SocketAddr::from(([10, 9, 9, leg.word().len() as u8], 5_000));
    let certificate = Certificate::generate().unwrap();
    let mut config = PeerConfig::new(vec![address], certificate, [leg.word().len() as u8; 32]);
    config.allowed = pictures(codecs);
    let answered = Peer::answerer(config, world.now, &offer);
    let (peer, answer) = answered.map_err(|error| format!("488: {error}"))?;
    let taken = world.rooms.accept_answer(world.now, CALL, leg, &answer);
    taken.map_err(|error| error.to_string())?;
    world.add(CALL, leg, address, peer);
    Ok(())
}

fn agreed(world: &World) -> Vec<(Leg, Option<Codec>)> {
    world.rooms.agreed(CALL).collect()
}

#[test]
fn a_call_has_one_format_of_pictures_and_h264_where_both_can() {
    use Codec::{H264, Vp8};
    for (caller, interpreter, expected) in [
        (&[H264][..], &[H264][..], H264),
        (&[H264, Vp8], &[H264, Vp8], H264),
        (&[H264, Vp8], &[H264], H264),
        (&[H264, Vp8], &[Vp8], Vp8),
        (&[Vp8], &[H264, Vp8], Vp8),
        (&[Vp8], &[Vp8], Vp8),
    ] {
        let mut world = World::new(1, Allowed::everything());
        let certificate = Certificate::generate().unwrap();
        let config = PeerConfig {
            allowed: pictures(caller),
            ..PeerConfig::new(vec![server()], certificate.clone(), [9; 32])
        };
        let (_, offer) = Peer::offerer(config, world.now).unwrap();
        let takes = world.rooms.try_offer(world.now, &offer).unwrap();
        assert_eq!(takes, caller);
        invite(&mut world, Leg::Interpreter, interpreter, &takes).unwrap();
        let joined = world.join(CALL, Leg::Caller, &certificate, pictures(caller));
        assert!(joined.is_ok(), "{caller:?} and {interpreter:?}: {joined:?}");
        let both = [
            (Leg::Caller, Some(expected)),
            (Leg::Interpreter, Some(expected)),
        ];
        assert_eq!(agreed(&world), both, "{caller:?} and {interpreter:?}");
        // Whoever comes later has to have the same.
        let other = if expected == H264 { Vp8 } else { H264 };
        let refused = invite(&mut world, Leg::Team, &[other], &[]).unwrap_err();
        assert!(refused.starts_with("488: "), "{refused}");
        invite(&mut world, Leg::Relief, &[H264, Vp8], &[]).unwrap();
        assert_eq!(agreed(&world)[2], (Leg::Relief, Some(expected)));
        world.connect();
    }
}

#[test]
fn parties_without_a_common_format_are_refused_and_see_no_black() {
    use Codec::{H264, Vp8};
    let mut world = World::new(2, Allowed::everything());
    let certificate = Certificate::generate().unwrap();
    // The interpreter is offered what the caller has, and has none of it.
    let refused = invite(&mut world, Leg::Interpreter, &[H264], &[Vp8]);
    assert_eq!(
        refused.unwrap_err(),
        "488: the peer's SDP cannot be accepted: none of the video formats is allowed"
    );
    // The interpreter is there first, as for a call from a telephone.
    invite(&mut world, Leg::Interpreter, &[H264], &[]).unwrap();
    let joined = world.join(CALL, Leg::Caller, &certificate, pictures(&[Vp8]));
    let error = joined.unwrap_err();
    assert!(matches!(error, SfuError::NoCommonCodec), "{error}");
    assert_eq!(error.reason(), vrs_domain::EndReason::NoCommonCodec);
    assert_eq!(agreed(&world), [(Leg::Interpreter, Some(H264))]);
    // What nobody may have is another matter.
    let mut strict = World::new(3, pictures(&[H264]));
    let joined = strict.join(CALL, Leg::Caller, &certificate, pictures(&[Vp8]));
    let error = joined.unwrap_err();
    assert!(matches!(error, SfuError::NotAcceptable(_)), "{error}");
    assert_eq!(error.reason(), vrs_domain::EndReason::MediaRefused);
}

#[test]
fn two_who_were_offered_media_at_once_and_chose_differently_are_not_left_in_the_dark() {
    use Codec::{H264, Vp8};
    let mut world = World::new(4, Allowed::everything());
    // As after a restart: both offers are out before the first answer.
    let offers = [Leg::Caller, Leg::Interpreter].map(|leg| {
        let offer = world.rooms.offer(world.now, CALL, leg, &[]).unwrap();
        (leg, offer)
    });
    let certificate = Certificate::generate().unwrap();
    let mut answers = offers.iter().zip([H264, Vp8]).map(|((leg, offer), codec)| {
        let config = PeerConfig {
            allowed: pictures(&[codec]),
            ..PeerConfig::new(vec![server()], certificate.clone(), [9; 32])
        };
        (*leg, Peer::answerer(config, world.now, offer).unwrap().1)
    });
    let (first, second) = (answers.next().unwrap(), answers.next().unwrap());
    let now = world.now;
    let taken = world.rooms.accept_answer(now, CALL, first.0, &first.1);
    assert!(taken.is_ok(), "{taken:?}");
    let taken = world.rooms.accept_answer(now, CALL, second.0, &second.1);
    assert!(matches!(taken, Err(SfuError::NoCommonCodec)), "{taken:?}");
    // An interpreter who refuses pictures is none; a subscriber may.
    for (leg, works) in [(Leg::Interpreter, false), (Leg::Caller, true)] {
        let mut world = World::new(5, Allowed::everything());
        let now = world.now;
        let offer = world.rooms.offer(now, CALL, leg, &[]).unwrap();
        let config = PeerConfig {
            media: vec![MediaKind::Audio, MediaKind::Text],
            ..PeerConfig::new(vec![server()], certificate.clone(), [9; 32])
        };
        let (_, answer) = Peer::answerer(config, now, &offer).unwrap();
        let taken = world.rooms.accept_answer(now, CALL, leg, &answer);
        assert_eq!(taken.is_ok(), works, "{leg}: {taken:?}");
    }
}

/// The start of a key frame of VP8, and of another one (RFC 7741, RFC 6386 section 9.1).
const VP8_KEY: [u8; 12] = [
    0x10, 0x50, 0x42, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01, 7,
];
const VP8_OTHER: [u8; 12] = [0x10, 0x51, 0x42, 0x00, 9, 9, 9, 9, 9, 9, 9, 9];

#[test]
fn vp8_is_forwarded_and_a_new_source_is_seen_from_its_key_frame_on() {
    let mut world = World::new(6, Allowed::everything());
    let certificate = Certificate::generate().unwrap();
    for leg in [Leg::Caller, Leg::Interpreter, Leg::Relief] {
        let allowed = pictures(&[Codec::Vp8]);
        world.join(CALL, leg, &certificate, allowed).unwrap();
    }
    world.connect();
    let send = |world: &mut World, place: usize, sequence: u16, payload: &[u8]| {
        let video = world.clients[place].peer.negotiated().get(MediaKind::Video);
        let mut packet = vec![0x80, 0x80 | video.unwrap().payload_type];
        packet.extend(sequence.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(target(world, place).own[1].to_be_bytes());
        packet.extend(payload);
        assert!(world.clients[place].peer.send_sealed(&packet));
        for _ in 0..20 {
            world.step();
        }
    };
    let forwarded = |world: &World| {
        let mut stats = world.rooms.stats();
        let caller = stats.find(|(_, leg, _)| *leg == Leg::Caller).unwrap().2;
        caller.video.packets_sent
    };
    world.clients[1].keyframes_wanted = 0;
    send(&mut world, 1, 1, &VP8_OTHER);
    assert_eq!(forwarded(&world), 0, "nothing could be seen of it");
    for _ in 0..150 {
        world.step();
    }
    assert!(world.clients[1].keyframes_wanted > 0, "it is asked for one");
    send(&mut world, 1, 2, &VP8_KEY);
    send(&mut world, 1, 3, &VP8_OTHER);
    assert_eq!(forwarded(&world), 2);
    // The relief takes over.
    let now = world.now;
    world.rooms.rename(now, CALL, Leg::Relief, Leg::Interpreter);
    send(&mut world, 2, 70, &VP8_OTHER);
    assert_eq!(forwarded(&world), 2);
    send(&mut world, 2, 71, &VP8_KEY);
    send(&mut world, 2, 72, &VP8_OTHER);
    assert_eq!(forwarded(&world), 4);
}

/// Sound alone, in one format.
fn sounds(codec: Codec) -> Allowed {
    let mut allowed = Allowed::everything();
    allowed.retain(MediaKind::Audio, |one| one == codec);
    allowed
}

/// 20 ms of a tone at 8 kHz, from a sample on.
fn tone(from: u32) -> Vec<i16> {
    let step = std::f32::consts::TAU * 500.0 / 8_000.0;
    let sample = |n: u32| ((n as f32 * step).sin() * 10_000.0) as i16;
    (from..from + 160).map(sample).collect()
}

/// How strong that tone is in what was heard, against all of it.
fn purity(pcm: &[i16]) -> f32 {
    let step = std::f32::consts::TAU * 500.0 / 8_000.0;
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (n, sample) in pcm.iter().enumerate() {
        let (value, angle) = (f32::from(*sample), n as f32 * step);
        re += value * angle.cos();
        im += value * angle.sin();
        all += value * value;
    }
    2.0 * (re * re + im * im) / (pcm.len() as f32 * all).max(1.0)
}

#[test]
fn sound_in_g711_and_opus_is_understood_on_both_sides_with_and_without_a_bridge() {
    for (codec, law) in [(Codec::Pcmu, Law::Mu), (Codec::Pcma, Law::A)] {
        let mut world = World::new(7, Allowed::everything());
        let certificate = Certificate::generate().unwrap();
        let joined = world.join(CALL, Leg::Caller, &certificate, sounds(codec));
        joined.unwrap();
        let joined = world.join(CALL, Leg::Interpreter, &certificate, sounds(Codec::Opus));
        joined.unwrap();
        world.connect();
        assert_eq!(world.rooms.sound_of(CALL, Leg::Caller), Some(codec));
        let mut encoder = Encoder::new(8_000, Channels::Mono, Application::Voip).unwrap();
        for n in 0..100_u32 {
            let (now, pcm) = (world.now, tone(n * 160));
            let g711 = law.encode(&pcm);
            let opus = encoder.encode_vec(&pcm, 400).unwrap();
            let kind = MediaKind::Audio;
            world.clients[0].peer.send_frame(now, kind, n * 160, &g711);
            world.clients[1].peer.send_frame(now, kind, n * 960, &opus);
            for _ in 0..4 {
                world.step();
            }
        }
        let caller: Vec<i16> = world.clients[0]
            .sounds
            .iter()
            .flat_map(|g711| law.decode(g711))
            .collect();
        let mut decoder = Decoder::new(8_000, Channels::Mono).unwrap();
        let mut interpreter = Vec::new();
        for opus in &world.clients[1].sounds {
            let mut block = [0; 960];
            let samples = decoder.decode(opus, &mut block, false).unwrap();
            interpreter.extend(&block[..samples]);
        }
        for (who, pcm) in [("caller", caller), ("interpreter", interpreter)] {
            assert!(pcm.len() >= 95 * 160, "{who}: {}", pcm.len());
            let purity = purity(&pcm[3_200..]);
            assert!(purity > 0.9, "{codec:?}, {who}: {purity}");
        }
        // Steps of time are those of the format.
        let times: Vec<u32> = world.clients[0]
            .heard
            .iter()
            .map(|(_, time)| *time)
            .collect();
        let step = |pair: &[u32]| pair[1].wrapping_sub(pair[0]);
        assert!(times.windows(2).all(|pair| step(pair) == 160), "{times:?}");
        // The bridge gets what is said as it is, and what it mixes is heard by both.
        world.rooms.set_bridged(CALL, true);
        let before = world.clients[0].sounds.len();
        for n in 0..10_u32 {
            let (now, g711) = (world.now, law.encode(&tone(n * 160)));
            let kind = MediaKind::Audio;
            world.clients[0].peer.send_frame(now, kind, n * 160, &g711);
            let mixed = encoder.encode_vec(&tone(n * 160), 400).unwrap();
            let leg = Leg::Caller;
            world.rooms.send_voice(now, CALL, leg, n * 960, &mixed);
            world.collect();
            for _ in 0..4 {
                world.step();
            }
        }
        assert_eq!(world.clients[0].sounds.len(), before + 10);
        let said = |n: u32| (CALL, Leg::Caller, law.encode(&tone(n * 160)));
        let said: Vec<_> = (0..10).map(said).collect();
        assert_eq!(world.voices, said);
    }
}
