//! The UDP sockets: the listener's and one for each relay.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use quinn_udp::{Transmit, UdpSocketState};
use vrs_media::Batch;

use super::machine::RelayId;

/// Ports tried before a relay is refused.
const PORTS_TRIED_MAX: usize = 64;
/// Most bytes that go out as one run: a UDP payload over IPv4.
const RUN_BYTES_MAX: usize = 65_507;
/// Longest datagram that is sent in a run: what an Ethernet frame holds over IPv6. The kernel
/// refuses whole runs of longer ones.
const SEGMENT_BYTES_MAX: usize = 1452;

/// A UDP socket that reads in batches and sends in runs.
pub(super) struct Port {
    pub(super) socket: UdpSocket,
    pub(super) state: UdpSocketState,
}

impl Port {
    /// Opens a socket, and has the registry tell of it by a token.
    pub(super) fn open(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut socket = UdpSocket::bind(address)?;
        let state = UdpSocketState::new((&socket).into())?;
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(Self { socket, state })
    }

    pub(super) fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        self.socket.send_to(bytes, to).map(drop)
    }

    /// Sends what is in the batch, empties it, and says how many datagrams were not taken.
    pub(super) fn flush(&self, batch: &mut Batch) -> u64 {
        let mut lost = 0;
        for run in batch.runs(self.state.max_gso_segments(), RUN_BYTES_MAX) {
            let single = run.bytes.len() <= run.segment;
            if single || run.segment > SEGMENT_BYTES_MAX {
                let segments = run.bytes.chunks(run.segment.max(1));
                let failed = segments.filter(|bytes| self.send(bytes, run.destination).is_err());
                lost += failed.count() as u64;
                continue;
            }
            let transmit = Transmit {
                destination: run.destination,
                ecn: None,
                contents: run.bytes,
                segment_size: Some(run.segment),
                src_ip: None,
            };
            if self
                .state
                .try_send((&self.socket).into(), &transmit)
                .is_err()
            {
                lost += run.bytes.len().div_ceil(run.segment) as u64;
            }
        }
        batch.clear();
        lost
    }
}

/// Relay sockets by their place, and where new ones are opened.
pub(super) struct Relays {
    ports: Vec<Option<Port>>,
    /// Where relays with an IPv4 and with an IPv6 address are opened.
    bind: [IpAddr; 2],
    range: Option<(u16, u16)>,
    next_port: usize,
}

impl Relays {
    pub(super) const fn new(bind_v4: IpAddr, bind_v6: IpAddr, range: Option<(u16, u16)>) -> Self {
        Self {
            ports: Vec::new(),
            bind: [bind_v4, bind_v6],
            range,
            next_port: 0,
        }
    }

    pub(super) fn get(&self, relay: RelayId) -> Option<&Port> {
        self.ports.get(relay.0)?.as_ref()
    }

    /// Opens the socket of a relay that peers see at `address`, and returns its port.
    pub(super) fn open(
        &mut self,
        relay: RelayId,
        address: IpAddr,
        even: bool,
        registry: &Registry,
        token: Token,
    ) -> Option<u16> {
        let [v4, v6] = self.bind;
        let bind = if address.is_ipv4() { v4 } else { v6 };
        let port = self.bind(bind, even, registry, token)?;
        let number = port.socket.local_addr().ok()?.port();
        if self.ports.len() <= relay.0 {
            self.ports.resize_with(relay.0 + 1, || None);
        }
        *self.ports.get_mut(relay.0)? = Some(port);
        Some(number)
    }

    pub(super) fn close(&mut self, relay: RelayId, registry: &Registry) {
        if let Some(mut port) = self.ports.get_mut(relay.0).and_then(Option::take)
            && let Err(error) = registry.deregister(&mut port.socket)
        {
            // Closing it ends the registration, too.
            tracing::debug!(%error, "a relay socket was not deregistered");
        }
    }

    fn bind(&mut self, ip: IpAddr, even: bool, registry: &Registry, token: Token) -> Option<Port> {
        let open = |port| Port::open(SocketAddr::new(ip, port), registry, token).ok();
        let fits = |port: &Port| {
            let address = port.socket.local_addr();
            !even || address.is_ok_and(|address| address.port() % 2 == 0)
        };
        let Some((low, high)) = self.range else {
            return (0..PORTS_TRIED_MAX).map_while(|_| open(0)).find(fits);
        };
        let count = usize::from(high - low) + 1;
        let first = self.next_port;
        for step in 0..count.min(PORTS_TRIED_MAX) {
            let offset = (first + step) % count;
            let port = u16::try_from(offset).ok().map(|offset| low + offset);
            let wanted = port.filter(|port| !even || port % 2 == 0);
            if let Some(port) = wanted.and_then(open) {
                self.next_port = (offset + 1) % count;
                return Some(port);
            }
        }
        self.next_port = (first + PORTS_TRIED_MAX) % count;
        None
    }
}
