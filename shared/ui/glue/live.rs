//! What the live tests of both apps share: the real app on the real engine, worked by its labels.
//!
//! The including test names its app `crate::app`.

use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use vrs_client::{
    CameraChoice, Command, Engine, EngineConfig, Event, MicrophoneChoice, SpeakerChoice, VideoSize,
};
use vrs_e2e::Service;
use vrs_ui::host::Program;

use crate::app::glue::{App, Options, RealCalls};

/// Nothing in these tests takes longer than this.
const PATIENCE: Duration = Duration::from_secs(40);

/// An app in a window that nobody sees, connected to a real service.
pub(crate) struct Live<P: Program<Command = Command, Event = Event> + 'static> {
    pub(crate) harness: Harness<'static, App<P>>,
}

impl<P: Program<Command = Command, Event = Event> + Default + 'static> Live<P> {
    /// The app as it starts for the first time, with a synthetic camera and microphone.
    pub(crate) fn start(service: &Service, role: vrs_client::Role, hz: f32) -> Self {
        let mut config = EngineConfig::new(role);
        config.camera = CameraChoice::Synthetic;
        config.microphone = MicrophoneChoice::Synthetic { hz };
        config.speaker = SpeakerChoice::Null;
        config.extra_ca_pem = Some(service.ca());
        config.video = VideoSize {
            width: 640,
            height: 480,
            fps: 15,
        };
        let engine = Engine::start(config).expect("the engine starts");
        let calls = Box::new(RealCalls(engine));
        let harness = Harness::builder()
            .with_size(egui::vec2(1280.0, 800.0))
            .with_max_steps(8)
            .build_eframe(|cc| App::new(&cc.egui_ctx, Options::default(), calls));
        Self { harness }
    }

    /// Fills in the sign-in form by its labels and presses its button.
    pub(crate) fn sign_in(
        &mut self,
        service: &Service,
        account_label: &str,
        account: &str,
        password: &str,
    ) {
        self.fill("Server", service.secure());
        self.fill(account_label, account);
        self.fill("Password", password);
        self.press("Sign in");
    }

    /// Waits until something with this label is there.
    pub(crate) fn wait(&mut self, label: &str) {
        self.until(label, |harness| harness.query_by_label(label).is_some());
    }

    /// Waits until something whose label contains `part` is there.
    pub(crate) fn wait_containing(&mut self, part: &str) {
        self.until(part, |harness| {
            harness.query_all_by_label_contains(part).next().is_some()
        });
    }

    /// Presses the button with this label, as a mouse or a screen reader would.
    pub(crate) fn press(&mut self, label: &str) {
        self.wait(label);
        self.harness.get_by_label(label).click();
        self.harness.step();
    }

    /// Types into the field with this label.
    pub(crate) fn fill(&mut self, label: &str, text: &str) {
        self.wait(label);
        self.harness.get_by_label(label).focus();
        self.harness.step();
        self.harness.get_by_label(label).type_text(text);
        self.harness.step();
    }

    /// Lets the app run until `is` is true of it.
    pub(crate) fn until(&mut self, what: &str, is: impl Fn(&Harness<'static, App<P>>) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.harness.step();
            if is(&self.harness) {
                return;
            }
            assert!(
                Instant::now() < end,
                "'{what}' never came; there was: {:?}",
                self.labels()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything a screen reader could say now.
    fn labels(&self) -> Vec<String> {
        let all = self.harness.root().children_recursive();
        all.filter_map(|node| node.accesskit_node().label())
            .collect()
    }
}
