//! A room with two clients in virtual time: what one sends, the other gets.

#[allow(clippy::wildcard_enum_match_arm)] // a test names what it looks for
mod layers;
#[allow(clippy::wildcard_enum_match_arm)]
mod text;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use vrs_domain::{Leg, Sensitive};
use vrs_media::{
    Batch, Certificate, MediaKind, Orientation, Peer, PeerConfig, PeerEvent, PeerOutput, PeerStats,
    Receive, RtpPacket,
};

use super::{PeerNews, Room, RoomOutput};

const LEGS: [Leg; 2] = [Leg::Caller, Leg::Interpreter];

fn server() -> SocketAddr {
    "192.0.2.1:4000".parse().unwrap()
}

fn address(leg: Leg) -> SocketAddr {
    let place = Leg::ALL.iter().position(|other| *other == leg).unwrap();
    SocketAddr::from(([192, 0, 2, 10 + place as u8], 5_000))
}

struct Client {
    leg: Leg,
    address: SocketAddr,
    peer: Peer,
}

/// A room, its clients and a network without faults but those that are told.
struct World {
    now: Instant,
    room: Room<Leg>,
    clients: Vec<Client>,
    batch: Batch,
    got: Vec<(Leg, PeerEvent)>,
    news: Vec<(Leg, PeerNews)>,
    voices: Vec<Leg>,
    parted: Vec<(Leg, PeerStats)>,
    keys: String,
    /// To whom every so manieth packet of media is lost, and how many there were.
    losses: Vec<(Leg, u32)>,
    passed: u32,
    text_lost: Vec<Leg>,
}

impl World {
    fn new() -> Self {
        Self::of(&LEGS)
    }

    fn of(legs: &[Leg]) -> Self {
        Self::with(legs, |_, description| description)
    }

    /// The same with offers that have been through `change`.
    fn with(legs: &[Leg], change: impl Fn(Leg, String) -> String) -> Self {
        let now = crate::clock::some_instant();
        let mut room = Room::default();
        let mut clients = Vec::new();
        for (n, leg) in (1_u8..).zip(legs.iter().copied()) {
            let certificate = Certificate::generate().unwrap();
            let config = PeerConfig::new(vec![address(leg)], certificate, [n; 32]);
            let (mut theirs, offer) = Peer::offerer(config, now).unwrap();
            let certificate = Certificate::generate().unwrap();
            let mut config = PeerConfig::new(vec![server()], certificate, [n + 100; 32]);
            config.receive = Receive::Packets;
            let offer = change(leg, offer);
            let (peer, answer) = Peer::answerer(config, now, &offer).unwrap();
            theirs.accept_answer(now, &answer).unwrap();
            room.join(now, leg, peer);
            clients.push(Client {
                leg,
                address: address(leg),
                peer: theirs,
            });
        }
        Self {
            now,
            room,
            clients,
            batch: Batch::default(),
            got: Vec::new(),
            news: Vec::new(),
            voices: Vec::new(),
            parted: Vec::new(),
            keys: String::new(),
            losses: Vec::new(),
            passed: 0,
            text_lost: Vec::new(),
        }
    }

    /// Lets everything happen that happens within `time`.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.exchange();
            let clients = self
                .clients
                .iter_mut()
                .filter_map(|client| client.peer.poll_timeout());
            let next = clients.chain(self.room.poll_timeout()).min();
            match next {
                Some(at) if at <= end => self.now = at.max(self.now + Duration::from_micros(100)),
                Some(_) | None => break,
            }
            self.room.handle_timeout(self.now);
            for client in &mut self.clients {
                client.peer.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    /// Carries datagrams until nobody has anything to say.
    fn exchange(&mut self) {
        loop {
            let mut quiet = true;
            for Client { leg, peer, .. } in &mut self.clients {
                while let Some(output) = peer.poll_output() {
                    quiet = false;
                    match output {
                        PeerOutput::Transmit {
                            source,
                            destination,
                            bytes,
                        } => {
                            let (way, mut bytes) = ((source, destination), bytes);
                            let batch = &mut self.batch;
                            self.room
                                .handle_datagram(self.now, *leg, way, &mut bytes, batch);
                        }
                        PeerOutput::Event(event) => self.got.push((*leg, event)),
                    }
                }
            }
            for datagram in self.batch.iter() {
                quiet = false;
                self.passed += 1;
                let is_lost = |(leg, part): &(Leg, u32)| {
                    address(*leg) == datagram.destination && self.passed.is_multiple_of(*part)
                };
                if self.losses.iter().any(is_lost) {
                    continue;
                }
                let there = |client: &&mut Client| client.address == datagram.destination;
                for client in self.clients.iter_mut().filter(there) {
                    let (from, to) = (datagram.source, datagram.destination);
                    let peer = &mut client.peer;
                    peer.handle_datagram(self.now, from, to, datagram.bytes);
                }
            }
            self.batch.clear();
            while let Some(output) = self.room.poll_output() {
                quiet = false;
                match output {
                    RoomOutput::Transmit {
                        source,
                        destination,
                        bytes,
                    } => {
                        let there = |client: &&mut Client| client.address == destination;
                        for client in self.clients.iter_mut().filter(there) {
                            let peer = &mut client.peer;
                            peer.handle_datagram(self.now, source, destination, &bytes);
                        }
                    }
                    RoomOutput::News { leg, news } => self.news.push((leg, news)),
                    RoomOutput::Voice { leg, .. } => self.voices.push(leg),
                    RoomOutput::Parted { leg, stats } => self.parted.push((leg, *stats)),
                    RoomOutput::Key(key) => self.keys.push(*key.expose()),
                    RoomOutput::TextLost { leg } => self.text_lost.push(leg),
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn client(&mut self, leg: Leg) -> &mut Peer {
        let mut clients = self.clients.iter_mut();
        &mut clients.find(|client| client.leg == leg).unwrap().peer
    }

    /// A leg takes the place of another.
    fn rename(&mut self, from: Leg, to: Leg) {
        self.room.rename(self.now, from, to);
        self.clients.retain(|client| client.leg != to);
        for client in self.clients.iter_mut().filter(|client| client.leg == from) {
            client.leg = to;
        }
    }

    fn connect(&mut self) {
        self.run(Duration::from_secs(5));
        for Client { leg, .. } in &self.clients {
            assert!(
                self.news.contains(&(*leg, PeerNews::Connected)),
                "{leg}: {:?}",
                self.news
            );
        }
    }

    fn frames(&self, leg: Leg, wanted: MediaKind) -> Vec<Vec<u8>> {
        let frame = |(to, event): &(Leg, PeerEvent)| {
            if let PeerEvent::Frame { kind, data, .. } = event
                && *to == leg
                && *kind == wanted
            {
                Some(data.clone())
            } else {
                None
            }
        };
        self.got.iter().filter_map(frame).collect()
    }
}

/// An H.264 access unit that begins with parameter sets and an IDR slice.
fn picture(size: usize) -> Vec<u8> {
    let mut unit = vec![
        0, 0, 0, 1, 0x67, 66, 0xe0, 31, 1, 0, 0, 0, 1, 0x68, 0xce, 1, 0, 0, 0, 1, 0x65,
    ];
    unit.extend(std::iter::repeat_n(0x5a, size));
    unit
}

#[test]
fn pictures_sound_and_text_reach_the_other_party_unchanged() {
    let mut world = World::new();
    world.connect();
    let unit = picture(4_000);
    let now = world.now;
    world
        .client(Leg::Caller)
        .send_frame(now, MediaKind::Video, 3_000, &unit);
    world
        .client(Leg::Interpreter)
        .send_frame(now, MediaKind::Audio, 960, b"opus");
    assert!(world.client(Leg::Caller).send_text(now, "hola"));
    world.run(Duration::from_secs(2));
    assert_eq!(world.frames(Leg::Interpreter, MediaKind::Video), [unit]);
    assert_eq!(
        world.frames(Leg::Caller, MediaKind::Audio),
        [b"opus".to_vec()]
    );
    let text: String = world
        .got
        .iter()
        .filter_map(|(leg, event)| {
            if let PeerEvent::Text(written) = event
                && *leg == Leg::Interpreter
            {
                Some(written.text.as_str())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(text, "hola");
}

#[test]
fn whoever_sends_the_picture_is_asked_for_a_key_frame_and_nobody_else() {
    let mut world = World::new();
    world.connect();
    world.got.clear();
    let now = world.now;
    world
        .client(Leg::Interpreter)
        .send_frame(now, MediaKind::Video, 3_000, &picture(10));
    world
        .client(Leg::Caller)
        .send_frame(now, MediaKind::Video, 3_000, &picture(10));
    world.run(Duration::from_secs(2));
    world.got.clear();
    let now = world.now;
    world.client(Leg::Interpreter).request_keyframe(now);
    world.run(Duration::from_secs(1));
    let asked: Vec<_> = world
        .got
        .iter()
        .filter(|(_, event)| matches!(event, PeerEvent::KeyframeRequested { .. }))
        .map(|(leg, _)| *leg)
        .collect();
    assert_eq!(asked, [Leg::Caller]);
}

#[test]
fn while_a_telephone_is_bridged_voices_go_to_the_mixer_only() {
    let mut world = World::new();
    world.connect();
    world.room.set_bridged(true);
    let now = world.now;
    world
        .client(Leg::Interpreter)
        .send_frame(now, MediaKind::Audio, 960, b"opus");
    world.room.send_voice(now, Leg::Interpreter, 960, b"mixed");
    world.run(Duration::from_millis(500));
    assert_eq!(world.voices, [Leg::Interpreter]);
    assert!(world.frames(Leg::Caller, MediaKind::Audio).is_empty());
    assert_eq!(
        world.frames(Leg::Interpreter, MediaKind::Audio),
        [b"mixed".to_vec()]
    );
}

#[test]
fn r43_keys_of_the_caller_and_of_who_leads_go_to_the_telephone_and_no_others() {
    let mut world = World::of(&[
        Leg::Caller,
        Leg::Interpreter,
        Leg::Relief,
        Leg::Team,
        Leg::Supervisor,
    ]);
    world.connect();
    world.room.set_bridged(true);
    let keys = [
        (Leg::Interpreter, '1'),
        (Leg::Caller, '2'),
        (Leg::Relief, '7'),
        (Leg::Team, '8'),
        (Leg::Supervisor, '9'),
        (Leg::Interpreter, '#'),
    ];
    for (leg, key) in keys {
        let now = world.now;
        assert!(world.client(leg).send_dtmf(now, key));
        world.run(Duration::from_millis(300));
    }
    assert_eq!(world.keys, "12#");
    let heard = |(_, event): &(Leg, PeerEvent)| matches!(event, PeerEvent::Dtmf(_));
    assert!(!world.got.iter().any(heard), "they are for the telephone");
    // The relief takes over.
    world.rename(Leg::Relief, Leg::Interpreter);
    let now = world.now;
    assert!(world.client(Leg::Interpreter).send_dtmf(now, '4'));
    world.run(Duration::from_millis(300));
    assert_eq!(world.keys, "12#4");
}

#[test]
fn keys_of_the_telephone_are_told_to_the_caller_and_to_who_leads() {
    let mut world = World::of(&[Leg::Caller, Leg::Interpreter, Leg::Team]);
    world.connect();
    for key in ['5', '5'] {
        world.room.send_key(world.now, Sensitive::new(key));
    }
    world.run(Duration::from_secs(1));
    let told = |wanted: Leg| -> String {
        let got = world.got.iter().filter(|(leg, _)| *leg == wanted);
        let key = |(_, event): &(Leg, PeerEvent)| {
            if let PeerEvent::Dtmf(key) = event {
                Some(*key)
            } else {
                None
            }
        };
        got.filter_map(key).collect()
    };
    assert_eq!(told(Leg::Caller), "55");
    assert_eq!(told(Leg::Interpreter), "55");
    assert_eq!(told(Leg::Team), "");
    assert_eq!(world.keys, "", "nothing comes back");
}

#[test]
fn how_a_telephone_is_held_is_passed_on_and_stays_until_it_is_turned() {
    let mut world = World::new();
    world.connect();
    let mut sequence = 0;
    for (picture, turns) in (0_u32..).zip([Some(1), None, Some(3)]) {
        let orientation = turns.map(Orientation::new);
        let units: [&[u8]; 3] = [&[0x67, 1, 2], &[0x68, 3], &[0x65, 4, 5]];
        for (place, payload) in units.into_iter().enumerate() {
            sequence += 1;
            let marker = place == 2;
            let packet = RtpPacket {
                kind: MediaKind::Video,
                ssrc: 7,
                csrc: None,
                payload_type: 0,
                sequence,
                timestamp: picture * 3_000,
                marker,
                orientation: orientation.filter(|_| marker),
                layer: 0,
                payload: payload.to_vec().into(),
            };
            let now = world.now;
            assert!(!world.client(Leg::Caller).send_rtp(now, &packet));
        }
        world.run(Duration::from_millis(33));
    }
    let turned = |(leg, event): &(Leg, PeerEvent)| {
        if let PeerEvent::Frame { orientation, .. } = event
            && *leg == Leg::Interpreter
        {
            Some(*orientation)
        } else {
            None
        }
    };
    let turned: Vec<_> = world.got.iter().filter_map(turned).collect();
    assert_eq!(turned, [1, 1, 3].map(Orientation::new));
}

/// Marks of two cameras, in the last byte of their pictures.
const INTERPRETER: u8 = 0x66;
const RELIEF: u8 = 0x77;

/// A picture that the camera of `leg` makes: a key frame if it was asked for one.
fn shoot(world: &mut World, leg: Leg, mark: u8, number: u32) {
    let asked = |(to, event): &(Leg, PeerEvent)| {
        *to == leg && matches!(event, PeerEvent::KeyframeRequested { .. })
    };
    let mut unit = picture(2_000);
    if !world.got.iter().any(asked) {
        unit = vec![0x5a; 2_000];
        unit[..5].copy_from_slice(&[0, 0, 0, 1, 0x61]);
    }
    world.got.retain(|entry| !asked(entry));
    unit.push(mark);
    let (now, timestamp) = (world.now, number * 3_000);
    let client = world.client(leg);
    client.send_frame(now, MediaKind::Video, timestamp, &unit);
}

/// Timestamp, whether it is a key frame, and mark of every picture that the caller saw.
fn seen(world: &World) -> Vec<(u32, bool, u8)> {
    let picture = |(leg, event): &(Leg, PeerEvent)| {
        if let PeerEvent::Frame {
            kind: MediaKind::Video,
            timestamp,
            keyframe,
            data,
            ..
        } = event
            && *leg == Leg::Caller
        {
            Some((*timestamp, *keyframe, *data.last()?))
        } else {
            None
        }
    };
    world.got.iter().filter_map(picture).collect()
}

#[test]
fn f4_a_relief_is_seen_from_a_key_frame_on_within_300_ms_and_without_a_jump() {
    let mut world = World::of(&[Leg::Caller, Leg::Interpreter, Leg::Relief]);
    world.connect();
    let interval = Duration::from_millis(33);
    for n in 0..30 {
        shoot(&mut world, Leg::Interpreter, INTERPRETER, n);
        shoot(&mut world, Leg::Relief, RELIEF, n);
        world.run(interval);
    }
    let before = seen(&world).len();
    assert!(before > 25, "{before} pictures of the interpreter");
    world.rename(Leg::Relief, Leg::Interpreter);
    let (mut newest, mut changed, mut longest) = (before, world.now, Duration::ZERO);
    for n in 30..60 {
        shoot(&mut world, Leg::Interpreter, RELIEF, n);
        world.run(interval);
        longest = longest.max(world.now - changed);
        let shown = seen(&world).len();
        if shown > newest {
            (newest, changed) = (shown, world.now);
        }
    }
    assert!(longest <= Duration::from_millis(300), "{longest:?}");
    // To the caller it is one stream without a gap.
    let stats = world.client(Leg::Caller).stats().video;
    assert_eq!((stats.lost, stats.freezes, stats.frames_dropped), (0, 0, 0));
    let seen = seen(&world);
    let (old, new) = seen.split_at(before);
    assert!(old.iter().all(|(.., mark)| *mark == INTERPRETER));
    assert!(new.iter().all(|(.., mark)| *mark == RELIEF));
    assert!(new.len() > 20, "{} pictures of the relief", new.len());
    assert!(new[0].1, "they begin with a key frame");
    let steps = seen
        .windows(2)
        .map(|pair| pair[1].0.wrapping_sub(pair[0].0));
    let longest = steps.max().unwrap();
    assert!(longest <= 27_000, "{longest} ticks of 90 kHz");
}

#[test]
fn who_parts_leaves_figures_that_say_how_good_it_was() {
    let mut world = World::of(&[Leg::Caller, Leg::Interpreter]);
    world.connect();
    for n in 0..30 {
        shoot(&mut world, Leg::Interpreter, INTERPRETER, n);
        // Twice it stands still.
        let wait = if n == 20 || n == 25 { 500 } else { 33 };
        world.run(Duration::from_millis(wait));
    }
    let now = world.now;
    world.room.leave(now, Leg::Interpreter);
    world.run(Duration::from_millis(1));
    let [(Leg::Interpreter, stats)] = &world.parted[..] else {
        panic!("{:?}", world.parted);
    };
    let video = &stats.video;
    assert_eq!((video.pictures, video.freezes), (30, 2));
    assert!(
        (1_000..1_100).contains(&video.frozen_ms),
        "{}",
        video.frozen_ms
    );
    assert_eq!((video.lost, stats.undecryptable), (0, 0));
    assert_eq!(stats.candidate_type.as_deref(), Some("host"));
    assert_eq!(stats.srtp_profile.as_deref(), Some("SRTP_AEAD_AES_128_GCM"));
    let (_, caller) = world.room.stats().next().unwrap();
    assert!(caller.video.packets_sent > 50, "{:?}", caller.video);
}

/// The rate that a leg was told last.
fn rate(world: &World, leg: Leg) -> Option<u32> {
    let told = |(to, event): &(Leg, PeerEvent)| {
        if let PeerEvent::PathRate(bps) = event
            && *to == leg
        {
            Some(*bps)
        } else {
            None
        }
    };
    world.got.iter().filter_map(told).last()
}

#[test]
fn v3_a_source_sends_no_more_than_whoever_it_signs_to_can_take() {
    let mut world = World::of(&[Leg::Caller, Leg::Interpreter, Leg::Team, Leg::Relief]);
    world.connect();
    let takes = |world: &mut World, leg: Leg, bps: u32| {
        for n in 0..30 {
            shoot(world, Leg::Caller, RELIEF, n);
            shoot(world, Leg::Interpreter, INTERPRETER, n);
            let now = world.now;
            world.client(leg).limit_source(now, bps);
            world.run(Duration::from_millis(33));
        }
    };
    takes(&mut world, Leg::Team, 100_000);
    let before = rate(&world, Leg::Caller);
    assert!(before.is_none_or(|bps| bps > 500_000), "{before:?}");
    takes(&mut world, Leg::Interpreter, 200_000);
    let caller = rate(&world, Leg::Caller);
    assert!(caller.is_some_and(|bps| bps <= 200_000), "{caller:?}");
    let other = rate(&world, Leg::Interpreter);
    assert!(other.is_none_or(|bps| bps > 500_000), "{other:?}");
    takes(&mut world, Leg::Relief, 300_000);
    world.rename(Leg::Relief, Leg::Interpreter);
    takes(&mut world, Leg::Interpreter, 300_000);
    takes(&mut world, Leg::Interpreter, 300_000);
    let caller = rate(&world, Leg::Caller);
    assert!(caller.is_some_and(|bps| bps > 200_000), "{caller:?}");
}
