//! aiortc, in a Python environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use serde_json::{Value, json};
use vrs_e2e::{Program, Service};

use crate::{find_event, installed};

/// A party in aiortc, signed in as somebody.
pub struct Aiortc {
    program: Program,
}

impl Aiortc {
    /// Starts it with one format of pictures, `H264` or `VP8`; with `call` it places a call as
    /// soon as it is registered, else it answers whoever calls.
    ///
    /// # Panics
    /// When Python, or what it needs, is missing or does not start.
    #[must_use]
    pub fn start(
        service: &Service,
        account: (&str, &str),
        call: Option<&str>,
        video: &str,
    ) -> Self {
        Self::open(service, account, call, video, false)
    }

    /// The same for a caller that does not say where it is: the other side learns that from what it
    /// sends, as behind a NAT.
    ///
    /// # Panics
    /// As [`Aiortc::start`].
    #[must_use]
    pub fn hidden(service: &Service, account: (&str, &str), call: &str, video: &str) -> Self {
        Self::open(service, account, Some(call), video, true)
    }

    fn open(
        service: &Service,
        (user, password): (&str, &str),
        call: Option<&str>,
        video: &str,
        hidden: bool,
    ) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("aiortc");
        let options = json!({
            "server": format!("wss://{}/sip", service.secure()),
            "domain": "localhost",
            "user": user,
            "password": password,
            "call": call,
            "video": video,
            "hidden": hidden,
        });
        let mut command = Command::new(python(&folder));
        command.arg(folder.join("peer.py")).arg(options.to_string());
        Self {
            program: Program::start("aiortc", &mut command),
        }
    }

    /// Waits for an event; returns it with its data.
    #[must_use]
    pub fn event(&self, name: &str) -> Value {
        self.event_where(name, |_| true)
    }

    /// Waits for an event whose data `are` takes.
    #[must_use]
    pub fn event_where(&self, name: &str, are: impl Fn(&Value) -> bool) -> Value {
        find_event(&self.program, name, are)
    }

    /// Ends the call.
    pub fn hang_up(&mut self) {
        self.program.say("hangup");
    }
}

/// The environment's Python, which is made from the package index at the first use.
fn python(folder: &Path) -> PathBuf {
    static ONCE: Once = Once::new();
    let made = folder.join("venv");
    let python = made.join("bin/python");
    ONCE.call_once(|| {
        let done = made.join("done");
        if done.is_file() {
            return;
        }
        let run = |command: &mut Command, what: &str| {
            let output = command.output().expect(what);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{what}: {said}");
        };
        let own = installed("python3", "python3");
        let mut make = Command::new(own);
        make.args(["-m", "venv", "--clear"]).arg(&made);
        run(&mut make, "python3 -m venv (package python3-venv)");
        let mut fill = Command::new(&python);
        fill.args(["-m", "pip", "install", "--quiet", "--requirement"]);
        fill.arg(folder.join("requirements.txt"));
        run(&mut fill, "pip install");
        std::fs::write(done, "").expect("a writable folder");
    });
    python
}
