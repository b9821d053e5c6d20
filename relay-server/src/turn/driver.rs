//! The sockets around [`super::machine`]: one task owns the machine, relays and streams have small
//! tasks that only read, everything between them is bounded and drops when full.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::framing::Framer;
use super::machine::{Client, Machine, Moment, Output, RelayId, Settings, Transport};
use super::peer::PeerPolicy;
use crate::config::Config;

/// Datagrams from relays and streams that may wait for the machine.
const INPUTS_WAITING_MAX: usize = 4096;
/// Units that may wait to be written to one stream; further ones are dropped.
const STREAM_UNITS_MAX: usize = 256;
/// Streams at once.
const STREAMS_MAX: usize = 1000;
/// A stream without a byte for this long is closed; clients refresh more often.
const STREAM_IDLE: Duration = Duration::from_secs(900);
/// A stream must have sent its first whole unit within this time.
const STREAM_FIRST: Duration = Duration::from_secs(10);
/// Largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Ports tried in a configured range before a relay is refused.
const PORTS_TRIED_MAX: usize = 64;

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
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

/// A running TURN server.
#[derive(Debug)]
pub struct TurnHandle {
    udp: Option<SocketAddr>,
    tcp: Option<SocketAddr>,
    task: JoinHandle<()>,
}

impl TurnHandle {
    /// Where it listens for datagrams, with the port that was really opened.
    #[must_use]
    pub const fn udp_address(&self) -> Option<SocketAddr> {
        self.udp
    }

    /// Where it listens for streams, with the port that was really opened.
    #[must_use]
    pub const fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp
    }

    /// Returns when it has stopped, which it does when its token is cancelled.
    pub async fn stopped(self) {
        if self.task.await.is_err() {
            tracing::error!("the TURN server panicked");
        }
    }
}

/// Opens the listeners of `config` and serves until `shutdown`; `None` when TURN is not configured.
/// `media` are the addresses and ports of the server's own media sockets: relays may reach them, and
/// nothing else of this machine.
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
    let mut nonce_key = [0; 32];
    getrandom::fill(&mut nonce_key).map_err(TurnError::Random)?;
    let udp = match config.listen.turn_udp {
        Some(address) => Some(Arc::new(UdpSocket::bind(address).await.map_err(
            |error| TurnError::Listen {
                what: "turn_udp",
                address,
                error,
            },
        )?)),
        None => None,
    };
    let tcp = match config.listen.turn_tcp {
        Some(address) => {
            Some(
                TcpListener::bind(address)
                    .await
                    .map_err(|error| TurnError::Listen {
                        what: "turn_tcp",
                        address,
                        error,
                    })?,
            )
        }
        None => None,
    };
    let udp_address = udp.as_ref().and_then(|s| s.local_addr().ok());
    let tcp_address = tcp.as_ref().and_then(|l| l.local_addr().ok());
    let listeners = [config.listen.turn_udp, config.listen.turn_tcp];
    let bind = listeners
        .iter()
        .flatten()
        .next()
        .map_or(turn.relay_address, SocketAddr::ip);
    let own = listeners
        .iter()
        .flatten()
        .map(SocketAddr::ip)
        .chain([turn.relay_address, config.listen.media_address]);
    let policy = PeerPolicy {
        allow_loopback: turn.allow_loopback_peers,
        own: own.collect(),
        exempt: media.into_iter().collect(),
    };
    let settings = Settings {
        realm: turn.realm.clone(),
        secret: turn.secret.clone(),
        user_quota: turn.user_quota,
        total_quota: turn.total_quota,
        lifetime: turn.lifetime,
        relay_address: turn.relay_address,
        policy,
        nonce_key,
    };
    let (inputs, waiting) = mpsc::channel(INPUTS_WAITING_MAX);
    let driver = Driver {
        machine: Machine::new(settings, Instant::now()),
        udp,
        relays: HashMap::new(),
        streams: HashMap::new(),
        inputs,
        bind,
        ports: turn.relay_ports,
        next_port: 0,
        shutdown,
    };
    let task = tokio::spawn(driver.run(tcp, waiting));
    Ok(Some(TurnHandle {
        udp: udp_address,
        tcp: tcp_address,
        task,
    }))
}

enum Input {
    FromPeer {
        relay: RelayId,
        peer: SocketAddr,
        bytes: Vec<u8>,
    },
    FromStream {
        client: Client,
        bytes: Vec<u8>,
    },
    StreamGone {
        client: Client,
    },
}

struct Relay {
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

struct Driver {
    machine: Machine,
    udp: Option<Arc<UdpSocket>>,
    relays: HashMap<RelayId, Relay>,
    streams: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>,
    inputs: mpsc::Sender<Input>,
    bind: IpAddr,
    ports: Option<(u16, u16)>,
    next_port: usize,
    shutdown: CancellationToken,
}

fn moment() -> Moment {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Moment {
        mono: Instant::now(),
        unix_s: unix.as_secs(),
    }
}

impl Driver {
    async fn run(mut self, tcp: Option<TcpListener>, mut waiting: mpsc::Receiver<Input>) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let udp = self.udp.clone();
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                received = receive(udp.as_deref(), &mut buffer) => {
                    // An error here is an ICMP answer to something sent; the socket goes on.
                    if let Ok((length, address)) = received {
                        let client = Client { transport: Transport::Udp, address };
                        self.machine.from_client(moment(), client, &buffer[..length]);
                    }
                }
                accepted = accept(tcp.as_ref()) => match accepted {
                    Ok((stream, address)) => self.open_stream(stream, address),
                    // Out of files: let others close some before trying again (R30).
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
                Some(input) = waiting.recv() => self.take(input),
                _ = second.tick() => {
                    self.machine.handle_timeout(moment());
                    metrics::gauge!("visavis_turn_allocations").set(f64::from(u32::try_from(self.machine.allocations()).unwrap_or(u32::MAX)));
                }
            }
            self.drain();
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::FromPeer { relay, peer, bytes } => {
                self.machine.from_peer(moment(), relay, peer, &bytes)
            }
            Input::FromStream { client, bytes } => {
                self.machine.from_client(moment(), client, &bytes)
            }
            Input::StreamGone { client } => {
                self.streams.remove(&client.address);
                self.machine.client_gone(client);
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::ToClient { client, bytes } => self.to_client(client, bytes),
                Output::ToPeer { relay, peer, bytes } => {
                    // Media drops: a full socket buffer is not waited for.
                    if let Some(relay) = self.relays.get(&relay)
                        && relay.socket.try_send_to(&bytes, peer).is_err()
                    {
                        metrics::counter!("visavis_turn_dropped_total").increment(1);
                    }
                }
                Output::OpenRelay { relay, even } => {
                    let port = self.open_relay(relay, even);
                    self.machine.relay_opened(relay, port);
                }
                Output::CloseRelay { relay } => drop(self.relays.remove(&relay)),
            }
        }
    }

    fn to_client(&self, client: Client, bytes: Vec<u8>) {
        let sent = match client.transport {
            Transport::Udp => self
                .udp
                .as_ref()
                .is_some_and(|s| s.try_send_to(&bytes, client.address).is_ok()),
            Transport::Tcp => self
                .streams
                .get(&client.address)
                .is_some_and(|s| s.try_send(bytes).is_ok()),
        };
        if !sent {
            metrics::counter!("visavis_turn_dropped_total").increment(1);
        }
    }

    fn open_relay(&mut self, relay: RelayId, even: bool) -> Option<u16> {
        let socket = Arc::new(self.bind_relay(even)?);
        let port = socket.local_addr().ok()?.port();
        let reader = tokio::spawn(read_relay(relay, Arc::clone(&socket), self.inputs.clone()));
        self.relays.insert(relay, Relay { socket, reader });
        Some(port)
    }

    fn bind_relay(&mut self, even: bool) -> Option<UdpSocket> {
        let open = |port| {
            let socket = std::net::UdpSocket::bind((self.bind, port)).ok()?;
            socket.set_nonblocking(true).ok()?;
            UdpSocket::from_std(socket).ok()
        };
        let fits =
            |socket: &UdpSocket| !even || socket.local_addr().is_ok_and(|a| a.port() % 2 == 0);
        let Some((low, high)) = self.ports else {
            return (0..PORTS_TRIED_MAX).map_while(|_| open(0)).find(fits);
        };
        let count = usize::from(high - low) + 1;
        let first = self.next_port;
        for step in 0..count.min(PORTS_TRIED_MAX) {
            let offset = (first + step) % count;
            if let Some(socket) = u16::try_from(offset)
                .ok()
                .and_then(|o| open(low + o))
                .filter(fits)
            {
                self.next_port = (offset + 1) % count;
                return Some(socket);
            }
        }
        self.next_port = (first + PORTS_TRIED_MAX) % count;
        None
    }

    fn open_stream(&mut self, stream: TcpStream, address: SocketAddr) {
        if self.streams.len() >= STREAMS_MAX {
            return;
        }
        let (read, write) = stream.into_split();
        let (units, outgoing) = mpsc::channel(STREAM_UNITS_MAX);
        self.streams.insert(address, units);
        let client = Client {
            transport: Transport::Tcp,
            address,
        };
        tokio::spawn(serve_stream(
            client,
            read,
            write,
            self.inputs.clone(),
            outgoing,
            self.shutdown.clone(),
        ));
    }
}

/// Waits for ever when there is no listener.
async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(buffer).await,
        None => std::future::pending().await,
    }
}

/// Waits for ever when there is no listener.
async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn read_relay(relay: RelayId, socket: Arc<UdpSocket>, inputs: mpsc::Sender<Input>) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else {
            // An ICMP answer to something sent; yield so that a stream of them cannot spin.
            tokio::task::yield_now().await;
            continue;
        };
        let input = Input::FromPeer {
            relay,
            peer,
            bytes: buffer[..length].to_vec(),
        };
        match inputs.try_send(input) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                metrics::counter!("visavis_turn_dropped_total").increment(1)
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return,
        }
    }
}

async fn serve_stream(
    client: Client,
    read: OwnedReadHalf,
    mut write: OwnedWriteHalf,
    inputs: mpsc::Sender<Input>,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    shutdown: CancellationToken,
) {
    let writer = async {
        while let Some(unit) = outgoing.recv().await {
            let written = tokio::time::timeout(STREAM_FIRST, write.write_all(&unit)).await;
            if !matches!(written, Ok(Ok(()))) {
                return;
            }
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = writer => {}
        () = read_stream(client, read, &inputs) => {}
    }
    // The machine must hear of it even when it is busy, or the allocation stays.
    if inputs.send(Input::StreamGone { client }).await.is_err() {
        tracing::trace!("the TURN server has stopped");
    }
}

async fn read_stream(client: Client, mut read: OwnedReadHalf, inputs: &mpsc::Sender<Input>) {
    let mut framer = Framer::default();
    let mut buffer = vec![0; 16 * 1024];
    let mut deadline = tokio::time::Instant::now() + STREAM_FIRST;
    loop {
        let Ok(Ok(length @ 1..)) = tokio::time::timeout_at(deadline, read.read(&mut buffer)).await
        else {
            return;
        };
        framer.push(&buffer[..length]);
        loop {
            match framer.next() {
                Ok(Some(bytes)) => {
                    deadline = tokio::time::Instant::now() + STREAM_IDLE;
                    // A stream waits, which slows its sender down; it must not lose a unit.
                    if inputs
                        .send(Input::FromStream { client, bytes })
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}
