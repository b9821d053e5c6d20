//! The configuration as it is written: words and numbers with their lines, nothing interpreted.

use toml::de::{DeTable, DeValue};

use super::problem::Problem;
pub use super::reader::At;
use super::reader::{Section, line_of, suggestion};

/// Longest configuration file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

type Text = Option<At<String>>;
type Flag = Option<At<bool>>;
type Whole = Option<At<u64>>;

/// The whole file.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "the keys are explained in sample.toml, once")]
pub struct Raw {
    pub server: RawServer,
    pub listen: RawListen,
    pub media: RawMedia,
    pub tls: RawTls,
    pub sip: RawSip,
    pub trunks: Vec<RawTrunk>,
    pub turn: Option<RawTurn>,
    pub queue: RawQueue,
    pub numbers: RawNumbers,
    pub emergency: RawEmergency,
    pub journal: RawJournal,
    pub log: RawLog,
}

/// `[server]`
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "see sample.toml")]
pub struct RawServer {
    pub domain: Text,
    pub data_dir: Text,
}

/// `[listen]`
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "see sample.toml")]
pub struct RawListen {
    pub secure: Text,
    pub media: Text,
    pub media_address: Text,
    pub turn_udp: Text,
    pub turn_tcp: Text,
    pub turn_tls: Text,
    pub admin: Text,
}

/// `[media]`
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "see sample.toml")]
pub struct RawMedia {
    pub workers: Whole,
    pub codecs: Option<Vec<At<String>>>,
    pub h264_profile: Text,
    pub h264_level: Text,
}

/// `[tls]`
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "see sample.toml")]
pub struct RawTls {
    pub certificate: Text,
    pub key: Text,
}

/// `[sip]`
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "see sample.toml")]
pub struct RawSip {
    pub realm: Text,
    pub allow_md5: Flag,
    pub nonce_secret_file: Text,
}

/// `[[trunk]]`
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "see sample.toml")]
pub struct RawTrunk {
    pub line: usize,
    pub name: Text,
    pub address: Text,
    pub transport: Text,
    pub plaintext: Flag,
    pub ca_file: Text,
    pub srtp: Flag,
    pub silence_s: Whole,
    pub local: Text,
    pub media_address: Text,
}

/// `[turn]`
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "see sample.toml")]
pub struct RawTurn {
    pub line: usize,
    pub realm: Text,
    pub secret_file: Text,
    pub user_quota: Whole,
    pub total_quota: Whole,
    pub user_rate_kbit_s: Whole,
    pub total_rate_kbit_s: Whole,
    pub lifetime_s: Whole,
    pub host: Text,
    pub relay_address: Text,
    pub relay_address_ipv6: Text,
    pub relay_ports: Text,
    pub allow_loopback_peers: Flag,
}

/// `[queue]`
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "see sample.toml")]
pub struct RawQueue {
    pub invitation_timeout_s: Whole,
    pub hearing_ring_timeout_s: Whole,
    pub wrap_up_s: Whole,
    pub missed_invitations_max: Whole,
    pub wish_patience_s: Whole,
    pub occupancy_percent: Whole,
    pub occupancy_window_min: Whole,
    pub reassign_timeout_s: Whole,
}

/// `[numbers]`
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "see sample.toml")]
pub struct RawNumbers {
    pub emergency: Option<Vec<At<String>>>,
    pub crisis: Option<Vec<At<String>>>,
}

/// `[emergency]`
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "see sample.toml")]
pub struct RawEmergency {
    pub provider: Text,
    pub nena_company_id: Text,
    pub callback: Text,
}

/// `[journal]`
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "see sample.toml")]
pub struct RawJournal {
    pub segment_mib: Whole,
    pub rotate_hours: Whole,
    pub checkpoint: Text,
    pub checkpoint_seconds: Whole,
}

/// `[log]`
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "see sample.toml")]
pub struct RawLog {
    pub level: Text,
    pub format: Text,
    pub file: Text,
}

const SECTIONS: &[&str] = &[
    "server",
    "listen",
    "media",
    "tls",
    "sip",
    "trunk",
    "turn",
    "queue",
    "numbers",
    "emergency",
    "journal",
    "log",
];

/// Reads TOML text; whatever is unreadable or unknown lands in `problems`.
pub(super) fn read(text: &str, problems: &mut Vec<Problem>) -> Raw {
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            problems.push(Problem {
                line: error.span().map(|span| line_of(text, &span)),
                key: String::new(),
                message: format!("this is not TOML: {}", error.message()),
                hint: "a key is written: name = \"value\"".into(),
            });
            return Raw::default();
        }
    };
    let root = document.get_ref();
    for (key, value) in root {
        let word = key.get_ref().as_ref();
        if !SECTIONS.contains(&word) {
            problems.push(Problem {
                line: Some(line_of(text, &key.span())),
                key: format!("[{word}]"),
                message: "there is no such section".into(),
                hint: suggestion(word, SECTIONS),
            });
        } else if word != "trunk" && !value.get_ref().is_table() {
            problems.push(Problem {
                line: Some(line_of(text, &key.span())),
                key: format!("[{word}]"),
                message: format!("expected a section, found {}", value.get_ref().type_str()),
                hint: format!("write [{word}] on a line of its own and its keys below"),
            });
        }
    }
    read_sections(text, root, problems)
}

fn table<'a>(
    root: &'a DeTable<'a>,
    name: &str,
) -> Option<(&'a DeTable<'a>, std::ops::Range<usize>)> {
    let (key, value) = root.iter().find(|(k, _)| k.get_ref().as_ref() == name)?;
    value.get_ref().as_table().map(|t| (t, key.span()))
}

fn read_sections<'a>(text: &'a str, root: &'a DeTable<'a>, problems: &mut Vec<Problem>) -> Raw {
    let mut raw = Raw::default();

    let mut s = Section::new(
        "[server]",
        text,
        table(root, "server").map(|t| t.0),
        problems,
    );
    raw.server = RawServer {
        domain: s.text("domain", "\"relay.example.org\""),
        data_dir: s.text("data_dir", "\"data\""),
    };
    s.finish();

    let mut s = Section::new(
        "[listen]",
        text,
        table(root, "listen").map(|t| t.0),
        problems,
    );
    raw.listen = RawListen {
        secure: s.text("secure", "\"127.0.0.1:8443\""),
        media: s.text("media", "\"127.0.0.1:0\""),
        media_address: s.text("media_address", "\"203.0.113.7\""),
        turn_udp: s.text("turn_udp", "\"127.0.0.1:3478\""),
        turn_tcp: s.text("turn_tcp", "\"127.0.0.1:3478\""),
        turn_tls: s.text("turn_tls", "\"127.0.0.1:5349\""),
        admin: s.text("admin", "\"127.0.0.1:9090\""),
    };
    s.finish();

    let mut s = Section::new("[media]", text, table(root, "media").map(|t| t.0), problems);
    raw.media = RawMedia {
        workers: s.whole("workers", 1..65),
        codecs: s.texts("codecs", "[\"h264\", \"opus\", \"t140\"]"),
        h264_profile: s.text("h264_profile", "\"constrained-baseline\""),
        h264_level: s.text("h264_level", "\"3.1\""),
    };
    s.finish();

    let mut s = Section::new("[tls]", text, table(root, "tls").map(|t| t.0), problems);
    raw.tls = RawTls {
        certificate: s.text("certificate", "\"server.pem\""),
        key: s.text("key", "\"server.key\""),
    };
    s.finish();

    let mut s = Section::new("[sip]", text, table(root, "sip").map(|t| t.0), problems);
    raw.sip = RawSip {
        realm: s.text("realm", "\"relay.example.org\""),
        allow_md5: s.flag("allow_md5"),
        nonce_secret_file: s.text("nonce_secret_file", "\"secrets/digest-nonce\""),
    };
    s.finish();

    read_trunks(text, root, &mut raw.trunks, problems);

    if let Some((turn, span)) = table(root, "turn") {
        let mut s = Section::new("[turn]", text, Some(turn), problems);
        raw.turn = Some(RawTurn {
            line: line_of(text, &span),
            realm: s.text("realm", "\"relay.example.org\""),
            secret_file: s.text("secret_file", "\"secrets/turn\""),
            user_quota: s.whole("user_quota", 1..1001),
            total_quota: s.whole("total_quota", 1..50_001),
            user_rate_kbit_s: s.whole("user_rate_kbit_s", 64..100_000_001),
            total_rate_kbit_s: s.whole("total_rate_kbit_s", 64..100_000_001),
            lifetime_s: s.whole("lifetime_s", 60..3601),
            host: s.text("host", "\"turn.example.org\""),
            relay_address: s.text("relay_address", "\"203.0.113.7\""),
            relay_address_ipv6: s.text("relay_address_ipv6", "\"2001:db8::7\""),
            relay_ports: s.text("relay_ports", "\"50000-50999\""),
            allow_loopback_peers: s.flag("allow_loopback_peers"),
        });
        s.finish();
    }

    let mut s = Section::new("[queue]", text, table(root, "queue").map(|t| t.0), problems);
    raw.queue = RawQueue {
        invitation_timeout_s: s.whole("invitation_timeout_s", 1..601),
        hearing_ring_timeout_s: s.whole("hearing_ring_timeout_s", 1..601),
        wrap_up_s: s.whole("wrap_up_s", 0..601),
        missed_invitations_max: s.whole("missed_invitations_max", 0..101),
        wish_patience_s: s.whole("wish_patience_s", 0..601),
        occupancy_percent: s.whole("occupancy_percent", 1..101),
        occupancy_window_min: s.whole("occupancy_window_min", 1..481),
        reassign_timeout_s: s.whole("reassign_timeout_s", 1..3601),
    };
    s.finish();

    let numbers = table(root, "numbers").map(|t| t.0);
    let mut s = Section::new("[numbers]", text, numbers, problems);
    raw.numbers = RawNumbers {
        emergency: s.texts("emergency", "[\"911\", \"112\"]"),
        crisis: s.texts("crisis", "[\"988\"]"),
    };
    s.finish();

    let emergency = table(root, "emergency").map(|t| t.0);
    let mut s = Section::new("[emergency]", text, emergency, problems);
    raw.emergency = RawEmergency {
        provider: s.text("provider", "\"Example Relay\""),
        nena_company_id: s.text("nena_company_id", "\"VISAV\""),
        callback: s.text("callback", "\"+15550100100\""),
    };
    s.finish();

    let journal = table(root, "journal").map(|t| t.0);
    let mut s = Section::new("[journal]", text, journal, problems);
    raw.journal = RawJournal {
        segment_mib: s.whole("segment_mib", 1..1025),
        rotate_hours: s.whole("rotate_hours", 0..8761),
        checkpoint: s.text("checkpoint", "\"/mnt/elsewhere/checkpoint.txt\""),
        checkpoint_seconds: s.whole("checkpoint_seconds", 1..86_401),
    };
    s.finish();

    let mut s = Section::new("[log]", text, table(root, "log").map(|t| t.0), problems);
    raw.log = RawLog {
        level: s.text("level", "\"info\""),
        format: s.text("format", "\"json\""),
        file: s.text("file", "\"relay-server.log\""),
    };
    s.finish();
    raw
}

fn read_trunks<'a>(
    text: &str,
    root: &'a DeTable<'a>,
    trunks: &mut Vec<RawTrunk>,
    problems: &mut Vec<Problem>,
) {
    let Some((key, value)) = root.iter().find(|(k, _)| k.get_ref().as_ref() == "trunk") else {
        return;
    };
    let Some(list) = value.get_ref().as_array() else {
        problems.push(Problem {
            line: Some(line_of(text, &key.span())),
            key: "[trunk]".into(),
            message: "a trunk is written with two brackets".into(),
            hint: "write [[trunk]]; there may be several".into(),
        });
        return;
    };
    for (index, item) in list.iter().enumerate() {
        let line = line_of(text, &item.span());
        let name = format!("[[trunk]] {}", index + 1);
        let DeValue::Table(trunk) = item.get_ref() else {
            problems.push(Problem {
                line: Some(line),
                key: name,
                message: format!("expected a section, found {}", item.get_ref().type_str()),
                hint: "write [[trunk]] on a line of its own and its keys below".into(),
            });
            continue;
        };
        let mut s = Section::new(&name, text, Some(trunk), problems);
        trunks.push(RawTrunk {
            line,
            name: s.text("name", "\"carrier\""),
            address: s.text("address", "\"sip.carrier.example:5061\""),
            transport: s.text("transport", "\"tls\""),
            plaintext: s.flag("plaintext"),
            ca_file: s.text("ca_file", "\"carrier-ca.pem\""),
            srtp: s.flag("srtp"),
            silence_s: s.whole("silence_s", 0..3601),
            local: s.text("local", "\"127.0.0.1:5061\""),
            media_address: s.text("media_address", "\"203.0.113.7\""),
        });
        s.finish();
    }
}
