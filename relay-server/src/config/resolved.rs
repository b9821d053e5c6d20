//! The configuration as it is meant: typed, complete, with defaults filled in.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

use relay_core::queue::QueueRules;
use relay_core::session::Rules;
use vrs_domain::{PhoneNumber, Sensitive, Urgency};
use vrs_media::{Allowed, Codec};

use super::problem::{ConfigError, Problem};
use super::{raw, resolve};
use crate::journal::Rotation;
use crate::sfu::LinePlan;

/// Everything the server runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from, absolute.
    pub file: PathBuf,
    /// Name and data folder.
    pub server: Server,
    /// Addresses to listen on.
    pub listen: Listen,
    /// How pictures and sound are forwarded.
    pub media: MediaSettings,
    /// Certificate and key of the secure port.
    pub tls: TlsFiles,
    /// Digest authentication.
    pub sip: SipSettings,
    /// Ways to the telephone network, in order of preference.
    pub trunks: Vec<Trunk>,
    /// TURN, when it is served.
    pub turn: Option<TurnSettings>,
    /// Waiting times.
    pub queue: QueueSettings,
    /// `[numbers]`
    pub numbers: Numbers,
    /// `[emergency]`
    pub emergency: Emergency,
    /// Files of the journal.
    pub journal: JournalSettings,
    /// Logging.
    pub log: LogSettings,
    /// Doubtful, but not wrong.
    pub warnings: Vec<Problem>,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct Server {
    /// The domain of accounts: `sip:1234@DOMAIN`.
    pub domain: String,
    /// Journal, views and accounts live here; absolute.
    pub data_dir: PathBuf,
}

/// `[listen]`
#[derive(Debug, Clone)]
pub struct Listen {
    /// HTTPS and WSS (TCP).
    pub secure: SocketAddr,
    /// ICE, DTLS and SRTP of all calls (UDP), the first of [`MediaSettings::workers`] ports; port
    /// 0 lets the system choose them.
    pub media: SocketAddr,
    /// The address put into ICE candidates.
    pub media_address: IpAddr,
    /// STUN and TURN over UDP.
    pub turn_udp: Option<SocketAddr>,
    /// STUN and TURN over TCP.
    pub turn_tcp: Option<SocketAddr>,
    /// STUN and TURN over TLS.
    pub turn_tls: Option<SocketAddr>,
    /// Metrics and health over plain HTTP; always a loopback address.
    pub admin: Option<SocketAddr>,
}

/// `[media]`
#[derive(Debug, Clone)]
pub struct MediaSettings {
    /// Threads that forward, each with a port of its own.
    pub workers: NonZeroU16,
    /// What may be agreed with callers and interpreters.
    pub allowed: Allowed,
}

/// `[tls]`
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// PEM chain, server certificate first; absolute.
    pub certificate: PathBuf,
    /// PEM private key; absolute.
    pub key: PathBuf,
}

/// `[sip]`
#[derive(Debug, Clone)]
pub struct SipSettings {
    /// Digest realm (RFC 8760); accounts are bound to it.
    pub realm: String,
    /// Whether accounts made for digest MD5 may sign in with it.
    pub allow_md5: bool,
    /// Key of the digest nonces.
    pub nonce_secret: Sensitive<Vec<u8>>,
}

/// How SIP travels to a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrunkTransport {
    /// Plain datagrams.
    Udp,
    /// Plain stream.
    Tcp,
    /// TLS.
    Tls,
}

impl fmt::Display for TrunkTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        })
    }
}

/// Where a trunk is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TrunkHost {
    /// A literal address; always so for plaintext trunks.
    Address(IpAddr),
    /// A host name, looked up when the trunk is called.
    Name(String),
}

impl TrunkHost {
    /// As it is looked up and stands in certificates: IPv6 without brackets.
    #[must_use]
    pub fn bare(&self) -> String {
        match self {
            Self::Address(ip) => ip.to_string(),
            Self::Name(name) => name.clone(),
        }
    }
}

impl fmt::Display for TrunkHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Address(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// `[[trunk]]`: one way to the telephone network.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// Name for logs and metrics; unique.
    pub name: String,
    /// Where its gateway is.
    pub host: TrunkHost,
    /// The gateway's SIP port.
    pub port: u16,
    /// How SIP travels there.
    pub transport: TrunkTransport,
    /// Marked by the operator as a gateway on a loopback or private address without encryption.
    pub plaintext: bool,
    /// Certificate authority that signed the gateway's certificate; the system's when `None`.
    pub ca_file: Option<PathBuf>,
    /// Whether media is SRTP (SDES inside TLS) rather than plain RTP.
    pub srtp: bool,
    /// After so long without sound or RTCP from it a telephone counts as gone; `None`: never.
    pub silence: Option<Duration>,
    /// Our own address for SIP with this trunk; port 0 lets the system choose.
    pub local: SocketAddr,
    /// The address put into SDP towards the trunk.
    pub media_address: IpAddr,
}

impl Trunk {
    /// How a line of this trunk is made.
    #[must_use]
    pub const fn line(&self) -> LinePlan {
        LinePlan {
            local: self.local.ip(),
            advertised: self.media_address,
            secure: self.srtp,
            silence: self.silence,
        }
    }
}

/// `[turn]`
#[derive(Debug, Clone)]
pub struct TurnSettings {
    /// Realm of the long-term credentials.
    pub realm: String,
    /// Shared secret of the time-limited credentials.
    pub secret: Sensitive<Vec<u8>>,
    /// Most allocations of one account at once.
    pub user_quota: usize,
    /// Most allocations at once.
    pub total_quota: usize,
    /// Bytes of data a second that one account may relay, both ways together.
    pub user_bytes_per_s: u64,
    /// Bytes of data a second that all may relay, both ways together.
    pub total_bytes_per_s: u64,
    /// Longest lifetime of an allocation between refreshes.
    pub lifetime: Duration,
    /// What apps are told as our name, as it stands in a URI; `None` tells them the relay address,
    /// and the domain for TLS.
    pub host: Option<String>,
    /// The address peers see; relay sockets are opened on the listener's own.
    pub relay_address: IpAddr,
    /// The address that peers with IPv6 see; relay sockets are opened on it.
    pub relay_address_ipv6: Option<Ipv6Addr>,
    /// Ports of relay sockets, both ends included; `None` lets the system choose.
    pub relay_ports: Option<(u16, u16)>,
    /// Test-only switch: peers on loopback and private addresses are allowed.
    pub allow_loopback_peers: bool,
}

#[cfg(test)]
impl TurnSettings {
    /// Relays at this address, with room for everybody.
    pub(crate) fn for_tests(relay_address: IpAddr) -> Self {
        Self {
            realm: "visavis".to_owned(),
            secret: Sensitive::new(b"0123456789abcdef".to_vec()),
            user_quota: 10,
            total_quota: 1_000,
            user_bytes_per_s: 2_500_000,
            total_bytes_per_s: 125_000_000,
            lifetime: Duration::from_secs(600),
            host: None,
            relay_address,
            relay_address_ipv6: None,
            relay_ports: None,
            allow_loopback_peers: false,
        }
    }
}

/// `[queue]`
#[derive(Debug, Clone, Copy)]
pub struct QueueSettings {
    /// How long interpreters are asked, rest and wrap up.
    pub rules: QueueRules,
    /// How long the called party may ring, and a conversation may wait for another interpreter.
    pub session: Rules,
}

/// `[numbers]`: which numbers are more urgent than others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// Answered before everything else, and called back when they are lost (F18, F21).
    pub emergency: BTreeSet<PhoneNumber>,
    /// The crisis line and its like: before the standard queue.
    pub crisis: BTreeSet<PhoneNumber>,
}

impl Numbers {
    /// How urgent a call to `number` is.
    #[must_use]
    pub fn urgency(&self, number: &PhoneNumber) -> Urgency {
        if self.emergency.contains(number) {
            Urgency::Emergency
        } else if self.crisis.contains(number) {
            Urgency::Urgent
        } else {
            Urgency::Standard
        }
    }

    /// Whom to call for help when no number is named: 911 where it is one of them.
    #[must_use]
    pub fn foremost(&self) -> Option<&PhoneNumber> {
        let usual = self.emergency.iter().find(|one| one.as_str() == "911");
        usual.or_else(|| self.emergency.first())
    }
}

impl Default for Numbers {
    /// 911 and 112; 988.
    fn default() -> Self {
        let set = |codes: &[&str]| codes.iter().filter_map(|code| code.parse().ok()).collect();
        Self {
            emergency: set(&["911", "112"]),
            crisis: set(&["988"]),
        }
    }
}

/// `[emergency]`: what emergency services are told of the service (47 CFR 9.14(b)(2)(iv)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emergency {
    /// The relay provider's name.
    pub provider: String,
    /// The provider's NENA company id, as "VISAV" (RFC 7852 section 4.1.2); the domain names the
    /// provider when there is none.
    pub nena_company_id: Option<String>,
    /// The number that reaches an interpreter; the caller's own number when there is none.
    pub callback: Option<PhoneNumber>,
}

impl Emergency {
    /// Of a service of which nothing but its domain is known.
    #[must_use]
    pub fn of(domain: &str) -> Self {
        Self {
            provider: domain.to_owned(),
            nena_company_id: None,
            callback: None,
        }
    }
}

/// `[journal]`
#[derive(Debug, Clone)]
pub struct JournalSettings {
    /// When the next segment file is begun.
    pub rotation: Rotation,
    /// The file that holds the signed head of the chain; absolute.
    pub checkpoint: PathBuf,
    /// A head that changes is published at most this often.
    pub checkpoint_every: Duration,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Plain lines for people.
    Text,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Level or `tracing` filter.
    pub level: String,
    /// JSON or text.
    pub format: LogFormat,
    /// File to append to; standard error when `None`.
    pub file: Option<PathBuf>,
}

impl Config {
    /// Reads, checks and resolves the file; relative paths are relative to its folder.
    ///
    /// # Errors
    /// Every problem found, or that the file cannot be read.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let unreadable = |error| ConfigError::Unreadable {
            file: file.to_owned(),
            error,
        };
        let absolute = std::path::absolute(file).map_err(unreadable)?;
        let size = std::fs::metadata(file).map_err(unreadable)?.len();
        if size > raw::FILE_BYTES_MAX {
            return Err(unreadable(std::io::Error::other("it is larger than 1 MiB")));
        }
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        Self::parse(&text, &absolute).map_err(|problems| ConfigError::Wrong {
            file: file.to_owned(),
            problems,
        })
    }

    /// Like [`Config::load`] for text already read; `file` must be absolute.
    ///
    /// # Errors
    /// Every problem found, in order of lines.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let raw = raw::read(text, &mut problems);
        let readable = problems.iter().all(|p| !p.key.is_empty());
        // Text that is not TOML at all would only produce a list of missing keys.
        let config = readable
            .then(|| resolve::resolve(&raw, file, &mut problems))
            .flatten();
        problems.sort_by_key(|p| p.line.unwrap_or(usize::MAX));
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            Some(_) | None => Err(problems),
        }
    }

    /// Folder of the journal.
    #[must_use]
    pub fn journal_dir(&self) -> PathBuf {
        self.server.data_dir.join("journal")
    }

    /// Folder of the rebuildable views.
    #[must_use]
    pub fn store_dir(&self) -> PathBuf {
        self.server.data_dir.join("store")
    }

    /// The accounts file.
    #[must_use]
    pub fn accounts_file(&self) -> PathBuf {
        self.server.data_dir.join("accounts").join("accounts.jsonl")
    }

    /// The media address with its ports, one for each worker.
    fn media_ports(&self) -> String {
        let (first, workers) = (self.listen.media, self.media.workers.get());
        match (first.port(), workers) {
            (0, 2..) => format!("{first}, {workers} ports that the system chooses"),
            (port, 2..) => format!("{first} to {}", port.saturating_add(workers - 1)),
            (_, _) => first.to_string(),
        }
    }

    /// The formats that may be agreed, best first.
    fn formats(&self) -> String {
        let allowed = &self.media.allowed;
        let level = allowed.h264.level_idc;
        let level = match level % 10 {
            0 => (level / 10).to_string(),
            part => format!("{}.{part}", level / 10),
        };
        let profile = if allowed.h264.baseline {
            "baseline"
        } else {
            "constrained baseline"
        };
        let name = |codec: &Codec| match codec {
            Codec::H264 => format!("H264 ({profile}, up to level {level})"),
            Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::Vp8 | Codec::T140 => {
                codec.name().to_owned()
            }
        };
        let codecs: Vec<String> = allowed.codecs.iter().map(name).collect();
        let keys = if allowed.keys { ", keys" } else { "" };
        format!("{}{keys}", codecs.join(", "))
    }

    /// What `check` prints: addresses, trunks, folder.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut lines = vec![
            format!("domain        {}", self.server.domain),
            format!("data          {}", self.server.data_dir.display()),
            format!("secure        https and wss on {}", self.listen.secure),
            format!(
                "media         udp {} (candidates say {})",
                self.media_ports(),
                self.listen.media_address
            ),
            format!("formats       {}", self.formats()),
        ];
        for (name, address) in [
            ("turn udp", self.listen.turn_udp),
            ("turn tcp", self.listen.turn_tcp),
            ("turn tls", self.listen.turn_tls),
            ("admin", self.listen.admin),
        ] {
            lines.push(match address {
                Some(address) => format!("{name:<13} {address}"),
                None => format!("{name:<13} off"),
            });
        }
        lines.push(format!(
            "digest        realm {}, SHA-512-256 and SHA-256{}",
            self.sip.realm,
            if self.sip.allow_md5 {
                ", MD5 for accounts made for it"
            } else {
                ""
            }
        ));
        for trunk in &self.trunks {
            lines.push(format!(
                "trunk         {}: {}:{} over {}, {}{}",
                trunk.name,
                trunk.host,
                trunk.port,
                trunk.transport,
                if trunk.srtp { "SRTP" } else { "RTP" },
                if trunk.plaintext {
                    ", plaintext gateway"
                } else {
                    ""
                }
            ));
        }
        let emergency = &self.emergency;
        lines.push(match &emergency.callback {
            Some(number) => format!("emergency     {}, call back {number}", emergency.provider),
            None => format!("emergency     {}, call back the caller", emergency.provider),
        });
        let journal = &self.journal;
        let age = match journal.rotation.age_max {
            Some(age) => format!("{} h", age.as_secs() / 3600),
            None => "any age".into(),
        };
        lines.push(format!(
            "journal       files of {} MiB or {age}, checkpoint {} every {} s",
            journal.rotation.bytes_max / (1024 * 1024),
            journal.checkpoint.display(),
            journal.checkpoint_every.as_secs()
        ));
        if self.trunks.is_empty() {
            lines.push("trunk         none: telephones cannot be called".into());
        }
        lines.join("\n")
    }
}
