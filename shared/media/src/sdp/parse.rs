//! Reading: strict about limits and structure, lenient about what we do not use.

use std::net::IpAddr;

use vrs_domain::limit::{SDP_BYTES_MAX, SDP_MEDIA_MAX};

use super::{Attributes, MediaDescription, Origin, SessionDescription};

/// Most `a=` lines of one session or m-line.
const ATTRIBUTES_MAX: usize = 512;
/// Longest line, in bytes.
const LINE_BYTES_MAX: usize = 4 * 1024;
/// Most formats of one m-line.
const FORMATS_MAX: usize = 128;
/// Most candidates of one session or m-line.
const CANDIDATES_MAX: usize = 64;
/// The largest bandwidth that is believed, in bits or kilobits a second as its line says.
const BANDWIDTH_MAX: u64 = u32::MAX as u64;
/// Longest mid, in bytes.
const MID_BYTES_MAX: usize = 64;

/// Why a session description was refused; always its writer's fault. Says the line, never its
/// content: addresses are private.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// More than 64 KiB.
    #[error("larger than {SDP_BYTES_MAX} bytes")]
    TooLarge,
    /// More than 16 m-lines.
    #[error("more than {SDP_MEDIA_MAX} m-lines")]
    TooManyMedia,
    /// A line, or the number of lines or formats, exceeds its limit.
    #[error("line {0} exceeds a limit")]
    Limit(usize),
    /// Not `x=value`, a control character, or a field that cannot be read.
    #[error("line {0} is broken")]
    Line(usize),
    /// No `v=0`, `o=` or `s=` line.
    #[error("no v=0, o= or s= line")]
    Incomplete,
    /// Two m-lines with the same `a=mid`.
    #[error("two m-lines have the same mid")]
    DuplicateMid,
    /// A BUNDLE group names a mid that no m-line has, or one that was named before.
    #[error("a bundle names an m-line that does not exist, or one twice")]
    Bundle,
}

pub(super) fn parse(text: &str) -> Result<SessionDescription, SdpError> {
    if text.len() > SDP_BYTES_MAX {
        return Err(SdpError::TooLarge);
    }
    let mut session = SessionDescription::default();
    let (mut version, mut origin, mut name) = (false, false, false);
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if line.len() > LINE_BYTES_MAX {
            return Err(SdpError::Limit(number));
        }
        let broken = SdpError::Line(number);
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(broken);
        }
        let Some((
            kind @ ("v" | "o" | "s" | "m" | "c" | "a" | "i" | "u" | "e" | "p" | "b" | "t" | "r"
            | "z" | "k"),
            value,
        )) = line.split_once('=')
        else {
            return Err(broken);
        };
        match kind {
            "v" => version = value.trim() == "0",
            "s" => name = true,
            "o" => {
                session.origin = parse_origin(value).ok_or(broken)?;
                origin = true;
            }
            "c" => {
                let address = parse_connection(value).ok_or(broken)?;
                match session.media.last_mut() {
                    Some(media) => media.connection = address,
                    None => session.connection = address,
                }
            }
            "m" => {
                if session.media.len() >= SDP_MEDIA_MAX {
                    return Err(SdpError::TooManyMedia);
                }
                session.media.push(parse_media(value, number)?);
            }
            "a" => {
                let attributes = match session.media.last_mut() {
                    Some(media) => &mut media.attributes,
                    None => &mut session.attributes,
                };
                push_attribute(attributes, value, number)?;
            }
            "b" => check_bandwidth(value, number)?,
            _ => {} // not used by anybody here
        }
    }
    if !(version && origin && name) {
        return Err(SdpError::Incomplete);
    }
    check_mids(&session)?;
    check_bundles(&session)?;
    Ok(session)
}

/// `o=<username> <sess-id> <sess-version> <nettype> <addrtype> <unicast-address>`
fn parse_origin(value: &str) -> Option<Origin> {
    let fields: Vec<&str> = value.split_whitespace().collect();
    let [_, id, version, _, _, address] = fields.as_slice() else {
        return None;
    };
    // Ids beyond 64 bits exist in the wild; nobody compares them with ours.
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(id) || !digits(version) {
        return None;
    }
    Some(Origin {
        id: id.parse().unwrap_or(u64::MAX),
        version: version.parse().unwrap_or(u64::MAX),
        address: address.parse().ok(),
    })
}

/// `c=IN IP4 192.0.2.1`; a host name or multicast address counts as no address.
fn parse_connection(value: &str) -> Option<Option<IpAddr>> {
    let fields: Vec<&str> = value.split_whitespace().collect();
    let ["IN", "IP4" | "IP6", address] = fields.as_slice() else {
        return None;
    };
    Some(
        address
            .parse()
            .ok()
            .filter(|address: &IpAddr| !address.is_multicast()),
    )
}

/// `b=<bwtype>:<bandwidth>`: nobody here goes by it, but nobody is to be told nonsense either.
fn check_bandwidth(value: &str, line: usize) -> Result<(), SdpError> {
    let (_, number) = value.split_once(':').ok_or(SdpError::Line(line))?;
    let number = number.trim();
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SdpError::Line(line));
    }
    match number.parse::<u64>() {
        Ok(bandwidth) if bandwidth <= BANDWIDTH_MAX => Ok(()),
        Ok(_) | Err(_) => Err(SdpError::Limit(line)),
    }
}

/// `m=<media> <port>[/<number>] <proto> <fmt> ...`
fn parse_media(value: &str, line: usize) -> Result<MediaDescription, SdpError> {
    let mut fields = value.split_whitespace();
    let mut next = || fields.next().ok_or(SdpError::Line(line));
    let (media, port, protocol) = (next()?, next()?, next()?);
    let port = port.split_once('/').map_or(port, |(port, _)| port);
    let port = port.parse::<u16>().map_err(|_| SdpError::Line(line))?;
    let formats: Vec<String> = fields.map(str::to_owned).collect();
    if formats.is_empty() {
        return Err(SdpError::Line(line));
    }
    if formats.len() > FORMATS_MAX {
        return Err(SdpError::Limit(line));
    }
    Ok(MediaDescription {
        media: media.to_owned(),
        port,
        protocol: protocol.to_owned(),
        formats,
        connection: None,
        attributes: Attributes::default(),
    })
}

fn push_attribute(attributes: &mut Attributes, value: &str, line: usize) -> Result<(), SdpError> {
    if attributes.0.len() >= ATTRIBUTES_MAX {
        return Err(SdpError::Limit(line));
    }
    let (name, value) = match value.split_once(':') {
        Some((name, value)) => (name.trim(), Some(value.trim().to_owned())),
        None => (value.trim(), None),
    };
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(SdpError::Line(line));
    }
    if name == "mid" {
        let token = value.as_deref().unwrap_or("");
        let fits = (1..=MID_BYTES_MAX).contains(&token.len());
        if !fits || token.contains(char::is_whitespace) || attributes.has("mid") {
            return Err(SdpError::Line(line));
        }
    }
    if name == "candidate" && attributes.all("candidate").count() >= CANDIDATES_MAX {
        return Err(SdpError::Limit(line));
    }
    attributes.0.push((name.to_owned(), value));
    Ok(())
}

fn check_mids(session: &SessionDescription) -> Result<(), SdpError> {
    let mut mids: Vec<&str> = session
        .media
        .iter()
        .filter_map(MediaDescription::mid)
        .collect();
    mids.sort_unstable();
    if mids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(SdpError::DuplicateMid);
    }
    Ok(())
}

/// Groups name m-lines that are there, each once (RFC 9143 section 7.2).
fn check_bundles(session: &SessionDescription) -> Result<(), SdpError> {
    let mut named: Vec<&str> = session.bundles().concat();
    let known = |mid: &&str| session.media.iter().any(|media| media.mid() == Some(mid));
    named.sort_unstable();
    let twice = named.windows(2).any(|pair| pair[0] == pair[1]);
    if twice || !named.iter().all(known) {
        return Err(SdpError::Bundle);
    }
    Ok(())
}
