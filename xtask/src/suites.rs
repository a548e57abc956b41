//! The test suites by name.

mod cargo_test;
mod clients;
mod conformance;
mod fuzz;
mod gateway;
mod unit;

use std::path::PathBuf;

use anyhow::Result;

use crate::paths::Paths;

pub(crate) use cargo_test::{not_run, tally};
pub(crate) use gateway::{Gateway, scratch};

/// A suite and what it takes to run it.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    /// Whether `setup --tests` has to have run.
    pub(crate) needs_tools: bool,
    run: fn(&Run) -> Result<Outcome>,
}

/// Every suite, in the order in which they run: the fast ones, that say most, first.
pub(crate) const SUITES: &[Suite] = &[
    Suite { name: "unit", needs_tools: false, run: unit::run },
    Suite { name: "identity", needs_tools: false, run: cargo_test::run },
    Suite { name: "faults", needs_tools: false, run: cargo_test::run },
    Suite { name: "streams", needs_tools: false, run: cargo_test::run },
    Suite { name: "limits", needs_tools: false, run: cargo_test::run },
    Suite { name: "hostile", needs_tools: false, run: cargo_test::run },
    Suite { name: "transports", needs_tools: false, run: cargo_test::run },
    Suite { name: "lifecycle", needs_tools: false, run: cargo_test::run },
    Suite { name: "egress", needs_tools: false, run: cargo_test::run_as_root },
    Suite { name: "run", needs_tools: true, run: cargo_test::run_as_root },
    Suite { name: "browser", needs_tools: true, run: cargo_test::run },
    Suite { name: "conformance", needs_tools: true, run: conformance::run },
    Suite { name: "clients", needs_tools: true, run: clients::run },
    Suite { name: "fuzz", needs_tools: false, run: fuzz::run },
];

impl Suite {
    pub(crate) fn run(&self, run: &Run) -> Result<Outcome> {
        (self.run)(run)
    }
}

/// One run of one suite.
pub(crate) struct Run<'a> {
    pub(crate) name: &'static str,
    pub(crate) paths: &'a Paths,
    /// Where the suite's output goes.
    pub(crate) log: PathBuf,
}

/// What came of a suite.
pub(crate) enum Outcome {
    /// It ran.
    Ran(Tally),
    /// It lacks something to run at all.
    CouldNotRun(String),
}

/// How many tests a suite ran, and how they went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) skipped: u32,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// A suite whose runner failed although no test did: it has not held.
    pub(crate) fn or_failed(mut self, runner_succeeded: bool) -> Self {
        if !runner_succeeded && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

/// The number in front of `word`, as in `12 passed`.
fn count_before(text: &str, word: &str) -> u32 {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let mut last = 0;
    words
        .find_map(|w| {
            if w == word {
                return Some(last);
            }
            last = w.parse().unwrap_or(0);
            None
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_the_number_before_its_word() {
        let line =
            "     Summary [   0.512s] 120 tests run: 118 passed (1 slow), 2 failed, 3 skipped";
        assert_eq!(count_before(line, "passed"), 118);
        assert_eq!(count_before(line, "failed"), 2);
        assert_eq!(count_before("nothing", "failed"), 0);
    }

    #[test]
    fn a_runner_that_fails_without_a_failed_test_counts_as_one_failure() {
        let tally = Tally { passed: 3, ..Tally::default() };
        assert_eq!(tally.or_failed(false).failed, 1);
        assert_eq!(tally.or_failed(true).failed, 0);
    }
}
