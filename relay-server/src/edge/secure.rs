//! The secure port: HTTPS and SIP over WebSocket (RFC 7118) behind one TLS listener.
//!
//! We accept connections ourselves rather than through a ready-made server so that a slow or
//! plain-text client meets a deadline and a limit before it costs anything (A17, A20).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use vrs_domain::limit;
use vrs_sip::{FlowId, FlowKind};

use super::limits::{Permit, Places};
use super::{Arrival, FlowIds, Opened};

/// What a plain-text client is told before it is cut off.
const TLS_ONLY: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\
    content-length: 55\r\n\r\nThis port speaks TLS only: use https:// or wss:// here\n";
/// First byte of a TLS handshake record (RFC 8446 section 5.1).
const TLS_HANDSHAKE_RECORD: u8 = 22;
/// A connection with this many missed pings in a row is dead.
const PINGS_MISSED_MAX: u32 = 3;

/// What the secure port needs.
#[derive(Clone)]
pub struct SecurePort {
    /// Where arrivals go.
    pub arrivals: mpsc::Sender<Arrival>,
    /// Hands out flow ids.
    pub flows: Arc<FlowIds>,
    /// Our end as put into Via and Contact.
    pub local: String,
    /// Answers whether the server takes new work.
    pub ready: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// Only when the listener itself fails; a bad client never ends it.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    port: SecurePort,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let acceptor = TlsAcceptor::from(tls);
    let places = Places::default();
    let router = Router::new()
        .route("/sip", get(sip))
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(ready));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: wait instead of spinning (R30).
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let permit = match places.admit(peer.ip()) {
            Ok(permit) => Arc::new(permit),
            Err(_) => {
                debug!("connection refused: too many stand already");
                continue;
            }
        };
        let (acceptor, port, stop) = (acceptor.clone(), port.clone(), stop.clone());
        let router = router.clone().with_state(Client {
            port,
            peer,
            stop: stop.clone(),
            _permit: permit,
        });
        tokio::spawn(async move {
            let served = serve_one(stream, acceptor, router, stop).await;
            if let Err(error) = served {
                debug!(%error, "connection ended");
            }
        });
    }
}

/// One connection from TLS handshake to close.
async fn serve_one(
    mut stream: TcpStream,
    acceptor: TlsAcceptor,
    router: Router,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let handshake = async {
        let mut first = [0_u8; 1];
        stream.peek(&mut first).await?;
        if first[0] != TLS_HANDSHAKE_RECORD {
            info!("refused a connection without TLS on the secure port");
            stream.write_all(TLS_ONLY.as_bytes()).await?;
            stream.shutdown().await?;
            return Ok(None);
        }
        acceptor.accept(stream).await.map(Some)
    };
    let Some(tls) = tokio::time::timeout(limit::HANDSHAKE_TIMEOUT, handshake).await?? else {
        return Ok(());
    };
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limit::HANDSHAKE_TIMEOUT)
        .max_buf_size(16 * 1024)
        .max_headers(100)
        .serve_connection(TokioIo::new(tls), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        served = connection.as_mut() => Ok(served?),
        () = stop.cancelled() => Ok(()),
    }
}

/// What a request handler knows of the connection it serves.
#[derive(Clone)]
struct Client {
    port: SecurePort,
    peer: SocketAddr,
    stop: CancellationToken,
    /// A WebSocket outlives the HTTP connection it came from, and keeps its place.
    _permit: Arc<Permit>,
}

async fn ready(State(client): State<Client>) -> Response {
    if (client.port.ready)() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}

/// The WebSocket of RFC 7118: refused unless the client speaks subprotocol `sip`.
async fn sip(
    State(client): State<Client>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let offers_sip = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim() == "sip");
    if !offers_sip {
        let text = "WebSocket subprotocol 'sip' (RFC 7118) must be offered\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    upgrade
        .protocols(["sip"])
        .max_message_size(limit::SIP_MESSAGE_BYTES_MAX)
        .max_frame_size(limit::SIP_MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| carry(socket, client))
}

/// Moves messages between one WebSocket and the signalling task until either ends.
async fn carry(socket: WebSocket, client: Client) {
    let flow = client.port.flows.next();
    let (outbox, outgoing) = mpsc::channel(limit::CONNECTION_QUEUE_MESSAGES_MAX);
    let opened = Opened {
        flow,
        kind: FlowKind::Reliable {
            websocket: true,
            tls: true,
        },
        local: client.port.local.clone(),
        peer: client.peer,
        trunk: None,
        dialled: false,
        outbox,
    };
    if client
        .port
        .arrivals
        .send(Arrival::Opened(opened))
        .await
        .is_err()
    {
        return;
    }
    pump(socket, flow, outgoing, &client).await;
    // The signalling task is gone only when the server stops; nobody is left to be told then.
    if client
        .port
        .arrivals
        .send(Arrival::Closed { flow })
        .await
        .is_err()
    {
        debug!("signalling stopped before the flow was closed");
    }
}

async fn pump(
    socket: WebSocket,
    flow: FlowId,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
    client: &Client,
) {
    let (mut sink, mut source) = socket.split();
    let mut ping = tokio::time::interval(limit::WEBSOCKET_PING_INTERVAL);
    ping.reset();
    let mut missed = 0;
    loop {
        let to_send = tokio::select! {
            () = client.stop.cancelled() => {
                send(&mut sink, close(close_code::AWAY, "the service is stopping")).await;
                return;
            }
            message = outgoing.recv() => match message {
                Some(bytes) => frame(bytes),
                None => {
                    send(&mut sink, close(close_code::POLICY, "closed by the service")).await;
                    return;
                }
            },
            _ = ping.tick() => {
                missed += 1;
                if missed > PINGS_MISSED_MAX {
                    return;
                }
                Message::Ping(Vec::new().into())
            }
            received = source.next() => {
                missed = 0;
                match received {
                    Some(Ok(Message::Text(text))) => {
                        if !receive(flow, text.as_bytes(), client, &mut sink).await { return; }
                        continue;
                    }
                    Some(Ok(Message::Binary(bytes))) => {
                        if !receive(flow, &bytes, client, &mut sink).await { return; }
                        continue;
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_))) | None => return,
                    Some(Err(error)) => {
                        // Too large, not masked, bad UTF-8 ...: the library names the cause (A17).
                        info!(flow = flow.0, %error, "WebSocket closed");
                        send(&mut sink, close(close_code::SIZE, "message refused")).await;
                        return;
                    }
                }
            }
        };
        if !send(&mut sink, to_send).await {
            return;
        }
    }
}

/// Sends within a bounded time: a peer that reads nothing is given up (R20).
async fn send(sink: &mut Sink, message: Message) -> bool {
    let sent = tokio::time::timeout(limit::HANDSHAKE_TIMEOUT, sink.send(message)).await;
    matches!(sent, Ok(Ok(())))
}

type Sink = futures_util::stream::SplitSink<WebSocket, Message>;

/// Hands one message on; CRLF keep-alives (RFC 5626 section 3.5.1) are answered here.
async fn receive(flow: FlowId, bytes: &[u8], client: &Client, sink: &mut Sink) -> bool {
    if bytes.iter().all(|b| matches!(b, b'\r' | b'\n')) {
        if bytes == b"\r\n\r\n" {
            return send(sink, Message::Text("\r\n".into())).await;
        }
        return true;
    }
    let arrival = Arrival::Received {
        flow,
        bytes: bytes.to_vec(),
    };
    client.port.arrivals.send(arrival).await.is_ok()
}

/// SIP text goes in a text frame; a body that is not UTF-8 needs a binary one (RFC 7118 section 4.2).
fn frame(bytes: Vec<u8>) -> Message {
    match String::from_utf8(bytes) {
        Ok(text) => Message::Text(text.into()),
        Err(error) => Message::Binary(error.into_bytes().into()),
    }
}

fn close(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame {
        code,
        reason: reason.into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_text_answer_states_its_own_length() {
        let (head, body) = TLS_ONLY.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())));
    }
}
