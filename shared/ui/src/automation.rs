//! The flags both apps share, and the small script that plays a call for demonstrations and tests.
//!
//! The script only decides; the app does. It reads no clock.

use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use vrs_domain::Sensitive;

use crate::screens::Choices;
use crate::strings::Language;
use crate::theme::Theme;

/// Longest password file, in bytes.
const PASSWORD_FILE_BYTES_MAX: u64 = 4096;
/// The picture is taken this long before hanging up, so that everything has settled.
const SCREENSHOT_BEFORE_END: Duration = Duration::from_secs(2);
/// Without a planned end, the picture is taken this long into the conversation.
const SCREENSHOT_INTO_CONVERSATION: Duration = Duration::from_secs(3);
/// The last figures of a call may come a little after its end.
const REPORT_AFTER_END: Duration = Duration::from_millis(400);
/// A picture that was asked for and has not come by then is given up.
const SCREENSHOT_PATIENCE: Duration = Duration::from_secs(5);

/// What both apps take on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// The relay server, HOST:PORT.
    #[arg(long, value_name = "HOST:PORT")]
    pub server: Option<String>,
    /// Telephone number or CA id to sign in with.
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// A file whose first line is the password; signs in without a click.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Certificates to trust besides the system's, a PEM file.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// `synthetic`, or the camera's name.
    #[arg(long, value_name = "NAME")]
    pub camera: Option<String>,
    /// `synthetic`, or the microphone's name.
    #[arg(long, value_name = "NAME")]
    pub microphone: Option<String>,
    /// `none`, or the speaker's name.
    #[arg(long, value_name = "NAME")]
    pub speaker: Option<String>,
    /// Let picture and sound pass only through the provider's relay (TURN).
    #[arg(long)]
    pub relay_only: bool,
    /// Where settings are kept instead of the system's folder.
    #[arg(long, value_name = "DIR")]
    pub settings_dir: Option<PathBuf>,
    /// light, dark or contrast.
    #[arg(long, value_name = "THEME", value_parser = ["light", "dark", "contrast"])]
    pub theme: Option<String>,
    /// en or es.
    #[arg(long, value_name = "LANGUAGE", value_parser = ["en", "es"])]
    pub language: Option<String>,
    /// Text size in per cent, 100 to 300.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u16).range(100..=300))]
    pub text_size: Option<u16>,
    /// Hang up this many seconds after the conversation began.
    #[arg(long, value_name = "SECONDS")]
    pub hang_up_after_s: Option<u64>,
    /// Write figures of the call to this file (JSON) when it ends.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Write a picture of the window to this file (PNG) during the conversation.
    #[arg(long, value_name = "FILE")]
    pub screenshot: Option<PathBuf>,
    /// Close the app when a call has ended.
    #[arg(long)]
    pub exit_after_call: bool,
}

impl Flags {
    /// The password in the file that was named.
    ///
    /// # Errors
    /// When the file cannot be read, or is not text.
    pub fn read_password(&self) -> std::io::Result<Option<Sensitive<String>>> {
        let Some(path) = &self.password_file else {
            return Ok(None);
        };
        let mut text = String::new();
        std::fs::File::open(path)?
            .take(PASSWORD_FILE_BYTES_MAX)
            .read_to_string(&mut text)?;
        let line = text.lines().next().unwrap_or_default().to_owned();
        Ok(Some(Sensitive::new(line)))
    }

    /// Lets the flags overrule what was chosen before.
    pub fn overrule(&self, choices: &mut Choices) {
        if let Some(theme) = self.theme.as_deref().and_then(Theme::from_word) {
            choices.theme = theme;
        }
        if let Some(language) = self.language.as_deref().and_then(Language::from_code) {
            choices.language = language;
        }
        if let Some(percent) = self.text_size {
            choices.text_percent = percent;
        }
        choices.relay_only |= self.relay_only;
        for (flag, choice) in [
            (&self.camera, &mut choices.camera),
            (&self.microphone, &mut choices.microphone),
            (&self.speaker, &mut choices.speaker),
        ] {
            if flag.is_some() {
                choice.clone_from(flag);
            }
        }
    }
}

/// What the script sees of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scene {
    /// All three are talking.
    pub relay_active: bool,
    /// A call has ended, or could not be made.
    pub ended: bool,
}

/// What the script wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask for a picture of the window.
    Screenshot,
    /// Hang up.
    HangUp,
    /// Write the report.
    Report,
    /// Close the app.
    Exit,
}

/// Plays what the flags ask for.
#[derive(Debug, Clone, Default)]
pub struct Script {
    hang_up_after: Option<Duration>,
    wants_screenshot: bool,
    wants_report: bool,
    wants_exit: bool,
    active_since: Option<Instant>,
    ended_since: Option<Instant>,
    screenshot_asked: Option<Instant>,
    screenshot_done: bool,
    hung_up: bool,
    reported: bool,
}

impl Script {
    /// The script of these flags.
    #[must_use]
    pub fn new(flags: &Flags) -> Self {
        Self {
            hang_up_after: flags.hang_up_after_s.map(Duration::from_secs),
            wants_screenshot: flags.screenshot.is_some(),
            wants_report: flags.report.is_some(),
            wants_exit: flags.exit_after_call,
            ..Self::default()
        }
    }

    /// Whether it has anything to do.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.hang_up_after.is_none()
            && !(self.wants_screenshot || self.wants_report || self.wants_exit)
    }

    /// The picture has been written, or could not be.
    pub const fn screenshot_finished(&mut self) {
        self.screenshot_done = true;
    }

    /// What is due now.
    pub fn due(&mut self, now: Instant, scene: Scene) -> Vec<Step> {
        let mut steps = Vec::new();
        if scene.relay_active {
            let since = *self.active_since.get_or_insert(now);
            let passed = now.saturating_duration_since(since);
            if self.wants_screenshot
                && self.screenshot_asked.is_none()
                && passed >= self.screenshot_at()
            {
                self.screenshot_asked = Some(now);
                steps.push(Step::Screenshot);
            }
            if !self.hung_up && self.hang_up_after.is_some_and(|after| passed >= after) {
                self.hung_up = true;
                steps.push(Step::HangUp);
            }
        }
        if scene.ended {
            let since = *self.ended_since.get_or_insert(now);
            let settled = now.saturating_duration_since(since) >= REPORT_AFTER_END;
            if settled && !self.reported {
                self.reported = true;
                if self.wants_report {
                    steps.push(Step::Report);
                }
            }
            if self.reported && self.wants_exit && self.screenshot_settled(now) {
                self.wants_exit = false;
                steps.push(Step::Exit);
            }
        }
        steps
    }

    fn screenshot_at(&self) -> Duration {
        self.hang_up_after
            .map_or(SCREENSHOT_INTO_CONVERSATION, |after| {
                after.saturating_sub(SCREENSHOT_BEFORE_END)
            })
    }

    fn screenshot_settled(&self, now: Instant) -> bool {
        self.screenshot_done
            || self
                .screenshot_asked
                .is_none_or(|asked| now.saturating_duration_since(asked) >= SCREENSHOT_PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    const TALKING: Scene = Scene {
        relay_active: true,
        ended: false,
    };
    const ENDED: Scene = Scene {
        relay_active: false,
        ended: true,
    };

    fn script() -> Script {
        Script::new(&Flags {
            hang_up_after_s: Some(5),
            report: Some("r".into()),
            screenshot: Some("s".into()),
            exit_after_call: true,
            ..Flags::default()
        })
    }

    #[test]
    fn a_call_is_pictured_ended_reported_and_left() {
        let start = epoch();
        let at = |seconds: f32| start + Duration::from_secs_f32(seconds);
        let mut script = script();
        assert_eq!(script.due(at(0.0), Scene::default()), []);
        assert_eq!(script.due(at(1.0), TALKING), []);
        assert_eq!(script.due(at(4.0), TALKING), [Step::Screenshot]);
        assert_eq!(script.due(at(5.9), TALKING), []);
        assert_eq!(script.due(at(6.0), TALKING), [Step::HangUp]);
        assert_eq!(script.due(at(6.1), ENDED), []);
        assert_eq!(script.due(at(6.6), ENDED), [Step::Report]);
        script.screenshot_finished();
        assert_eq!(script.due(at(6.7), ENDED), [Step::Exit]);
        assert_eq!(script.due(at(6.8), ENDED), []);
    }

    #[test]
    fn a_picture_that_never_comes_does_not_hold_the_app() {
        let start = epoch();
        let mut script = script();
        script.due(start, TALKING);
        assert_eq!(
            script.due(start + Duration::from_secs(3), TALKING),
            [Step::Screenshot]
        );
        let later = start + Duration::from_secs(4);
        assert_eq!(script.due(later, ENDED), []);
        assert_eq!(script.due(later + REPORT_AFTER_END, ENDED), [Step::Report]);
        assert_eq!(script.due(later + SCREENSHOT_PATIENCE, ENDED), [Step::Exit]);
    }

    #[test]
    fn the_flag_for_the_relay_overrules_what_was_chosen_before() {
        let mut choices = Choices::default();
        Flags::default().overrule(&mut choices);
        assert!(!choices.relay_only);
        let flags = Flags {
            relay_only: true,
            ..Flags::default()
        };
        flags.overrule(&mut choices);
        Flags::default().overrule(&mut choices);
        assert!(choices.relay_only);
    }

    #[test]
    fn without_flags_nothing_happens_by_itself() {
        let mut script = Script::new(&Flags::default());
        assert!(script.is_idle());
        let now = epoch();
        assert_eq!(script.due(now, TALKING), []);
        assert_eq!(script.due(now, ENDED), []);
        assert_eq!(script.due(now + Duration::from_secs(60), ENDED), []);
    }
}
