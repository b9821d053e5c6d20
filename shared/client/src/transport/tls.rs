//! Which servers are trusted: the system's certificate authorities and, if configured, one more file.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Largest file of certificates we read, in bytes.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsProblem {
    #[error("the certificate file {path}: {detail}")]
    File { path: String, detail: String },
    #[error("no certificate authority is trusted on this system")]
    NoRoots,
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
}

/// TLS 1.2 and 1.3 with the ring provider, which is named here because programs may carry two.
pub(crate) fn client_config(extra_ca_pem: Option<&Path>) -> Result<Arc<ClientConfig>, TlsProblem> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for problem in &native.errors {
        tracing::warn!(%problem, "system certificates");
    }
    let (_, unusable) = roots.add_parsable_certificates(native.certs);
    if unusable > 0 {
        tracing::debug!(
            unusable,
            "system certificates that cannot be read were left out"
        );
    }
    if let Some(path) = extra_ca_pem {
        add_file(&mut roots, path)?;
    }
    if roots.is_empty() {
        return Err(TlsProblem::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(
        config.with_root_certificates(roots).with_no_client_auth(),
    ))
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsProblem> {
    let problem = |detail: String| TlsProblem::File {
        path: path.display().to_string(),
        detail,
    };
    let size = std::fs::metadata(path)
        .map_err(|e| problem(e.to_string()))?
        .len();
    if size > PEM_BYTES_MAX {
        return Err(problem(format!("it is larger than {PEM_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|e| problem(e.to_string()))?;
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|e| problem(e.to_string()))?;
        roots.add(certificate).map_err(|e| problem(e.to_string()))?;
        count += 1;
    }
    if count == 0 {
        Err(problem("it holds no certificate".into()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_file_without_certificates_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        assert!(
            client_config(Some(&path))
                .unwrap_err()
                .to_string()
                .contains("ca.pem")
        );
        std::fs::write(&path, "nothing here").unwrap();
        assert!(
            client_config(Some(&path))
                .unwrap_err()
                .to_string()
                .contains("no certificate")
        );
        let own = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        std::fs::write(&path, own.cert.pem()).unwrap();
        assert!(client_config(Some(&path)).is_ok());
    }
}
