//! Everything that the thread can send to: the listener, relays, and the queues of streams.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use vrs_media::Batch;

use super::figures::{Direction, Dropped};
use super::machine::{CHANNEL_HEADER_BYTES, Client, Machine, RelayId, Transport, Way};
use super::ports::Relays;
use crate::udp::Socket;

/// A stream without an allocation is closed after this long.
const STREAM_WITHOUT_ALLOCATION: Duration = Duration::from_secs(60);

/// One stream among all that there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamId(pub(super) u64);

struct Stream {
    id: StreamId,
    opened: Instant,
    outgoing: mpsc::Sender<Vec<u8>>,
    /// Whether the client has had an allocation; its task wants to know.
    known: Arc<AtomicBool>,
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

    /// A stream is open; whether it takes the place of another one from the same address.
    pub(super) fn open_stream(
        &mut self,
        client: Client,
        id: StreamId,
        outgoing: mpsc::Sender<Vec<u8>>,
        known: Arc<AtomicBool>,
    ) -> bool {
        let stream = Stream {
            id,
            opened: Instant::now(),
            outgoing,
            known,
        };
        self.streams.insert(client, stream).is_some()
    }

    /// A client has an allocation; it may send large units on its stream, if it has one.
    pub(super) fn client_is_known(&self, client: Client) {
        if let Some(stream) = self.streams.get(&client) {
            stream.known.store(true, Ordering::Relaxed);
        }
    }

    /// A stream is gone; `false` when another one has taken its place before.
    pub(super) fn close_stream(&mut self, client: Client, id: StreamId) -> bool {
        let stream = self.streams.get(&client);
        let known = stream.is_some_and(|stream| stream.id == id);
        if known {
            self.streams.remove(&client);
        }
        known
    }

    /// Closes streams that have nothing to do here: their tasks end when nobody holds the other
    /// end of their queues.
    pub(super) fn close_idle_streams(&mut self, now: Instant, machine: &Machine) {
        self.streams.retain(|client, stream| {
            now.saturating_duration_since(stream.opened) < STREAM_WITHOUT_ALLOCATION
                || machine.has_allocation(*client)
        });
    }

    /// Sends data from where they stand in `buffer`; what the machine was asked about begins at
    /// `start`.
    pub(super) fn pass(
        &mut self,
        machine: &mut Machine,
        way: Way,
        buffer: &mut [u8],
        start: usize,
    ) {
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
    pub(super) fn answer(&self, machine: &mut Machine, client: Client, bytes: Vec<u8>) {
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
    pub(super) fn collect(
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
    pub(super) fn flush(&mut self, machine: &mut Machine, from: Option<Source>) {
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
pub(super) enum Source {
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

#[cfg(test)]
mod tests {
    use super::super::tests::{bench, client};
    use super::*;

    #[test]
    fn a20_streams_without_an_allocation_are_closed_and_others_are_not() {
        let nowhere = std::net::IpAddr::from([127, 0, 0, 1]);
        let mut ways = Ways::new(None, Relays::new(nowhere, nowhere, None));
        let mut bench = bench(Default::default());
        let stream = |port| Client {
            transport: Transport::Tcp,
            ..client(port)
        };
        let mut queues = Vec::new();
        for port in 1..=2 {
            let (units, outgoing) = mpsc::channel(1);
            assert!(!ways.open_stream(stream(port), StreamId(port.into()), units, Arc::default()));
            queues.push(outgoing);
        }
        bench.allocates(stream(2));
        let opened = Instant::now();
        ways.close_idle_streams(opened + Duration::from_secs(59), &bench.machine);
        assert_eq!(ways.streams.len(), 2);
        ways.close_idle_streams(opened + Duration::from_secs(61), &bench.machine);
        assert!(queues[0].is_closed() && !queues[1].is_closed());
        // The end of a stream that was followed by another one is no end of that one.
        assert!(!ways.close_stream(stream(2), StreamId(1)));
        assert!(ways.close_stream(stream(2), StreamId(2)));
    }
}
