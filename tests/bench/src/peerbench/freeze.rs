//! How long a picture stands still when something changes in a call: a relief takes the
//! interpreter's place, or the caller's network is gone and there is another.
//!
//! Real sockets and the real server; cameras make 30 pictures a second, and a whole picture only
//! where one is asked for. Gaps that the machine itself makes count too.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use vrs_domain::Leg;
use vrs_media::{Certificate, MediaKind, Peer, PeerConfig, PeerEvent, PeerOutput, Receive};

use super::call_end::LOCAL;
use super::plane::Plane;
use super::{Outcome, PATIENCE, web};

/// Each change happens in so many calls.
const CALLS: u128 = 20;
const PICTURE_INTERVAL: Duration = Duration::from_micros(33_333);
/// The time of one picture in the RTP clock.
const TICKS_PER_PICTURE: u32 = 3_000;
/// 1.5 Mbit/s.
const PICTURE_BYTES: usize = 6_000;
const WHOLE_PICTURE_BYTES: usize = 25_000;
/// What a whole picture begins with: its parameters, and the beginning of a slice (Annex B).
const WHOLE: [u8; 21] = [
    0, 0, 0, 1, 0x67, 66, 0xe0, 31, 1, 0, 0, 0, 1, 0x68, 0xce, 1, 0, 0, 0, 1, 0x65,
];
/// What any other picture begins with.
const PART: [u8; 5] = [0, 0, 0, 1, 0x61];
const FILL: u8 = 0x5a;
/// Of pictures before and after the change.
const BEFORE: Duration = Duration::from_secs(1);
const AFTER: Duration = Duration::from_secs(2);
const TURN: Duration = Duration::from_millis(1);
const DATAGRAM_BYTES_MAX: usize = 2048;

/// One who is in a call, with a camera.
struct Camera {
    socket: UdpSocket,
    address: SocketAddr,
    peer: Peer,
    connected: bool,
    /// Whether the next picture has to be whole.
    asked: bool,
    timestamp: u32,
    /// When the other's pictures came.
    shown: Vec<Instant>,
}

impl Camera {
    fn join(plane: &mut Plane, session: u128, leg: Leg, own: &Certificate) -> Outcome<Self> {
        let (socket, config) = web::prepare(LOCAL, own)?;
        let config = PeerConfig {
            receive: Receive::Frames,
            ..config
        };
        let (mut peer, offer) = Peer::offerer(config, Instant::now())?;
        let answer = plane.answer(session, leg, offer)?;
        peer.accept_answer(Instant::now(), &answer)?;
        Ok(Self {
            address: socket.local_addr()?,
            socket,
            peer,
            connected: false,
            asked: true,
            timestamp: 0,
            shown: Vec::new(),
        })
    }

    fn shoot(&mut self, now: Instant) {
        let whole: (&[u8], usize) = (&WHOLE, WHOLE_PICTURE_BYTES);
        let (begin, bytes) = if self.asked {
            whole
        } else {
            (&PART[..], PICTURE_BYTES)
        };
        self.asked = false;
        let mut picture = begin.to_vec();
        picture.resize(bytes, FILL);
        let kind = MediaKind::Video;
        self.peer.send_frame(now, kind, self.timestamp, &picture);
        self.timestamp = self.timestamp.wrapping_add(TICKS_PER_PICTURE);
        self.drain(now);
    }

    fn turn(&mut self, now: Instant) {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        while let Ok((length, source)) = self.socket.recv_from(&mut buffer) {
            let datagram = &buffer[..length];
            self.peer
                .handle_datagram(now, source, self.address, datagram);
        }
        if self.peer.poll_timeout().is_some_and(|at| at <= now) {
            self.peer.handle_timeout(now);
        }
        self.drain(now);
    }

    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.peer.poll_output() {
            match output {
                PeerOutput::Transmit {
                    destination, bytes, ..
                } => {
                    // A full buffer shows as loss.
                    let _sent = self.socket.send_to(&bytes, destination);
                }
                PeerOutput::Event(PeerEvent::Connected) => self.connected = true,
                PeerOutput::Event(PeerEvent::KeyframeRequested { .. }) => self.asked = true,
                PeerOutput::Event(PeerEvent::Frame {
                    kind: MediaKind::Video,
                    ..
                }) => self.shown.push(now),
                PeerOutput::Event(_) => {}
            }
        }
    }

    /// The old network is gone at once; the server is told of the new one.
    fn move_away(&mut self, plane: &mut Plane, session: u128, leg: Leg) -> Outcome<()> {
        let socket = UdpSocket::bind((LOCAL, 0))?;
        socket.set_nonblocking(true)?;
        self.address = socket.local_addr()?;
        self.socket = socket;
        let offer = self
            .peer
            .restart(Instant::now(), vec![self.address], Vec::new())?;
        let answer = plane.reoffered(session, leg, offer)?;
        self.peer.accept_direction(Instant::now(), &answer)?;
        Ok(())
    }

    /// Only the newest picture counts from now on.
    fn forget(&mut self) {
        let old = self.shown.len().saturating_sub(1);
        self.shown.drain(..old);
    }

    /// The longest time without a new picture, in milliseconds.
    fn longest(&self) -> f64 {
        let gaps = self.shown.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.max().unwrap_or_default().as_secs_f64() * 1e3
    }
}

fn connect(cameras: &mut [Camera]) -> Outcome<()> {
    let begin = Instant::now();
    while cameras.iter().any(|camera| !camera.connected) {
        let now = Instant::now();
        cameras.iter_mut().for_each(|camera| camera.turn(now));
        if now > begin + PATIENCE {
            return Err("some ends found no way".into());
        }
        thread::sleep(TURN);
    }
    Ok(())
}

/// Everybody's camera runs.
fn run_for(cameras: &mut [Camera], lasting: Duration) {
    let begin = Instant::now();
    let mut next = begin;
    while begin.elapsed() < lasting {
        let now = Instant::now();
        if now >= next {
            next += PICTURE_INTERVAL;
            cameras.iter_mut().for_each(|camera| camera.shoot(now));
        }
        cameras.iter_mut().for_each(|camera| camera.turn(now));
        thread::sleep(TURN.saturating_sub(now.elapsed()));
    }
}

/// What was seen of one change.
#[derive(Default)]
struct Seen {
    /// Milliseconds, one for each call.
    longest: Vec<f64>,
    /// Packets that never came.
    lost: u64,
}

impl Seen {
    fn add(&mut self, viewers: &[Camera]) -> Outcome<()> {
        let longest = viewers.iter().map(Camera::longest).fold(0.0, f64::max);
        for viewer in viewers {
            let still = viewer.shown.last().map(Instant::elapsed);
            if still.is_none_or(|still| still > AFTER / 2) {
                return Err("a picture stood still for good".into());
            }
            self.lost += viewer.peer.stats().video.lost;
        }
        self.longest.push(longest);
        Ok(())
    }

    fn words(mut self) -> String {
        self.longest.sort_by(f64::total_cmp);
        let median = self.longest[self.longest.len() / 2];
        let all = self.longest.iter().map(|gap| format!("{gap:.0}"));
        println!("longest gaps in ms: {}", all.collect::<Vec<_>>().join(" "));
        let most = self.longest.last().copied().unwrap_or_default();
        format!("p50_ms={median:.0} max_ms={most:.0} lost={}", self.lost)
    }
}

/// What happens in the middle of a call.
#[derive(Clone, Copy)]
enum Change {
    /// Nothing: what this machine does by itself.
    None,
    Relief,
    Reconnect,
}

impl Change {
    fn legs(self) -> &'static [Leg] {
        match self {
            Self::None | Self::Reconnect => &[Leg::Caller, Leg::Interpreter],
            Self::Relief => &[Leg::Caller, Leg::Interpreter, Leg::Relief],
        }
    }

    /// One call; gives those who looked at the picture all the time.
    fn happen(self, plane: &mut Plane, own: &Certificate, session: u128) -> Outcome<Vec<Camera>> {
        let legs = self.legs().iter();
        let joined = legs.map(|leg| Camera::join(plane, session, *leg, own));
        let mut cameras = joined.collect::<Outcome<Vec<_>>>()?;
        connect(&mut cameras)?;
        run_for(&mut cameras, BEFORE);
        cameras.iter_mut().for_each(Camera::forget);
        match self {
            Self::None => {}
            Self::Relief => plane.relieve(session)?,
            Self::Reconnect => cameras[0].move_away(plane, session, Leg::Caller)?,
        }
        run_for(&mut cameras, AFTER);
        if matches!(self, Self::Relief) {
            cameras.truncate(1);
        }
        Ok(cameras)
    }
}

/// `cargo peerbench freeze`: the longest time without a new picture, in each of some calls.
pub(crate) fn run() -> Outcome<()> {
    let own = Certificate::generate()?;
    let mut plane = Plane::start("plane", LOCAL)?;
    let changes = [Change::None, Change::Relief, Change::Reconnect];
    let mut seen = changes.map(|_| Seen::default());
    for call in 0..CALLS {
        for (number, (change, seen)) in (0..).zip(changes.iter().zip(&mut seen)) {
            let session = call * changes.len() as u128 + number;
            seen.add(&change.happen(&mut plane, &own, session)?)?;
        }
    }
    let [none, relief, reconnect] = seen.map(Seen::words);
    println!("freeze relief: {relief} | reconnect: {reconnect} | nothing: {none}");
    Ok(())
}
