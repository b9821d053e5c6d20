//! Promises of the telephone leg, in virtual time.

use super::*;
use crate::error::Refusal;
use crate::g711::Law;
use crate::sdp::SdpError;
use crate::testing::{Dice, Network, start};

const SERVER: &str = "192.0.2.10:20000";
const GATEWAY: &str = "192.0.2.20:30000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn config(local: &str, secure: bool) -> TrunkConfig {
    let seed = [local.len() as u8 + local.as_bytes()[8]; 32];
    TrunkConfig {
        local: address(local),
        secure,
        seed,
        latch: false,
        silence: None,
    }
}

struct Call {
    net: Network,
    legs: [TrunkLeg; 2],
    /// Milliseconds that have been played.
    ms: u64,
    /// What each side heard, and as what, in blocks of 20 ms.
    pcm: [Vec<i16>; 2],
    played: [Vec<Played>; 2],
    keys: [String; 2],
    /// How often each side said that the other is silent.
    silent: [u32; 2],
}

impl Call {
    fn new(secure: bool) -> Self {
        let net = Network::new(1);
        let (mut server, offer) = TrunkLeg::offerer(config(SERVER, secure), net.now);
        let (gateway, answer) =
            TrunkLeg::answerer(config(GATEWAY, secure), net.now, &offer).unwrap();
        server.accept_answer(net.now, &answer).unwrap();
        let (pcm, keys) = ([Vec::new(), Vec::new()], [String::new(), String::new()]);
        Self {
            net,
            legs: [server, gateway],
            ms: 0,
            pcm,
            played: [Vec::new(), Vec::new()],
            keys,
            silent: [0; 2],
        }
    }

    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            for side in [0, 1] {
                while let Some(output) = self.legs[side].poll_output() {
                    match output {
                        TrunkOutput::Transmit { destination, bytes } => {
                            let from = address([SERVER, GATEWAY][side]);
                            self.net.send(1 - side, from, destination, &bytes);
                        }
                        TrunkOutput::Dtmf(key) => self.keys[side].push(key),
                        TrunkOutput::Silent => self.silent[side] += 1,
                    }
                }
            }
            self.net.now += Duration::from_millis(1);
            for (to, source, _, bytes) in self.net.arrivals() {
                self.legs[to].handle_datagram(self.net.now, source, &bytes);
            }
            self.ms += 1;
            for side in [0, 1].into_iter().filter(|_| self.ms.is_multiple_of(20)) {
                let mut block = [0; 160];
                self.played[side].push(self.legs[side].play(&mut block));
                self.pcm[side].extend(block);
            }
            for leg in &mut self.legs {
                if leg.poll_timeout().is_some_and(|due| due <= self.net.now) {
                    leg.handle_timeout(self.net.now);
                    assert!(leg.poll_timeout().is_none_or(|due| due > self.net.now));
                }
            }
        }
    }

    /// A second of a 440 Hz tone from side 0, in pieces of 10 ms, and then hold.
    fn speak(&mut self) {
        for n in 0..100u32 {
            let tone: Vec<i16> = (0..80).map(|i| sample(n * 80 + i)).collect();
            self.legs[0].send_pcm(self.net.now, &tone);
            self.run(10);
        }
        self.run(20);
    }

    /// What a side heard from the first sound on.
    fn heard(&self, side: usize) -> &[i16] {
        let first = self.pcm[side].iter().position(|sample| *sample != 0);
        &self.pcm[side][first.unwrap_or(0)..]
    }
}

fn sample(n: u32) -> i16 {
    ((f64::from(n) * 440.0 * std::f64::consts::TAU / 8_000.0).sin() * 12_000.0) as i16
}

#[test]
fn sound_and_keys_pass_plain_and_encrypted() {
    for (secure, suite) in [(false, None), (true, Some("AES_CM_128_HMAC_SHA1_80"))] {
        let mut call = Call::new(secure);
        call.speak();
        // As it was said, until the buffer knows that it can wait less.
        assert!(call.heard(1).len() > 7_200);
        let heard = &call.heard(1)[..3_200];
        // The first sample was zero.
        let error = heard
            .iter()
            .zip(1..)
            .map(|(got, n)| (got - sample(n)).abs())
            .max();
        assert!(error < Some(500), "{error:?}");
        let stats = call.legs[1].stats();
        let played = stats.played;
        assert_eq!(
            (stats.packets_received, stats.lost, played.concealed),
            (50, 0, 0),
            "{played:?}"
        );
        for key in "19*#".chars() {
            assert!(call.legs[1].send_dtmf(call.net.now, key));
        }
        call.run(1_500);
        assert_eq!(call.keys[0], "19*#");
        assert_eq!((stats.codec, stats.crypto_suite), (Some("PCMU"), suite));
        let clear = call
            .net
            .sent
            .iter()
            .any(|(_, b)| b.len() == 172 && b[12] == b[13]);
        assert_eq!(
            call.net.sent.iter().any(|(_, b)| b.len() == 172),
            !secure,
            "{clear}"
        );
    }
}

#[test]
fn loss_is_filled_so_that_sound_keeps_its_length() {
    let mut call = Call::new(true);
    (call.net.loss, call.net.reorder) = (5, 20);
    for _ in 0..10 {
        call.speak();
    }
    let stats = call.legs[1].stats();
    let share = stats.played.concealed as f64 / stats.played.played as f64;
    assert!(
        stats.lost > 0 && share > 0.01 && share < 0.12,
        "{share} {stats:?}"
    );
    let silent = |piece: &[i16]| piece.iter().all(|sample| sample.abs() < 1_000);
    let hole = call.heard(1).chunks(480).position(silent);
    assert_eq!(hole, None, "{:?}", stats.played);
}

/// A packet of the telephone's, as plain RTP.
fn rtp(payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let packet = RtpPacket {
        kind: MediaKind::Audio,
        ssrc: 5,
        csrc: None,
        payload_type,
        sequence,
        timestamp,
        marker: false,
        orientation: None,
        layer: 0,
        payload: Bytes::copy_from_slice(payload),
    };
    let mut bytes = Vec::new();
    packet.view().write(ExtensionIds::default(), &mut bytes);
    bytes
}

fn level(pcm: &[i16]) -> f64 {
    let squares = pcm.iter().map(|s| (f64::from(*s) / 32_768.0).powi(2));
    10.0 * (squares.sum::<f64>() / pcm.len() as f64 + 1e-12).log10()
}

#[test]
fn comfort_noise_of_the_telephone_is_played_until_it_speaks_again() {
    let mut call = Call::new(false);
    call.legs[0].config.silence = Some(Duration::from_secs(3));
    // RTCP is a sign of life; this telephone sends none.
    call.legs[1].next_report = None;
    let mut sequence = 0;
    let mut send = |call: &mut Call, payload_type: u8, time: u32, payload: &[u8]| {
        sequence += 1;
        let bytes = rtp(payload_type, sequence, time, payload);
        call.legs[0].handle_datagram(call.net.now, address(GATEWAY), &bytes);
        call.run(20);
    };
    let speech = |n: u32| {
        Law::Mu.encode(&std::array::from_fn::<_, 160, _>(|i| {
            sample(n * 160 + i as u32)
        }))
    };
    for n in 0..100 {
        send(&mut call, 0, n * 160, &speech(n));
    }
    // Twenty seconds with one word of comfort noise, which is no silence that ends a call.
    send(&mut call, 13, 100 * 160, &[50, 1, 2]);
    call.run(20_000 - 20);
    let noise = level(&call.pcm[0][call.pcm[0].len() - 8_000..]);
    assert!((noise + 50.0).abs() < 1.0, "{noise}");
    assert_eq!(call.played[0].last(), Some(&Played::Pause));
    let before = call.legs[0].stats();
    assert_eq!((before.played.concealed, call.silent), (0, [0, 0]));
    for n in 1_100..1_200 {
        send(&mut call, 0, n * 160, &speech(n));
    }
    let after = call.legs[0].stats().played;
    assert_eq!((after.concealed, after.late), (0, 0), "{after:?}");
    assert_eq!(call.played[0].last(), Some(&Played::Voice));
    assert!(level(&call.pcm[0][call.pcm[0].len() - 8_000..]) > -15.0);
    // Without comfort noise its silence is one.
    call.run(3_100);
    assert_eq!(call.silent, [1, 0]);
}

#[test]
fn a_silent_side_is_heard_as_a_quiet_line_with_and_without_comfort_noise() {
    let offer = "m=audio 30000 RTP/AVP 0";
    for (takes, most_packets) in [(true, 65), (false, 500)] {
        let formats = if takes { " 13" } else { "" };
        let (mut leg, text) = answer(&format!("{offer}{formats}\r\n"), false).unwrap();
        assert_eq!(text.contains("a=rtpmap:13 CN/8000\r\n"), takes, "{text}");
        let (mut packets, mut noise, mut now) = (0, Vec::new(), start());
        for n in 0..500 {
            // A second of speech in the end.
            let said = if n < 450 { [0; 160] } else { [900; 160] };
            leg.send_pcm(now, &said);
            now += Duration::from_millis(20);
            while let Some(TrunkOutput::Transmit { bytes, .. }) = leg.poll_output() {
                let packet = RtpPacket::parse(MediaKind::Audio, bytes.into()).unwrap();
                packets += u32::from(n < 450);
                match packet.payload_type {
                    13 => assert_eq!((packet.payload.as_ref(), takes), (&[60][..], true)),
                    _ if n < 450 => noise.extend(Law::Mu.decode(&packet.payload)),
                    _ => assert_eq!(packet.marker, takes && n == 450, "{n}"),
                }
            }
        }
        assert!(packets <= most_packets && packets >= 50, "{packets}");
        assert!((level(&noise) + 60.0).abs() < 2.0, "{}", level(&noise));
    }
}

#[test]
fn keys_of_the_telephone_are_no_loss_of_its_sound() {
    let mut call = Call::new(false);
    let tone = |n: u32| -> Vec<i16> { (0..160).map(|i| sample(n * 160 + i)).collect() };
    for n in 0..400 {
        if n % 50 == 40 {
            assert!(call.legs[1].send_dtmf(call.net.now, '5'));
        }
        call.legs[1].send_pcm(call.net.now, &tone(n));
        call.run(20);
    }
    assert_eq!(call.keys[0], "55555555");
    let played = call.legs[0].stats().played;
    assert_eq!((played.concealed, played.late), (0, 0), "{played:?}");
}

#[test]
fn r25_a_telephone_that_should_be_heard_and_is_not_is_noticed() {
    let mut call = Call::new(false);
    // RTCP is a sign of life; this gateway sends none.
    call.legs[1].next_report = None;
    call.legs[0].config.silence = Some(Duration::from_secs(30));
    let now = call.net.now;
    call.legs[0].await_sound(now);
    call.run(29_900);
    assert_eq!(call.silent, [0, 0]);
    call.run(200);
    assert_eq!(call.silent, [1, 0]);
    call.run(30_000);
    assert_eq!(call.silent, [2, 0], "and it is said again");
    for _ in 0..4_000 {
        call.legs[1].send_pcm(call.net.now, &[0; 160]);
        call.run(20);
    }
    assert_eq!(call.silent, [2, 0], "silence that is sent is no silence");
    // On hold it may be silent.
    let offer = call.legs[1].offer_again();
    let held = offer.replace("a=sendrecv", "a=recvonly");
    assert_ne!(held, offer);
    call.legs[0].handle_offer(call.net.now, &held).unwrap();
    call.run(90_000);
    assert_eq!(call.silent, [2, 0]);
}

#[test]
fn a36_nothing_is_heard_from_or_sent_to_another_address() {
    for latch in [false, true] {
        let mut call = Call::new(false);
        call.legs[1].config.latch = latch;
        call.speak();
        let packet = call
            .net
            .sent
            .iter()
            .find(|(to, _)| *to == 1)
            .unwrap()
            .1
            .clone();
        let heard = call.legs[1].stats().packets_received;
        for stranger in ["198.51.100.1:20000", "192.0.2.10:20002"] {
            call.legs[1].handle_datagram(call.net.now, address(stranger), &packet);
        }
        let stats = call.legs[1].stats();
        assert_eq!(
            (stats.packets_received, stats.unexpected_source),
            (heard, 2)
        );
        assert_eq!(call.legs[1].remote(), Some(address(SERVER)));
    }
}

#[test]
fn a36_the_port_may_be_learned_once_from_the_same_ip_address_only() {
    for (latch, source, learned) in [
        (true, "192.0.2.10:20002", true),
        (false, "192.0.2.10:20002", false),
        (true, "198.51.100.1:20000", false),
    ] {
        let mut call = Call::new(false);
        call.legs[1].config.latch = latch;
        call.legs[0].send_pcm(call.net.now, &[100; 160]);
        let Some(TrunkOutput::Transmit { bytes, .. }) = call.legs[0].poll_output() else {
            panic!("nothing sent");
        };
        call.legs[1].handle_datagram(call.net.now, address(source), &bytes[..11]);
        assert_eq!(
            call.legs[1].remote(),
            Some(address(SERVER)),
            "garbage teaches nothing"
        );
        call.legs[1].handle_datagram(call.net.now, address(source), &bytes);
        let expected = if learned { source } else { SERVER };
        assert_eq!(
            call.legs[1].remote(),
            Some(address(expected)),
            "{latch} {source}"
        );
    }
}

#[test]
fn a38_encrypted_legs_drop_forged_and_replayed_packets() {
    let mut call = Call::new(true);
    call.speak();
    let sent: Vec<Vec<u8>> = call
        .net
        .sent
        .iter()
        .map(|(_, bytes)| bytes.clone())
        .collect();
    let before = call.legs[1].stats().packets_received;
    for bytes in &sent {
        let mut forged = bytes.clone();
        forged[20] ^= 1;
        call.legs[1].handle_datagram(call.net.now, address(SERVER), bytes);
        call.legs[1].handle_datagram(call.net.now, address(SERVER), &forged);
    }
    call.run(100);
    assert_eq!(call.legs[1].stats().packets_received, before);
    assert_eq!(call.legs[1].stats().undecryptable, 2 * sent.len() as u64);
}

fn gateway_offer(lines: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n{lines}")
}

fn answer(lines: &str, secure: bool) -> Result<(TrunkLeg, String), MediaError> {
    TrunkLeg::answerer(config(SERVER, secure), start(), &gateway_offer(lines))
}

#[test]
fn the_peers_first_law_payload_types_and_packet_length_are_taken() {
    let (mut leg, text) = answer(
        "m=audio 30000 RTP/AVP 18 8 0 96\r\na=rtpmap:18 G729/8000\r\n\
         a=rtpmap:96 telephone-event/8000\r\na=ptime:30\r\n",
        false,
    )
    .unwrap();
    assert!(text.contains("m=audio 20000 RTP/AVP 8 96\r\n"), "{text}");
    assert!(text.contains("a=fmtp:96 0-15\r\n") && text.contains("a=ptime:30\r\n"));
    assert!(!text.contains("rtcp-mux") && !text.contains("crypto"));
    leg.send_pcm(start(), &[0; 240]);
    let Some(TrunkOutput::Transmit { destination, bytes }) = leg.poll_output() else {
        panic!()
    };
    assert_eq!(
        (destination, bytes.len(), bytes[1] & 0x7f),
        (address(GATEWAY), 12 + 240, 8)
    );
    assert_eq!(leg.poll_output(), None);
}

#[test]
fn a40_absurd_packet_lengths_become_20_ms() {
    for ptime in ["0", "-1", "1000000000", "7", "61", "x"] {
        let lines = format!("m=audio 30000 RTP/AVP 0\r\na=ptime:{ptime}\r\n");
        let (_, text) = answer(&lines, false).unwrap();
        assert!(text.contains("a=ptime:20\r\n"), "{ptime}");
    }
    let (_, text) = answer("m=audio 30000 RTP/AVP 0\r\na=maxptime:10\r\n", false).unwrap();
    assert!(text.contains("a=ptime:10\r\n"));
}

#[test]
fn a39_encryption_is_as_configured_or_the_call_is_refused() {
    let key = "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:\
               WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20\r\n";
    let plain = "m=audio 30000 RTP/AVP 0\r\n";
    let secret = format!("m=audio 30000 RTP/SAVP 0\r\n{key}");
    let refusal = |result: Result<(TrunkLeg, String), MediaError>| match result {
        Ok((_, text)) => panic!("{text}"),
        Err(error) => error,
    };
    let policy = MediaError::NotAcceptable(Refusal::EncryptionPolicy);
    assert_eq!(refusal(answer(plain, true)), policy);
    assert_eq!(refusal(answer(&secret, false)), policy);
    assert_eq!(
        refusal(answer("m=audio 30000 RTP/SAVP 0\r\n", true)),
        policy
    );
    assert_eq!(refusal(answer(&format!("{plain}{key}"), true)), policy);
    let (_, text) = answer(&secret, true).unwrap();
    assert!(
        text.contains("a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:"),
        "{text}"
    );
    assert!(!text.contains("WVNf"), "never the peer's own key");
    let codec = MediaError::NotAcceptable(Refusal::NoCodec);
    assert_eq!(
        refusal(answer("m=audio 30000 RTP/AVP 18\r\n", false)),
        codec
    );
    let nothing = MediaError::NotAcceptable(Refusal::NothingInCommon);
    assert_eq!(refusal(answer("m=audio 0 RTP/AVP 0\r\n", false)), nothing);
    assert_eq!(
        refusal(answer("m=audio 65536 RTP/AVP 0\r\n", false)),
        MediaError::Sdp(SdpError::Line(6))
    );
}

#[test]
fn video_is_rejected_in_its_place_and_hold_is_understood() {
    let (leg, text) = answer(
        "m=video 30002 RTP/AVP 31\r\nm=audio 30000 RTP/AVP 0\r\na=sendonly\r\n",
        false,
    )
    .unwrap();
    assert!(text.contains("m=video 0 RTP/AVP 31\r\n") && text.contains("a=recvonly\r\n"));
    assert_eq!(leg.direction(), Some(Direction::RecvOnly));
    let (leg, _) = answer("m=audio 30000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n", false).unwrap();
    assert_eq!(leg.direction(), Some(Direction::RecvOnly));
}

#[test]
fn early_media_may_be_answered_again() {
    for secure in [false, true] {
        let now = start();
        let (mut server, offer) = TrunkLeg::offerer(config(SERVER, secure), now);
        let mut other = config(GATEWAY, secure);
        other.seed = [9; 32];
        let (_, early) = TrunkLeg::answerer(config(GATEWAY, secure), now, &offer).unwrap();
        let (mut gateway, last) = TrunkLeg::answerer(other, now, &offer).unwrap();
        server.accept_answer(now, &early).unwrap();
        server.send_pcm(now, &[0; 160]);
        drop(server.poll_output());
        server.accept_answer(now, &last).unwrap();
        server.send_pcm(now, &[1_000; 160]);
        let Some(TrunkOutput::Transmit { bytes, .. }) = server.poll_output() else {
            panic!()
        };
        gateway.handle_datagram(now, address(SERVER), &bytes);
        assert_eq!(gateway.stats().packets_received, 1);
        gateway.send_pcm(now, &[1_000; 160]);
        let Some(TrunkOutput::Transmit { bytes, .. }) = gateway.poll_output() else {
            panic!()
        };
        server.handle_datagram(now, address(GATEWAY), &bytes);
        assert_eq!(server.stats().packets_received, 1, "secure {secure}");
    }
}

#[test]
fn a_further_offer_may_hold_and_resume_and_keeps_the_stream() {
    for secure in [false, true] {
        let mut call = Call::new(secure);
        call.speak();
        let (mut peer, offer) = TrunkLeg::offerer(config(SERVER, secure), call.net.now);
        for (line, direction) in [
            ("a=sendonly", Direction::RecvOnly),
            ("a=sendrecv", Direction::SendRecv),
        ] {
            let offer = offer.replace("a=sendrecv", line);
            let answer = call.legs[1].handle_offer(call.net.now, &offer).unwrap();
            assert_eq!(call.legs[1].direction(), Some(direction));
            peer.accept_answer(call.net.now, &answer).unwrap();
        }
        assert!(call.legs[1].handle_offer(call.net.now, "v=0\r\n").is_err());
        call.legs[1].send_pcm(call.net.now, &[500; 160]);
        let Some(TrunkOutput::Transmit { bytes, .. }) = call.legs[1].poll_output() else {
            panic!("nothing sent");
        };
        peer.handle_datagram(call.net.now, address(GATEWAY), &bytes);
        assert_eq!(peer.stats().packets_received, 1, "secure {secure}");
    }
}

#[test]
fn random_datagrams_do_not_panic() {
    let mut dice = Dice::new(6);
    for secure in [false, true] {
        let mut call = Call::new(secure);
        for _ in 0..20_000 {
            let length = dice.below(200) as usize;
            let mut bytes: Vec<u8> = (0..length).map(|_| dice.next() as u8).collect();
            bytes
                .iter_mut()
                .take(1)
                .for_each(|b| *b = 0x80 | (*b & 0x3f));
            call.legs[0].handle_datagram(call.net.now, address(GATEWAY), &bytes);
            while call.legs[0].poll_output().is_some() {}
        }
    }
}
