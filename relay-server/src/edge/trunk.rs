//! The telephone side: SIP to and from gateways over UDP, TCP or TLS.
//!
//! Only configured gateways are spoken to. Connections to TCP and TLS gateways are kept up, with a
//! growing wait between attempts, so that a dead trunk is known before a caller needs it.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use vrs_domain::limit;
use vrs_sip::{FlowId, FlowKind, Framed, StreamFramer};

use super::{Arrival, FlowIds, Opened};

/// First and longest wait before a lost gateway is tried again.
const RECONNECT_FIRST: Duration = Duration::from_millis(500);
/// See [`RECONNECT_FIRST`].
const RECONNECT_MAX: Duration = Duration::from_secs(30);
/// Double CRLF keeps a stream's flow alive this often (RFC 5626 section 4.4.1).
const KEEP_ALIVE: Duration = Duration::from_secs(100);

/// How a gateway is reached.
#[derive(Clone)]
pub enum Transport {
    /// Datagrams; only to a gateway marked `plaintext`.
    Udp,
    /// A plain stream; only to a gateway marked `plaintext`.
    Tcp,
    /// TLS, with our certificate when the gateway connects to us.
    Tls {
        /// How we check the gateway.
        client: Arc<rustls::ClientConfig>,
        /// How we prove ourselves to it.
        server: Arc<rustls::ServerConfig>,
        /// The name its certificate must carry.
        name: ServerName<'static>,
    },
}

/// One gateway.
#[derive(Clone)]
pub struct Gateway {
    /// Its name in the configuration.
    pub name: String,
    /// Its address or host name; a name is looked up for every connection, because carriers move.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// Where we listen for it.
    pub local: SocketAddr,
    /// Our address as the gateway sees it, for Via and Contact.
    pub advertised: IpAddr,
    /// How it is reached.
    pub transport: Transport,
}

impl Gateway {
    async fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        Ok(found.collect())
    }

    async fn is_at(&self, ip: IpAddr) -> bool {
        let known = self.addresses().await.unwrap_or_default();
        known.iter().any(|address| address.ip() == ip)
    }
}

/// What a trunk port needs.
#[derive(Clone)]
pub struct TrunkPort {
    /// Where arrivals go.
    pub arrivals: mpsc::Sender<Arrival>,
    /// Hands out flow ids.
    pub flows: Arc<FlowIds>,
    /// Ends everything.
    pub stop: CancellationToken,
}

/// Binds what the gateway needs and starts serving it; returns the address we listen on.
///
/// # Errors
/// When the local address cannot be bound. A gateway that cannot be reached is no error: it is
/// tried again.
pub async fn start(gateway: Gateway, port: TrunkPort) -> std::io::Result<SocketAddr> {
    match gateway.transport {
        Transport::Udp => {
            let socket = UdpSocket::bind(gateway.local).await?;
            let local = seen_from(&gateway, socket.local_addr()?);
            // Only TLS gateways have names (the configuration sees to that).
            let addresses = gateway.addresses().await?;
            let peer = addresses.first().copied().ok_or(ErrorKind::NotFound)?;
            tokio::spawn(serve_udp(socket, local, peer, gateway.name, port));
            Ok(local)
        }
        Transport::Tcp | Transport::Tls { .. } => {
            let listener = TcpListener::bind(gateway.local).await?;
            let local = seen_from(&gateway, listener.local_addr()?);
            tokio::spawn(accept(listener, local, gateway.clone(), port.clone()));
            tokio::spawn(keep_connected(local, gateway, port));
            Ok(local)
        }
    }
}

fn seen_from(gateway: &Gateway, bound: SocketAddr) -> SocketAddr {
    SocketAddr::new(gateway.advertised, bound.port())
}

async fn serve_udp(
    socket: UdpSocket,
    local: SocketAddr,
    peer: SocketAddr,
    trunk: String,
    port: TrunkPort,
) {
    let flow = port.flows.next();
    let (outbox, mut outgoing) = mpsc::channel::<Vec<u8>>(limit::CONNECTION_QUEUE_MESSAGES_MAX);
    let opened = Opened {
        flow,
        kind: FlowKind::Datagram,
        local: local.to_string(),
        peer,
        trunk: Some(trunk),
        dialled: true,
        outbox,
    };
    if port.arrivals.send(Arrival::Opened(opened)).await.is_err() {
        return;
    }
    let mut buffer = vec![0_u8; limit::SIP_MESSAGE_BYTES_MAX];
    loop {
        tokio::select! {
            () = port.stop.cancelled() => return,
            message = outgoing.recv() => {
                let Some(bytes) = message else { return };
                if let Err(error) = socket.send_to(&bytes, peer).await {
                    debug!(%error, "a message to the gateway was not sent");
                }
            }
            received = socket.recv_from(&mut buffer) => match received {
                // Nobody but the gateway is listened to (A12).
                Ok((length, source)) if source == peer => {
                    let arrival = Arrival::Received { flow, bytes: buffer[..length].to_vec() };
                    if port.arrivals.send(arrival).await.is_err() { return; }
                }
                Ok(_) => debug!("dropped a datagram from an unknown address on the trunk port"),
                // ICMP errors of earlier sends come up here; timers notice a dead gateway.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

async fn accept(listener: TcpListener, local: SocketAddr, gateway: Gateway, port: TrunkPort) {
    loop {
        let accepted = tokio::select! {
            () = port.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) if gateway.is_at(peer.ip()).await => {
                let (gateway, port) = (gateway.clone(), port.clone());
                tokio::spawn(async move {
                    match gateway.transport {
                        Transport::Tls { server, .. } => {
                            let accepting = TlsAcceptor::from(server).accept(stream);
                            match tokio::time::timeout(limit::HANDSHAKE_TIMEOUT, accepting).await {
                                Ok(Ok(tls)) => {
                                    carry(
                                        tls,
                                        Connection::taken(&gateway.name, peer, local, true),
                                        &port,
                                    )
                                    .await
                                }
                                Ok(Err(error)) => info!(%error, "trunk: TLS refused"),
                                Err(_) => info!("trunk: TLS handshake took too long"),
                            }
                        }
                        Transport::Tcp | Transport::Udp => {
                            carry(
                                stream,
                                Connection::taken(&gateway.name, peer, local, false),
                                &port,
                            )
                            .await;
                        }
                    }
                });
            }
            Ok(_) => debug!("refused a connection from an unknown address on the trunk port"),
            Err(error) => {
                warn!(%error, "a trunk connection could not be accepted");
                tokio::time::sleep(RECONNECT_FIRST).await;
            }
        }
    }
}

async fn keep_connected(local: SocketAddr, gateway: Gateway, port: TrunkPort) {
    let mut wait = RECONNECT_FIRST;
    while !port.stop.is_cancelled() {
        match connect(&gateway).await {
            Ok((peer, Connected::Plain(stream))) => {
                wait = RECONNECT_FIRST;
                let connection = Connection::made(&gateway.name, peer, local, false);
                carry(stream, connection, &port).await;
            }
            Ok((peer, Connected::Tls(stream))) => {
                wait = RECONNECT_FIRST;
                let connection = Connection::made(&gateway.name, peer, local, true);
                carry(*stream, connection, &port).await;
            }
            Err(error) => {
                info!(trunk = gateway.name, %error, retry_s = wait.as_secs_f32(), "trunk not reached");
            }
        }
        tokio::select! {
            () = port.stop.cancelled() => return,
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(RECONNECT_MAX),
        }
    }
}

enum Connected {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

async fn connect(gateway: &Gateway) -> std::io::Result<(SocketAddr, Connected)> {
    let connecting = async {
        let stream = TcpStream::connect((gateway.host.as_str(), gateway.port)).await?;
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?;
        let connected = match &gateway.transport {
            Transport::Tls { client, name, .. } => {
                let connector = TlsConnector::from(Arc::clone(client));
                Connected::Tls(Box::new(connector.connect(name.clone(), stream).await?))
            }
            Transport::Tcp | Transport::Udp => Connected::Plain(stream),
        };
        Ok((peer, connected))
    };
    tokio::time::timeout(limit::HANDSHAKE_TIMEOUT, connecting).await?
}

/// What is known of a stream to or from a gateway.
struct Connection {
    trunk: String,
    peer: SocketAddr,
    local: SocketAddr,
    tls: bool,
    dialled: bool,
}

impl Connection {
    /// The gateway connected to us.
    fn taken(trunk: &str, peer: SocketAddr, local: SocketAddr, tls: bool) -> Self {
        Self {
            trunk: trunk.to_owned(),
            peer,
            local,
            tls,
            dialled: false,
        }
    }

    /// We connected to the gateway, and checked its certificate when it has one.
    fn made(trunk: &str, peer: SocketAddr, local: SocketAddr, tls: bool) -> Self {
        Self {
            dialled: true,
            ..Self::taken(trunk, peer, local, tls)
        }
    }
}

/// Moves messages between one stream and the signalling task until either ends.
async fn carry<S>(stream: S, connection: Connection, port: &TrunkPort)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let flow = port.flows.next();
    let (outbox, outgoing) = mpsc::channel(limit::CONNECTION_QUEUE_MESSAGES_MAX);
    let opened = Opened {
        flow,
        kind: FlowKind::Reliable {
            websocket: false,
            tls: connection.tls,
        },
        local: connection.local.to_string(),
        peer: connection.peer,
        trunk: Some(connection.trunk),
        dialled: connection.dialled,
        outbox,
    };
    if port.arrivals.send(Arrival::Opened(opened)).await.is_err() {
        return;
    }
    pump(stream, flow, outgoing, port).await;
    if port.arrivals.send(Arrival::Closed { flow }).await.is_err() {
        debug!("signalling stopped before the flow was closed");
    }
}

async fn pump<S>(
    mut stream: S,
    flow: FlowId,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    port: &TrunkPort,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut framer = StreamFramer::new();
    let mut buffer = vec![0_u8; 16 * 1024];
    let mut keep_alive = tokio::time::interval(KEEP_ALIVE);
    keep_alive.reset();
    loop {
        let to_send = tokio::select! {
            () = port.stop.cancelled() => return,
            message = outgoing.recv() => match message {
                Some(bytes) => bytes,
                None => return,
            },
            _ = keep_alive.tick() => b"\r\n\r\n".to_vec(),
            read = stream.read(&mut buffer) => {
                let Ok(length @ 1..) = read else { return };
                match deliver(&mut framer, &buffer[..length], flow, port).await {
                    Some(true) => b"\r\n".to_vec(),
                    Some(false) => continue,
                    None => return,
                }
            }
        };
        let sending = tokio::time::timeout(limit::HANDSHAKE_TIMEOUT, stream.write_all(&to_send));
        if !matches!(sending.await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Hands on every whole message; `Some(true)` when a keep-alive wants an answer, `None` at the end.
async fn deliver(
    framer: &mut StreamFramer,
    bytes: &[u8],
    flow: FlowId,
    port: &TrunkPort,
) -> Option<bool> {
    let mut answer_keep_alive = false;
    let mut framed = framer.push(bytes).and_then(|()| framer.poll());
    loop {
        match framed {
            Ok(Some(Framed::Message(bytes))) => {
                port.arrivals
                    .send(Arrival::Received { flow, bytes })
                    .await
                    .ok()?;
            }
            Ok(Some(Framed::Ping)) => answer_keep_alive = true,
            Ok(Some(Framed::Pong)) => {}
            Ok(None) => return Some(answer_keep_alive),
            Err(error) => {
                // After a framing error nothing more on this stream can be trusted (A03).
                info!(%error, "trunk stream closed");
                return None;
            }
        }
        framed = framer.poll();
    }
}
