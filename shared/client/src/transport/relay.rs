//! One allocation on a TURN server (RFC 8656), pure: units from and to the server go in and out,
//! and between them the datagrams of peers.
//!
//! `turn-client-proto` keeps allocation, permissions and channels alive; this file asks for them
//! as media needs them: a permission with the first datagram to an address, a channel with the
//! first that is no connectivity check.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use turn_client_proto::api::{TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet};
use turn_client_proto::prelude::TurnClientApi;
use turn_client_proto::stun::Instant as StunInstant;
use turn_client_proto::stun::agent::Transmit;
use turn_client_proto::types::{AddressFamily, TransportType, TurnCredentials};
use turn_client_proto::udp::TurnClientUdp;

use super::ice_servers::{Carrier, TurnServer};

/// Most addresses, and most ports of addresses, that are asked for; peers have fewer candidates.
const PEERS_MAX: usize = 64;
/// What was refused, or lost, is asked for again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// Answers that lead to the next step at once, in one go.
const STEPS_MAX: u32 = 16;
/// The library sends requests so far apart.
const BETWEEN_REQUESTS: Duration = Duration::from_millis(50);
/// Requests over UDP are repeated from this time on, so many times at most.
const RETRY: Duration = Duration::from_millis(500);
const TRIES: u32 = 7;
/// Over a stream nothing is lost: a request is sent once, and has this long.
const STREAM_ANSWER: Duration = Duration::from_secs(10);

/// Where an allocation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RelayState {
    /// It is being asked for.
    Asking,
    /// The peer can be told this address.
    Allocated(SocketAddr),
    /// Refused, or lost.
    Over,
}

/// One allocation.
pub(crate) struct Relay {
    client: TurnClientUdp,
    local: SocketAddr,
    server: SocketAddr,
    /// The library counts time from here.
    began: Instant,
    state: RelayState,
    permissions: HashMap<IpAddr, Instant>,
    channels: HashMap<SocketAddr, Instant>,
    out: VecDeque<Vec<u8>>,
    next: Option<Instant>,
    ended: bool,
}

impl Relay {
    /// Asks for an allocation; `local` and `server` are the ends of the way to it. IPv6 is asked
    /// for where we have it ourselves.
    pub(crate) fn new(
        now: Instant,
        told: &TurnServer,
        local: SocketAddr,
        server: SocketAddr,
        ipv6: bool,
    ) -> Self {
        let (username, password) = (told.username.expose(), told.password.expose());
        let mut config = TurnConfig::new(TurnCredentials::new(username, password));
        if ipv6 {
            config.set_address_family(AddressFamily::IPV6);
        }
        if told.carrier == Carrier::Udp {
            config.set_request_retransmits(RETRY, Duration::MAX, TRIES, 16 * RETRY);
        } else {
            config.set_request_retransmits(STREAM_ANSWER, STREAM_ANSWER, 1, STREAM_ANSWER);
        }
        let mut relay = Self {
            client: TurnClientUdp::allocate(local, server, config),
            local,
            server,
            began: now,
            state: RelayState::Asking,
            permissions: HashMap::new(),
            channels: HashMap::new(),
            out: VecDeque::new(),
            next: None,
            ended: false,
        };
        relay.run(now);
        relay
    }

    pub(crate) fn state(&self) -> RelayState {
        self.state
    }

    /// The server's end.
    pub(crate) fn server(&self) -> SocketAddr {
        self.server
    }

    /// The next unit for the server.
    pub(crate) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.next.filter(|_| self.state != RelayState::Over)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.next.is_some_and(|next| next <= now) {
            self.run(now);
        }
    }

    /// Takes a unit of the server; gives a peer's datagram, if it was one.
    pub(crate) fn receive(&mut self, now: Instant, unit: Vec<u8>) -> Option<(SocketAddr, Vec<u8>)> {
        let at = self.time(now);
        let unit = Transmit::new(unit, TransportType::Udp, self.server, self.local);
        match self.client.recv(unit, at) {
            TurnRecvRet::PeerData(data) => Some((data.peer, data.data().to_vec())),
            TurnRecvRet::Handled => {
                self.run(now);
                None
            }
            TurnRecvRet::Ignored(_) | TurnRecvRet::PeerIcmp { .. } => None,
        }
    }

    /// Sends a datagram to a peer. The first to an address is lost: a permission is asked for.
    pub(crate) fn send(&mut self, now: Instant, peer: SocketAddr, bytes: &[u8]) {
        if !matches!(self.state, RelayState::Allocated(_)) {
            return;
        }
        let at = self.time(now);
        if !self.client.have_permission(TransportType::Udp, peer.ip()) {
            if ask(&mut self.permissions, now, peer.ip()) {
                let asked = self
                    .client
                    .create_permission(TransportType::Udp, peer.ip(), at);
                drop(asked); // it is on its way already, or of the other family
                self.run(now);
            }
            return;
        }
        let is_check = bytes.first().is_some_and(|first| *first < 4);
        if !is_check && ask(&mut self.channels, now, peer) {
            // One that stands already is kept alive by the library.
            drop(self.client.bind_channel(TransportType::Udp, peer, at));
            self.run(now);
        }
        if let Ok(Some(unit)) = self.client.send_to(TransportType::Udp, peer, bytes, at) {
            self.out.push_back(unit.build().data);
        }
    }

    /// Gives the allocation back; the unit that says so is in [`Self::poll_transmit`].
    pub(crate) fn end(&mut self, now: Instant) {
        let at = self.time(now);
        if !std::mem::replace(&mut self.ended, true) && self.client.delete(at).is_ok() {
            // It would wait between two requests, but nobody will come back for the last one.
            for step in 1..=STEPS_MAX {
                while let Some(unit) = self.client.poll_transmit(at + BETWEEN_REQUESTS * step) {
                    self.out.push_back(unit.data.to_vec());
                }
            }
        }
        self.state = RelayState::Over;
    }

    /// Lets the library do what it wants to do now.
    fn run(&mut self, now: Instant) {
        let at = self.time(now);
        for _ in 0..STEPS_MAX {
            let wait = self.client.poll(at);
            while let Some(unit) = self.client.poll_transmit(at) {
                self.out.push_back(unit.data.to_vec());
            }
            while let Some(event) = self.client.poll_event() {
                self.on_event(event);
            }
            match wait {
                TurnPollRet::WaitUntil(until) if until > at => {
                    let passed = until.duration_since(StunInstant::ZERO);
                    self.next = Some(self.began + passed);
                    return;
                }
                TurnPollRet::WaitUntil(_) => {}
                TurnPollRet::Closed
                | TurnPollRet::AllocateTcpSocket { .. }
                | TurnPollRet::TcpClose { .. } => {
                    self.state = RelayState::Over;
                    self.next = None;
                    return;
                }
            }
        }
        // It wants more than is fair at once.
        self.next = Some(now + Duration::from_millis(1));
    }

    fn on_event(&mut self, event: TurnEvent) {
        match event {
            TurnEvent::AllocationCreated(_, address) => {
                self.state = RelayState::Allocated(address);
            }
            TurnEvent::AllocationCreateFailed(_) => self.state = RelayState::Over,
            // Asked for again when it is needed again, after a while.
            TurnEvent::PermissionCreateFailed(..) | TurnEvent::ChannelCreateFailed(..) => {
                tracing::debug!("the TURN server refuses a permission or a channel");
            }
            TurnEvent::PermissionCreated(..)
            | TurnEvent::ChannelCreated(..)
            | TurnEvent::TcpConnected(_)
            | TurnEvent::TcpConnectFailed(_) => {}
        }
    }

    fn time(&self, now: Instant) -> StunInstant {
        StunInstant::ZERO + now.saturating_duration_since(self.began)
    }
}

/// Whether to ask for something now: not yet, or some time ago in vain.
fn ask<K: Hash + Eq>(asked: &mut HashMap<K, Instant>, now: Instant, what: K) -> bool {
    if asked.len() >= PEERS_MAX && !asked.contains_key(&what) {
        return false;
    }
    let before = asked.get(&what);
    let is_time = before.is_none_or(|at| now.saturating_duration_since(*at) >= ASK_AGAIN);
    if is_time {
        asked.insert(what, now);
    }
    is_time
}
