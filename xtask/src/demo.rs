//! `demo`: a server, penstock in front of it, sessions through both, what they looked like, and an agent
//! that has no other way.

mod agent;
mod confine;
mod http;
mod mock;
mod screen;

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::build::{Profile, build};
use crate::paths::Paths;
use crate::setup;
use crate::steps::Steps;
use crate::suites::{Gateway, scratch};
use screen::{note, title};

pub(crate) use agent::run as run_agent;
pub(crate) use mock::stdio as serve_stdio;

/// What happens when everything has been shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Everything ends.
    End,
    /// Server and penstock go on until Ctrl-C.
    Stay,
}

/// The command with which penstock starts xtask as a stdio server.
pub(crate) const SERVER_COMMAND: &str = "demo-server";
/// The command with which xtask is an agent.
pub(crate) const AGENT_COMMAND: &str = "demo-agent";

const POLL: Duration = Duration::from_millis(100);

const SERVERS: &str = "
upstreams:
  weather:
    url: http://UPSTREAM/mcp
  program:
    command: ['PROGRAM', COMMAND]

servers:
  weather: weather
  program: program

agents:
  demo:
    cgroup: CGROUP
    run_as: USER

egress:
  bpffs: BPFFS

log:
  access: true
";

pub(crate) fn demo(paths: &Paths, after: After) -> Result<()> {
    let mut steps = Steps::new();
    steps.step("setup", || setup::for_build(paths))?;
    // Built fast rather than fast: the times shown are not what `cargo xtask bench` measures.
    steps.step("build", || build(paths, Profile::Dev))?;
    let dir = scratch(paths, "demo")?;
    let upstream = mock::start()?;
    let program = env::current_exe().context("xtask does not know where it is")?;
    let place = confine::Place::new();
    let config = SERVERS
        .replace("CGROUP", &place.cgroup)
        .replace("USER", &confine::USER.to_string())
        .replace("BPFFS", &place.bpffs().display().to_string())
        .replace("UPSTREAM", &upstream.to_string())
        .replace("PROGRAM", &program.display().to_string().replace('\'', "''"))
        .replace("COMMAND", SERVER_COMMAND);
    let mut gateway = Gateway::start(paths, Profile::Dev, &dir, &config)?;
    configuration(&dir.join("penstock.yaml"))?;

    legacy_session(gateway.address)?;
    modern_calls(gateway.address)?;
    stdio_session(gateway.address)?;
    refusals(gateway.address)?;
    metrics(gateway.admin)?;
    let world = confine::World { paths, gateway: gateway.address, server: upstream, dir: &dir };
    let confined = confine::show(&world, place)?;

    if after == After::Stay {
        stay(&mut gateway, &dir, &confined)?;
    }
    gateway.stop()?;
    drop(confined);
    println!("\nEnded, and every process it started with it.");
    if after == After::End {
        println!("`cargo xtask demo --stay` leaves it running; docs/getting-started.md goes on.");
    }
    Ok(())
}

fn configuration(file: &Path) -> Result<()> {
    title("penstock serves this configuration");
    for line in fs::read_to_string(file)?.lines() {
        note(line);
    }
    Ok(())
}

/// Tells where it is, and waits for Ctrl-C.
fn stay(gateway: &mut Gateway, dir: &Path, confined: &confine::Confined) -> Result<()> {
    let asked_to_end = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&asked_to_end))?;
    }
    let url = |server| format!("http://{}/mcp/{server}", gateway.address);
    title("Running until Ctrl-C");
    note("For a client that reads `mcpServers`:\n");
    println!("{{\n  \"mcpServers\": {{");
    println!("    \"weather\": {{ \"type\": \"http\", \"url\": \"{}\" }},", url("weather"));
    println!("    \"program\": {{ \"type\": \"http\", \"url\": \"{}\" }}", url("program"));
    println!("  }}\n}}\n");
    note(&format!("claude mcp add --transport http weather {}", url("weather")));
    note(&format!("curl http://{}/metrics", gateway.admin));
    note(&format!("tail -f {}", dir.join("penstock.log").display()));
    if !confined.by_hand.is_empty() {
        println!();
        note("Confinement by hand, the first with the agent of before, the second with a shell:\n");
        confined.by_hand.iter().for_each(|line| note(line));
    }
    while !asked_to_end.load(Ordering::Relaxed) && !gateway.ended()? {
        sleep(POLL);
    }
    Ok(())
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"demo","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const CALL_WITH_PROGRESS: &str = r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"forecast","arguments":{"city":"Utrecht"},"_meta":{"progressToken":"p"}}}"#;

/// Revision 2025-11-25: a session, and a call whose progress arrives as a stream.
fn legacy_session(address: SocketAddr) -> Result<()> {
    title("A session of revision 2025-11-25, with a server on Streamable HTTP");
    let mut client = http::Client::connect(address, "/mcp/weather")?;
    let answer = client.show(&[], INITIALIZE)?;
    let session = answer.header("mcp-session-id").context("the server gave no session id")?;
    let headers = [("Mcp-Session-Id", session), ("MCP-Protocol-Version", "2025-11-25")];
    client.show(&headers, INITIALIZED)?;
    client.show(&headers, r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#)?;
    let answer = client.show(&headers, CALL_WITH_PROGRESS)?;
    ensure!(answer.status == 200, "the call was answered {}", answer.status);
    Ok(())
}

/// Revision 2026-07-28: no session; what a call is about stands in its headers too.
fn modern_calls(address: SocketAddr) -> Result<()> {
    title("Calls of revision 2026-07-28: no session, and headers that repeat the body");
    let mut client = http::Client::connect(address, "/mcp/weather")?;
    let version = ("MCP-Protocol-Version", "2026-07-28");
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    client.show(
        &[version, ("Mcp-Method", "server/discover")],
        &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{{{meta}}}}}"#),
    )?;
    let answer = client.show(
        &[version, ("Mcp-Method", "tools/call"), ("Mcp-Name", "forecast")],
        &format!(
            r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"forecast","arguments":{{"city":"Delft"}},{meta}}}}}"#
        ),
    )?;
    ensure!(answer.status == 200, "the call was answered {}", answer.status);
    Ok(())
}

/// A program that speaks over stdin and stdout, to a client that knows nothing of that.
fn stdio_session(address: SocketAddr) -> Result<()> {
    title("The same server as a program on stdio, started for this session");
    let mut client = http::Client::connect(address, "/mcp/program")?;
    let answer = client.show(&[], INITIALIZE)?;
    let session = answer.header("mcp-session-id").context("the bridge gave no session id")?;
    let headers = [("Mcp-Session-Id", session), ("MCP-Protocol-Version", "2025-11-25")];
    // Not shown: it went the same way before.
    client.post(&headers, INITIALIZED)?;
    let answer = client.show(&headers, CALL_WITH_PROGRESS)?;
    ensure!(answer.status == 200, "the call was answered {}", answer.status);
    let answer = client.delete(session)?;
    ensure!(answer.status == 204, "the end of the session was answered {}", answer.status);
    Ok(())
}

/// What penstock answers itself.
fn refusals(address: SocketAddr) -> Result<()> {
    title("What does not reach the server");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let mut client = http::Client::connect(address, "/mcp/weather")?;
    let answer = client.show(&[("Origin", "https://evil.example")], body)?;
    ensure!(answer.status == 403, "a foreign Origin was answered {}", answer.status);
    let mut client = http::Client::connect(address, "/mcp/weather")?;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"forecast","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let headers = [
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "harmless"),
    ];
    let answer = client.show(&headers, body)?;
    ensure!(answer.status == 400, "a header that lies was answered {}", answer.status);
    Ok(())
}

/// The families shown: what came, what was refused, what it cost, what the bridge started.
const SHOWN: [&str; 7] = [
    "penstock_requests_total",
    "penstock_answers_",
    "penstock_refusals_total",
    "penstock_upstream_reused_total",
    "penstock_call_seconds_",
    "penstock_children_started_total",
    "penstock_info",
];

fn metrics(admin: SocketAddr) -> Result<()> {
    title(&format!("Some of http://{admin}/metrics"));
    let answer = http::Client::connect(admin, "/metrics")?.get()?;
    ensure!(answer.status == 200, "/metrics was answered {}", answer.status);
    let samples = answer.body.lines().filter(|line| !line.starts_with('#'));
    let counted = samples.filter(|line| !line.ends_with(" 0") && !line.contains("_bucket{"));
    for line in counted.filter(|line| SHOWN.iter().any(|name| line.starts_with(name))) {
        note(line);
    }
    Ok(())
}
