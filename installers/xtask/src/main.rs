//! The project's own commands: `cargo demo`, `cargo verify`, `cargo setup`.
//!
//! What it is: a small program without dependencies, so that it is built in seconds on a clean
//! clone and can install what the rest of the build needs.
//! What it is not: a build system; it runs cargo and the product's own programs.
//! Start reading at [`verify`] for the list of steps and at [`demo`] for the recorded call.

mod child;
mod demo;
mod json;
mod peerbench;
mod setup;
mod steps;
mod verify;

use std::process::ExitCode;

const HELP: &str = "\
cargo demo   [--headless] [--yes] [--out DIR] [--no-build]
    starts a relay server, a telephone and both apps, signed in and ready;
    with --headless (or without a display) plays one whole call and writes
    report.json, caller.png and interpreter.png to DIR (default: demo-out)
cargo verify [--yes]
    everything that has to hold: format, rules, lints, tests, foreign peers, one recorded call
cargo setup  [--yes]
    installs the system packages the other two need
cargo peerbench NAME [--yes]
    what forwarding costs us beside another program: floor and three-floor (a bare loop),
    sfu and sfu-gcm (rtpengine), three and fanout (Janus), turn (coturn); or us alone:
    scale (more sessions), calls (how many), delay (of a packet), freeze (of a picture)
    --yes   installs without asking (so does CI=true)";

/// Why a command stopped, in words for the person at the terminal.
type Failure = String;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = args.split_first() else {
        println!("{HELP}");
        return ExitCode::from(2);
    };
    // Paths that the person wrote are meant from here; everything else from the root.
    let here = std::env::current_dir().unwrap_or_default();
    if let Err(error) = std::env::set_current_dir(root()) {
        eprintln!("failed: {}: {error}", root().display());
        return ExitCode::FAILURE;
    }
    let result = match command.as_str() {
        "demo" => demo::Options::parse(rest, &here).and_then(|options| demo::run(&options)),
        "verify" => flags(rest, &["--yes"]).and_then(|()| verify::run(has(rest, "--yes"))),
        "setup" => flags(rest, &["--yes"])
            .and_then(|()| setup::install(&setup::everything(), has(rest, "--yes"))),
        "peerbench" => {
            let (options, names): (Vec<&str>, Vec<&str>) = rest
                .iter()
                .map(String::as_str)
                .partition(|word| word.starts_with('-'));
            match options.iter().find(|option| **option != "--yes") {
                Some(strange) => Err(format!("'{strange}' is not an option of this command")),
                None => peerbench::run(&names, !options.is_empty()),
            }
        }
        // The far end of `child::Reaper`: ends what a stopped demo left behind.
        "reap" => child::reap(std::io::stdin().lock()),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(format!(
            "'{other}' is not a command of this project\n{HELP}"
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nfailed: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace, two folders above this package.
fn root() -> &'static std::path::Path {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

fn has(args: &[String], flag: &str) -> bool {
    args.iter().any(|arg| arg == flag)
}

fn flags(args: &[String], known: &[&str]) -> Result<(), Failure> {
    match args.iter().find(|arg| !known.contains(&arg.as_str())) {
        Some(strange) => Err(format!(
            "'{strange}' is not an option of this command\n{HELP}"
        )),
        None => Ok(()),
    }
}
