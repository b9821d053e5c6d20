//! The list of mutants fits the sources: `cargo sim-mutants` is run by hand, and a list that has
//! grown stale would be noticed only then.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn what_every_mutant_changes_is_there_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let list = fs::read_to_string(root.join("tests/sim/mutants.toml")).unwrap();
    let list: toml::Table = list.parse().unwrap();
    let mutants = list["mutant"].as_array().unwrap();
    let mut names = BTreeSet::new();
    for mutant in mutants {
        let name = mutant["name"].as_str().unwrap();
        assert!(names.insert(name), "{name} twice");
        for change in mutant["change"].as_array().unwrap() {
            let word = |key: &str| change[key].as_str().unwrap();
            let text = fs::read_to_string(root.join(word("file"))).unwrap();
            let count = text.matches(word("find")).count();
            assert_eq!(
                count,
                1,
                "{name}: {} holds {:?}",
                word("file"),
                word("find")
            );
            assert_ne!(word("find"), word("replace"), "{name}");
        }
    }
    assert!(names.len() >= 20, "{} mutants", names.len());
}
