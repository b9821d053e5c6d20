//! A socket and the rooms behind it.

use std::hash::Hash;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::{Registry, Token};
use relay_core::sfu::Party;
use vrs_media::{Allowed, Certificate};

use super::rooms::Rooms;
use crate::udp::{Mailbox, Socket};

/// Reads of many datagrams each before others get their turn.
const BURST_MAX: usize = 4;

/// One socket with its rooms, for a thread of its own. Waiting is the thread's business: it reads
/// when its poll says so, and after anything else it flushes.
pub struct Forwarder<L> {
    socket: Socket,
    mailbox: Mailbox,
    /// What is behind the socket.
    pub rooms: Rooms<L>,
}

impl<L: Party + Hash> Forwarder<L> {
    /// Binds a UDP socket; candidates say `advertised` with the port that was bound.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(
        listen: SocketAddr,
        advertised: SocketAddr,
        certificate: Certificate,
        allowed: Allowed,
    ) -> io::Result<Self> {
        let socket = Socket::bind(listen)?;
        let advertised = SocketAddr::new(advertised.ip(), socket.local_addr()?.port());
        Ok(Self {
            socket,
            mailbox: Mailbox::default(),
            rooms: Rooms::new(advertised, certificate, allowed),
        })
    }

    /// Lets a poll tell when [`Self::read`] is wanted.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.socket.register(registry, token)
    }

    /// Reads and forwards; says whether there may be more.
    pub fn read(&mut self) -> bool {
        for _ in 0..BURST_MAX {
            let now = Instant::now();
            let buffers = self.mailbox.read(&self.socket);
            for (source, bytes) in self.mailbox.datagrams(buffers) {
                self.rooms.handle_datagram(now, source, bytes);
            }
            self.flush();
            if buffers < Mailbox::BUFFERS {
                return false;
            }
        }
        true
    }

    /// Sends what the rooms want sent.
    pub fn flush(&mut self) {
        self.socket.flush(&mut self.rooms.batch);
    }
}
