//! `relay-server init`: a folder to start from, with a configuration, certificates and secrets.
//!
//! Nothing is ever overwritten: when one of the files is there already, nothing is written at all.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use crate::config::sample;

/// How long the development authority is good for.
const AUTHORITY_DAYS: i64 = 3650;
/// How long the development certificate is good for; browsers accept no longer ones.
const CERTIFICATE_DAYS: i64 = 397;
/// Length of a drawn secret, in random bytes; written as twice as many hexadecimal digits.
const SECRET_BYTES: usize = 32;

/// Why the folder could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A file is there already.
    #[error("{} is already there; nothing was written. Choose another folder or move it away", .0.display())]
    Exists(PathBuf),
    /// A file or folder cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A host name cannot be put into a certificate.
    #[error("'{0}' is not a host name or address")]
    Host(String),
    /// Keys or certificates could not be made.
    #[error("cannot make the certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

struct File {
    name: &'static str,
    content: String,
    /// Readable by the owner only.
    secret: bool,
}

/// Writes configuration, development authority, certificate and secrets into `folder`, which is
/// made when missing. `hosts` are further names of the server; the first one becomes the domain.
///
/// # Errors
/// When a file exists, cannot be written, or a host name is none. Nothing is overwritten.
pub fn init(folder: &Path, hosts: &[String]) -> Result<Vec<PathBuf>, InitError> {
    let domain = hosts.first().map_or("localhost", String::as_str);
    if domain.is_empty()
        || !domain
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c))
    {
        return Err(InitError::Host(domain.chars().take(80).collect()));
    }
    let certificates = development_certificates(hosts)?;
    let files = [
        File {
            name: "relay-server.toml",
            content: sample(domain),
            secret: false,
        },
        File {
            name: "ca.pem",
            content: certificates.authority,
            secret: false,
        },
        File {
            name: "ca.key",
            content: certificates.authority_key,
            secret: true,
        },
        File {
            name: "server.pem",
            content: certificates.server,
            secret: false,
        },
        File {
            name: "server.key",
            content: certificates.server_key,
            secret: true,
        },
        File {
            name: "secrets/turn",
            content: random_word()?,
            secret: true,
        },
        File {
            name: "secrets/digest-nonce",
            content: random_word()?,
            secret: true,
        },
    ];
    if let Some(file) = files
        .iter()
        .find(|f| folder.join(f.name).symlink_metadata().is_ok())
    {
        return Err(InitError::Exists(folder.join(file.name)));
    }
    let secrets = folder.join("secrets");
    std::fs::create_dir_all(&secrets).map_err(|error| InitError::Write {
        path: secrets,
        error,
    })?;
    let mut written = Vec::with_capacity(files.len());
    for file in files {
        let path = folder.join(file.name);
        write_new(&path, &file).map_err(|error| InitError::Write {
            path: path.clone(),
            error,
        })?;
        written.push(path);
    }
    Ok(written)
}

fn write_new(path: &Path, file: &File) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if file.secret { 0o600 } else { 0o644 });
    }
    let mut out = options.open(path)?;
    out.write_all(file.content.as_bytes())?;
    out.sync_all()
}

fn random_word() -> Result<String, InitError> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(InitError::Random)?;
    Ok(hex::encode(bytes) + "\n")
}

struct Certificates {
    authority: String,
    authority_key: String,
    server: String,
    server_key: String,
}

fn development_certificates(hosts: &[String]) -> Result<Certificates, InitError> {
    let today = OffsetDateTime::now_utc();
    let yesterday = today - Duration::DAY;

    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority
        .distinguished_name
        .push(DnType::OrganizationName, "Visavis development");
    authority
        .distinguished_name
        .push(DnType::CommonName, "Visavis development authority");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.not_before = yesterday;
    authority.not_after = today + Duration::days(AUTHORITY_DAYS);
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let (authority_pem, authority_key_pem) =
        (authority_certificate.pem(), authority_key.serialize_pem());
    let issuer = Issuer::new(authority, authority_key);

    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
    names.extend(
        hosts
            .iter()
            .filter(|h| !names.contains(h))
            .cloned()
            .collect::<Vec<_>>(),
    );
    let common_name = hosts.first().map_or("localhost", String::as_str).to_owned();
    let mut server =
        CertificateParams::new(names).map_err(|_| InitError::Host(common_name.clone()))?;
    server
        .distinguished_name
        .push(DnType::CommonName, common_name);
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.not_before = yesterday;
    server.not_after = today + Duration::days(CERTIFICATE_DAYS);
    let server_key = KeyPair::generate()?;
    let server_certificate = server.signed_by(&server_key, &issuer)?;
    Ok(Certificates {
        authority: authority_pem,
        authority_key: authority_key_pem,
        server: server_certificate.pem(),
        server_key: server_key.serialize_pem(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_folder_can_be_run_as_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let written = init(folder.path(), &["relay.test".into()]).unwrap();
        assert_eq!(written.len(), 7);
        let config = Config::load(&folder.path().join("relay-server.toml")).unwrap();
        assert_eq!(config.server.domain, "relay.test");
        assert_eq!(config.sip.realm, "relay.test");
        assert!(config.server.data_dir.is_absolute());
        assert!(config.turn.is_some());
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }

    #[cfg(unix)]
    #[test]
    fn keys_and_secrets_are_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        init(folder.path(), &[]).unwrap();
        for name in [
            "ca.key",
            "server.key",
            "secrets/turn",
            "secrets/digest-nonce",
        ] {
            let mode = std::fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn nothing_is_overwritten_and_the_file_in_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.key"), "precious").unwrap();
        let error = init(folder.path(), &[]).unwrap_err();
        assert!(
            error.to_string().contains("server.key is already there"),
            "{error}"
        );
        assert!(!folder.path().join("relay-server.toml").exists());
        assert_eq!(
            std::fs::read_to_string(folder.path().join("server.key")).unwrap(),
            "precious"
        );
    }

    #[test]
    fn a_host_that_would_break_the_configuration_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = init(folder.path(), &["a\"b".into()]).unwrap_err();
        assert_eq!(error.to_string(), "'a\"b' is not a host name or address");
    }
}
