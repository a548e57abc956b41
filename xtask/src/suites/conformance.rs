//! `conformance`: the protocol's own suite through penstock, in both eras.
//!
//! The server behind penstock is ours, on the official SDK: `tests/conformance/server.mjs`. A test
//! here is a scenario; one that skipped itself has not passed.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::gateway::{Gateway, scratch};
use super::{Outcome, Run, Tally, count_before};
use crate::build::Profile;
use crate::process::Service;
use crate::steps::logged;

const LIMIT: Duration = Duration::from_mins(3);

/// A revision, and how many scenarios it requires: fewer would mean that the suite lost some.
const REVISIONS: &[(&str, u32)] = &[("2025-11-25", 30), ("2026-07-28", 37)];

pub(super) fn run(run: &Run) -> Result<Outcome> {
    Gateway::build(run)?;
    let dir = scratch(run.paths, run.name)?;
    let node = run.paths.node().context("npm has no Node for this machine's architecture")?;

    let mut server = Command::new(&node);
    server.arg(run.paths.root.join("tests/conformance/server.mjs")).arg("0");
    let mut server = Service::start("fixture", &server, &dir)?;
    let upstream = server.announced(Duration::from_secs(20))?;
    // The fixture checks `Host` itself and the suite holds it to that. One shard keeps the order of
    // requests on different connections: the suite's client calls a tool without waiting for the
    // stream on which the server is going to ask something back.
    let config = format!(
        "shards: 1\n\
         upstreams: {{fixture: {{url: \"http://{upstream}/mcp\", host: preserve}}}}\n\
         servers: {{fixture: {{upstream: fixture}}}}\n"
    );
    let gateway = Gateway::start(run.paths, Profile::Dev, &dir, &config)?;
    let url = format!("http://{}/mcp/fixture", gateway.address);

    let mut sum = Tally::default();
    let suite = run.paths.node_modules().join("@modelcontextprotocol/conformance/dist/index.js");
    for (revision, required) in REVISIONS {
        let log = dir.join(format!("{revision}.log"));
        let mut command = Command::new(&node);
        command.arg(&suite).args(["server", "--url", &url, "--requirements", revision]);
        let status = logged(command.current_dir(&dir), run.name, &log, LIMIT)?;
        let output = fs::read_to_string(&log)?;
        fs::write(&run.log, format!("{}{output}", fs::read_to_string(&run.log)?))?;
        let tally = scenarios(&output);
        let missing = required.saturating_sub(tally.passed + tally.failed);
        sum.add(Tally { failed: tally.failed + missing, ..tally }.or_failed(status.success()));
    }
    gateway.stop()?;
    Ok(Outcome::Ran(sum))
}

/// Counts the scenarios of the summary, extensions of the protocol aside: the fixture has none.
fn scenarios(output: &str) -> Tally {
    let mut tally = Tally::default();
    let Some((_, summary)) = output.split_once("=== SUMMARY ===") else { return tally };
    let (scenarios, unscored) = summary.split_once("Not scored").unwrap_or((summary, ""));
    for line in scenarios.lines() {
        let Some((name, checks)) = line.trim_start_matches(['✓', '✗', ' ']).split_once(": ")
        else {
            continue;
        };
        if name == "Total" || unscored.contains(&format!("{name} (extension)")) {
            continue;
        }
        let held = count_before(checks, "failed") == 0 && count_before(checks, "passed") > 0;
        if held { tally.passed += 1 } else { tally.failed += 1 }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_that_checked_nothing_has_not_passed() {
        let output = "\
=== SUMMARY ===
✓ ping: 2 passed, 0 failed
✓ caching: 0 passed, 0 failed
✗ tools-list: 1 passed, 1 failed
✗ tasks-lifecycle: 1 passed, 8 failed

Total: 4 passed, 9 failed

Not scored for 2026-07-28: 1 scenario(s) run, 1 failing. These do not affect conformance.
  ✗ tasks-lifecycle (extension)
";
        assert_eq!(scenarios(output), Tally { passed: 1, failed: 2, skipped: 0 });
    }

    #[test]
    fn an_output_without_a_summary_has_no_scenario() {
        assert_eq!(scenarios("Error: fetch failed"), Tally::default());
    }
}
