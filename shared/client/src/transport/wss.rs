//! SIP over a secure WebSocket (RFC 7118): connect, carry whole messages, keep alive, notice death.
//!
//! One task owns the socket. It answers CRLF pings (RFC 5626 section 3.5.1) and WebSocket pings by
//! itself, sends its own, and gives the flow up when nothing was heard for three intervals.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use vrs_domain::limit::{
    CONNECTION_QUEUE_MESSAGES_MAX, HANDSHAKE_TIMEOUT, SIP_MESSAGE_BYTES_MAX,
    WEBSOCKET_PING_INTERVAL,
};

use super::address::ServerAddress;
use super::udp::local_address_toward;

/// The flow is dead when no byte came for this many ping intervals.
const SILENT_INTERVALS_MAX: u32 = 3;
/// How long the last messages and the close frame may take.
const FINISH_WITHIN: Duration = Duration::from_secs(1);
/// The keep-alive ping and pong of RFC 5626.
const CRLF_PING: &[u8] = b"\r\n\r\n";
const CRLF_PONG: &str = "\r\n";

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectError {
    /// No answer, or none that makes sense; trying again may help.
    #[error("{0}")]
    Unreachable(String),
    /// The server's certificate is not trusted; trying again will not help.
    #[error("{0}")]
    NotTrusted(String),
    /// The web server answered, but not with a WebSocket.
    #[error("the server answered with HTTP status {0} instead of a call service")]
    Refused(u16),
}

/// What comes from the server.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// One whole SIP message.
    Message(Vec<u8>),
    /// The connection is gone; nothing follows.
    Closed(String),
}

/// An open connection. Dropping it closes the socket.
pub(crate) struct Link {
    /// The server's address.
    pub(crate) server: SocketAddr,
    /// Which of our addresses led there at that time.
    pub(crate) local: Option<IpAddr>,
    outbox: Sender<Vec<u8>>,
    inbox: Receiver<LinkEvent>,
    task: JoinHandle<()>,
}

impl Link {
    /// Hands one SIP message to the socket's task.
    ///
    /// # Errors
    /// The message, when the connection takes no more: it is dead or hopelessly behind.
    pub(crate) fn send(&self, message: Vec<u8>) -> Result<(), Vec<u8>> {
        self.outbox
            .try_send(message)
            .map_err(tokio::sync::mpsc::error::TrySendError::into_inner)
    }

    /// The next message, or the end.
    pub(crate) async fn next(&mut self) -> LinkEvent {
        self.inbox
            .recv()
            .await
            .unwrap_or_else(|| LinkEvent::Closed("the connection's task ended".into()))
    }

    /// Sends what is waiting and a close frame, and waits until that is done.
    pub(crate) async fn finish(self) {
        let Self {
            outbox,
            mut task,
            inbox,
            ..
        } = self;
        drop(outbox);
        drop(inbox);
        if timeout(FINISH_WITHIN, &mut task).await.is_err() {
            task.abort();
        }
    }
}

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Connects, within [`HANDSHAKE_TIMEOUT`].
pub(crate) async fn connect(
    address: &ServerAddress,
    tls: Arc<ClientConfig>,
) -> Result<Link, ConnectError> {
    let (socket, server) = timeout(HANDSHAKE_TIMEOUT, handshake(address, tls))
        .await
        .map_err(|_| ConnectError::Unreachable(format!("{address} does not answer")))??;
    let (outbox, to_send) = channel(CONNECTION_QUEUE_MESSAGES_MAX);
    let (received, inbox) = channel(CONNECTION_QUEUE_MESSAGES_MAX);
    let task = tokio::spawn(async move {
        let detail = carry(socket, to_send, &received).await;
        // Nobody listening any more is the usual way to end.
        drop(received.send(LinkEvent::Closed(detail)).await);
    });
    Ok(Link {
        server,
        local: local_address_toward(server).ok(),
        outbox,
        inbox,
        task,
    })
}

async fn handshake(
    address: &ServerAddress,
    tls: Arc<ClientConfig>,
) -> Result<(Socket, SocketAddr), ConnectError> {
    let unreachable =
        |what: &dyn std::fmt::Display| ConnectError::Unreachable(format!("{address}: {what}"));
    let tcp = TcpStream::connect((address.host.as_str(), address.port))
        .await
        .map_err(|e| unreachable(&e))?;
    tcp.set_nodelay(true).map_err(|e| unreachable(&e))?;
    let server = tcp.peer_addr().map_err(|e| unreachable(&e))?;
    let name = ServerName::try_from(address.host.clone()).map_err(|e| unreachable(&e))?;
    let secure = TlsConnector::from(tls)
        .connect(name, tcp)
        .await
        .map_err(|e| tls_error(address, &e))?;
    let mut request = address
        .url()
        .into_client_request()
        .map_err(|e| unreachable(&e))?;
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
    let config = WebSocketConfig::default()
        .max_message_size(Some(SIP_MESSAGE_BYTES_MAX))
        .max_frame_size(Some(SIP_MESSAGE_BYTES_MAX))
        .max_write_buffer_size(4 * SIP_MESSAGE_BYTES_MAX + 256 * 1024);
    match tokio_tungstenite::client_async_with_config(request, secure, Some(config)).await {
        Ok((socket, _)) => Ok((socket, server)),
        Err(tungstenite::Error::Http(response)) => {
            Err(ConnectError::Refused(response.status().as_u16()))
        }
        Err(error) => Err(unreachable(&error)),
    }
}

/// Tells a certificate nobody vouches for from a line that is down.
fn tls_error(address: &ServerAddress, error: &std::io::Error) -> ConnectError {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(problem)) => {
            ConnectError::NotTrusted(format!("{address}: {problem}"))
        }
        Some(other) => {
            ConnectError::Unreachable(format!("{address}: no secure connection: {other}"))
        }
        None => ConnectError::Unreachable(format!("{address}: {error}")),
    }
}

/// Carries messages until the connection or the driver's interest ends; says why it ended.
async fn carry(
    mut socket: Socket,
    mut to_send: Receiver<Vec<u8>>,
    received: &Sender<LinkEvent>,
) -> String {
    let mut ping = interval_at(
        Instant::now() + WEBSOCKET_PING_INTERVAL,
        WEBSOCKET_PING_INTERVAL,
    );
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent_intervals = 0;
    loop {
        let outcome = tokio::select! {
            message = to_send.recv() => match message {
                Some(bytes) => socket.send(frame(bytes)).await,
                None => {
                    // The other end may be gone already; closing is a courtesy.
                    drop(socket.close(None).await);
                    return "closed".into();
                }
            },
            incoming = socket.next() => match incoming {
                None => return "the server closed the connection".into(),
                Some(Err(error)) => return error.to_string(),
                Some(Ok(message)) => {
                    silent_intervals = 0;
                    take(&mut socket, message, received).await
                }
            },
            _ = ping.tick() => {
                silent_intervals += 1;
                if silent_intervals >= SILENT_INTERVALS_MAX {
                    return "the server has gone silent".into();
                }
                socket.send(Message::Ping(tungstenite::Bytes::new())).await
            }
        };
        if let Err(error) = outcome {
            return error.to_string();
        }
    }
}

async fn take(
    socket: &mut Socket,
    message: Message,
    received: &Sender<LinkEvent>,
) -> Result<(), tungstenite::Error> {
    let bytes = match message {
        Message::Text(text) => text.as_bytes().to_vec(),
        Message::Binary(bytes) => bytes.to_vec(),
        // Pings are answered and closes confirmed by the library; the stream then ends by itself.
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
            return Ok(());
        }
    };
    if bytes == CRLF_PING {
        return socket.send(Message::text(CRLF_PONG)).await;
    }
    if bytes.iter().all(|b| matches!(b, b'\r' | b'\n')) {
        return Ok(());
    }
    // A driver that has no room makes the server wait: SIP is control and is never dropped.
    received
        .send(LinkEvent::Message(bytes))
        .await
        .map_err(|_| tungstenite::Error::AlreadyClosed)
}

/// RFC 7118 section 4.2: text when it is UTF-8, else binary.
fn frame(bytes: Vec<u8>) -> Message {
    match String::from_utf8(bytes) {
        Ok(text) => Message::text(text),
        Err(error) => Message::binary(error.into_bytes()),
    }
}
