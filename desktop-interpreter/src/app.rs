//! The app: flags, model and loop brought together.

use std::time::{Duration, Instant};

use clap::Parser;
use egui::Ui;
use serde_json::Value;
use vrs_client::{Command, Event, Role};
use vrs_ui::Kit;
use vrs_ui::automation::Flags;
use vrs_ui::desk::Desk;
use vrs_ui::host::{Effect, Program, Seen};

use crate::glue::{self, App, Identity};
use crate::message::Message;
use crate::model::Model;
use crate::{update, view};

/// The ring of an invitation is drawn this often.
const RING_FRAME: Duration = Duration::from_millis(50);
/// Clocks and scripts are looked at this often.
const CLOCK_FRAME: Duration = Duration::from_millis(200);

/// What the app takes on the command line.
#[derive(Debug, Clone, Default, Parser)]
#[command(
    name = "desktop-interpreter",
    version,
    about = "Visavis: take relayed calls as an interpreter"
)]
pub struct Arguments {
    /// The flags both apps share.
    #[command(flatten)]
    pub flags: Flags,
    /// Take every invitation at once.
    #[arg(long)]
    pub auto_accept: bool,
}

/// The interpreter's app.
pub type InterpreterApp = App<Model>;

/// What the interpreter's app is built from.
pub type Options = glue::Options<Model>;

/// Runs the app in its window until it is closed.
///
/// # Errors
/// When settings, engine or window cannot be had; the text names the cause.
pub fn run(Arguments { flags, auto_accept }: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let identity = Identity {
        role: Role::Interpreter,
        title: "Visavis for interpreters",
        folder: "interpreter",
        app_id: "visavis-interpreter",
        tone_hz: 660.0,
    };
    glue::run(identity, flags, move |desk| Model {
        desk,
        auto_accept,
        ..Model::default()
    })
}

impl Program for Model {
    type Command = Command;
    type Event = Event;
    type Message = Message;

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }

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

    fn report(&self) -> Value {
        glue::report(
            "interpreter",
            &self.call.stats,
            self.call.last_end.as_ref(),
            self.desk.problem.is_some(),
        )
    }

    fn wake_after(&self, _now: Instant) -> Option<Duration> {
        if self.invitation.is_some() {
            return Some(RING_FRAME);
        }
        (self.call.view().is_some() || !self.desk.script.is_idle()).then_some(CLOCK_FRAME)
    }
}
