//! Who may know whom: the direction of dependencies (docs/ARCHITECTURE.md, "Direction").

use crate::Complaint;
use crate::tree::File;

/// Each crate of ours, the crates of ours it may use, and those its tests may use besides.
const ALLOWED: &[(&str, &[&str], &[&str])] = &[
    ("vrs-domain", &[], &[]),
    ("vrs-sip", &[], &[]),
    ("vrs-pidf", &["vrs-domain"], &[]),
    ("vrs-kernels", &[], &[]),
    ("vrs-media", &["vrs-domain", "vrs-kernels"], &[]),
    ("vrs-telemetry", &[], &[]),
    ("relay-core", &["vrs-domain", "vrs-media"], &[]),
    (
        "vrs-client",
        &[
            "vrs-domain",
            "vrs-sip",
            "vrs-pidf",
            "vrs-kernels",
            "vrs-media",
        ],
        &["vrs-telephone", "vrs-e2e"],
    ),
    ("vrs-ui", &["vrs-domain", "vrs-media"], &[]),
    (
        "relay-server",
        &[
            "relay-core",
            "vrs-domain",
            "vrs-sip",
            "vrs-pidf",
            "vrs-media",
            "vrs-telemetry",
        ],
        &["vrs-telephone"],
    ),
    (
        "desktop-caller",
        &["vrs-client", "vrs-ui", "vrs-domain", "vrs-telemetry"],
        &["vrs-e2e"],
    ),
    (
        "desktop-interpreter",
        &["vrs-client", "vrs-ui", "vrs-domain", "vrs-telemetry"],
        &["vrs-e2e"],
    ),
    (
        "vrs-telephone",
        &["vrs-domain", "vrs-sip", "vrs-kernels", "vrs-media"],
        &[],
    ),
    (
        "vrs-e2e",
        &[
            "relay-server",
            "vrs-client",
            "vrs-domain",
            "vrs-impair",
            "vrs-telephone",
        ],
        &[],
    ),
    (
        "vrs-peers",
        &["vrs-client", "vrs-domain", "vrs-e2e", "vrs-telephone"],
        &["vrs-impair"],
    ),
    (
        "vrs-bench",
        &["vrs-domain", "vrs-media", "relay-core", "relay-server"],
        &[],
    ),
    (
        "vrs-sim",
        &["vrs-domain", "vrs-sip", "relay-core", "relay-server"],
        &[],
    ),
    ("vrs-impair", &[], &[]),
    ("vrs-tidy", &[], &[]),
    ("xtask", &[], &[]),
];

/// Pure crates: bytes, time, randomness and ids are handed in.
const PURE: [&str; 5] = [
    "vrs-domain",
    "vrs-sip",
    "vrs-pidf",
    "vrs-media",
    "relay-core",
];
/// What a pure crate may not use: runtimes, sockets, threads, windows, entropy, stores.
const IMPURE: [&str; 14] = [
    "async-std",
    "axum",
    "cpal",
    "crossbeam-channel",
    "eframe",
    "egui",
    "getrandom",
    "mio",
    "nokhwa",
    "quinn-udp",
    "sled",
    "smol",
    "socket2",
    "tokio",
];
/// Crate, what it may not use, and why.
const APART: &[(&str, &[&str], &str)] = &[
    (
        "vrs-client",
        &["egui", "eframe"],
        "the engine has no window",
    ),
    (
        "vrs-ui",
        &["tokio", "tokio-tungstenite", "rustls", "axum"],
        "the kit has no network",
    ),
    (
        "vrs-domain",
        &["serde", "serde_json"],
        "domain types have no file format",
    ),
    (
        "relay-server",
        &["egui", "eframe", "cpal", "nokhwa"],
        "the server has no devices",
    ),
];

/// One `Cargo.toml` of the workspace, as far as directions go.
#[derive(Debug)]
pub struct Manifest {
    path: String,
    name: String,
    dependencies: Vec<String>,
    dev_dependencies: Vec<String>,
    lints_inherited: bool,
    described: bool,
}

/// Reads the manifests of all packages.
///
/// # Errors
/// The path of the first `Cargo.toml` that is not valid TOML.
pub fn manifests(files: &[File]) -> Result<Vec<Manifest>, Complaint> {
    let mut manifests = Vec::new();
    for file in files.iter().filter(|file| file.name() == "Cargo.toml") {
        let table: toml::Table = file
            .text
            .parse()
            .map_err(|e| format!("{}: {e}", file.path))?;
        let Some(package) = table.get("package") else {
            continue;
        };
        let text = |key: &str| {
            package
                .get(key)
                .and_then(|v| v.as_str())
                .unwrap_or("")
                .to_owned()
        };
        manifests.push(Manifest {
            path: file.path.clone(),
            name: text("name"),
            dependencies: [
                names(&table, "dependencies"),
                names(&table, "build-dependencies"),
            ]
            .concat(),
            dev_dependencies: names(&table, "dev-dependencies"),
            lints_inherited: table
                .get("lints")
                .and_then(|lints| lints.get("workspace"))
                .and_then(toml::Value::as_bool)
                .unwrap_or(false),
            described: !text("description").trim().is_empty(),
        });
    }
    Ok(manifests)
}

/// The names in one kind of dependency table, the per-target ones included.
fn names(table: &toml::Table, kind: &str) -> Vec<String> {
    let keys = |value: Option<&toml::Value>| -> Vec<String> {
        value
            .and_then(toml::Value::as_table)
            .map(|t| t.keys().cloned().collect())
            .unwrap_or_default()
    };
    let mut all = keys(table.get(kind));
    if let Some(targets) = table.get("target").and_then(toml::Value::as_table) {
        for target in targets.values() {
            all.extend(keys(target.get(kind)));
        }
    }
    all
}

/// The names of all packages.
#[must_use]
pub fn package_names(manifests: &[Manifest]) -> Vec<&str> {
    manifests
        .iter()
        .map(|manifest| manifest.name.as_str())
        .collect()
}

/// Dependencies that point the wrong way.
#[must_use]
pub fn wrong_ways(manifests: &[Manifest]) -> Vec<Complaint> {
    let ours: Vec<&str> = ALLOWED.iter().map(|(name, _, _)| *name).collect();
    let mut complaints = Vec::new();
    for manifest in manifests {
        let Some((_, uses, tests_use)) = ALLOWED.iter().find(|(name, _, _)| *name == manifest.name)
        else {
            complaints.push(format!(
                "{}: '{}' is not in the direction table",
                manifest.path, manifest.name
            ));
            continue;
        };
        for used in manifest.dependencies.iter().map(String::as_str) {
            if ours.contains(&used) && !uses.contains(&used) {
                complaints.push(format!(
                    "{}: {} must not know {used}",
                    manifest.path, manifest.name
                ));
            }
        }
        for used in manifest.dev_dependencies.iter().map(String::as_str) {
            if ours.contains(&used) && !uses.contains(&used) && !tests_use.contains(&used) {
                complaints.push(format!(
                    "{}: tests of {} must not know {used}",
                    manifest.path, manifest.name
                ));
            }
        }
    }
    complaints
}

/// Outside crates in places that have to do without them.
#[must_use]
pub fn wrong_company(manifests: &[Manifest]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut check = |manifest: &Manifest, banned: &[&str], why: &str| {
        for used in manifest
            .dependencies
            .iter()
            .filter(|used| banned.contains(&used.as_str()))
        {
            complaints.push(format!(
                "{}: {} must not use {used}: {why}",
                manifest.path, manifest.name
            ));
        }
    };
    for manifest in manifests {
        if PURE.contains(&manifest.name.as_str()) {
            check(
                manifest,
                &IMPURE,
                "time, randomness and bytes are handed in",
            );
        }
        for (name, banned, why) in APART {
            if manifest.name == *name {
                check(manifest, banned, why);
            }
        }
    }
    let busy = manifests
        .iter()
        .filter(|m| m.name == "xtask" && !m.dependencies.is_empty());
    complaints.extend(busy.map(|m| format!("{}: xtask builds at once: no dependencies", m.path)));
    complaints
}

/// Packages without the shared lint table or without a description.
#[must_use]
pub fn careless_manifests(manifests: &[Manifest]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for manifest in manifests {
        if !manifest.lints_inherited {
            complaints.push(format!("{}: add [lints] workspace = true", manifest.path));
        }
        if !manifest.described {
            complaints.push(format!(
                "{}: say in `description` what the crate is",
                manifest.path
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, tables: &str) -> Vec<Manifest> {
        let text = format!(
            "[package]\nname = \"{name}\"\ndescription = \"x\"\n[lints]\nworkspace = true\n{tables}"
        );
        manifests(&[File::sample("x/Cargo.toml", &text)]).unwrap()
    }

    #[test]
    fn a_dependency_against_the_direction_is_named() {
        let sip = read("vrs-sip", "[dependencies]\nvrs-domain.workspace = true");
        assert_eq!(
            wrong_ways(&sip),
            ["x/Cargo.toml: vrs-sip must not know vrs-domain"]
        );
        let hidden = read(
            "vrs-ui",
            "[target.'cfg(unix)'.dependencies]\nvrs-client.workspace = true",
        );
        assert_eq!(
            wrong_ways(&hidden),
            ["x/Cargo.toml: vrs-ui must not know vrs-client"]
        );
        let app = read(
            "desktop-caller",
            "[dev-dependencies]\ndesktop-interpreter.workspace = true",
        );
        assert_eq!(
            wrong_ways(&app),
            ["x/Cargo.toml: tests of desktop-caller must not know desktop-interpreter"]
        );
        assert!(
            wrong_ways(&read(
                "relay-core",
                "[dependencies]\nvrs-media.workspace = true"
            ))
            .is_empty()
        );
        assert_eq!(
            wrong_ways(&read("vrs-utils", "")).len(),
            1,
            "a new crate has to be placed first"
        );
    }

    #[test]
    fn pure_crates_keep_away_from_runtimes() {
        let core = read("relay-core", "[dependencies]\ntokio.workspace = true");
        assert_eq!(wrong_company(&core).len(), 1);
        let tests_only = read("relay-core", "[dev-dependencies]\ntokio.workspace = true");
        assert!(wrong_company(&tests_only).is_empty());
        assert_eq!(
            wrong_company(&read("vrs-client", "[dependencies]\negui = \"1\"")).len(),
            1
        );
        assert_eq!(
            wrong_company(&read("xtask", "[dependencies]\nserde = \"1\"")).len(),
            1
        );
    }

    #[test]
    fn a_manifest_without_lints_or_description_is_named() {
        let bare = manifests(&[File::sample("a/Cargo.toml", "[package]\nname = \"a\"")]).unwrap();
        assert_eq!(careless_manifests(&bare).len(), 2);
        assert!(careless_manifests(&read("a", "")).is_empty());
    }
}
