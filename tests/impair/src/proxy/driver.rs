//! The loop around [`Clients`]: sockets, the clock, and orders from the handle.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::ProxyError;
use crate::clients::{Admission, Clients, Direction};
use crate::counters::{ClientReport, Report};
use crate::profile::Profile;

/// Datagrams of the target that wait for the loop; the rest wait in the system's buffers.
const ARRIVALS_MAX: usize = 1024;
/// Datagrams that are taken in one go before what is due is sent.
const BATCH_MAX: usize = 64;
/// What the system is asked to keep of what we have not read yet: a tenth of a second in which the
/// machine does something else is no loss that anybody asked for. It may give less.
const SYSTEM_BUFFER_BYTES: usize = 2 * 1024 * 1024;
/// The longest datagram that UDP can carry.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// What the handle asks for.
pub(super) enum Order {
    SetProfile {
        direction: Direction,
        profile: Profile,
        answer: SyncSender<()>,
    },
    SetCut {
        direction: Direction,
        is_cut: bool,
        answer: SyncSender<()>,
    },
    MoveClient {
        client: SocketAddr,
        answer: SyncSender<Result<SocketAddr, ProxyError>>,
    },
    Report {
        answer: SyncSender<Report>,
    },
}

/// A datagram of the target, for this client.
type Arrival = (SocketAddr, Vec<u8>);

/// A client's socket towards the target, and the task that reads it.
struct Upstream {
    socket: Arc<UdpSocket>,
    address: SocketAddr,
    reader: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

pub(super) struct Driver {
    near: UdpSocket,
    target: SocketAddr,
    clients: Clients,
    upstreams: BTreeMap<SocketAddr, Upstream>,
    unsent: u64,
    orders: mpsc::Receiver<Order>,
    arrivals: mpsc::Receiver<Arrival>,
    arrive: mpsc::Sender<Arrival>,
}

impl Driver {
    pub(super) fn new(
        near: UdpSocket,
        target: SocketAddr,
        clients: Clients,
        orders: mpsc::Receiver<Order>,
    ) -> Self {
        let (arrive, arrivals) = mpsc::channel(ARRIVALS_MAX);
        enlarge(&near);
        Self {
            near,
            target,
            clients,
            upstreams: BTreeMap::new(),
            unsent: 0,
            orders,
            arrivals,
            arrive,
        }
    }

    /// Carries datagrams until the handle is dropped or the system takes the socket away.
    pub(super) async fn run(mut self) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        let mut arrived = Vec::with_capacity(BATCH_MAX);
        loop {
            let due = self.clients.poll_timeout();
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                received = self.near.recv_from(&mut buffer) => {
                    if self.take_all(received, &mut buffer).await.is_err() {
                        return;
                    }
                }
                _ = self.arrivals.recv_many(&mut arrived, BATCH_MAX) => {
                    let now = Instant::now();
                    for (client, bytes) in arrived.drain(..) {
                        self.clients.handle_datagram(now, client, Direction::Down, bytes);
                    }
                }
                () = sleep_until(due) => {}
            }
            self.send_due().await;
        }
    }

    /// Takes a client's datagram and those that are there behind it.
    async fn take_all(
        &mut self,
        mut received: io::Result<(usize, SocketAddr)>,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        let mut left = BATCH_MAX;
        loop {
            match received {
                Ok((length, client)) => self.take_up(client, buffer[..length].to_vec()).await,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if is_echo(&error) => {}
                Err(error) => return Err(error),
            }
            left -= 1;
            if left == 0 {
                return Ok(());
            }
            received = self.near.try_recv_from(buffer);
        }
    }

    async fn take_up(&mut self, client: SocketAddr, bytes: Vec<u8>) {
        let now = Instant::now();
        match self.clients.admit(now, client) {
            Admission::Known => {}
            Admission::Refused => return,
            Admission::New { forgotten } => {
                if let Some(forgotten) = forgotten {
                    self.upstreams.remove(&forgotten);
                }
                if self.open_upstream(client).await.is_err() {
                    // Without a socket there is no client; its next datagram tries again.
                    self.clients.forget(client);
                    self.unsent += 1;
                    return;
                }
            }
        }
        self.clients
            .handle_datagram(now, client, Direction::Up, bytes);
    }

    /// Opens a socket towards the target; one that the client had is closed afterwards, so the
    /// address is another one.
    async fn open_upstream(&mut self, client: SocketAddr) -> io::Result<SocketAddr> {
        let host = match self.target {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        // Not connected: the system would then report a target that is not there as an error of
        // the next datagram, and lose that one.
        let socket = Arc::new(UdpSocket::bind(SocketAddr::new(host, 0)).await?);
        enlarge(&socket);
        let address = socket.local_addr()?;
        let reader = read(
            Arc::clone(&socket),
            self.target,
            client,
            self.arrive.clone(),
        );
        let upstream = Upstream {
            socket,
            address,
            reader: tokio::spawn(reader),
        };
        self.upstreams.insert(client, upstream);
        Ok(address)
    }

    /// Sends all that is through.
    async fn send_due(&mut self) {
        let now = Instant::now();
        while let Some((client, direction, bytes)) = self.clients.poll(now) {
            let sent = match (direction, self.upstreams.get(&client)) {
                (Direction::Up, Some(upstream)) => {
                    upstream.socket.send_to(&bytes, self.target).await
                }
                (Direction::Down, _) => self.near.send_to(&bytes, client).await,
                (Direction::Up, None) => Err(io::ErrorKind::NotConnected.into()),
            };
            self.unsent += u64::from(sent.is_err());
        }
    }

    /// Does what the handle asks; whether it still waits for the answer is its own affair.
    async fn obey(&mut self, order: Order) {
        match order {
            Order::SetProfile {
                direction,
                profile,
                answer,
            } => {
                let now = Instant::now();
                // A profile out of range: the handle has refused it before and gets no answer here.
                if self.clients.set_profile(now, direction, profile).is_ok() {
                    let _gone = answer.try_send(());
                }
            }
            Order::SetCut {
                direction,
                is_cut,
                answer,
            } => {
                self.clients.set_cut(direction, is_cut);
                let _gone = answer.try_send(());
            }
            Order::MoveClient { client, answer } => {
                let moved = if self.upstreams.contains_key(&client) {
                    self.open_upstream(client).await.map_err(ProxyError::from)
                } else {
                    Err(ProxyError::UnknownClient(client))
                };
                let _gone = answer.try_send(moved);
            }
            Order::Report { answer } => {
                let _gone = answer.try_send(self.report());
            }
        }
    }

    fn report(&self) -> Report {
        let clients = self.clients.counters().filter_map(|(client, up, down)| {
            let seen_as = self.upstreams.get(&client)?.address;
            Some(ClientReport {
                client,
                seen_as,
                up,
                down,
            })
        });
        Report {
            up: self.clients.total(Direction::Up),
            down: self.clients.total(Direction::Down),
            refused: self.clients.refused(),
            unsent: self.unsent,
            clients: clients.collect(),
        }
    }
}

/// Hands in what the target sends to one client; strangers are not listened to.
async fn read(
    socket: Arc<UdpSocket>,
    target: SocketAddr,
    client: SocketAddr,
    arrive: mpsc::Sender<Arrival>,
) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) if from == target => {
                let arrival = (client, buffer[..length].to_vec());
                if arrive.send(arrival).await.is_err() {
                    return;
                }
            }
            Ok(_) => {}
            Err(error) if is_echo(&error) => {}
            Err(_) => return,
        }
    }
}

fn enlarge(socket: &UdpSocket) {
    // A system that refuses gives its usual size, which is enough for most tests.
    let _refused = SockRef::from(socket).set_recv_buffer_size(SYSTEM_BUFFER_BYTES);
}

/// Whether this only says that something we sent earlier found nobody, as Windows does.
fn is_echo(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionReset
}

/// Waits until `due`, or for ever.
async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
