//! Which addresses are this machine's own: no relay may reach them (attack list A44).
//!
//! What listens on every address listens on all of them, so what the configuration names is not
//! enough.

use std::io;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;

use crate::config::Config;

/// Addresses of the network interfaces.
///
/// # Errors
/// When the system does not tell them.
pub(super) fn of_interfaces() -> io::Result<Vec<IpAddr>> {
    let addresses = getifaddrs()?.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        let v6 = address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()));
        v4.or(v6)
    });
    Ok(addresses.collect())
}

/// Addresses that the configuration names as ours: listeners, and what others see of them behind
/// an address translator.
pub(super) fn of_config(config: &Config) -> Vec<IpAddr> {
    let listen = &config.listen;
    let listeners = [
        Some(listen.secure),
        Some(listen.media),
        listen.turn_udp,
        listen.turn_tcp,
        listen.turn_tls,
        listen.admin,
    ];
    let listeners = listeners.into_iter().flatten().map(|socket| socket.ip());
    let trunks = config
        .trunks
        .iter()
        .flat_map(|trunk| [trunk.local.ip(), trunk.media_address]);
    let turn = config.turn.iter().flat_map(|turn| {
        let second = turn.relay_address_ipv6.map(IpAddr::V6);
        [turn.relay_address].into_iter().chain(second)
    });
    let seen = [listen.media_address].into_iter();
    let mut all: Vec<IpAddr> = listeners.chain(trunks).chain(turn).chain(seen).collect();
    all.retain(|address| !address.is_unspecified());
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a44_the_interfaces_of_this_machine_are_known() {
        let own = of_interfaces().unwrap();
        assert!(own.contains(&"127.0.0.1".parse().unwrap()), "{own:?}");
    }
}
