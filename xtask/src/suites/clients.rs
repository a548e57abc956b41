//! `clients`: real clients through penstock to real servers.
//!
//! Each script of `tests/clients` is one client and prints `ok NAME` or `not ok NAME: why` a test;
//! `rmcp` is a binary of the workspace that does the same.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::gateway::{Gateway, scratch};
use super::{Outcome, Run, Tally};
use crate::build::Profile;
use crate::process::{Service, free_address};
use crate::setup;
use crate::steps::logged;

const READY: Duration = Duration::from_secs(20);
const BUILD: Duration = Duration::from_mins(20);
/// For one client; the slowest takes a few seconds.
const LIMIT: Duration = Duration::from_secs(90);
/// What is blocked at the servers behind `guarded`: of what a client sends, of what a server answers, and of what it
/// asks a client for.
const RULES: &str = "\
[[rules]]
id = 'suite-request'
regex = 'SUITE-[0-9]{10}'
[[rules]]
id = 'suite-answer'
regex = 'sum of 4000 and 111'
[[rules]]
id = 'suite-asked'
regex = 'You are a helpful test server'
";

pub(super) fn run(run: &Run) -> Result<Outcome> {
    Gateway::build(run)?;
    let mut cargo = run.paths.cargo_workspace("build");
    cargo.args(["--bin", "penstock-test-rmcp"]);
    anyhow::ensure!(
        logged(&mut cargo, run.name, &run.log, BUILD)?.success(),
        "penstock-test-rmcp does not build"
    );
    let dir = scratch(run.paths, run.name)?;
    let node = run.paths.node().context("npm has no Node for this machine's architecture")?;
    let python = setup::python_path(run.paths, setup::PythonSdk::Two)?;
    let python_1 = setup::python_path(run.paths, setup::PythonSdk::One)?;

    let everything =
        run.paths.node_modules().join("@modelcontextprotocol/server-everything/dist/index.js");
    let (web, mut web_server) = everything_on(&node, &everything, "streamableHttp", &dir)?;
    web_server.accepting(web, READY)?;
    let (old, mut old_server) = everything_on(&node, &everything, "sse", &dir)?;
    old_server.accepting(old, READY)?;
    let mut fixture = Command::new(&node);
    fixture.arg(run.paths.root.join("tests/conformance/server.mjs")).arg("0");
    let mut fixture_server = Service::start("fixture", &fixture, &dir)?;
    let fixture = fixture_server.announced(READY)?;

    fs::write(dir.join("own.toml"), RULES)?;
    let (node_shown, python_shown) = (node.display(), python.display());
    let config = format!(
        "\
upstreams:
  everything: {{command: \"{node_shown}\", args: [\"{}\", stdio]}}
  time: {{command: \"{python_shown}\", args: [-m, mcp_server_time]}}
  web: {{url: \"http://{web}/mcp\"}}
  old: {{url: \"http://{old}/sse\", transport: sse}}
  fixture: {{url: \"http://{fixture}/mcp\"}}
servers:
  everything: {{upstream: everything, inspection: off}}
  time: {{upstream: time, inspection: off}}
  web: {{upstream: web, inspection: off}}
  old: {{upstream: old, inspection: off}}
  fixture: {{upstream: fixture, inspection: off}}
  guarded: {{upstream: web}}
  guarded-program: {{upstream: everything}}
inspection: {{built_in: false, rules: [own.toml], actions: [{{action: block}}]}}
",
        everything.display()
    );
    let gateway = Gateway::start(run.paths, Profile::Dev, &dir, &config)?;
    let base = format!("http://{}/mcp", gateway.address);

    let scripts = run.paths.root.join("tests/clients");
    let script = |program: &Path, name: &str| {
        let mut command = Command::new(program);
        command.arg(scripts.join(name));
        command
    };
    let clients = [
        ("client-2", script(&node, "client-2.mjs")),
        ("sdk-1", script(&node, "sdk-1.mjs")),
        ("sdk-1-sse", script(&node, "sdk-1-sse.mjs")),
        ("python", script(&python, "python.py")),
        ("python-1", script(&python_1, "python-1.py")),
        ("rmcp", Command::new(run.paths.binary(Profile::Dev.dir(), "penstock-test-rmcp"))),
    ];
    let mut sum = Tally::default();
    for (name, mut command) in clients {
        let log = dir.join(format!("{name}.log"));
        let status = logged(command.arg(&base), name, &log, LIMIT);
        let output = fs::read_to_string(&log)?;
        let said = match &status {
            Ok(status) => format!("{status}"),
            Err(error) => format!("{error:#}"),
        };
        let whole = format!("{}── {name}: {said}\n{output}", fs::read_to_string(&run.log)?);
        fs::write(&run.log, whole)?;
        sum.add(tally(&output).or_failed(status.is_ok_and(|status| status.success())));
    }
    gateway.stop()?;
    Ok(Outcome::Ran(sum))
}

/// `server-everything` in one of its modes over HTTP.
fn everything_on(
    node: &Path,
    script: &Path,
    mode: &'static str,
    dir: &Path,
) -> Result<(SocketAddr, Service)> {
    let address = free_address()?;
    let mut command = Command::new(node);
    command.arg(script).arg(mode).env("PORT", address.port().to_string());
    Ok((address, Service::start(mode, &command, dir)?))
}

fn tally(output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines() {
        if line.starts_with("ok ") {
            tally.passed += 1;
        } else if line.starts_with("not ok ") {
            tally.failed += 1;
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_lines_are_counted_and_its_chatter_is_not() {
        let output = "ok web lists tools\nnot ok web resumes: timed out\nokay then\n";
        assert_eq!(tally(output), Tally { passed: 1, failed: 1, skipped: 0 });
    }
}
