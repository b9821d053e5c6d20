//! Starts the interpreter's app; everything else is in the library.

use clap::Parser;

fn main() -> std::process::ExitCode {
    let arguments = desktop_interpreter::Arguments::parse();
    desktop_interpreter::glue::run_program(|| desktop_interpreter::app::run(arguments))
}
