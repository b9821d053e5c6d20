//! An end that speaks WebRTC: our peer with a socket.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Instant;

use vrs_media::{
    Certificate, MediaKind, Peer, PeerConfig, PeerEvent, PeerOutput, Receive, RtpPacket,
};

use super::Outcome;
use super::load::End;

const DATAGRAM_BYTES_MAX: usize = 2048;
/// RTP header and AES-GCM tag: what a packet has beside its payload.
const OVERHEAD_BYTES: usize = 12 + 16;
/// Video at 30 pictures a second.
const TICKS_PER_PICTURE: u32 = 3_000;
/// Packets of one picture.
const PACKETS_PER_PICTURE: u16 = 6;

pub(crate) struct WebEnd {
    socket: UdpSocket,
    address: SocketAddr,
    peer: Peer,
    packet: RtpPacket,
    received: u64,
    connected: bool,
}

impl WebEnd {
    /// An end at an address that will send datagrams of so many bytes, and its offer.
    pub(crate) fn offer(
        local: IpAddr,
        certificate: &Certificate,
        bytes: usize,
    ) -> Outcome<(Self, String)> {
        let (socket, config) = prepare(local, certificate)?;
        let (peer, offer) = Peer::offerer(config, Instant::now())?;
        Ok((Self::new(socket, peer, bytes)?, offer))
    }

    /// The same for the other side's offer, and the answer to it.
    pub(crate) fn answer(
        local: IpAddr,
        certificate: &Certificate,
        bytes: usize,
        offer: &str,
    ) -> Outcome<(Self, String)> {
        let (socket, config) = prepare(local, certificate)?;
        let (peer, answer) = Peer::answerer(config, Instant::now(), offer)?;
        Ok((Self::new(socket, peer, bytes)?, answer))
    }

    fn new(socket: UdpSocket, peer: Peer, bytes: usize) -> Outcome<Self> {
        Ok(Self {
            address: socket.local_addr()?,
            socket,
            peer,
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
                payload: vec![7; bytes.saturating_sub(OVERHEAD_BYTES)].into(),
            },
            received: 0,
            connected: false,
        })
    }

    pub(crate) fn accept(&mut self, answer: &str) -> Result<(), vrs_media::MediaError> {
        self.peer.accept_answer(Instant::now(), answer)
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
                PeerOutput::Event(PeerEvent::Rtp {
                    kind: MediaKind::Video,
                    ..
                }) => self.received += 1,
                PeerOutput::Event(_) => {}
            }
        }
    }
}

pub(crate) fn prepare(
    local: IpAddr,
    certificate: &Certificate,
) -> Outcome<(UdpSocket, PeerConfig)> {
    let socket = UdpSocket::bind((local, 0))?;
    socket.set_nonblocking(true)?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
    let config = PeerConfig {
        media: vec![MediaKind::Audio, MediaKind::Video],
        receive: Receive::Packets,
        ..PeerConfig::new(vec![socket.local_addr()?], certificate.clone(), seed)
    };
    Ok((socket, config))
}

impl End for WebEnd {
    fn publish(&mut self, now: Instant) {
        let packet = &mut self.packet;
        packet.sequence = packet.sequence.wrapping_add(1);
        packet.marker = packet.sequence.is_multiple_of(PACKETS_PER_PICTURE);
        self.peer.send_rtp(now, packet);
        if packet.marker {
            packet.timestamp = packet.timestamp.wrapping_add(TICKS_PER_PICTURE);
        }
        self.drain();
    }

    fn turn(&mut self, now: Instant) {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        while let Ok((length, source)) = self.socket.recv_from(&mut buffer) {
            self.peer
                .handle_datagram(now, source, self.address, &buffer[..length]);
        }
        if self.peer.poll_timeout().is_some_and(|at| at <= now) {
            self.peer.handle_timeout(now);
        }
        self.drain();
    }

    fn is_ready(&self) -> bool {
        self.connected
    }

    fn received(&self) -> u64 {
        self.received
    }
}
