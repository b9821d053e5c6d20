//! `cargo verify`: everything that has to hold before a change is shared, in the order in which
//! failures are cheapest to find.

use std::path::Path;
use std::process::Stdio;

use crate::steps::{Steps, cargo, check, check_lines};
use crate::{Failure, demo, setup};

/// Seeds of 50 calls that are simulated each time.
const SEEDS: &str = "2000";

/// A part of the tests that is a step of its own.
struct Part {
    step: &'static str,
    /// For `cargo test`.
    packages: &'static [&'static str],
    /// For nextest.
    filter: &'static str,
}

const CONFIG: &str = "package(relay-server) and test(/config|init/)";
const STATE: &str = "(package(relay-core) and test(session)) or (package(relay-server) and test(/convert|store|record/))";

/// All of our tests, each in one part; tests with foreign programs are the `peers` step.
const PARTS: &[Part] = &[
    // What an operator writes: every key, its bounds, its refusals, the sample.
    Part {
        step: "validate:config",
        packages: &["--package", "relay-server"],
        filter: CONFIG,
    },
    // The five states: the whole table, its page in docs/flows, and how states are written down.
    Part {
        step: "validate:state",
        packages: &["--package", "relay-core"],
        filter: STATE,
    },
    // Every kind of call with the real programs, from the first request to the last record.
    Part {
        step: "test:callflow",
        packages: &["--package", "vrs-e2e"],
        filter: "package(vrs-e2e)",
    },
    Part {
        step: "tests",
        packages: &[
            "--workspace",
            "--exclude",
            "vrs-peers",
            "--exclude",
            "vrs-tidy",
            "--exclude",
            "vrs-e2e",
        ],
        filter: "not package(/^vrs-(peers|tidy|e2e)$/) \
                 and not (package(relay-server) and test(/config|init|convert|store|record/)) \
                 and not (package(relay-core) and test(session))",
    },
];

/// Runs all steps; the last line counts the tests.
pub(crate) fn run(yes: bool) -> Result<(), Failure> {
    let mut steps = Steps::new();
    let mut tests = 0;
    steps.run("setup", || {
        setup::install(&setup::everything(), yes).map(|()| String::new())
    })?;
    steps.run("fetch", || check(cargo().args(["fetch", "--locked"])))?;
    steps.run("format", || {
        check(cargo().args(["fmt", "--all", "--check"]))
    })?;
    steps.run("rules", || test(&["--package", "vrs-tidy"], "", &mut tests))?;
    steps.run("lints", || {
        let everything = ["clippy", "--locked", "--workspace", "--all-targets"];
        check(cargo().args(everything).args(["--", "--deny", "warnings"]))
    })?;
    steps.run("deny", deny)?;
    steps.run("build", || {
        check(cargo().args(["build", "--locked", "--workspace", "--all-targets"]))
    })?;
    for Part {
        step,
        packages,
        filter,
    } in PARTS
    {
        steps.run(step, || test(packages, filter, &mut tests))?;
    }
    steps.run("sim", simulate)?;
    steps.run("docs", || {
        let mut command = cargo();
        command.args(["doc", "--locked", "--workspace", "--no-deps"]);
        command.arg("--document-private-items");
        check(command.env("RUSTDOCFLAGS", "--deny warnings"))
    })?;
    steps.run("peers", || {
        test(
            &["--package", "vrs-peers"],
            "package(vrs-peers)",
            &mut tests,
        )
    })?;
    let out = demo::target_folder()?.join("../verify-demo");
    steps.run("demo", || recorded_call(&out))?;
    println!("{}", steps.table());
    println!(
        "\nverified: {tests} tests passed, one whole call recorded in {}",
        shown(&out)
    );
    Ok(())
}

/// Thousands of simulated runs; `cargo sim` goes on for as long as one likes.
fn simulate() -> Result<String, Failure> {
    let mut command = cargo();
    command.args(["run", "--locked", "--profile", "sim"]);
    command.args(["--package", "vrs-sim", "--bin", "sim"]);
    command.args(["--", "--seed", "1", "--calls", "50", "--seeds", SEEDS]);
    let mut last = String::new();
    check_lines(&mut command, |line| {
        if line.starts_with("calls=") {
            line.clone_into(&mut last);
        }
    })?;
    Ok(last)
}

fn recorded_call(out: &Path) -> Result<String, Failure> {
    let options = demo::Options {
        headless: true,
        build: false,
        set_up: false,
        yes: true,
        out: out.to_owned(),
    };
    demo::run(&options).map(|()| "journal verified".to_owned())
}

/// Licences, sources and bans by cargo-deny where it is installed; the rules step has already
/// checked the same lists without it.
fn deny() -> Result<String, Failure> {
    let installed = cargo()
        .args(["deny", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !installed {
        return Ok("cargo-deny is not installed; checked by the rules step".to_owned());
    }
    let offline = [
        "deny",
        "--offline",
        "--locked",
        "check",
        "--config",
        ".config/deny.toml",
    ];
    check(cargo().args(offline).args(["licenses", "sources", "bans"]))
}

/// Where proptest's random numbers come from.
const PROPTEST_SEED: &str = "PROPTEST_RNG_SEED";

/// Runs tests with nextest, or without it where it is not installed. `packages` selects for
/// `cargo test`; nextest selects by `filter` over the whole workspace, so that dependencies are
/// built once with one set of features.
fn test(packages: &[&str], filter: &str, total: &mut u32) -> Result<String, Failure> {
    let nextest = cargo()
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let mut command = cargo();
    if nextest && !filter.is_empty() {
        command.args(["nextest", "run", "--locked", "--workspace"]);
        command.args(["--filterset", filter]);
    } else {
        command
            .args(["test", "--locked", "--no-fail-fast"])
            .args(packages);
    }
    if std::env::var_os(PROPTEST_SEED).is_none() {
        // The same tests pass or fail for everybody; other seeds are for whoever looks for trouble.
        command.env(PROPTEST_SEED, "9248");
    }
    let mut passed = 0;
    let result = check_lines(&mut command, |line| passed += passed_in(line));
    *total += passed;
    result.map(|()| format!("{passed} tests passed"))
}

/// The tests that passed according to one line of either runner's output.
fn passed_in(line: &str) -> u32 {
    let number_before = |text: &str, word: &str| -> Option<u32> {
        let (before, _) = text.split_once(word)?;
        before
            .rsplit(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    let found = if line.trim_start().starts_with("Summary [") {
        number_before(line, " passed")
    } else if line.starts_with("test result: ") {
        number_before(line, " passed;")
    } else {
        None
    };
    found.unwrap_or(0)
}

fn shown(path: &Path) -> String {
    path.canonicalize()
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_as_either_runner_prints_them() {
        let nextest =
            "     Summary [  12.345s] 118 tests run: 117 passed (2 slow), 1 failed, 3 skipped";
        assert_eq!(passed_in(nextest), 117);
        let cargo = "test result: ok. 42 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.20s";
        assert_eq!(passed_in(cargo), 42);
        assert_eq!(passed_in("test number::passed ... ok"), 0);
        assert_eq!(passed_in("   Compiling vrs-sip v0.1.0"), 0);
    }
}
