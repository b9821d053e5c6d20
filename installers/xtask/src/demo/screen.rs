//! Where windows go: the person's own display, or an Xvfb of ours that nobody sees.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Failure;
use crate::child::{Program, Reaper};

/// Whether this machine shows windows to somebody.
pub(super) fn has_display() -> bool {
    cfg!(any(windows, target_os = "macos")) || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

fn set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// An X server without a screen; the apps draw in it exactly as they do in front of people.
pub(super) struct Screen {
    /// `None` where windows need no X server.
    display: Option<String>,
    program: Option<Program>,
}

impl Screen {
    /// Starts Xvfb on a display number of its own choice.
    pub(super) fn hidden(logs: &Path, reaper: &mut Reaper) -> Result<Self, Failure> {
        if cfg!(any(windows, target_os = "macos")) {
            return Ok(Self {
                display: None,
                program: None,
            });
        }
        let mut command = Command::new("Xvfb");
        command.args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            "1600x1000x24",
            "-nolisten",
            "tcp",
        ]);
        let mut program = Program::start("Xvfb", &mut command, &logs.join("xvfb.log"), reaper)?;
        let display = program.wait_until("ready", Duration::from_secs(20), |text| {
            let number = text
                .lines()
                .find(|line| line.trim().parse::<u32>().is_ok())?;
            Some(format!(":{}", number.trim()))
        })?;
        Ok(Self {
            display: Some(display),
            program: Some(program),
        })
    }

    /// Points a program at this screen, with software OpenGL.
    pub(super) fn show(&self, command: &mut Command) {
        let Some(display) = &self.display else { return };
        command
            .env("DISPLAY", display)
            .env_remove("WAYLAND_DISPLAY");
        command
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .stdin(Stdio::null());
    }

    pub(super) fn stop(&mut self, reaper: &mut Reaper) {
        if let Some(program) = &mut self.program {
            program.stop(reaper);
        }
    }
}
