//! Who may ask how often: limits per account and per address.
//!
//! What it is: [`Admission`], token buckets for things that are done, and [`Connections`],
//! counters for things that are held open. Both are bounded in memory whatever is thrown at them.
//! What it is not: authentication, and no firewall; it sees keys, not messages. It tells nobody
//! who was refused: a [`Key`] prints nothing of the account or the address in it.
//! Start reading at [`Admission::check`].

mod connections;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

pub use connections::Connections;
use vrs_domain::limit::LOCATION_INTERVAL;

/// Most buckets kept at once; past it the one with the least in debt is forgotten.
pub const BUCKETS_MAX: usize = 50_000;
/// An account's name is told apart by so many characters; an attacker's longer ones share.
pub const KEY_ACCOUNT_CHARS_MAX: usize = 64;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A wrong password at REGISTER or INVITE; ask per account and address
    /// ([`Key::account_at`]), and per address against the guessing of names.
    AuthenticationFailure,
    /// A new call; ask per account.
    Invite,
    /// A new connection; ask per address.
    Connect,
    /// A message of any kind; ask per address.
    Message,
    /// A change of the registered location; ask per account.
    Relocate,
}

impl Kind {
    /// Every value.
    pub const ALL: &'static [Self] = &[
        Self::AuthenticationFailure,
        Self::Invite,
        Self::Connect,
        Self::Message,
        Self::Relocate,
    ];

    /// How often: so many at once, and on average one in each interval.
    #[must_use]
    pub const fn allowance(self) -> Allowance {
        let (burst, interval_ms) = match self {
            Self::AuthenticationFailure => (5, 12_000), // 5 a minute
            Self::Invite => (10, 6_000),                // 10 a minute
            Self::Connect => (100, 100),                // 10 a second
            Self::Message => (400, 10),                 // 100 a second
            // Two, so that a slip of the finger is mended at once.
            Self::Relocate => (2, LOCATION_INTERVAL.as_millis() as u64),
        };
        Allowance {
            burst,
            interval: Duration::from_millis(interval_ms),
        }
    }
}

/// So many at once, and on average one in each interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many may come at once after a quiet time; at least 1.
    pub burst: u32,
    /// The time in which one more is earned.
    pub interval: Duration,
}

impl Allowance {
    /// How far ahead of the steady rhythm one may be.
    fn tolerance(self) -> Duration {
        self.interval.saturating_mul(self.burst.saturating_sub(1))
    }
}

/// Refused for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many; again in {seconds} s")]
pub struct RetryAfter {
    /// Whole seconds until it may be tried again, at least 1: the value of Retry-After
    /// (RFC 3261 section 20.33, RFC 9110 section 10.2.3).
    pub seconds: u32,
}

/// Who asks: an account, an address, or both. Prints nothing of either.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    account: Option<String>,
    address: Option<IpAddr>,
}

impl Key {
    /// An account, wherever it comes from.
    #[must_use]
    pub fn account(account: &str) -> Self {
        Self {
            account: Some(account.chars().take(KEY_ACCOUNT_CHARS_MAX).collect()),
            address: None,
        }
    }

    /// An address, whoever it is; an IPv6 address counts as its /64.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self {
            account: None,
            address: Some(network(address)),
        }
    }

    /// An account at an address: others who share either are not touched.
    #[must_use]
    pub fn account_at(account: &str, address: IpAddr) -> Self {
        Self {
            address: Some(network(address)),
            ..Self::account(account)
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (&self.account, &self.address) {
            (Some(_), Some(_)) => "Key(account at address)",
            (Some(_), None) => "Key(account)",
            (None, _) => "Key(address)",
        })
    }
}

/// What counts as one address: IPv4 as it is (also when mapped into IPv6), IPv6 by its /64, since
/// one subscriber has a whole one (A26).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let prefix = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
    }
}

/// Token buckets, one per key and kind, each as one instant: when it will be full again (the
/// generic cell rate algorithm). A bucket that is full says nothing and is not kept.
#[derive(Debug)]
pub struct Admission {
    full_at: BTreeMap<(Kind, Key), Instant>,
    by_debt: BTreeSet<(Instant, Kind, Key)>,
    buckets_max: usize,
}

impl Default for Admission {
    fn default() -> Self {
        Self::new()
    }
}

impl Admission {
    /// Nobody has asked for anything yet.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_capacity(BUCKETS_MAX)
    }

    /// The same with room for so many buckets, at least one.
    #[must_use]
    pub const fn with_capacity(buckets_max: usize) -> Self {
        Self {
            full_at: BTreeMap::new(),
            by_debt: BTreeSet::new(),
            buckets_max: if buckets_max == 0 { 1 } else { buckets_max },
        }
    }

    /// Counts one `kind` by `key`. A refused one is not counted: those who keep knocking are let
    /// in again at the same time as those who wait.
    ///
    /// # Errors
    /// [`RetryAfter`] when it is one too many.
    pub fn check(&mut self, now: Instant, key: Key, kind: Kind) -> Result<(), RetryAfter> {
        let full_at = self.look(now, &key, kind)?;
        let later = full_at
            .checked_add(kind.allowance().interval)
            .unwrap_or(full_at);
        self.forget_full(now);
        self.put(later, kind, key);
        Ok(())
    }

    /// Whether [`Self::check`] would refuse, without counting anything: for failures, which are
    /// counted only when they have happened.
    ///
    /// # Errors
    /// [`RetryAfter`] when it would be one too many.
    pub fn peek(&self, now: Instant, key: &Key, kind: Kind) -> Result<(), RetryAfter> {
        self.look(now, key, kind).map(|_full_at| ())
    }

    /// Forgets what `key` did: after the right password, earlier wrong ones do not count.
    pub fn forgive(&mut self, key: &Key, kind: Kind) {
        let pair = (kind, key.clone());
        if let Some(at) = self.full_at.remove(&pair) {
            self.by_debt.remove(&(at, pair.0, pair.1));
        }
    }

    /// How many buckets are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.full_at.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.full_at.is_empty()
    }

    /// When the bucket is full again, if one more may be taken from it.
    fn look(&self, now: Instant, key: &Key, kind: Kind) -> Result<Instant, RetryAfter> {
        let full_at = self
            .full_at
            .get(&(kind, key.clone()))
            .map_or(now, |at| (*at).max(now));
        let ahead = full_at.saturating_duration_since(now);
        let wait = ahead.saturating_sub(kind.allowance().tolerance());
        if wait.is_zero() {
            return Ok(full_at);
        }
        let up = u64::from(wait.subsec_nanos() > 0);
        let seconds = u32::try_from(wait.as_secs().saturating_add(up)).unwrap_or(u32::MAX);
        Err(RetryAfter { seconds })
    }

    /// A few full buckets go with each call, so that none stays for long and no call takes long.
    fn forget_full(&mut self, now: Instant) {
        for _ in 0..4 {
            match self.by_debt.first() {
                Some((at, _, _)) if *at <= now => self.forget_least(),
                Some(_) | None => return,
            }
        }
    }

    fn put(&mut self, at: Instant, kind: Kind, key: Key) {
        let pair = (kind, key);
        if let Some(old) = self.full_at.remove(&pair) {
            self.by_debt.remove(&(old, pair.0, pair.1.clone()));
        }
        // The least in debt goes: those who are being refused now are remembered longest, and a
        // flood of new names pushes out its own.
        while self.full_at.len() >= self.buckets_max {
            self.forget_least();
        }
        self.by_debt.insert((at, pair.0, pair.1.clone()));
        self.full_at.insert(pair, at);
    }

    fn forget_least(&mut self) {
        if let Some((_, kind, key)) = self.by_debt.pop_first() {
            self.full_at.remove(&(kind, key));
        }
    }
}
