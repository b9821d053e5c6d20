//! Rooms with real peers in virtual time: many sessions behind one address, a network that may
//! lose, and people who mean harm.

mod crowd;
mod floods;
mod formats;
mod hostile;
mod loss;
mod moves;
mod path;
mod text;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use relay_core::sfu::PeerNews;
use vrs_domain::{Leg, SessionId};
use vrs_media::{
    Allowed, Certificate, MediaKind, Peer, PeerConfig, PeerEvent, PeerOutput, Written,
};

use super::SfuError;
use super::rooms::{Notice, Rooms};

/// Virtual time passes in steps of this.
const STEP: Duration = Duration::from_millis(5);

fn server() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4_000))
}

/// A small seeded generator (xorshift64*), so that every run is the same.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// 0 to `bound - 1`.
    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound.max(1)
    }
}

/// One party with a peer of its own.
struct Client {
    session: SessionId,
    leg: Leg,
    address: SocketAddr,
    peer: Peer,
    /// When pictures came, which ones, and how many key frames were asked for.
    seen: Vec<(Instant, u32)>,
    heard: Vec<(Instant, u32)>,
    sounds: Vec<Vec<u8>>,
    keyframe_wanted: bool,
    keyframes_wanted: usize,
    over: Vec<PeerEvent>,
    read: Vec<(Instant, Written)>,
}

struct Flying {
    arrives: Instant,
    source: SocketAddr,
    destination: SocketAddr,
    bytes: Vec<u8>,
}

struct World {
    now: Instant,
    rooms: Rooms<Leg>,
    clients: Vec<Client>,
    places: HashMap<SocketAddr, usize>,
    flying: Vec<Flying>,
    delay: Duration,
    dice: Dice,
    seed: u64,
    /// Of every thousand datagrams, once everybody is connected.
    loss_permille: u64,
    news: Vec<(SessionId, Leg, PeerNews)>,
    /// Bytes that the server sent to each address.
    sent: HashMap<SocketAddr, usize>,
    voices: Vec<(SessionId, Leg, Vec<u8>)>,
}

impl World {
    fn new(seed: u64, allowed: Allowed) -> Self {
        Self {
            now: Instant::now(),
            rooms: Rooms::new(server(), Certificate::generate().unwrap(), allowed),
            clients: Vec::new(),
            places: HashMap::new(),
            flying: Vec::new(),
            delay: Duration::ZERO,
            dice: Dice::new(seed),
            seed,
            loss_permille: 0,
            news: Vec::new(),
            sent: HashMap::new(),
            voices: Vec::new(),
        }
    }

    /// So many sessions with a caller and an interpreter, all connected.
    fn of(sessions: u128, seed: u64) -> Self {
        let mut world = Self::new(seed, Allowed::everything());
        let certificate = Certificate::generate().unwrap();
        for session in (0..sessions).map(SessionId) {
            for leg in [Leg::Caller, Leg::Interpreter] {
                let allowed = Allowed::default();
                world.join(session, leg, &certificate, allowed).unwrap();
            }
        }
        world.connect();
        world
    }

    /// A party offers and is answered.
    fn join(
        &mut self,
        session: SessionId,
        leg: Leg,
        certificate: &Certificate,
        allowed: Allowed,
    ) -> Result<(), SfuError> {
        let number = self.clients.len() as u32 + 1;
        let [_, a, b, c] = number.to_be_bytes();
        let address = SocketAddr::from(([10, a, b, c], 5_000));
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let mut config = PeerConfig::new(vec![address], certificate.clone(), seed);
        config.allowed = allowed;
        let (mut peer, offer) = Peer::offerer(config, self.now).unwrap();
        let answer = self.rooms.answer(self.now, session, leg, &offer)?;
        peer.accept_answer(self.now, &answer).unwrap();
        self.add(session, leg, address, peer);
        Ok(())
    }

    fn add(&mut self, session: SessionId, leg: Leg, address: SocketAddr, peer: Peer) {
        self.places.insert(address, self.clients.len());
        self.clients.push(Client {
            session,
            leg,
            address,
            peer,
            seen: Vec::new(),
            heard: Vec::new(),
            sounds: Vec::new(),
            keyframe_wanted: false,
            keyframes_wanted: 0,
            over: Vec::new(),
            read: Vec::new(),
        });
    }

    fn connect(&mut self) {
        for _ in 0..2_000 {
            self.step();
            if self.clients.iter().all(|client| client.peer.is_connected()) {
                // How many datagrams a handshake takes is not the same in every run.
                self.dice = Dice::new(self.seed);
                return;
            }
        }
        panic!("not everybody is connected");
    }

    /// A datagram arrives at the server, whoever sent it.
    fn inject(&mut self, source: SocketAddr, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        self.rooms.handle_datagram(self.now, source, &mut bytes);
        self.collect();
    }

    /// Takes what the server wants sent and told.
    fn collect(&mut self) {
        let mut batch = std::mem::take(&mut self.rooms.batch);
        for datagram in batch.iter() {
            let bytes = datagram.bytes.to_vec();
            *self.sent.entry(datagram.destination).or_default() += bytes.len();
            self.fly(datagram.source, datagram.destination, bytes);
        }
        batch.clear();
        self.rooms.batch = batch;
        while let Some(notice) = self.rooms.poll_notice() {
            match notice {
                Notice::News { session, leg, news } => self.news.push((session, leg, news)),
                Notice::Voice {
                    session,
                    leg,
                    payload,
                    ..
                } => self.voices.push((session, leg, payload)),
                Notice::Parted { .. } | Notice::TextLost { .. } | Notice::Key { .. } => {}
            }
        }
    }

    fn fly(&mut self, source: SocketAddr, destination: SocketAddr, bytes: Vec<u8>) {
        if self.dice.below(1_000) < self.loss_permille {
            return;
        }
        self.flying.push(Flying {
            arrives: self.now + self.delay,
            source,
            destination,
            bytes,
        });
    }

    fn drain(&mut self, place: usize) {
        while let Some(output) = self.clients[place].peer.poll_output() {
            let (now, client) = (self.now, &mut self.clients[place]);
            match output {
                PeerOutput::Transmit {
                    source,
                    destination,
                    bytes,
                } => self.fly(source, destination, bytes),
                PeerOutput::Event(PeerEvent::Frame {
                    kind,
                    timestamp,
                    data,
                    ..
                }) => match kind {
                    MediaKind::Video => client.seen.push((now, timestamp)),
                    MediaKind::Audio => {
                        client.heard.push((now, timestamp));
                        client.sounds.push(data);
                    }
                    MediaKind::Text => {}
                },
                PeerOutput::Event(PeerEvent::KeyframeRequested { .. }) => {
                    client.keyframe_wanted = true;
                    client.keyframes_wanted += 1;
                }
                PeerOutput::Event(event @ (PeerEvent::Failed(_) | PeerEvent::Disconnected)) => {
                    client.over.push(event)
                }
                PeerOutput::Event(PeerEvent::Text(written)) => client.read.push((now, written)),
                PeerOutput::Event(_) => {}
            }
        }
    }

    /// Carries what is due until nobody has anything more to say.
    fn deliver(&mut self) {
        loop {
            for place in 0..self.clients.len() {
                self.drain(place);
            }
            let now = self.now;
            let (due, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.flying)
                .into_iter()
                .partition(|flying| flying.arrives <= now);
            self.flying = rest;
            if due.is_empty() {
                return;
            }
            for Flying {
                source,
                destination,
                bytes,
                ..
            } in due
            {
                if destination == server() {
                    self.inject(source, &bytes);
                } else if let Some(place) = self.places.get(&destination) {
                    let peer = &mut self.clients[*place].peer;
                    peer.handle_datagram(now, source, destination, &bytes);
                }
            }
        }
    }

    fn step(&mut self) {
        self.deliver();
        self.now += STEP;
        self.rooms.handle_timeout(self.now);
        self.collect();
        for client in &mut self.clients {
            let due = client.peer.poll_timeout();
            if due.is_some_and(|at| at <= self.now) {
                client.peer.handle_timeout(self.now);
            }
        }
        self.deliver();
    }

    /// Everybody films and speaks for so long: a picture every 40 ms, sound every 20 ms. `harm`
    /// is done in every step.
    fn talk(&mut self, time: Duration, bytes: usize, mut harm: impl FnMut(&mut Self)) {
        let end = self.now + time;
        let mut number = 0_u32;
        while self.now < end {
            for client in &mut self.clients {
                if number.is_multiple_of(8) {
                    let key = number == 0 || std::mem::take(&mut client.keyframe_wanted);
                    let unit = picture(key, bytes);
                    let kind = MediaKind::Video;
                    client.peer.send_frame(self.now, kind, number * 450, &unit);
                }
                if number.is_multiple_of(4) {
                    let kind = MediaKind::Audio;
                    client
                        .peer
                        .send_frame(self.now, kind, number * 240, &[0xfc; 40]);
                }
            }
            harm(self);
            self.step();
            number += 1;
        }
        for _ in 0..20 {
            self.step();
        }
    }

    /// The longest time without a picture that each other's party had, from the first to the last.
    fn longest_gap(&self, place: usize) -> Duration {
        let seen = &self.clients[place].seen;
        let gaps = seen.windows(2).map(|pair| pair[1].0 - pair[0].0);
        gaps.max().unwrap_or(Duration::MAX)
    }
}

/// An access unit of H.264 as an encoder might give it.
fn picture(key: bool, bytes: usize) -> Vec<u8> {
    let mut unit = Vec::new();
    if key {
        unit.extend([0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0x95]);
        unit.extend([0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
    }
    unit.extend([0, 0, 0, 1, if key { 0x65 } else { 0x61 }]);
    unit.extend(std::iter::repeat_n(0x5a, bytes));
    unit
}
