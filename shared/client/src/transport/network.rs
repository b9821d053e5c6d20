//! How the media of one call reaches the world: a UDP socket of its own, what a STUN server sees
//! of it, and an address on a TURN server, over the cheapest carrier that gets through.
//!
//! Gathering is bounded ([`GATHER_WITHIN`]): a call never waits longer for what would only be a
//! second way. TCP and TLS are tried when UDP is not answered at once; the first that gives an
//! address is taken and the others are given back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use vrs_media::Lent;

use super::ice_servers::{Carrier, IceServers, Place, TurnServer};
use super::relay::{Relay, RelayState};
use super::stream::{self, WayEvent};
use super::stun::Probe;
use super::udp::{DATAGRAM_BYTES_MAX, media_socket_toward};

/// An offer or answer waits at most so long for STUN and TURN.
pub(crate) const GATHER_WITHIN: Duration = Duration::from_secs(1);
/// So long where only the relay may be used: without one there is no call.
pub(crate) const RELAY_WITHIN: Duration = Duration::from_secs(10);
/// A relay over UDP is waited for so long before streams are tried beside it.
const STREAMS_AFTER: Duration = Duration::from_millis(250);
/// Datagrams taken at a time before the driver looks at anything else.
const DATAGRAMS_PER_TURN: usize = 64;
/// What the tasks have to tell may wait; past it they wait, too.
const EVENTS_MAX: usize = 256;

/// What woke the network up.
pub(crate) enum NetworkInput {
    /// Datagrams are waiting.
    Readable,
    /// A task on a way to the relay tells something.
    Way(u64, WayEvent),
}

/// A relay and the way to it.
struct Way {
    told: TurnServer,
    /// Which of the tasks is about it.
    number: u64,
    /// Of an open stream: where units go.
    outbox: Option<Sender<Vec<u8>>>,
    /// Once the way is open.
    relay: Option<Relay>,
    over: bool,
}

impl Way {
    fn state(&self) -> RelayState {
        if self.over {
            return RelayState::Over;
        }
        self.relay.as_ref().map_or(RelayState::Asking, Relay::state)
    }
}

/// The roads of one call's media.
pub(crate) struct Network {
    socket: UdpSocket,
    local: SocketAddr,
    /// Nobody is told our own addresses, and nothing goes there.
    relay_only: bool,
    tls: Arc<ClientConfig>,
    stun: Vec<Place>,
    probe: Option<Probe>,
    ways: Vec<Way>,
    /// Streams that are not tried yet, and when they are.
    later: Vec<TurnServer>,
    streams_at: Instant,
    give_up_at: Instant,
    events: Receiver<(u64, WayEvent)>,
    event_to: Sender<(u64, WayEvent)>,
    tasks: u64,
}

impl Network {
    /// Opens a socket on the address that leads to `server` and begins to gather.
    pub(crate) fn open(
        now: Instant,
        server: SocketAddr,
        told: &IceServers,
        tls: &Arc<ClientConfig>,
        relay_only: bool,
    ) -> io::Result<Self> {
        let (socket, local) = media_socket_toward(server)?;
        let (event_to, events) = channel(EVENTS_MAX);
        let patience = if relay_only {
            RELAY_WITHIN
        } else {
            GATHER_WITHIN
        };
        let mut network = Self {
            socket,
            local,
            relay_only,
            tls: Arc::clone(tls),
            stun: told.stun.clone(),
            probe: None,
            ways: Vec::new(),
            later: Vec::new(),
            streams_at: now + STREAMS_AFTER,
            give_up_at: now + patience,
            events,
            event_to,
            tasks: 0,
        };
        if let Some(turn) = told.turn.iter().find(|turn| turn.carrier == Carrier::Udp) {
            network.add(turn.clone());
        }
        let streams = told.turn.iter().filter(|turn| turn.carrier != Carrier::Udp);
        network.later = streams.cloned().collect();
        if network.ways.is_empty() {
            network.streams_at = now;
        }
        for place in &told.stun {
            if let Ok(ip) = place.host.parse() {
                network.probe(now, place, SocketAddr::new(ip, place.port));
            }
        }
        network.run(now);
        Ok(network)
    }

    /// Sets out on one more way to the relay.
    fn add(&mut self, told: TurnServer) {
        let number = self.tasks;
        self.tasks += 1;
        let (place, events) = (told.place.clone(), self.event_to.clone());
        if told.carrier == Carrier::Udp {
            stream::look_up(number, place, self.local.is_ipv4(), events);
        } else {
            stream::open(number, place, told.carrier, Arc::clone(&self.tls), events);
        }
        self.ways.push(Way {
            told,
            number,
            outbox: None,
            relay: None,
            over: false,
        });
    }

    /// Asks a STUN server what it sees of us, unless one is asked already.
    fn probe(&mut self, now: Instant, place: &Place, server: SocketAddr) {
        let fits = server.is_ipv4() == self.local.is_ipv4() && !self.relay_only;
        if self.probe.is_none() && fits && self.stun.contains(place) {
            self.probe = Some(Probe::new(now, server));
        }
    }

    /// The socket's own address.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// What is told as our own addresses.
    pub(crate) fn hosts(&self) -> Vec<SocketAddr> {
        if self.relay_only {
            Vec::new()
        } else {
            vec![self.local]
        }
    }

    /// What was found beside them so far.
    pub(crate) fn lent(&self) -> Vec<Lent> {
        let base = self.local;
        let seen = self.probe.as_ref().and_then(Probe::seen);
        let seen = seen.map(|seen| Lent::Reflexive { seen, base });
        let relays = self.ways.iter().filter_map(|way| match way.state() {
            RelayState::Allocated(address) => Some(Lent::Relayed(address)),
            RelayState::Asking | RelayState::Over => None,
        });
        seen.into_iter().chain(relays).collect()
    }

    /// Whether nothing more is to be expected, or it was waited long enough.
    pub(crate) fn is_gathered(&self, now: Instant) -> bool {
        let probed = self.probe.as_ref().is_none_or(Probe::is_over);
        let allocated = |way: &Way| matches!(way.state(), RelayState::Allocated(_));
        let relayed = self.ways.iter().any(allocated);
        let asking = |way: &Way| way.state() == RelayState::Asking;
        let hopeless = self.later.is_empty() && !self.ways.iter().any(asking);
        now >= self.give_up_at || (probed && (relayed || hopeless))
    }

    /// Whether `source` is one of our addresses here.
    pub(crate) fn owns(&self, source: SocketAddr) -> bool {
        source == self.local || self.relay_at(source).is_some()
    }

    fn relay_at(&self, relayed: SocketAddr) -> Option<usize> {
        let at = RelayState::Allocated(relayed);
        self.ways.iter().position(|way| way.state() == at)
    }

    /// Waits for datagrams or a stream's news; may be dropped and called again.
    pub(crate) async fn next(&mut self) -> NetworkInput {
        loop {
            tokio::select! {
                ready = self.socket.readable() => match ready {
                    Ok(()) => return NetworkInput::Readable,
                    // A refused datagram of earlier shows here; the socket itself lives on.
                    Err(error) => tracing::debug!(%error, "media socket"),
                },
                Some((number, event)) = self.events.recv() => {
                    return NetworkInput::Way(number, event);
                }
            }
        }
    }

    /// Takes what woke us up; peers' datagrams go to `deliver` with source and destination.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        input: NetworkInput,
        deliver: &mut dyn FnMut(SocketAddr, SocketAddr, &[u8]),
    ) {
        match input {
            NetworkInput::Readable => self.receive(now, deliver),
            NetworkInput::Way(number, event) => self.on_way(now, number, event, deliver),
        }
        self.run(now);
    }

    /// Takes the datagrams that are waiting, a bounded number of them.
    fn receive(&mut self, now: Instant, deliver: &mut dyn FnMut(SocketAddr, SocketAddr, &[u8])) {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        for _ in 0..DATAGRAMS_PER_TURN {
            let (length, source) = match self.socket.try_recv_from(&mut buffer) {
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // ICMP "port unreachable" of an earlier datagram; ICE finds out by itself.
                Err(_) => continue,
            };
            let bytes = &buffer[..length];
            let probe = self.probe.as_mut();
            if probe.is_some_and(|probe| probe.handle(source, bytes)) {
                continue;
            }
            let ours = |way: &&mut Way| way.told.carrier == Carrier::Udp && !way.over;
            let relay = self.ways.iter_mut().find(ours);
            let relay = relay.and_then(|way| way.relay.as_mut());
            match relay.filter(|relay| relay.server() == source) {
                Some(relay) => hand_out(relay, now, bytes.to_vec(), deliver),
                None if self.relay_only => {}
                None => deliver(source, self.local, bytes),
            }
        }
    }

    fn on_way(
        &mut self,
        now: Instant,
        number: u64,
        event: WayEvent,
        deliver: &mut dyn FnMut(SocketAddr, SocketAddr, &[u8]),
    ) {
        let ipv6 = self.local.is_ipv6();
        let found = self.ways.iter_mut().find(|way| way.number == number);
        let Some(way) = found.filter(|way| !way.over) else {
            return;
        };
        match event {
            WayEvent::Found(server) => {
                way.relay = Some(Relay::new(now, &way.told, self.local, server, ipv6));
                let place = way.told.place.clone();
                self.probe(now, &place, server);
            }
            WayEvent::Open {
                local,
                server,
                outbox,
            } => {
                way.relay = Some(Relay::new(now, &way.told, local, server, ipv6));
                way.outbox = Some(outbox);
            }
            WayEvent::Unit(unit) => {
                if let Some(relay) = &mut way.relay {
                    hand_out(relay, now, unit, deliver);
                }
            }
            WayEvent::Closed => way.over = true,
        }
    }

    /// Sends a datagram from one of our addresses.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
    ) {
        if let Some(at) = self.relay_at(source) {
            let way = &mut self.ways[at];
            if let Some(relay) = &mut way.relay {
                relay.send(now, destination, bytes);
            }
            transmit(&self.socket, way);
        } else if !self.relay_only {
            // A full socket drops the datagram, as the network would.
            drop(self.socket.try_send_to(bytes, destination));
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let relays = self.ways.iter().filter(|way| !way.over);
        let relays = relays.filter_map(|way| way.relay.as_ref()?.poll_timeout());
        let probe = self.probe.as_ref().and_then(Probe::poll_timeout);
        let streams = (!self.later.is_empty()).then_some(self.streams_at);
        relays.chain(probe).chain(streams).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let relays = self.ways.iter_mut().filter_map(|way| way.relay.as_mut());
        relays.for_each(|relay| relay.handle_timeout(now));
        self.run(now);
    }

    /// Sends what is due, begins with streams, and gives back what is one too many.
    fn run(&mut self, now: Instant) {
        if let Some(probe) = &mut self.probe {
            while let Some((server, request)) = probe.poll(now) {
                drop(self.socket.try_send_to(request, server));
            }
        }
        let taken = self
            .ways
            .iter()
            .position(|way| matches!(way.state(), RelayState::Allocated(_)));
        let failed = self.ways.iter().all(|way| way.state() == RelayState::Over);
        if taken.is_some() {
            self.later.clear();
        } else if now >= self.streams_at || failed {
            for told in std::mem::take(&mut self.later) {
                self.add(told);
            }
        }
        for (at, way) in self.ways.iter_mut().enumerate() {
            let spare = taken.is_some_and(|taken| taken != at);
            if spare && !way.over {
                give_back(now, way);
            }
            transmit(&self.socket, way);
            if spare {
                // A stream nobody writes to any more ends.
                way.outbox = None;
                way.over = true;
            }
        }
    }

    /// Gives every allocation back.
    pub(crate) fn close(&mut self, now: Instant) {
        self.later.clear();
        for way in &mut self.ways {
            give_back(now, way);
            transmit(&self.socket, way);
            way.outbox = None;
            way.over = true;
        }
    }
}

fn give_back(now: Instant, way: &mut Way) {
    if let Some(relay) = &mut way.relay {
        relay.end(now);
    }
}

fn hand_out(
    relay: &mut Relay,
    now: Instant,
    unit: Vec<u8>,
    deliver: &mut dyn FnMut(SocketAddr, SocketAddr, &[u8]),
) {
    if let Some((peer, bytes)) = relay.receive(now, unit)
        && let RelayState::Allocated(relayed) = relay.state()
    {
        deliver(peer, relayed, &bytes);
    }
}

/// Sends what a relay has for its server; what finds no room is lost, as on any network.
fn transmit(socket: &UdpSocket, way: &mut Way) {
    let Some(relay) = &mut way.relay else { return };
    let server = relay.server();
    while let Some(unit) = relay.poll_transmit() {
        match &way.outbox {
            Some(outbox) => drop(outbox.try_send(unit)),
            None if way.told.carrier == Carrier::Udp => {
                drop(socket.try_send_to(&unit, server));
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
