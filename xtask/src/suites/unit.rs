//! `unit`: every test of the workspace but the suites that have a name of their own.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Outcome, Run, SUITES, Tally, cargo_test};
use crate::steps::logged;

const LIMIT: Duration = Duration::from_mins(30);

pub(super) fn run(run: &Run) -> Result<Outcome> {
    let mut tests = run.paths.cargo_workspace("test");
    tests.args(["--no-fail-fast", "--lib", "--bins"]);
    for name in integration_tests(&run.paths.root)? {
        tests.args(["--test", &name]);
    }
    let mut docs = run.paths.cargo_workspace("test");
    docs.args(["--no-fail-fast", "--doc"]);
    let mut sum = Tally::default();
    for command in [&mut tests, &mut docs] {
        let ran = step(run, command)?;
        sum.add(cargo_test::tally(&ran.output).or_failed(ran.success));
    }
    Ok(Outcome::Ran(sum))
}

/// Every `tests/NAME.rs` and `tests/NAME/main.rs` that is no suite of its own.
fn integration_tests(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let dataplane = fs::read_dir(root.join("dataplane"))?.flatten().map(|entry| entry.path());
    for package in dataplane.chain([root.join("loadtest")]) {
        // A package need not have any.
        let Ok(tests) = fs::read_dir(package.join("tests")) else { continue };
        for test in tests.flatten().map(|test| test.path()) {
            let is_test = test.extension().is_some_and(|extension| extension == "rs")
                || test.join("main.rs").is_file();
            let name = test.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if is_test && !SUITES.iter().any(|suite| suite.name == name) {
                names.push(name.to_owned());
            }
        }
    }
    names.sort_unstable();
    Ok(names)
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
