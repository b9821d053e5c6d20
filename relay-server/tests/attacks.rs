//! Strangers and parties who mean harm at the media socket of the running server: real datagrams,
//! a real worker, real peers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use relay_core::sfu::PeerNews;
use relay_server::sfu::{self, MediaNews, Sfu, SfuConfig};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use vrs_domain::{Leg, SessionId};
use vrs_media::{Allowed, Certificate, MediaKind, Peer, PeerConfig, PeerEvent, PeerOutput};

/// Everything that is waited for happens within this time.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind(LOOPBACK).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// One party of a call.
struct Client {
    session: SessionId,
    leg: Leg,
    socket: UdpSocket,
    peer: Peer,
    /// What the server said about itself.
    answer: String,
    /// Encrypted media that was sent.
    sent: Vec<Vec<u8>>,
    /// Timestamps of the pictures that came, and how many there were.
    seen: BTreeSet<u32>,
    pictures: usize,
    over: Vec<PeerEvent>,
}

impl Client {
    fn pump(&mut self, server: SocketAddr) {
        let local = self.socket.local_addr().unwrap();
        let mut buffer = [0; 2048];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    let (now, bytes) = (Instant::now(), &buffer[..length]);
                    self.peer.handle_datagram(now, source, local, bytes);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        let now = Instant::now();
        if self.peer.poll_timeout().is_some_and(|at| at <= now) {
            self.peer.handle_timeout(now);
        }
        while let Some(output) = self.peer.poll_output() {
            match output {
                PeerOutput::Transmit {
                    destination, bytes, ..
                } => {
                    assert_eq!(destination, server);
                    self.socket.send_to(&bytes, destination).unwrap();
                    if bytes[0] >= 128 {
                        self.sent.push(bytes);
                    }
                }
                PeerOutput::Event(PeerEvent::Frame {
                    kind: MediaKind::Video,
                    timestamp,
                    ..
                }) => {
                    self.seen.insert(timestamp);
                    self.pictures += 1;
                }
                PeerOutput::Event(event @ (PeerEvent::Failed(_) | PeerEvent::Disconnected)) => {
                    self.over.push(event);
                }
                PeerOutput::Event(_) => {}
            }
        }
    }
}

/// A running media plane with its calls, and somebody else's sockets.
struct Scene {
    server: SocketAddr,
    sfu: Sfu,
    news: mpsc::Receiver<MediaNews>,
    runtime: Runtime,
    clients: Vec<Client>,
    strangers: Vec<UdpSocket>,
    _stop: DropGuard,
}

impl Scene {
    fn new(strangers: usize) -> Self {
        let stop = CancellationToken::new();
        let (news, told) = mpsc::channel(1024);
        let config = SfuConfig {
            listen: LOOPBACK,
            advertised: LOOPBACK,
            workers: NonZeroU16::MIN,
            allowed: Allowed::everything(),
            news,
        };
        let (sfu, addresses) = sfu::start(config, stop.clone()).unwrap();
        Self {
            server: addresses[0],
            sfu,
            news: told,
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            clients: Vec::new(),
            strangers: (0..strangers).map(|_| socket()).collect(),
            _stop: stop.drop_guard(),
        }
    }

    /// Calls with a caller and an interpreter, not yet connected.
    fn call(&mut self, sessions: u128) {
        let certificate = Certificate::generate().unwrap();
        for session in (0..sessions).map(SessionId) {
            for leg in [Leg::Caller, Leg::Interpreter] {
                self.join(session, leg, &certificate, |offer| offer);
            }
        }
    }

    /// One party, whose offer somebody changes on its way.
    fn join(
        &mut self,
        session: SessionId,
        leg: Leg,
        certificate: &Certificate,
        changed: impl Fn(String) -> String,
    ) {
        let socket = socket();
        let local = vec![socket.local_addr().unwrap()];
        let mut seed = [0; 32];
        seed[0] = self.clients.len() as u8 + 1;
        let config = PeerConfig::new(local, certificate.clone(), seed);
        let (mut peer, offer) = Peer::offerer(config, Instant::now()).unwrap();
        let answering = self.sfu.answer(session, leg, changed(offer));
        let answer = self.runtime.block_on(answering).unwrap();
        peer.accept_answer(Instant::now(), &answer).unwrap();
        self.clients.push(Client {
            session,
            leg,
            socket,
            peer,
            answer,
            sent: Vec::new(),
            seen: BTreeSet::new(),
            pictures: 0,
            over: Vec::new(),
        });
    }

    /// Lets everything happen until `done`; `harm` is done all the time.
    fn until(&mut self, mut harm: impl FnMut(&mut Self), done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < end, "it took too long");
            harm(self);
            for client in &mut self.clients {
                client.pump(self.server);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn connect(&mut self, harm: impl FnMut(&mut Self)) {
        self.until(harm, |scene| {
            scene.clients.iter().all(|one| one.peer.is_connected())
        });
    }

    /// Everybody films until everybody has seen so many pictures of the other one.
    fn film(&mut self, pictures: usize, mut harm: impl FnMut(&mut Self)) {
        let before: Vec<usize> = self.clients.iter().map(|one| one.seen.len()).collect();
        let (began, mut due) = (Instant::now(), Instant::now());
        let enough = |scene: &Self| {
            let mut pairs = scene.clients.iter().zip(&before);
            pairs.all(|(one, before)| one.seen.len() >= before + pictures)
        };
        self.until(
            |scene| {
                harm(scene);
                let now = Instant::now();
                if now >= due {
                    due = now + Duration::from_millis(20);
                    let timestamp = ((now - began).as_millis() as u32).wrapping_mul(90);
                    for client in &mut scene.clients {
                        let unit = picture();
                        client
                            .peer
                            .send_frame(now, MediaKind::Video, timestamp, &unit);
                    }
                }
            },
            enough,
        );
    }

    /// Nothing was ever sent to a stranger, no call failed, and nobody saw anything twice.
    fn assert_unharmed(&mut self) {
        for stranger in &self.strangers {
            let got = stranger.recv_from(&mut [0; 2048]);
            assert_eq!(got.unwrap_err().kind(), ErrorKind::WouldBlock, "an answer");
        }
        for client in &self.clients {
            let (session, leg) = (client.session, client.leg);
            assert!(client.over.is_empty(), "{session} {leg}: {:?}", client.over);
            assert_eq!(client.pictures, client.seen.len(), "{session} {leg}");
        }
        while let Ok(told) = self.news.try_recv() {
            assert_eq!(
                told.news,
                PeerNews::Connected,
                "{} {}",
                told.session,
                told.leg
            );
        }
    }
}

/// A key frame of H.264.
fn picture() -> Vec<u8> {
    let mut unit = vec![0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0x95];
    unit.extend([0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65]);
    unit.extend([0x5a; 700]);
    unit
}

/// The hello of the advisory: no cipher, no cookie (ES2023-01).
fn hello() -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend([7; 32]);
    body.extend([0, 0]); // no session, no cookie
    body.extend([0, 2, 0, 0]); // NULL with NULL
    body.extend([1, 0, 0, 0]); // no compression, no extensions
    let length = body.len() as u8;
    let mut record = vec![1, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length];
    record.extend(body);
    let mut datagram = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    datagram.push(record.len() as u8);
    datagram.extend(record);
    datagram
}

/// The first fragment of a handshake message of 16 MB.
fn fragment(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let mut record = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, high, low, 0, 112];
    record.extend([1, 0xff, 0xff, 0xff, high, low, 0, 0, 0, 0, 0, 100]);
    record.extend([0; 100]);
    record
}

/// RTP that was never encrypted, and RTCP.
fn plain(payload_type: u8, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 9, 1, 2, 3, 4]);
    packet.extend([0x65; 200]);
    packet
}

#[test]
fn a33_a_race_of_foreign_handshakes_hinders_no_call_and_is_not_answered() {
    let mut scene = Scene::new(8);
    scene.call(10);
    let hello = hello();
    scene.connect(|scene| {
        for stranger in &scene.strangers {
            stranger.send_to(&hello, scene.server).unwrap();
        }
    });
    scene.film(5, |_| {});
    scene.assert_unharmed();
}

#[test]
fn a34_whoever_comes_with_another_certificate_is_never_seen_and_the_leg_is_told_of() {
    let mut scene = Scene::new(0);
    scene.call(2);
    let other = Certificate::generate().unwrap().fingerprint();
    let lie = |offer: String| {
        let lines = offer
            .lines()
            .map(|line| match line.strip_prefix("a=fingerprint:") {
                Some(_) => format!("a=fingerprint:{other}\r\n"),
                None => format!("{line}\r\n"),
            });
        lines.collect()
    };
    let certificate = Certificate::generate().unwrap();
    scene.join(SessionId(9), Leg::Caller, &certificate, lie);
    scene.join(SessionId(9), Leg::Interpreter, &certificate, |offer| offer);
    let mut told = Vec::new();
    let end = Instant::now() + PATIENCE;
    while told.is_empty() {
        assert!(Instant::now() < end, "nobody is told");
        scene.until(|_| {}, |scene| !scene.news.is_empty());
        let news = scene.news.try_recv().unwrap();
        if let PeerNews::Failed(why) = news.news {
            told.push((news.session, news.leg, why));
        }
    }
    let why = "the peer's certificate is not the announced one".to_owned();
    assert_eq!(told, [(SessionId(9), Leg::Caller, why)]);
    // The liar may go on as if nothing had happened.
    scene.until(
        |scene| {
            let now = Instant::now();
            for client in &mut scene.clients {
                client
                    .peer
                    .send_frame(now, MediaKind::Video, 90, &picture());
            }
        },
        |scene| scene.clients[..4].iter().all(|one| !one.seen.is_empty()),
    );
    assert!(scene.clients[4..].iter().all(|one| one.seen.is_empty()));
}

#[test]
fn a35_handshakes_without_end_cost_little_and_disturb_nobody() {
    let mut scene = Scene::new(64);
    scene.call(4);
    let (mut number, hello) = (0_u16, hello());
    // Half-open ones from everywhere, and fragments from somebody who is in a call by right.
    let mut flood = |scene: &mut Scene| {
        for stranger in &scene.strangers {
            stranger.send_to(&hello, scene.server).unwrap();
        }
        for _ in 0..20 {
            number = number.wrapping_add(1);
            let bytes = fragment(number);
            scene.clients[0]
                .socket
                .send_to(&bytes, scene.server)
                .unwrap();
        }
    };
    scene.until(&mut flood, |scene| {
        scene.clients[2..].iter().all(|one| one.peer.is_connected())
    });
    scene.clients.drain(..2);
    scene.film(20, |scene| {
        for stranger in &scene.strangers {
            stranger.send_to(&fragment(7), scene.server).unwrap();
        }
    });
    for stranger in &scene.strangers {
        assert!(stranger.recv_from(&mut [0; 2048]).is_err(), "an answer");
    }
    assert!(scene.clients.iter().all(|one| one.over.is_empty()));
}

#[test]
fn a36_plain_and_forged_media_gets_neither_in_nor_out() {
    let mut scene = Scene::new(4);
    scene.call(2);
    scene.connect(|_| {});
    let mut number = 0_u16;
    scene.film(40, |scene| {
        number = number.wrapping_add(1);
        let forged = scene.clients[1].sent.last().cloned().unwrap_or_default();
        for stranger in &scene.strangers {
            for payload_type in [96, 111, 98, 200, 206] {
                let bytes = plain(payload_type, number);
                stranger.send_to(&bytes, scene.server).unwrap();
            }
            // A packet of the call itself, from somewhere else.
            stranger.send_to(&forged, scene.server).unwrap();
        }
        // From the right address, but not encrypted.
        for payload_type in [96, 111, 206] {
            let (own, bytes) = (&scene.clients[0].socket, plain(payload_type, number));
            own.send_to(&bytes, scene.server).unwrap();
        }
    });
    scene.assert_unharmed();
}

#[test]
fn a37_packets_without_end_that_cannot_be_decrypted_end_no_call() {
    let mut scene = Scene::new(0);
    scene.call(2);
    scene.connect(|_| {});
    let mut sent = 0;
    scene.film(60, |scene| {
        let Some(real) = scene.clients[0].sent.last() else {
            return;
        };
        for n in 0..60_u8 {
            let mut forged = real.clone();
            let at = 12 + usize::from(n) % (forged.len() - 12);
            forged[at] ^= 1 << (n % 8);
            forged[3] = n;
            let own = &scene.clients[0].socket;
            // A full buffer drops them, as it would real ones.
            sent += usize::from(own.send_to(&forged, scene.server).is_ok());
        }
    });
    assert!(sent > 10_000, "{sent}");
    scene.assert_unharmed();
}

#[test]
fn a38_replayed_media_is_dropped_and_the_call_goes_on() {
    let mut scene = Scene::new(0);
    scene.call(2);
    scene.connect(|_| {});
    let mut at = 0;
    scene.film(60, |scene| {
        for client in &scene.clients {
            for _ in 0..5 {
                at += 1;
                if let Some(old) = client.sent.get(at % client.sent.len().max(1)) {
                    client.socket.send_to(old, scene.server).unwrap();
                }
            }
        }
    });
    scene.assert_unharmed();
}

#[test]
fn a46_a48_the_media_port_answers_no_stranger() {
    let mut scene = Scene::new(4);
    scene.call(2);
    scene.connect(|_| {});
    let ufrags: Vec<String> = scene
        .clients
        .iter()
        .flat_map(|client| {
            let lines = client.answer.lines();
            lines.filter_map(|line| line.strip_prefix("a=ice-ufrag:").map(str::to_owned))
        })
        .collect();
    let request = |username: &str| {
        let padded = username.len().next_multiple_of(4);
        let mut bytes = vec![0, 1, 0, (4 + padded) as u8, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend([7; 12]);
        bytes.extend([0, 6, 0, username.len() as u8]);
        bytes.extend(username.as_bytes());
        bytes.resize(24 + padded, 0);
        bytes
    };
    let bare = [
        0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    ];
    scene.film(30, |scene| {
        for stranger in &scene.strangers {
            stranger.send_to(&bare, scene.server).unwrap();
            for ufrag in &ufrags {
                let bytes = request(&format!("{ufrag}:abcd"));
                stranger.send_to(&bytes, scene.server).unwrap();
            }
        }
    });
    scene.assert_unharmed();
}
