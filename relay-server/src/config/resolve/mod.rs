//! From what is written to what is meant: the one place where raw configuration is converted.

mod codecs;
mod emergency;
mod journal;
mod media;
mod queue;
mod trunk;
mod turn;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use vrs_domain::Sensitive;

use super::problem::Problem;
use super::raw::{At, Raw};
use super::resolved::{Config, Listen, LogFormat, LogSettings, Server, SipSettings, TlsFiles};
use super::rules::{Carrier, Listener, report_collisions};
use crate::tls;

/// Shortest secret taken from a file, in bytes.
const SECRET_BYTES_MIN: usize = 16;

type Text = Option<At<String>>;

pub(super) struct Resolver<'a> {
    folder: PathBuf,
    problems: &'a mut Vec<Problem>,
    warnings: Vec<Problem>,
    listeners: Vec<Listener>,
}

/// Converts everything; whatever is wrong lands in `problems`.
pub(super) fn resolve(raw: &Raw, file: &Path, problems: &mut Vec<Problem>) -> Option<Config> {
    let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
    let mut r = Resolver {
        folder,
        problems,
        warnings: Vec::new(),
        listeners: Vec::new(),
    };
    let server = r.server(raw);
    let listen = r.listen(raw);
    let media = listen.as_ref().and_then(|listen| r.media(raw, listen));
    let tls = r.tls(raw);
    let sip = r.sip(raw);
    let trunks = r.trunks(raw);
    let turn = r.turn(raw, listen.as_ref());
    let queue = queue::queue(&raw.queue);
    let numbers = r.numbers(&raw.numbers);
    let emergency = server
        .as_ref()
        .map(|server| r.emergency(&raw.emergency, &server.domain));
    let journal = server.as_ref().and_then(|s| r.journal(raw, &s.data_dir));
    let log = r.log(raw);
    report_collisions(&r.listeners, r.problems);
    Some(Config {
        file: file.to_owned(),
        server: server?,
        listen: listen?,
        media: media?,
        tls: tls?,
        sip: sip?,
        trunks,
        turn,
        queue,
        numbers,
        emergency: emergency?,
        journal: journal?,
        log: log?,
        warnings: r.warnings,
    })
}

impl Resolver<'_> {
    fn problem(
        &mut self,
        line: Option<usize>,
        key: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let (message, hint) = (message.into(), hint.into());
        self.problems.push(Problem {
            line,
            key: key.into(),
            message,
            hint,
        });
    }

    fn need<'t>(&mut self, key: &str, value: &'t Text, hint: &str) -> Option<&'t At<String>> {
        if value.is_none() {
            let already = self.problems.iter().any(|p| p.key == key);
            // A value of the wrong type was reported with its line; it is not missing as well.
            if !already {
                self.problem(None, key, "is missing", hint);
            }
        }
        value.as_ref()
    }

    fn path(&self, value: &At<String>) -> PathBuf {
        self.folder.join(&value.value)
    }

    fn socket(&mut self, key: &str, value: &At<String>, carrier: Carrier) -> Option<SocketAddr> {
        let Ok(address) = value.value.parse::<SocketAddr>() else {
            let message = format!("'{}' is not an address and a port", value.value);
            self.problem(
                Some(value.line),
                key,
                message,
                "write it like \"127.0.0.1:8443\" or \"[::1]:8443\"",
            );
            return None;
        };
        self.listeners.push(Listener {
            key: key.into(),
            line: value.line,
            carrier,
            address,
        });
        Some(address)
    }

    fn ip(&mut self, key: &str, value: &At<String>) -> Option<IpAddr> {
        match value.value.parse::<IpAddr>() {
            Ok(ip) if !ip.is_unspecified() => Some(ip),
            Ok(_) | Err(_) => {
                let message = format!("'{}' is not an address that others can reach", value.value);
                self.problem(
                    Some(value.line),
                    key,
                    message,
                    "write it like \"203.0.113.7\", without a port",
                );
                None
            }
        }
    }

    fn server(&mut self, raw: &Raw) -> Option<Server> {
        let domain = self.need(
            "[server] domain",
            &raw.server.domain,
            "add: domain = \"relay.example.org\"",
        );
        let data_dir = self.need(
            "[server] data_dir",
            &raw.server.data_dir,
            "add: data_dir = \"data\"",
        );
        let (domain, data_dir) = (domain?, data_dir?);
        if !is_host(&domain.value) {
            let message = format!("'{}' is not a host name", domain.value);
            self.problem(
                Some(domain.line),
                "[server] domain",
                message,
                "write it like \"relay.example.org\"",
            );
            return None;
        }
        Some(Server {
            domain: domain.value.to_ascii_lowercase(),
            data_dir: self.path(data_dir),
        })
    }

    fn listen(&mut self, raw: &Raw) -> Option<Listen> {
        let l = &raw.listen;
        let secure = self.need(
            "[listen] secure",
            &l.secure,
            "add: secure = \"127.0.0.1:8443\"",
        );
        let secure = secure.and_then(|v| self.socket("[listen] secure", v, Carrier::Tcp));
        let media = self.need("[listen] media", &l.media, "add: media = \"127.0.0.1:0\"");
        let media = media.and_then(|v| self.socket("[listen] media", v, Carrier::Udp));
        let turn_udp = l
            .turn_udp
            .as_ref()
            .and_then(|v| self.socket("[listen] turn_udp", v, Carrier::Udp));
        let turn_tcp = l
            .turn_tcp
            .as_ref()
            .and_then(|v| self.socket("[listen] turn_tcp", v, Carrier::Tcp));
        let turn_tls = l
            .turn_tls
            .as_ref()
            .and_then(|v| self.socket("[listen] turn_tls", v, Carrier::Tcp));
        let admin = l
            .admin
            .as_ref()
            .and_then(|v| self.socket("[listen] admin", v, Carrier::Tcp));
        if let (Some(address), Some(at)) = (admin, &l.admin)
            && !address.ip().is_loopback()
        {
            let message = format!(
                "{address} can be reached from outside, and this listener has no encryption"
            );
            self.problem(
                Some(at.line),
                "[listen] admin",
                message,
                "use a loopback address such as \"127.0.0.1:9090\"",
            );
        }
        let media_address = match (&l.media_address, media) {
            (Some(value), _) => self.ip("[listen] media_address", value),
            (None, Some(media)) if media.ip().is_unspecified() => {
                let line = l.media.as_ref().map(|m| m.line);
                let message = "listens on every address, so the one to tell callers must be said";
                self.problem(
                    line,
                    "[listen] media",
                    message,
                    "add: media_address = \"203.0.113.7\" (your public address)",
                );
                None
            }
            (None, media) => media.map(|m| m.ip()),
        };
        Some(Listen {
            secure: secure?,
            media: media?,
            media_address: media_address?,
            turn_udp,
            turn_tcp,
            turn_tls,
            admin,
        })
    }

    fn tls(&mut self, raw: &Raw) -> Option<TlsFiles> {
        let why = "add it: the secure port is never opened without a certificate (`relay-server init` makes one to try)";
        let certificate = self.need("[tls] certificate", &raw.tls.certificate, why);
        let key = self.need("[tls] key", &raw.tls.key, why);
        let (certificate, key) = (certificate?, key?);
        let files = TlsFiles {
            certificate: self.path(certificate),
            key: self.path(key),
        };
        match tls::server_config(&files) {
            Ok(_) => Some(files),
            Err(error) => {
                let (line, name) = if error.is_about_key() {
                    (key.line, "[tls] key")
                } else {
                    (certificate.line, "[tls] certificate")
                };
                self.problem(
                    Some(line),
                    name,
                    error.to_string(),
                    "both are PEM files; paths are relative to this configuration",
                );
                None
            }
        }
    }

    /// The first line of a secret file; used as it stands, without the line end.
    fn secret(&mut self, key: &str, value: &At<String>) -> Option<Sensitive<Vec<u8>>> {
        let path = self.path(value);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("cannot read {}: {error}", path.display());
                self.problem(
                    Some(value.line),
                    key,
                    message,
                    "`relay-server init` writes one",
                );
                return None;
            }
        };
        let secret = text.lines().next().unwrap_or_default().trim();
        if secret.len() < SECRET_BYTES_MIN {
            let message = format!(
                "the secret in {} is shorter than {SECRET_BYTES_MIN} characters",
                path.display()
            );
            self.problem(
                Some(value.line),
                key,
                message,
                "put a long random word on its first line",
            );
            return None;
        }
        if open_to_everybody(&path) {
            let message = format!(
                "{} can be read by everybody on this machine",
                path.display()
            );
            let hint = format!("chmod 600 {}", path.display());
            self.warnings.push(Problem {
                line: Some(value.line),
                key: key.into(),
                message,
                hint,
            });
        }
        Some(Sensitive::new(secret.as_bytes().to_vec()))
    }

    fn sip(&mut self, raw: &Raw) -> Option<SipSettings> {
        let realm = raw.sip.realm.as_ref().or(raw.server.domain.as_ref());
        let allow_md5 = raw.sip.allow_md5.as_ref().is_some_and(|v| v.value);
        if let (true, Some(at)) = (allow_md5, &raw.sip.allow_md5) {
            self.warnings.push(Problem {
                line: Some(at.line),
                key: "[sip] allow_md5".into(),
                message: "MD5 is offered to clients that know nothing better; it is weak".into(),
                hint: "leave it false unless browser clients need it".into(),
            });
        }
        let nonce_secret = match &raw.sip.nonce_secret_file {
            Some(value) => self.secret("[sip] nonce_secret_file", value)?,
            None => {
                let mut bytes = vec![0; 32];
                if let Err(error) = getrandom::fill(&mut bytes) {
                    self.problem(
                        None,
                        "[sip] nonce_secret_file",
                        format!("no random bytes: {error}"),
                        "",
                    );
                    return None;
                }
                Sensitive::new(bytes)
            }
        };
        let realm = realm.map(|r| r.value.to_ascii_lowercase())?;
        if realm.is_empty() || realm.len() > 128 || realm.contains(['"', '\\', '\r', '\n']) {
            let line = raw.sip.realm.as_ref().map(|r| r.line);
            self.problem(
                line,
                "[sip] realm",
                "a realm is 1 to 128 signs without quotes",
                "usually the domain",
            );
            return None;
        }
        Some(SipSettings {
            realm,
            allow_md5,
            nonce_secret,
        })
    }

    fn log(&mut self, raw: &Raw) -> Option<LogSettings> {
        let level = raw
            .log
            .level
            .as_ref()
            .map_or("info", |l| l.value.as_str())
            .to_owned();
        let probe = vrs_telemetry::Settings {
            filter: level.clone(),
            ..vrs_telemetry::Settings::default()
        };
        if let Err(error) = vrs_telemetry::subscriber(&probe, std::io::sink) {
            let line = raw.log.level.as_ref().map(|l| l.line);
            self.problem(
                line,
                "[log] level",
                error.to_string(),
                "write level = \"info\"",
            );
            return None;
        }
        let format = match raw.log.format.as_ref().map(|f| (f.value.as_str(), f.line)) {
            Some(("json", _)) | None => LogFormat::Json,
            Some(("text", _)) => LogFormat::Text,
            Some((other, line)) => {
                self.problem(
                    Some(line),
                    "[log] format",
                    format!("'{other}' is not a format"),
                    "write \"json\" or \"text\"",
                );
                return None;
            }
        };
        Some(LogSettings {
            level,
            format,
            file: raw.log.file.as_ref().map(|f| self.path(f)),
        })
    }
}

/// A DNS name or an address, without a port.
fn is_host(text: &str) -> bool {
    let name = text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
    name || text.parse::<IpAddr>().is_ok()
}

#[cfg(unix)]
fn open_to_everybody(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o007 != 0)
}

#[cfg(not(unix))]
fn open_to_everybody(_: &Path) -> bool {
    false
}
