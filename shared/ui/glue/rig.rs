//! What the tests of both apps share: a drawn window without a screen, a scripted engine, a held clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use vrs_client::{Command, Connection, Event};
use vrs_domain::Sensitive;
use vrs_ui::desk::Desk;
use vrs_ui::screens::{Choices, Form};
use vrs_ui::twin::Twin;
use vrs_ui::{Language, Theme, sample};

/// Width and height of the window, in pixels.
pub(crate) const WINDOW: (f32, f32) = (1280.0, 800.0);

/// A clock that stands until it is moved.
#[derive(Clone)]
pub(crate) struct Held {
    start: Instant,
    passed_ms: Arc<AtomicU64>,
}

impl Held {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), passed_ms: Arc::default() }
    }

    pub(crate) fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.passed_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn pass(&self, time: Duration) {
        let passed_ms = u64::try_from(time.as_millis()).unwrap();
        self.passed_ms.fetch_add(passed_ms, Ordering::Relaxed);
    }

    pub(crate) fn reader(&self) -> Arc<dyn Fn() -> Instant> {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

/// How a window looks.
#[derive(Clone, Copy)]
pub(crate) struct Skin {
    pub(crate) theme: Theme,
    pub(crate) language: Language,
    pub(crate) percent: u16,
}

pub(crate) const LIGHT: Skin = Skin { theme: Theme::Light, language: Language::English, percent: 100 };
pub(crate) const DARK_ES: Skin = Skin { theme: Theme::Dark, language: Language::Spanish, percent: 100 };
pub(crate) const CONTRAST: Skin = Skin { theme: Theme::Contrast, language: Language::English, percent: 100 };
pub(crate) const ES_200: Skin = Skin { theme: Theme::Light, language: Language::Spanish, percent: 200 };

/// A desk that looks like `skin`, its form filled, nothing moving.
pub(crate) fn desk(skin: Skin, account: &str) -> Desk {
    let Skin { theme, language, percent } = skin;
    Desk {
        form: Form {
            server: "relay.example.org".into(),
            account: account.into(),
            password: Sensitive::new("correct horse".into()),
            remember: false,
        },
        choices: Choices { theme, language, text_percent: percent, still: true, ..Choices::default() },
        ..Desk::default()
    }
}

/// A window of [`WINDOW`] pixels; larger text leaves fewer points of it.
pub(crate) fn harness<'a, A: eframe::App + 'static>(percent: u16, build: impl FnOnce(&egui::Context) -> A) -> Harness<'a, A> {
    let scale = f32::from(percent) / 100.0;
    Harness::builder()
        .with_size(egui::vec2(WINDOW.0 / scale, WINDOW.1 / scale))
        .with_max_steps(12)
        .with_render_cursor(false)
        .build_eframe(|cc| build(&cc.egui_ctx))
}

/// Signs in, and puts both people before their cameras.
pub(crate) fn sign_in(twin: &Twin<Command, Event>, account: &str, me: sample::Person) {
    twin.say(Event::Connection(Connection::Online));
    twin.say(Event::SignedIn { account: account.into() });
    twin.local.put(sample::person(me, 480, 1));
}

/// Presses what carries this accessible name.
pub(crate) fn press<A>(harness: &mut Harness<'_, A>, label: &str) {
    harness.get_by_label(label).click();
    harness.run();
}

/// The names of what Tab reaches, in order, until it comes round.
pub(crate) fn walk<A>(harness: &mut Harness<'_, A>) -> Vec<String> {
    const STEPS_MAX: usize = 60;
    let mut names: Vec<String> = Vec::new();
    for _ in 0..STEPS_MAX {
        harness.key_press(egui::Key::Tab);
        harness.run();
        let Some(node) = harness.query_all(egui_kittest::kittest::By::new()).find(|node| node.is_focused()) else {
            continue;
        };
        let name = node.accesskit_node().label().unwrap_or_default();
        if names.first() == Some(&name) {
            break;
        }
        names.push(name);
    }
    names
}
