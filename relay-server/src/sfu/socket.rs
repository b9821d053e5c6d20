//! The media socket: many datagrams for one system call, both ways.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use vrs_media::Batch;

/// What one read may bring from one source: as many datagrams as the kernel has joined.
const BUFFER_BYTES: usize = 65_536;
/// Most bytes that go out as one run: a UDP payload over IPv4.
const RUN_BYTES_MAX: usize = 65_507;

/// A UDP socket that reads and sends in batches.
pub(super) struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        let socket = UdpSocket::from_std(socket)?;
        Ok(Self { socket, state })
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Sends what is in the batch, and empties it.
    ///
    /// A full socket buffer drops media; retransmission and key frames recover.
    pub(super) fn flush(&self, batch: &mut Batch) {
        for run in batch.runs(self.state.max_gso_segments(), RUN_BYTES_MAX) {
            self.transmit(run.destination, run.bytes, Some(run.segment));
        }
        batch.clear();
    }

    /// Sends one datagram, or drops it.
    pub(super) fn send(&self, destination: SocketAddr, bytes: &[u8]) {
        self.transmit(destination, bytes, None);
    }

    fn transmit(&self, destination: SocketAddr, contents: &[u8], segment_size: Option<usize>) {
        let transmit = Transmit {
            destination,
            ecn: None,
            contents,
            segment_size,
            src_ip: None,
        };
        let send = || self.state.try_send((&self.socket).into(), &transmit);
        let _sent = self.socket.try_io(Interest::WRITABLE, send);
    }
}

/// Where datagrams are read to, again and again.
pub(super) struct Mailbox {
    memory: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl Default for Mailbox {
    fn default() -> Self {
        Self {
            memory: Vec::new(),
            metas: [RecvMeta::default(); BATCH_SIZE],
        }
    }
}

impl Mailbox {
    /// Reads once, and says how many buffers came; fewer than [`BATCH_SIZE`] were all there are.
    pub(super) fn read(&mut self, socket: &Socket) -> usize {
        self.memory.resize(BATCH_SIZE * BUFFER_BYTES, 0);
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] = {
            let mut chunks = self.memory.chunks_mut(BUFFER_BYTES);
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()))
        };
        let read = || {
            let state = &socket.state;
            state.recv((&socket.socket).into(), &mut buffers, &mut self.metas)
        };
        let read = socket.socket.try_io(Interest::READABLE, read);
        read.unwrap_or(0)
    }

    /// The datagrams in the first so many buffers, each with its source.
    pub(super) fn datagrams(
        &mut self,
        buffers: usize,
    ) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        let memory = self.memory.chunks_mut(BUFFER_BYTES);
        let filled = self.metas.iter().zip(memory).take(buffers);
        filled.flat_map(|(meta, buffer)| {
            let joined = &mut buffer[..meta.len.min(BUFFER_BYTES)];
            let datagrams = joined.chunks_mut(meta.stride.max(1));
            datagrams.map(|datagram| (meta.addr, datagram))
        })
    }
}
