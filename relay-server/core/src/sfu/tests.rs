//! A room with two clients in virtual time: what one sends, the other gets.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use vrs_domain::Leg;
use vrs_media::{Certificate, MediaKind, Peer, PeerConfig, PeerEvent, PeerOutput, Receive};

use super::{PeerNews, Room, RoomOutput};

const LEGS: [Leg; 2] = [Leg::Caller, Leg::Interpreter];

fn server() -> SocketAddr {
    "192.0.2.1:4000".parse().unwrap()
}

fn address(leg: Leg) -> SocketAddr {
    if leg == Leg::Caller {
        "192.0.2.2:5000"
    } else {
        "192.0.2.3:5000"
    }
    .parse()
    .unwrap()
}

/// A room, its two clients and a network without faults.
struct World {
    now: Instant,
    room: Room,
    clients: Vec<(Leg, Peer)>,
    got: Vec<(Leg, PeerEvent)>,
    news: Vec<(Leg, PeerNews)>,
    voices: Vec<Leg>,
}

impl World {
    fn new() -> Self {
        let now = crate::clock::some_instant();
        let mut room = Room::default();
        let mut clients = Vec::new();
        for (n, leg) in (1_u8..).zip(LEGS) {
            let certificate = Certificate::generate().unwrap();
            let config = PeerConfig::new(vec![address(leg)], certificate, [n; 32]);
            let (mut client, offer) = Peer::offerer(config, now).unwrap();
            let certificate = Certificate::generate().unwrap();
            let mut config = PeerConfig::new(vec![server()], certificate, [n + 100; 32]);
            config.receive = Receive::Packets;
            let (peer, answer) = Peer::answerer(config, now, &offer).unwrap();
            client.accept_answer(now, &answer).unwrap();
            room.join(now, leg, peer);
            clients.push((leg, client));
        }
        Self {
            now,
            room,
            clients,
            got: Vec::new(),
            news: Vec::new(),
            voices: Vec::new(),
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
                .filter_map(|(_, client)| client.poll_timeout());
            let next = clients.chain(self.room.poll_timeout()).min();
            match next {
                Some(at) if at <= end => self.now = at.max(self.now + Duration::from_micros(100)),
                Some(_) | None => break,
            }
            self.room.handle_timeout(self.now);
            for (_, client) in &mut self.clients {
                client.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    /// Carries datagrams until nobody has anything to say.
    fn exchange(&mut self) {
        loop {
            let mut quiet = true;
            for (leg, client) in &mut self.clients {
                while let Some(output) = client.poll_output() {
                    quiet = false;
                    match output {
                        PeerOutput::Transmit {
                            source,
                            destination,
                            bytes,
                        } => {
                            self.room
                                .handle_datagram(self.now, *leg, source, destination, &bytes);
                        }
                        PeerOutput::Event(event) => self.got.push((*leg, event)),
                    }
                }
            }
            while let Some(output) = self.room.poll_output() {
                quiet = false;
                match output {
                    RoomOutput::Transmit {
                        source,
                        destination,
                        bytes,
                    } => {
                        let to = |leg: Leg| address(leg) == destination;
                        for (_, client) in self.clients.iter_mut().filter(|(leg, _)| to(*leg)) {
                            client.handle_datagram(self.now, source, destination, &bytes);
                        }
                    }
                    RoomOutput::News { leg, news } => self.news.push((leg, news)),
                    RoomOutput::Voice { leg, .. } => self.voices.push(leg),
                    RoomOutput::TextLost { .. } => {}
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn client(&mut self, leg: Leg) -> &mut Peer {
        &mut self
            .clients
            .iter_mut()
            .find(|(other, _)| *other == leg)
            .unwrap()
            .1
    }

    fn connect(&mut self) {
        self.run(Duration::from_secs(5));
        for leg in LEGS {
            assert!(
                self.news.contains(&(leg, PeerNews::Connected)),
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
            if let PeerEvent::Text(text) = event
                && *leg == Leg::Interpreter
            {
                Some(text.as_str())
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
        .filter(|(_, event)| matches!(event, PeerEvent::KeyframeRequested))
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
