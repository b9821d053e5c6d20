//! Opens what the configuration names, and starts the thread and the tasks around it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use mio::Poll;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::machine::{Machine, Settings};
use super::own;
use super::peer::PeerPolicy;
use super::ports::Relays;
use super::streams::Streams;
use super::thread::{Doorbell, LISTENER, Plane};
use super::told::Listeners;
use super::ways::Ways;
use crate::config::{Config, TurnSettings};
use crate::edge::limits::Places;
use crate::tls::{self, TlsError};
use crate::udp::Socket;

/// Inputs of streams that may wait for the machine.
const INPUTS_WAITING_MAX: usize = 4096;
/// What clients may name with ALPN (RFC 7443).
const ALPN: [&str; 2] = ["stun.turn", "stun.nat-discovery"];

/// TURN could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// An address cannot be listened on.
    #[error("cannot listen on {what} {address}: {error}")]
    Listen {
        /// The key in the configuration.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// The system does not tell this machine's addresses, which relays must not reach.
    #[error("the addresses of this machine cannot be found: {0}")]
    Interfaces(io::Error),
    /// The system gave no thread, or nothing to wait with.
    #[error("the TURN thread cannot be started: {0}")]
    Thread(io::Error),
}

/// A running TURN server.
#[derive(Debug)]
pub struct TurnHandle {
    listeners: Listeners,
    task: JoinHandle<()>,
}

impl TurnHandle {
    /// Where it listens, with the ports that were really opened.
    #[must_use]
    pub const fn listeners(&self) -> Listeners {
        self.listeners
    }

    /// Where it listens for datagrams, with the port that was really opened.
    #[must_use]
    pub const fn udp_address(&self) -> Option<SocketAddr> {
        self.listeners.udp
    }

    /// Where it listens for streams, with the port that was really opened.
    #[must_use]
    pub const fn tcp_address(&self) -> Option<SocketAddr> {
        self.listeners.tcp
    }

    /// Where it listens for streams with TLS, with the port that was really opened.
    #[must_use]
    pub const fn tls_address(&self) -> Option<SocketAddr> {
        self.listeners.tls
    }

    /// Returns when it has stopped, which it does when its token is cancelled.
    pub async fn stopped(self) {
        if self.task.await.is_err() {
            tracing::error!("the TURN server panicked");
        }
    }
}

/// Opens the listeners of `config` and serves until `shutdown`; `None` when TURN is not configured.
/// `media` are the addresses and ports of the server's own media sockets: relays may reach them,
/// and nothing else of this machine but each other.
///
/// # Errors
/// When an address cannot be listened on.
pub async fn serve(
    config: &Config,
    media: impl IntoIterator<Item = SocketAddr>,
    shutdown: CancellationToken,
) -> Result<Option<TurnHandle>, TurnError> {
    let Some(turn) = &config.turn else {
        return Ok(None);
    };
    let poll = Poll::new().map_err(TurnError::Thread)?;
    let udp = match config.listen.turn_udp {
        Some(address) => {
            let socket = Socket::bind(address).and_then(|mut socket| {
                socket.allow_fragments()?;
                socket.register(poll.registry(), LISTENER)?;
                Ok(socket)
            });
            Some(socket.map_err(listen("turn_udp", address))?)
        }
        None => None,
    };
    let tcp = bind("turn_tcp", config.listen.turn_tcp).await?;
    let tls = bind("turn_tls", config.listen.turn_tls).await?;
    let acceptor = match &tls {
        Some(_) => Some(TlsAcceptor::from(tls::server_config_for(
            &config.tls,
            &ALPN,
        )?)),
        None => None,
    };
    let doorbell = Arc::new(Doorbell::new(poll.registry()).map_err(TurnError::Thread)?);
    let (inputs, waiting) = mpsc::channel(INPUTS_WAITING_MAX);
    let own = own::of_config(config);
    let listeners = Listeners {
        udp: udp.as_ref().and_then(|socket| socket.local_addr().ok()),
        tcp: tcp.as_ref().and_then(|listener| listener.local_addr().ok()),
        tls: tls.as_ref().and_then(|listener| listener.local_addr().ok()),
    };
    let plane = Plane {
        machine: Machine::new(settings(turn, &own, media)?, Instant::now()),
        ways: Ways::new(udp, relays(config, turn)?),
        poll,
        inputs: waiting,
        doorbell: Arc::clone(&doorbell),
        own,
        shutdown: shutdown.clone(),
    };
    let task = tokio::spawn(supervise(plane, Arc::clone(&doorbell), shutdown.clone()));
    let streams = Arc::new(Streams {
        inputs,
        doorbell,
        places: Places::default(),
        next: AtomicU64::new(0),
        shutdown,
    });
    if let Some(listener) = tcp {
        tokio::spawn(Arc::clone(&streams).serve(listener, None));
    }
    if let Some(listener) = tls {
        tokio::spawn(streams.serve(listener, acceptor));
    }
    Ok(Some(TurnHandle { listeners, task }))
}

fn listen(what: &'static str, address: SocketAddr) -> impl FnOnce(io::Error) -> TurnError {
    move |error| TurnError::Listen {
        what,
        address,
        error,
    }
}

async fn bind(
    what: &'static str,
    address: Option<SocketAddr>,
) -> Result<Option<TcpListener>, TurnError> {
    match address {
        Some(address) => {
            let listener = TcpListener::bind(address).await;
            listener.map(Some).map_err(listen(what, address))
        }
        None => Ok(None),
    }
}

fn settings(
    turn: &TurnSettings,
    own: &[IpAddr],
    media: impl IntoIterator<Item = SocketAddr>,
) -> Result<Settings, TurnError> {
    let mut nonce_key = [0; 32];
    getrandom::fill(&mut nonce_key).map_err(TurnError::Random)?;
    let interfaces = own::of_interfaces().map_err(TurnError::Interfaces)?;
    Ok(Settings {
        realm: turn.realm.clone(),
        secret: turn.secret.clone(),
        user_quota: turn.user_quota,
        total_quota: turn.total_quota,
        user_bytes_per_s: turn.user_bytes_per_s,
        total_bytes_per_s: turn.total_bytes_per_s,
        lifetime: turn.lifetime,
        relay_address: turn.relay_address,
        relay_address_ipv6: turn.relay_address_ipv6,
        policy: PeerPolicy {
            allow_loopback: turn.allow_loopback_peers,
            own: interfaces.into_iter().chain(own.iter().copied()).collect(),
            exempt: media.into_iter().collect(),
        },
        nonce_key,
    })
}

/// Where relay sockets are opened: on the listener's own address, unless that is of the other
/// kind; behind an address translator it is not the one that peers see.
fn relays(config: &Config, turn: &TurnSettings) -> Result<Relays, TurnError> {
    let listen = &config.listen;
    let listeners = [listen.turn_udp, listen.turn_tcp, listen.turn_tls];
    let first = listeners.into_iter().flatten().next().map(|l| l.ip());
    let own = first.unwrap_or(turn.relay_address);
    let second = turn.relay_address_ipv6.map_or(own, IpAddr::V6);
    if turn.relay_address_ipv6.is_some() {
        let address = SocketAddr::new(second, 0);
        // Said at the start rather than with 508 to the first client who asks.
        let tried = std::net::UdpSocket::bind(address);
        tried.map_err(self::listen("relay_address_ipv6", address))?;
    }
    Ok(Relays::new(own, second, turn.relay_ports))
}

/// Runs the thread, and wakes it for the shutdown.
async fn supervise(plane: Plane, doorbell: Arc<Doorbell>, shutdown: CancellationToken) {
    let (ended, end) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("turn".into())
        .spawn(move || {
            if let Err(error) = plane.run() {
                tracing::error!(%error, "the TURN server has stopped");
            }
            // Whoever waits for it may have gone.
            ended.send(()).ok();
        });
    if let Err(error) = thread {
        tracing::error!(%error, "the TURN thread cannot be started");
        return;
    }
    tokio::pin!(end);
    let ended = tokio::select! {
        ended = &mut end => ended,
        () = shutdown.cancelled() => {
            doorbell.ring();
            end.await
        }
    };
    if ended.is_err() {
        tracing::error!("the TURN server panicked");
    }
}
