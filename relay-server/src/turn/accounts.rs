//! What each account uses, and all together: allocations and bandwidth (attack list A45).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use slab::Slab;

/// What was not used may be used at once up to so much: a key frame comes in one go.
const BURST: Duration = Duration::from_secs(1);

/// Bytes that may pass at a steady rate.
#[derive(Debug, Clone)]
struct Bucket {
    bytes_per_s: u64,
    level_bytes: u64,
    filled: Instant,
}

impl Bucket {
    fn new(bytes_per_s: u64, now: Instant) -> Self {
        let mut bucket = Self {
            bytes_per_s: bytes_per_s.max(1),
            level_bytes: 0,
            filled: now,
        };
        bucket.level_bytes = bucket.size();
        bucket
    }

    fn size(&self) -> u64 {
        self.bytes_per_s.saturating_mul(BURST.as_secs())
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled);
        if passed >= BURST {
            self.level_bytes = self.size();
            self.filled = now;
            return;
        }
        let passed_us = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
        let earned = self.bytes_per_s.saturating_mul(passed_us) / 1_000_000;
        self.level_bytes = self.level_bytes.saturating_add(earned).min(self.size());
        // Time that earned less than a byte counts the next time.
        let spent_us = earned.saturating_mul(1_000_000).div_ceil(self.bytes_per_s);
        self.filled += Duration::from_micros(spent_us);
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.level_bytes >= self.size()
    }

    /// Whether so many bytes may pass.
    fn has(&mut self, now: Instant, bytes: u64) -> bool {
        if self.level_bytes < bytes || now.saturating_duration_since(self.filled) >= BURST {
            self.fill(now);
        }
        self.level_bytes >= bytes
    }

    /// Whether so many bytes may pass; if so, they are taken.
    fn take(&mut self, now: Instant, bytes: u64) -> bool {
        let has = self.has(now, bytes);
        if has {
            self.level_bytes -= bytes;
        }
        has
    }
}

/// An account that uses something, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AccountId(usize);

#[derive(Debug)]
struct Account {
    name: String,
    allocations: usize,
    bandwidth: Bucket,
}

/// Why data may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Account,
    Total,
}

/// All accounts that use something.
#[derive(Debug)]
pub(super) struct Accounts {
    accounts: Slab<Account>,
    by_name: HashMap<String, usize>,
    bytes_per_s: u64,
    total: Bucket,
}

impl Accounts {
    pub(super) fn new(bytes_per_s: u64, total_bytes_per_s: u64, now: Instant) -> Self {
        Self {
            accounts: Slab::new(),
            by_name: HashMap::new(),
            bytes_per_s,
            total: Bucket::new(total_bytes_per_s, now),
        }
    }

    /// Allocations of an account.
    pub(super) fn allocations(&self, name: &str) -> usize {
        let account = self.by_name.get(name).and_then(|&at| self.accounts.get(at));
        account.map_or(0, |account| account.allocations)
    }

    pub(super) fn name(&self, id: AccountId) -> &str {
        let account = self.accounts.get(id.0);
        account.map_or("", |account| &account.name)
    }

    /// Counts one more allocation.
    pub(super) fn open(&mut self, name: &str, now: Instant) -> AccountId {
        let at = match self.by_name.get(name) {
            Some(&at) => at,
            None => {
                let at = self.accounts.insert(Account {
                    name: name.to_owned(),
                    allocations: 0,
                    bandwidth: Bucket::new(self.bytes_per_s, now),
                });
                self.by_name.insert(name.to_owned(), at);
                at
            }
        };
        if let Some(account) = self.accounts.get_mut(at) {
            account.allocations += 1;
        }
        AccountId(at)
    }

    pub(super) fn close(&mut self, id: AccountId) {
        if let Some(account) = self.accounts.get_mut(id.0) {
            account.allocations = account.allocations.saturating_sub(1);
        }
    }

    /// Forgets accounts that use nothing, once their bandwidth is theirs again: a new allocation
    /// must not bring a new bucket.
    pub(super) fn forget_idle(&mut self, now: Instant) {
        let by_name = &mut self.by_name;
        self.accounts.retain(|_, account| {
            let used = account.allocations > 0 || !account.bandwidth.is_full(now);
            if !used {
                by_name.remove(&account.name);
            }
            used
        });
    }

    /// Takes bandwidth for data of an account, or says whose is used up.
    pub(super) fn take(&mut self, id: AccountId, now: Instant, bytes: usize) -> Result<(), Over> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let Some(account) = self.accounts.get_mut(id.0) else {
            return Err(Over::Account);
        };
        if !account.bandwidth.has(now, bytes) {
            return Err(Over::Account);
        }
        // What the others have used up is not taken from this account, too.
        if !self.total.take(now, bytes) {
            return Err(Over::Total);
        }
        account.bandwidth.take(now, bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a45_a_bucket_gives_its_rate_and_a_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1000, start);
        let mut passed = 0;
        for ms in 0..10_000 {
            let now = start + Duration::from_millis(ms);
            passed += u64::from(bucket.take(now, 7)) * 7;
        }
        assert!((10_900..=11_000).contains(&passed), "{passed}");
        let long_after = start + Duration::from_secs(1_000_000);
        assert!(!bucket.take(long_after, 1001));
        assert!(bucket.take(long_after, 1000));
        assert!(!bucket.take(long_after, 1));
    }

    #[test]
    fn a45_an_account_that_comes_again_has_no_more_bandwidth() {
        let now = Instant::now();
        let mut accounts = Accounts::new(1000, 1_000_000, now);
        let id = accounts.open("ana", now);
        assert_eq!(accounts.take(id, now, 1000), Ok(()));
        accounts.close(id);
        accounts.forget_idle(now);
        let again = accounts.open("ana", now);
        assert_eq!(accounts.take(again, now, 100), Err(Over::Account));
        accounts.close(again);
        accounts.forget_idle(now + BURST);
        assert!(accounts.by_name.is_empty() && accounts.accounts.is_empty());
    }
}
