//! Where the server is and who we are there, as people write it.

use std::fmt;

/// The port when none is given: HTTPS, where a relay server listens for WSS too.
const PORT_DEFAULT: u16 = 443;
/// The path when none is given.
const PATH_DEFAULT: &str = "/sip";
/// Longest host name (RFC 1035 section 2.3.4), in bytes.
const HOST_BYTES_MAX: usize = 253;

/// A relay server: `HOST`, `HOST:PORT` or `wss://HOST:PORT/PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerAddress {
    /// Name or address; IPv6 addresses without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
}

/// The text names no server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidAddress {
    #[error("no server was given")]
    Empty,
    #[error("only wss:// is allowed: a call is never set up in the clear")]
    Scheme,
    #[error("the server's name has a sign that does not belong there")]
    Host,
    #[error("the port is a number from 1 to 65535")]
    Port,
}

impl std::str::FromStr for ServerAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("wss") => rest,
            Some(_) => return Err(InvalidAddress::Scheme),
            None => text,
        };
        let (authority, path) = rest
            .find('/')
            .map_or((rest, PATH_DEFAULT), |at| rest.split_at(at));
        let (host, port) = split_port(authority)?;
        if host.is_empty() {
            return Err(InvalidAddress::Empty);
        }
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
        let path_fits = path.bytes().all(|b| b.is_ascii_graphic());
        if host.len() > HOST_BYTES_MAX || !host.bytes().all(fits) || !path_fits {
            return Err(InvalidAddress::Host);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        })
    }
}

fn split_port(authority: &str) -> Result<(&str, u16), InvalidAddress> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(InvalidAddress::Host)?;
        (host, after.strip_prefix(':'))
    } else if authority.matches(':').count() > 1 {
        (authority, None) // a bare IPv6 address
    } else {
        authority
            .split_once(':')
            .map_or((authority, None), |(host, port)| (host, Some(port)))
    };
    let port = match port {
        None => PORT_DEFAULT,
        Some(digits) => digits
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or(InvalidAddress::Port)?,
    };
    Ok((host, port))
}

impl ServerAddress {
    /// The host as it stands in a URI: IPv6 addresses in brackets.
    pub(crate) fn uri_host(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        }
    }

    /// Where to connect to.
    pub(crate) fn url(&self) -> String {
        format!("wss://{}:{}{}", self.uri_host(), self.port, self.path)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uri_host(), self.port)
    }
}

/// An account at a server: digest user and SIP domain.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// `+15550100001` for a caller, `1234` for an interpreter.
    pub(crate) user: String,
    /// Realm and SIP domain: the server's host unless the account names another.
    pub(crate) domain: String,
}

impl Account {
    /// Callers' numbers are taken as people write them; whatever is no number is left as it is.
    pub(crate) fn new(typed: &str, caller: bool, server: &ServerAddress) -> Self {
        let typed = typed.trim();
        let (user, domain) = match typed.rsplit_once('@') {
            Some((user, domain)) => (user, domain.to_owned()),
            None => (typed, server.uri_host()),
        };
        let user = user.strip_prefix("sip:").unwrap_or(user);
        let number = caller
            .then(|| user.parse::<vrs_domain::PhoneNumber>().ok())
            .flatten();
        Self {
            user: number.map_or_else(|| user.to_owned(), |n| n.to_string()),
            domain,
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account(«redacted»)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str, expect: Result<&str, InvalidAddress>) {
        let got = typed.parse::<ServerAddress>().map(|a| a.url());
        assert_eq!(got, expect.map(str::to_owned), "{typed:?}");
    }

    #[test]
    fn servers_are_taken_as_people_write_them() {
        check("relay.example", Ok("wss://relay.example:443/sip"));
        check(" relay.example:5061 ", Ok("wss://relay.example:5061/sip"));
        check(
            "wss://relay.example:5061/other",
            Ok("wss://relay.example:5061/other"),
        );
        check("WSS://127.0.0.1:8443/sip", Ok("wss://127.0.0.1:8443/sip"));
        check("[::1]:8443", Ok("wss://[::1]:8443/sip"));
        check("::1", Ok("wss://[::1]:443/sip"));
    }

    #[test]
    fn what_is_no_server_says_why() {
        check("", Err(InvalidAddress::Empty));
        check(":5061", Err(InvalidAddress::Empty));
        check("ws://relay.example", Err(InvalidAddress::Scheme));
        check("http://relay.example", Err(InvalidAddress::Scheme));
        check("relay.example:0", Err(InvalidAddress::Port));
        check("relay.example:99999", Err(InvalidAddress::Port));
        check("relay example", Err(InvalidAddress::Host));
        check("relay\r\nexample", Err(InvalidAddress::Host));
        check("[::1", Err(InvalidAddress::Host));
    }

    #[test]
    fn accounts_take_their_domain_from_the_server_unless_they_name_one() {
        let server: ServerAddress = "relay.example:5061".parse().unwrap();
        let caller = Account::new("(555) 010-0001", true, &server);
        assert_eq!(
            (caller.user.as_str(), caller.domain.as_str()),
            ("+15550100001", "relay.example")
        );
        let interpreter = Account::new("1234@vrs.example", false, &server);
        assert_eq!(
            (interpreter.user.as_str(), interpreter.domain.as_str()),
            ("1234", "vrs.example")
        );
        assert_eq!(format!("{caller:?}"), "Account(«redacted»)");
    }
}
