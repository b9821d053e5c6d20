//! Where datagrams are read to: many for one system call, with room in front of each.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};

/// Room in front of what is read; a cache line, so that what is read begins at one.
pub(super) const HEADROOM_BYTES: usize = 64;
/// What one read may bring from one source: as many datagrams as the kernel has joined.
const BUFFER_BYTES: usize = 65_536;
/// From one buffer to the next: not a power of two, or all would want the same cache lines.
const STRIDE_BYTES: usize = HEADROOM_BYTES + BUFFER_BYTES + 2_048;

/// Buffers that are used again and again.
pub(super) struct Mailbox {
    memory: Vec<u8>,
    metas: [RecvMeta; BATCH_SIZE],
}

/// What one source has sent: one datagram, or several of one length (but the last) in a row.
pub(super) struct Letter<'a> {
    pub(super) source: SocketAddr,
    /// Begins with [`HEADROOM_BYTES`] that may be written to.
    pub(super) buffer: &'a mut [u8],
    /// Length of each datagram but the last.
    pub(super) stride: usize,
}

impl Letter<'_> {
    /// Whether it is more than one datagram.
    pub(super) fn is_joined(&self) -> bool {
        self.buffer.len() - HEADROOM_BYTES > self.stride
    }
}

impl Mailbox {
    pub(super) fn new() -> Self {
        Self {
            memory: vec![0; BATCH_SIZE * STRIDE_BYTES],
            metas: [RecvMeta::default(); BATCH_SIZE],
        }
    }

    /// Reads once, at most `N` buffers, and says how many came; fewer were all there are.
    pub(super) fn read<const N: usize>(
        &mut self,
        socket: &mio::net::UdpSocket,
        state: &UdpSocketState,
    ) -> io::Result<usize> {
        let mut chunks = self.memory.chunks_mut(STRIDE_BYTES);
        let mut buffers: [IoSliceMut<'_>; N] = std::array::from_fn(|_| {
            let chunk = chunks.next().unwrap_or_default();
            let end = chunk.len().min(HEADROOM_BYTES + BUFFER_BYTES);
            IoSliceMut::new(chunk.get_mut(HEADROOM_BYTES..end).unwrap_or_default())
        });
        state.recv(socket.into(), &mut buffers, &mut self.metas)
    }

    /// What is in the first so many buffers.
    pub(super) fn letters(&mut self, count: usize) -> impl Iterator<Item = Letter<'_>> {
        let chunks = self.memory.chunks_mut(STRIDE_BYTES);
        self.metas
            .iter()
            .zip(chunks)
            .take(count)
            .map(|(meta, chunk)| Letter {
                source: meta.addr,
                buffer: &mut chunk[..HEADROOM_BYTES + meta.len.min(BUFFER_BYTES)],
                stride: meta.stride.max(1),
            })
    }
}
