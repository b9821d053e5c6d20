//! Datagrams to many addresses for one system call (sendmmsg(2)).

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsFd;

use arrayvec::ArrayVec;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

/// So many go out at once: their headers are on the stack.
const WAITING_MAX: usize = 32;

/// Datagrams that wait until they are many.
#[derive(Default)]
pub struct Together<'a> {
    waiting: ArrayVec<(SocketAddr, &'a [u8]), WAITING_MAX>,
    dropped: usize,
}

impl<'a> Together<'a> {
    /// Takes a datagram, which goes out when many wait.
    pub fn push(&mut self, socket: impl AsFd, destination: SocketAddr, bytes: &'a [u8]) {
        if self.waiting.is_full() {
            self.flush(socket);
        }
        self.waiting.push((destination, bytes));
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self, socket: impl AsFd) {
        let mut rest = self.waiting.as_slice();
        while !rest.is_empty() {
            match send(&socket, rest) {
                Ok(sent) => rest = rest.get(sent.max(1)..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.dropped += rest.len();
                    break;
                }
                // The first of them cannot be sent; that says nothing of the others.
                Err(_) => {
                    self.dropped += 1;
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
        }
        self.waiting.clear();
    }

    /// Sends the last, and says how many of all could not be sent.
    pub fn end(mut self, socket: impl AsFd) -> usize {
        self.flush(socket);
        self.dropped
    }
}

/// Sends up to the first that cannot be sent, and says how many; an error is about the very first.
fn send(socket: impl AsFd, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
    let each = || datagrams.iter().take(WAITING_MAX);
    let addresses: ArrayVec<SocketAddrAny, WAITING_MAX> =
        each().map(|(to, _)| (*to).into()).collect();
    let contents: ArrayVec<[IoSlice<'_>; 1], WAITING_MAX> =
        each().map(|(_, bytes)| [IoSlice::new(bytes)]).collect();
    let mut controls: ArrayVec<SendAncillaryBuffer<'_, '_, '_>, WAITING_MAX> =
        each().map(|_| SendAncillaryBuffer::default()).collect();
    let parts = addresses.iter().zip(&contents).zip(&mut controls);
    let mut messages: ArrayVec<MMsgHdr<'_>, WAITING_MAX> = parts
        .map(|((to, contents), control)| MMsgHdr::new_with_addr(to, contents, control))
        .collect();
    Ok(sendmmsg(socket, &mut messages, SendFlags::empty())?)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    #[test]
    fn many_arrive_in_order_and_what_cannot_be_sent_stops_nothing() {
        let local = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (sender, receivers) = (local(), [local(), local()]);
        let too_long = vec![0; 70_000];
        let numbers: Vec<[u8; 2]> = (0..100_u16).map(u16::to_be_bytes).collect();
        let mut together = Together::default();
        for (at, number) in numbers.iter().enumerate() {
            let to = receivers[at % 2].local_addr().unwrap();
            together.push(&sender, to, number);
            if at % 40 == 7 {
                together.push(&sender, to, &too_long);
            }
        }
        assert_eq!(together.end(&sender), 3);
        for (at, number) in numbers.iter().enumerate() {
            let mut came = [0; 3];
            let length = receivers[at % 2].recv(&mut came).unwrap();
            assert_eq!(came[..length], *number);
        }
    }
}
