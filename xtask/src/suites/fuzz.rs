//! `fuzz`: a short run of every fuzz target.

use std::fs;
use std::time::Duration;

use anyhow::Result;

use super::{Outcome, Run, Tally};
use crate::steps::logged;

const LIMIT: Duration = Duration::from_mins(15);
const RUNS: &str = "300000";

pub(super) fn run(run: &Run) -> Result<Outcome> {
    let args = ["run", "--profile", "fuzz", "--package", "penstock-fuzz", "--", "all", "--runs"];
    let mut command = run.paths.cargo(&args);
    let status = logged(command.arg(RUNS), run.name, &run.log, LIMIT)?;
    let output = fs::read_to_string(&run.log)?;
    let starting = |word| output.lines().filter(|line| line.starts_with(word)).count();
    let tally = Tally {
        passed: u32::try_from(starting("ok "))?,
        failed: u32::try_from(starting("not ok "))?,
        skipped: 0,
    };
    Ok(Outcome::Ran(tally.or_failed(status.success())))
}
