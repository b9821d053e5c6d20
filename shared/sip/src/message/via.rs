//! The Via header (RFC 3261 section 20.42, RFC 3581).

use super::chars::{host_port, is_token, is_wsp};
use super::params::Params;
use std::fmt;

/// One hop of the way a request took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// Transport token as written (`UDP`, `TCP`, `TLS`, `WS`, `WSS` or another).
    pub transport: String,
    /// sent-by host in lower case.
    pub host: String,
    /// sent-by port.
    pub port: Option<u16>,
    /// branch, received, rport, ...
    pub params: Params,
}

/// What every RFC 3261 branch begins with.
pub(crate) const BRANCH_COOKIE: &str = "z9hG4bK";

impl Via {
    /// Reads one Via value. White space around the slashes is allowed, as the grammar has it.
    pub fn parse(value: &str) -> Option<Self> {
        let mut protocol = value.splitn(3, '/');
        let name = protocol.next()?.trim_matches(is_wsp);
        let version = protocol.next()?.trim_matches(is_wsp);
        let rest = protocol.next()?.trim_matches(is_wsp);
        if !name.eq_ignore_ascii_case("SIP") || version != "2.0" {
            return None;
        }
        let (transport, rest) = rest.split_once(is_wsp)?;
        if !is_token(transport) {
            return None;
        }
        let (sent_by, params) = match rest.split_once(';') {
            Some((sent_by, params)) => (sent_by, Params::parse_header(params)?),
            None => (rest, Params::new()),
        };
        let (host, port) = host_port(sent_by.trim_matches(is_wsp))?;
        Some(Self {
            transport: transport.to_owned(),
            host: host.to_ascii_lowercase(),
            port,
            params,
        })
    }

    /// The branch; `None` when absent or empty.
    pub fn branch(&self) -> Option<&str> {
        self.params
            .get("branch")
            .filter(|branch| !branch.is_empty())
    }

    /// `host` or `host:port` as the sender named itself.
    pub fn sent_by(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.sent_by())?;
        self.params.write_header(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_where_the_grammar_allows_it() {
        let via = Via::parse(
            "SIP  /    2.0   / UDP  192.168.255.111 : 5070  ; branch= z9hG4bK30239;rport",
        )
        .unwrap();
        assert_eq!(
            (via.transport.as_str(), via.sent_by().as_str()),
            ("UDP", "192.168.255.111:5070")
        );
        assert_eq!(via.branch(), Some("z9hG4bK30239"));
        assert_eq!(via.params.get("rport"), Some(""));
        assert_eq!(Via::parse(&via.to_string()), Some(via));
    }

    #[test]
    fn stray_separators_are_refused() {
        for text in [
            "SIP/2.0/UDP 192.0.2.15;;",
            "SIP/2.0/UDP",
            "SIP/7.0/UDP a",
            "SIP/2.0/U P a b",
            "SIP/2.0/UDP a:x",
        ] {
            assert_eq!(Via::parse(text), None, "{text}");
        }
    }
}
