//! Both apps in real windows of an X server, used by keystrokes that xdotool sends.

use std::process::Command;
use std::time::{Duration, Instant};

use vrs_client::Command as Order;
use vrs_domain::{EndReason, Seat};
use vrs_e2e::{
    CALLER, CALLER_PASSWORD, INTERPRETER, INTERPRETER_PASSWORD, NUMBER, Party, Program, Service,
    binary, is_talking,
};
use vrs_peers::installed;

/// A key may come before the window is ready for it; then it is pressed again.
const PRESS_AGAIN: Duration = Duration::from_secs(3);
const PRESSES_MAX: usize = 10;

/// An X server without a screen.
struct Screen {
    display: String,
    _program: Program,
}

impl Screen {
    fn start() -> Self {
        let mut command = Command::new(installed("Xvfb", "xvfb"));
        command.args(["-displayfd", "1", "-screen", "0", "2600x900x24"]);
        command.args(["-nolisten", "tcp"]);
        let program = Program::start("Xvfb", &mut command);
        let number: u32 = program.find("its display number", |line| line.trim().parse().ok());
        Self {
            display: format!(":{number}"),
            _program: program,
        }
    }

    fn app(&self, service: &Service, name: &str, account: &str, password: &str) -> Program {
        let file = service.dir().join(format!("{name}.password"));
        std::fs::write(&file, password).expect("the folder is ours");
        let port = service.secure().rsplit(':').next().expect("a port");
        let mut command = Command::new(binary(name));
        command
            .args(["--server", &format!("localhost:{port}")])
            .args(["--account", account, "--language", "en"])
            .args(["--camera", "synthetic", "--microphone", "synthetic"])
            .args(["--speaker", "none"])
            .arg("--password-file")
            .arg(file)
            .arg("--ca-file")
            .arg(service.ca())
            .arg("--settings-dir")
            .arg(service.dir().join(name))
            .env("DISPLAY", &self.display)
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env_remove("WAYLAND_DISPLAY");
        Program::start(name, &mut command)
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = Command::new(installed("xdotool", "xdotool"))
            .args(arguments)
            .env("DISPLAY", &self.display)
            .output()
            .expect("xdotool starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "xdotool {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn window(&self, title: &str) -> String {
        let name = format!("^{title}$");
        let found = self.xdotool(&["search", "--sync", "--onlyvisible", "--name", &name]);
        found.lines().next().expect("a window").to_owned()
    }

    /// Presses keys in a window until the server says that it had the effect.
    fn press(&self, service: &mut Service, window: &str, keys: &[&[&str]], effect: &str) {
        for _ in 0..PRESSES_MAX {
            self.xdotool(&["windowfocus", "--sync", window]);
            for key in keys {
                self.xdotool(key);
            }
            let end = Instant::now() + PRESS_AGAIN;
            while Instant::now() < end {
                if service.server().said().contains(effect) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        panic!("{keys:?} never led to {effect}");
    }
}

#[test]
fn both_windows_are_used_by_keyboard_for_a_whole_call() {
    let screen = Screen::start();
    let mut service = Service::start();
    let _caller = screen.app(&service, "desktop-caller", CALLER, CALLER_PASSWORD);
    let _interpreter = screen.app(
        &service,
        "desktop-interpreter",
        INTERPRETER,
        INTERPRETER_PASSWORD,
    );
    let caller = screen.window("Visavis");
    let interpreter = screen.window("Visavis for interpreters");
    // Side by side, as nobody else arranges windows here.
    screen.xdotool(&["windowmove", &interpreter, "1300", "0"]);
    service
        .server()
        .find("a sign-in", |line| line.contains("signed in").then_some(()));
    let dial: [&[&str]; 3] = [
        &["key", "ctrl+a", "BackSpace"],
        &["type", "--delay", "30", NUMBER],
        &["key", "Return"],
    ];
    screen.press(&mut service, &caller, &dial, "interpreter_invited");
    screen.press(
        &mut service,
        &interpreter,
        &[&["key", "space"]],
        "relay_active",
    );
    let hang_up: [&[&str]; 1] = [&["key", "--delay", "200", "Escape", "Escape"]];
    screen.press(&mut service, &caller, &hang_up, "call_ended");
    let report = service.telephone_report();
    assert_eq!(report["outcome"], "answered", "{report}");
    service.stop_and_verify();
}

#[test]
fn an_interpreter_whose_app_is_killed_in_a_call_is_replaced_and_nobody_redials() {
    const OTHER: &str = "4321";
    let screen = Screen::start();
    let mut service = Service::start();
    let (account, password) = (INTERPRETER, INTERPRETER_PASSWORD);
    let app = screen.app(&service, "desktop-interpreter", account, password);
    let window = screen.window("Visavis for interpreters");
    service
        .server()
        .find("a sign-in", |line| line.contains("signed in").then_some(()));
    let mut caller = service.caller();
    caller.call(NUMBER);
    screen.press(&mut service, &window, &[&["key", "space"]], "relay_active");
    caller.call_where("the conversation", is_talking);
    let languages = ["--languages", "ase/en"];
    service.add_account("interpreter", OTHER, INTERPRETER_PASSWORD, &languages);
    let mut other = Party::interpreter(&service, OTHER, INTERPRETER_PASSWORD);
    // Dropping a program kills it.
    drop(app);
    assert_eq!(other.invited().seat, Some(Seat::Lead));
    other.send(Order::Answer);
    caller.call_where("the other interpreter", |view| {
        let interpreter = view.interpreter.as_ref();
        interpreter.is_some_and(|ca| ca.as_str() == OTHER)
    });
    other.hears_the_telephone();
    other.sees("the caller");
    caller.sees("the other interpreter");
    caller.send(Order::HangUp);
    assert_eq!(other.ended().reason, Some(EndReason::CallerHungUp));
    let journal = service.stop_and_verify();
    assert!(journal.contains("interpreter_lost"), "{journal}");
    assert_eq!(journal.matches("call_placed").count(), 1, "{journal}");
}
