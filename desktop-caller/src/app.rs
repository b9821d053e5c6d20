//! The app: flags, model and loop brought together.

use std::time::{Duration, Instant};

use clap::Parser;
use egui::Ui;
use serde_json::Value;
use vrs_client::{Command, Event, Role};
use vrs_domain::PhoneNumber;
use vrs_ui::Kit;
use vrs_ui::automation::Flags;
use vrs_ui::desk::Desk;
use vrs_ui::host::{Effect, Program, Seen};

use crate::glue::{self, App, Identity};
use crate::message::Message;
use crate::model::Model;
use crate::{update, view};

/// What the app takes on the command line.
#[derive(Debug, Clone, Default, Parser)]
#[command(
    name = "desktop-caller",
    version,
    about = "Visavis: call any telephone in sign language"
)]
pub struct Arguments {
    /// The flags both apps share.
    #[command(flatten)]
    pub flags: Flags,
    /// Call this number as soon as signed in.
    #[arg(long, value_name = "NUMBER")]
    pub call: Option<PhoneNumber>,
}

/// The caller's app.
pub type CallerApp = App<Model>;

/// What the caller's app is built from.
pub type Options = glue::Options<Model>;

/// Runs the app in its window until it is closed.
///
/// # Errors
/// When settings, engine or window cannot be had; the text names the cause.
pub fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let identity = Identity {
        role: Role::Caller,
        title: "Visavis",
        folder: "caller",
        app_id: "visavis-caller",
        tone_hz: 440.0,
    };
    let call_at_start = arguments.call;
    glue::run(identity, arguments.flags, move |mut desk| {
        // Callers are asked where they are.
        desk.place.get_or_insert_default();
        Model {
            desk,
            call_at_start,
            ..Model::default()
        }
    })
}

impl Program for Model {
    type Command = Command;
    type Event = Event;
    type Message = Message;

    fn update(&mut self, now: Instant, message: Message) -> Vec<Effect<Command>> {
        update::update(self, now, message)
    }

    fn tick(&mut self, now: Instant) -> Vec<Effect<Command>> {
        let scene = self.call.scene(&self.desk);
        self.desk
            .tick(now, scene)
            .into_iter()
            .map(|effect| effect.map(glue::command))
            .collect()
    }

    fn view(&self, ui: &mut Ui, kit: &Kit, seen: &Seen) -> Vec<Message> {
        view::show(ui, kit, self, seen)
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn report(&self) -> Value {
        glue::report(
            "caller",
            &self.call.stats,
            self.call.last_end.as_ref(),
            self.desk.problem.is_some(),
        )
    }

    fn wake_after(&self, _now: Instant) -> Option<Duration> {
        // Clocks tick and scripts run while there is a call; pictures wake the window by themselves.
        let busy = self.call.view().is_some() || !self.desk.script.is_idle();
        busy.then_some(Duration::from_millis(200))
    }
}
