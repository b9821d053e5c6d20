//! Starts the caller's app; everything else is in the library.

use clap::Parser;

fn main() -> std::process::ExitCode {
    let arguments = desktop_caller::Arguments::parse();
    desktop_caller::glue::run_program(|| desktop_caller::app::run(arguments))
}
