//! Suites that are integration tests of the `penstock` crate: `dataplane/penstock/tests/NAME.rs`, or
//! `NAME/main.rs` where it has parts.

use std::fs;
use std::time::Duration;

use anyhow::Result;

use super::{Outcome, Run, Tally, count_before};
use crate::steps::logged;

const LIMIT: Duration = Duration::from_mins(9);

pub(super) fn run(run: &Run) -> Result<Outcome> {
    let place = format!("dataplane/penstock/tests/{}", run.name);
    let exists = |end: &str| run.paths.root.join(format!("{place}{end}")).exists();
    if !exists(".rs") && !exists("/main.rs") {
        return Ok(Outcome::CouldNotRun(format!("{place}.rs does not exist")));
    }
    let mut cargo = run.paths.cargo_workspace("test");
    cargo.args(["--test", run.name, "--no-fail-fast"]);
    let status = logged(&mut cargo, run.name, &run.log, LIMIT)?;
    let tally = tally(&fs::read_to_string(&run.log)?).or_failed(status.success());
    Ok(Outcome::Ran(tally))
}

/// Adds up the `test result:` lines of `cargo test`.
pub(super) fn tally(output: &str) -> Tally {
    let mut sum = Tally::default();
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
}
