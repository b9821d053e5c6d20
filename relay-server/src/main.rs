//! The relay server's binary: one crypto provider, one command line, one call.

use std::process::ExitCode;

use clap::Parser;
use relay_server::cli::Cli;

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
