//! The media socket of one call, and which of our addresses leads to the server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

/// Largest datagram we take, in bytes; media stays below 1,500.
pub(crate) const DATAGRAM_BYTES_MAX: usize = 2048;

/// Our address on the way to `server`. Connecting a UDP socket asks the routing table and sends nothing.
pub(crate) fn local_address_toward(server: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if server.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    Ok(socket.local_addr()?.ip())
}

/// A socket on the address that leads to `server`, any port.
pub(crate) fn media_socket_toward(server: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = std::net::UdpSocket::bind((local_address_toward(server)?, 0))?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket)?;
    let local = socket.local_addr()?;
    Ok((socket, local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_this_machine_is_its_loopback() {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        assert_eq!(
            local_address_toward(server).unwrap(),
            IpAddr::from(Ipv4Addr::LOCALHOST)
        );
    }
}
