//! Suites that are integration tests of one name: `tests/NAME.rs` of a package, or `NAME/main.rs`
//! where it has parts.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Outcome, Run, Tally, count_before};
use crate::setup;
use crate::steps::logged;

const LIMIT: Duration = Duration::from_mins(9);

/// Packages whose tests can be suites.
const PACKAGES: [&str; 2] = ["dataplane/penstock", "loadtest"];

/// With this begins what a test says of something that this kernel cannot show.
const NOT_RUN: &str = "not run: ";

pub(super) fn run(run: &Run) -> Result<Outcome> {
    test(run, &mut run.paths.cargo_workspace("test"), &[])
}

/// Suites that confine agents. It takes root to load programs into the kernel, and namespaces, veth
/// pairs and cgroups are the machine's: one test at a time.
pub(super) fn run_as_root(run: &Run) -> Result<Outcome> {
    if !setup::is_root() {
        return Ok(Outcome::CouldNotRun("it takes root to load eBPF programs".to_owned()));
    }
    setup::for_confinement()?;
    let mut cargo = run.paths.cargo_workspace("test");
    // The clients that agents use, where `setup --tests` has put them.
    let node = run.paths.node().and_then(|node| Some(node.parent()?.to_path_buf()));
    let python = setup::python_path(run.paths, setup::PythonSdk::Two)?.parent().map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let path = node.into_iter().chain(python).chain(env::split_paths(&path));
    cargo.env("PATH", env::join_paths(path).context("PATH holds what no path may")?);
    test(run, &mut cargo, &["--test-threads=1", "--show-output"])
}

fn test(run: &Run, cargo: &mut Command, arguments: &[&str]) -> Result<Outcome> {
    let places = PACKAGES.map(|package| format!("{package}/tests/{}", run.name));
    let exists = |file: String| run.paths.root.join(file).exists();
    if !places.iter().any(|it| exists(format!("{it}.rs")) || exists(format!("{it}/main.rs"))) {
        return Ok(Outcome::CouldNotRun(format!("there is no {}.rs", places.join(".rs or "))));
    }
    cargo.args(["--test", run.name, "--no-fail-fast", "--"]).args(arguments);
    let status = logged(cargo, run.name, &run.log, LIMIT)?;
    let output = fs::read_to_string(&run.log)?;
    for row in not_run(&output) {
        println!("  {NOT_RUN}{row}");
    }
    Ok(Outcome::Ran(tally(&output).or_failed(status.success())))
}

/// What tests say that they could not show here, and why.
pub(crate) fn not_run(output: &str) -> impl Iterator<Item = &str> {
    output.lines().filter_map(|line| line.strip_prefix(NOT_RUN))
}

/// Adds up the `test result:` lines of `cargo test`; what could not be shown counts as skipped.
pub(crate) fn tally(output: &str) -> Tally {
    let skipped = u32::try_from(not_run(output).count()).unwrap_or(u32::MAX);
    let mut sum = Tally { skipped, ..Tally::default() };
    for line in output.lines().filter(|line| line.starts_with("test result:")) {
        sum.add(Tally {
            passed: count_before(line, "passed"),
            failed: count_before(line, "failed"),
            skipped: count_before(line, "ignored"),
        });
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_binaries_add_up() {
        let output = "\
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out; finished in 1.2s
";
        assert_eq!(tally(output), Tally { passed: 4, failed: 2, skipped: 1 });
    }

    #[test]
    fn what_a_kernel_cannot_show_is_counted_and_told() {
        let output = "\
---- raw_sockets stdout ----
not run: LSM socket_create: this kernel loads no LSM program (EPERM)

test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        assert_eq!(tally(output), Tally { passed: 3, failed: 0, skipped: 1 });
        let told: Vec<&str> = not_run(output).collect();
        assert_eq!(told, ["LSM socket_create: this kernel loads no LSM program (EPERM)"]);
    }
}
