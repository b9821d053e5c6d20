//! Starts the workers of the media plane.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::thread;

use mio::{Poll, Token, Waker};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vrs_domain::Leg;
use vrs_media::{Allowed, Certificate};

use super::forwarder::Forwarder;
use super::lines;
use super::worker::Worker;
use super::{COMMANDS_WAITING_MAX, Door, MediaNews, Sfu};

/// Something came to a worker's queues.
const BELL: Token = Token(1);
/// Something came to a worker's socket.
pub(super) const SOCKET: Token = Token(0);

/// What the media plane needs.
pub struct SfuConfig {
    /// Address of the first worker's UDP socket; each further worker has the next port, and all
    /// have ports of the system's choice if it is 0.
    pub listen: SocketAddr,
    /// Address that goes into candidates; its port is replaced by the bound one.
    pub advertised: SocketAddr,
    /// How many threads forward; every session is on one of them.
    pub workers: NonZeroU16,
    /// What may be agreed with WebRTC peers.
    pub allowed: Allowed,
    /// News of legs go here.
    pub news: mpsc::Sender<MediaNews>,
}

/// Wakes a worker; also when it is dropped, for then there may be nobody left to work for.
#[derive(Debug, Clone)]
pub(super) struct Bell(Arc<Waker>);

impl Bell {
    pub(super) fn ring(&self) {
        // It fails only when there is nobody to wake.
        let _deaf = self.0.wake();
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.ring();
    }
}

/// Binds the media sockets and starts the workers, each on a thread of its own with a second one
/// for its telephone lines. They end with `stop`, or when the handle is gone.
///
/// Returns the handle and the addresses in candidates.
///
/// # Errors
/// When a socket cannot be bound or a thread not started.
pub fn start(config: SfuConfig, stop: CancellationToken) -> io::Result<(Sfu, Vec<SocketAddr>)> {
    let certificate = Certificate::generate().map_err(io::Error::other)?;
    let (mut doors, mut addresses) = (Vec::new(), Vec::new());
    for number in 0..config.workers.get() {
        let port = match config.listen.port() {
            0 => 0,
            first => first.checked_add(number).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::AddrNotAvailable,
                    "no port is left above 65535",
                )
            })?,
        };
        let listen = SocketAddr::new(config.listen.ip(), port);
        let allowed = config.allowed.clone();
        let forwarder = Forwarder::bind(listen, config.advertised, certificate.clone(), allowed)?;
        addresses.push(forwarder.rooms.advertised());
        doors.push(start_one(forwarder, config.news.clone(), stop.clone())?);
    }
    let doors = doors.into();
    Ok((Sfu { doors }, addresses))
}

fn start_one(
    mut forwarder: Forwarder<Leg>,
    news: mpsc::Sender<MediaNews>,
    stop: CancellationToken,
) -> io::Result<Door> {
    let poll = Poll::new()?;
    forwarder.register(poll.registry(), SOCKET)?;
    let bell = Bell(Arc::new(Waker::new(poll.registry(), BELL)?));
    let (commands, queue) = mpsc::channel(COMMANDS_WAITING_MAX);
    let (lines, mixed) = lines::start(news.clone(), bell.clone(), stop.clone())?;
    let mut worker = Worker::new(forwarder, lines, news);
    thread::Builder::new().name("media".into()).spawn(move || {
        if let Err(error) = worker.run(poll, queue, mixed, &stop) {
            tracing::error!(%error, "the media socket cannot be used");
        }
    })?;
    let bell = Some(bell);
    Ok(Door { commands, bell })
}
