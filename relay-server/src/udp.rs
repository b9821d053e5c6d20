//! A UDP socket for a thread of its own: many datagrams for one system call, both ways.
//!
//! It waits for nothing; the thread's `mio::Poll` says when to read.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;

use mio::{Interest, Registry, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use vrs_media::{Batch, Run};

/// What one read may bring from one source: as many datagrams as the kernel has joined.
const BUFFER_BYTES: usize = 65_536;
/// Most bytes that go out as one run: a UDP payload over IPv4.
const RUN_BYTES_MAX: usize = 65_507;
/// What the kernel is asked to hold until it is read: some 50 ms of a busy core. It may grant
/// less (`net.core.rmem_max`).
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// A UDP socket that reads and sends in batches.
pub(crate) struct Socket {
    socket: mio::net::UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    /// Binds an address.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
        let state = UdpSocketState::new((&socket).into())?;
        // What the kernel grants is enough to work with.
        let _granted = state.set_recv_buffer_size((&socket).into(), RECEIVE_BUFFER_BYTES);
        let socket = mio::net::UdpSocket::from_std(socket);
        Ok(Self { socket, state })
    }

    /// The address that was really bound.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Lets a poll tell when there is something to read.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    /// Sends what is in the batch, and empties it.
    ///
    /// A full socket buffer drops media; retransmission and key frames recover.
    pub(crate) fn flush(&self, batch: &mut Batch) {
        for run in batch.runs(self.state.max_gso_segments(), RUN_BYTES_MAX) {
            self.transmit(&run);
        }
        batch.clear();
    }

    fn transmit(&self, run: &Run<'_>) {
        let transmit = Transmit {
            destination: run.destination,
            ecn: None,
            contents: run.bytes,
            segment_size: Some(run.segment),
            src_ip: None,
        };
        let send = || self.state.try_send((&self.socket).into(), &transmit);
        let _sent = self.socket.try_io(send);
    }
}

/// Where datagrams are read to, again and again.
pub(crate) struct Mailbox {
    memory: Box<[u8]>,
    metas: [RecvMeta; BATCH_SIZE],
}

impl Default for Mailbox {
    fn default() -> Self {
        Self {
            memory: vec![0; BATCH_SIZE * BUFFER_BYTES].into(),
            metas: [RecvMeta::default(); BATCH_SIZE],
        }
    }
}

impl Mailbox {
    /// How many buffers one read fills at most.
    pub(crate) const BUFFERS: usize = BATCH_SIZE;

    /// Reads once, and says how many buffers came; fewer than [`Self::BUFFERS`] were all there
    /// are.
    pub(crate) fn read(&mut self, socket: &Socket) -> usize {
        let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] = {
            let mut chunks = self.memory.chunks_mut(BUFFER_BYTES);
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()))
        };
        let read = || {
            let state = &socket.state;
            state.recv((&socket.socket).into(), &mut buffers, &mut self.metas)
        };
        socket.socket.try_io(read).unwrap_or(0)
    }

    /// The datagrams in the first so many buffers, each with its source.
    pub(crate) fn datagrams(
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
