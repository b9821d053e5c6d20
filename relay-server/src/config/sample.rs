//! The configuration that `init` writes: every key with its explanation.

/// The commented configuration for `domain`; paths are those that `init` writes beside it.
#[must_use]
pub fn sample(domain: &str) -> String {
    include_str!("sample.toml").replace("@DOMAIN@", domain)
}
