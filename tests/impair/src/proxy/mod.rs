//! The proxy that tests put between two programs.
//!
//! What it is: [`Proxy`] is the handle; a thread of its own runs the [`driver`], which owns the
//! sockets and the pure [`Clients`].
//! What it is not: nothing is decided here; see [`Link`](crate::Link) for what happens to datagrams.
//! Start reading at [`Proxy::spawn`].

mod driver;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::clients::{Clients, Direction};
use crate::counters::Report;
use crate::profile::{Profile, ProfileError};
use driver::{Driver, Order};

/// Orders that wait for the proxy's thread; each caller waits for the answer to its own.
const ORDERS_MAX: usize = 64;
/// The proxy's thread answers within microseconds; after this it is taken for dead.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Where a proxy stands and how bad it is at first.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Where clients send to; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Where their datagrams go.
    pub target: SocketAddr,
    /// From clients to the target.
    pub up: Profile,
    /// From the target to clients.
    pub down: Profile,
    /// What all chance is drawn from, apart for each client and direction.
    pub seed: u64,
}

impl Settings {
    /// Clear both ways, on a port that the system chooses.
    #[must_use]
    pub fn towards(target: SocketAddr) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            target,
            up: Profile::default(),
            down: Profile::default(),
            seed: 1,
        }
    }

    /// Refuses to be of use, or a danger, to other machines.
    fn validate(&self) -> Result<(), ProxyError> {
        for (what, address) in [("listen", self.listen), ("target", self.target)] {
            if !address.ip().is_loopback() {
                return Err(ProxyError::NotLoopback { what, address });
            }
        }
        if self.target.port() == 0 {
            return Err(ProxyError::NoTargetPort);
        }
        Ok(())
    }
}

/// Why a proxy does not start or does not obey.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// An address of another machine, or one that others can reach.
    #[error("{what} {address}: has to be a loopback address, such as 127.0.0.1:5070 or [::1]:5070")]
    NotLoopback {
        /// Which of the two.
        what: &'static str,
        /// What stood there.
        address: SocketAddr,
    },
    /// Nobody can be reached at port 0.
    #[error("target: its port has to be 1 to 65535")]
    NoTargetPort,
    /// What is sent to the target would come back for ever.
    #[error("target {0}: is where the proxy itself listens")]
    TargetIsSelf(SocketAddr),
    /// A profile that makes no sense.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The system gives no socket or no thread.
    #[error("no socket or thread for the proxy: {0}")]
    System(#[from] io::Error),
    /// Nobody sends from there, or not any more.
    #[error("{0}: no such client; it has to send something first")]
    UnknownClient(SocketAddr),
    /// Too many callers at once.
    #[error("{ORDERS_MAX} orders wait for the proxy already")]
    Busy,
    /// Its thread has ended.
    #[error("the proxy has ended")]
    Ended,
}

/// A UDP proxy on the loopback whose network is as bad as asked; it ends when it is dropped.
///
/// Clients send to [`Proxy::address`]. Each gets an upstream socket of its own, so the target sees
/// as many peers as there are clients. Datagrams leave at their time or up to about two
/// milliseconds later, which is how finely the system's timers work.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    target: SocketAddr,
    /// Both are there until drop.
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy; it carries datagrams when this returns.
    ///
    /// # Errors
    /// When an address is not on the loopback, a profile is out of range, or the system has no
    /// socket.
    pub fn spawn(settings: Settings) -> Result<Self, ProxyError> {
        settings.validate()?;
        let clients = Clients::new(settings.up, settings.down, settings.seed)?;
        let near = UdpSocket::bind(settings.listen)?;
        near.set_nonblocking(true)?;
        let address = near.local_addr()?;
        if address == settings.target {
            return Err(ProxyError::TargetIsSelf(address));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let near = {
            let _inside = runtime.enter();
            tokio::net::UdpSocket::from_std(near)?
        };
        let (orders, ordered) = mpsc::channel(ORDERS_MAX);
        let driver = Driver::new(near, settings.target, clients, ordered);
        let thread = std::thread::Builder::new()
            .name("impair".to_owned())
            .spawn(move || runtime.block_on(driver.run()))?;
        Ok(Self {
            address,
            target: settings.target,
            orders: Some(orders),
            thread: Some(thread),
        })
    }

    /// Where clients send to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where their datagrams go.
    #[must_use]
    pub const fn target(&self) -> SocketAddr {
        self.target
    }

    /// From now on one way is like this, for all clients.
    ///
    /// # Errors
    /// When a value of `profile` is out of its range, or the proxy has ended.
    pub fn set_profile(&self, direction: Direction, profile: Profile) -> Result<(), ProxyError> {
        // Checked here as well, so that nothing can go wrong on the way.
        profile.validate()?;
        self.ask(|answer| Order::SetProfile {
            direction,
            profile,
            answer,
        })
    }

    /// Begins an outage of one way: what is on its way is dropped, and so is everything until
    /// [`Proxy::restore`].
    ///
    /// # Errors
    /// When the proxy has ended.
    pub fn cut(&self, direction: Direction) -> Result<(), ProxyError> {
        self.set_cut(direction, true)
    }

    /// Ends an outage of one way.
    ///
    /// # Errors
    /// When the proxy has ended.
    pub fn restore(&self, direction: Direction) -> Result<(), ProxyError> {
        self.set_cut(direction, false)
    }

    fn set_cut(&self, direction: Direction, is_cut: bool) -> Result<(), ProxyError> {
        self.ask(|answer| Order::SetCut {
            direction,
            is_cut,
            answer,
        })
    }

    /// Gives a client another upstream socket, as a NAT that binds it anew: the target sees its
    /// next datagram come from the address that is returned, and what the target sends to the old
    /// one is lost. What is on its way to the client arrives.
    ///
    /// # Errors
    /// When nobody has sent from `client`, or the system has no socket.
    pub fn move_client(&self, client: SocketAddr) -> Result<SocketAddr, ProxyError> {
        self.ask(|answer| Order::MoveClient { client, answer })?
    }

    /// What happened so far.
    ///
    /// # Errors
    /// When the proxy has ended.
    pub fn report(&self) -> Result<Report, ProxyError> {
        self.ask(|answer| Order::Report { answer })
    }

    /// Hands an order to the thread and waits for its answer.
    fn ask<T>(&self, order: impl FnOnce(SyncSender<T>) -> Order) -> Result<T, ProxyError> {
        let (answer, answered) = sync_channel(1);
        let orders = self.orders.as_ref().ok_or(ProxyError::Ended)?;
        // Waiting for room is for runtimes only, and a test may call from within one or without.
        orders
            .try_send(order(answer))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => ProxyError::Busy,
                mpsc::error::TrySendError::Closed(_) => ProxyError::Ended,
            })?;
        answered
            .recv_timeout(ANSWER_WAIT_MAX)
            .map_err(|_| ProxyError::Ended)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The thread ends when nobody can give it orders any more.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // Had it panicked, that was said at the time.
            let _ended = thread.join();
        }
    }
}
