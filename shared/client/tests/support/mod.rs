//! A small server for these tests: TLS, WebSocket, a digest registrar, and one call whose picture,
//! sound and text it sends back. Built from the same pure machines as the client, so it is no
//! proof of interoperability; it is there to see what the engine does.

#![allow(dead_code, reason = "each test program uses its own part")]

pub(crate) mod watch;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver as StdReceiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{
    Request as UpgradeRequest, Response as UpgradeResponse,
};
use vrs_media::{Certificate, MediaKind, Peer, PeerConfig, PeerEvent, PeerOutput, Receive};
use vrs_sip::digest::{Algorithm, Authenticator, ha1};
use vrs_sip::{
    Body, CallHandle, Endpoint, EndpointConfig, Event, FlowAddress, FlowId, FlowKind, InviteParams,
    NameAddr, Output, Reason, Request, Role, TransactionHandle, Uri,
};

/// The only password there is.
pub(crate) const PASSWORD: &str = "correct horse";
/// Everything waits at most this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const REALM: &str = "localhost";

/// What a test tells the server to do.
pub(crate) enum Order {
    /// Send these octets on every connection.
    Raw(Vec<u8>),
    /// Cut every connection, as a network does.
    Cut,
    /// Send this vrs-status body in the call.
    Status(String),
    /// Hang up with these words.
    Bye { reason: Reason, word: &'static str },
    /// Call whoever is registered, with these headers.
    Invite(Vec<(String, String)>),
    /// Withdraw that call.
    Cancel,
    /// Offer the same session again.
    Refresh,
}

/// What a test may wait for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    Refused,
    Registered { availability: Option<String> },
    Unregistered,
    Invited,
    Confirmed,
    CallEnded { vrs_reason: Option<String> },
    Rejected { status: u16 },
    Refreshed { status: u16 },
    Text(String),
    FlowClosed,
    Pong,
}

/// How the server meets an INVITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    /// 182, then 200 and an echo.
    Echo,
    /// 182 for ever.
    Queue,
    /// A refusal with its reason.
    Refuse,
}

/// A running server; it ends with the test process.
pub(crate) struct TestServer {
    pub(crate) address: String,
    pub(crate) ca_file: PathBuf,
    seen: StdReceiver<Seen>,
    orders: Sender<Order>,
    _dir: tempfile::TempDir,
}

impl TestServer {
    pub(crate) fn start(calls: Calls) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let own = rcgen::generate_simple_self_signed(names).unwrap();
        let ca_file = dir.path().join("ca.pem");
        std::fs::write(&ca_file, own.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (seen_to, seen) = sync_channel(256);
        let (orders, order_inbox) = channel(16);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        std::thread::Builder::new()
            .name("test-server".into())
            .spawn(move || {
                runtime.block_on(async move {
                    let listener = TcpListener::from_std(listener).unwrap();
                    Server::new(calls, seen_to)
                        .run(listener, Arc::new(tls), order_inbox)
                        .await;
                });
            })
            .unwrap();
        Self {
            address,
            ca_file,
            seen,
            orders,
            _dir: dir,
        }
    }

    pub(crate) fn order(&self, order: Order) {
        self.orders.blocking_send(order).ok().unwrap();
    }

    /// Waits until the server saw what `wanted` accepts; what came before is passed over.
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let seen = self
                .seen
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("the server never saw {what}"));
            if wanted(&seen) {
                return seen;
            }
        }
    }

    /// How many of what `wanted` accepts were seen and not waited for.
    pub(crate) fn count_now(&self, wanted: impl Fn(&Seen) -> bool) -> usize {
        self.seen.try_iter().filter(wanted).count()
    }
}

/// What comes from a connection's task; `None`: it ended.
type Arrived = (FlowId, Option<Vec<u8>>);

struct Server {
    calls: Calls,
    seen: SyncSender<Seen>,
    endpoint: Endpoint,
    authenticator: Authenticator,
    connections: HashMap<FlowId, (Sender<Vec<u8>>, JoinHandle<()>)>,
    next_flow: u64,
    registered: Option<(FlowId, String)>,
    call: Option<CallHandle>,
    echo: Option<Echo>,
}

/// The media end that sends everything back.
struct Echo {
    peer: Peer,
    socket: UdpSocket,
    local: SocketAddr,
    sdp: String,
}

impl Server {
    fn new(calls: Calls, seen: SyncSender<Seen>) -> Self {
        let config = EndpointConfig {
            user_agent: "test server".into(),
            seed: [7; 32],
            role: Role::Server,
            info_packages: Vec::new(),
        };
        let algorithms = vec![Algorithm::Sha512_256, Algorithm::Sha256];
        Self {
            calls,
            seen,
            endpoint: Endpoint::new(config, Instant::now()),
            authenticator: Authenticator::new(REALM, [9; 32], algorithms, Duration::from_secs(300)),
            connections: HashMap::new(),
            next_flow: 1,
            registered: None,
            call: None,
            echo: None,
        }
    }

    async fn run(
        mut self,
        listener: TcpListener,
        tls: Arc<rustls::ServerConfig>,
        mut orders: Receiver<Order>,
    ) {
        let (arrived_to, mut arrived) = channel::<Arrived>(64);
        let mut far = Instant::now() + Duration::from_secs(3600);
        loop {
            let media_due = self.echo.as_mut().and_then(|echo| echo.peer.poll_timeout());
            let deadline = [self.endpoint.poll_timeout(), media_due, Some(far)]
                .into_iter()
                .flatten()
                .min()
                .unwrap();
            let echo = &self.echo;
            let readable = async {
                match echo {
                    Some(echo) => echo.socket.readable().await.unwrap(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                accepted = listener.accept() => {
                    let flow = FlowId(self.next_flow);
                    self.next_flow += 1;
                    let (send, outbox) = channel(64);
                    let (tcp, tls, arrived_to) = (accepted.unwrap().0, Arc::clone(&tls), arrived_to.clone());
                    let task = tokio::spawn(carry(flow, tcp, tls, outbox, arrived_to));
                    self.connections.insert(flow, (send, task));
                    let local = FlowAddress { via_sent_by: "localhost".into(), contact_host_port: "localhost".into() };
                    self.endpoint.open_flow(flow, FlowKind::Reliable { websocket: true, tls: true }, local);
                }
                message = arrived.recv() => match message.unwrap() {
                    (_, Some(bytes)) if bytes == b"\r\n" => self.tell(Seen::Pong),
                    (flow, Some(bytes)) => self.endpoint.receive(Instant::now(), flow, &bytes),
                    (flow, None) => self.close(flow),
                },
                order = orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                () = readable => self.receive_media(),
                () = tokio::time::sleep_until(deadline.into()) => {
                    far = Instant::now() + Duration::from_secs(3600);
                    self.endpoint.handle_timeout(Instant::now());
                    if let Some(echo) = &mut self.echo {
                        echo.peer.handle_timeout(Instant::now());
                    }
                }
            }
            self.flush();
        }
    }

    fn close(&mut self, flow: FlowId) {
        if self.connections.remove(&flow).is_some() {
            self.endpoint.close_flow(Instant::now(), flow);
            self.tell(Seen::FlowClosed);
        }
    }

    fn tell(&self, seen: Seen) {
        drop(self.seen.try_send(seen));
    }

    fn obey(&mut self, order: Order) {
        let now = Instant::now();
        match order {
            Order::Cut => {
                for (flow, (_, task)) in std::mem::take(&mut self.connections) {
                    task.abort();
                    self.endpoint.close_flow(now, flow);
                }
            }
            Order::Raw(bytes) => {
                for (send, _) in self.connections.values() {
                    drop(send.try_send(bytes.clone()));
                }
            }
            Order::Status(json) => {
                let headers = vec![("Info-Package".into(), "vrs-status".into())];
                self.endpoint.info(
                    now,
                    self.call.unwrap(),
                    headers,
                    Body::new("application/vrs-status+json", json),
                );
            }
            Order::Bye { reason, word } => {
                let headers = vec![("VRS-Reason".into(), word.into())];
                self.endpoint
                    .hang_up_with(now, self.call.unwrap(), Some(reason), headers);
            }
            Order::Cancel => self.endpoint.hang_up(now, self.call.unwrap(), None),
            Order::Refresh => {
                let sdp = self.echo.as_ref().unwrap().sdp.clone();
                self.endpoint
                    .reinvite(now, self.call.unwrap(), Body::sdp(&sdp));
            }
            Order::Invite(headers) => {
                let (flow, user) = self.registered.clone().unwrap();
                let (peer, socket, local, sdp) =
                    media(|config| Peer::offerer(config, now).unwrap());
                let target = Uri::sip_at(&user, REALM);
                let params = InviteParams {
                    to: NameAddr::new(target.clone()),
                    target,
                    from: NameAddr::new(Uri::sip_at("relay", REALM)),
                    contact_user: "relay".into(),
                    headers,
                    body: Body::sdp(&sdp),
                    credentials: None,
                };
                self.echo = Some(Echo {
                    peer,
                    socket,
                    local,
                    sdp,
                });
                self.call = Some(self.endpoint.invite(now, flow, params));
            }
        }
    }

    fn receive_media(&mut self) {
        let Some(echo) = &mut self.echo else { return };
        let mut buffer = [0; 2048];
        while let Ok((length, source)) = echo.socket.try_recv_from(&mut buffer) {
            echo.peer
                .handle_datagram(Instant::now(), source, echo.local, &buffer[..length]);
        }
    }

    fn flush(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => {
                    if let Some((send, _)) = self.connections.get(&flow) {
                        drop(send.try_send(bytes));
                    }
                }
                Output::Event(event) => self.on_event(event),
            }
        }
        self.flush_media();
    }

    /// Sends picture, sound and text back to whoever sent them.
    fn flush_media(&mut self) {
        let now = Instant::now();
        let Some(echo) = &mut self.echo else { return };
        let mut texts = Vec::new();
        while let Some(output) = echo.peer.poll_output() {
            match output {
                PeerOutput::Transmit {
                    destination, bytes, ..
                } => drop(echo.socket.try_send_to(&bytes, destination)),
                PeerOutput::Event(PeerEvent::Rtp { kind, packet }) if kind != MediaKind::Text => {
                    if echo.peer.send_rtp(now, &packet) {
                        echo.peer.request_keyframe(now);
                    }
                }
                PeerOutput::Event(PeerEvent::KeyframeRequested { .. }) => {
                    echo.peer.request_keyframe(now)
                }
                PeerOutput::Event(PeerEvent::Text(text)) => {
                    echo.peer.send_text(now, &text.text);
                    texts.push(text);
                }
                PeerOutput::Event(_) => {}
            }
        }
        for text in texts {
            self.tell(Seen::Text(text.text));
        }
    }

    fn on_event(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::IncomingRequest { txn, flow, request } => {
                self.on_register(now, txn, flow, &request)
            }
            Event::IncomingInvite { call, request, .. } => self.on_invite(now, call, &request),
            Event::Answered { response, .. } => {
                let answer = String::from_utf8(response.body).unwrap();
                self.echo
                    .as_mut()
                    .unwrap()
                    .peer
                    .accept_answer(now, &answer)
                    .unwrap();
                self.tell(Seen::Confirmed);
            }
            Event::Acked { .. } => self.tell(Seen::Confirmed),
            Event::Failed { status, .. } => self.tell(Seen::Rejected { status }),
            Event::Ended { headers, .. } => {
                self.echo = None;
                self.tell(Seen::CallEnded {
                    vrs_reason: headers.get("VRS-Reason").map(str::to_owned),
                });
            }
            Event::Cancelled { .. } => self.tell(Seen::CallEnded { vrs_reason: None }),
            Event::ReinviteResult { status, .. } => self.tell(Seen::Refreshed { status }),
            _ => {}
        }
    }

    fn on_register(
        &mut self,
        now: Instant,
        txn: TransactionHandle,
        flow: FlowId,
        request: &Request,
    ) {
        let lookup = |user: &str, algorithm| Some(ha1(algorithm, user, REALM, PASSWORD));
        let verified = request.headers.get("Authorization").map(|value| {
            self.authenticator.verify(
                now,
                "REGISTER",
                &request.uri.to_string(),
                &request.body,
                value,
                lookup,
            )
        });
        match verified {
            Some(Ok(_)) => {
                let contact = request.headers.get("Contact").unwrap().to_owned();
                let expires = request.headers.expires(600).unwrap_or(600);
                let leaving = expires == 0 || contact.contains("expires=0");
                let user = request.headers.to().unwrap().uri.user_decoded().unwrap();
                // Half of this is the refresh; short enough to be seen in a test, long enough not to disturb one.
                let granted = if leaving {
                    Vec::new()
                } else {
                    vec![("Contact".into(), format!("{contact};expires=600"))]
                };
                self.endpoint.respond(now, txn, 200, granted, None);
                if leaving {
                    return self.tell(Seen::Unregistered);
                }
                self.registered = Some((flow, user));
                if let Some(call) = self.call {
                    self.endpoint.move_call(call, flow);
                }
                self.tell(Seen::Registered {
                    availability: request.headers.get("VRS-Availability").map(str::to_owned),
                });
            }
            refused => {
                if refused.is_some() {
                    self.tell(Seen::Refused);
                }
                let challenges = self.authenticator.challenge(now);
                let headers = challenges
                    .into_iter()
                    .map(|value| ("WWW-Authenticate".to_owned(), value))
                    .collect();
                self.endpoint.respond(now, txn, 401, headers, None);
            }
        }
    }

    fn on_invite(&mut self, now: Instant, call: CallHandle, request: &Request) {
        self.tell(Seen::Invited);
        self.call = Some(call);
        let session = (
            "VRS-Session".to_owned(),
            "000000000000000000000000000000ab".to_owned(),
        );
        let queued = vec![session, ("VRS-Queue-Position".into(), "3".into())];
        match self.calls {
            Calls::Refuse => {
                let headers = vec![
                    (
                        "Reason".into(),
                        "SIP;cause=480;text=\"Nobody is signed in\"".into(),
                    ),
                    ("VRS-Reason".into(), "no_interpreter".into()),
                ];
                self.endpoint.reject(now, call, 480, headers);
            }
            Calls::Queue => self.endpoint.progress(now, call, 182, queued, None),
            Calls::Echo => {
                self.endpoint.progress(now, call, 182, queued, None);
                let offer = String::from_utf8(request.body.clone()).unwrap();
                let (peer, socket, local, sdp) =
                    media(|config| Peer::answerer(config, now, &offer).unwrap());
                self.endpoint.accept(now, call, Vec::new(), Body::sdp(&sdp));
                self.echo = Some(Echo {
                    peer,
                    socket,
                    local,
                    sdp,
                });
            }
        }
    }
}

fn media(make: impl FnOnce(PeerConfig) -> (Peer, String)) -> (Peer, UdpSocket, SocketAddr, String) {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let socket = UdpSocket::from_std(socket).unwrap();
    let local = socket.local_addr().unwrap();
    let mut config = PeerConfig::new(vec![local], Certificate::generate().unwrap(), [3; 32]);
    config.receive = Receive::Packets;
    let (peer, sdp) = make(config);
    (peer, socket, local, sdp)
}

/// One connection: TLS, WebSocket with subprotocol `sip`, messages both ways.
async fn carry(
    flow: FlowId,
    tcp: TcpStream,
    tls: Arc<rustls::ServerConfig>,
    mut outbox: Receiver<Vec<u8>>,
    arrived: Sender<Arrived>,
) {
    let Ok(secure) = tokio_rustls::TlsAcceptor::from(tls).accept(tcp).await else {
        return;
    };
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let upgrade = |request: &UpgradeRequest, mut response: UpgradeResponse| {
        assert_eq!(request.headers()["Sec-WebSocket-Protocol"], "sip");
        response
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(secure, upgrade).await else {
        return;
    };
    loop {
        tokio::select! {
            message = outbox.recv() => {
                let Some(bytes) = message else { return };
                if socket.send(Message::text(String::from_utf8(bytes).unwrap())).await.is_err() {
                    break;
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => drop(arrived.send((flow, Some(text.as_bytes().to_vec()))).await),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            }
        }
    }
    drop(arrived.send((flow, None)).await);
}
