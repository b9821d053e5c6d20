//! SDES, SRTP keys inside the SDP (RFC 4568): for telephone trunks only, whose signalling is
//! itself encrypted; never towards browsers and apps.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rtc_srtp::protection_profile::ProtectionProfile;

/// The crypto suites we can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`: what every trunk knows (RFC 4568 section 6.2.1).
    AesCm128HmacSha1_80,
    /// `AEAD_AES_128_GCM` (RFC 7714 section 14.2).
    AeadAes128Gcm,
}

impl Suite {
    /// All, most widely known first.
    pub const ALL: [Self; 2] = [Self::AesCm128HmacSha1_80, Self::AeadAes128Gcm];

    /// Its name in `a=crypto`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
        }
    }

    /// Bytes of key and salt together.
    #[must_use]
    pub const fn key_and_salt_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 => 30,
            Self::AeadAes128Gcm => 28,
        }
    }

    pub(crate) const fn profile(self) -> ProtectionProfile {
        match self {
            Self::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
            Self::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        }
    }
}

/// One `a=crypto` line.
#[derive(Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Its number: an answer repeats that of the offer's line it takes.
    pub tag: u32,
    /// How packets are protected.
    pub suite: Suite,
    /// Key and salt of its writer's packets.
    pub key_and_salt: Vec<u8>,
}

impl Crypto {
    /// Reads the attribute's value. `None`: broken, or something we do not do: another suite,
    /// several keys, a key identifier in packets, or any session parameter that is not optional
    /// (such as `UNENCRYPTED_SRTP`).
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut fields = value.split_whitespace();
        let tag = fields.next()?.parse().ok()?;
        let name = fields.next()?;
        let suite = Suite::ALL.into_iter().find(|suite| suite.name() == name)?;
        let inline = fields.next()?.strip_prefix("inline:")?;
        if inline.contains(';') || fields.any(|parameter| !parameter.starts_with('-')) {
            return None;
        }
        let mut parts = inline.split('|');
        let key_and_salt = STANDARD.decode(parts.next()?).ok()?;
        let identified = parts.any(|part| part.contains(':'));
        let whole = key_and_salt.len() == suite.key_and_salt_bytes();
        (whole && !identified).then_some(Self {
            tag,
            suite,
            key_and_salt,
        })
    }

    /// The attribute's value.
    #[must_use]
    pub fn to_value(&self) -> String {
        let key = STANDARD.encode(&self.key_and_salt);
        format!("{} {} inline:{key}", self.tag, self.suite.name())
    }
}

impl fmt::Debug for Crypto {
    /// Never the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crypto({} {} «redacted»)", self.tag, self.suite.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
        let read = |rest: &str| Crypto::parse(&format!("1 AES_CM_128_HMAC_SHA1_80 {rest}"));
        let plain = read(&format!("inline:{key}")).unwrap();
        assert_eq!(plain.key_and_salt.len(), 30);
        assert_eq!(Crypto::parse(&plain.to_value()), Some(plain.clone()));
        assert_eq!(
            read(&format!("inline:{key}|2^20 -WSH=64")),
            Some(plain.clone())
        );
        for bad in [
            format!("inline:{key}|2^20|1:4"),
            format!("inline:{key} UNENCRYPTED_SRTP"),
            format!("inline:{key};inline:{key}"),
            "inline:AAAA".to_owned(),
            key.to_owned(),
            String::new(),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
        assert_eq!(
            Crypto::parse(&format!("1 F8_128_HMAC_SHA1_80 inline:{key}")),
            None
        );
        assert!(!format!("{plain:?}").contains("WVNf"));
    }
}
