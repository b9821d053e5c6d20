//! The server's half: challenges, verification, and memory against replay (A13).
//!
//! A nonce carries its own proof (time, random word, MAC), so a flood of unauthenticated requests
//! costs no memory; only a nonce that was used with a right answer is remembered, with the nonce
//! counts seen.

use super::params::AuthParams;
use super::{Algorithm, Proof};
use crate::limit::NONCES_MAX;
use crate::message::Uri;
use crate::message::chars::quote;
use crate::random::Random;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How far nonce counts may arrive out of order.
const WINDOW: u32 = 64;
/// Octets of the MAC kept in a nonce.
const MAC_BYTES: usize = 16;

/// Why an Authorization was not accepted. All but [`AuthError::Stale`] are the client's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AuthError {
    /// Right password, old nonce: challenge again with `stale=true`.
    #[error("nonce is stale")]
    Stale,
    /// The response does not prove the password, or covers another request.
    #[error("response is wrong")]
    Wrong,
    /// No such user.
    #[error("user is unknown")]
    Unknown,
    /// Not a Digest value with realm, nonce, uri, response, qop, nc and cnonce.
    #[error("Authorization is malformed")]
    Malformed,
    /// This nonce count was used before.
    #[error("nonce count was used before")]
    Replay,
    /// An algorithm that was not offered.
    #[error("algorithm is not allowed")]
    AlgorithmNotAllowed,
}

/// Nonce counts seen with one nonce.
struct Seen {
    highest: u32,
    /// Bit n: `highest - n` was used.
    used: u64,
}

/// Challenges clients and verifies what they answer.
pub struct Authenticator {
    realm: String,
    algorithms: Vec<Algorithm>,
    nonce_lifetime: Duration,
    key: [u8; 32],
    random: Random,
    epoch: Option<Instant>,
    /// By time of issue (ms since `epoch`) and random word, so the oldest stands first.
    seen: BTreeMap<(u64, u64), Seen>,
    /// Nonces issued before this (ms since `epoch`) are stale, whatever their age.
    floor_ms: u64,
}

impl Authenticator {
    /// An authenticator of one realm. `seed` makes its nonces; `algorithms` are offered in the
    /// order strongest first whatever order they are given in.
    pub fn new(
        realm: &str,
        seed: [u8; 32],
        algorithms: Vec<Algorithm>,
        nonce_lifetime: Duration,
    ) -> Self {
        let mut algorithms = algorithms;
        algorithms.sort();
        algorithms.dedup();
        let mut random = Random::new(seed);
        let key = Sha256Key::from(&mut random);
        Self {
            realm: realm.to_owned(),
            algorithms,
            nonce_lifetime,
            key: key.0,
            random,
            epoch: None,
            seen: BTreeMap::new(),
            floor_ms: 0,
        }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Values for WWW-Authenticate or Proxy-Authenticate headers, one header each, strongest
    /// first.
    pub fn challenge(&mut self, now: Instant) -> Vec<String> {
        self.challenges(now, false)
    }

    /// As [`Authenticator::challenge`], after [`AuthError::Stale`]: the client need not ask its
    /// user for the password again.
    pub fn challenge_stale(&mut self, now: Instant) -> Vec<String> {
        self.challenges(now, true)
    }

    fn challenges(&mut self, now: Instant, stale: bool) -> Vec<String> {
        let mut values = Vec::with_capacity(self.algorithms.len());
        for index in 0..self.algorithms.len() {
            let nonce = self.nonce(now);
            let stale = if stale { ", stale=true" } else { "" };
            values.push(format!(
                "Digest realm={}, nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}",
                quote(&self.realm),
                self.algorithms[index],
            ));
        }
        values
    }

    /// Verifies one Authorization (or Proxy-Authorization) value against a request.
    /// `request_uri` is the Request-URI as printed; `lookup` gives a user's HA1 for an algorithm.
    ///
    /// # Errors
    /// Says why the value does not let its sender in; see [`AuthError`].
    pub fn verify(
        &mut self,
        now: Instant,
        method: &str,
        request_uri: &str,
        body: &[u8],
        authorization: &str,
        lookup: impl Fn(&str, Algorithm) -> Option<String>,
    ) -> Result<String, AuthError> {
        let params = AuthParams::parse(authorization).ok_or(AuthError::Malformed)?;
        let get = |name| params.get(name).ok_or(AuthError::Malformed);
        let (user, realm, nonce) = (get("username")?, get("realm")?, get("nonce")?);
        let (uri, response) = (get("uri")?, get("response")?);
        let (qop, nc, cnonce) = (get("qop")?, get("nc")?, get("cnonce")?);
        let known_qop = qop.eq_ignore_ascii_case("auth") || qop.eq_ignore_ascii_case("auth-int");
        let hexadecimal = nc.len() == 8 && nc.bytes().all(|b| b.is_ascii_hexdigit());
        if !known_qop || !hexadecimal || cnonce.is_empty() {
            return Err(AuthError::Malformed);
        }
        let count = u32::from_str_radix(nc, 16).map_err(|_| AuthError::Malformed)?;
        let algorithm = params
            .get("algorithm")
            .map_or(Some(Algorithm::Md5), Algorithm::from_token);
        let algorithm = algorithm
            .filter(|a| self.algorithms.contains(a))
            .ok_or(AuthError::AlgorithmNotAllowed)?;
        if realm != self.realm || !same_uri(uri, request_uri) {
            return Err(AuthError::Wrong);
        }
        let ha1 = lookup(user, algorithm).ok_or(AuthError::Unknown)?;
        let proof = Proof {
            algorithm,
            ha1: &ha1,
            nonce,
            nc,
            cnonce,
            qop,
            method,
            uri,
            body,
        };
        if !same_octets(
            proof.response().as_bytes(),
            response.to_ascii_lowercase().as_bytes(),
        ) {
            return Err(AuthError::Wrong);
        }
        self.use_nonce(now, nonce, count)?;
        Ok(user.to_owned())
    }

    fn millis(&mut self, now: Instant) -> u64 {
        let epoch = *self.epoch.get_or_insert(now);
        u64::try_from(now.saturating_duration_since(epoch).as_millis()).unwrap_or(u64::MAX)
    }

    fn nonce(&mut self, now: Instant) -> String {
        let mut octets = self.millis(now).to_be_bytes().to_vec();
        octets.extend_from_slice(&self.random.number().to_be_bytes());
        let mac = self.mac(&octets);
        octets.extend_from_slice(&mac[..MAC_BYTES]);
        hex::encode(octets)
    }

    fn mac(&self, octets: &[u8]) -> [u8; 32] {
        match Hmac::<Sha256>::new_from_slice(&self.key) {
            Ok(mut mac) => {
                mac.update(octets);
                mac.finalize().into_bytes().into()
            }
            // HMAC takes keys of any length; a value nobody can match is the safe way out.
            Err(_) => [0; 32],
        }
    }

    /// Time of issue and random word of a nonce of ours.
    fn read_nonce(&self, nonce: &str) -> Option<(u64, u64)> {
        let octets = hex::decode(nonce)
            .ok()
            .filter(|octets| octets.len() == 16 + MAC_BYTES)?;
        let (head, mac) = octets.split_at(16);
        if !same_octets(&self.mac(head)[..MAC_BYTES], mac) {
            return None;
        }
        let (time, word) = head.split_at(8);
        Some((
            u64::from_be_bytes(time.try_into().ok()?),
            u64::from_be_bytes(word.try_into().ok()?),
        ))
    }

    /// Marks one nonce count as used.
    fn use_nonce(&mut self, now: Instant, nonce: &str, count: u32) -> Result<(), AuthError> {
        let now_ms = self.millis(now);
        let lifetime_ms = u64::try_from(self.nonce_lifetime.as_millis()).unwrap_or(u64::MAX);
        let issued = self.read_nonce(nonce).ok_or(AuthError::Stale)?;
        if issued.0 < self.floor_ms || now_ms.saturating_sub(issued.0) > lifetime_ms {
            return Err(AuthError::Stale);
        }
        let oldest_ms = now_ms.saturating_sub(lifetime_ms);
        while let Some(entry) = self.seen.first_entry() {
            let oldest = entry.key().0;
            if oldest >= oldest_ms && self.seen.len() < NONCES_MAX {
                break;
            }
            // A nonce whose counts we forget must not be usable again.
            self.seen.pop_first();
            self.floor_ms = self.floor_ms.max(oldest.saturating_add(1));
        }
        if issued.0 < self.floor_ms {
            return Err(AuthError::Stale);
        }
        let seen = self.seen.entry(issued).or_insert(Seen {
            highest: 0,
            used: 0,
        });
        if count == 0 || !seen.accept(count) {
            return Err(AuthError::Replay);
        }
        Ok(())
    }
}

impl Seen {
    fn accept(&mut self, count: u32) -> bool {
        if count > self.highest {
            let shift = count - self.highest;
            self.used = if shift >= WINDOW {
                0
            } else {
                self.used << shift
            };
            self.used |= 1;
            self.highest = count;
            return true;
        }
        let back = self.highest - count;
        if back >= WINDOW || self.used & (1 << back) != 0 {
            return false;
        }
        self.used |= 1 << back;
        true
    }
}

/// Thirty-two unpredictable octets.
struct Sha256Key([u8; 32]);

impl Sha256Key {
    fn from(random: &mut Random) -> Self {
        let mut key = [0; 32];
        for part in key.chunks_mut(8) {
            part.copy_from_slice(&random.number().to_be_bytes());
        }
        Self(key)
    }
}

/// Whether the digest's uri means the Request-URI: same text, or same scheme, user, host, port.
fn same_uri(digest_uri: &str, request_uri: &str) -> bool {
    if digest_uri == request_uri {
        return true;
    }
    match (Uri::parse(digest_uri), Uri::parse(request_uri)) {
        (Some(one), Some(two)) => one.same_address(&two),
        _ => false,
    }
}

/// Compares without telling by time where the difference is.
fn same_octets(one: &[u8], two: &[u8]) -> bool {
    one.len() == two.len()
        && one
            .iter()
            .zip(two)
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}
