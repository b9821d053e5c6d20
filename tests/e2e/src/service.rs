//! A whole service: server, accounts, telephone.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use vrs_client::{CallView, Role};
use vrs_domain::Leg;

use crate::cable::Cable;
use crate::party::Party;
use crate::programs::{Program, binary};

/// The Deaf caller's number and digest user.
pub const CALLER: &str = "+15550100001";
/// Their password.
pub const CALLER_PASSWORD: &str = "a caller's password";
/// The interpreter's CA id and digest user.
pub const INTERPRETER: &str = "1234";
/// Their password.
pub const INTERPRETER_PASSWORD: &str = "an interpreter's password";
/// A further interpreter's CA id and digest user, if a test has one.
pub const SECOND: &str = "5678";
const SECOND_PASSWORD: &str = "another interpreter's password";
/// The number of the simulated telephone.
pub const NUMBER: &str = "+15550100199";

/// How the service is to be.
pub struct ServiceBuilder {
    telephone: Option<Vec<String>>,
    trunk: Option<String>,
    transport: &'static str,
    over_cable: bool,
    edits: Vec<(String, String)>,
}

impl Default for ServiceBuilder {
    fn default() -> Self {
        let arguments = ["--behaviour", "answer", "--ring-s", "1", "--tone", "1000"];
        Self {
            telephone: Some(arguments.map(str::to_owned).to_vec()),
            trunk: None,
            transport: "udp",
            over_cable: false,
            edits: Vec::new(),
        }
    }
}

impl ServiceBuilder {
    /// What the simulated telephone does: its command-line arguments.
    #[must_use]
    pub fn telephone(mut self, arguments: &[&str]) -> Self {
        self.telephone = Some(arguments.iter().map(|&a| a.to_owned()).collect());
        self
    }

    /// How the simulated telephone is reached: `udp`, `tcp`, or `tls` with SRTP.
    #[must_use]
    pub fn transport(mut self, transport: &'static str) -> Self {
        self.transport = transport;
        self
    }

    /// The simulated telephone is reached over a connection that can be cut: TLS with SRTP.
    #[must_use]
    pub fn over_cable(mut self) -> Self {
        self.over_cable = true;
        self.transport("tls")
    }

    /// Another gateway than the simulated telephone, as `address:port` with its transport.
    #[must_use]
    pub fn gateway(mut self, address: &str, transport: &str) -> Self {
        self.telephone = None;
        self.trunk = Some(trunk(address, transport));
        self
    }

    /// Replaces a line of the configuration.
    #[must_use]
    pub fn configure(mut self, line: &str, by: &str) -> Self {
        self.edits.push((line.to_owned(), by.to_owned()));
        self
    }

    /// Starts everything and waits until the server is ready.
    ///
    /// # Panics
    /// When a part does not start.
    #[must_use]
    pub fn start(self) -> Service {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dir = folder.path().join("server");
        run(Command::new(binary("relay-server")).arg("init").arg(&dir));
        let tls = self.transport == "tls";
        let telephone = self
            .telephone
            .as_ref()
            .map(|arguments| telephone(&dir, "127.0.0.1:0", arguments, tls));
        let mut cable = None;
        let trunk = match &telephone {
            Some(program) => {
                let line = program.line("listening on ");
                let mut address = line.rsplit(' ').next().expect("an address").to_owned();
                cable = self.over_cable.then(|| Cable::to(&address));
                if let Some(cable) = &cable {
                    address = cable.address();
                }
                trunk(&address, self.transport)
            }
            None => self.trunk.clone().unwrap_or_default(),
        };
        let config = dir.join("relay-server.toml");
        let text = fs::read_to_string(&config).expect("init wrote a configuration");
        let mut text = format!("{text}\n{trunk}");
        let fixed = [
            ("secure = \"127.0.0.1:8443\"", "secure = \"127.0.0.1:0\""),
            ("turn_udp = \"127.0.0.1:3478\"", "#turn_udp"),
            ("admin = \"127.0.0.1:9090\"", "#admin"),
        ];
        let edits = self
            .edits
            .iter()
            .map(|(line, by)| (line.as_str(), by.as_str()));
        for (line, by) in edits.chain(fixed) {
            text = text.replacen(line, by, 1);
        }
        fs::write(&config, text).expect("the configuration is ours");
        let mut service = Service {
            folder,
            config,
            server: None,
            telephone,
            cable,
            secure: String::new(),
        };
        service.add_account("caller", CALLER, CALLER_PASSWORD, &[]);
        service.add_account(
            "interpreter",
            INTERPRETER,
            INTERPRETER_PASSWORD,
            &["--languages", "ase/en"],
        );
        service.run_server();
        service
    }
}

fn trunk(address: &str, transport: &str) -> String {
    let security = if transport == "tls" {
        "ca_file = \"ca.pem\""
    } else {
        "plaintext = true"
    };
    format!(
        "\n[[trunk]]\nname = \"telephone\"\naddress = \"{address}\"\ntransport = \"{transport}\"\n\
         {security}\nlocal = \"127.0.0.1:0\"\n"
    )
}

fn telephone(dir: &Path, listen: &str, arguments: &[String], tls: bool) -> Program {
    let mut command = Command::new(binary("telephone"));
    command
        .args(["--listen", listen])
        .arg("--report")
        .arg(dir.join("telephone.json"));
    if tls {
        command.arg("--tls-certificate").arg(dir.join("server.pem"));
        command.arg("--tls-key").arg(dir.join("server.key"));
    }
    Program::start("telephone", command.args(arguments))
}

fn run(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{command:?} failed:\n{text}");
    text
}

/// A running service in a folder of its own.
pub struct Service {
    folder: tempfile::TempDir,
    config: PathBuf,
    server: Option<Program>,
    telephone: Option<Program>,
    cable: Option<Cable>,
    secure: String,
}

impl Service {
    /// With the simulated telephone that answers after a second and plays 1000 Hz.
    #[must_use]
    pub fn start() -> Self {
        ServiceBuilder::default().start()
    }

    /// Starts the server, again if need be.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn run_server(&mut self) {
        let mut command = Command::new(binary("relay-server"));
        let program = Program::start("relay-server", command.arg("run").arg(&self.config));
        let ready = program.line("ready secure=");
        let address = ready
            .split("secure=")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        self.secure = address.expect("an address").to_owned();
        self.server = Some(program);
    }

    /// Adds an account with the command line.
    pub fn add_account(&self, kind: &str, name: &str, password: &str, more: &[&str]) {
        let mut command = Command::new(binary("relay-server"));
        command.args(["account", "--config"]).arg(&self.config);
        command
            .args(["add", kind, name, "--password-stdin"])
            .args(more);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut input = child.stdin.take().expect("stdin is piped");
        writeln!(input, "{password}").expect("it reads its password");
        drop(input);
        assert!(
            child.wait().expect("it ends").success(),
            "account {name} was not added"
        );
    }

    /// Where the server waits for calls of the gateway, as `host:port`.
    ///
    /// # Panics
    /// When it has no trunk.
    #[must_use]
    pub fn trunk(&self) -> String {
        let server = self.server.as_ref().expect("the server runs");
        server.find("the trunk's address", |line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            let bound = line
                .get("bound")
                .or_else(|| line.get("fields")?.get("bound"))?;
            bound.as_str().map(str::to_owned)
        })
    }

    /// Types a line at the telephone.
    ///
    /// # Panics
    /// When there is none.
    pub fn at_telephone(&mut self, line: &str) {
        self.telephone.as_mut().expect("a telephone").say(line);
    }

    /// Another device of the usual caller, with an installation of its own.
    #[must_use]
    pub fn second_device(&self) -> Party {
        self.caller()
    }

    /// `host:port` of the secure port.
    #[must_use]
    pub fn secure(&self) -> &str {
        &self.secure
    }

    /// The development CA.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("server/ca.pem")
    }

    /// The folder that server and telephone write to.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Kills the server as a power cut would.
    pub fn kill_server(&mut self) {
        self.server = None;
    }

    /// The running server.
    ///
    /// # Panics
    /// When it was stopped.
    pub fn server(&mut self) -> &mut Program {
        self.server.as_mut().expect("the server runs")
    }

    /// The caller, signed in.
    #[must_use]
    pub fn caller(&self) -> Party {
        Party::caller(self, CALLER, CALLER_PASSWORD)
    }

    /// The interpreter, signed in and available.
    #[must_use]
    pub fn interpreter(&self) -> Party {
        Party::interpreter(self, INTERPRETER, INTERPRETER_PASSWORD)
    }

    /// A further interpreter, with an account of their own, signed in and available.
    #[must_use]
    pub fn second_interpreter(&self) -> Party {
        let more = ["--languages", "ase/en"];
        self.add_account("interpreter", SECOND, SECOND_PASSWORD, &more);
        Party::interpreter(self, SECOND, SECOND_PASSWORD)
    }

    /// The caller, whose way to the server is a cable that can be cut.
    #[must_use]
    pub fn caller_over(&self, cable: &Cable) -> Party {
        Party::over(cable, self, Role::Caller, CALLER, CALLER_PASSWORD)
    }

    /// The interpreter, in the same way.
    #[must_use]
    pub fn interpreter_over(&self, cable: &Cable) -> Party {
        let (account, password) = (INTERPRETER, INTERPRETER_PASSWORD);
        Party::over(cable, self, Role::Interpreter, account, password)
    }

    /// The caller of a call for help loses the telephone, whose cable breaks, and gets it back.
    ///
    /// # Panics
    /// When nobody is told, or it does not come back.
    pub fn telephone_is_lost_and_called_back(&self, caller: &mut Party, interpreter: &mut Party) {
        let cable = self.cable().expect("a cable");
        let telephone = cable.target();
        cable.lay_to("127.0.0.1:1");
        cable.cut();
        let lost = |view: &CallView| view.missing == [Leg::Hearing];
        caller.call_where("that the telephone is lost", lost);
        cable.lay_to(&telephone);
        let back = |view: &CallView| view.missing.is_empty();
        caller.call_where("the telephone again", back);
        interpreter.call_where("the telephone again", back);
    }

    /// The telephone is gone from one moment to the next and says nothing; gives its address.
    ///
    /// # Panics
    /// When there is none.
    pub fn lose_telephone(&mut self) -> String {
        let telephone = self.telephone.take().expect("a telephone");
        let line = telephone.line("listening on ");
        line.rsplit(' ').next().expect("an address").to_owned()
    }

    /// A telephone is there again, at this address, over UDP.
    pub fn find_telephone(&mut self, address: &str) {
        let arguments = ["--behaviour", "answer", "--ring-s", "1", "--tone", "1000"];
        let arguments = arguments.map(str::to_owned);
        let folder = self.folder.path().join("server");
        self.telephone = Some(telephone(&folder, address, &arguments, false));
    }

    /// Caller and interpreter, in conversation with the telephone.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub fn conversation(&self) -> (Party, Party) {
        let mut interpreter = self.interpreter();
        let mut caller = self.caller();
        caller.converse_through(&mut interpreter);
        (caller, interpreter)
    }

    /// The connection to the telephone, when it is [`ServiceBuilder::over_cable`].
    #[must_use]
    pub const fn cable(&self) -> Option<&Cable> {
        self.cable.as_ref()
    }

    /// The simulated telephone, when there is one.
    #[must_use]
    pub const fn telephone(&self) -> Option<&Program> {
        self.telephone.as_ref()
    }

    /// What the telephone wrote about its last call.
    ///
    /// # Panics
    /// When no report comes.
    pub fn telephone_report(&self) -> serde_json::Value {
        let file = self.folder.path().join("server/telephone.json");
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if let Ok(report) = serde_json::from_str(&text) {
                return report;
            }
            assert!(Instant::now() < end, "the telephone wrote no report");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The same of a telephone that heard this tone; made-up and stretched sound moves it a little.
    ///
    /// # Panics
    /// When it heard something else, or no report comes.
    pub fn telephone_heard(&self, hz: f64) -> serde_json::Value {
        const NEAR_HZ: f64 = 20.0;
        let report = self.telephone_report();
        let heard = report["heard_hz"].as_f64().unwrap_or_default();
        assert!((heard - hz).abs() < NEAR_HZ, "not {hz} Hz: {report}");
        report
    }

    /// Stops the server and checks its record: the chain holds and every session replays to its
    /// end. Returns what `journal show` prints.
    ///
    /// # Panics
    /// When the record is not right.
    pub fn stop_and_verify(&mut self) -> String {
        if let Some(mut server) = self.server.take() {
            server.terminate();
        }
        let said = run(Command::new(binary("relay-server"))
            .args(["journal", "verify"])
            .arg(&self.config));
        assert!(
            said.contains(" 0 not ended"),
            "a session was left open:\n{said}"
        );
        run(Command::new(binary("relay-server"))
            .args(["journal", "show"])
            .arg(&self.config))
    }
}
