//! The way between people and the server: streams that delay and break, datagrams that get lost.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use relay_server::edge::{Arrival, Opened};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use vrs_domain::Leg;
use vrs_sip::{FlowId, FlowKind};

use crate::media::Rooms;
use crate::plan::Weather;

/// What people's apps connect by.
pub const STREAM: FlowKind = FlowKind::Reliable {
    websocket: true,
    tls: true,
};
/// Messages on their way in one direction.
const ON_THE_WAY_MAX: usize = 512;
/// The server notices a silent connection after so long.
const SILENCE_NOTICED: Duration = Duration::from_secs(45);

/// The network of one run.
#[derive(Debug, Clone)]
pub struct Network(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    dice: StdRng,
    weather: Weather,
    flows: u64,
    /// Nothing gets through before this.
    parted_until: Option<Instant>,
    server: Option<Server>,
}

/// Where the running server takes what arrives.
#[derive(Debug, Clone)]
pub struct Server {
    /// The switchboard's door.
    pub arrivals: mpsc::Sender<Arrival>,
    /// Cancelled when it dies.
    pub halt: CancellationToken,
    /// Counts its lives.
    pub life: u32,
    /// Its media.
    pub rooms: Rooms,
}

/// One end of a connection.
#[derive(Debug)]
pub struct Connection {
    /// Its number.
    pub flow: FlowId,
    /// Which life of the server it belongs to.
    pub life: u32,
    outgoing: mpsc::Sender<Vec<u8>>,
    /// What the server sent; ends when the connection does.
    pub incoming: mpsc::Receiver<Vec<u8>>,
    cut: CancellationToken,
}

impl Connection {
    /// Sends; what is sent into a broken connection is lost.
    pub fn send(&self, bytes: Vec<u8>) {
        let _lost = self.outgoing.try_send(bytes);
    }

    /// Breaks it: the server finds out by itself, sooner or later.
    pub fn cut(&self) {
        self.cut.cancel();
    }
}

impl Network {
    /// A network in this weather, with dice of its own.
    #[must_use]
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self(Arc::new(Mutex::new(State {
            dice: StdRng::seed_from_u64(seed ^ 0x6e65_7477_6f72_6b21),
            weather,
            flows: 0,
            parted_until: None,
            server: None,
        })))
    }

    /// The server lives, or not.
    pub fn set_server(&self, server: Option<Server>) {
        self.state().server = server;
    }

    /// Whether there is a server.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.state().server.is_some()
    }

    /// Whether a person still sees anything in this session.
    #[must_use]
    pub fn shows(&self, session: &str, leg: Leg) -> bool {
        let server = self.state().server.clone();
        server.is_some_and(|server| server.rooms.shows(session, leg))
    }

    /// Nothing gets through for a while.
    pub fn part(&self, time: Duration) {
        self.state().parted_until = Some(Instant::now() + time);
    }

    /// Connects to the server, if it is there.
    pub async fn connect(&self, kind: FlowKind, trunk: Option<&str>) -> Option<Connection> {
        // Datagrams need no connection: who sends them finds out by silence.
        if kind.is_reliable() {
            self.way().await;
        }
        let server = self.state().server.clone()?;
        let flow = {
            let mut state = self.state();
            state.flows += 1;
            FlowId(state.flows)
        };
        let (outgoing, sent) = mpsc::channel(ON_THE_WAY_MAX);
        let (arrive, incoming) = mpsc::channel(ON_THE_WAY_MAX);
        let (outbox, to_send) = mpsc::channel(ON_THE_WAY_MAX);
        let [_, _, c, d] = u32::try_from(flow.0).unwrap_or(0).to_be_bytes();
        let opened = Opened {
            flow,
            kind,
            local: "vrs.test".into(),
            peer: SocketAddr::from((Ipv4Addr::new(10, 0, c, d), 5060)),
            trunk: trunk.map(str::to_owned),
            dialled: trunk.is_some(),
            outbox,
        };
        server.arrivals.send(Arrival::Opened(opened)).await.ok()?;
        let cut = CancellationToken::new();
        let ends = Ends {
            network: self.clone(),
            server: server.clone(),
            flow,
            kind,
            cut: cut.clone(),
        };
        tokio::spawn(ends.clone().up(sent));
        tokio::spawn(ends.down(to_send, arrive));
        Some(Connection {
            flow,
            life: server.life,
            outgoing,
            incoming,
            cut,
        })
    }

    /// As long as one message takes.
    async fn way(&self) {
        let (delay, parted) = {
            let mut state = self.state();
            let (least, most) = state.weather.delay_ms;
            let delay = state.dice.random_range(least..=most);
            (Duration::from_millis(delay), state.parted_until)
        };
        sleep(delay).await;
        if let Some(until) = parted {
            sleep_until(until).await;
        }
    }

    /// How often a datagram arrives, and after how long each time.
    fn fate(&self) -> Vec<Duration> {
        let mut state = self.state();
        let parted = state
            .parted_until
            .is_some_and(|until| until > Instant::now());
        let Weather {
            delay_ms: (least, most),
            lost,
            doubled,
        } = state.weather;
        if parted || state.dice.random_ratio(lost, 1000) {
            return Vec::new();
        }
        let copies = 1 + usize::from(state.dice.random_ratio(doubled, 1000));
        (0..copies)
            .map(|_| Duration::from_millis(state.dice.random_range(least..=most)))
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
struct Ends {
    network: Network,
    server: Server,
    flow: FlowId,
    kind: FlowKind,
    cut: CancellationToken,
}

impl Ends {
    /// From a person to the server.
    async fn up(self, mut sent: mpsc::Receiver<Vec<u8>>) {
        let halt = self.server.halt.clone();
        let orderly = halt
            .run_until_cancelled(async {
                loop {
                    let next = tokio::select! {
                        biased;
                        () = self.cut.cancelled() => return false,
                        next = sent.recv() => next,
                    };
                    let Some(bytes) = next else { return true };
                    self.carry(bytes).await;
                }
            })
            .await;
        let Some(orderly) = orderly else { return };
        if !orderly {
            sleep(SILENCE_NOTICED).await;
        }
        self.cut.cancel();
        // Closed twice, or after the server's death, is no news.
        let closed = Arrival::Closed { flow: self.flow };
        let _gone = self.server.arrivals.send(closed).await;
    }

    async fn carry(&self, bytes: Vec<u8>) {
        let arrival = Arrival::Received {
            flow: self.flow,
            bytes,
        };
        if self.kind.is_reliable() {
            self.network.way().await;
            if !self.cut.is_cancelled() {
                let _gone = self.server.arrivals.send(arrival).await;
            }
            return;
        }
        let Arrival::Received { flow, bytes } = arrival else {
            return;
        };
        for delay in self.network.fate() {
            let (arrivals, bytes) = (self.server.arrivals.clone(), bytes.clone());
            let flying = async move {
                sleep(delay).await;
                let _gone = arrivals.send(Arrival::Received { flow, bytes }).await;
            };
            let halt = self.server.halt.clone();
            tokio::spawn(halt.run_until_cancelled_owned(flying));
        }
    }

    /// From the server to a person; ends when either side does. What a server sent before it died
    /// is on its way.
    async fn down(self, mut to_send: mpsc::Receiver<Vec<u8>>, arrive: mpsc::Sender<Vec<u8>>) {
        loop {
            let next = tokio::select! {
                biased;
                () = self.cut.cancelled() => return,
                next = to_send.recv() => next,
                () = self.server.halt.cancelled() => return,
            };
            let Some(bytes) = next else {
                if !self.server.halt.is_cancelled() {
                    self.cut.cancel();
                }
                return;
            };
            if self.kind.is_reliable() {
                self.network.way().await;
                if self.cut.is_cancelled() || arrive.send(bytes).await.is_err() {
                    return;
                }
                continue;
            }
            for delay in self.network.fate() {
                let (arrive, bytes) = (arrive.clone(), bytes.clone());
                tokio::spawn(async move {
                    sleep(delay).await;
                    let _gone = arrive.try_send(bytes);
                });
            }
        }
    }
}
