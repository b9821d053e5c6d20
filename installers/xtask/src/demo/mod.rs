//! `cargo demo`: the real server, the real apps and a simulated telephone on this machine.
//!
//! With a display both apps open in windows, signed in and ready. Without one (or with
//! `--headless`) the same apps draw in a hidden X server and play one whole call by themselves;
//! what everybody saw goes to `report.json`, `caller.png` and `interpreter.png`.
//! Start reading at [`run`]; [`stage`] starts the programs, [`report`] judges what they saw.

mod report;
mod screen;
mod stage;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::json::Value;
use crate::steps::{cargo, check};
use crate::{Failure, setup};
use screen::Screen;
use stage::Stage;

/// The tone that the telephone plays after its speech, in Hz; far from those of the apps. The caller
/// hears it, too, but softer than the interpreter.
const TONE_TELEPHONE_HZ: f64 = 1000.0;
/// The tone of the interpreter's synthetic microphone, in Hz.
const TONE_INTERPRETER_HZ: f64 = 660.0;
/// How long everybody talks in a recorded call.
const CONVERSATION_S: u64 = 12;
/// A recorded call that is not over by then has failed.
const CALL_LIMIT: Duration = Duration::from_secs(150);

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) headless: bool,
    pub(crate) yes: bool,
    /// Whether to build first; `cargo verify` has already done it.
    pub(crate) build: bool,
    /// Whether to look for system packages first.
    pub(crate) set_up: bool,
    /// Where the report and the pictures of a recorded call go.
    pub(crate) out: PathBuf,
}

impl Options {
    /// Reads the arguments after `demo`; a relative folder is meant from `here`.
    pub(crate) fn parse(args: &[String], here: &Path) -> Result<Self, Failure> {
        let mut options = Self {
            headless: false,
            yes: false,
            build: true,
            set_up: true,
            out: here.join("demo-out"),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--headless" => options.headless = true,
                "--yes" => options.yes = true,
                "--no-build" => options.build = false,
                "--out" => {
                    let folder = args.next().ok_or("--out needs a folder behind it")?;
                    options.out = here.join(folder);
                }
                other => {
                    return Err(format!(
                        "'{other}' is not an option of demo\n{}",
                        crate::HELP
                    ));
                }
            }
        }
        Ok(options)
    }
}

/// The folder that holds our binaries: the one this very program was built into.
pub(crate) fn target_folder() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().map_err(|error| format!("our own path: {error}"))?;
    own.parent()
        .map(Path::to_owned)
        .ok_or_else(|| "this program has no folder".to_owned())
}

/// Builds, starts everything, and shows or records a call.
///
/// # Errors
/// When anything cannot be built or started, takes too long, or a recorded call is not whole.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let headless = options.headless || !screen::has_display();
    if options.set_up {
        setup::install(&setup::for_demo(), options.yes)?;
    }
    if options.build {
        println!("building relay-server, both apps and the telephone");
        check(cargo().args([
            "build",
            "--locked",
            "--package=relay-server",
            "--package=desktop-caller",
            "--package=desktop-interpreter",
            "--package=vrs-telephone",
            "--bins",
        ]))?;
    }
    let mut stage = Stage::build(target_folder()?)?;
    let result = if headless {
        record(&mut stage, &options.out)
    } else {
        show(&mut stage)
    };
    stage.strike(result.is_ok());
    result
}

/// Both apps in windows, until both are closed.
fn show(stage: &mut Stage) -> Result<(), Failure> {
    stage.start_services()?;
    let mut interpreter = stage.interpreter();
    let mut caller = stage.caller();
    let mut interpreter = stage.start("interpreter", &mut interpreter)?;
    let mut caller = stage.start("caller", &mut caller)?;
    println!(
        "\nboth apps are signed in; press Call in the caller's window and Accept in the \
         interpreter's\nany number reaches the simulated telephone: {}\n\
         close both windows, or press Ctrl-C here, to end",
        stage::NUMBER_TELEPHONE
    );
    while !(caller.has_ended() && interpreter.has_ended()) {
        stage.still_serves()?;
        std::thread::sleep(Duration::from_millis(200));
    }
    stage.stop(caller);
    stage.stop(interpreter);
    Ok(())
}

/// One whole call, played by the apps themselves.
fn record(stage: &mut Stage, out: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    // What an earlier run left must not pass for this one.
    for name in ["report.json", "caller.png", "interpreter.png"] {
        std::fs::remove_file(out.join(name)).ok();
    }
    let out = out
        .canonicalize()
        .map_err(|error| format!("{}: {error}", out.display()))?;
    let mut screen = Screen::hidden(&stage.folder, &mut stage.reaper)?;
    stage.start_services()?;

    let mut command = stage.interpreter();
    command.args(["--auto-accept", "--exit-after-call", "--speaker", "none"]);
    stage.record(&mut command, &out, "interpreter");
    screen.show(&mut command);
    let mut interpreter = stage.start("interpreter", &mut command)?;
    stage.wait_signed_in(&mut interpreter)?;
    println!("the interpreter is signed in");

    let mut command = stage.caller();
    command.args(["--call", stage::NUMBER_TELEPHONE, "--exit-after-call"]);
    command.args(["--hang-up-after-s", &CONVERSATION_S.to_string()]);
    stage.record(&mut command, &out, "caller");
    screen.show(&mut command);
    let mut caller = stage.start("caller", &mut command)?;
    println!("the caller calls; the conversation lasts {CONVERSATION_S} s");

    let over = caller
        .wait_end(CALL_LIMIT)
        .and_then(|()| interpreter.wait_end(stage::GRACE));
    let words = [caller.explain("said"), interpreter.explain("said")].join("\n");
    stage.stop(caller);
    stage.stop(interpreter);
    screen.stop(&mut stage.reaper);
    over?;
    judge(stage, &out, &words)
}

fn judge(stage: &mut Stage, out: &Path, words: &str) -> Result<(), Failure> {
    let telephone = stage.telephone_report()?;
    let journal = stage.stop_server_and_read_journal()?;
    let read = |name: &str| -> Result<Value, Failure> {
        let file = stage.folder.join(format!("{name}.json"));
        let text = std::fs::read_to_string(&file)
            .map_err(|error| format!("the {name}'s app wrote no report ({error})\n{words}"))?;
        Value::parse(&text).map_err(|error| format!("the {name}'s report: {error}"))
    };
    let seen = report::Seen {
        session: journal.session,
        states: journal.states,
        reason: journal.reason,
        journal_records: journal.records,
        caller: read("caller")?,
        interpreter: read("interpreter")?,
        telephone,
        tone_telephone_hz: TONE_TELEPHONE_HZ,
        tone_interpreter_hz: TONE_INTERPRETER_HZ,
    };
    let (report, mut failed) = report::judge(&seen);
    for name in ["caller.png", "interpreter.png"] {
        if std::fs::metadata(out.join(name)).map_or(0, |file| file.len()) == 0 {
            failed.push(format!("{name} was not written"));
        }
    }
    let file = out.join("report.json");
    std::fs::write(&file, report.pretty())
        .map_err(|error| format!("{}: {error}", file.display()))?;
    println!("{}", summary(&report));
    println!("report: {}", file.display());
    if failed.is_empty() {
        println!("ok: all five states, picture and sound on every leg");
        return Ok(());
    }
    Err(format!(
        "the call was not whole:\n  {}",
        failed.join("\n  ")
    ))
}

/// The report in a few lines, for the person at the terminal.
fn summary(report: &Value) -> String {
    let mut out = String::new();
    for state in report.get("states").items() {
        let ms = state.get("ms").number().unwrap_or(0.0);
        out += &format!(
            "{ms:>8.0} ms  {}\n",
            state.get("state").text().unwrap_or("?")
        );
    }
    let number = |side: &str, field: &str| {
        report
            .get(side)
            .get(field)
            .number()
            .map_or("-".to_owned(), |value| format!("{value:.0}"))
    };
    for side in ["caller", "interpreter"] {
        out += &format!(
            "{side}: {} pictures sent, {} decoded, delay {} ms (p95 {}), heard {} Hz at {} dBFS\n",
            number(side, "frames_sent"),
            number(side, "frames_decoded"),
            number(side, "delay_ms_p50"),
            number(side, "delay_ms_p95"),
            number(side, "heard_hz"),
            number(side, "level_dbfs"),
        );
    }
    out + &format!(
        "telephone: heard {} Hz at {} dBFS",
        number("telephone", "heard_hz"),
        number("telephone", "level_dbfs")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_strangers_refused() {
        let parse = |text: &str| {
            let args: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
            Options::parse(&args, Path::new("here"))
        };
        let options = parse("--headless --yes --out there --no-build").unwrap();
        assert!(options.headless && options.yes && !options.build);
        assert_eq!(options.out, Path::new("here").join("there"));
        assert!(parse("").unwrap().build);
        assert!(parse("--out").unwrap_err().contains("needs a folder"));
        assert!(parse("--hedless").unwrap_err().contains("--hedless"));
    }
}
