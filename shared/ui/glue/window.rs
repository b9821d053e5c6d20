//! The app with its engine, and the app with its window.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use eframe::NativeOptions;
use egui::{Context, Ui, ViewportBuilder};
use vrs_client::{Command, Engine, Event, Role};
use vrs_ui::automation::Flags;
use vrs_ui::desk::Desk;
use vrs_ui::host::{Calls, Host, Keeping, Program, Surroundings};

use super::engine::RealCalls;
use super::start::{engine_config, start};

/// What an app is built from.
pub struct Options<P> {
    /// What it knows at the start.
    pub model: P,
    /// Where report and picture go, and what time it is.
    pub surroundings: Surroundings,
    /// What writes settings and password; `()` writes nothing.
    pub keeping: Box<dyn Keeping<P>>,
}

impl<P: Default> Default for Options<P> {
    /// An empty model, the real time, nothing kept.
    fn default() -> Self {
        let clock = Arc::new(Instant::now);
        let surroundings = Surroundings {
            report: None,
            screenshot: None,
            clock,
        };
        Self {
            model: P::default(),
            surroundings,
            keeping: Box::new(()),
        }
    }
}

/// A model with its engine: an [`eframe::App`] that any window, or none, can draw.
pub struct App<P: Program>(Host<P>);

impl<P: Program<Command = Command, Event = Event>> App<P> {
    /// Brings model, engine and drawing context together.
    #[must_use]
    pub fn new(ctx: &Context, options: Options<P>, calls: Box<dyn Calls<Command, Event>>) -> Self {
        Self(Host::new(
            ctx,
            options.model,
            calls,
            options.keeping,
            options.surroundings,
        ))
    }

    /// The model, for tests.
    #[must_use]
    pub const fn model(&self) -> &P {
        self.0.program()
    }
}

impl<P: Program> eframe::App for App<P> {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.0.logic(ctx);
        for error in self.0.take_trouble() {
            tracing::error!(%error, "could not be written");
        }
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.0.ui(ui);
    }
}

/// What tells one app from the other when it starts.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// Who sits before it.
    pub role: Role,
    /// The title of its window.
    pub title: &'static str,
    /// The name of its settings' folder.
    pub folder: &'static str,
    /// The name by which the desktop groups its windows.
    pub app_id: &'static str,
    /// Pitch of its synthetic microphone, in Hz; each app hums its own.
    pub tone_hz: f32,
}

/// Starts the engine, opens the window, and runs until it is closed.
///
/// # Errors
/// When settings, engine, display or OpenGL cannot be had; the text names the cause.
pub fn run<P>(
    identity: Identity,
    flags: Flags,
    model: impl FnOnce(Desk) -> P + 'static,
) -> Result<(), Box<dyn Error>>
where
    P: Program<Command = Command, Event = Event> + 'static,
{
    let started = start(identity.folder, &flags)?;
    let viewport = ViewportBuilder::default()
        .with_title(identity.title)
        .with_app_id(identity.app_id)
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([640.0, 400.0]);
    let options = NativeOptions {
        viewport,
        renderer: eframe::Renderer::Glow,
        ..NativeOptions::default()
    };
    let build = move |ctx: &Context| -> Result<App<P>, Box<dyn Error + Send + Sync>> {
        let wake = ctx.clone();
        let wake = Arc::new(move || wake.request_repaint());
        let choices = &started.desk.choices;
        let config = engine_config(
            identity.role,
            identity.tone_hz,
            choices,
            started.ca_file,
            started.installation,
            wake,
        );
        let calls = Box::new(RealCalls(Engine::start(config)?));
        let clock = Arc::new(Instant::now);
        let surroundings = Surroundings {
            report: flags.report,
            screenshot: flags.screenshot,
            clock,
        };
        let options = Options {
            model: model(started.desk),
            surroundings,
            keeping: Box::new(started.kept),
        };
        Ok(App::new(ctx, options, calls))
    };
    eframe::run_native(
        identity.title,
        options,
        Box::new(|cc| Ok(Box::new(build(&cc.egui_ctx)?))),
    )?;
    Ok(())
}

/// Sets up log and panic hook, runs `body`, and names what went wrong.
pub fn run_program(body: impl FnOnce() -> Result<(), Box<dyn Error>>) -> ExitCode {
    let settings = vrs_telemetry::Settings {
        format: vrs_telemetry::Format::Text,
        ..vrs_telemetry::Settings::default()
    };
    let log = vrs_telemetry::init(&settings);
    vrs_telemetry::panics::install();
    let code = match body() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the app cannot run");
            ExitCode::FAILURE
        }
    };
    drop(log);
    code
}
