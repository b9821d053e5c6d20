//! Text on data channels (RFC 8865): with a peer that knows no text line, and with one that means
//! harm and has the keys.

use sctp_proto::PayloadProtocolIdentifier as Kind;

use super::*;
use crate::error::Refusal;
use crate::peer::dcep;
use crate::peer::sctp::{Sctp, SctpEvent};
use crate::sdp::{Allowed, SessionDescription, policy};
use crate::testing::Dice;

/// Alice offers all; Bob does not know `m=text`, as browsers do not.
pub(super) fn without_text_line(net: Network) -> World {
    let now = net.now;
    let (mut alice, offer) = Peer::offerer(config(ALICE, 1), now).unwrap();
    let offer = offer.replace("m=text", "m=telegraph");
    let (bob, answer) = Peer::answerer(config(BOB, 2), now, &offer).unwrap();
    let answer = answer.replace("m=telegraph", "m=text");
    alice.accept_answer(now, &answer).unwrap();
    World {
        net,
        peers: [alice, bob],
        heard: [Heard::default(), Heard::default()],
    }
}

#[test]
fn r40_text_flows_both_ways_on_a_channel_and_loses_nothing() {
    let mut net = Network::new(80);
    (net.loss, net.reorder, net.repeat) = (15, 20, 10);
    let mut world = without_text_line(net);
    let agreed = |world: &World, side: usize| {
        let channel = world.peers[side].negotiated().channel.clone().unwrap();
        assert_eq!(world.peers[side].negotiated().get(MediaKind::Text), None);
        channel.agreed.unwrap().stream
    };
    assert_eq!(agreed(&world, 0), agreed(&world, 1));
    world.connect();
    for n in 0..40 {
        let now = world.now();
        assert!(world.peers[0].send_text(now, &format!("a{n} \u{1f44b} ")));
        assert!(world.peers[1].send_text(now, &format!("b{n}\u{8}\u{2028}")));
        world.run(Duration::from_millis(500));
    }
    let wanted = |of: fn(u32) -> String| (0..40).map(of).collect::<String>();
    let to_bob = wanted(|n| format!("a{n} \u{1f44b} "));
    let to_alice = wanted(|n| format!("b{n}\u{8}\u{2028}"));
    let done = |w: &World| w.heard[1].text == to_bob && w.heard[0].text == to_alice;
    assert!(
        world.until(Duration::from_secs(30), done),
        "{:?} {:?}",
        world.heard[0].text,
        world.heard[1].text
    );
    let stats = world.peers[0].stats();
    assert!(stats.text.packets_sent >= 20 && stats.text.frames_received >= 20);
}

#[test]
fn r40_one_line_for_text_is_chosen_for_each_peer() {
    let mut world = World::usual(81);
    world.connect();
    for peer in &world.peers {
        assert!(peer.negotiated().get(MediaKind::Text).is_some());
        assert_eq!(peer.negotiated().channel, None);
    }
    let answer = SessionDescription::parse(world.peers[1].local_description()).unwrap();
    let ports: Vec<u16> = answer.media.iter().map(|media| media.port).collect();
    assert_eq!(ports, [5000, 5000, 5000, 0]);
    // One that leaves trailing lines out loses nothing but them.
    let now = world.now();
    let (mut alice, offer) = Peer::offerer(config(ALICE, 1), now).unwrap();
    let short = &offer[..offer.rfind("m=application").unwrap()];
    let short = short.replace("BUNDLE 0 1 2 3", "BUNDLE 0 1 2");
    let (_, answer) = Peer::answerer(config(BOB, 2), now, &short).unwrap();
    assert_eq!(alice.accept_answer(now, &answer), Ok(()));
    // A line of another kind in its place is no answer to it.
    let (mut alice, offer) = Peer::offerer(config(ALICE, 1), now).unwrap();
    let (_, answer) = Peer::answerer(config(BOB, 2), now, &offer).unwrap();
    let other = answer.replace("m=application", "m=image");
    let refused = MediaError::NotAcceptable(Refusal::AnswerMismatch);
    assert_eq!(alice.accept_answer(now, &other), Err(refused));
}

#[test]
fn r40_a_channel_that_cannot_carry_text_is_rejected_in_its_place() {
    let now = Network::new(82).now;
    let (_, offer) = Peer::offerer(config(ALICE, 1), now).unwrap();
    let offer = offer.replace("m=text", "m=telegraph");
    let taken = |offer: &str| {
        let (peer, answer) = Peer::answerer(config(BOB, 2), now, offer).unwrap();
        let answer = SessionDescription::parse(&answer).unwrap();
        let channel = peer.negotiated().channel.is_some();
        assert_eq!(answer.media[3].port != 0, channel);
        assert_eq!(answer.bundles()[0].contains(&"3"), channel);
        channel
    };
    assert!(taken(&offer));
    assert!(taken(&offer.replace("a=dcmap", "a=x-dcmap")));
    for (from, to) in [
        ("subprotocol=\"t140\"", "subprotocol=\"msrp\""),
        ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP"),
        ("webrtc-datachannel", "something"),
        ("a=sctp-port:5000", "a=sctp-port:0"),
        ("a=sctp-port:5000", "a=sctp-port:many"),
        // Not on the transport of anything else.
        ("BUNDLE 0 1 2 3", "BUNDLE 0 1 2"),
    ] {
        assert!(offer.contains(from), "{from}");
        assert!(!taken(&offer.replace(from, to)), "{to}");
    }
    let parsed = SessionDescription::parse(&offer).unwrap();
    let kinds = [MediaKind::Audio, MediaKind::Video];
    let accepted =
        policy::accept_offer(&parsed, &kinds, (&Allowed::default(), LayerRole::Takes)).unwrap();
    assert_eq!(accepted.negotiated.channel, None, "whoever wants no text");
}

#[test]
fn r40_text_on_a_channel_waits_while_the_call_is_on_hold() {
    let mut world = without_text_line(Network::new(83));
    world.connect();
    let now = world.now();
    let hold = |world: &mut World, held: bool| {
        let offer = world.peers[0].hold(now, held).unwrap();
        assert_eq!(SessionDescription::parse(&offer).unwrap().is_hold(), held);
        let offer = offer.replace("m=text", "m=telegraph");
        let answer = world.peers[1].handle_offer(now, &offer).unwrap();
        let answer = answer.replace("m=telegraph", "m=text");
        world.peers[0].accept_direction(now, &answer).unwrap();
        let answer = SessionDescription::parse(&answer).unwrap();
        assert_ne!(answer.media[3].port, 0);
    };
    hold(&mut world, true);
    assert!(!world.peers[0].send_text(now, "a"));
    assert!(!world.peers[1].send_text(now, "b"));
    hold(&mut world, false);
    assert!(world.peers[0].send_text(now, "c"));
    assert!(world.peers[1].send_text(now, "d"));
    world.run(Duration::from_secs(3));
    let texts = [&world.heard[0].text, &world.heard[1].text];
    assert_eq!(texts, ["d", "c"]);
}

/// Somebody with the keys who writes SCTP by hand, against Bob.
struct Attacker {
    world: World,
    sctp: Sctp,
    /// The association is up.
    up: bool,
    /// Percent of packets that are changed.
    mutated: u64,
    dice: Dice,
    /// The tag and the number of the last packet with DATA.
    last: Vec<u8>,
}

impl Attacker {
    fn new(seed: u64) -> Self {
        let mut world = without_text_line(Network::new(seed));
        world.net.delay = Duration::from_millis(5);
        // Its place is taken by ours.
        world.peers[0].channels = None;
        world.connect();
        Self {
            world,
            sctp: Sctp::new(5_000),
            up: false,
            mutated: 0,
            dice: Dice::new(seed),
            last: Vec::new(),
        }
    }

    fn open(&mut self) {
        let now = self.world.now();
        self.sctp.begin(now);
        for _ in 0..10_000 {
            if self.up {
                break;
            }
            self.step();
        }
        assert!(self.up);
        let now = self.world.now();
        assert!(self.sctp.open(1));
        assert!(self.sctp.send(now, 1, Kind::String, b"hello "));
        self.run(Duration::from_millis(500));
        assert!(self.world.heard[1].text.ends_with("hello "));
    }

    fn step(&mut self) {
        self.world.step();
        let now = self.world.now();
        let dtls = self.world.peers[0].transports[0].dtls.as_mut().unwrap();
        while let Some(packet) = dtls.take_data() {
            self.sctp.handle(now, &packet);
        }
        self.sctp.handle_timeout(now);
        while let Some(event) = self.sctp.poll_event() {
            self.up |= event == SctpEvent::Up;
        }
        while let Some(packet) = self.sctp.poll_transmit() {
            let mut packet = packet.to_vec();
            if packet.get(12) == Some(&0) {
                self.last.clone_from(&packet);
            }
            if self.dice.chance(self.mutated) {
                self.mutate(&mut packet);
            }
            self.send(&packet);
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.world.now() + time;
        while self.world.now() < end {
            self.step();
        }
    }

    fn send(&mut self, packet: &[u8]) {
        let now = self.world.now();
        let peer = &mut self.world.peers[0];
        peer.transports[0].dtls.as_mut().unwrap().send(now, packet);
        peer.advance(now);
    }

    fn mutate(&mut self, packet: &mut Vec<u8>) {
        for _ in 0..1 + self.dice.below(5) {
            let at = 12 + self.dice.below(packet.len() as u64 - 12) as usize;
            match self.dice.below(4) {
                0 => packet[at] = self.dice.next() as u8,
                1 => packet[at] ^= 1 << self.dice.below(8),
                2 if packet.len() > 17 => packet.truncate(at.max(16)),
                _ => packet.insert(at, self.dice.next() as u8),
            }
        }
        seal(packet);
    }

    /// A packet of these chunks, with the numbers of the association.
    fn forge(&self, chunks: &[Vec<u8>]) -> Vec<u8> {
        let mut packet = self.last[..12].to_vec();
        for chunk in chunks {
            packet.extend(chunk);
            packet.resize(packet.len().next_multiple_of(4), 0);
        }
        seal(&mut packet);
        packet
    }

    fn next_number(&self) -> u32 {
        u32::from_be_bytes(self.last[16..20].try_into().unwrap()) + 1
    }

    /// The call goes on whatever became of the text.
    fn assert_the_call_goes_on(&mut self) {
        self.world.heard[1].frames.clear();
        let now = self.world.now();
        self.world.peers[0].send_frame(now, MediaKind::Audio, 0, &[1]);
        self.world.run(Duration::from_millis(200));
        assert_eq!(self.world.heard[1].frames.len(), 1);
        assert!(self.world.heard[1].failed.is_empty());
    }
}

/// Writes the checksum (CRC32c, RFC 9260 appendix A).
fn seal(packet: &mut [u8]) {
    packet[8..12].fill(0);
    let mut crc = !0_u32;
    for byte in &*packet {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    packet[8..12].copy_from_slice(&(!crc).to_le_bytes());
}

fn data(number: u32, stream: u16, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut chunk = vec![0, 3];
    chunk.extend((16 + payload.len() as u16).to_be_bytes());
    chunk.extend(number.to_be_bytes());
    chunk.extend(stream.to_be_bytes());
    chunk.extend(sequence.to_be_bytes());
    chunk.extend(51_u32.to_be_bytes());
    chunk.extend(payload);
    chunk
}

#[test]
fn r40_mutated_packets_under_real_keys_break_nothing_but_the_text() {
    let mut survived = 0;
    for seed in 0..40 {
        let mut attacker = Attacker::new(1_000 + seed);
        attacker.open();
        attacker.mutated = [1, 2, 5, 40][seed as usize % 4];
        for n in 0..40_u16 {
            let now = attacker.world.now();
            let stream = 1 + attacker.dice.below(3) as u16 * 2;
            attacker.sctp.open(stream);
            let (kind, message) = match attacker.dice.below(5) {
                0 => (Kind::Dcep, dcep::open("t140")),
                1 => (Kind::Binary, vec![0xff; 2_000]),
                2 => (Kind::Dcep, dcep::open("else")),
                _ => (Kind::String, format!("{n} ").into_bytes()),
            };
            attacker.sctp.send(now, stream, kind, &message);
            attacker.world.peers[1].send_text(now, "x");
            if n % 16 == 15 {
                attacker.sctp.close(now, stream);
            }
            attacker.run(Duration::from_millis(60));
        }
        survived += usize::from(attacker.world.heard[1].text.len() > 12);
        attacker.assert_the_call_goes_on();
    }
    assert!(survived >= 5, "{survived}: the attack never came far");
}

#[test]
fn r40_what_is_lost_with_the_association_is_marked() {
    let mut attacker = Attacker::new(84);
    attacker.open();
    // ABORT by the user.
    let abort = attacker.forge(&[vec![6, 0, 0, 8, 0, 12, 0, 4]]);
    attacker.send(&abort);
    let now = attacker.world.now();
    assert!(attacker.world.peers[1].send_text(now, "to whoever comes"));
    attacker.run(Duration::from_secs(1));
    (attacker.sctp, attacker.up) = (Sctp::new(5_000), false);
    attacker.open();
    assert_eq!(attacker.world.heard[1].text, "hello \u{fffd}hello ");
    attacker.assert_the_call_goes_on();
}

#[test]
fn r40_a_peer_that_opens_too_many_streams_or_sends_nothing_in_many_pieces_is_left_alone() {
    let many_streams = |attacker: &Attacker, n: u32| -> Vec<Vec<u8>> {
        let number = attacker.next_number() + 30 * n;
        let streams = 0..30;
        let chunk = |at: u32| data(number + at, (30 * n + at) as u16 * 2, 0, b"x");
        streams.map(chunk).collect()
    };
    let empty = |attacker: &Attacker, n: u32| vec![data(attacker.next_number() + n, 1, 9, b"")];
    // The first piece never comes: everything else would have to be kept.
    let holes = |attacker: &Attacker, n: u32| -> Vec<Vec<u8>> {
        let number = attacker.next_number() + 1 + 40 * n;
        let chunk = |at: u32| data(number + at, 1, (2 + 40 * n + at) as u16, b"xxxxxxxx");
        (0..40).map(chunk).collect()
    };
    type Attack<'a> = &'a dyn Fn(&Attacker, u32) -> Vec<Vec<u8>>;
    let attacks: [(Attack<'_>, u32); 3] = [(&many_streams, 5), (&empty, 5), (&holes, 2_000)];
    for (attack, times) in attacks {
        let mut attacker = Attacker::new(85);
        attacker.open();
        for n in 0..times {
            let chunks = attack(&attacker, n);
            let packet = attacker.forge(&chunks);
            attacker.send(&packet);
            attacker.run(Duration::from_millis(30));
        }
        // Nobody is there any more: what is sent now is not heard.
        let before = attacker.world.heard[1].text.clone();
        let now = attacker.world.now();
        attacker.sctp.send(now, 1, Kind::String, b"still?");
        attacker.run(Duration::from_secs(1));
        assert_eq!(attacker.world.heard[1].text, before);
        attacker.assert_the_call_goes_on();
    }
}

#[test]
fn r40_a_flood_on_a_channel_is_bounded_and_the_channel_goes_on() {
    let mut attacker = Attacker::new(86);
    attacker.open();
    let packet = attacker.forge(&[data(attacker.next_number() - 1, 1, 0, &[b'x'; 1_000])]);
    for _ in 0..3_000 {
        attacker.send(&packet);
        attacker.step();
    }
    let stats = attacker.world.peers[1].transports[0]
        .dtls
        .as_ref()
        .unwrap()
        .refused;
    assert!(stats > 2_000, "{stats} were refused");
    attacker.run(Duration::from_secs(5));
    let now = attacker.world.now();
    attacker.sctp.send(now, 1, Kind::String, b"still here");
    attacker.run(Duration::from_secs(12));
    assert_eq!(attacker.world.heard[1].text, "hello still here");
    attacker.assert_the_call_goes_on();
}

#[test]
fn r40_channels_of_other_protocols_and_too_many_are_closed() {
    let mut attacker = Attacker::new(87);
    attacker.open();
    let unreliable = {
        let mut open = dcep::open("t140");
        open[1] = 0x81;
        open
    };
    let mut streams = (3..).step_by(2);
    for open in [dcep::open("chat"), unreliable, vec![3, 0], vec![9]] {
        let (now, stream) = (attacker.world.now(), streams.next().unwrap());
        assert!(attacker.sctp.open(stream));
        attacker.sctp.send(now, stream, Kind::Dcep, &open);
        attacker
            .sctp
            .send(now, stream, Kind::String, b"not for you");
        attacker.run(Duration::from_millis(700));
        let now = attacker.world.now();
        assert!(!attacker.sctp.send(now, stream, Kind::String, b"closed"));
    }
    let opened: Vec<u16> = streams.take(5).collect();
    for stream in &opened {
        let now = attacker.world.now();
        assert!(attacker.sctp.open(*stream));
        attacker
            .sctp
            .send(now, *stream, Kind::Dcep, &dcep::open("t140"));
        attacker.sctp.send(now, *stream, Kind::String, b"I");
        attacker.run(Duration::from_millis(700));
    }
    // Three besides the agreed one.
    assert_eq!(attacker.world.heard[1].text, "hello III");
    attacker.assert_the_call_goes_on();
}
