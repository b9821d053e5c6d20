//! The thread of the data: it owns the machine and every UDP socket, and waits for all of them in
//! one place. Streams reach it through a bounded queue and a [`Doorbell`].
//!
//! A datagram is sent from where it was read: channel data are what follows their header, and for
//! the other way there is room in front for one. Only what the kernel has joined is copied, once,
//! so that it can be sent as one run again.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use mio::{Events, Poll, Registry, Token, Waker};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::machine::{Client, Machine, Moment, Output, RelayId, Transport, Way};
use super::own;
use super::ways::{StreamId, Ways};
use crate::udp::{HEADROOM_BYTES, Letter, Mailbox};

/// Sockets that one wait tells of.
const EVENTS_MAX: usize = 1024;
/// Buffers that one read of a relay fills; the others get their turn in between.
const RELAY_BATCH: usize = 4;
/// Inputs of streams that are taken before sockets get their turn.
const INPUTS_AT_ONCE: usize = 64;
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

/// What streams tell.
pub(super) enum Input {
    Opened {
        client: Client,
        stream: StreamId,
        outgoing: mpsc::Sender<Vec<u8>>,
        /// Whether the client has had an allocation.
        known: Arc<AtomicBool>,
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
                    stream,
                    outgoing,
                    known,
                } => {
                    if self.ways.open_stream(client, stream, outgoing, known) {
                        self.machine.client_gone(client);
                    }
                }
                Input::Unit { client, mut bytes } => {
                    let way = self.machine.from_client(moment(), client, &bytes);
                    self.ways.pass(&mut self.machine, way, &mut bytes, 0);
                }
                Input::Gone { client, stream } => {
                    if self.ways.close_stream(client, stream) {
                        self.machine.client_gone(client);
                    }
                }
            }
            self.obey();
        }
        true
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
                    let client = self.machine.client(relay);
                    client.inspect(|client| self.ways.client_is_known(*client));
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
        self.ways.close_idle_streams(now.mono, &self.machine);
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
