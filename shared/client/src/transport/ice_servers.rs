//! What the server tells of STUN and TURN when we sign in (docs/flows/wire.md, `VRS-Ice`).
//!
//! ```text
//! VRS-Ice: <turn:192.0.2.7:3478?transport=udp>;username="…";password="…";expires=43200
//! ```

use vrs_domain::Sensitive;
use vrs_sip::Headers;

/// The header that names one way.
const ICE: &str = "VRS-Ice";
/// Most ways that are read.
const WAYS_MAX: usize = 16;
/// Longest value, in bytes.
const VALUE_BYTES_MAX: usize = 1024;
/// The port when none is given: plain, and with TLS (RFC 7064, RFC 7065).
const PORT: u16 = 3478;
const PORT_TLS: u16 = 5349;

/// How a TURN server is reached, the cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Carrier {
    Udp,
    Tcp,
    Tls,
}

/// A server by name or address; IPv6 addresses without brackets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A TURN server and our credential there.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TurnServer {
    pub(crate) place: Place,
    pub(crate) carrier: Carrier,
    pub(crate) username: Sensitive<String>,
    pub(crate) password: Sensitive<String>,
}

/// All that a server told.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct IceServers {
    /// STUN over UDP.
    pub(crate) stun: Vec<Place>,
    /// TURN, the cheapest carrier first.
    pub(crate) turn: Vec<TurnServer>,
}

impl IceServers {
    /// What the 200 to a REGISTER says; what cannot be read is left out.
    pub(crate) fn of(headers: &Headers) -> Self {
        let mut found = Self::default();
        let values = headers.get_all(ICE).take(WAYS_MAX);
        for value in values.filter(|value| value.len() <= VALUE_BYTES_MAX) {
            match read(value) {
                Some(Way::Stun(place)) => found.stun.push(place),
                Some(Way::Turn(server)) => found.turn.push(server),
                None => tracing::debug!("a way of STUN or TURN cannot be read"),
            }
        }
        found.turn.sort_by_key(|server| server.carrier);
        found
    }
}

enum Way {
    Stun(Place),
    Turn(TurnServer),
}

fn read(value: &str) -> Option<Way> {
    let (uri, parameters) = value.trim().strip_prefix('<')?.split_once('>')?;
    let (scheme, rest) = uri.split_once(':')?;
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    let transport = query.and_then(|query| query.strip_prefix("transport="));
    let carrier = match (scheme.to_ascii_lowercase().as_str(), transport) {
        ("stun", _) => return Some(Way::Stun(place_of(place, PORT)?)),
        ("turn", None | Some("udp")) => Carrier::Udp,
        ("turn", Some("tcp")) => Carrier::Tcp,
        ("turns", None | Some("tcp")) => Carrier::Tls,
        (_, _) => return None,
    };
    let port = if carrier == Carrier::Tls {
        PORT_TLS
    } else {
        PORT
    };
    Some(Way::Turn(TurnServer {
        place: place_of(place, port)?,
        carrier,
        username: Sensitive::new(parameter(parameters, "username")?),
        password: Sensitive::new(parameter(parameters, "password")?),
    }))
}

fn place_of(text: &str, port: u16) -> Option<Place> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(text) => text.split_once(']')?,
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => digits.parse().ok().filter(|port| *port != 0)?,
        None if rest.is_empty() => port,
        None => return None,
    };
    let host = Some(host).filter(|host| !host.is_empty())?.to_owned();
    Some(Place { host, port })
}

/// `;name="value"`: what we read needs no escapes.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut all = parameters
        .split(';')
        .filter_map(|part| part.split_once('='));
    let (_, value) = all.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(values: &[&str]) -> IceServers {
        let mut headers = Headers::new();
        for value in values {
            headers.push(ICE, value);
        }
        IceServers::of(&headers)
    }

    #[test]
    fn r62_what_the_server_tells_is_read_and_the_cheapest_carrier_comes_first() {
        let credential = ";username=\"99:+15550100001\";password=\"a+b/c=\";expires=43200";
        let told = servers(&[
            "<stun:192.0.2.7:3478>",
            &format!("<turns:turn.example?transport=tcp>{credential}"),
            &format!("<turn:[2001:db8::7]:3479?transport=tcp>{credential}"),
            &format!("<turn:192.0.2.7>{credential}"),
        ]);
        let places = |server: &TurnServer| {
            let Place { host, port } = &server.place;
            (server.carrier, host.clone(), *port)
        };
        assert!(told.stun[0].host == "192.0.2.7" && told.stun[0].port == 3478);
        assert_eq!(
            told.turn.iter().map(places).collect::<Vec<_>>(),
            [
                (Carrier::Udp, "192.0.2.7".to_owned(), 3478),
                (Carrier::Tcp, "2001:db8::7".to_owned(), 3479),
                (Carrier::Tls, "turn.example".to_owned(), 5349),
            ]
        );
        assert_eq!(told.turn[0].username.expose(), "99:+15550100001");
        assert_eq!(told.turn[0].password.expose(), "a+b/c=");
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        let long = format!("<stun:{}>", "a".repeat(2_000));
        for bad in [
            "",
            "stun:192.0.2.7",
            "<stun:>",
            "<stun:host:0>",
            "<stun:host:99999>",
            "<stun:[::1>",
            "<turn:host>",
            "<turn:host>;username=\"a\"",
            "<turn:host>;username=\"\";password=\"b\"",
            "<turn:host?transport=sctp>;username=\"a\";password=\"b\"",
            "<turns:host?transport=udp>;username=\"a\";password=\"b\"",
            "<https://host>;username=\"a\";password=\"b\"",
            long.as_str(),
        ] {
            assert!(servers(&[bad]) == IceServers::default(), "{bad}");
        }
        let many = vec!["<stun:host>"; 100];
        assert_eq!(servers(&many).stun.len(), WAYS_MAX);
    }
}
