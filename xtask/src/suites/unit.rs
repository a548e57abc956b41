//! `unit`: every test of the workspace but the suites that have a name of their own.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Outcome, Run, SUITES, Tally, cargo_test, count_before};
use crate::paths::which;
use crate::steps::logged;

const LIMIT: Duration = Duration::from_mins(30);

pub(super) fn run(run: &Run) -> Result<Outcome> {
    let mut tally = if which("cargo-nextest").is_some() { nextest(run)? } else { cargo(run)? };
    let doc = step(
        run,
        run.paths.cargo(&["test", "--workspace", "--all-features", "--doc", "--no-fail-fast"]),
    )?;
    tally.add(cargo_test::tally(&doc.output).or_failed(doc.success));
    Ok(Outcome::Ran(tally))
}

fn nextest(run: &Run) -> Result<Tally> {
    let ours = "not (package(penstock) & binary(/^(identity|faults|streams)$/))";
    let args =
        ["nextest", "run", "--workspace", "--all-features", "--no-fail-fast", "--no-tests=pass"];
    let mut command = run.paths.cargo(&args);
    let ran = step(run, command.args(["--color=never", "-E", ours]))?;
    let summary = ran.output.lines().rev().find(|line| line.contains("Summary [")).unwrap_or("");
    // What nextest calls skipped are also the tests that the filter leaves to other suites.
    let tally = Tally {
        passed: count_before(summary, "passed"),
        failed: count_before(summary, "failed") + count_before(summary, "timed"),
        skipped: ignored(run, ours),
    };
    Ok(tally.or_failed(ran.success))
}

/// How many tests are marked `#[ignore]`: they count as skipped, never as nothing.
fn ignored(run: &Run, filter: &str) -> u32 {
    let args =
        ["nextest", "list", "--workspace", "--all-features", "--run-ignored=only", "--color=never"];
    let mut command = run.paths.cargo(&args);
    let listed = command.args(["--message-format=oneline", "-E", filter]).output();
    let lines = listed.map(|output| output.stdout.split(|byte| *byte == b'\n').count());
    // The last line ends in a line feed too.
    u32::try_from(lines.unwrap_or(1).saturating_sub(1)).unwrap_or(u32::MAX)
}

/// Without nextest. `penstock` apart: its integration tests are chosen one by one.
fn cargo(run: &Run) -> Result<Tally> {
    let args = ["test", "--workspace", "--exclude", "penstock", "--all-targets", "--all-features"];
    let mut others = run.paths.cargo(&args);
    let mut command = run.paths.cargo(&["test", "--package", "penstock", "--bins"]);
    for file in fs::read_dir(run.paths.root.join("dataplane/penstock/tests"))?.flatten() {
        let path = file.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let is_test = path.extension().is_some_and(|extension| extension == "rs");
        if is_test && !SUITES.iter().any(|suite| suite.name == name) {
            command.args(["--test", name]);
        }
    }
    let mut sum = Tally::default();
    for command in [&mut others, &mut command] {
        let ran = step(run, command.arg("--no-fail-fast"))?;
        sum.add(cargo_test::tally(&ran.output).or_failed(ran.success));
    }
    Ok(sum)
}

struct Ran {
    success: bool,
    output: String,
}

/// Runs a command and gives what it added to the log.
fn step(run: &Run, mut command: impl std::borrow::BorrowMut<Command>) -> Result<Ran> {
    let before = fs::metadata(&run.log).map_or(0, |meta| meta.len());
    let status = logged(command.borrow_mut(), run.name, &run.log, LIMIT)?;
    let text = fs::read(&run.log)?;
    let Some(added) = usize::try_from(before).ok().and_then(|from| text.get(from..)) else {
        bail!("{} became shorter while the suite ran", run.log.display());
    };
    Ok(Ran { success: status.success(), output: String::from_utf8_lossy(added).into_owned() })
}
