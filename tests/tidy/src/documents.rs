//! Rules for documents: the code map is complete, links lead somewhere, conformance names real tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::Complaint;
use crate::tree::File;

/// What may stand at the top level besides names that start with a dot.
const TOP_LEVEL: [&str; 12] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "desktop-caller",
    "desktop-interpreter",
    "docs",
    "installers",
    "relay-server",
    "shared",
    "tests",
];
/// Made by building and running, ignored by git.
const MADE: [&str; 2] = ["target", "demo-out"];

/// Names at the top level that nobody agreed on.
#[must_use]
pub fn strangers(top_level: &[String]) -> Vec<Complaint> {
    let known =
        |name: &str| name.starts_with('.') || TOP_LEVEL.contains(&name) || MADE.contains(&name);
    let strange = top_level.iter().filter(|name| !known(name));
    strange
        .map(|name| format!("{name}: not one of the agreed names at the top level"))
        .collect()
}

/// Crates without a heading in the code map, and headings without a crate.
#[must_use]
pub fn code_map(architecture: &File, packages: &[&str]) -> Vec<Complaint> {
    let headings: BTreeSet<&str> = architecture
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.split('`').next())
        .collect();
    let missing = packages.iter().filter(|name| !headings.contains(**name));
    let mut complaints: Vec<_> = missing
        .map(|name| {
            format!(
                "{}: the code map has no heading ### `{name}`",
                architecture.path
            )
        })
        .collect();
    let gone = headings.iter().filter(|name| !packages.contains(name));
    complaints.extend(gone.map(|name| format!("{}: there is no crate {name}", architecture.path)));
    complaints
}

/// Relative links and pictures in a document that lead nowhere.
#[must_use]
pub fn dead_links(file: &File, root: &Path) -> Vec<Complaint> {
    if !file.is(&["md"]) {
        return Vec::new();
    }
    let folder = root.join(&file.path).parent().unwrap_or(root).to_owned();
    let mut complaints = Vec::new();
    for target in links(&file.text) {
        let path = target.split('#').next().unwrap_or("");
        let outside = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
        if !outside && !folder.join(path).exists() {
            complaints.push(format!("{}: the link to {path} leads nowhere", file.path));
        }
    }
    complaints
}

/// The targets of `[text](target)` and `src="target"`.
fn links(text: &str) -> Vec<&str> {
    let after = |open: &'static str, close: char| {
        text.split(open)
            .skip(1)
            .filter_map(move |rest| rest.split_once(close).map(|(t, _)| t))
    };
    let mut in_code = false;
    let code_targets: BTreeSet<&str> = text
        .lines()
        .filter(|line| {
            let fence = line.trim_start().starts_with("```");
            in_code ^= fence;
            in_code
        })
        .flat_map(|line| {
            line.split("](")
                .skip(1)
                .filter_map(|r| r.split_once(')').map(|(t, _)| t))
        })
        .collect();
    after("](", ')')
        .chain(after("src=\"", '"'))
        .filter(|t| !code_targets.contains(t))
        .collect()
}

/// Records of decisions whose number is missing, doubled or not in the title.
#[must_use]
pub fn decision_numbers(files: &[File]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let is_decision = |file: &&File| file.path.starts_with("docs/adr/") && file.is(&["md"]);
    for (expected, file) in (1..).zip(files.iter().filter(is_decision)) {
        let number = file.name().split('-').next().unwrap_or("");
        if number != format!("{expected:04}") {
            complaints.push(format!("{}: number {expected:04} was expected", file.path));
        }
        if !file.text.starts_with(&format!("# {number} ")) {
            complaints.push(format!(
                "{}: the title starts with `# {number} `",
                file.path
            ));
        }
    }
    complaints
}

/// The states a requirement may be in.
const STATES: [&str; 3] = ["done", "partly", "not yet"];

/// A conformance table: each id from R1 to `last` once, in a known state; what is called done
/// names at least one test, and every test it names exists.
#[must_use]
pub fn conformance(table: &File, last: u32, tests: &BTreeSet<String>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
    for line in table.text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, id, .., state, evidence, _] = cells.as_slice() else {
            continue;
        };
        let Some(number) = id.strip_prefix('R').and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        *seen.entry(number).or_default() += 1;
        if !STATES.contains(state) {
            complaints.push(format!(
                "{}: {id}: '{state}' is not {}",
                table.path,
                STATES.join(", ")
            ));
        }
        let named: Vec<&str> = evidence.split('`').skip(1).step_by(2).collect();
        if *state == "done" && named.is_empty() {
            complaints.push(format!(
                "{}: {id} is called done, but no test is named",
                table.path
            ));
        }
        let unknown = named.iter().filter(|name| !tests.contains(**name));
        complaints
            .extend(unknown.map(|name| format!("{}: {id}: there is no test {name}", table.path)));
    }
    for id in 1..=last {
        let times = seen.get(&id).copied().unwrap_or(0);
        if times != 1 {
            complaints.push(format!("{}: R{id} stands there {times} times", table.path));
        }
    }
    complaints
}

/// The names of all test functions.
#[must_use]
pub fn test_names(files: &[File]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files.iter().filter(|file| file.is(&["rs"])) {
        let mut is_test = false;
        for line in file.text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if is_test && let Some((_, rest)) = line.split_once("fn ") {
                names.insert(rest.split(['(', '<']).next().unwrap_or(rest).to_owned());
                is_test = false;
            }
        }
    }
    names
}

/// Requirements that are cited in code and stand in no list, each once with its first place.
#[must_use]
pub fn unlisted_ids(files: &[File], lists: &[&File]) -> Vec<Complaint> {
    let listed: BTreeSet<&str> = lists
        .iter()
        .flat_map(|list| list.text.lines())
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next())
        .collect();
    let mut cited: BTreeMap<String, &str> = BTreeMap::new();
    for file in files.iter().filter(|file| file.is(&["rs"])) {
        for id in file.text.lines().flat_map(ids) {
            cited.entry(id).or_insert(&file.path);
        }
    }
    let unlisted = cited.iter().filter(|(id, _)| !listed.contains(id.as_str()));
    unlisted
        .map(|(id, path)| format!("{path}: {id} stands in no list of docs/conformance"))
        .collect()
}

/// The requirements that a line cites: at the front of a test's name, or in a comment.
fn ids(line: &str) -> Vec<String> {
    let name = line
        .trim_start()
        .trim_start_matches("async ")
        .strip_prefix("fn ")
        .unwrap_or("");
    let in_name = name.split('_').take_while(|word| is_id(word, "afnru"));
    let comment = line.split_once("//").map_or("", |(_, comment)| comment);
    let words = comment.split(|c: char| !c.is_ascii_alphanumeric());
    let in_comment = words.filter(|word| is_id(word, "AFNU"));
    in_name
        .chain(in_comment)
        .map(str::to_ascii_uppercase)
        .collect()
}

fn is_id(word: &str, kinds: &str) -> bool {
    let mut signs = word.chars();
    signs.next().is_some_and(|kind| kinds.contains(kind))
        && (2..=3).contains(&word.len())
        && signs.all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_without_a_heading_and_a_heading_without_a_crate_are_named() {
        let map = File::sample("A.md", "### `vrs-sip`: SIP\n### `gone`\n");
        let complaints = code_map(&map, &["vrs-sip", "vrs-media"]);
        assert_eq!(
            complaints,
            [
                "A.md: the code map has no heading ### `vrs-media`",
                "A.md: there is no crate gone"
            ]
        );
    }

    #[test]
    fn strangers_at_the_top_are_named() {
        let names = [".github", "docs", "target", "notes.txt"].map(str::to_owned);
        assert_eq!(strangers(&names).len(), 1);
    }

    #[test]
    fn links_have_to_lead_somewhere() {
        let text = "[a](src/lib.rs) [b](gone.md#x) [c](https://example.org/x) [d](#here)\n\
                    ```\n[e](in-code.md)\n```\n<img src=\"gone.png\">";
        let complaints = dead_links(
            &File::sample("README.md", text),
            Path::new(env!("CARGO_MANIFEST_DIR")),
        );
        assert_eq!(complaints.len(), 2, "{complaints:?}");
    }

    #[test]
    fn conformance_is_complete_and_names_real_tests() {
        let tests = BTreeSet::from(["r1_tls_only".to_owned()]);
        let check = |rows: &str| conformance(&File::sample("R.md", rows), 2, &tests);
        assert!(
            check("| R1 | TLS | done | `r1_tls_only` |\n| R2 | UTF-8 | not yet | |").is_empty()
        );
        assert_eq!(
            check("| R1 | TLS | done | |\n| R2 | UTF-8 | not yet | |").len(),
            1
        );
        assert_eq!(
            check("| R1 | TLS | done | `no_such` |\n| R2 | x | partly | |").len(),
            1
        );
        assert_eq!(
            check("| R1 | TLS | maybe | |\n| R1 | x | partly | |").len(),
            3
        );
    }

    #[test]
    fn test_functions_are_found_by_their_attribute() {
        let text = "#[test]\nfn one() {}\n#[tokio::test(flavor = \"x\")]\nasync fn two() {}\nfn helper() {}";
        let names = test_names(&[File::sample("a.rs", text)]);
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn cited_requirements_have_to_stand_in_a_list() {
        let list = File::sample("L.md", "| id | what |\n| A17 | frames |\n| R4 | core |\n");
        let check = |code: &str| unlisted_ids(&[File::sample("a.rs", code)], &[&list]);
        assert!(check("// closed at the limit (A17)\nfn r4_a17_both_hold() {}").is_empty());
        assert_eq!(check(concat!("// see A", "18, and H264\n")).len(), 1);
        assert_eq!(
            check("    fn f18_first() {}\n    async fn n2_second() {}").len(),
            2
        );
        assert!(check("fn a_word_and_r() {}\nlet a18 = A18;").is_empty());
    }

    #[test]
    fn decisions_are_numbered_without_a_gap() {
        let first = File::sample("docs/adr/0001-a.md", "# 0001 A\n");
        let third = File::sample("docs/adr/0003-c.md", "# 0003 C\n");
        assert!(decision_numbers(std::slice::from_ref(&first)).is_empty());
        assert_eq!(decision_numbers(&[first, third]).len(), 1);
    }
}
