//! The app's window.

use std::error::Error;
use std::process::ExitCode;

use eframe::NativeOptions;
use egui::ViewportBuilder;
use vrs_ui::host::{Host, Program};

/// A model with its engine, as a window of the desktop.
pub struct Window<P: Program>(pub Host<P>);

impl<P: Program> eframe::App for Window<P> {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.0.logic(ctx);
        for error in self.0.take_trouble() {
            tracing::error!(%error, "could not be written");
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.0.ui(ui);
    }
}

/// Opens the window and runs until it is closed; `build` gets the context that draws it.
///
/// # Errors
/// When there is no display, no OpenGL, or `build` fails.
pub fn run<P: Program + 'static>(
    title: &str,
    app_id: &str,
    build: impl FnOnce(&egui::Context) -> Result<Host<P>, Box<dyn Error + Send + Sync>> + 'static,
) -> eframe::Result {
    let viewport = ViewportBuilder::default()
        .with_title(title)
        .with_app_id(app_id)
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([640.0, 400.0]);
    let options = NativeOptions { viewport, renderer: eframe::Renderer::Glow, ..NativeOptions::default() };
    eframe::run_native(title, options, Box::new(|cc| Ok(Box::new(Window(build(&cc.egui_ctx)?)))))
}

/// Sets up log and panic hook, runs `body`, and names what went wrong.
pub fn run_program(body: impl FnOnce() -> Result<(), Box<dyn Error>>) -> ExitCode {
    let settings = vrs_telemetry::Settings { format: vrs_telemetry::Format::Text, ..vrs_telemetry::Settings::default() };
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
