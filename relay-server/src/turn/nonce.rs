//! Nonces without memory: a time and a keyed hash of it and the client's address, so that spoofed
//! requests cost the server nothing.
//!
//! They are as short as can be: each byte makes a refusal larger than the request (A46).

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::credential::keyed_hash;

/// How long a nonce is good for, in seconds.
const LIFETIME_S: u64 = 3600;
/// Bytes of the time in seconds; it comes around after half a year.
const TIME_BYTES: usize = 3;
/// Bytes of the hash. Who guesses it still has to prove the password.
const HASH_BYTES: usize = 6;
const TIME_MASK: u64 = (1 << (8 * TIME_BYTES)) - 1;

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
        let [.., a, b, c] = now.to_be_bytes();
        let hash = self.hash([a, b, c], client);
        URL_SAFE_NO_PAD.encode([&[a, b, c][..], &hash].concat())
    }

    /// Whether the nonce was made for this client and is not too old.
    pub(super) fn is_good(&self, nonce: &str, client: SocketAddr, now: u64) -> bool {
        let bytes = URL_SAFE_NO_PAD.decode(nonce).unwrap_or_default();
        let Some((&[a, b, c], hash)) = bytes.split_first_chunk::<TIME_BYTES>() else {
            return false;
        };
        let made = u64::from_be_bytes([0, 0, 0, 0, 0, a, b, c]);
        let age = now.wrapping_sub(made) & TIME_MASK;
        age < LIFETIME_S && hash == self.hash([a, b, c], client)
    }

    fn hash(&self, time: [u8; TIME_BYTES], client: SocketAddr) -> [u8; HASH_BYTES] {
        let text = [&time[..], client.to_string().as_bytes()].concat();
        let [a, b, c, d, e, f, ..] = keyed_hash(&self.key, &text);
        [a, b, c, d, e, f]
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
        assert_eq!(nonce.len(), 12);
        assert!(nonces.is_good(&nonce, a, 100 + LIFETIME_S - 1));
        assert!(!nonces.is_good(&nonce, a, 100 + LIFETIME_S));
        assert!(!nonces.is_good(&nonce, a, 99));
        assert!(!nonces.is_good(&nonce, b, 100));
        assert!(!Nonces::new([8; 32]).is_good(&nonce, a, 100));
        for bad in ["", "é", "zzzzzzzz0000000000000000", &nonce[..10]] {
            assert!(!nonces.is_good(bad, a, 100), "{bad:?}");
        }
    }

    #[test]
    fn nonces_are_good_across_the_turn_of_their_clock() {
        let nonces = Nonces::new([7; 32]);
        let a: SocketAddr = "1.2.3.4:5".parse().unwrap();
        let nonce = nonces.make(a, TIME_MASK);
        assert!(nonces.is_good(&nonce, a, TIME_MASK + 10));
    }
}
