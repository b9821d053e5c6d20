//! The UDP sockets of the relays, and where they are opened.

use std::net::{IpAddr, SocketAddr};

use mio::{Registry, Token};

use super::machine::RelayId;
use crate::udp::Socket;

/// Ports tried before a relay is refused.
const PORTS_TRIED_MAX: usize = 64;

/// Relay sockets by their place, and where new ones are opened.
pub(super) struct Relays {
    sockets: Vec<Option<Socket>>,
    /// Where relays with an IPv4 and with an IPv6 address are opened.
    bind: [IpAddr; 2],
    range: Option<(u16, u16)>,
    next_port: usize,
}

impl Relays {
    pub(super) const fn new(bind_v4: IpAddr, bind_v6: IpAddr, range: Option<(u16, u16)>) -> Self {
        Self {
            sockets: Vec::new(),
            bind: [bind_v4, bind_v6],
            range,
            next_port: 0,
        }
    }

    pub(super) fn get(&self, relay: RelayId) -> Option<&Socket> {
        self.sockets.get(relay.0)?.as_ref()
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
        let mut socket = self.bind(if address.is_ipv4() { v4 } else { v6 }, even)?;
        let port = socket.local_addr().ok()?.port();
        socket.allow_fragments().ok()?;
        socket.register(registry, token).ok()?;
        if self.sockets.len() <= relay.0 {
            self.sockets.resize_with(relay.0 + 1, || None);
        }
        *self.sockets.get_mut(relay.0)? = Some(socket);
        Some(port)
    }

    pub(super) fn close(&mut self, relay: RelayId, registry: &Registry) {
        if let Some(mut socket) = self.sockets.get_mut(relay.0).and_then(Option::take)
            && let Err(error) = socket.deregister(registry)
        {
            // Closing it ends the registration, too.
            tracing::debug!(%error, "a relay socket was not deregistered");
        }
    }

    fn bind(&mut self, ip: IpAddr, even: bool) -> Option<Socket> {
        let open = |port| Socket::bind(SocketAddr::new(ip, port)).ok();
        let fits = |port: u16| !even || port.is_multiple_of(2);
        let Some((low, high)) = self.range else {
            let mut opened = (0..PORTS_TRIED_MAX).map_while(|_| open(0));
            return opened.find(|socket| socket.local_addr().is_ok_and(|a| fits(a.port())));
        };
        let count = usize::from(high - low) + 1;
        let first = self.next_port;
        for step in 0..count.min(PORTS_TRIED_MAX) {
            let offset = (first + step) % count;
            let port = u16::try_from(offset).ok().map(|offset| low + offset);
            if let Some(socket) = port.filter(|port| fits(*port)).and_then(open) {
                self.next_port = (offset + 1) % count;
                return Some(socket);
            }
        }
        self.next_port = (first + PORTS_TRIED_MAX) % count;
        None
    }
}
