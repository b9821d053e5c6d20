//! Time-limited credentials (the "TURN REST API" of draft-uberti-behave-turn-rest-00): anybody who
//! knows the secret can make one, the server keeps none.
//!
//! ```text
//! username = expiry ":" account          expiry in seconds since 1970
//! password = base64(HMAC-SHA1(secret, username))
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde::Serialize;
use sha1::Sha1;
use vrs_domain::Sensitive;

/// Longest user name taken from the network, in bytes.
const USERNAME_BYTES_MAX: usize = 128;

/// What a client needs to use TURN; the JSON form is what WebRTC libraries expect.
#[derive(Debug, Clone, Serialize)]
pub struct Credential {
    /// Expiry and account.
    pub username: String,
    /// The password; private.
    #[serde(serialize_with = "expose")]
    pub password: Sensitive<String>,
    /// How long it is good for, in seconds.
    pub ttl: u64,
}

fn expose<S: serde::Serializer>(password: &Sensitive<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(password.expose())
}

/// Makes a credential for `account` that is good for `ttl` seconds from `now` (seconds since 1970).
#[must_use]
pub fn issue(secret: &Sensitive<Vec<u8>>, account: &str, now: u64, ttl: u64) -> Credential {
    let username = format!("{}:{account}", now.saturating_add(ttl));
    let password = password(secret, &username);
    Credential {
        username,
        password,
        ttl,
    }
}

/// The password of a user name.
#[must_use]
pub fn password(secret: &Sensitive<Vec<u8>>, username: &str) -> Sensitive<String> {
    Sensitive::new(STANDARD.encode(keyed_hash(secret.expose(), username.as_bytes())))
}

/// HMAC-SHA1: what the REST form prescribes; its collisions do not matter in an HMAC.
pub(super) fn keyed_hash(key: &[u8], text: &[u8]) -> [u8; 20] {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else {
        // HMAC takes keys of every length; this cannot be reached.
        return [0; 20];
    };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// Why a user name is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Not of the form `expiry:account`.
    Form,
    /// Its time is over.
    Expired,
}

/// The account of a user name whose time is not over at `now` (seconds since 1970).
///
/// # Errors
/// When it is of another form, or expired. The password is not checked here.
pub fn account(username: &str, now: u64) -> Result<&str, Unfit> {
    if username.len() > USERNAME_BYTES_MAX {
        return Err(Unfit::Form);
    }
    let (expiry, account) = username.split_once(':').ok_or(Unfit::Form)?;
    let digits = !expiry.is_empty() && expiry.bytes().all(|b| b.is_ascii_digit());
    let printable = !account.is_empty() && account.bytes().all(|b| b.is_ascii_graphic());
    let expiry: u64 = expiry.parse().map_err(|_| Unfit::Form)?;
    if !digits || !printable {
        return Err(Unfit::Form);
    }
    if expiry <= now {
        Err(Unfit::Expired)
    } else {
        Ok(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_of_other_turn_servers() {
        // printf '1433895918:506498b6-3d9e-4e19-a2cd-6e6d4c5e3f6a' |
        //   openssl dgst -sha1 -hmac mysecret -binary | base64
        let secret = Sensitive::new(b"mysecret".to_vec());
        let username = "1433895918:506498b6-3d9e-4e19-a2cd-6e6d4c5e3f6a";
        assert_eq!(
            password(&secret, username).expose(),
            "Zug+m4vYVw3Afy6vdUd4XEf3n1A="
        );
    }

    #[test]
    fn a_credential_is_for_one_account_and_ends() {
        let secret = Sensitive::new(b"0123456789abcdef".to_vec());
        let credential = issue(&secret, "+15550100001", 1000, 60);
        assert_eq!(credential.username, "1060:+15550100001");
        assert_eq!(account(&credential.username, 1059), Ok("+15550100001"));
        assert_eq!(account(&credential.username, 1060), Err(Unfit::Expired));
        assert!(!format!("{credential:?}").contains(credential.password.expose()));
        assert!(
            serde_json::to_string(&credential)
                .unwrap()
                .contains(credential.password.expose())
        );
    }

    #[test]
    fn strange_user_names_are_refused() {
        for name in [
            "",
            "alice",
            ":a",
            "12:",
            "+12:a",
            "1 2:a",
            "99999999999999999999999:a",
            "12:a b",
            "12:\u{e9}",
        ] {
            assert_eq!(account(name, 0), Err(Unfit::Form), "{name:?}");
        }
        assert_eq!(
            account(&format!("99:{}", "a".repeat(200)), 0),
            Err(Unfit::Form)
        );
    }
}
