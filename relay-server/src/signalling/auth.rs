//! Who is it? Digest authentication of requests (RFC 8760, RFC 3261 section 22).
//!
//! SHA-512-256 and SHA-256 are offered, in this order. Browser libraries read only the first
//! challenge and know only MD5; an account made for one (`account add --digest md5`, where the
//! configuration allows it) is challenged with MD5 alone.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use relay_core::admission::{Admission, Key, Kind};
use vrs_sip::Request;
use vrs_sip::digest::{Algorithm, AuthError, Authenticator};

use crate::accounts::{Account, AccountStore, DigestAlgorithm};

/// A nonce is good for this long.
const NONCE_LIFETIME: Duration = Duration::from_secs(300);

/// What became of a request's credentials.
pub(super) enum Verdict {
    /// It is this account.
    Known(Arc<Account>),
    /// No or stale credentials: answer 401 with these `WWW-Authenticate` values.
    Challenge(Vec<String>),
    /// Wrong credentials: answer 401 again, with these fresh challenges.
    Wrong(Vec<String>),
    /// Too many wrong ones: answer 503 with `Retry-After` in seconds.
    TooMany(u32),
}

pub(super) struct Auth {
    strong: Authenticator,
    md5: Option<Authenticator>,
    accounts: Arc<AccountStore>,
    admission: Admission,
}

impl Auth {
    /// `seeds` make the nonces of the strong and of the MD5 challenges.
    pub(super) fn new(
        realm: &str,
        seeds: [[u8; 32]; 2],
        allow_md5: bool,
        accounts: Arc<AccountStore>,
    ) -> Self {
        let strong = vec![Algorithm::Sha512_256, Algorithm::Sha256];
        let md5 = || Authenticator::new(realm, seeds[1], vec![Algorithm::Md5], NONCE_LIFETIME);
        Self {
            strong: Authenticator::new(realm, seeds[0], strong, NONCE_LIFETIME),
            md5: allow_md5.then(md5),
            accounts,
            admission: Admission::new(),
        }
    }

    /// All accounts, for a change that is not made on this task.
    pub(super) fn accounts(&self) -> Arc<AccountStore> {
        Arc::clone(&self.accounts)
    }

    pub(super) fn account(&self, user: &str) -> Option<Arc<Account>> {
        self.accounts.lookup(user)
    }

    /// Checks the `Authorization` header of a request that came from `address`.
    pub(super) fn verify(&mut self, now: Instant, address: IpAddr, request: &Request) -> Verdict {
        let claimed = request
            .headers
            .from()
            .and_then(|from| from.uri.user_decoded())
            .unwrap_or_default();
        let key = Key::account_at(&claimed, address);
        if let Err(wait) = self.admission.peek(now, &key, Kind::AuthenticationFailure) {
            return Verdict::TooMany(wait.seconds);
        }
        let Some(authorization) = request.headers.get("Authorization") else {
            return Verdict::Challenge(self.challenge(now, &claimed, false));
        };
        let accounts = Arc::clone(&self.accounts);
        let authenticator = self.authenticator(&claimed);
        let realm = authenticator.realm().to_owned();
        let lookup = |user: &str, algorithm: Algorithm| {
            let account = accounts.lookup(user)?;
            account
                .ha1(&realm, kept(algorithm))
                .map(|ha1| ha1.expose().clone())
        };
        let (method, uri) = (request.method.to_string(), request.uri.to_string());
        match authenticator.verify(now, &method, &uri, &request.body, authorization, lookup) {
            // Only in one's own name: else the tries for one account could be spread over many.
            Ok(user) if user == claimed => {
                self.admission.forgive(&key, Kind::AuthenticationFailure);
                match self.accounts.lookup(&user) {
                    Some(account) => Verdict::Known(account),
                    // Removed in this very moment.
                    None => Verdict::Wrong(self.challenge(now, &claimed, false)),
                }
            }
            Err(AuthError::Stale | AuthError::Replay) => {
                Verdict::Challenge(self.challenge(now, &claimed, true))
            }
            Ok(_) | Err(_) => match self.admission.check(now, key, Kind::AuthenticationFailure) {
                Ok(()) => Verdict::Wrong(self.challenge(now, &claimed, false)),
                Err(wait) => Verdict::TooMany(wait.seconds),
            },
        }
    }

    /// Whether one more message is more than its sender may send.
    pub(super) fn is_too_much(&mut self, now: Instant, key: Key) -> bool {
        self.admission.check(now, key, Kind::Message).is_err()
    }

    /// Whether an account may place another call now (A12).
    pub(super) fn may_call(&mut self, now: Instant, account: &str) -> bool {
        self.admission
            .check(now, Key::account(account), Kind::Invite)
            .is_ok()
    }

    /// Whether an account may change its registered location now.
    pub(super) fn may_relocate(&mut self, now: Instant, account: &str) -> bool {
        self.admission
            .check(now, Key::account(account), Kind::Relocate)
            .is_ok()
    }

    fn challenge(&mut self, now: Instant, claimed: &str, stale: bool) -> Vec<String> {
        let authenticator = self.authenticator(claimed);
        if stale {
            authenticator.challenge_stale(now)
        } else {
            authenticator.challenge(now)
        }
    }

    /// MD5 alone for accounts that have nothing else.
    fn authenticator(&mut self, claimed: &str) -> &mut Authenticator {
        let only_md5 = self.accounts.lookup(claimed).is_some_and(|account| {
            account
                .ha1(self.strong.realm(), DigestAlgorithm::Sha256)
                .is_none()
        });
        match &mut self.md5 {
            Some(md5) if only_md5 => md5,
            Some(_) | None => &mut self.strong,
        }
    }
}

const fn kept(algorithm: Algorithm) -> DigestAlgorithm {
    match algorithm {
        Algorithm::Sha512_256 => DigestAlgorithm::Sha512_256,
        Algorithm::Sha256 => DigestAlgorithm::Sha256,
        Algorithm::Md5 => DigestAlgorithm::Md5,
    }
}
