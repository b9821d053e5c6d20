//! A UDP socket for a thread of its own: many datagrams for one system call, both ways.
//!
//! It waits for nothing; the thread's `mio::Poll` says when to read. Each buffer has room in front,
//! so that what was read can be sent on with a header and without a copy.

#[cfg(target_os = "linux")]
mod together;

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;

use mio::{Interest, Registry, Token};
#[cfg(target_os = "linux")]
use nix::sys::socket::{setsockopt, sockopt};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
#[cfg(target_os = "linux")]
use rustix::net::sockopt::{
    Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
};
use vrs_media::{Batch, Run};

#[cfg(target_os = "linux")]
pub use together::Together;

/// What one read may bring from one source: as many datagrams as the kernel has joined.
const BUFFER_BYTES: usize = 65_536;
/// Room in front of what is read; a cache line, so that what is read begins at one.
pub(crate) const HEADROOM_BYTES: usize = 64;
/// From one buffer to the next: not a power of two, or all would want the same cache lines.
const STRIDE_BYTES: usize = HEADROOM_BYTES + BUFFER_BYTES + 2_048;
/// Most bytes that go out as one run: a UDP payload over IPv4.
const RUN_BYTES_MAX: usize = 65_507;
/// Longest datagram that goes out in a run: what an Ethernet frame holds over IPv6. The kernel
/// refuses whole runs of longer ones.
const SEGMENT_BYTES_MAX: usize = 1_452;
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
        be_told_little(&socket);
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

    /// Lets datagrams be cut to what the way holds, for what is not our own media: whoever made
    /// them knows nothing of this leg.
    #[cfg(target_os = "linux")]
    pub(crate) fn allow_fragments(&self) -> io::Result<()> {
        if self.local_addr()?.is_ipv4() {
            set_ip_mtu_discover(&self.socket, Ipv4PathMtuDiscovery::WANT)?;
        } else {
            set_ipv6_mtu_discover(&self.socket, Ipv6PathMtuDiscovery::WANT)?;
            setsockopt(&self.socket, sockopt::Ipv6DontFrag, &false)?;
        }
        Ok(())
    }

    /// Elsewhere than on Linux they are not cut.
    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::unused_self, reason = "as on Linux")]
    pub(crate) fn allow_fragments(&self) -> io::Result<()> {
        Ok(())
    }

    /// Tells the poll nothing any more.
    pub(crate) fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut self.socket)
    }

    /// Sends what is in the batch, empties it, and says how many datagrams were dropped.
    ///
    /// A full socket buffer drops media; retransmission and key frames recover.
    pub(crate) fn flush(&self, batch: &mut Batch) -> usize {
        let mut dropped = 0;
        let mut singles = Singles::default();
        for run in batch.runs(self.state.max_gso_segments(), RUN_BYTES_MAX) {
            let is_joined = run.bytes.len() > run.segment && run.segment <= SEGMENT_BYTES_MAX;
            let sent = is_joined.then(|| {
                // What is before it stays before it.
                singles.flush(&self.socket);
                self.send_run(&run)
            });
            match sent {
                Some(Ok(())) => {}
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    dropped += run.bytes.len().div_ceil(run.segment);
                }
                // A frame of this network may hold less.
                Some(Err(_)) | None => {
                    for bytes in run.bytes.chunks(run.segment.max(1)) {
                        singles.push(&self.socket, run.destination, bytes);
                    }
                }
            }
        }
        dropped += singles.end(&self.socket);
        batch.clear();
        dropped
    }

    /// Sends one datagram, or says why not.
    pub(crate) fn try_send(&self, destination: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.socket.send_to(bytes, destination).map(drop)
    }

    fn send_run(&self, run: &Run<'_>) -> io::Result<()> {
        let transmit = Transmit {
            destination: run.destination,
            ecn: None,
            contents: run.bytes,
            segment_size: Some(run.segment),
            src_ip: None,
        };
        let send = || self.state.try_send((&self.socket).into(), &transmit);
        self.socket.try_io(send)
    }
}

/// Lets the kernel say only whence a datagram came, and not when, whereto and in which class:
/// nobody here asks, and it costs some for each. Where it cannot be switched off, it stays.
#[cfg(target_os = "linux")]
fn be_told_little(socket: &std::net::UdpSocket) {
    let _time = setsockopt(socket, sockopt::ReceiveTimestampns, &false);
    if socket.local_addr().is_ok_and(|address| address.is_ipv4()) {
        let _place = setsockopt(socket, sockopt::Ipv4PacketInfo, &false);
        let _class = setsockopt(socket, sockopt::IpRecvTos, &false);
    } else {
        let _place = setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &false);
        let _class = setsockopt(socket, sockopt::IpRecvTos, &false);
    }
}

#[cfg(not(target_os = "linux"))]
fn be_told_little(_: &std::net::UdpSocket) {}

#[cfg(target_os = "linux")]
type Singles<'a> = Together<'a>;

/// Elsewhere than on Linux each goes out by itself.
#[cfg(not(target_os = "linux"))]
#[derive(Default)]
struct Singles {
    dropped: usize,
}

#[cfg(not(target_os = "linux"))]
impl Singles {
    fn push(&mut self, socket: &mio::net::UdpSocket, destination: SocketAddr, bytes: &[u8]) {
        self.dropped += usize::from(socket.send_to(bytes, destination).is_err());
    }

    fn flush(&mut self, _: &mio::net::UdpSocket) {}

    fn end(self, _: &mio::net::UdpSocket) -> usize {
        self.dropped
    }
}

/// What one source has sent: one datagram, or several of one length (but the last) in a row.
pub(crate) struct Letter<'a> {
    pub(crate) source: SocketAddr,
    /// Begins with [`HEADROOM_BYTES`] that may be written to.
    pub(crate) buffer: &'a mut [u8],
    /// Length of each datagram but the last.
    pub(crate) stride: usize,
}

impl Letter<'_> {
    /// Whether it is more than one datagram.
    pub(crate) fn is_joined(&self) -> bool {
        self.buffer.len() - HEADROOM_BYTES > self.stride
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
            memory: vec![0; BATCH_SIZE * STRIDE_BYTES].into(),
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
        self.try_read::<{ Self::BUFFERS }>(socket).unwrap_or(0)
    }

    /// The same for at most `N` buffers.
    ///
    /// # Errors
    /// When there is nothing, or something that was sent has come to nothing.
    pub(crate) fn try_read<const N: usize>(&mut self, socket: &Socket) -> io::Result<usize> {
        let mut chunks = self.memory.chunks_mut(STRIDE_BYTES);
        let mut buffers: [IoSliceMut<'_>; N] = std::array::from_fn(|_| {
            let chunk = chunks.next().unwrap_or_default();
            let buffer = chunk.get_mut(HEADROOM_BYTES..HEADROOM_BYTES + BUFFER_BYTES);
            IoSliceMut::new(buffer.unwrap_or_default())
        });
        let read = || {
            let state = &socket.state;
            state.recv((&socket.socket).into(), &mut buffers, &mut self.metas)
        };
        socket.socket.try_io(read)
    }

    /// What is in the first so many buffers.
    pub(crate) fn letters(&mut self, buffers: usize) -> impl Iterator<Item = Letter<'_>> {
        let memory = self.memory.chunks_mut(STRIDE_BYTES);
        let filled = self.metas.iter().zip(memory).take(buffers);
        filled.map(|(meta, buffer)| Letter {
            source: meta.addr,
            buffer: &mut buffer[..HEADROOM_BYTES + meta.len.min(BUFFER_BYTES)],
            stride: meta.stride.max(1),
        })
    }

    /// The datagrams in the first so many buffers, each with its source.
    pub(crate) fn datagrams(
        &mut self,
        buffers: usize,
    ) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        self.letters(buffers).flat_map(|letter| {
            let joined = &mut letter.buffer[HEADROOM_BYTES..];
            let datagrams = joined.chunks_mut(letter.stride);
            datagrams.map(move |datagram| (letter.source, datagram))
        })
    }
}
