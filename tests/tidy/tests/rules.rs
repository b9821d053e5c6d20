//! The rules, applied to the whole tree: this file is the list.

use std::process::Command;

use vrs_tidy::tree::{File, files, root, top_level};
use vrs_tidy::{Complaint, direction, documents, licences, source};

/// Fails with every complaint on a line of its own.
#[track_caller]
fn hold(complaints: &[Complaint]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn each_file(rule: fn(&File) -> Vec<Complaint>) -> Vec<Complaint> {
    let files = files().expect("the tree can be read");
    assert!(files.len() > 50, "the tree was not read");
    files.iter().flat_map(rule).collect()
}

fn file(path: &str) -> File {
    let text = std::fs::read_to_string(root().join(path)).expect(path);
    File::sample(path, &text)
}

#[test]
fn dependencies_point_one_way() {
    let manifests = direction::manifests(&files().unwrap()).unwrap();
    hold(&direction::wrong_ways(&manifests));
    hold(&direction::wrong_company(&manifests));
}

#[test]
fn manifests_inherit_the_lints_and_say_what_the_crate_is() {
    let manifests = direction::manifests(&files().unwrap()).unwrap();
    hold(&direction::careless_manifests(&manifests));
}

#[test]
fn no_source_file_is_too_long() {
    hold(&each_file(source::too_long));
}

#[test]
fn modules_say_what_they_are() {
    hold(&each_file(source::without_opening));
}

#[test]
fn nothing_is_left_unfinished_skipped_or_bound_to_one_machine() {
    hold(&each_file(source::banned_words));
}

#[test]
fn unsafe_stays_in_device_and_codec_glue() {
    hold(&each_file(source::unsafe_places));
}

#[test]
fn every_channel_has_a_bound() {
    hold(&each_file(source::unbounded_channels));
}

#[test]
fn colours_come_from_the_theme() {
    hold(&each_file(source::stray_colours));
}

#[test]
fn the_top_level_holds_what_was_agreed() {
    hold(&documents::strangers(&top_level().unwrap()));
}

#[test]
fn every_crate_stands_in_the_code_map() {
    let manifests = direction::manifests(&files().unwrap()).unwrap();
    let names = direction::package_names(&manifests);
    hold(&documents::code_map(&file("docs/ARCHITECTURE.md"), &names));
}

#[test]
fn links_in_documents_lead_somewhere() {
    let root = root();
    let files = files().unwrap();
    hold(
        &files
            .iter()
            .flat_map(|file| documents::dead_links(file, &root))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn decisions_are_numbered() {
    hold(&documents::decision_numbers(&files().unwrap()));
}

#[test]
fn the_conformance_table_is_complete_and_names_real_tests() {
    let tests = documents::test_names(&files().unwrap());
    hold(&documents::conformance(
        &file("docs/conformance/rfc9248.md"),
        64,
        &tests,
    ));
}

#[test]
fn cited_requirements_stand_in_a_list() {
    let lists = [
        "docs/conformance/rfc9248.md",
        "docs/conformance/requirements.md",
    ]
    .map(file);
    hold(&documents::unlisted_ids(
        &files().unwrap(),
        &lists.each_ref(),
    ));
}

#[test]
fn packages_come_from_the_registry_and_none_is_banned() {
    let policy = licences::Policy::read(&file(".config/deny.toml").text).unwrap();
    hold(&licences::lock_complaints(&file("Cargo.lock").text, &policy).unwrap());
}

#[test]
fn licences_are_ones_we_accept() {
    let policy = licences::Policy::read(&file(".config/deny.toml").text).unwrap();
    // All platforms where all packages are at hand (after `cargo fetch`), else this one.
    let metadata = metadata(&[]).or_else(|_| {
        let host = host().ok_or("rustc does not say what machine this is")?;
        metadata(&["--filter-platform", &host])
    });
    hold(&licences::licence_complaints(&metadata.unwrap(), &policy).unwrap());
}

fn metadata(more: &[&str]) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(more)
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn host() -> Option<String> {
    let output = Command::new("rustc").arg("-vV").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
}
