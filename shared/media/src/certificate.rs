//! The DTLS identity of one side, and the fingerprints by which the other side knows it.

use std::fmt;
use std::sync::Arc;

use rtc_dtls::crypto_provider::RTCCryptoProvider;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::error::MediaError;

/// The cryptography behind ICE, DTLS and SRTP: *ring*.
pub(crate) fn provider() -> Result<Arc<dyn RTCCryptoProvider>, MediaError> {
    rtc_dtls::crypto_provider::default_provider().map_err(|e| MediaError::Engine(e.to_string()))
}

/// A self-signed certificate and its private key (ECDSA P-256, RFC 8827 section 6.5).
#[derive(Clone)]
pub struct Certificate {
    inner: rtc_dtls::crypto::Certificate,
    fingerprint: Fingerprint,
}

impl Certificate {
    /// Makes a new key and certificate from the system's randomness. The one impure function of
    /// this crate: a driver calls it once per process or per call, never a machine.
    ///
    /// # Errors
    ///
    /// [`MediaError::Engine`] if there is no randomness.
    pub fn generate() -> Result<Self, MediaError> {
        let engine = |e: rtc_shared::error::Error| MediaError::Engine(e.to_string());
        let provider = provider()?;
        let name = vec!["visavis".to_owned()];
        let inner = rtc_dtls::crypto::Certificate::generate_self_signed(name, provider.crypto())
            .map_err(engine)?;
        let der = inner
            .certificate
            .first()
            .map(|der| der.as_ref().to_vec())
            .unwrap_or_default();
        Ok(Self {
            fingerprint: Fingerprint::of(HashAlgorithm::Sha256, &der),
            inner,
        })
    }

    /// The value of `a=fingerprint`: `sha-256 AA:BB:...`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.fingerprint.to_string()
    }

    pub(crate) fn inner(&self) -> rtc_dtls::crypto::Certificate {
        self.inner.clone()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint)
    }
}

/// Hash functions accepted in fingerprints, weakest first (RFC 8122 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A certificate's hash, as in `a=fingerprint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// How it was hashed.
    pub algorithm: HashAlgorithm,
    /// The hash.
    pub digest: Vec<u8>,
}

impl Fingerprint {
    /// Hashes a certificate in DER form.
    #[must_use]
    pub fn of(algorithm: HashAlgorithm, der: &[u8]) -> Self {
        let digest = match algorithm {
            HashAlgorithm::Sha256 => Sha256::digest(der).to_vec(),
            HashAlgorithm::Sha384 => Sha384::digest(der).to_vec(),
            HashAlgorithm::Sha512 => Sha512::digest(der).to_vec(),
        };
        Self { algorithm, digest }
    }

    /// Reads the attribute's value. `None`: broken, or a hash that is too weak (MD5, SHA-1).
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (name, digits) = value.trim().split_once(' ')?;
        let (algorithm, bytes) = match name.to_ascii_lowercase().as_str() {
            "sha-256" => (HashAlgorithm::Sha256, 32),
            "sha-384" => (HashAlgorithm::Sha384, 48),
            "sha-512" => (HashAlgorithm::Sha512, 64),
            _ => return None,
        };
        let digits = digits.trim();
        let colons = digits.bytes().skip(2).step_by(3).all(|b| b == b':');
        let digest = hex::decode(digits.replace(':', "")).ok()?;
        let whole = colons && digits.len() == bytes * 3 - 1 && digest.len() == bytes;
        whole.then_some(Self { algorithm, digest })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.algorithm {
            HashAlgorithm::Sha256 => "sha-256",
            HashAlgorithm::Sha384 => "sha-384",
            HashAlgorithm::Sha512 => "sha-512",
        };
        let digits: Vec<String> = self.digest.iter().map(|b| format!("{b:02X}")).collect();
        write!(f, "{name} {}", digits.join(":"))
    }
}

/// Whether a certificate is the one that was announced: of all fingerprints only those with the
/// strongest hash count, and one of them must match (RFC 8122 section 5).
#[must_use]
pub(crate) fn is_announced(announced: &[Fingerprint], der: &[u8]) -> bool {
    let Some(strongest) = announced.iter().map(|f| f.algorithm).max() else {
        return false;
    };
    let actual = Fingerprint::of(strongest, der);
    announced.contains(&actual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a34_only_the_strongest_hash_counts_and_weak_ones_are_not_read() {
        let certificate = Certificate::generate().unwrap();
        let good = Fingerprint::parse(&certificate.fingerprint()).unwrap();
        let der = certificate.inner().certificate[0].as_ref().to_vec();
        let other = Fingerprint::of(HashAlgorithm::Sha256, b"other");
        let wrong_512 = Fingerprint::of(HashAlgorithm::Sha512, b"other");
        assert!(is_announced(std::slice::from_ref(&good), &der));
        assert!(is_announced(&[other.clone(), good.clone()], &der));
        assert!(!is_announced(&[other], &der));
        assert!(
            !is_announced(&[good, wrong_512], &der),
            "a weaker hash does not help"
        );
        assert!(!is_announced(&[], &der));
        for bad in [
            "sha-1 AA:BB",
            "md5 AA",
            "sha-256 AA:BB",
            "sha-256",
            "sha-256 ",
            "",
        ] {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
        let squeezed = certificate.fingerprint().replace(':', "-");
        assert_eq!(Fingerprint::parse(&squeezed), None);
    }
}
