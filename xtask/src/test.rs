//! `test`: the suites, a line each, and one count of all.

use std::env;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::ebpf::ebpf;
use crate::paths::Paths;
use crate::setup;
use crate::steps::{seconds, tail};
use crate::suites::{Outcome, Run, SUITES, Suite, Tally};

/// Of a failing suite's output, this much is shown.
const SHOWN_BYTES: u64 = 64 * 1024;

pub(crate) fn test(paths: &Paths, names: &[&str]) -> Result<ExitCode> {
    let suites = chosen(names)?;
    ebpf(paths)?;
    let needs_tools = suites.iter().any(|suite| suite.needs_tools);
    let unavailable = needs_tools
        .then(|| setup::for_tests(paths).err().map(|error| format!("{error:#}")))
        .flatten();
    let mut sum = Tally::default();
    for suite in suites {
        let reason = unavailable.as_deref().filter(|_| suite.needs_tools);
        sum.add(run_one(paths, suite, reason)?);
    }
    println!("\n{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
    Ok(if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(names: &[&str]) -> Result<Vec<&'static Suite>> {
    if names.is_empty() {
        return Ok(SUITES.iter().collect());
    }
    names.iter().map(|name| by_name(name)).collect()
}

fn by_name(name: &str) -> Result<&'static Suite> {
    let Some(suite) = SUITES.iter().find(|suite| suite.name == name) else {
        let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        bail!("`{name}` is no suite; there are: {}", names.join(" "));
    };
    Ok(suite)
}

fn run_one(paths: &Paths, suite: &'static Suite, unavailable: Option<&str>) -> Result<Tally> {
    let log = paths.logs.join(format!("{}.log", suite.name));
    fs::create_dir_all(&paths.logs)
        .with_context(|| format!("cannot make {}", paths.logs.display()))?;
    fs::write(&log, "").with_context(|| format!("cannot write {}", log.display()))?;
    let started = Instant::now();
    let outcome = match unavailable {
        Some(reason) => Ok(Outcome::CouldNotRun(reason.to_owned())),
        None => suite.run(&Run { name: suite.name, paths, log: log.clone() }),
    };
    let took = seconds(started.elapsed());
    let tally = match &outcome {
        Ok(Outcome::Ran(tally)) => *tally,
        // In CI nothing is skipped: what could not run has not been shown to hold.
        Ok(Outcome::CouldNotRun(_)) if !in_ci() => Tally { skipped: 1, ..Tally::default() },
        Ok(Outcome::CouldNotRun(_)) | Err(_) => Tally { failed: 1, ..Tally::default() },
    };
    if tally.failed > 0 {
        print!("{}", tail(&log, SHOWN_BYTES));
    }
    let mark = match tally {
        Tally { failed: 0, passed: 0, .. } => '-',
        Tally { failed: 0, .. } => '✓',
        Tally { .. } => '✗',
    };
    let said = match outcome {
        Ok(Outcome::Ran(Tally { passed, failed, skipped })) => {
            format!("{passed} passed, {failed} failed, {skipped} skipped")
        }
        Ok(Outcome::CouldNotRun(reason)) => format!("could not run: {reason}"),
        Err(error) => format!("{error:#}"),
    };
    println!("{mark} {:<12} {said}  {took}", suite.name);
    Ok(tally)
}

/// Whether it is CI that runs: there nothing may be left undone.
pub(crate) fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty())
}
