//! What the tests of both apps share: a drawn window without a screen, a scripted engine, a held clock.
//!
//! The including test names its app `crate::app`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use egui::Key;
use egui_kittest::kittest::{By, NodeT, Queryable};
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use vrs_client::devices::{Look, Painter};
use vrs_client::{CallEnd, CallView, Command, Connection, Direction, Event};
use vrs_domain::{EndReason, Leg, Sensitive, SessionState, TelephoneState};
use vrs_ui::desk::Desk;
use vrs_ui::host::{Program, Surroundings};
use vrs_ui::picture::{Picture, Slot};
use vrs_ui::screens::{Choices, Form};
use vrs_ui::twin::Twin;
use vrs_ui::{Language, Theme};

use crate::app::glue::{App, Options};

/// Width and height of the window, in pixels.
const WINDOW: (f32, f32) = (1280.0, 800.0);
/// The telephone that is called, or calls.
pub(crate) const SOMEBODY: &str = "+15550100199";

/// How a window looks.
#[derive(Clone, Copy)]
pub(crate) struct Skin {
    pub(crate) theme: Theme,
    pub(crate) language: Language,
    pub(crate) percent: u16,
}

pub(crate) const LIGHT: Skin = Skin {
    theme: Theme::Light,
    language: Language::English,
    percent: 100,
};
pub(crate) const DARK_ES: Skin = Skin {
    theme: Theme::Dark,
    language: Language::Spanish,
    percent: 100,
};
pub(crate) const CONTRAST: Skin = Skin {
    theme: Theme::Contrast,
    language: Language::English,
    percent: 100,
};
pub(crate) const ES_200: Skin = Skin {
    theme: Theme::Light,
    language: Language::Spanish,
    percent: 200,
};

/// An app in a window that nobody sees.
pub(crate) struct Rig<P: Program<Command = Command, Event = Event> + 'static> {
    pub(crate) harness: Harness<'static, App<P>>,
    pub(crate) twin: Twin<Command, Event>,
    start: Instant,
    passed_ms: Arc<AtomicU64>,
}

impl<P: Program<Command = Command, Event = Event> + 'static> Rig<P> {
    /// The app with its sign-in form filled, nothing moving.
    pub(crate) fn new(skin: Skin, account: &str, model: impl FnOnce(Desk) -> P) -> Self {
        let Skin {
            theme,
            language,
            percent,
        } = skin;
        let desk = Desk {
            form: Form {
                server: "relay.example.org".into(),
                account: account.into(),
                password: Sensitive::new("correct horse".into()),
                remember: false,
            },
            choices: Choices {
                theme,
                language,
                text_percent: percent,
                still: true,
                ..Choices::default()
            },
            ..Desk::default()
        };
        let (start, passed_ms) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let passed = Arc::clone(&passed_ms);
        let clock = Arc::new(move || start + Duration::from_millis(passed.load(Ordering::Relaxed)));
        let surroundings = Surroundings {
            report: None,
            screenshot: None,
            clock,
        };
        let options = Options {
            model: model(desk),
            surroundings,
            keeping: Box::new(()),
        };
        let twin = Twin::default();
        let calls = Box::new(twin.clone());
        // The window stays as large as it is; larger text leaves fewer points of it.
        let scale = f32::from(percent) / 100.0;
        let mut harness = Harness::builder()
            .with_size(egui::vec2(WINDOW.0 / scale, WINDOW.1 / scale))
            .with_max_steps(12)
            .with_render_cursor(false)
            .build_eframe(|cc| App::new(&cc.egui_ctx, options, calls));
        harness.run();
        Self {
            harness,
            twin,
            start,
            passed_ms,
        }
    }

    /// Signs in, and puts the user before the camera.
    pub(crate) fn sign_in(mut self, account: &str, me: Look) -> Self {
        film(&self.twin.local, me, 320);
        self.twin.say(Event::Connection(Connection::Online));
        self.say(Event::SignedIn {
            account: account.into(),
        });
        self
    }

    /// What time it is on the held clock.
    pub(crate) fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.passed_ms.load(Ordering::Relaxed))
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.passed_ms.fetch_add(seconds * 1000, Ordering::Relaxed);
        self.harness.run();
    }

    /// Lets the engine tell something.
    pub(crate) fn say(&mut self, event: Event) {
        self.twin.say(event);
        self.harness.run();
    }

    /// Puts the other person before their camera.
    pub(crate) fn film_other(&self, look: Look) {
        film(&self.twin.remote, look, 640);
    }

    /// A call that has just come to this state.
    pub(crate) fn call(
        &self,
        direction: Direction,
        state: SessionState,
        telephone: TelephoneState,
    ) -> CallView {
        CallView {
            leg: match direction {
                Direction::Outgoing => Leg::Caller,
                Direction::Incoming => Leg::Interpreter,
            },
            kind: None,
            urgency: None,
            held: Vec::new(),
            silent: Vec::new(),
            on_hold: false,
            from: None,
            seats: vrs_client::Seats::default(),
            missing: Vec::new(),
            refused: None,
            wrap_up: None,
            direction,
            state: Some(state),
            session: None,
            connected: state != SessionState::RequestReceived,
            media_connected: true,
            telephone,
            line: vrs_domain::LineReport::default(),
            interpreter: Some("1234".parse().unwrap()),
            number: Some(SOMEBODY.parse().unwrap()),
            queue_position: None,
            started: Some(self.now()),
            conversation_started: None,
            microphone_muted: direction == Direction::Outgoing,
            speaker_muted: false,
            camera_off: false,
        }
    }

    /// Ends the call.
    pub(crate) fn end(&mut self, reason: EndReason) {
        self.twin.remote.clear();
        let status = Some(reason.sip_status());
        let end = CallEnd {
            reason: Some(reason),
            status,
            by_us: false,
            text: String::new(),
            duration_s: 20,
        };
        self.say(Event::CallEnded(end));
    }

    /// Compares the window with its picture.
    pub(crate) fn snapshot(&mut self, results: &mut SnapshotResults, name: &str) {
        self.harness.remove_cursor();
        self.harness.run();
        // Graphics cards round differently; nothing a person would see fits into this.
        let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(24);
        results.add(self.harness.try_snapshot_options(name, &options));
    }

    /// Presses what carries this accessible name.
    pub(crate) fn press(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.harness.run();
    }

    /// Presses keys, one after the other.
    pub(crate) fn keys(&mut self, keys: &[Key]) {
        for key in keys {
            self.harness.key_press(*key);
            self.harness.run();
        }
    }

    /// Types what is no text: each sign is a key of its own.
    pub(crate) fn type_keys(&mut self, signs: &str) {
        for sign in signs.chars() {
            self.harness.event(egui::Event::Text(sign.into()));
            self.harness.run();
        }
    }

    /// Types into the field of this name.
    pub(crate) fn write(&mut self, label: &str, text: &str) {
        self.harness.get_by_label(label).focus();
        self.harness.run();
        self.harness.get_by_label(label).type_text(text);
        self.harness.run();
    }

    /// Checks that Tab reaches these controls and no others, and comes round.
    pub(crate) fn check_tab_reaches(&mut self, controls: &[&str]) {
        let mut reached: Vec<String> = Vec::new();
        for _ in 0..2 * controls.len() + 2 {
            self.keys(&[Key::Tab]);
            let focused = self
                .harness
                .query_all(By::new())
                .find(|node| node.is_focused());
            reached.extend(focused.and_then(|node| node.accesskit_node().label()));
        }
        for control in controls {
            assert!(
                reached.iter().any(|name| name == control),
                "{control} is not among {reached:?}"
            );
        }
        for name in &reached {
            assert!(controls.contains(&name.as_str()), "{name} was not expected");
        }
    }
}

/// A picture of a drawn person, always the same, without the strip that only machines read.
fn film(slot: &Slot<Picture>, look: Look, width: usize) {
    let height = width * 3 / 4;
    let mut rgba = Painter::new(look, width, height).paint(1.4, 42, 0);
    let seen = height - vrs_client::devices::strip::height_px(width, height);
    rgba.truncate(4 * width * seen);
    slot.put(Picture {
        width: width as u32,
        height: seen as u32,
        rgba,
        counter: 1,
    });
}
