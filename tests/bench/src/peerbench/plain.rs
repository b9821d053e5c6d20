//! An end without a handshake: it sends one packet again and again, and counts what comes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use super::load::End;

const DATAGRAM_BYTES_MAX: usize = 2048;
/// Where RTP has its sequence number (RFC 3550 section 5.1).
const SEQUENCE_AT: usize = 2;

pub(crate) struct PlainEnd {
    socket: UdpSocket,
    server: SocketAddr,
    packet: Vec<u8>,
    /// Sequence number of the last packet; `None`: all are the same.
    sequence: Option<u16>,
    received: u64,
}

impl PlainEnd {
    /// An end that sends always the same bytes.
    pub(crate) fn repeating(server: SocketAddr, packet: Vec<u8>) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        Self::with(socket, server, packet)
    }

    /// The same with a socket that the server knows already.
    pub(crate) fn with(socket: UdpSocket, server: SocketAddr, packet: Vec<u8>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            server,
            packet,
            sequence: None,
            received: 0,
        })
    }

    /// An end that counts its RTP packets; who it sends to is said later.
    pub(crate) fn counting(packet: Vec<u8>) -> io::Result<Self> {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        let end = Self::repeating(nowhere, packet)?;
        Ok(Self {
            sequence: Some(0),
            ..end
        })
    }

    pub(crate) fn send_to(&mut self, server: SocketAddr) {
        self.server = server;
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl End for PlainEnd {
    fn publish(&mut self, _: Instant) {
        if let Some(sequence) = &mut self.sequence {
            *sequence = sequence.wrapping_add(1);
            self.packet[SEQUENCE_AT..SEQUENCE_AT + 2].copy_from_slice(&sequence.to_be_bytes());
        }
        // A full buffer shows as loss.
        let _sent = self.socket.send_to(&self.packet, self.server);
    }

    fn turn(&mut self, _: Instant) {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        while self.socket.recv_from(&mut buffer).is_ok() {
            self.received += 1;
        }
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn received(&self) -> u64 {
        self.received
    }
}
