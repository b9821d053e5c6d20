//! Nonces without memory: a time and a keyed hash of it and the client's address, so that spoofed
//! requests cost the server nothing.

use std::net::SocketAddr;

use super::credential::keyed_hash;

/// How long a nonce is good for, in seconds.
const LIFETIME_S: u64 = 3600;
/// Hexadecimal digits of the hash; 64 bits.
const HASH_DIGITS: usize = 16;

/// Makes and checks nonces.
#[derive(Debug)]
pub(super) struct Nonces {
    key: [u8; 32],
}

impl Nonces {
    pub(super) const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// A nonce for a client; `now` in seconds on any clock that does not go back.
    pub(super) fn make(&self, client: SocketAddr, now: u64) -> String {
        let time = format!("{:08x}", now & 0xffff_ffff);
        let hash = self.hash(&time, client);
        time + &hash
    }

    /// Whether the nonce was made for this client and is not too old.
    pub(super) fn is_good(&self, nonce: &str, client: SocketAddr, now: u64) -> bool {
        let Some((time, hash)) = nonce.split_at_checked(8) else {
            return false;
        };
        let Ok(made) = u64::from_str_radix(time, 16) else {
            return false;
        };
        let age = (now & 0xffff_ffff).wrapping_sub(made) & 0xffff_ffff;
        age < LIFETIME_S && hash == self.hash(time, client)
    }

    fn hash(&self, time: &str, client: SocketAddr) -> String {
        let mut hash = hex::encode(keyed_hash(&self.key, format!("{time} {client}").as_bytes()));
        hash.truncate(HASH_DIGITS);
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_for_one_client_and_ends() {
        let nonces = Nonces::new([7; 32]);
        let (a, b): (SocketAddr, SocketAddr) =
            ("1.2.3.4:5".parse().unwrap(), "1.2.3.4:6".parse().unwrap());
        let nonce = nonces.make(a, 100);
        assert_eq!(nonce.len(), 24);
        assert!(nonces.is_good(&nonce, a, 100 + LIFETIME_S - 1));
        assert!(!nonces.is_good(&nonce, a, 100 + LIFETIME_S));
        assert!(!nonces.is_good(&nonce, a, 99));
        assert!(!nonces.is_good(&nonce, b, 100));
        assert!(!Nonces::new([8; 32]).is_good(&nonce, a, 100));
        for bad in ["", "é", "zzzzzzzz0000000000000000", &nonce[..20]] {
            assert!(!nonces.is_good(bad, a, 100), "{bad:?}");
        }
    }
}
