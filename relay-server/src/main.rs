//! The relay server's binary: one crypto provider, one command line, one call.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use relay_server::cli::Cli;

/// What a session needs lies in many places: this allocator asks for large pages, so that the
/// processor finds them sooner.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // rustls must be told which provider to use before anything touches TLS.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        eprintln!("relay-server: another TLS provider is installed already; this is a defect");
        return ExitCode::FAILURE;
    }
    Cli::parse().run()
}
