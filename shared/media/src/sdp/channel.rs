//! The m-line of data channels (RFC 8841, RFC 8864), of which real-time text is ours (RFC 8865).
//!
//! A peer that takes `m=text` has no need of it. Browsers know no `m=text`: they read and write
//! on a channel whose subprotocol is `t140`, agreed in the descriptions (`a=dcmap`) or opened by
//! whoever likes within the association (RFC 8832).

use super::describe::write_candidates;
use super::policy::Local;
use super::text::CPS_TAKEN;
use super::{Attributes, Direction, MediaDescription, Negotiated, SessionDescription};
use crate::rtp::MediaKind;

/// The subprotocol of real-time text (RFC 8865 section 9.1).
pub(crate) const SUBPROTOCOL: &str = "t140";
/// SCTP stream that we offer for text: odd, as the DTLS server's are (RFC 8864 section 6.1), since
/// whoever answers us is the client as a rule.
pub(crate) const OFFERED_STREAM: u16 = 1;
/// SCTP port of ours (RFC 8841 section 5.2).
pub(crate) const SCTP_PORT: u16 = 5_000;
/// Largest message we take, in bytes.
pub(crate) const MESSAGE_BYTES_MAX: u32 = 4_096;
/// Characters a second, on average over ten seconds, where nothing is said (RFC 4103 section 6).
pub(crate) const CPS_DEFAULT: u16 = 30;
/// What a peer takes whose description does not say (RFC 8841 section 6.1).
const REMOTE_MESSAGE_BYTES: u32 = 64 * 1024;
/// Longest label that is read, in bytes.
const LABEL_BYTES_MAX: usize = 256;
/// Most languages of one channel that are read.
const LANGUAGES_MAX: usize = 8;
const PROTOCOL: &str = "UDP/DTLS/SCTP";
const FORMAT: &str = "webrtc-datachannel";
const MEDIA: &str = "application";

/// The m-line of data channels both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedChannel {
    /// Which m-line, counted from 0.
    pub line: usize,
    /// `a=mid` of the m-line.
    pub mid: Option<String>,
    /// Which of the peer's transports; one that carries RTP, too.
    pub transport: usize,
    /// The peer's SCTP port.
    pub sctp_port: u16,
    /// Largest message the peer takes, in bytes.
    pub message_bytes_max: u32,
    /// The channel that the descriptions agree on; without it somebody opens one (RFC 8832).
    pub agreed: Option<TextChannel>,
}

impl NegotiatedChannel {
    /// Who may write, from our side.
    #[must_use]
    pub fn direction(&self) -> Direction {
        let agreed = self.agreed.as_ref();
        agreed.map_or(Direction::SendRecv, |channel| channel.direction)
    }

    /// What stays of it in a further offer of the peer: the channels of before, with another
    /// direction. There are none where there were none.
    pub(crate) fn continuing(self, before: &Negotiated) -> Option<Self> {
        let before = before
            .channel
            .as_ref()
            .filter(|old| old.line == self.line)?;
        let agreed = before.agreed.clone().map(|old| TextChannel {
            direction: self.direction(),
            ..old
        });
        Some(Self {
            agreed,
            ..before.clone()
        })
    }
}

/// Writes another direction into an `a=dcsa` that says one.
pub(crate) fn set_direction(value: &mut Option<String>, direction: Direction) {
    if let Some((stream, said)) = value.as_deref().and_then(|value| value.split_once(' '))
        && !said.contains(':')
    {
        *value = Some(format!("{stream} {}", direction.name()));
    }
}

/// A T.140 channel as a description names it (`a=dcmap` and `a=dcsa`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextChannel {
    /// SCTP stream.
    pub stream: u16,
    /// What its owner calls it; may be empty.
    pub label: String,
    /// Who may write, from our side.
    pub direction: Direction,
    /// Characters a second that the peer takes, on average over ten seconds.
    pub cps: u16,
    /// Languages the peer writes (RFC 8373), most wanted first.
    pub languages: Vec<String>,
}

/// Takes the m-line of data channels in an offer or in the answer to ours, if it can carry text:
/// only beside media on the same transport, and not where `m=text` was agreed.
pub(super) fn accept(
    session: &SessionDescription,
    line: usize,
    transport_of: impl Fn(&MediaDescription) -> Option<usize>,
    agreed: &Negotiated,
) -> Option<NegotiatedChannel> {
    let media = session.media.get(line)?;
    if !is_channel(media) || media.is_rejected() || agreed.get(MediaKind::Text).is_some() {
        return None;
    }
    let transport = transport_of(media)?;
    let carries_media = |other: &super::NegotiatedMedia| other.transport == transport;
    if !agreed.media.iter().any(carries_media) {
        return None;
    }
    let sctp_port = match media.attributes.get("sctp-port") {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None => SCTP_PORT,
    };
    let message_bytes_max = match media.attributes.get("max-message-size") {
        Some("0") => u32::MAX,
        Some(size) => size.parse().unwrap_or(REMOTE_MESSAGE_BYTES),
        None => REMOTE_MESSAGE_BYTES,
    };
    let mut named = media.attributes.all("dcmap").peekable();
    let agreed = match named.peek() {
        // Channels of other protocols alone are of no use here.
        Some(_) => Some(named.find_map(|dcmap| text_channel(media, dcmap))?),
        None => None,
    };
    Some(NegotiatedChannel {
        line,
        mid: media.mid().map(str::to_owned),
        transport,
        sctp_port,
        message_bytes_max,
        agreed,
    })
}

/// Whether this is an m-line of WebRTC data channels.
pub(super) fn is_channel(media: &MediaDescription) -> bool {
    let formats = &mut media.formats.iter();
    media.media == MEDIA && media.protocol == PROTOCOL && formats.any(|format| format == FORMAT)
}

/// Reads `a=dcmap:<stream> <parameters>` and what `a=dcsa` adds. `None`: another protocol, or not
/// as RFC 8865 section 4.1 wants it.
fn text_channel(media: &MediaDescription, dcmap: &str) -> Option<TextChannel> {
    let (stream, parameters) = dcmap.split_once(' ').unwrap_or((dcmap, ""));
    let stream: u16 = stream.parse().ok().filter(|stream| *stream != u16::MAX)?;
    let mut label = String::new();
    let mut is_text = false;
    for (name, value) in Parameters(parameters) {
        match name {
            "subprotocol" => is_text = value == SUBPROTOCOL,
            "label" => label = unescaped(value)?,
            "max-retr" | "max-time" => return None,
            "ordered" if value == "false" => return None,
            _ => {}
        }
    }
    if !is_text || label.len() > LABEL_BYTES_MAX {
        return None;
    }
    let mut channel = TextChannel {
        stream,
        label,
        direction: Direction::SendRecv,
        cps: CPS_DEFAULT,
        languages: Vec::new(),
    };
    for said in media.attributes.all("dcsa") {
        if let Some((number, attribute)) = said.split_once(' ')
            && number.parse() == Ok(stream)
        {
            channel.hear(attribute.trim());
        }
    }
    Some(channel)
}

impl TextChannel {
    /// Takes one attribute of the channel; unknown ones are ignored (RFC 8864 section 6.7).
    fn hear(&mut self, attribute: &str) {
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        match name {
            "fmtp" => {
                let cps = value.strip_prefix("t140 ").and_then(cps_of);
                self.cps = cps.unwrap_or(self.cps);
            }
            "hlang-send" => {
                let languages = value.split_whitespace().take(LANGUAGES_MAX);
                self.languages = languages.map(str::to_owned).collect();
            }
            "sendonly" => self.direction = Direction::RecvOnly,
            "recvonly" => self.direction = Direction::SendOnly,
            "inactive" => self.direction = Direction::Inactive,
            "sendrecv" => self.direction = Direction::SendRecv,
            _ => {}
        }
    }
}

/// The `cps` of format parameters (RFC 4103 section 6).
pub(super) fn cps_of(parameters: &str) -> Option<u16> {
    let mut pairs = parameters.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name.trim() == "cps").then_some(value.trim())
    });
    pairs.next()?.parse().ok().filter(|cps| *cps > 0)
}

/// `name=value` or `name="value"`, with semicolons between them.
struct Parameters<'a>(&'a str);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_once('=')?;
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (value, rest) = quoted.split_once('"')?;
                (value, rest.split_once(';').map_or("", |(_, rest)| rest))
            }
            None => rest.split_once(';').unwrap_or((rest, "")),
        };
        self.0 = rest;
        Some((name.trim(), value.trim()))
    }
}

/// A quoted value may write any byte as `%` and two digits (RFC 8864 section 5.1.1).
fn unescaped(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((plain, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(escaped.get(..2)?, 16).ok()?);
        rest = &escaped[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    let text = String::from_utf8(bytes).ok()?;
    (!text.contains(char::is_control)).then_some(text)
}

fn escaped(label: &str) -> String {
    let write = |byte: u8| match byte {
        b'"' | b'%' | 0..=0x1f | 0x7f.. => format!("%{byte:02x}"),
        plain => char::from(plain).to_string(),
    };
    label.bytes().map(write).collect()
}

/// The m-line of an offer of ours; it follows `m=text`, and whoever takes that rejects this.
pub(super) fn write_offer(local: &Local, mid: &str) -> MediaDescription {
    let channel = TextChannel {
        stream: OFFERED_STREAM,
        label: String::new(),
        direction: Direction::SendRecv,
        cps: CPS_DEFAULT,
        languages: Vec::new(),
    };
    write(local, Some(mid), 0, Some(&channel))
}

/// The m-line of an answer of ours.
pub(super) fn write_answer(local: &Local, agreed: &NegotiatedChannel) -> MediaDescription {
    let mid = agreed.mid.as_deref();
    write(local, mid, agreed.transport, agreed.agreed.as_ref())
}

fn write(
    local: &Local,
    mid: Option<&str>,
    transport: usize,
    channel: Option<&TextChannel>,
) -> MediaDescription {
    let mut attributes = Attributes::default();
    if let Some(mid) = mid {
        attributes.push("mid", mid);
    }
    if let Some(transport) = local.transports.get(transport) {
        attributes.push("ice-ufrag", transport.ufrag.as_str());
        attributes.push("ice-pwd", transport.password.as_str());
        attributes.push("fingerprint", local.fingerprint.as_str());
        attributes.push("setup", transport.setup.name());
    }
    attributes.push("sctp-port", SCTP_PORT.to_string());
    attributes.push("max-message-size", MESSAGE_BYTES_MAX.to_string());
    if let Some(channel) = channel {
        let (stream, label) = (channel.stream, escaped(&channel.label));
        let label = match label.is_empty() {
            true => String::new(),
            false => format!("label=\"{label}\";"),
        };
        attributes.push(
            "dcmap",
            format!("{stream} {label}subprotocol=\"{SUBPROTOCOL}\""),
        );
        attributes.push("dcsa", format!("{stream} fmtp:t140 cps={CPS_TAKEN}"));
        attributes.push("dcsa", format!("{stream} {}", channel.direction.name()));
    }
    let first = write_candidates(&mut attributes, local);
    MediaDescription {
        media: MEDIA.to_owned(),
        port: first.map_or(9, |first| first.port()),
        protocol: PROTOCOL.to_owned(),
        formats: vec![FORMAT.to_owned()],
        connection: first.map(|first| first.ip()),
        attributes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The m-line of RFC 8865 section 4.3.
    const EXAMPLE: &str = "m=application 911 UDP/DTLS/SCTP webrtc-datachannel\r\n\
        c=IN IP6 2001:db8::3\r\na=max-message-size:1000\r\na=sctp-port:5000\r\n\
        a=setup:actpass\r\na=dcmap:2 label=\"ACME customer service\";subprotocol=\"t140\"\r\n\
        a=dcsa:2 fmtp:t140 cps=20\r\na=dcsa:2 hlang-send:es eo\r\na=dcsa:2 hlang-recv:es eo\r\n";

    fn read(line: &str) -> Option<TextChannel> {
        let text = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n{line}");
        let session = SessionDescription::parse(&text).unwrap();
        let media = &session.media[0];
        let mut named = media.attributes.all("dcmap");
        named.find_map(|dcmap| text_channel(media, dcmap))
    }

    #[test]
    fn r40_the_channel_of_the_standards_example_is_read() {
        let channel = read(EXAMPLE).unwrap();
        assert_eq!((channel.stream, channel.cps), (2, 20));
        assert_eq!(channel.label, "ACME customer service");
        assert_eq!(channel.languages, ["es", "eo"]);
        assert_eq!(channel.direction, Direction::SendRecv);
        let reading = EXAMPLE.replace("hlang-recv:es eo", "recvonly");
        assert_eq!(read(&reading).unwrap().direction, Direction::SendOnly);
    }

    #[test]
    fn r40_channels_that_are_not_for_text_or_not_reliable_are_not_taken() {
        for (from, to) in [
            ("subprotocol=\"t140\"", "subprotocol=\"msrp\""),
            ("subprotocol=\"t140\"", "max-retr=3;subprotocol=\"t140\""),
            ("subprotocol=\"t140\"", "subprotocol=\"t140\";max-time=100"),
            ("subprotocol=\"t140\"", "subprotocol=\"t140\";ordered=false"),
            ("dcmap:2", "dcmap:65535"),
            ("dcmap:2", "dcmap:-2"),
            ("ACME", "%zz"),
            ("ACME", "%00"),
            ("ACME", "%ff"),
            ("ACME", "%f"),
        ] {
            assert_eq!(read(&EXAMPLE.replace(from, to)), None, "{to}");
        }
    }

    #[test]
    fn labels_are_written_so_that_they_read_the_same() {
        for label in ["", "a \"b\" 100%", "über", "a;b=c"] {
            let parameters = format!("label=\"{}\";subprotocol=\"t140\"", escaped(label));
            let line = EXAMPLE.replace(
                "label=\"ACME customer service\";subprotocol=\"t140\"",
                &parameters,
            );
            assert_eq!(read(&line).unwrap().label, label);
        }
    }

    #[test]
    fn a_rate_that_means_nothing_is_ignored() {
        for (parameters, cps) in [
            ("cps=90", Some(90)),
            ("x=1; cps = 45", Some(45)),
            ("cps=0", None),
            ("cps=-1", None),
            ("cps", None),
        ] {
            assert_eq!(cps_of(parameters), cps, "{parameters}");
        }
    }
}
