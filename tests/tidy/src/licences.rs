//! Licences, sources and bans of everything we build on, offline.
//!
//! The lists are those of `.config/deny.toml`, which cargo-deny reads, too.

use std::collections::BTreeMap;

use crate::Complaint;

/// The one registry that packages may come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What `.config/deny.toml` says.
#[derive(Debug, Default)]
pub struct Policy {
    allow: Vec<String>,
    exceptions: BTreeMap<String, Vec<String>>,
    clarified: BTreeMap<String, String>,
    banned: Vec<String>,
}

impl Policy {
    /// Reads the lists.
    ///
    /// # Errors
    /// When the text is not TOML.
    pub fn read(text: &str) -> Result<Self, Complaint> {
        let table: toml::Table = text
            .parse()
            .map_err(|e| format!(".config/deny.toml: {e}"))?;
        let licences = table.get("licenses");
        let list = |section: Option<&toml::Value>, key: &str| -> Vec<toml::Value> {
            section
                .and_then(|s| s.get(key)?.as_array().cloned())
                .unwrap_or_default()
        };
        let texts = |values: &[toml::Value]| -> Vec<String> {
            values
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect()
        };
        let named = |value: &toml::Value, key: &str| -> Option<String> {
            value.get(key)?.as_str().map(str::to_owned)
        };
        let mut policy = Self {
            allow: texts(&list(licences, "allow")),
            ..Self::default()
        };
        for exception in list(licences, "exceptions") {
            if let Some(name) = named(&exception, "crate") {
                policy
                    .exceptions
                    .insert(name, texts(&list(Some(&exception), "allow")));
            }
        }
        for clarified in list(licences, "clarify") {
            if let (Some(name), Some(expression)) =
                (named(&clarified, "crate"), named(&clarified, "expression"))
            {
                policy.clarified.insert(name, expression);
            }
        }
        policy.banned = list(table.get("bans"), "deny")
            .iter()
            .filter_map(|b| named(b, "crate"))
            .collect();
        Ok(policy)
    }

    /// Whether a package of this name may be used under this licence expression.
    #[must_use]
    pub fn accepts(&self, package: &str, expression: Option<&str>) -> bool {
        let none = Vec::new();
        let extra = self.exceptions.get(package).unwrap_or(&none);
        let clarified = self.clarified.get(package).map(String::as_str);
        clarified.or(expression).is_some_and(|expression| {
            satisfied(expression, &|id| {
                self.allow.iter().chain(extra).any(|known| known == id)
            })
        })
    }
}

/// Whether an SPDX expression can be satisfied with accepted licences; the old `/` means OR.
fn satisfied(expression: &str, accepted: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = tokens.as_slice();
    either(&mut rest, accepted) && rest.is_empty()
}

fn either(rest: &mut &[&str], accepted: &dyn Fn(&str) -> bool) -> bool {
    let mut holds = both(rest, accepted);
    while let ["OR", tail @ ..] = *rest {
        *rest = tail;
        // Not `||`: the right side has to be read in any case.
        holds |= both(rest, accepted);
    }
    holds
}

fn both(rest: &mut &[&str], accepted: &dyn Fn(&str) -> bool) -> bool {
    let mut holds = one(rest, accepted);
    while let ["AND", tail @ ..] = *rest {
        *rest = tail;
        holds &= one(rest, accepted);
    }
    holds
}

fn one(rest: &mut &[&str], accepted: &dyn Fn(&str) -> bool) -> bool {
    match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let holds = either(rest, accepted);
            let [")", tail @ ..] = *rest else {
                return false;
            };
            *rest = tail;
            holds
        }
        [id, "WITH", exception, tail @ ..] => {
            let whole = format!("{id} WITH {exception}");
            *rest = tail;
            accepted(&whole)
        }
        [id, tail @ ..] => {
            *rest = tail;
            accepted(id)
        }
        [] => false,
    }
}

/// Packages in `Cargo.lock` that come from elsewhere, carry no checksum, or are banned.
///
/// # Errors
/// When the lock file is not TOML.
pub fn lock_complaints(lock: &str, policy: &Policy) -> Result<Vec<Complaint>, Complaint> {
    let table: toml::Table = lock.parse().map_err(|e| format!("Cargo.lock: {e}"))?;
    let packages = table
        .get("package")
        .and_then(toml::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut complaints = Vec::new();
    for package in &packages {
        let text = |key: &str| package.get(key).and_then(toml::Value::as_str);
        let name = text("name").unwrap_or("?");
        if policy.banned.iter().any(|banned| banned == name) {
            complaints.push(format!("Cargo.lock: {name} is banned"));
        }
        match text("source") {
            None => {}
            Some(REGISTRY) if text("checksum").is_some() => {}
            Some(REGISTRY) => complaints.push(format!("Cargo.lock: {name} has no checksum")),
            Some(other) => complaints.push(format!("Cargo.lock: {name} comes from {other}")),
        }
    }
    if packages.is_empty() {
        complaints.push("Cargo.lock: no package was found".to_owned());
    }
    Ok(complaints)
}

/// Packages in the output of `cargo metadata` whose licence is not accepted.
///
/// # Errors
/// When the text is not JSON.
pub fn licence_complaints(metadata: &str, policy: &Policy) -> Result<Vec<Complaint>, Complaint> {
    let value: serde_json::Value =
        serde_json::from_str(metadata).map_err(|e| format!("cargo metadata: {e}"))?;
    let mut complaints = Vec::new();
    for package in value["packages"].as_array().into_iter().flatten() {
        let (name, licence) = (
            package["name"].as_str().unwrap_or("?"),
            package["license"].as_str(),
        );
        if !policy.accepts(name, licence) {
            let licence = licence.unwrap_or("no licence field");
            complaints.push(format!("{name} {}: {licence}", package["version"]));
        }
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy::read(
            "[licenses]\nallow = [\"MIT\", \"ISC\", \"Apache-2.0 WITH LLVM-exception\"]\n\
             exceptions = [{ crate = \"jpeg\", allow = [\"IJG\"] }]\n\
             [[licenses.clarify]]\ncrate = \"bare\"\nexpression = \"MIT\"\n\
             [bans]\ndeny = [{ crate = \"openssl-sys\" }]",
        )
        .unwrap()
    }

    #[test]
    fn licence_expressions_are_understood() {
        let policy = policy();
        let check = |package: &str, expression: Option<&str>, accepted: bool| {
            assert_eq!(
                policy.accepts(package, expression),
                accepted,
                "{package} {expression:?}"
            );
        };
        check("a", Some("MIT"), true);
        check("a", Some("GPL-3.0-only"), false);
        check("a", Some("GPL-3.0-only OR MIT"), true);
        check("a", Some("GPL-3.0-only/MIT"), true);
        check("a", Some("MIT AND GPL-3.0-only"), false);
        check("a", Some("ISC AND (GPL-3.0-only OR MIT)"), true);
        check("a", Some("(MIT OR ISC) AND (GPL-3.0-only)"), false);
        check("a", Some("Apache-2.0 WITH LLVM-exception"), true);
        check("a", Some("Apache-2.0"), false);
        check("a", Some("(MIT"), false);
        check("a", Some("MIT MIT"), false);
        check("a", None, false);
        check("bare", None, true);
        check("jpeg", Some("IJG"), true);
        check("a", Some("IJG"), false);
    }

    #[test]
    fn foreign_sources_missing_checksums_and_banned_names_are_found() {
        let lock = format!(
            "[[package]]\nname = \"ours\"\n\
             [[package]]\nname = \"good\"\nsource = \"{REGISTRY}\"\nchecksum = \"00\"\n\
             [[package]]\nname = \"bare\"\nsource = \"{REGISTRY}\"\n\
             [[package]]\nname = \"git\"\nsource = \"git+https://example.org/x\"\n\
             [[package]]\nname = \"openssl-sys\"\nsource = \"{REGISTRY}\"\nchecksum = \"00\"\n"
        );
        let complaints = lock_complaints(&lock, &policy()).unwrap();
        assert_eq!(complaints.len(), 3, "{complaints:?}");
        assert_eq!(
            lock_complaints("", &policy()).unwrap().len(),
            1,
            "an empty list proves nothing"
        );
    }
}
