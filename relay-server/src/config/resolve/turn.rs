//! `[turn]`: who may relay how much, and where to.

use std::net::{IpAddr, SocketAddr};
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
/// Lifetime of an allocation, unless configured (RFC 8656 section 3.2).
const TURN_LIFETIME: Duration = Duration::from_secs(600);

impl Resolver<'_> {
    pub(super) fn turn(&mut self, raw: &Raw, listen: Option<&Listen>) -> Option<TurnSettings> {
        let Some(t) = &raw.turn else {
            for (value, key) in [
                (&raw.listen.turn_udp, "[listen] turn_udp"),
                (&raw.listen.turn_tcp, "[listen] turn_tcp"),
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
        let listeners: Vec<SocketAddr> =
            listen.turn_udp.into_iter().chain(listen.turn_tcp).collect();
        let Some(first) = listeners.first() else {
            self.warnings.push(Problem {
                line: Some(t.line),
                key: "[turn]".into(),
                message: "has no listener, so TURN is off".into(),
                hint: "add turn_udp = \"127.0.0.1:3478\" to [listen]".into(),
            });
            return None;
        };
        self.turn_settings(raw, t, &listeners, first.ip())
    }

    fn turn_settings(
        &mut self,
        raw: &Raw,
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
        let realm = t
            .realm
            .as_ref()
            .or(raw.server.domain.as_ref())
            .map(|r| r.value.clone());
        let count = |value: &Option<At<u64>>, otherwise| {
            value
                .as_ref()
                .map_or(otherwise, |v| usize::try_from(v.value).unwrap_or(otherwise))
        };
        Some(TurnSettings {
            realm: realm?,
            secret: secret?,
            user_quota: count(&t.user_quota, TURN_USER_QUOTA),
            total_quota: count(&t.total_quota, TURN_TOTAL_QUOTA),
            lifetime: seconds(t.lifetime_s.as_ref(), TURN_LIFETIME),
            relay_address: relay_address?,
            relay_ports,
            allow_loopback_peers,
        })
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
