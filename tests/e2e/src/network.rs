//! A service whose media passes a network that can be made bad.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use vrs_impair::{Proxy, Settings};

use crate::service::{Service, ServiceBuilder};

/// What peers are told to send to; the proxy stands there.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

impl ServiceBuilder {
    /// Starts a service whose media passes a proxy on its way from and to whoever calls it; it may
    /// find a straight way to those whom it invites.
    ///
    /// # Panics
    /// When a program does not start, or there is no second loopback address.
    #[must_use]
    pub fn behind_proxy(self) -> (Service, Proxy) {
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
        let inside = free.expect("a free port");
        let media = format!("media = \"{inside}\"\nmedia_address = \"{OUTSIDE}\"");
        let service = self
            .configure("media = \"127.0.0.1:0\"", &media)
            .configure("#workers = 4", "workers = 1")
            .start();
        let proxy = Proxy::spawn(Settings {
            listen: SocketAddr::from((OUTSIDE, inside.port())),
            ..Settings::towards(inside)
        });
        (service, proxy.expect("a second loopback address"))
    }
}
