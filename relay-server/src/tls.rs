//! Certificates and keys from PEM files into rustls; TLS 1.2 and 1.3, ring only.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::config::TlsFiles;

/// Why certificate or key cannot be used; the files are at fault.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate file cannot be read.
    #[error("cannot read the certificate {}: {error}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: std::io::Error,
    },
    /// A certificate file holds no certificate.
    #[error("there is no certificate in {}", .0.display())]
    NoCertificate(PathBuf),
    /// The key file cannot be read.
    #[error("cannot read the private key {}: {error}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: std::io::Error,
    },
    /// The key file holds no private key.
    #[error("there is no private key in {}", .0.display())]
    NoKey(PathBuf),
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("the private key {} does not fit the certificate: {error}", path.display())]
    Mismatch {
        /// The key file.
        path: PathBuf,
        /// What rustls said.
        error: rustls::Error,
    },
    /// The certificate authority cannot be used.
    #[error("the certificate authority in {} cannot be used: {error}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What rustls said.
        error: rustls::Error,
    },
    /// The system has no usable certificate authorities.
    #[error("this system has no certificate authorities; name one with ca_file")]
    NoAuthorities,
    /// rustls refused the protocol versions; a defect of the build.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

impl TlsError {
    /// Whether the key file is at fault, rather than the certificate.
    #[must_use]
    pub const fn is_about_key(&self) -> bool {
        matches!(
            self,
            Self::Key { .. } | Self::NoKey(_) | Self::Mismatch { .. }
        )
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fault = |error| TlsError::Certificate {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(fault)?;
    let list: Result<Vec<_>, _> = rustls_pemfile::certs(&mut BufReader::new(file)).collect();
    let list = list.map_err(fault)?;
    if list.is_empty() {
        Err(TlsError::NoCertificate(path.to_owned()))
    } else {
        Ok(list)
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let fault = |error| TlsError::Key {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(fault)?;
    rustls_pemfile::private_key(&mut BufReader::new(file))
        .map_err(fault)?
        .ok_or_else(|| TlsError::NoKey(path.to_owned()))
}

/// Settings of the secure port (HTTPS and WSS), `http/1.1` by ALPN.
///
/// # Errors
/// When a file cannot be read or certificate and key do not fit.
pub fn server_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    server_config_for(files, &["http/1.1"])
}

/// Settings of a port that speaks one of these protocols to clients that name theirs with ALPN.
///
/// # Errors
/// As [`server_config`].
pub fn server_config_for(
    files: &TlsFiles,
    protocols: &[&str],
) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(&files.certificate)?;
    let key = private_key(&files.key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| TlsError::Mismatch {
            path: files.key.clone(),
            error,
        })?;
    let protocols = protocols.iter().map(|name| name.as_bytes().to_vec());
    config.alpn_protocols = protocols.collect();
    Ok(Arc::new(config))
}

/// Settings for calling a trunk over TLS: the authority in `ca_file`, or the system's.
///
/// # Errors
/// When the file cannot be read or the system has no authorities.
pub fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|error| TlsError::Authority {
                        path: path.to_owned(),
                        error,
                    })?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            let (added, _unusable) = roots.add_parsable_certificates(found.certs);
            if added == 0 {
                return Err(TlsError::NoAuthorities);
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use rustls::{ClientConnection, ServerConnection};

    use super::*;
    use crate::init::init;

    fn shake_hands(folder: &Path, authority: &Path, name: &str) -> Result<(), rustls::Error> {
        let files = TlsFiles {
            certificate: folder.join("server.pem"),
            key: folder.join("server.key"),
        };
        let mut server = ServerConnection::new(server_config(&files).unwrap())?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(client_config(Some(authority)).unwrap(), name)?;
        for _ in 0..10 {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut &wire[..]).unwrap();
            server.process_new_packets()?;
            let mut wire = Vec::new();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut &wire[..]).unwrap();
            client.process_new_packets()?;
            if !client.is_handshaking() && !server.is_handshaking() {
                return Ok(());
            }
        }
        panic!("the handshake does not end");
    }

    #[test]
    fn the_certificate_of_init_is_good_for_its_names_and_its_authority_only() {
        let (ours, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        init(ours.path(), &["relay.test".into()]).unwrap();
        init(other.path(), &[]).unwrap();
        let authority = ours.path().join("ca.pem");
        for name in ["localhost", "127.0.0.1", "::1", "relay.test"] {
            shake_hands(ours.path(), &authority, name).unwrap();
        }
        assert!(shake_hands(ours.path(), &authority, "other.test").is_err());
        assert!(shake_hands(ours.path(), &other.path().join("ca.pem"), "localhost").is_err());
    }
}
