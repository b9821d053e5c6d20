//! The app: flags, model and loop brought together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use egui::{Context, Ui};
use serde_json::Value;
use vrs_client::{Command, Engine, Event, Role};
use vrs_ui::Kit;
use vrs_ui::automation::Flags;
use vrs_ui::desk::Desk;
use vrs_ui::host::{Calls, Effect, Host, Keeping, Program, Seen, Surroundings};

use crate::glue::{self, RealCalls, Window};
use crate::message::Message;
use crate::model::Model;
use crate::{update, view};

/// Pitch of the synthetic microphone, in Hz: another than the caller's, to tell them apart.
const TONE_HZ: f32 = 660.0;

/// What the app takes on the command line.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "desktop-interpreter", version, about = "Visavis: take relayed calls as an interpreter")]
pub struct Arguments {
    /// The flags both apps share.
    #[command(flatten)]
    pub flags: Flags,
    /// Take every invitation at once.
    #[arg(long)]
    pub auto_accept: bool,
}

/// What an app is built from.
pub struct Options {
    /// What it knows at the start.
    pub model: Model,
    /// Where report and picture go, and what time it is.
    pub surroundings: Surroundings,
    /// What writes settings and password; `()` writes nothing.
    pub keeping: Box<dyn Keeping<Model>>,
}

impl Default for Options {
    /// An empty model, the real time, nothing kept.
    fn default() -> Self {
        let surroundings = Surroundings { report: None, screenshot: None, clock: Arc::new(Instant::now) };
        Self { model: Model::default(), surroundings, keeping: Box::new(()) }
    }
}

/// The interpreter's app, without a window of its own: an [`eframe::App`].
pub struct InterpreterApp(Window<Model>);

impl InterpreterApp {
    /// Brings model, engine and drawing context together.
    #[must_use]
    pub fn new(ctx: &Context, options: Options, calls: Box<dyn Calls<Command, Event>>) -> Self {
        Self(Window(host(ctx, options, calls)))
    }

    /// The model, for tests.
    #[must_use]
    pub const fn model(&self) -> &Model {
        self.0.0.program()
    }
}

fn host(ctx: &Context, options: Options, calls: Box<dyn Calls<Command, Event>>) -> Host<Model> {
    Host::new(ctx, options.model, calls, options.keeping, options.surroundings)
}

impl eframe::App for InterpreterApp {
    fn logic(&mut self, ctx: &Context, frame: &mut eframe::Frame) {
        self.0.logic(ctx, frame);
    }

    fn ui(&mut self, ui: &mut Ui, frame: &mut eframe::Frame) {
        self.0.ui(ui, frame);
    }
}

/// Starts the engine and runs the window until it is closed.
///
/// # Errors
/// When settings, engine or window cannot be had; the text names the cause.
pub fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { flags, auto_accept } = arguments;
    let started = glue::start("interpreter", &flags)?;
    let build = move |ctx: &Context| {
        let wake = ctx.clone();
        let config = glue::engine_config(
            Role::Interpreter,
            TONE_HZ,
            &started.desk.choices,
            started.ca_file,
            Arc::new(move || wake.request_repaint()),
        );
        let engine = Engine::start(config)?;
        let model = Model { desk: started.desk, auto_accept, ..Model::default() };
        let surroundings =
            Surroundings { report: flags.report, screenshot: flags.screenshot, clock: Arc::new(Instant::now) };
        let options = Options { model, surroundings, keeping: Box::new(started.kept) };
        Ok(host(ctx, options, Box::new(RealCalls(engine))))
    };
    Ok(glue::run("Visavis", "visavis-interpreter", build)?)
}

impl Program for Model {
    type Command = Command;
    type Event = Event;
    type Message = Message;

    fn update(&mut self, now: Instant, message: Message) -> Vec<Effect<Command>> {
        update::update(self, now, message)
    }

    fn tick(&mut self, now: Instant) -> Vec<Effect<Command>> {
        let scene = self.scene();
        self.desk.tick(now, scene).into_iter().map(|effect| effect.map(glue::command)).collect()
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
        glue::report("interpreter", &self.stats, self.last.as_ref().map(|last| &last.end), self.desk.problem.is_some())
    }

    fn wake_after(&self, _now: Instant) -> Option<Duration> {
        // The ring of an invitation turns, clocks tick, scripts run.
        if self.invitation.is_some() {
            Some(Duration::from_millis(50))
        } else if self.call.is_some() || !self.desk.script.is_idle() {
            Some(Duration::from_millis(200))
        } else {
            None
        }
    }
}
