//! Programs that we did not write, as the other end of the real thing.
//!
//! What it is: [`Browser`] is headless Chromium with JsSIP, [`Aiortc`] WebRTC in Python, [`sipp`] a telephone; the tests of this
//! crate also put both apps into windows of an X server. What it is not: nothing of ours stands in for a foreign
//! program; when one is missing the test fails and names the package.
//! Start reading at [`Browser`].

mod aiortc;

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use serde_json::{Value, json};
use vrs_e2e::{Program, Service};

pub use aiortc::Aiortc;

/// Where a program is, or which package has it.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn installed(name: &str, package: &str) -> PathBuf {
    find(name).unwrap_or_else(|| panic!("{name} is not installed: install the package {package}"))
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// A UDP port of loopback that nobody has at the moment.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("an address").port()
}

/// sipp, which sends every RTP packet back where it came from: what the interpreter says travels
/// to sipp and returns, so hearing oneself proves both directions. Also the SIP port it has.
///
/// # Panics
/// When it is not installed, or no port is free.
#[must_use]
pub fn sipp(scenario: &[&str]) -> (Program, String) {
    let (sip, media) = (free_port().to_string(), free_port().to_string());
    let mut command = Command::new(installed("sipp", "sip-tester"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sipp"));
    command.args(scenario);
    command.args(["-i", "127.0.0.1", "-p", &sip]);
    command.args(["-mi", "127.0.0.1", "-mp", &media]);
    command.args(["-rtp_echo", "-nostdin", "-m", "1", "-timeout", "90"]);
    (Program::start("sipp", &mut command), sip)
}

/// Headless Chromium: with JsSIP, signed in as somebody, or with nothing but WebRTC.
pub struct Browser {
    program: Program,
}

impl Browser {
    /// Starts it; with `call` it places a call as soon as it is registered.
    ///
    /// # Panics
    /// When node, npm or Chromium are missing or do not start.
    #[must_use]
    pub fn start(service: &Service, user: &str, password: &str, call: Option<&str>) -> Self {
        Self::signed_in(service, user, password, call, json!({}))
    }

    /// The same with only one format of pictures, such as `VP8`.
    ///
    /// # Panics
    /// As [`Browser::start`].
    #[must_use]
    pub fn with_video(
        service: &Service,
        user: &str,
        password: &str,
        call: Option<&str>,
        video: Option<&str>,
    ) -> Self {
        Self::signed_in(service, user, password, call, json!({ "video": video }))
    }

    /// The same, with a channel for real-time text in its calls: `open`ed in the association,
    /// named in the descriptions by the number of its stream, or awaited (`wait`).
    ///
    /// # Panics
    /// As [`Browser::start`].
    #[must_use]
    pub fn writing(
        service: &Service,
        user: &str,
        password: &str,
        call: Option<&str>,
        text: Option<&str>,
    ) -> Self {
        Self::signed_in(service, user, password, call, json!({ "text": text }))
    }

    /// The same with a browser that may use nothing but the TURN server it is told when it
    /// registers.
    ///
    /// # Panics
    /// As [`Browser::start`].
    #[must_use]
    pub fn start_relayed(service: &Service, user: &str, password: &str, call: &str) -> Self {
        let special = json!({ "relay": true });
        Self::signed_in(service, user, password, Some(call), special)
    }

    /// The same with a picture that goes out in two sizes at once, the smaller one first.
    ///
    /// # Panics
    /// As [`Browser::start`].
    #[must_use]
    pub fn with_sizes(service: &Service, user: &str, password: &str, call: &str) -> Self {
        let special = json!({ "sizes": true });
        Self::signed_in(service, user, password, Some(call), special)
    }

    /// The same with a browser that does not say where it is: the other side learns that from what
    /// it sends, as behind a NAT.
    ///
    /// # Panics
    /// As [`Browser::start`].
    #[must_use]
    pub fn hidden(service: &Service, user: &str, password: &str, call: &str) -> Self {
        let special = json!({ "hidden": true });
        Self::signed_in(service, user, password, Some(call), special)
    }

    /// `special`: how it is otherwise than others, as the page takes it.
    fn signed_in(
        service: &Service,
        user: &str,
        password: &str,
        call: Option<&str>,
        mut special: Value,
    ) -> Self {
        let mut options = json!({
            "server": format!("wss://{}/sip", service.secure()),
            "domain": "localhost",
            "user": user,
            "password": password,
            "call": call,
            "chromium": chromium(),
        });
        if let (Some(options), Some(special)) = (options.as_object_mut(), special.as_object_mut()) {
            options.append(special);
        }
        Self::open(&options)
    }

    /// Starts it with two ends of WebRTC that reach each other only through relays of a TURN
    /// server (its URL, and a credential as the server's command line gives it).
    ///
    /// # Panics
    /// As [`Browser::start`].
    #[must_use]
    pub fn relayed(url: &str, credential: &Value) -> Self {
        Self::open(&json!({
            "page": "turn.js",
            "urls": [url],
            "credential": credential,
            "chromium": chromium(),
        }))
    }

    fn open(options: &Value) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        fetch_packages(&folder);
        let mut command = Command::new(installed("node", "nodejs"));
        command
            .current_dir(&folder)
            .arg("run.mjs")
            .arg(options.to_string());
        Self {
            program: Program::start("chromium", &mut command),
        }
    }

    /// Waits for an event; returns it with its data.
    pub fn event(&self, name: &str) -> Value {
        self.event_where(name, |_| true)
    }

    /// Waits for an event whose data `are` takes.
    pub fn event_where(&self, name: &str, are: impl Fn(&Value) -> bool) -> Value {
        find_event(&self.program, name, are)
    }

    /// Puts the call on hold, by a re-INVITE.
    pub fn hold(&mut self) {
        self.program.say("hold");
    }

    /// Takes the call from hold, by another.
    pub fn unhold(&mut self) {
        self.program.say("unhold");
    }

    /// Looks for another path, by a re-INVITE that restarts ICE.
    pub fn restart(&mut self) {
        self.program.say("restart");
    }

    /// Presses telephone keys, each for so long.
    pub fn press(&mut self, keys: &str, held_ms: u32) {
        self.program.say(&format!("press {keys} {held_ms}"));
    }

    /// Writes on the channel for real-time text.
    pub fn write(&mut self, text: &str) {
        self.program.say(&format!("write {text}"));
    }

    /// Waits until all that was read from it is `text`.
    pub fn read(&self, text: &str) {
        self.event_where("text", |event| event["read"] == text);
    }

    /// Ends the call from the page.
    pub fn hang_up(&mut self) {
        self.program.say("hangup");
    }
}

/// Waits for an event that a program prints as one line of JSON.
fn find_event(program: &Program, name: &str, are: impl Fn(&Value) -> bool) -> Value {
    program.find(name, |line| {
        let event: Value = serde_json::from_str(line).ok()?;
        (event["event"] == name && are(&event)).then_some(event)
    })
}

/// Distributions name it differently.
fn chromium() -> PathBuf {
    let names = ["chromium-browser", "google-chrome"];
    let other = names.into_iter().find_map(find);
    other.unwrap_or_else(|| installed("chromium", "chromium"))
}

/// JsSIP, playwright-core and esbuild from the package registry, at the locked versions.
fn fetch_packages(folder: &Path) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if folder.join("node_modules/jssip").is_dir() {
            return;
        }
        let output = Command::new(installed("npm", "npm"))
            .current_dir(folder)
            .args(["ci", "--ignore-scripts"])
            .output()
            .expect("npm starts");
        assert!(
            output.status.success(),
            "npm ci: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    });
}
