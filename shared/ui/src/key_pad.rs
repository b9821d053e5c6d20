//! The telephone's keys in a call, as they were pressed here and there.
//!
//! Pure, and it forgets everything with [`KeyPad::default`]: keys may be part of a secret, so that
//! nothing of them is written anywhere.

use vrs_domain::Sensitive;

/// Keys that are shown again, the newest ones; more would not fit beside the pad.
const KEYS_SHOWN_MAX: usize = 16;

/// Whether the pad is open, and what was pressed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPad {
    /// It is shown.
    pub open: bool,
    sent: Sensitive<String>,
    heard: Sensitive<String>,
}

impl KeyPad {
    /// The last keys the user pressed, oldest first.
    #[must_use]
    pub fn keys_sent(&self) -> &str {
        self.sent.expose()
    }

    /// The last keys that were pressed at the telephone, oldest first.
    #[must_use]
    pub fn keys_heard(&self) -> &str {
        self.heard.expose()
    }

    /// The user pressed a key.
    pub fn sent(&mut self, key: Sensitive<char>) {
        note(&mut self.sent, key);
    }

    /// A key was pressed at the telephone.
    pub fn heard(&mut self, key: Sensitive<char>) {
        note(&mut self.heard, key);
    }
}

/// Adds a key, and drops the oldest beyond those that are shown.
fn note(keys: &mut Sensitive<String>, key: Sensitive<char>) {
    let mut all: Vec<char> = keys.expose().chars().collect();
    all.push(*key.expose());
    let beyond = all.len().saturating_sub(KEYS_SHOWN_MAX);
    *keys = Sensitive::new(all[beyond..].iter().collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_keys_are_shown_and_none_is_printed() {
        let mut pad = KeyPad::default();
        for key in "12345678901234567#".chars() {
            pad.sent(Sensitive::new(key));
        }
        pad.heard(Sensitive::new('5'));
        assert_eq!(pad.keys_sent(), "345678901234567#");
        assert_eq!(pad.keys_heard(), "5");
        let printed = format!("{pad:?}");
        assert!(!printed.contains(|c: char| c.is_ascii_digit()), "{printed}");
    }
}
