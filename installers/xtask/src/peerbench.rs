//! `cargo peerbench`: what our media plane costs beside another program under the same load.

use std::process::Command;

use crate::{Failure, setup};

/// Installs the other programs if need be, builds ours as it is shipped, and measures.
///
/// # Errors
/// When something is missing, does not build, or does not run.
pub(crate) fn run(names: &[&str], yes: bool) -> Result<(), Failure> {
    setup::install(&setup::for_peerbench(), yes)?;
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--release", "--package", "vrs-bench"])
        .args(["--bin", "peerbench", "--"])
        .args(names)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err("the benchmark did not run to its end".to_owned())
    }
}
