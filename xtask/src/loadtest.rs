//! `loadtest`: the load harness, built as it is shipped.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::build::Profile;
use crate::paths::Paths;
use crate::setup;
use crate::steps::run;

/// Builds the harness and becomes it, so that Ctrl-C and the exit code are its own.
pub(crate) fn loadtest(paths: &Paths, arguments: &[&str]) -> Result<()> {
    setup::for_compiling()?;
    let quiet = ["build", "--quiet", "--release", "--package", "penstock-loadtest"];
    run(&mut paths.cargo(&quiet))?;
    let program = paths.binary(Profile::Release.dir(), "penstock-loadtest");
    let error = Command::new(&program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}
