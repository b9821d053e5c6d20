//! One who is in a call: sends whole pictures at once, as a camera makes them, and notes how long
//! each packet of the others was under way.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use vrs_media::{
    Batch, Certificate, MediaKind, Peer, PeerConfig, PeerEvent, PeerOutput, RtpPacket, RtpView,
};

use super::Outcome;
use super::web::prepare;

/// Where everything is.
pub(crate) const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Packets of one picture: with 30 pictures of these a second it is 1.5 Mbit/s.
pub(crate) const PICTURE_PACKETS: usize = 6;
const PAYLOAD_BYTES: usize = 1_042;
/// 30 pictures a second in the RTP clock.
const TICKS_PER_PICTURE: u32 = 3_000;
/// First byte of a payload: parameters of a picture, so that it can begin with any.
const PARAMETERS: u8 = 7;
/// Where the time is.
const STAMP: std::ops::Range<usize> = 1..9;
/// No power of two: else the beginnings of all buffers would share one place of the cache.
const BUFFER_BYTES: usize = 65_536 + 21 * 64;
const RUN_BYTES_MAX: usize = 65_507;

/// Where all ends read what comes, one after the other: it stays near the processor.
pub(crate) struct Memory(Vec<u8>);

impl Default for Memory {
    fn default() -> Self {
        Self(vec![0; BATCH_SIZE * BUFFER_BYTES])
    }
}

pub(crate) struct CallEnd {
    socket: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
    peer: Peer,
    batch: Batch,
    packet: RtpPacket,
    payload: Vec<u8>,
    delays: Vec<u32>,
    connected: bool,
}

/// Time since 1970: the kernel's receive times are on this clock.
fn wall_clock() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}

impl CallEnd {
    pub(crate) fn offer(certificate: &Certificate) -> Outcome<(Self, String)> {
        let (socket, config) = prepare(LOCAL, certificate)?;
        let (peer, offer) = Peer::offerer(config, Instant::now())?;
        Ok((Self::new(socket, peer)?, offer))
    }

    pub(crate) fn answer(certificate: &Certificate, offer: &str) -> Outcome<(Self, String)> {
        let (socket, config): (UdpSocket, PeerConfig) = prepare(LOCAL, certificate)?;
        let (peer, answer) = Peer::answerer(config, Instant::now(), offer)?;
        Ok((Self::new(socket, peer)?, answer))
    }

    fn new(socket: UdpSocket, peer: Peer) -> io::Result<Self> {
        Ok(Self {
            state: UdpSocketState::new((&socket).into())?,
            address: socket.local_addr()?,
            socket,
            peer,
            batch: Batch::default(),
            packet: RtpPacket {
                kind: MediaKind::Video,
                ssrc: 1,
                csrc: None,
                payload_type: 0,
                sequence: 0,
                timestamp: 0,
                marker: false,
                orientation: None,
                layer: 0,
                payload: Vec::new().into(),
            },
            payload: vec![PARAMETERS; PAYLOAD_BYTES],
            delays: Vec::new(),
            connected: false,
        })
    }

    pub(crate) fn accept(&mut self, answer: &str) -> Result<(), vrs_media::MediaError> {
        self.peer.accept_answer(Instant::now(), answer)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    /// How long what has come was under way, in microseconds.
    pub(crate) fn take_delays(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.delays)
    }

    /// Sends one picture.
    pub(crate) fn publish(&mut self, now: Instant) {
        let stamp = wall_clock().as_nanos() as u64;
        self.payload[STAMP].copy_from_slice(&stamp.to_be_bytes());
        for place in 1..=PICTURE_PACKETS {
            let packet = &mut self.packet;
            packet.sequence = packet.sequence.wrapping_add(1);
            packet.marker = place == PICTURE_PACKETS;
            let view = RtpView {
                payload: &self.payload,
                ..packet.view()
            };
            self.peer.forward(now, view, &mut self.batch);
        }
        self.packet.timestamp = self.packet.timestamp.wrapping_add(TICKS_PER_PICTURE);
        for run in self
            .batch
            .runs(self.state.max_gso_segments(), RUN_BYTES_MAX)
        {
            let transmit = Transmit {
                destination: run.destination,
                ecn: None,
                contents: run.bytes,
                segment_size: Some(run.segment),
                src_ip: None,
            };
            // A full buffer shows as loss.
            let _sent = self.state.try_send((&self.socket).into(), &transmit);
        }
        self.batch.clear();
        self.drain();
    }

    /// Reads what has come, and does what is due.
    pub(crate) fn turn(&mut self, now: Instant, Memory(memory): &mut Memory) {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        loop {
            let chunks = memory.chunks_mut(BUFFER_BYTES);
            let mut buffers: Vec<_> = chunks.map(IoSliceMut::new).collect();
            let read = self
                .state
                .recv((&self.socket).into(), &mut buffers, &mut metas);
            let Ok(count) = read else { break };
            for (meta, buffer) in metas
                .iter()
                .zip(memory.chunks_mut(BUFFER_BYTES))
                .take(count)
            {
                for bytes in buffer[..meta.len].chunks_mut(meta.stride.max(1)) {
                    self.take(now, meta, bytes);
                }
            }
        }
        if self.peer.poll_timeout().is_some_and(|at| at <= now) {
            self.peer.handle_timeout(now);
        }
        self.drain();
    }

    fn take(&mut self, now: Instant, meta: &RecvMeta, bytes: &mut [u8]) {
        let packet = self
            .peer
            .handle_in_place(now, meta.addr, self.address, bytes);
        let Some(packet) = packet.filter(|packet| packet.kind == MediaKind::Video) else {
            return;
        };
        let stamp = packet
            .payload
            .get(STAMP)
            .and_then(|bytes| bytes.try_into().ok());
        let sent = Duration::from_nanos(stamp.map_or(0, u64::from_be_bytes));
        let came = meta.timestamp.unwrap_or_else(wall_clock);
        self.delays
            .push(came.saturating_sub(sent).as_micros() as u32);
    }

    fn drain(&mut self) {
        while let Some(output) = self.peer.poll_output() {
            match output {
                PeerOutput::Transmit {
                    destination, bytes, ..
                } => {
                    // A full buffer shows as loss.
                    let _sent = self.socket.send_to(&bytes, destination);
                }
                PeerOutput::Event(PeerEvent::Connected) => self.connected = true,
                PeerOutput::Event(_) => {}
            }
        }
    }
}
