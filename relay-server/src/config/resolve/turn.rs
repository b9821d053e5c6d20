//! `[turn]`: who may relay how much, and where to.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::super::problem::Problem;
use super::super::raw::{At, Raw, RawTurn};
use super::super::resolved::{Listen, TurnSettings};
use super::Resolver;
use super::queue::seconds;

/// Allocations of one account at once, unless configured (attack list A45: at most 10).
const TURN_USER_QUOTA: usize = 10;
/// Allocations at once, unless configured.
const TURN_TOTAL_QUOTA: usize = 1000;
/// Bandwidth of one account unless configured, in kbit/s: some calls in high definition.
const TURN_USER_RATE_KBIT_S: u64 = 20_000;
/// Bandwidth of all accounts unless configured, in kbit/s.
const TURN_TOTAL_RATE_KBIT_S: u64 = 1_000_000;
/// Realm unless configured. A short one keeps refusals small: they may not be much larger than
/// the requests of strangers (attack list A46).
const TURN_REALM: &str = "visavis";
/// Longest realm with which the first request of a client is answered at once.
const TURN_REALM_BYTES_SHORT: usize = 8;
/// Longest host name (RFC 1035 section 2.3.4), in bytes.
const HOST_BYTES_MAX: usize = 253;
/// Lifetime of an allocation, unless configured (RFC 8656 section 3.2).
const TURN_LIFETIME: Duration = Duration::from_secs(600);

impl Resolver<'_> {
    pub(super) fn turn(&mut self, raw: &Raw, listen: Option<&Listen>) -> Option<TurnSettings> {
        let Some(t) = &raw.turn else {
            for (value, key) in [
                (&raw.listen.turn_udp, "[listen] turn_udp"),
                (&raw.listen.turn_tcp, "[listen] turn_tcp"),
                (&raw.listen.turn_tls, "[listen] turn_tls"),
            ] {
                if let Some(value) = value {
                    self.problem(
                        Some(value.line),
                        key,
                        "needs a [turn] section",
                        "add [turn] with a secret_file",
                    );
                }
            }
            return None;
        };
        let listen = listen?;
        let listeners = [listen.turn_udp, listen.turn_tcp, listen.turn_tls];
        let listeners: Vec<SocketAddr> = listeners.into_iter().flatten().collect();
        let Some(first) = listeners.first() else {
            self.warnings.push(Problem {
                line: Some(t.line),
                key: "[turn]".into(),
                message: "has no listener, so TURN is off".into(),
                hint: "add turn_udp = \"127.0.0.1:3478\" to [listen]".into(),
            });
            return None;
        };
        self.turn_settings(t, &listeners, first.ip())
    }

    fn turn_settings(
        &mut self,
        t: &RawTurn,
        listeners: &[SocketAddr],
        first: IpAddr,
    ) -> Option<TurnSettings> {
        let allow_loopback_peers = t.allow_loopback_peers.as_ref().is_some_and(|v| v.value);
        if let (true, Some(at)) = (allow_loopback_peers, &t.allow_loopback_peers)
            && let Some(open) = listeners.iter().find(|l| !l.ip().is_loopback())
        {
            let message = format!("is for tests only and refuses to run with the listener {open}");
            self.problem(
                Some(at.line),
                "[turn] allow_loopback_peers",
                message,
                "remove it, or listen on 127.0.0.1",
            );
        }
        let relay_address = self.relay_address(t, first);
        let relay_ports = self.relay_ports(t);
        let secret = self.need(
            "[turn] secret_file",
            &t.secret_file,
            "add: secret_file = \"secrets/turn\"",
        );
        let secret = secret.and_then(|value| self.secret("[turn] secret_file", value));
        let realm = self.turn_realm(t);
        let count = |value: &Option<At<u64>>, otherwise| {
            value
                .as_ref()
                .map_or(otherwise, |v| usize::try_from(v.value).unwrap_or(otherwise))
        };
        let (user_bytes_per_s, total_bytes_per_s) = self.turn_rates(t);
        let relay_address_ipv6 = self.relay_address_ipv6(t, relay_address);
        Some(TurnSettings {
            realm,
            secret: secret?,
            user_quota: count(&t.user_quota, TURN_USER_QUOTA),
            total_quota: count(&t.total_quota, TURN_TOTAL_QUOTA),
            user_bytes_per_s,
            total_bytes_per_s,
            lifetime: seconds(t.lifetime_s.as_ref(), TURN_LIFETIME),
            host: self.turn_host(t),
            relay_address: relay_address?,
            relay_address_ipv6,
            relay_ports,
            allow_loopback_peers,
        })
    }

    /// What apps are told as our name.
    fn turn_host(&mut self, t: &RawTurn) -> Option<String> {
        let value = t.host.as_ref()?;
        let host = value.value.trim();
        if let Ok(IpAddr::V6(address)) = host.parse() {
            return Some(format!("[{address}]"));
        }
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
        if host.is_empty() || host.len() > HOST_BYTES_MAX || !host.bytes().all(fits) {
            let message = format!("'{host}' is neither a host name nor an address");
            let hint = "write the name alone, without a port: host = \"turn.example.org\"";
            self.problem(Some(value.line), "[turn] host", message, hint);
            return None;
        }
        Some(host.to_owned())
    }

    /// The address that peers see.
    fn relay_address(&mut self, t: &RawTurn, listener: IpAddr) -> Option<IpAddr> {
        let key = "[turn] relay_address";
        let Some(value) = &t.relay_address else {
            if listener.is_unspecified() {
                let message =
                    "the listener is open on every address, so the one that peers see must be said";
                let hint = "add: relay_address = \"203.0.113.7\"";
                self.problem(Some(t.line), key, message, hint);
                return None;
            }
            return Some(listener);
        };
        let address = self.ip(key, value)?;
        if address.is_ipv4() != listener.is_ipv4() {
            let message = format!("{address} and the listener's {listener} are of different kinds");
            let hint = "write both as IPv4 or both as IPv6 addresses";
            self.problem(Some(value.line), key, message, hint);
        }
        Some(address)
    }

    /// The second address that peers see.
    fn relay_address_ipv6(&mut self, t: &RawTurn, first: Option<IpAddr>) -> Option<Ipv6Addr> {
        let key = "[turn] relay_address_ipv6";
        let value = t.relay_address_ipv6.as_ref()?;
        let IpAddr::V6(address) = self.ip(key, value)? else {
            let message = format!("{} is not an IPv6 address", value.value);
            let hint = "write the IPv4 address as relay_address";
            self.problem(Some(value.line), key, message, hint);
            return None;
        };
        if first.is_some_and(|first| first.is_ipv6()) {
            let message = "relay_address is an IPv6 address already";
            let hint = "name one address of each kind";
            self.problem(Some(value.line), key, message, hint);
        }
        Some(address)
    }

    fn turn_realm(&mut self, t: &RawTurn) -> String {
        let Some(realm) = &t.realm else {
            return TURN_REALM.to_owned();
        };
        if realm.value.len() > TURN_REALM_BYTES_SHORT {
            self.warnings.push(Problem {
                line: Some(realm.line),
                key: "[turn] realm".into(),
                message: format!(
                    "is longer than {TURN_REALM_BYTES_SHORT} bytes, so that clients over UDP                      hear only on their second request that they must authenticate"
                ),
                hint: "take a short word; it need not be a domain".into(),
            });
        }
        realm.value.clone()
    }

    /// Bytes a second of one account, and of all.
    fn turn_rates(&mut self, t: &RawTurn) -> (u64, u64) {
        let rate =
            |value: &Option<At<u64>>, otherwise| value.as_ref().map_or(otherwise, |v| v.value);
        let user = rate(&t.user_rate_kbit_s, TURN_USER_RATE_KBIT_S);
        let total = rate(&t.total_rate_kbit_s, TURN_TOTAL_RATE_KBIT_S);
        if user > total {
            let line = t.user_rate_kbit_s.as_ref().or(t.total_rate_kbit_s.as_ref());
            let message = format!("{user} is more than all accounts may use together ({total})");
            let hint = "raise total_rate_kbit_s or lower user_rate_kbit_s";
            let line = line.map(|at| at.line);
            self.problem(line, "[turn] user_rate_kbit_s", message, hint);
        }
        (user * 125, total * 125)
    }

    fn relay_ports(&mut self, t: &RawTurn) -> Option<(u16, u16)> {
        let value = t.relay_ports.as_ref()?;
        let range = port_range(&value.value);
        if range.is_none() {
            let message = format!("'{}' is not a range of ports", value.value);
            let hint = "write it like \"50000-50999\"";
            self.problem(Some(value.line), "[turn] relay_ports", message, hint);
        }
        range
    }
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-')?;
    let (low, high) = (
        low.trim().parse::<u16>().ok()?,
        high.trim().parse::<u16>().ok()?,
    );
    (low >= 1024 && low <= high).then_some((low, high))
}
