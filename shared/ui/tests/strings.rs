//! Both languages say the same things, and nothing that is said is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use vrs_domain::{
    Activity, EndReason, LocationRefusal, Loudness, ReliefReason, Seat, SignLanguage,
    SpokenLanguage, TelephoneState,
};
use vrs_ui::Language;

/// Keys and the variables of their sentences.
fn entries(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let mut entries: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in language.source().lines() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        if !line.starts_with([' ', '}', '*', '[']) {
            let (key, _) = line
                .split_once(" = ")
                .unwrap_or_else(|| panic!("{language:?}: {line}"));
            current = key.to_owned();
            assert!(
                !entries.contains_key(key),
                "{language:?}: {key} is there twice"
            );
        }
        let variables = entries.entry(current.clone()).or_default();
        for piece in line.split('$').skip(1) {
            let name: String = piece
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric())
                .collect();
            variables.insert(name);
        }
    }
    entries
}

/// Keys that the source makes from a word of the service.
fn made_keys() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for reason in EndReason::ALL {
        keys.insert(format!("end-caller-{}", reason.word()));
        keys.insert(format!("end-interpreter-{}", reason.word()));
    }
    keys.extend(
        TelephoneState::ALL
            .iter()
            .map(|state| format!("telephone-{}", state.word())),
    );
    keys.extend(
        SignLanguage::ALL
            .iter()
            .map(|language| format!("language-{}", language.word())),
    );
    keys.extend(
        SpokenLanguage::ALL
            .iter()
            .map(|language| format!("language-{}", language.word())),
    );
    for activity in Activity::ALL {
        keys.insert(format!("activity-{}", activity.word()));
    }
    for away in Activity::ALL
        .iter()
        .filter(|it| **it != Activity::Available)
    {
        keys.insert(format!("ca-{}", away.word()));
    }
    for seat in Seat::ALL {
        keys.insert(format!("seat-{}", seat.word()));
    }
    for seat in Seat::ALL.iter().filter(|seat| **seat != Seat::Lead) {
        keys.insert(format!("seat-sought-{}", seat.word()));
    }
    let reasons = ReliefReason::ALL.iter();
    keys.extend(reasons.map(|reason| format!("relief-{}", reason.word())));
    let steps = Loudness::ALL.iter();
    keys.extend(steps.map(|loudness| format!("loudness-{}", loudness.word())));
    let refusals = LocationRefusal::ALL.iter();
    keys.extend(refusals.map(|why| format!("address-refused-{}", why.word())));
    for stem in ["assigned", "dialling", "ringing", "active"] {
        keys.insert(stem.to_owned());
        keys.insert(format!("{stem}-anonymous"));
    }
    keys
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
    {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The text of every source file in which a key may stand.
fn texts() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in [
        "src",
        "glue",
        "../../desktop-caller/src",
        "../../desktop-interpreter/src",
    ] {
        sources(&root.join(folder), &mut files);
    }
    files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .collect()
}

/// Every string literal that may be a key: in `kit.t("…")`, `kit.with("…")` or as a key handed on.
fn literals() -> BTreeSet<String> {
    let mut literals = BTreeSet::new();
    for text in texts() {
        let called = text
            .split([' ', '(', '{', '[', '\n', '&'])
            .filter_map(|piece| piece.strip_prefix('"'));
        literals.extend(
            called
                .filter_map(|piece| piece.split_once('"'))
                .map(|(key, _)| key.to_owned()),
        );
    }
    literals
}

/// Keys written directly into a call that looks one up.
fn looked_up() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for text in texts() {
        for call in ["kit.t(\"", "kit.with(\"", "strings.t(\"", "strings.with(\""] {
            let found = text
                .split(call)
                .skip(1)
                .filter_map(|rest| rest.split_once('"'));
            keys.extend(found.map(|(key, _)| key.to_owned()));
        }
    }
    keys
}

#[test]
fn english_and_spanish_have_the_same_sentences_and_variables() {
    assert_eq!(entries(Language::English), entries(Language::Spanish));
}

#[test]
fn no_sentence_that_is_used_is_missing() {
    let there: BTreeSet<String> = entries(Language::English).into_keys().collect();
    assert!(looked_up().len() > 80, "the sources were not found");
    let missing: Vec<_> = looked_up()
        .union(&made_keys())
        .filter(|key| !there.contains(*key))
        .cloned()
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_sentence_is_left_over() {
    let (literals, made) = (literals(), made_keys());
    let unused: Vec<_> = entries(Language::English)
        .into_keys()
        .filter(|key| !literals.contains(key) && !made.contains(key))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn fluent_reads_both_files_without_a_fault() {
    for language in Language::ALL {
        let strings = vrs_ui::Strings::new(language);
        for (key, variables) in entries(language) {
            let values: Vec<(&'static str, vrs_ui::strings::Value)> = variables
                .into_iter()
                .map(|name| (&*name.leak(), vrs_ui::strings::Value::Count(2)))
                .collect();
            let sentence = strings.with(&key, &values);
            assert!(
                sentence != key && !sentence.contains(['{', '}']),
                "{language:?} {key}: {sentence}"
            );
        }
    }
}

#[test]
fn plural_sentences_follow_the_number() {
    let strings = vrs_ui::Strings::new(Language::English);
    let ahead = |count: u32| strings.with("waiting-behind", &[("count", count.into())]);
    assert_eq!(
        ahead(1),
        "Waiting for an interpreter. One person is ahead of you."
    );
    assert_eq!(
        ahead(3),
        "Waiting for an interpreter. 3 people are ahead of you."
    );
}
