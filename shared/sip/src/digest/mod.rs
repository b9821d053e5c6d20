//! Digest authentication (RFC 7616) with the algorithms of RFC 8760.
//!
//! What it is: [`Authenticator`] for a server (challenge, verify, refuse replay) and, inside the
//! crate, the client's session that answers a challenge at most once on the flow it trusts.
//! What it is not: a place for passwords; a server's store hands in HA1 values.
//! Start reading at [`Authenticator::verify`].

mod client;
mod params;
mod server;

pub(crate) use client::{Answer, DigestSession};
pub use server::{AuthError, Authenticator};

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use std::fmt;

/// Hash of a digest, strongest first in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-512-256 (RFC 8760).
    Sha512_256,
    /// SHA-256 (RFC 8760).
    Sha256,
    /// MD5: broken; only for trunks that know nothing better.
    Md5,
}

impl Algorithm {
    /// The token on the wire.
    pub fn token(self) -> &'static str {
        match self {
            Self::Sha512_256 => "SHA-512-256",
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    /// Reads a token, without regard to case; `None` for one we do not speak (also `-sess`).
    pub fn from_token(token: &str) -> Option<Self> {
        [Self::Sha512_256, Self::Sha256, Self::Md5]
            .into_iter()
            .find(|a| a.token().eq_ignore_ascii_case(token))
    }

    /// The hash of `data`, hexadecimal in lower case.
    pub fn hash(self, data: &[u8]) -> String {
        match self {
            Self::Sha512_256 => hex::encode(Sha512_256::digest(data)),
            Self::Sha256 => hex::encode(Sha256::digest(data)),
            Self::Md5 => hex::encode(Md5::digest(data)),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

/// HA1 of a user: what a server stores instead of the password, hexadecimal in lower case.
pub fn ha1(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> String {
    algorithm.hash(format!("{user}:{realm}:{password}").as_bytes())
}

/// What the response hash is made of (RFC 7616 section 3.4.1).
pub(crate) struct Proof<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) ha1: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) nc: &'a str,
    pub(crate) cnonce: &'a str,
    pub(crate) qop: &'a str,
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    pub(crate) body: &'a [u8],
}

impl Proof<'_> {
    /// The response, hexadecimal in lower case. An empty `qop` is RFC 2069's form.
    pub(crate) fn response(&self) -> String {
        let mut a2 = format!("{}:{}", self.method, self.uri);
        if self.qop.eq_ignore_ascii_case("auth-int") {
            a2 = format!("{a2}:{}", self.algorithm.hash(self.body));
        }
        let ha2 = self.algorithm.hash(a2.as_bytes());
        let Self {
            ha1,
            nonce,
            nc,
            cnonce,
            qop,
            ..
        } = self;
        let whole = if qop.is_empty() {
            format!("{ha1}:{nonce}:{ha2}")
        } else {
            format!("{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}")
        };
        self.algorithm.hash(whole.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of RFC 7616 section 3.9.1.
    #[test]
    fn responses_equal_those_of_rfc_7616() {
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                Algorithm::Sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let ha1 = ha1(
                algorithm,
                "Mufasa",
                "http-auth@example.org",
                "Circle of Life",
            );
            let proof = Proof {
                algorithm,
                ha1: &ha1,
                nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                nc: "00000001",
                cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                qop: "auth",
                method: "GET",
                uri: "/dir/index.html",
                body: b"",
            };
            assert_eq!(proof.response(), expected);
        }
    }

    #[test]
    fn sha_512_256_is_the_truncated_variant_with_its_own_start_values() {
        assert_eq!(
            Algorithm::Sha512_256.hash(b"abc"),
            "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
        );
    }
}
