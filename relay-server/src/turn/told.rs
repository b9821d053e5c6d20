//! What a signed-in app is told of STUN and TURN: where they are, and a credential of its own.
//!
//! It stands in the 200 to REGISTER, one header for each way (docs/flows/wire.md). A server that
//! does both STUN and TURN at one place is named twice, as RFC 9248 section 9.2.2 wants it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use vrs_domain::Sensitive;

use super::credential;
use crate::config::{Config, TurnSettings};

/// The header that names one way.
pub const ICE: &str = "VRS-Ice";
/// How long a credential is good. A device registers again within the hour, and what it has then
/// allocated outlives the credential, so this is longer than any call begins late.
pub const CREDENTIAL_FOR: Duration = Duration::from_secs(12 * 3600);

/// Where datagrams, streams and streams with TLS are listened for; the ports are the real ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listeners {
    /// UDP.
    pub udp: Option<SocketAddr>,
    /// TCP.
    pub tcp: Option<SocketAddr>,
    /// TLS.
    pub tls: Option<SocketAddr>,
}

/// Makes what is told.
#[derive(Debug, Clone)]
pub struct Told {
    secret: Sensitive<Vec<u8>>,
    stun: Vec<String>,
    turn: Vec<String>,
}

impl Told {
    /// What `config` has to tell of these listeners; `None` without TURN.
    #[must_use]
    pub fn of(config: &Config, listeners: Listeners) -> Option<Self> {
        let turn = config.turn.as_ref()?;
        Some(Self::new(turn, &config.server.domain, listeners))
    }

    fn new(turn: &TurnSettings, domain: &str, listeners: Listeners) -> Self {
        let plain = turn.host.clone();
        let plain = plain.unwrap_or_else(|| in_uri(turn.relay_address));
        // A certificate is for a name.
        let named = turn.host.as_deref().unwrap_or(domain);
        let udp = listeners.udp.map(|at| format!("{plain}:{}", at.port()));
        let tcp = listeners.tcp.map(|at| format!("{plain}:{}", at.port()));
        let tls = listeners.tls.map(|at| format!("{named}:{}", at.port()));
        let ways = [
            udp.as_ref().map(|at| format!("turn:{at}?transport=udp")),
            tcp.map(|at| format!("turn:{at}?transport=tcp")),
            tls.map(|at| format!("turns:{at}?transport=tcp")),
        ];
        Self {
            secret: turn.secret.clone(),
            stun: udp.iter().map(|at| format!("stun:{at}")).collect(),
            turn: ways.into_iter().flatten().collect(),
        }
    }

    /// The headers for `account` at `now` (seconds since 1970).
    #[must_use]
    pub fn headers(&self, account: &str, now: u64) -> Vec<(String, String)> {
        let ttl = CREDENTIAL_FOR.as_secs();
        let credential = credential::issue(&self.secret, account, now, ttl);
        let (username, password) = (&credential.username, credential.password.expose());
        let stun = self.stun.iter().map(|uri| format!("<{uri}>"));
        let turn = self.turn.iter().map(|uri| {
            format!("<{uri}>;username=\"{username}\";password=\"{password}\";expires={ttl}")
        });
        stun.chain(turn)
            .map(|value| (ICE.to_owned(), value))
            .collect()
    }
}

/// An address as it stands in a URI (RFC 3986 section 3.2.2).
fn in_uri(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(host: Option<&str>) -> TurnSettings {
        TurnSettings {
            host: host.map(str::to_owned),
            ..TurnSettings::for_tests("2001:db8::7".parse().unwrap())
        }
    }

    fn listeners() -> Listeners {
        let at = |port| Some(SocketAddr::from(([0, 0, 0, 0], port)));
        Listeners {
            udp: at(3478),
            tcp: at(3479),
            tls: at(5349),
        }
    }

    #[test]
    fn r62_stun_and_turn_are_told_apart_and_tls_by_the_name_of_its_certificate() {
        let told = Told::new(&settings(None), "relay.example", listeners());
        let headers = told.headers("1234", 1_000);
        let uris: Vec<&str> = headers
            .iter()
            .map(|(name, value)| {
                assert_eq!(name, ICE);
                value.split(['<', '>']).nth(1).unwrap()
            })
            .collect();
        assert_eq!(
            uris,
            [
                "stun:[2001:db8::7]:3478",
                "turn:[2001:db8::7]:3478?transport=udp",
                "turn:[2001:db8::7]:3479?transport=tcp",
                "turns:relay.example:5349?transport=tcp",
            ]
        );
        assert_eq!(headers[0].1, "<stun:[2001:db8::7]:3478>");
        let named = Told::new(
            &settings(Some("turn.example")),
            "relay.example",
            listeners(),
        );
        let headers = named.headers("1234", 0);
        assert!(
            headers
                .iter()
                .all(|(_, value)| value.contains(":turn.example:"))
        );
    }

    #[test]
    fn a45_what_is_told_is_a_credential_of_this_account_that_ends() {
        let settings = settings(None);
        let told = Told::new(&settings, "relay.example", listeners());
        let (_, value) = told.headers("+15550100001", 1_000).remove(1);
        let username = format!("{}:+15550100001", 1_000 + CREDENTIAL_FOR.as_secs());
        let password = credential::password(&settings.secret, &username);
        let password = password.expose();
        let rest = format!(";username=\"{username}\";password=\"{password}\";expires=43200");
        assert!(value.ends_with(&rest));
        assert_eq!(credential::account(&username, 1_000), Ok("+15550100001"));
        assert!(!format!("{told:?}").contains("0123456789abcdef"));
    }
}
