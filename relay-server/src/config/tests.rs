//! The refusal table: what is written, and what the operator reads.

use std::path::Path;
use std::time::Duration;

use relay_core::queue::{Occupancy, QueueRules};
use relay_core::session::Rules;

use super::*;
use crate::init::init;

mod codecs;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        init(folder.path(), &[]).unwrap();
        Self(folder)
    }

    fn parse(&self, text: &str) -> Result<Config, Vec<Problem>> {
        Config::parse(text, &self.0.path().join("relay-server.toml"))
    }

    /// The problems as printed, without the folder.
    fn problems(&self, text: &str) -> Vec<String> {
        let list = self.parse(text).err().unwrap_or_default();
        let place = format!("{}/", self.0.path().display());
        list.iter()
            .map(|p| {
                p.display(Path::new("c.toml"))
                    .to_string()
                    .replace(&place, "")
            })
            .collect()
    }
}

/// A good configuration in as few lines as possible.
const GOOD: &str = r#"[server]
domain = "relay.test"
data_dir = "data"
[listen]
secure = "127.0.0.1:8443"
media = "127.0.0.1:0"
[tls]
certificate = "server.pem"
key = "server.key"
"#;

fn with(extra: &str) -> String {
    format!("{GOOD}{extra}")
}

fn replaced(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from));
    GOOD.replace(from, to)
}

#[test]
fn the_smallest_configuration_gets_the_documented_defaults() {
    let folder = Folder::new();
    let config = folder.parse(GOOD).unwrap();
    assert_eq!(config.server.data_dir, folder.0.path().join("data"));
    assert_eq!(config.sip.realm, "relay.test");
    assert!(!config.sip.allow_md5);
    assert_eq!(config.listen.media_address.to_string(), "127.0.0.1");
    assert_eq!(config.queue.rules.invitation_timeout.as_secs(), 20);
    assert_eq!(config.queue.session.ring_timeout.as_secs(), 180);
    assert!(config.turn.is_none());
    assert!(config.trunks.is_empty());
    assert_eq!(config.log.level, "info");
}

#[test]
fn every_key_of_the_queue_is_a_rule_of_its_own() {
    let folder = Folder::new();
    let keys = "[queue]\ninvitation_timeout_s = 31\nhearing_ring_timeout_s = 32\nwrap_up_s = 33\n\
                missed_invitations_max = 4\nwish_patience_s = 35\noccupancy_percent = 36\n\
                occupancy_window_min = 37\nreassign_timeout_s = 38\n";
    let queue = folder.parse(&with(keys)).unwrap().queue;
    let occupancy = Occupancy {
        share_percent: 36,
        window: Duration::from_secs(37 * 60),
    };
    let rules = QueueRules {
        invitation_timeout: Duration::from_secs(31),
        wrap_up: Duration::from_secs(33),
        missed_max: 4,
        occupancy: Some(occupancy),
        wish_patience: Duration::from_secs(35),
    };
    assert_eq!(queue.rules, rules);
    let session = Rules {
        ring_timeout: Duration::from_secs(32),
        reassign_timeout: Duration::from_secs(38),
    };
    assert_eq!(queue.session, session);
}

#[test]
fn every_key_of_the_sample_is_known_and_its_comments_tell_the_defaults() {
    let folder = Folder::new();
    let sample = sample("relay.test");
    folder.parse(&sample).unwrap();
    // With every commented key switched on, nothing may be unknown or of the wrong type.
    let all: String = sample
        .lines()
        .map(|l| match l.strip_prefix('#') {
            Some(key)
                if key.starts_with("[[")
                    || key.split_once(" = ").is_some_and(|(k, _)| {
                        k.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                    }) =>
            {
                key
            }
            _ => l,
        })
        .map(|l| format!("{l}\n"))
        .collect();
    let problems = folder.parse(&all).err().unwrap_or_default();
    let unknown: Vec<_> = problems
        .iter()
        .filter(|p| p.message.contains("no such") || p.message.contains("expected"))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(all.contains("\n[[trunk]]\n"), "{all}");
}

#[test]
fn what_is_unreadable_is_refused_with_its_line() {
    let folder = Folder::new();
    for (text, expected) in [
        (with("[listen"), "c.toml:10: this is not TOML: "),
        (
            with("[lisen]\nx = 1"),
            "c.toml:10: [lisen]: there is no such section\n    hint: did you mean 'listen'?",
        ),
        (
            replaced("secure = ", "secur = "),
            "c.toml:5: [listen] secur: there is no such key\n    hint: did you mean 'secure'?",
        ),
        (
            replaced("\"127.0.0.1:8443\"", "8443"),
            "c.toml:5: [listen] secure: expected text in quotes, found integer\n    hint: write it like: secure = \"127.0.0.1:8443\"",
        ),
        (
            replaced("\"127.0.0.1:8443\"", "\"8443\""),
            "c.toml:5: [listen] secure: '8443' is not an address and a port\n    hint: write it like \"127.0.0.1:8443\" or \"[::1]:8443\"",
        ),
        (
            with("[sip]\nallow_md5 = \"no\""),
            "c.toml:11: [sip] allow_md5: expected true or false, found string\n    hint: write it like: allow_md5 = true",
        ),
        (
            with("[queue]\ninvitation_timeout_s = 0"),
            "c.toml:11: [queue] invitation_timeout_s: 0 is out of range\n    hint: write a whole number from 1 to 600",
        ),
        (
            with("[queue]\ninvitation_timeout_s = -5"),
            "c.toml:11: [queue] invitation_timeout_s: -5 is out of range",
        ),
        (
            with("[trunk]\nname = \"a\""),
            "c.toml:10: [trunk]: a trunk is written with two brackets",
        ),
        (
            with("[log]\nlevel = \"relay=loud\""),
            "c.toml:11: [log] level: 'relay=loud' is not a log level",
        ),
        (
            with("[log]\nformat = \"xml\""),
            "c.toml:11: [log] format: 'xml' is not a format",
        ),
        (
            replaced("domain = \"relay.test\"", "domain = \"relay test\""),
            "c.toml:2: [server] domain: 'relay test' is not a host name",
        ),
    ] {
        let problems = folder.problems(&text);
        assert!(
            problems.iter().any(|p| p.starts_with(expected)),
            "expected {expected}\ngot {problems:#?}"
        );
    }
}

#[test]
fn what_is_missing_is_named_once() {
    let folder = Folder::new();
    let problems = folder.problems("");
    let keys = [
        "[server] domain",
        "[server] data_dir",
        "[listen] secure",
        "[listen] media",
        "[tls] certificate",
        "[tls] key",
    ];
    for key in keys {
        let count = problems
            .iter()
            .filter(|p| p.starts_with(&format!("c.toml: {key}: is missing")))
            .count();
        assert_eq!(count, 1, "{key}: {problems:#?}");
    }
    assert_eq!(problems.len(), keys.len(), "{problems:#?}");
}

#[test]
fn the_secure_port_needs_a_certificate_and_the_key_that_fits() {
    let folder = Folder::new();
    let other = tempfile::tempdir().unwrap();
    init(other.path(), &[]).unwrap();
    std::fs::copy(
        other.path().join("server.key"),
        folder.0.path().join("other.key"),
    )
    .unwrap();
    for (text, expected) in [
        (
            replaced("server.pem", "nowhere.pem"),
            "c.toml:8: [tls] certificate: cannot read the certificate nowhere.pem: ",
        ),
        (
            replaced("server.pem", "server.key"),
            "c.toml:8: [tls] certificate: there is no certificate in server.key",
        ),
        (
            replaced("server.key", "nowhere.key"),
            "c.toml:9: [tls] key: cannot read the private key nowhere.key: ",
        ),
        (
            replaced("server.key", "ca.pem"),
            "c.toml:9: [tls] key: there is no private key in ca.pem",
        ),
        (
            replaced("server.key", "other.key"),
            "c.toml:9: [tls] key: the private key other.key does not fit the certificate: ",
        ),
    ] {
        let problems = folder.problems(&text);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(
            problems[0].starts_with(expected),
            "expected {expected}\ngot {problems:#?}"
        );
    }
}

#[test]
fn one_port_is_given_once() {
    let folder = Folder::new();
    for (text, expected) in [
        (
            replaced("media = ", "admin = \"127.0.0.1:8443\"\nmedia = "),
            "c.toml:6: [listen] admin: 127.0.0.1:8443 is already used by [listen] secure (line 5)",
        ),
        (
            replaced(
                "\"127.0.0.1:8443\"",
                "\"0.0.0.0:8443\"\nadmin = \"127.0.0.1:8443\"",
            ),
            "c.toml:6: [listen] admin: 127.0.0.1:8443 is already used by [listen] secure (line 5)",
        ),
        (
            replaced(
                "media = \"127.0.0.1:0\"",
                "media = \"127.0.0.1:3478\"\nturn_udp = \"127.0.0.1:3478\"",
            ),
            "c.toml:7: [listen] turn_udp: 127.0.0.1:3478 is already used by [listen] media (line 6)",
        ),
        (
            with(
                "[[trunk]]\naddress = \"10.0.0.1:5060\"\ntransport = \"tcp\"\nplaintext = true\nlocal = \"127.0.0.1:8443\"",
            ),
            "c.toml:14: [[trunk]] 1 local: 127.0.0.1:8443 is already used by [listen] secure (line 5)",
        ),
    ] {
        let problems = folder.problems(&text);
        assert!(
            problems.iter().any(|p| p.starts_with(expected)),
            "expected {expected}\ngot {problems:#?}"
        );
    }
    // TCP and UDP do not collide; two trunks on one port do.
    let trunk = "[[trunk]]\naddress = \"10.0.0.1:5060\"\ntransport = \"udp\"\nplaintext = true\nlocal = \"127.0.0.1:8443\"\n";
    let second = trunk.replace("10.0.0.1", "10.0.0.2");
    assert!(folder.parse(&with(trunk)).is_ok());
    let problems = folder.problems(&with(&format!("{trunk}{second}")));
    let expected = "[[trunk]] 2 local: 127.0.0.1:8443 is already used by [[trunk]] 1 local";
    assert!(
        problems.iter().any(|p| p.contains(expected)),
        "{problems:#?}"
    );
}

#[test]
fn plaintext_goes_only_to_marked_gateways_on_private_addresses() {
    let folder = Folder::new();
    let trunk = |keys: &str| with(&format!("[[trunk]]\nlocal = \"127.0.0.1:5062\"\n{keys}"));
    for (keys, expected) in [
        (
            "address = \"10.0.0.1:5060\"\ntransport = \"udp\"",
            "c.toml:13: [[trunk]] 1 plaintext: transport = \"udp\" sends calls unencrypted and is not marked so",
        ),
        (
            "address = \"10.0.0.1:5060\"\ntransport = \"tcp\"",
            "c.toml:13: [[trunk]] 1 plaintext: transport = \"tcp\" sends calls unencrypted",
        ),
        (
            "address = \"sip.test:5061\"\nsrtp = false",
            "c.toml:13: [[trunk]] 1 plaintext: srtp = false sends calls unencrypted",
        ),
        (
            "address = \"198.51.100.7:5060\"\ntransport = \"udp\"\nplaintext = true",
            "c.toml:14: [[trunk]] 1 plaintext: is only for a gateway on a loopback or private address, and 198.51.100.7 is not one",
        ),
        (
            "address = \"[::ffff:8.8.8.8]:5060\"\ntransport = \"udp\"\nplaintext = true",
            "c.toml:14: [[trunk]] 1 plaintext: is only for a gateway",
        ),
        (
            "address = \"gateway.lan:5060\"\ntransport = \"udp\"\nplaintext = true",
            "c.toml:14: [[trunk]] 1 plaintext: is only for a gateway on a loopback or private address, and gateway.lan is not one",
        ),
        (
            "address = \"10.0.0.1:5061\"\nplaintext = true",
            "c.toml:13: [[trunk]] 1 plaintext: contradicts transport = \"tls\" with SRTP",
        ),
        (
            "address = \"10.0.0.1\"",
            "c.toml:12: [[trunk]] 1 address: '10.0.0.1' is not a host and a port",
        ),
        (
            "address = \"10.0.0.1:5061\"\ntransport = \"sctp\"",
            "c.toml:13: [[trunk]] 1 transport: 'sctp' is not a transport",
        ),
        (
            "address = \"sip.test:5061\"\nca_file = \"nowhere.pem\"",
            "c.toml:13: [[trunk]] 1 ca_file: cannot read the certificate nowhere.pem",
        ),
        ("", "c.toml: [[trunk]] 1 address: is missing"),
    ] {
        let problems = folder.problems(&trunk(keys));
        assert_eq!(problems.len(), 1, "{keys}: {problems:#?}");
        assert!(
            problems[0].starts_with(expected),
            "expected {expected}\ngot {problems:#?}"
        );
    }
    let open = with(
        "[[trunk]]\naddress = \"10.0.0.1:5060\"\ntransport = \"udp\"\nplaintext = true\nlocal = \"0.0.0.0:5060\"\nmedia_address = \"10.0.0.2\"",
    );
    let problems = folder.problems(&open);
    assert!(
        problems[0].starts_with(
            "c.toml:14: [[trunk]] 1 local: 0.0.0.0:5060 would open plaintext SIP to the outside"
        ),
        "{problems:#?}"
    );
}

#[test]
fn a_trunk_is_tls_with_srtp_unless_said_otherwise() {
    let folder = Folder::new();
    let text = with(
        "[[trunk]]\nname = \"carrier\"\naddress = \"SIP.Test:5061\"\nlocal = \"127.0.0.1:5061\"\nca_file = \"ca.pem\"\n[[trunk]]\naddress = \"127.0.0.1:5070\"\ntransport = \"udp\"\nplaintext = true\nlocal = \"127.0.0.1:0\"\n",
    );
    let config = folder.parse(&text).unwrap();
    let [carrier, gateway] = &config.trunks[..] else {
        panic!("{:?}", config.trunks)
    };
    assert_eq!(
        (carrier.transport, carrier.srtp, carrier.plaintext),
        (TrunkTransport::Tls, true, false)
    );
    assert_eq!(carrier.host, TrunkHost::Name("sip.test".into()));
    assert_eq!(
        (gateway.transport, gateway.srtp, gateway.plaintext),
        (TrunkTransport::Udp, false, true)
    );
    assert_eq!(gateway.name, "trunk-2");
    assert!(
        config
            .summary()
            .contains("carrier: sip.test:5061 over tls, SRTP"),
        "{}",
        config.summary()
    );
    assert!(
        config
            .summary()
            .contains("trunk-2: 127.0.0.1:5070 over udp, RTP, plaintext gateway"),
        "{}",
        config.summary()
    );
}

#[test]
fn listening_everywhere_needs_an_address_to_tell() {
    let folder = Folder::new();
    let everywhere = replaced("media = \"127.0.0.1:0\"", "media = \"0.0.0.0:0\"");
    let problems = folder.problems(&everywhere);
    assert!(
        problems[0].starts_with("c.toml:6: [listen] media: listens on every address"),
        "{problems:#?}"
    );
    let told = everywhere.replace("media = ", "media_address = \"203.0.113.7\"\nmedia = ");
    assert_eq!(
        folder
            .parse(&told)
            .unwrap()
            .listen
            .media_address
            .to_string(),
        "203.0.113.7"
    );
    let problems = folder.problems(&replaced(
        "media = ",
        "media_address = \"0.0.0.0\"\nmedia = ",
    ));
    assert!(
        problems[0].contains("'0.0.0.0' is not an address that others can reach"),
        "{problems:#?}"
    );
    let problems = folder.problems(&replaced("media = ", "admin = \"0.0.0.0:9090\"\nmedia = "));
    assert!(
        problems[0].contains("[listen] admin: 0.0.0.0:9090 can be reached from outside"),
        "{problems:#?}"
    );
}

#[test]
fn a44_the_loopback_switch_of_turn_refuses_an_open_listener() {
    let folder = Folder::new();
    let turn = |listen: &str, keys: &str| {
        replaced("media = ", &format!("{listen}\nmedia = "))
            + "[turn]\nsecret_file = \"secrets/turn\"\n"
            + keys
    };
    let open = turn(
        "turn_udp = \"0.0.0.0:3478\"",
        "relay_address = \"203.0.113.7\"\nallow_loopback_peers = true",
    );
    let problems = folder.problems(&open);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].starts_with("c.toml:14: [turn] allow_loopback_peers: is for tests only and refuses to run with the listener 0.0.0.0:3478"), "{problems:#?}");
    let closed = turn(
        "turn_udp = \"127.0.0.1:3478\"",
        "allow_loopback_peers = true",
    );
    assert!(
        folder
            .parse(&closed)
            .unwrap()
            .turn
            .unwrap()
            .allow_loopback_peers
    );
}

#[test]
fn turn_needs_a_secret_a_listener_and_an_address() {
    let folder = Folder::new();
    std::fs::write(folder.0.path().join("short"), "short\n").unwrap();
    let listen = replaced("media = ", "turn_udp = \"127.0.0.1:3478\"\nmedia = ");
    for (text, expected) in [
        (
            listen.clone(),
            "c.toml:6: [listen] turn_udp: needs a [turn] section",
        ),
        (
            listen.replace("turn_udp", "turn_tls"),
            "c.toml:6: [listen] turn_tls: needs a [turn] section",
        ),
        (
            listen.clone() + "[turn]\n",
            "c.toml: [turn] secret_file: is missing",
        ),
        (
            listen.clone() + "[turn]\nsecret_file = \"nowhere\"",
            "c.toml:12: [turn] secret_file: cannot read nowhere: ",
        ),
        (
            listen.clone() + "[turn]\nsecret_file = \"short\"",
            "c.toml:12: [turn] secret_file: the secret in short is shorter than 16 characters",
        ),
        (
            listen.clone() + "[turn]\nsecret_file = \"secrets/turn\"\nrelay_ports = \"80-90\"",
            "c.toml:13: [turn] relay_ports: '80-90' is not a range of ports",
        ),
        (
            listen.replace("127.0.0.1:3478", "0.0.0.0:3478")
                + "[turn]\nsecret_file = \"secrets/turn\"",
            "c.toml:11: [turn] relay_address: the listener is open on every address",
        ),
        (
            listen.clone() + "[turn]\nsecret_file = \"secrets/turn\"\nhost = \"turn.example:3478\"",
            "c.toml:13: [turn] host: 'turn.example:3478' is neither a host name nor an address",
        ),
        (
            listen.clone() + "[turn]\nsecret_file = \"secrets/turn\"\nuser_rate_kbit_s = 63",
            "c.toml:13: [turn] user_rate_kbit_s: ",
        ),
        (
            listen.clone() + "[turn]\nsecret_file = \"secrets/turn\"\ntotal_rate_kbit_s = 0",
            "c.toml:13: [turn] total_rate_kbit_s: ",
        ),
        (
            listen.clone() + "[turn]\nsecret_file = \"secrets/turn\"\ntotal_rate_kbit_s = 19999",
            "c.toml:13: [turn] user_rate_kbit_s: 20000 is more than all accounts may use together",
        ),
        (
            listen.clone() + "[turn]\nsecret_file = \"secrets/turn\"\nrelay_address_ipv6 = \"::g\"",
            "c.toml:13: [turn] relay_address_ipv6: ",
        ),
        (
            listen.clone()
                + "[turn]\nsecret_file = \"secrets/turn\"\nrelay_address_ipv6 = \"203.0.113.7\"",
            "c.toml:13: [turn] relay_address_ipv6: 203.0.113.7 is not an IPv6 address",
        ),
        (
            listen.replace("127.0.0.1:3478", "[::1]:3478")
                + "[turn]\nsecret_file = \"secrets/turn\"\nrelay_address_ipv6 = \"::1\"",
            "c.toml:13: [turn] relay_address_ipv6: relay_address is an IPv6 address already",
        ),
    ] {
        let problems = folder.problems(&text);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(
            problems[0].starts_with(expected),
            "expected {expected}\ngot {problems:#?}"
        );
    }
}

#[test]
fn a46_a_long_realm_of_turn_is_warned_about() {
    let folder = Folder::new();
    let turn = |realm: &str| {
        let text = replaced("media = ", "turn_tls = \"127.0.0.1:5349\"\nmedia = ")
            + "[turn]\nsecret_file = \"secrets/turn\"\n"
            + realm;
        folder.parse(&text).unwrap()
    };
    for (written, meant) in [("", "visavis"), ("realm = \"relay\"", "relay")] {
        let config = turn(written);
        assert_eq!(config.turn.unwrap().realm, meant);
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }
    let config = turn("realm = \"relay.example.org\"");
    assert_eq!(config.turn.unwrap().realm, "relay.example.org");
    assert_eq!(config.warnings[0].key, "[turn] realm");
}

#[test]
fn turn_without_a_listener_is_off_and_says_so() {
    let folder = Folder::new();
    let config = folder
        .parse(&with("[turn]\nsecret_file = \"secrets/turn\""))
        .unwrap();
    assert!(config.turn.is_none());
    assert_eq!(
        config.warnings[0].message,
        "has no listener, so TURN is off"
    );
}

#[test]
fn md5_and_open_secrets_are_warned_about() {
    let folder = Folder::new();
    let config = folder.parse(&with("[sip]\nallow_md5 = true")).unwrap();
    assert!(config.sip.allow_md5);
    assert!(
        config.warnings[0].message.starts_with("MD5 is offered"),
        "{:?}",
        config.warnings
    );
    assert!(config.summary().contains("MD5 for accounts made for it"));
}

#[test]
fn all_problems_are_reported_together_in_order_of_lines() {
    let folder = Folder::new();
    let text = replaced("\"127.0.0.1:8443\"", "\"x\"").replace("server.key", "nowhere.key")
        + "[log]\nformat = \"xml\"\n";
    let problems = folder.problems(&text);
    let lines: Vec<&str> = problems
        .iter()
        .map(|p| p.split(':').nth(1).unwrap())
        .collect();
    assert_eq!(lines, ["5", "9", "11"], "{problems:#?}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::load(Path::new("/nowhere/relay-server.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot read the configuration /nowhere/relay-server.toml: "),
        "{error}"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("binary.toml");
    std::fs::write(&file, [0xff, 0xfe, 0]).unwrap();
    assert!(
        Config::load(&file)
            .unwrap_err()
            .to_string()
            .contains("binary.toml")
    );
}

#[test]
fn the_journal_has_documented_defaults_and_bounds() {
    let folder = Folder::new();
    let journal = folder.parse(GOOD).unwrap().journal;
    assert_eq!(journal.rotation.bytes_max, 64 * 1024 * 1024);
    let hours = |n: u64| Some(std::time::Duration::from_secs(n * 3600));
    assert_eq!(journal.rotation.age_max, hours(24));
    assert_eq!(
        journal.checkpoint,
        folder.0.path().join("data/checkpoint.txt")
    );
    assert_eq!(journal.checkpoint_every.as_secs(), 60);
    let text = with(
        "[journal]\nsegment_mib = 1\nrotate_hours = 0\ncheckpoint = \"away/c.txt\"\ncheckpoint_seconds = 1\n",
    );
    let config = folder.parse(&text).unwrap();
    assert_eq!(config.journal.rotation.bytes_max, 1024 * 1024);
    assert_eq!(config.journal.rotation.age_max, None);
    assert_eq!(
        config.journal.checkpoint,
        folder.0.path().join("away/c.txt")
    );
    assert!(config.warnings[0].message.contains("there is no folder"));
    for (wrong, why) in [
        ("segment_mib = 0", "1"),
        ("segment_mib = 1025", "1024"),
        ("rotate_hours = 8761", "8760"),
        ("checkpoint_seconds = 0", "1"),
        (
            "checkpoint = \".\"",
            "is a folder; a checkpoint is a file in one",
        ),
        ("segments = 1", "there is no such key"),
    ] {
        let problems = folder.problems(&with(&format!("[journal]\n{wrong}\n")));
        assert_eq!(problems.len(), 1, "{wrong}: {problems:?}");
        assert!(problems[0].contains(why), "{wrong}: {problems:?}");
    }
}

#[test]
fn f18_a_service_without_an_emergency_number_is_refused() {
    let folder = Folder::new();
    assert_eq!(
        folder.problems(&with("[numbers]\nemergency = []\n")),
        [
            "c.toml: [numbers] emergency: names no number: calls for help would be ordinary calls\n    \
             hint: write the numbers, such as [\"911\"], or leave the line out"
        ]
    );
    let config = folder.parse(&with("[numbers]\ncrisis = []\n")).unwrap();
    assert!(config.numbers.crisis.is_empty());
    assert_eq!(config.numbers.emergency.len(), 2);
}

#[test]
fn f20_what_emergency_services_are_told_of_the_service_is_configured_and_checked() {
    let folder = Folder::new();
    let config = folder.parse(GOOD).unwrap();
    assert_eq!(config.emergency, Emergency::of("relay.test"));
    assert!(
        config
            .summary()
            .contains("emergency     relay.test, call back the caller")
    );
    let all = "[emergency]\nprovider = \" Example <Relay> \"\nnena_company_id = \"VISAV-1\"\n\
               callback = \"(555) 010-0100\"\n";
    let emergency = folder.parse(&with(all)).unwrap().emergency;
    assert_eq!(emergency.provider, "Example <Relay>");
    assert_eq!(emergency.nena_company_id.as_deref(), Some("VISAV-1"));
    let callback = emergency.callback.map(|number| number.to_string());
    assert_eq!(callback.as_deref(), Some("+15550100100"));
    for (wrong, why) in [
        (
            "provider = \" \"",
            "provider: a name has 1 to 128 printable signs",
        ),
        (
            "provider = \"a\\u0007\"",
            "provider: a name has 1 to 128 printable signs",
        ),
        (
            "nena_company_id = \"urn:nena:x\"",
            "nena_company_id: 'urn:nena:x' is not a company id",
        ),
        (
            "callback = \"911\"",
            "callback: 911 is a service code and calls nobody back",
        ),
        ("callback = \"12\"", "callback: '12' cannot be dialled"),
        ("calback = \"12\"", "did you mean 'callback'?"),
    ] {
        let problems = folder.problems(&with(&format!("[emergency]\n{wrong}\n")));
        assert_eq!(problems.len(), 1, "{wrong}: {problems:?}");
        assert!(problems[0].contains(why), "{wrong}: {problems:?}");
    }
}

#[test]
fn each_worker_has_a_port_that_nobody_else_may_have() {
    let folder = Folder::new();
    let with = |media: &str, workers: &str| {
        GOOD.replace("media = \"127.0.0.1:0\"", media)
            .replace("[tls]", &format!("[media]\nworkers = {workers}\n[tls]"))
    };
    let four = folder.parse(&with("media = \"127.0.0.1:40000\"", "4"));
    let four = four.unwrap();
    assert_eq!(four.media.workers.get(), 4);
    assert!(four.summary().contains("udp 127.0.0.1:40000 to 40003"));
    let some = folder.parse(&with("media = \"127.0.0.1:0\"", "3")).unwrap();
    assert!(some.summary().contains("3 ports that the system chooses"));
    for (media, workers, told) in [
        ("media = \"127.0.0.1:0\"", "0", "[media] workers"),
        ("media = \"127.0.0.1:0\"", "65", "[media] workers"),
        (
            "media = \"127.0.0.1:65534\"",
            "3",
            "name a port up to 65533",
        ),
        (
            "media = \"127.0.0.1:3477\"\nturn_udp = \"127.0.0.1:3478\"",
            "2",
            "127.0.0.1:3478 is already used",
        ),
    ] {
        let text = folder.problems(&with(media, workers)).join("\n");
        assert!(text.contains(told), "{media} {workers}: {text}");
    }
}
