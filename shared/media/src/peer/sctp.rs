//! SCTP over the DTLS of a transport (RFC 8261): one association of sctp-proto, with a bound on
//! everything that a peer could make us keep or do.
//!
//! sctp-proto draws tags and first numbers itself, and looks at the clock once, when we begin an
//! association; [`Dial`] puts that one deadline into the time that we are handed.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event,
    Payload, PayloadProtocolIdentifier, ServerConfig, StreamEvent, TransportConfig,
};

use crate::sdp::channel::{MESSAGE_BYTES_MAX, SCTP_PORT};

/// Most payload of a packet: with the headers of SCTP and DTLS it fits one datagram of ours.
const PAYLOAD_BYTES_MAX: u32 = 1_100;
/// What may wait for missing parts: sixteen messages of the largest size.
const RECEIVE_BYTES_MAX: u32 = 16 * MESSAGE_BYTES_MAX;
/// Most bytes of DATA that are taken before everything was complete at least once. An honest peer
/// fills its gaps within a round trip or two.
const UNFINISHED_BYTES_MAX: usize = 4 * RECEIVE_BYTES_MAX as usize;
/// Most streams that a peer may use at once.
const STREAMS_MAX: usize = 16;
/// The first INIT is repeated after this time.
const INIT_INTERVAL: Duration = Duration::from_secs(1);
/// Longest pause between two attempts to send the same.
const RETRY_INTERVAL_MAX: Duration = Duration::from_secs(10);
/// Longest message we send is cut by its author; this is only what SCTP is told.
const SENT_MESSAGE_BYTES_MAX: u32 = 16 * 1024;

/// The association's name towards the endpoint; real addresses are the business of ICE.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

const COMMON_HEADER_BYTES: usize = 12;
const CHUNK_HEADER_BYTES: usize = 4;
const DATA: u8 = 0;
const DATA_HEADER_BYTES: usize = 16;
const SACK: u8 = 3;

/// What happened on the association.
#[derive(Debug, PartialEq)]
pub(super) enum SctpEvent {
    /// It is up.
    Up,
    /// A whole message came.
    Message {
        stream: u16,
        kind: PayloadProtocolIdentifier,
        bytes: Vec<u8>,
    },
    /// The peer reset the stream.
    Closed { stream: u16 },
    /// It is gone, by accident or because the peer broke a rule.
    Lost,
}

/// The first deadline after we began: theirs by the clock, and the same by ours.
#[derive(Debug, Clone, Copy)]
struct Dial {
    theirs: Instant,
    ours: Instant,
}

/// One association, or the wait for one.
pub(super) struct Sctp {
    endpoint: Endpoint,
    transport: Arc<TransportConfig>,
    association: Option<(AssociationHandle, Association)>,
    dial: Option<Dial>,
    /// DATA that came since everything was complete.
    unfinished_bytes: usize,
    streams: Vec<u16>,
    events: VecDeque<SctpEvent>,
    packets: VecDeque<Bytes>,
    lost: bool,
}

impl Sctp {
    /// Waits for the peer's association.
    pub(super) fn new(remote_port: u16) -> Self {
        let millis = |time: Duration| time.as_millis() as u64;
        let transport = TransportConfig::default()
            .with_local_port(SCTP_PORT)
            .with_remote_port(remote_port)
            .with_max_receive_buffer_size(RECEIVE_BYTES_MAX)
            .with_max_receive_message_size(MESSAGE_BYTES_MAX)
            .with_max_send_message_size(SENT_MESSAGE_BYTES_MAX)
            .with_rto_initial_ms(millis(INIT_INTERVAL))
            .with_rto_max_ms(millis(RETRY_INTERVAL_MAX))
            // ICE says when the peer is gone.
            .with_max_data_retransmits(None);
        let transport = Arc::new(transport);
        let mut config = EndpointConfig::new();
        config.max_payload_size(PAYLOAD_BYTES_MAX);
        let mut server = ServerConfig::new();
        server.transport = Arc::clone(&transport);
        Self {
            endpoint: Endpoint::new(Arc::new(config), Some(Arc::new(server))),
            transport,
            association: None,
            dial: None,
            unfinished_bytes: 0,
            streams: Vec::new(),
            events: VecDeque::new(),
            packets: VecDeque::new(),
            lost: false,
        }
    }

    /// Whether anybody has begun.
    pub(super) fn is_begun(&self) -> bool {
        self.association.is_some() || self.lost
    }

    /// Begins the association ourselves.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.is_begun() {
            return;
        }
        let mut config = ClientConfig::new();
        config.transport = Arc::clone(&self.transport);
        match self.endpoint.connect(config, PEER) {
            Ok((handle, association)) => {
                let ours = now + INIT_INTERVAL;
                let theirs = association.poll_timeout();
                self.dial = theirs.map(|theirs| Dial { theirs, ours });
                self.association = Some((handle, association));
                self.settle(now);
            }
            Err(_) => self.lose(),
        }
    }

    /// Takes a packet that came over DTLS.
    pub(super) fn handle(&mut self, now: Instant, packet: &[u8]) {
        if self.lost {
            return;
        }
        let Some(data) = data_bytes(packet) else {
            self.lose();
            return;
        };
        self.unfinished_bytes += data;
        if self.unfinished_bytes > UNFINISHED_BYTES_MAX {
            self.lose();
            return;
        }
        let packet = Bytes::copy_from_slice(packet);
        match self.endpoint.handle(now, PEER, None, None, packet) {
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.association = Some((handle, association));
                // One is enough; what else begins is a repetition, or means harm.
                self.endpoint.reject_new_associations();
            }
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some((known, association)) = &mut self.association
                    && *known == handle
                {
                    association.handle_event(event);
                }
            }
            None => {}
        }
        self.settle(now);
    }

    /// Lets time pass.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        let dial = self.dial.take();
        if let Some((_, association)) = &mut self.association {
            let theirs = dial.map_or(now, |dial| dial.theirs.max(now));
            association.handle_timeout(theirs);
        }
        self.settle(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let (_, association) = self.association.as_ref()?;
        let due = association.poll_timeout()?;
        match self.dial {
            Some(dial) if dial.theirs == due => Some(dial.ours),
            Some(_) | None => Some(due),
        }
    }

    /// The next packet for the peer.
    pub(super) fn poll_transmit(&mut self) -> Option<Bytes> {
        self.packets.pop_front()
    }

    /// What happened, in order.
    pub(super) fn poll_event(&mut self) -> Option<SctpEvent> {
        self.events.pop_front()
    }

    /// Opens a stream, unless it is open; false if it cannot be.
    pub(super) fn open(&mut self, stream: u16) -> bool {
        let Some((_, association)) = &mut self.association else {
            return false;
        };
        if association.stream(stream).is_ok() {
            return true;
        }
        let kind = PayloadProtocolIdentifier::String;
        let is_open = association.open_stream(stream, kind).is_ok();
        if is_open && !self.streams.contains(&stream) {
            self.streams.push(stream);
        }
        is_open
    }

    /// Sends a message; false if the stream does not take it.
    pub(super) fn send(
        &mut self,
        now: Instant,
        stream: u16,
        kind: PayloadProtocolIdentifier,
        message: &[u8],
    ) -> bool {
        let Some((_, association)) = &mut self.association else {
            return false;
        };
        let stream = association.stream(stream);
        let sent = stream.is_ok_and(|mut stream| stream.write_with_ppi(message, kind).is_ok());
        self.settle(now);
        sent
    }

    /// Bytes of the stream that the peer has not confirmed.
    pub(super) fn unconfirmed_bytes(&mut self, stream: u16) -> usize {
        let Some((_, association)) = &mut self.association else {
            return 0;
        };
        let stream = association.stream(stream);
        stream.map_or(0, |stream| stream.buffered_amount().unwrap_or(0))
    }

    /// Resets a stream.
    pub(super) fn close(&mut self, now: Instant, stream: u16) {
        if let Some((_, association)) = &mut self.association
            && let Ok(mut stream) = association.stream(stream)
            && stream.close().is_err()
        {
            self.lose();
        }
        self.settle(now);
    }

    fn lose(&mut self) {
        if !std::mem::replace(&mut self.lost, true) {
            self.events.push_back(SctpEvent::Lost);
        }
        self.association = None;
    }

    /// Empties the association of everything it has to say.
    fn settle(&mut self, now: Instant) {
        let Some((handle, association)) = &mut self.association else {
            return;
        };
        let mut lost = false;
        while let Some(event) = association.poll() {
            match event {
                Event::Connected => self.events.push_back(SctpEvent::Up),
                Event::HandshakeFailed { .. } | Event::AssociationLost { .. } => lost = true,
                Event::Stream(StreamEvent::Opened { id }) => self.streams.push(id),
                Event::Stream(StreamEvent::Readable { id }) => {
                    read(association, id, &mut self.events);
                }
                Event::Stream(StreamEvent::Finished { id }) => {
                    self.streams.retain(|known| *known != id);
                    self.events.push_back(SctpEvent::Closed { stream: id });
                }
                Event::Stream(_)
                | Event::DataChannelStatsFinal(_)
                | Event::DatagramReceived
                | _ => {}
            }
        }
        while let Some(event) = association.poll_endpoint_event() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                association.handle_event(event);
            }
        }
        while let Some(transmit) = association.poll_transmit(now) {
            if let Payload::RawEncode(packets) = transmit.payload {
                if packets.iter().any(|packet| confirms_everything(packet)) {
                    self.unfinished_bytes = 0;
                }
                self.packets.extend(packets);
            }
        }
        if lost || self.streams.len() > STREAMS_MAX {
            self.lose();
        }
    }
}

fn read(association: &mut Association, id: u16, events: &mut VecDeque<SctpEvent>) {
    while let Ok(mut stream) = association.stream(id)
        && let Ok(Some(message)) = stream.read_sctp()
    {
        let mut bytes = vec![0; message.len()];
        if message.read(&mut bytes).is_ok() {
            let kind = message.ppi;
            let stream = id;
            events.push_back(SctpEvent::Message {
                stream,
                kind,
                bytes,
            });
        }
    }
}

/// How many bytes of DATA chunks a packet has. `None`: its chunks do not fit it, or one carries
/// nothing, which no honest peer sends (RFC 9260 section 3.3.1) and which costs no window.
fn data_bytes(packet: &[u8]) -> Option<usize> {
    let mut rest = packet.get(COMMON_HEADER_BYTES..)?;
    let mut sum = 0;
    while !rest.is_empty() {
        let [kind, _, high, low] = *rest.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < CHUNK_HEADER_BYTES || length > rest.len() {
            return None;
        }
        if kind == DATA && length <= DATA_HEADER_BYTES {
            return None;
        }
        if kind == DATA {
            sum += length;
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    Some(sum)
}

/// Whether this packet of ours tells the peer that nothing is missing and nothing waits.
fn confirms_everything(packet: &[u8]) -> bool {
    let Some(chunk) = packet.get(COMMON_HEADER_BYTES..) else {
        return false;
    };
    let window = chunk.get(8..12) == Some(&RECEIVE_BYTES_MAX.to_be_bytes());
    chunk.first() == Some(&SACK) && window && chunk.get(12..14) == Some(&[0, 0])
}
