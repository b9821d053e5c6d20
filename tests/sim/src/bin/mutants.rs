//! `cargo sim-mutants`: breaks the core in every way of `tests/sim/mutants.toml`, one at a time in
//! a copy of the sources, and counts which of them the simulation finds.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use serde::Deserialize;

/// No simulation takes longer, unless it hangs.
const RUN_MAX: Duration = Duration::from_secs(20 * 60);
/// How often to look whether it is over.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Breaks the core on purpose; every way must be found by the simulation.
#[derive(Debug, Parser)]
#[command(name = "cargo sim-mutants")]
struct Arguments {
    /// Seeds that each mutant is given
    #[arg(long, default_value_t = 400)]
    seeds: u32,
    /// Only mutants whose name contains this
    #[arg(long, default_value = "")]
    only: String,
}

#[derive(Debug, Deserialize)]
struct List {
    mutant: Vec<Mutant>,
}

#[derive(Debug, Deserialize)]
struct Mutant {
    name: String,
    /// Where it shows so seldom that it needs more seeds than the others.
    #[serde(default)]
    seeds: u32,
    change: Vec<Change>,
}

#[derive(Debug, Deserialize)]
struct Change {
    file: String,
    find: String,
    replace: String,
}

/// What a simulation found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    Nothing,
    Violation,
    /// It had to be stopped.
    Hang,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let list = fs::read_to_string(root.join("tests/sim/mutants.toml"));
    let list: List = toml::from_str(&list.map_err(|e| format!("mutants.toml: {e}"))?)
        .map_err(|e| format!("mutants.toml: {e}"))?;
    let work = root.join("target/mutants");
    let copy = Copy {
        tree: work.join("tree"),
        build: work.join("build"),
        seeds: arguments.seeds,
    };
    copy.fill(&root)?;
    let mut chosen = list.mutant;
    chosen.retain(|mutant| mutant.name.contains(&arguments.only));
    // What a mutant's seeds find must not be there without it.
    let seeds = chosen.iter().map(|mutant| mutant.seeds).max();
    match copy.finding(copy.seeds.max(seeds.unwrap_or(0)))? {
        Finding::Nothing => {}
        Finding::Violation | Finding::Hang => {
            return Err("the unbroken sources fail; nothing can be said about mutants".into());
        }
    }
    let (mut mutants, mut caught) = (0, 0);
    for mutant in &chosen {
        let finding = copy.finding_of(&root, mutant)?;
        let (word, what) = match finding {
            Finding::Nothing => ("SURVIVED", ""),
            Finding::Violation => ("caught  ", ""),
            Finding::Hang => ("caught  ", " (it hung)"),
        };
        println!("{word} {}{what}", mutant.name);
        // Who reads this through a pipe wants each line as it comes.
        std::io::stdout().flush().map_err(|e| e.to_string())?;
        mutants += 1;
        caught += u32::from(finding != Finding::Nothing);
    }
    println!("caught {caught} of {mutants}");
    Ok(mutants == caught)
}

/// A copy of the sources with a build folder of its own.
struct Copy {
    tree: PathBuf,
    build: PathBuf,
    seeds: u32,
}

impl Copy {
    /// Everything that git knows of, as it is in the working folder.
    fn fill(&self, root: &Path) -> Result<(), String> {
        let listed = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|e| format!("git: {e}"))?;
        for file in String::from_utf8_lossy(&listed.stdout).lines() {
            if root.join(file).is_file() {
                self.put(root, file, None)?;
            }
        }
        Ok(())
    }

    /// Writes a file only when it differs, so that little is built again.
    fn put(&self, root: &Path, file: &str, text: Option<String>) -> Result<(), String> {
        let named = |e: std::io::Error| format!("{file}: {e}");
        let bytes = match text {
            Some(text) => text.into_bytes(),
            None => fs::read(root.join(file)).map_err(named)?,
        };
        let target = self.tree.join(file);
        if fs::read(&target).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(named)?;
        }
        fs::write(target, bytes).map_err(named)
    }

    fn finding_of(&self, root: &Path, mutant: &Mutant) -> Result<Finding, String> {
        for change in &mutant.change {
            let place = self.tree.join(&change.file);
            let text = fs::read_to_string(place).map_err(|e| format!("{}: {e}", change.file))?;
            if text.matches(&change.find).count() != 1 {
                let (name, file) = (&mutant.name, &change.file);
                return Err(format!(
                    "{name}: {file} does not hold this once:\n{}",
                    change.find
                ));
            }
            let broken = text.replacen(&change.find, &change.replace, 1);
            self.put(root, &change.file, Some(broken))?;
        }
        let finding = self.finding(self.seeds.max(mutant.seeds));
        for change in &mutant.change {
            self.put(root, &change.file, None)?;
        }
        finding
    }

    /// Builds and simulates; an error when it does not even build.
    fn finding(&self, seeds: u32) -> Result<Finding, String> {
        let cargo = |arguments: &[&str]| {
            Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
                .args(arguments)
                .args([
                    "--quiet",
                    "--profile",
                    "sim",
                    "--package",
                    "vrs-sim",
                    "--bin",
                    "sim",
                ])
                .args(["--manifest-path"])
                .arg(self.tree.join("Cargo.toml"))
                .arg("--target-dir")
                .arg(&self.build)
                // A mutant differs by a line: seconds instead of minutes.
                .env("CARGO_INCREMENTAL", "1")
                .stdout(Stdio::null())
                .output()
                .map_err(|e| format!("cargo: {e}"))
        };
        let built = cargo(&["build"])?;
        if !built.status.success() {
            return Err(String::from_utf8_lossy(&built.stderr).into_owned());
        }
        let mut simulated = Command::new(self.build.join("sim/sim"))
            .args(["--calls", "50", "--whole", "--seeds", &seeds.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .map_err(|e| format!("sim: {e}"))?;
        let began = Instant::now();
        while began.elapsed() < RUN_MAX {
            let ended = simulated.try_wait().map_err(|e| format!("sim: {e}"))?;
            match ended.map(|status| status.success()) {
                Some(true) => return Ok(Finding::Nothing),
                Some(false) => return Ok(Finding::Violation),
                None => std::thread::sleep(LOOK_EVERY),
            }
        }
        simulated.kill().map_err(|e| format!("sim: {e}"))?;
        simulated.wait().map_err(|e| format!("sim: {e}"))?;
        Ok(Finding::Hang)
    }
}
