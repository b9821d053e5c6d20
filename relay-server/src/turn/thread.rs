//! The thread of the data: it owns the machine and every UDP socket, and waits for all of them in
//! one place. Streams reach it through a bounded queue and a [`Doorbell`].
//!
//! A datagram is sent from where it was read: channel data are what follows their header, and for
//! the other way there is room in front for one. Only what the kernel has joined is copied, once,
//! so that it can be sent as one run again.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use mio::{Events, Poll, Registry, Token, Waker};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vrs_media::Batch;

use super::figures::{Direction, Dropped};
use super::machine::{
    CHANNEL_HEADER_BYTES, Client, Machine, Moment, Output, RelayId, Transport, Way,
};
use super::own;
use super::ports::Relays;
use crate::udp::{HEADROOM_BYTES, Letter, Mailbox, Socket};

/// Sockets that one wait tells of.
const EVENTS_MAX: usize = 1024;
/// Buffers that one read of a relay fills; the others get their turn in between.
const RELAY_BATCH: usize = 4;
/// Inputs of streams that are taken before sockets get their turn.
const INPUTS_AT_ONCE: usize = 64;
/// A stream without an allocation is closed after this long.
const STREAM_WITHOUT_ALLOCATION: Duration = Duration::from_secs(60);
/// Timers and metrics.
const TICK: Duration = Duration::from_secs(1);
/// The addresses of the network interfaces are asked for anew, in ticks.
const OWN_ADDRESSES_TICKS: u64 = 10;

/// The queue of the streams.
pub(super) const DOORBELL: Token = Token(0);
/// The socket that clients send to.
pub(super) const LISTENER: Token = Token(1);
/// The token of the first relay.
const RELAYS: usize = 2;

/// One stream among all that there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamId(pub(super) u64);

/// What streams tell.
pub(super) enum Input {
    Opened {
        client: Client,
        stream: StreamId,
        outgoing: mpsc::Sender<Vec<u8>>,
    },
    Unit {
        client: Client,
        bytes: BytesMut,
    },
    Gone {
        client: Client,
        stream: StreamId,
    },
}

/// Wakes the thread; once is enough until it looks.
pub(super) struct Doorbell {
    waker: Waker,
    rung: AtomicBool,
}

impl Doorbell {
    pub(super) fn new(registry: &Registry) -> io::Result<Self> {
        Ok(Self {
            waker: Waker::new(registry, DOORBELL)?,
            rung: AtomicBool::new(false),
        })
    }

    pub(super) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel)
            && let Err(error) = self.waker.wake()
        {
            // It looks once a second anyway.
            self.rung.store(false, Ordering::Release);
            tracing::debug!(%error, "the TURN thread was not woken");
        }
    }
}

struct Stream {
    id: StreamId,
    opened: Instant,
    outgoing: mpsc::Sender<Vec<u8>>,
}

/// What the thread owns.
pub(super) struct Plane {
    pub(super) poll: Poll,
    pub(super) machine: Machine,
    pub(super) ways: Ways,
    pub(super) inputs: mpsc::Receiver<Input>,
    pub(super) doorbell: Arc<Doorbell>,
    /// Addresses of this machine that the configuration names.
    pub(super) own: Vec<std::net::IpAddr>,
    pub(super) shutdown: CancellationToken,
}

/// Everything that can be sent to.
pub(super) struct Ways {
    pub(super) listener: Option<Socket>,
    pub(super) relays: Relays,
    streams: HashMap<Client, Stream>,
    /// What goes out together.
    batch: Batch,
}

impl Ways {
    pub(super) fn new(listener: Option<Socket>, relays: Relays) -> Self {
        Self {
            listener,
            relays,
            streams: HashMap::new(),
            batch: Batch::default(),
        }
    }
}

fn moment() -> Moment {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Moment {
        mono: Instant::now(),
        unix_s: unix.as_secs(),
    }
}

impl Plane {
    /// Serves until the shutdown.
    ///
    /// # Errors
    /// When the sockets cannot be waited for.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut mailbox = Mailbox::default();
        let mut events = Events::with_capacity(EVENTS_MAX);
        // Whoever has more to read than was read.
        let mut ready: VecDeque<Token> = VecDeque::new();
        let (mut next_tick, mut ticks) = (Instant::now() + TICK, 0);
        while !self.shutdown.is_cancelled() {
            let patience = if ready.is_empty() {
                next_tick.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            match self.poll.poll(&mut events, Some(patience)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let waiting = ready.len();
            for event in &events {
                let token = event.token();
                if !ready.iter().take(waiting).any(|known| *known == token) {
                    ready.push_back(token);
                }
            }
            for _ in 0..ready.len() {
                if let Some(token) = ready.pop_front()
                    && self.serve(token, &mut mailbox)
                {
                    ready.push_back(token);
                }
            }
            if Instant::now() >= next_tick {
                ticks += 1;
                self.tick(ticks);
                next_tick = Instant::now() + TICK;
            }
        }
        Ok(())
    }

    /// Serves one source; whether it may have more.
    fn serve(&mut self, token: Token, mailbox: &mut Mailbox) -> bool {
        match token {
            DOORBELL => self.take_inputs(),
            LISTENER => self.read_listener(mailbox),
            Token(relay) => self.read_relay(RelayId(relay - RELAYS), mailbox),
        }
    }

    fn read_listener(&mut self, mailbox: &mut Mailbox) -> bool {
        let Some(socket) = &self.ways.listener else {
            return false;
        };
        let count = match mailbox.try_read::<{ Mailbox::BUFFERS }>(socket) {
            Ok(count) => count,
            // Any other error is an ICMP answer to something sent.
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        };
        let now = moment();
        for letter in mailbox.letters(count) {
            let client = Client {
                transport: Transport::Udp,
                address: letter.source,
            };
            self.pass_on(letter, |machine, bytes| {
                machine.from_client(now, client, bytes)
            });
        }
        count == Mailbox::BUFFERS
    }

    fn read_relay(&mut self, relay: RelayId, mailbox: &mut Mailbox) -> bool {
        let Some(socket) = self.ways.relays.get(relay) else {
            return false;
        };
        let count = match mailbox.try_read::<RELAY_BATCH>(socket) {
            Ok(count) => count,
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        };
        let now = moment();
        for letter in mailbox.letters(count) {
            let peer = letter.source;
            self.pass_on(letter, |machine, bytes| {
                machine.from_peer(now, relay, peer, bytes)
            });
        }
        count == RELAY_BATCH
    }

    /// Asks the machine about each datagram of a letter, and does what it says.
    fn pass_on(&mut self, letter: Letter<'_>, ask: impl Fn(&mut Machine, &[u8]) -> Way) {
        let joined = letter.is_joined();
        let Letter { buffer, stride, .. } = letter;
        let (mut start, mut from) = (HEADROOM_BYTES, None);
        while start < buffer.len() {
            let end = buffer.len().min(start + stride);
            let way = ask(&mut self.machine, &buffer[start..end]);
            if joined {
                let next = self
                    .ways
                    .collect(&mut self.machine, way, &buffer[start..end], from);
                from = next.or(from);
            } else {
                self.ways.pass(&mut self.machine, way, buffer, start);
            }
            self.obey();
            start = end;
        }
        self.ways.flush(&mut self.machine, from);
    }

    fn take_inputs(&mut self) -> bool {
        self.doorbell.rung.store(false, Ordering::Release);
        for _ in 0..INPUTS_AT_ONCE {
            let Ok(input) = self.inputs.try_recv() else {
                return false;
            };
            match input {
                Input::Opened {
                    client,
                    stream: id,
                    outgoing,
                } => {
                    let opened = Instant::now();
                    let stream = Stream {
                        id,
                        opened,
                        outgoing,
                    };
                    if self.ways.streams.insert(client, stream).is_some() {
                        self.machine.client_gone(client);
                    }
                }
                Input::Unit { client, mut bytes } => {
                    let way = self.machine.from_client(moment(), client, &bytes);
                    self.ways.pass(&mut self.machine, way, &mut bytes, 0);
                }
                Input::Gone { client, stream } => self.stream_gone(client, stream),
            }
            self.obey();
        }
        true
    }

    /// A stream that was followed by another one from the same address is gone already.
    fn stream_gone(&mut self, client: Client, id: StreamId) {
        let streams = &mut self.ways.streams;
        if streams.get(&client).is_some_and(|stream| stream.id == id) {
            streams.remove(&client);
            self.machine.client_gone(client);
        }
    }

    /// Does what the machine wants.
    fn obey(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::ToClient { client, bytes } => {
                    self.ways.answer(&mut self.machine, client, bytes);
                }
                Output::OpenRelay {
                    relay,
                    address,
                    even,
                } => {
                    let token = Token(RELAYS + relay.0);
                    let registry = self.poll.registry();
                    let relays = &mut self.ways.relays;
                    let port = relays.open(relay, address, even, registry, token);
                    self.machine.relay_opened(relay, port);
                }
                Output::CloseRelay { relay } => {
                    self.ways.relays.close(relay, self.poll.registry());
                }
            }
        }
    }

    fn tick(&mut self, ticks: u64) {
        let now = moment();
        self.machine.handle_timeout(now);
        self.obey();
        let machine = &self.machine;
        // Its task closes the connection when nobody holds the other end of its queue.
        self.ways.streams.retain(|client, stream| {
            now.mono.saturating_duration_since(stream.opened) < STREAM_WITHOUT_ALLOCATION
                || machine.has_allocation(*client)
        });
        if ticks.is_multiple_of(OWN_ADDRESSES_TICKS)
            && let Ok(interfaces) = own::of_interfaces()
        {
            let own = interfaces.into_iter().chain(self.own.iter().copied());
            self.machine.own_addresses_changed(own.collect());
        }
        self.machine.figures.export();
        // A doorbell that was not heard.
        self.take_inputs();
    }
}

impl Ways {
    /// Sends data from where they stand in `buffer`; what the machine was asked about begins at
    /// `start`.
    fn pass(&mut self, machine: &mut Machine, way: Way, buffer: &mut [u8], start: usize) {
        let (direction, sent, bytes) = match way {
            Way::Nowhere => return,
            Way::ToPeer { relay, peer, data } => {
                let bytes = &buffer[start + data.start..start + data.end];
                let sent = match self.relays.get(relay) {
                    Some(socket) => socket.try_send(peer, bytes).map_err(|error| why(&error)),
                    None => Err(Dropped::Unsendable),
                };
                (Direction::ToPeer, sent, bytes.len())
            }
            Way::ToClient {
                client,
                header,
                data,
            } => {
                let first = start + data.start - CHANNEL_HEADER_BYTES;
                buffer[first..first + CHANNEL_HEADER_BYTES].copy_from_slice(&header);
                let bytes = &buffer[first..start + data.end];
                (
                    Direction::ToClient,
                    self.to_client(client, bytes),
                    data.len(),
                )
            }
        };
        match sent {
            Ok(()) => machine.figures.relayed(direction, 1, bytes),
            Err(why) => machine.figures.dropped(why, 1),
        }
    }

    fn to_client(&self, client: Client, bytes: &[u8]) -> Result<(), Dropped> {
        match client.transport {
            Transport::Udp => {
                let socket = self.listener.as_ref().ok_or(Dropped::Unsendable)?;
                socket
                    .try_send(client.address, bytes)
                    .map_err(|error| why(&error))
            }
            Transport::Tcp | Transport::Tls => {
                // Padded on streams (RFC 8656 section 12.5).
                let padded = bytes.len().next_multiple_of(4);
                let mut unit = Vec::with_capacity(padded);
                unit.extend_from_slice(bytes);
                unit.resize(padded, 0);
                self.to_stream(client, unit)
            }
        }
    }

    fn to_stream(&self, client: Client, unit: Vec<u8>) -> Result<(), Dropped> {
        let stream = self.streams.get(&client).ok_or(Dropped::Unsendable)?;
        let queued = stream.outgoing.try_send(unit);
        queued.map_err(|_| Dropped::QueueFull)
    }

    /// Answers and indications.
    fn answer(&self, machine: &mut Machine, client: Client, bytes: Vec<u8>) {
        let sent = match client.transport {
            Transport::Udp => self.to_client(client, &bytes),
            Transport::Tcp | Transport::Tls => self.to_stream(client, bytes),
        };
        if let Err(why) = sent {
            machine.figures.dropped(why, 1);
        }
    }

    /// As [`Ways::pass`] for one of several datagrams that came together: they go into the batch,
    /// and whose socket the batch is for is returned. `from` is whose it has been for so far.
    fn collect(
        &mut self,
        machine: &mut Machine,
        way: Way,
        bytes: &[u8],
        from: Option<Source>,
    ) -> Option<Source> {
        let (source, to, header, data) = match way {
            Way::Nowhere => return None,
            Way::ToPeer { relay, peer, data } => (Source::Relay(relay), peer, None, data),
            Way::ToClient {
                client,
                header,
                data,
            } if client.transport == Transport::Udp => {
                (Source::Listener, client.address, Some(header), data)
            }
            Way::ToClient {
                client,
                header,
                data,
            } => {
                let length = data.len();
                let unit = [&header, &bytes[data]].concat();
                match self.to_client(client, &unit) {
                    Ok(()) => machine.figures.relayed(Direction::ToClient, 1, length),
                    Err(why) => machine.figures.dropped(why, 1),
                }
                return None;
            }
        };
        if from.is_some_and(|from| from != source) {
            self.flush(machine, from);
        }
        machine.figures.relayed(source.direction(), 1, data.len());
        self.batch.push(to, to, |batch| {
            batch.extend_from_slice(header.as_ref().map_or(&[], |header| &header[..]));
            batch.extend_from_slice(&bytes[data]);
            true
        });
        Some(source)
    }

    /// Sends what was collected.
    fn flush(&mut self, machine: &mut Machine, from: Option<Source>) {
        let socket = match from {
            None => return,
            Some(Source::Listener) => self.listener.as_ref(),
            Some(Source::Relay(relay)) => self.relays.get(relay),
        };
        let lost = socket.map_or(0, |socket| socket.flush(&mut self.batch));
        let lost = u64::try_from(lost).unwrap_or_default();
        machine.figures.dropped(Dropped::QueueFull, lost);
        self.batch.clear();
    }
}

/// Whose socket data go out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Listener,
    Relay(RelayId),
}

impl Source {
    const fn direction(self) -> Direction {
        match self {
            Self::Listener => Direction::ToClient,
            Self::Relay(_) => Direction::ToPeer,
        }
    }
}

fn why(error: &io::Error) -> Dropped {
    if error.kind() == io::ErrorKind::WouldBlock {
        Dropped::QueueFull
    } else {
        Dropped::Unsendable
    }
}
