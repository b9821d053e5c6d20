//! The programs of the demo: a throw-away folder, server, accounts, telephone, and the apps'
//! command lines.

use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Failure;
use crate::child::{Program, Reaper};
use crate::json::Value;
use crate::setup;

/// The number that the recorded call dials; every number reaches the same telephone.
pub(super) const NUMBER_TELEPHONE: &str = "+15550100199";
const NUMBER_CALLER: &str = "+15550100001";
const LOCATION_CALLER: &str = "country=US;A1=NY;A3=New York;RD=Broadway;HNO=123;PC=10007";
const CA_ID: &str = "1234";
const DOMAIN: &str = "localhost";
/// The server's configuration, seen from the folder.
const CONFIG: &str = "server/relay-server.toml";
/// How long a program may take to be ready, and to end after the call.
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// How long an app may take to draw its window and sign in on a slow machine.
const SIGN_IN_LIMIT: Duration = Duration::from_secs(60);
/// What the telephone says when it is answered.
const SPEECH: &str = "Hello. This is the telephone of the Visavis demo. \
                      Everything you hear is played by a program.";

/// Everything that runs, and where.
pub(super) struct Stage {
    pub(super) folder: PathBuf,
    binaries: PathBuf,
    password: String,
    /// `host:port` of the server, once it runs.
    secure: String,
    server: Option<Program>,
    telephone: Option<Program>,
    // Last, so that it still watches while the programs above are dropped.
    pub(super) reaper: Reaper,
}

/// What the server's journal says about the one call.
pub(super) struct Journal {
    pub(super) session: String,
    pub(super) states: Vec<(String, f64)>,
    pub(super) reason: String,
    pub(super) records: f64,
}

impl Stage {
    /// Makes the folder; nothing runs yet.
    pub(super) fn build(binaries: PathBuf) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("visavis-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        // A hasher's keys come from the system's randomness: good for a password of ten minutes.
        let draw = || std::hash::RandomState::new().build_hasher().finish();
        let password = format!("{:016x}{:016x}", draw(), draw());
        let mut reaper = Reaper::start()?;
        reaper.remove(&folder);
        let (server, telephone) = (None, None);
        Ok(Self {
            folder,
            binaries,
            password,
            secure: String::new(),
            server,
            telephone,
            reaper,
        })
    }

    /// A program of ours, with readable logs.
    fn command(&self, binary: &str) -> Command {
        let file = format!("{binary}{}", std::env::consts::EXE_SUFFIX);
        let mut command = Command::new(self.binaries.join(file));
        command.current_dir(&self.folder);
        command
    }

    /// Starts a program; its log goes to the folder.
    pub(super) fn start(&mut self, name: &str, command: &mut Command) -> Result<Program, Failure> {
        let log = self.folder.join(format!("{name}.log"));
        Program::start(name, command, &log, &mut self.reaper)
    }

    /// Ends a program.
    pub(super) fn stop(&mut self, mut program: Program) {
        program.stop(&mut self.reaper);
    }

    /// Telephone, accounts, server: everything that the apps need.
    pub(super) fn start_services(&mut self) -> Result<(), Failure> {
        let trunk = self.start_telephone()?;
        self.run_to_end(self.command("relay-server").args(["init", "server"]))?;
        let config = self.folder.join(CONFIG);
        let text = std::fs::read_to_string(&config)
            .map_err(|error| format!("{}: {error}", config.display()))?;
        std::fs::write(&config, configure(&text, &trunk)?)
            .map_err(|error| format!("{}: {error}", config.display()))?;
        self.run_to_end(self.command("relay-server").args(["check", CONFIG]))?;
        self.add_account(&["caller", NUMBER_CALLER, "--location", LOCATION_CALLER])?;
        self.add_account(&["interpreter", CA_ID, "--languages", "ase/en"])?;
        self.write("password", &self.password)?;

        let mut server =
            self.start("server", self.command("relay-server").args(["run", CONFIG]))?;
        self.secure = server.wait_until("ready", GRACE, |text| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("ready secure="))?;
            line.split_whitespace().next().map(str::to_owned)
        })?;
        self.server = Some(server);
        println!("the server listens on {}", self.secure);
        Ok(())
    }

    fn start_telephone(&mut self) -> Result<String, Failure> {
        let mut command = self.command("telephone");
        command.args([
            "--listen",
            "127.0.0.1:0",
            "--behaviour",
            "answer",
            "--ring-s",
            "1",
        ]);
        command.args(["--tone", &super::TONE_TELEPHONE_HZ.to_string()]);
        command.args(["--report", "telephone.json"]);
        if self.speak() {
            command.args(["--play", "speech.wav"]);
        }
        let mut telephone = self.start("telephone", &mut command)?;
        let address = telephone.wait_until("listening", GRACE, |text| {
            text.lines()
                .find_map(|line| Some(line.strip_prefix("listening on ")?.trim().to_owned()))
        })?;
        self.telephone = Some(telephone);
        println!("the telephone listens on {address}");
        Ok(address)
    }

    /// Makes the telephone's speech; without espeak-ng it only plays its tone.
    fn speak(&self) -> bool {
        let Some(espeak) = setup::find("espeak-ng") else {
            return false;
        };
        let mut command = Command::new(espeak);
        command.args(["-v", "en-us", "-s", "165", "-w", "speech.wav", SPEECH]);
        self.run_to_end(command.current_dir(&self.folder)).is_ok()
    }

    fn add_account(&self, who: &[&str]) -> Result<(), Failure> {
        let mut command = self.command("relay-server");
        command
            .args(["account", "--config", CONFIG, "add"])
            .args(who)
            .arg("--password-stdin");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("relay-server account add: {error}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            writeln!(stdin, "{}", self.password)
                .map_err(|error| format!("relay-server account add: {error}"))?;
        }
        let status = child
            .wait()
            .map_err(|error| format!("relay-server account add: {error}"))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("relay-server account add ({status})"))
        }
    }

    /// The interpreter's app, signed in.
    pub(super) fn interpreter(&self) -> Command {
        let mut command = self.app("desktop-interpreter", CA_ID);
        command.args(["--microphone", "synthetic"]);
        command
    }

    /// The caller's app, signed in.
    pub(super) fn caller(&self) -> Command {
        let mut command = self.app("desktop-caller", NUMBER_CALLER);
        command.args(["--microphone", "synthetic", "--speaker", "none"]);
        command
    }

    fn app(&self, binary: &str, user: &str) -> Command {
        let mut command = self.command(binary);
        // By name: the account's domain is the server's name, as people type it.
        let port = self.secure.rsplit(':').next().unwrap_or("");
        command.args(["--server", &format!("{DOMAIN}:{port}"), "--account", user]);
        command.args(["--password-file", "password", "--ca-file", "server/ca.pem"]);
        command.args(["--camera", "synthetic", "--language", "en"]);
        command.args(["--settings-dir", &format!("settings-{binary}")]);
        command
    }

    /// Makes an app leave its report and picture.
    pub(super) fn record(&self, command: &mut Command, out: &Path, name: &str) {
        command
            .arg("--report")
            .arg(self.folder.join(format!("{name}.json")));
        command
            .arg("--screenshot")
            .arg(out.join(format!("{name}.png")));
    }

    /// Waits until the server says that the interpreter is signed in.
    pub(super) fn wait_signed_in(&mut self, app: &mut Program) -> Result<(), Failure> {
        let Some(server) = &self.server else {
            return Err("the server does not run".to_owned());
        };
        app.wait_until("signed in", SIGN_IN_LIMIT, |_| {
            let text = server.text();
            let signed_in = |line: &str| line.contains("signed in") && line.contains(CA_ID);
            text.lines().any(signed_in).then_some(())
        })
    }

    /// Fails when the server or the telephone has ended by itself.
    pub(super) fn still_serves(&mut self) -> Result<(), Failure> {
        for program in [&mut self.server, &mut self.telephone]
            .into_iter()
            .flatten()
        {
            if program.has_ended() {
                return Err(program.explain("ended by itself"));
            }
        }
        Ok(())
    }

    /// What the telephone heard; it writes its report when its call ends.
    pub(super) fn telephone_report(&mut self) -> Result<Value, Failure> {
        let file = self.folder.join("telephone.json");
        let Some(mut telephone) = self.telephone.take() else {
            return Ok(Value::Null);
        };
        let found = telephone.wait_until("done with its call", GRACE, |_| {
            let text = std::fs::read_to_string(&file).ok()?;
            Value::parse(&text).ok()
        });
        self.stop(telephone);
        found
    }

    /// Ends the server as an operator does, then checks and reads its journal.
    pub(super) fn stop_server_and_read_journal(&mut self) -> Result<Journal, Failure> {
        if let Some(server) = self.server.take() {
            self.stop(server);
        }
        self.run_to_end(
            self.command("relay-server")
                .args(["journal", "verify", CONFIG]),
        )?;
        let text = self.run_to_end(
            self.command("relay-server")
                .args(["journal", "show", CONFIG]),
        )?;
        Journal::read(&text)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let file = self.folder.join(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options
            .open(&file)
            .and_then(|mut out| out.write_all(text.as_bytes()));
        written.map_err(|error| format!("{}: {error}", file.display()))
    }

    /// Runs a short program and gives its output.
    fn run_to_end(&self, command: &mut Command) -> Result<String, Failure> {
        let shown = crate::steps::shown(command);
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("{shown}: {error}"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("{shown} ({})\n{words}", output.status))
    }

    /// Ends what still runs; keeps the logs of a failure.
    pub(super) fn strike(mut self, went_well: bool) {
        for program in [self.server.take(), self.telephone.take()]
            .into_iter()
            .flatten()
        {
            self.stop(program);
        }
        // The reaper removes the folder, unless somebody may want to read what went wrong.
        if !went_well {
            self.reaper.keep();
            println!("logs are in {}", self.folder.display());
        }
    }
}

/// Puts the telephone into the configuration that `init` wrote, and lets the system choose ports.
fn configure(text: &str, trunk: &str) -> Result<String, Failure> {
    let mut out = text.to_owned();
    for key in ["secure", "turn_udp", "admin"] {
        let start = format!("{key} = ");
        let line = text
            .lines()
            .find(|line| line.starts_with(&start))
            .ok_or_else(|| format!("the sample configuration has no line '{start}…'"))?;
        out = out.replacen(line, &format!("{start}\"127.0.0.1:0\""), 1);
    }
    Ok(out
        + &format!(
            "\n[[trunk]]\nname = \"telephone\"\naddress = \"{trunk}\"\ntransport = \"udp\"\n\
             plaintext = true\nlocal = \"127.0.0.1:0\"\n"
        ))
}

impl Journal {
    /// Reads what `journal show` prints: one record a line, as JSON.
    fn read(text: &str) -> Result<Self, Failure> {
        let mut journal = Self {
            session: String::new(),
            states: Vec::new(),
            reason: String::new(),
            records: 0.0,
        };
        for line in text.lines().filter(|line| line.starts_with('{')) {
            let record = Value::parse(line).map_err(|error| format!("the journal: {error}"))?;
            journal.records += 1.0;
            let text = |member: &str| record.get(member).text().unwrap_or("").to_owned();
            let state = match text("kind").as_str() {
                "call_placed" => "request_received",
                "interpreter_assigned" => "interpreter_assigned",
                "dialing_started" => "hearing_party_dialing",
                "called_answered" => "relay_active",
                "ended" => "call_ended",
                _ => continue,
            };
            journal.session = text("session");
            journal.reason = text("reason");
            journal.states.push((
                state.to_owned(),
                record.get("session_ms").number().unwrap_or(0.0),
            ));
        }
        Ok(journal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_configuration_takes_the_telephone_as_its_trunk() {
        let sample = "[listen]\nsecure = \"127.0.0.1:8443\"\n#secure_too = 1\n\
                      turn_udp = \"127.0.0.1:3478\"\nadmin = \"127.0.0.1:9090\"\n";
        let text = configure(sample, "127.0.0.1:5070").unwrap();
        assert!(
            text.starts_with("[listen]\nsecure = \"127.0.0.1:0\"\n#secure_too = 1\n"),
            "{text}"
        );
        let ports = "\nturn_udp = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n";
        assert!(text.contains(ports), "{text}");
        assert!(text.contains("address = \"127.0.0.1:5070\""), "{text}");
        assert!(configure("[listen]\n", "x").is_err());
    }

    #[test]
    fn states_times_and_reason_come_from_the_journal() {
        let record =
            |ms: u32, rest: &str| format!("{{\"session\":\"07\",\"session_ms\":{ms},{rest}}}\n");
        let text = record(0, "\"kind\":\"call_placed\"")
            + &record(5, "\"kind\":\"called_rang\"")
            + &record(9, "\"kind\":\"ended\",\"reason\":\"caller_hung_up\"");
        let journal = Journal::read(&text).unwrap();
        let states = [
            ("request_received".to_owned(), 0.0),
            ("call_ended".to_owned(), 9.0),
        ];
        assert_eq!(journal.states, states);
        assert_eq!(
            (journal.session.as_str(), journal.reason.as_str()),
            ("07", "caller_hung_up")
        );
        assert!((journal.records - 3.0).abs() < f64::EPSILON);
    }
}
